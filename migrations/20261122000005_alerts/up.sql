-- What happens to a connection that somebody has to know of is in the feed, too.
ALTER TABLE changes ADD COLUMN connection_id uuid;
