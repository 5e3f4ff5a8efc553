ALTER TABLE runs DROP COLUMN accepted_fields;
