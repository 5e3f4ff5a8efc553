-- Fields whose keys a record does not have, for as long as the read goes on: many of them together mean another shape.
ALTER TABLE staged_workers ADD COLUMN gaps jsonb;

-- Whether the latest statement has fields that cannot be read; counted in the tally.
ALTER TABLE workers ADD COLUMN unreadable boolean NOT NULL GENERATED ALWAYS AS (statement ? 'unreadable') STORED;
