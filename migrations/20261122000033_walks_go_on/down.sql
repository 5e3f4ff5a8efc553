ALTER TABLE index_walks DROP COLUMN used_at;
