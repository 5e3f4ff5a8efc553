DELETE FROM changes WHERE consumer_id IS NOT NULL;
ALTER TABLE changes DROP COLUMN consumer_id, DROP COLUMN token_id;
DROP INDEX tokens_expiring;
ALTER TABLE tokens DROP COLUMN warned_days;
