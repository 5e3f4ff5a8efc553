ALTER TABLE reviews DROP COLUMN decision, DROP COLUMN decided_by, DROP COLUMN waits_until;
