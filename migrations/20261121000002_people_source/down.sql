ALTER TABLE people DROP COLUMN source_worker_id;
