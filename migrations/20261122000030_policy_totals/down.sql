DELETE FROM feed_filters WHERE consumer_id IN (SELECT id FROM consumers WHERE NOT 'events:read' = ANY(scopes));
ALTER TABLE feed_state DROP COLUMN filters_through;
ALTER TABLE feed_filters DROP COLUMN people_total, DROP COLUMN counted_at;
