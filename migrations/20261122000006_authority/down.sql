ALTER TABLE plans DROP COLUMN authority;
DROP TABLE authority_walk;
DROP TABLE authority;
