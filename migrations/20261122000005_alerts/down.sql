DELETE FROM changes WHERE connection_id IS NOT NULL;
ALTER TABLE changes DROP COLUMN connection_id;
