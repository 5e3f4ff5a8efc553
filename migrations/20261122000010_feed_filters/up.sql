-- The filters that narrow a consumer's feed. With another policy they have another number, so that what the log says of
-- the old ones is nothing under the new ones.
CREATE TABLE feed_filters (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer_id uuid NOT NULL CONSTRAINT feed_filters_consumer_key UNIQUE REFERENCES consumers ON DELETE CASCADE,
    user_filter text,
    group_filter text
);
INSERT INTO feed_filters (consumer_id, user_filter, group_filter)
SELECT id, user_filter, group_filter FROM consumers
WHERE (user_filter IS NOT NULL OR group_filter IS NOT NULL) AND 'events:read' = ANY(scopes);

-- By which of them the person or group of a change was inside before it and after it; came inside by it; left by it.
ALTER TABLE changes ADD COLUMN inside integer[], ADD COLUMN entered integer[], ADD COLUMN departed integer[];
