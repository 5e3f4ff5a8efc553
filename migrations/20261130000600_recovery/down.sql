ALTER TABLE feed_state DROP COLUMN feed_from;
DROP INDEX email_reservations_ending;
DROP INDEX plans_created;
DROP INDEX runs_ended;
DROP TABLE key_check;
ALTER TABLE workers DROP COLUMN absent_proven_at;
DROP TABLE clock_state;
