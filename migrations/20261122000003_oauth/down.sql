ALTER TABLE connections DROP COLUMN tally, DROP COLUMN last_full_at, DROP COLUMN mark;
DROP TABLE oauth_consents;
DROP TABLE oauth_grants;
