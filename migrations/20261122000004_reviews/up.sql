-- An admin may let a question wait, since the answer is on its way.
ALTER TABLE reviews ADD COLUMN waits_until timestamptz, ADD COLUMN decided_by text, ADD COLUMN decision text;
