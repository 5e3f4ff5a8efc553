-- The source id of the primary employment as a column of its own: shown as externalId to consumers that ask for it
-- (R-028), and looked up by it.
ALTER TABLE people ADD COLUMN source_worker_id text GENERATED ALWAYS AS (person -> 'source' ->> 'sourceId') STORED;
CREATE INDEX people_by_source ON people (source_worker_id);
