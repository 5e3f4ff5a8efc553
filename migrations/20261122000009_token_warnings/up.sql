-- How many days before its end a token was warned of last; 0 when its end was told. Absent: never yet.
ALTER TABLE tokens ADD COLUMN warned_days smallint;
CREATE INDEX tokens_expiring ON tokens (expires_at) WHERE consumer_id IS NOT NULL AND warned_days IS DISTINCT FROM 0;

-- What an admin has to know of a consumer and its tokens is in the feed, too.
ALTER TABLE changes ADD COLUMN consumer_id uuid, ADD COLUMN token_id uuid;
