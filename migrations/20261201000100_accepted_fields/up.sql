-- Fields whose loss an admin accepts in this run: without them a read that lacks a field for many workers is incomplete.
ALTER TABLE runs ADD COLUMN accepted_fields text[] NOT NULL DEFAULT '{}';
