-- Derived groups: who has the same department, country and so on, across all HR systems (extension.md section 5).

CREATE SEQUENCE groups_position;
CREATE TABLE groups (
    id uuid PRIMARY KEY,
    -- Orders every list; grows for ever (R-027).
    position bigint NOT NULL DEFAULT nextval('groups_position'),
    kind text NOT NULL,
    -- The key that the group has now; by which keys it is found says group_keys.
    key text NOT NULL,
    name text NOT NULL,
    display_name text NOT NULL,
    -- How names are compared: without regard to case.
    display_name_key text NOT NULL,
    created_at timestamptz NOT NULL,
    -- What the sequencer has folded; a read adds the changes that have no number yet.
    modified_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    members bigint NOT NULL DEFAULT 0,
    -- Since when nobody is in it.
    retired_since timestamptz,
    -- Gone for every consumer. The row stays, so that the identity keeps its id for ever.
    deleted_at timestamptz
);
CREATE UNIQUE INDEX groups_position_key ON groups (position);
-- R-063, among those that are there.
CREATE UNIQUE INDEX groups_display_name_key ON groups (display_name_key) WHERE deleted_at IS NULL;
CREATE INDEX groups_retired ON groups (retired_since) WHERE retired_since IS NOT NULL AND deleted_at IS NULL;

-- Under which keys people join a group: its own, and those that an admin gave it (aliases).
CREATE TABLE group_keys (
    kind text NOT NULL,
    key text NOT NULL,
    group_id uuid NOT NULL REFERENCES groups DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (kind, key)
);
CREATE INDEX group_keys_of_group ON group_keys (group_id);

-- The source ids seen behind a group, where the HR system has ids ('' where it has only names).
CREATE TABLE group_sources (
    group_id uuid NOT NULL REFERENCES groups DEFERRABLE INITIALLY DEFERRED,
    kind text NOT NULL,
    connection_id uuid NOT NULL,
    source_id text NOT NULL,
    PRIMARY KEY (group_id, connection_id, source_id)
);
CREATE UNIQUE INDEX group_sources_key ON group_sources (kind, connection_id, source_id) WHERE source_id <> '';

CREATE TABLE group_kinds (
    kind text PRIMARY KEY,
    ordinal smallint NOT NULL,
    enabled boolean NOT NULL,
    -- When somebody switched it last.
    changed_at timestamptz
);
INSERT INTO group_kinds (ordinal, kind, enabled) VALUES
    (1, 'department', true), (2, 'legalEntity', true), (3, 'country', true), (4, 'employmentType', true),
    (5, 'team', false), (6, 'workLocation', false), (7, 'workerType', false), (8, 'manager', false), (9, 'all', false);

-- The walk that gives everybody their groups anew, after a kind was switched or a key was given to another group: how
-- far it is, and on whose word. Absent when it has come to its end. It begins with the people who are there now.
CREATE TABLE group_walk (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    through bigint,
    token_name text,
    reason text
);
INSERT INTO group_walk (through) VALUES (0);

-- Membership: the group of each kind that an active person is in.
ALTER TABLE people
    ADD COLUMN department_group uuid,
    ADD COLUMN legal_entity_group uuid,
    ADD COLUMN country_group uuid,
    ADD COLUMN employment_type_group uuid,
    ADD COLUMN team_group uuid,
    ADD COLUMN work_location_group uuid,
    ADD COLUMN worker_type_group uuid,
    ADD COLUMN manager_group uuid,
    ADD COLUMN all_group uuid;
CREATE INDEX people_in_department ON people (department_group, position) WHERE department_group IS NOT NULL;
CREATE INDEX people_in_legal_entity ON people (legal_entity_group, position) WHERE legal_entity_group IS NOT NULL;
CREATE INDEX people_in_country ON people (country_group, position) WHERE country_group IS NOT NULL;
CREATE INDEX people_in_employment_type ON people (employment_type_group, position) WHERE employment_type_group IS NOT NULL;
CREATE INDEX people_in_team ON people (team_group, position) WHERE team_group IS NOT NULL;
CREATE INDEX people_in_work_location ON people (work_location_group, position) WHERE work_location_group IS NOT NULL;
CREATE INDEX people_in_worker_type ON people (worker_type_group, position) WHERE worker_type_group IS NOT NULL;
CREATE INDEX people_under_manager ON people (manager_group, position) WHERE manager_group IS NOT NULL;
CREATE INDEX people_in_all ON people (all_group, position) WHERE all_group IS NOT NULL;

-- A change is one of a person, with the groups that they joined and left by it, or one of a group.
ALTER TABLE changes
    ALTER COLUMN person_id DROP NOT NULL,
    ADD COLUMN group_id uuid,
    ADD COLUMN groups_joined uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN groups_left uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX changes_by_group ON changes (group_id, id) WHERE group_id IS NOT NULL;

ALTER TABLE feed_state ADD COLUMN groups_total bigint NOT NULL DEFAULT 0;
