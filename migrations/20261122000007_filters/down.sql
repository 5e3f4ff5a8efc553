ALTER TABLE index_walks DROP COLUMN last_key;
DROP INDEX people_by_modified;
DROP INDEX people_by_created;
DROP TRIGGER people_forget_keys ON people;
DROP FUNCTION people_forget_keys();
ALTER TABLE people DROP COLUMN keys;
