ALTER TABLE feed_state DROP COLUMN groups_total;
-- What happened to groups has no place in the log any more. Its numbers are missed from the feed.
DELETE FROM changes WHERE person_id IS NULL;
ALTER TABLE changes
    DROP COLUMN group_id,
    DROP COLUMN groups_joined,
    DROP COLUMN groups_left,
    ALTER COLUMN person_id SET NOT NULL;
ALTER TABLE people
    DROP COLUMN department_group,
    DROP COLUMN legal_entity_group,
    DROP COLUMN country_group,
    DROP COLUMN employment_type_group,
    DROP COLUMN team_group,
    DROP COLUMN work_location_group,
    DROP COLUMN worker_type_group,
    DROP COLUMN manager_group,
    DROP COLUMN all_group;
DROP TABLE group_walk;
DROP TABLE group_kinds;
DROP TABLE group_sources;
DROP TABLE group_keys;
DROP TABLE groups;
DROP SEQUENCE groups_position;
