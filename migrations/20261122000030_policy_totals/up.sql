-- How many people are inside each policy's filter: folded by the sequencer like the number of all people, so that no
-- page has to count them. Absent until they have been counted once; counted anew each day, so that no mistake stays.
LOCK TABLE feed_filters IN EXCLUSIVE MODE;
ALTER TABLE feed_filters ADD COLUMN people_total bigint, ADD COLUMN counted_at timestamptz;

-- Up to which number of the feed these totals are folded. A program that does not know them numbers changes without
-- folding: then this is behind, nobody goes by the totals, and all are counted anew.
ALTER TABLE feed_state ADD COLUMN filters_through bigint;
UPDATE feed_state SET filters_through = last_sequence;
ALTER TABLE feed_state ALTER COLUMN filters_through SET NOT NULL, ALTER COLUMN filters_through SET DEFAULT 0;

-- Filters on people are kept whoever reads the feed.
INSERT INTO feed_filters (consumer_id, user_filter, group_filter)
SELECT id, user_filter, group_filter FROM consumers WHERE user_filter IS NOT NULL
ON CONFLICT (consumer_id) DO NOTHING;
