-- One row: the latest instant at which a server was at work. A server whose clock shows less knows that a clock was ahead
-- and has been set back, and puts right what was stored meanwhile. Absent until a server has looked once.
CREATE TABLE clock_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    latest_at timestamptz
);
INSERT INTO clock_state DEFAULT VALUES;

-- When the second complete read was that proved the absence.
ALTER TABLE workers ADD COLUMN absent_proven_at timestamptz;

-- One row: a known text that is sealed with the key of this database, so that another key is recognised.
CREATE TABLE key_check (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    sealed bytea NOT NULL
);

-- What is old is found without reading the whole table.
CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX plans_created ON plans (created_at);
CREATE INDEX email_reservations_ending ON email_reservations (reserved_until);

-- The last number that is too old to be read from the feed.
ALTER TABLE feed_state ADD COLUMN feed_from bigint NOT NULL DEFAULT 0;
