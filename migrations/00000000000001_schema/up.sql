-- The schema of Rollbook, in the order of docs/architecture.md.
--
-- No table has a column for an organisation and no statement names a Postgres schema: one organisation has one database,
-- or one schema in its search path. A comment stands above the column, constraint or index that it describes. A column
-- of ciphertext is sealed with AES-256-GCM and bound to its table, column and row.

------------------------------------------------------------------------------------------------------------------------
-- Connections
------------------------------------------------------------------------------------------------------------------------

-- Configured accounts of HR systems.
CREATE TABLE connections (
    id uuid PRIMARY KEY,
    -- The order of creation, which is the default order of precedence.
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    -- The kind of HR system: 'remote', 'justworks'.
    kind text NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('authorizing', 'review', 'active', 'paused', 'needsReauthorization', 'failing')),
    state_since timestamptz NOT NULL,
    settings jsonb NOT NULL,
    -- The credential that the admin gave, sealed.
    credentials bytea,
    mapping jsonb NOT NULL,
    -- The mapping of the latest plan that was applied. Timers use it while a newer mapping waits for an admin.
    accepted_mapping jsonb,
    -- True until the first plan is applied.
    first_import boolean NOT NULL DEFAULT true,
    -- The account at the HR system that the credential belongs to.
    account_id text,
    account_name text,
    -- The address of the HR system, since one account id can mean two accounts at two addresses.
    account_place text,
    -- The state that the connector keeps between reads; opaque to everything else.
    memory jsonb,
    -- A fingerprint of the way of reading. Absences of a worker add up only among reads that share it.
    evidence text NOT NULL DEFAULT '',
    -- The token at which the next incremental read continues.
    mark jsonb,
    -- When the latest full read began.
    last_full_at timestamptz,
    -- Numbers of published, withheld and excluded workers, counted at the end of a run.
    worker_counts jsonb,
    problems jsonb NOT NULL DEFAULT '[]',
    -- Failed runs in a row.
    failures integer NOT NULL DEFAULT 0,
    -- Refusals in a row that did not come from the HR system itself, and the time of the first of them.
    blocked integer NOT NULL DEFAULT 0,
    blocked_since timestamptz,
    created_at timestamptz NOT NULL,
    -- When the latest complete read ended.
    last_good_at timestamptz,
    next_run_at timestamptz
);
CREATE UNIQUE INDEX connections_name_key ON connections (lower(name));
-- One account has one connection.
CREATE UNIQUE INDEX connections_account_key ON connections (kind, account_place, account_id);
-- The scheduler also retries a failed preview, which leaves the connection in 'review'.
CREATE INDEX connections_due ON connections (next_run_at) WHERE state IN ('review', 'active', 'failing');

-- OAuth grants of connections. They are separate rows, because a refresh locks the row while the connection has to stay
-- writable.
CREATE TABLE oauth_grants (
    connection_id uuid PRIMARY KEY REFERENCES connections ON DELETE CASCADE,
    -- The consent that the grant rests on. Absences of a worker add up only under one consent.
    consent uuid NOT NULL,
    -- Access and refresh token, sealed.
    tokens bytea NOT NULL,
    -- The granted scopes, separated by spaces.
    scope text NOT NULL,
    expires_at timestamptz NOT NULL,
    granted_at timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL,
    -- When a refresh was sent that has no answer yet: the refresh token may be used up.
    asked_at timestamptz,
    -- When the HR system first refused the refresh token.
    refused_at timestamptz
);
CREATE INDEX oauth_grants_age ON oauth_grants (refreshed_at);

-- Pending OAuth consents: an admin was sent to the HR system and has not come back.
CREATE TABLE oauth_consents (
    -- SHA-256 of the `state` parameter.
    state bytea PRIMARY KEY,
    connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
    -- The PKCE code verifier, sealed.
    verifier bytea,
    -- The OAuth app that replaces the present one when consent is given, sealed.
    app bytea,
    redirect_uri text NOT NULL,
    token_name text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX oauth_consents_of_connection ON oauth_consents (connection_id);

------------------------------------------------------------------------------------------------------------------------
-- Runs and workers
------------------------------------------------------------------------------------------------------------------------

-- Pulls of a connection, from the first page to the applied changes.
CREATE TABLE runs (
    id uuid PRIMARY KEY,
    connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
    cause text NOT NULL CHECK (cause IN ('preview', 'finish', 'sync', 'schedule', 'mapping', 'hold', 'window')),
    -- A preview pulls and plans, and applies nothing.
    preview boolean NOT NULL,
    state text NOT NULL CHECK
        (state IN ('queued', 'pulling', 'planning', 'applying', 'succeeded', 'incomplete', 'failed', 'interrupted', 'cancelled')),
    plan_id uuid,
    token_name text,
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    -- Progress: pages and workers read, and the number of workers that the HR system names.
    pages integer NOT NULL DEFAULT 0,
    workers bigint NOT NULL DEFAULT 0,
    expected bigint,
    -- The phase that `workers` counts: records of the list, or full records fetched one by one after it.
    phase text NOT NULL DEFAULT 'list',
    counts jsonb NOT NULL DEFAULT '{}',
    problems jsonb NOT NULL DEFAULT '[]',
    -- Fields whose loss an admin accepts in this run. A read that lacks any other field for many workers is incomplete.
    accepted_fields text[] NOT NULL DEFAULT '{}',
    -- The node that works on the run, and until when it may.
    lease_owner uuid,
    leased_until timestamptz,
    -- The request of an admin to cancel the run. The owner of the lease looks for it every few seconds.
    cancel_requested_at timestamptz,
    cancelled_by text,
    cancel_reason text,
    -- What the run waits for at present, and until when.
    waiting_until timestamptz,
    waiting_for text CHECK (waiting_for IN ('rateLimit', 'retryAfter', 'backOff'))
);
-- A connection has at most one unfinished run.
CREATE UNIQUE INDEX runs_one_going ON runs (connection_id) WHERE state IN ('queued', 'pulling', 'planning', 'applying');
CREATE INDEX runs_by_connection ON runs (connection_id, queued_at DESC, id DESC);
CREATE INDEX runs_recent ON runs (queued_at DESC, id DESC);
-- Retention deletes by it.
CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL;

-- Records of a pull, until the read is complete. A row with neither statement nor rejection waits for its details.
CREATE TABLE staged_workers (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    source_id text NOT NULL,
    statement jsonb,
    digest bytea,
    email_key text,
    -- Why the record cannot be used.
    rejected text,
    -- Fields whose keys the record lacks. Many such records together mean that the format has changed.
    gaps jsonb,
    PRIMARY KEY (run_id, source_id)
);
CREATE INDEX staged_workers_thin ON staged_workers (run_id, source_id) WHERE statement IS NULL AND rejected IS NULL;

-- What each connection says about each of its workers.
CREATE TABLE workers (
    connection_id uuid NOT NULL REFERENCES connections,
    source_id text NOT NULL,
    -- The record of the latest complete read.
    statement jsonb NOT NULL,
    digest bytea NOT NULL,
    email_key text,
    -- Whether the record has fields that cannot be read; counted in `connections.worker_counts`.
    unreadable boolean NOT NULL GENERATED ALWAYS AS (statement ? 'unreadable') STORED,
    -- The record that merging uses. It is NULL until the worker is published.
    accepted jsonb,
    -- The digest of the record that the latest decision rests on.
    decided_digest bytea,
    disposition text NOT NULL DEFAULT 'new' CHECK (disposition IN ('new', 'published', 'withheld', 'excluded')),
    -- Why the worker is excluded.
    exclusion text,
    -- When the worker is decided on once more without a new record.
    recheck_at timestamptz,
    person_id uuid,
    link_reason text,
    linked_at timestamptz,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- Absence: since when complete reads lack the worker, the `connections.evidence` that those reads share, whether the
    -- absence is proven, and when the second read proved it.
    absent_since timestamptz,
    absent_evidence text,
    absent boolean NOT NULL DEFAULT false,
    absent_proven_at timestamptz,
    -- The absence that merging uses.
    accepted_absent boolean NOT NULL DEFAULT false,
    -- A part of the record is withheld. Each plan checks whether that is still necessary.
    partial boolean NOT NULL DEFAULT false,
    PRIMARY KEY (connection_id, source_id)
);
CREATE INDEX workers_by_email ON workers (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX workers_by_person ON workers (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX workers_undecided ON workers (connection_id, source_id)
    WHERE disposition IN ('new', 'withheld') OR partial OR absent <> accepted_absent
       OR decided_digest IS DISTINCT FROM digest;
CREATE INDEX workers_recheck ON workers (recheck_at) WHERE recheck_at IS NOT NULL;
CREATE INDEX workers_missing ON workers (connection_id, source_id) WHERE absent_since IS NOT NULL;

------------------------------------------------------------------------------------------------------------------------
-- Plans, holds, reviews
------------------------------------------------------------------------------------------------------------------------

-- The changes that a run, or a change of mapping or precedence, would make.
CREATE TABLE plans (
    id uuid PRIMARY KEY,
    run_id uuid REFERENCES runs ON DELETE SET NULL,
    connection_id uuid REFERENCES connections ON DELETE CASCADE,
    cause text NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'ready', 'applying', 'applied', 'held', 'rejected', 'superseded')),
    -- The `authority_walk.version` that the plan rests on.
    authority bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    applied_at timestamptz
);
CREATE INDEX plans_by_connection ON plans (connection_id, created_at DESC);
-- Retention deletes by it.
CREATE INDEX plans_created ON plans (created_at);

-- People as a plan wants them.
CREATE TABLE plan_items (
    plan_id uuid NOT NULL REFERENCES plans ON DELETE CASCADE,
    seq integer NOT NULL,
    person_id uuid NOT NULL,
    -- The version that the item rests on. It is NULL for a person who does not exist yet.
    base_version bigint,
    state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'applied', 'stale', 'rejected')),
    -- The planned person. The manager link is in the columns below.
    target jsonb NOT NULL,
    user_name_key text NOT NULL,
    diff jsonb NOT NULL,
    event text,
    effective_at timestamptz,
    leaver boolean NOT NULL,
    -- Items that exchange emails share a swap group and are written in one transaction.
    swap_group integer,
    -- The order of writing: managers before their reports, so that a link always has a target.
    apply_order integer NOT NULL DEFAULT 0,
    manager_before uuid,
    manager_via_connection uuid,
    manager_via_source text,
    manager_via_email text,
    manager_target uuid,
    manager_since timestamptz,
    manager_state text NOT NULL,
    start_date date,
    PRIMARY KEY (plan_id, seq)
);
-- A planned person is read once, soon after it was written: compressing it or moving it out of the row does not pay.
ALTER TABLE plan_items SET (toast_tuple_target = 8160);
CREATE UNIQUE INDEX plan_items_person ON plan_items (plan_id, person_id);
CREATE INDEX plan_items_next ON plan_items (plan_id, apply_order, seq) WHERE state = 'planned';
CREATE INDEX plan_items_email ON plan_items (plan_id, user_name_key);

-- What a plan decides about workers.
CREATE TABLE plan_workers (
    plan_id uuid NOT NULL REFERENCES plans ON DELETE CASCADE,
    connection_id uuid NOT NULL,
    source_id text NOT NULL,
    -- The digest of the record that the decision rests on.
    digest bytea NOT NULL,
    disposition text NOT NULL,
    exclusion text,
    recheck_at timestamptz,
    person_id uuid,
    link_reason text,
    -- The record that merging uses, where it is not the whole latest record.
    accepted jsonb,
    reviews jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (plan_id, connection_id, source_id)
);
CREATE INDEX plan_workers_person ON plan_workers (plan_id, person_id) WHERE person_id IS NOT NULL;

-- Plans that wait for an admin, because too many people would leave.
CREATE TABLE holds (
    id uuid PRIMARY KEY,
    plan_id uuid REFERENCES plans ON DELETE SET NULL,
    connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'superseded')),
    -- The people who would leave, ordered by id. A decision is about this set.
    people uuid[] NOT NULL,
    active_people bigint NOT NULL,
    raised_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    reason text,
    -- The run that carries out an approval.
    run_id uuid,
    -- When a run found another set of leavers. From then on a rejection has no effect.
    superseded_at timestamptz
);
CREATE INDEX holds_of_run ON holds (run_id) WHERE run_id IS NOT NULL;
CREATE UNIQUE INDEX holds_one_open ON holds (connection_id) WHERE state = 'open';
CREATE INDEX holds_recent ON holds (raised_at DESC, id DESC);

-- Review items: questions that only a human can answer.
CREATE TABLE reviews (
    id uuid PRIMARY KEY,
    -- The subject of the question. There is one open question for each subject.
    about text NOT NULL,
    reason text NOT NULL,
    connection_id uuid REFERENCES connections ON DELETE CASCADE,
    source_id text,
    person_id uuid,
    detail jsonb NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    -- Until when an admin postponed the question.
    waits_until timestamptz,
    decided_by text,
    decision text
);
CREATE UNIQUE INDEX reviews_open ON reviews (about) WHERE closed_at IS NULL;
CREATE INDEX reviews_of_worker ON reviews (connection_id, source_id) WHERE closed_at IS NULL;
CREATE INDEX reviews_recent ON reviews (opened_at DESC, id DESC);

------------------------------------------------------------------------------------------------------------------------
-- People
------------------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE people_position;

-- Merged people, which SCIM shows as Users.
CREATE TABLE people (
    id uuid PRIMARY KEY,
    -- The order of lists. New people get ever larger numbers.
    position bigint NOT NULL DEFAULT nextval('people_position'),
    version bigint NOT NULL DEFAULT 1,
    user_name text NOT NULL,
    -- The constraint is deferrable, so that people can exchange emails within one transaction.
    user_name_key text NOT NULL CONSTRAINT people_user_name_key UNIQUE DEFERRABLE INITIALLY DEFERRED,
    active boolean NOT NULL,
    display_name text,
    employee_number text,
    start_date date,
    -- The person as JSON, which only writers need.
    person jsonb NOT NULL,
    -- The source id of the primary employment: the externalId for consumers that ask for it.
    source_worker_id text GENERATED ALWAYS AS (person -> 'source' ->> 'sourceId') STORED,
    -- The SCIM document with its slots (see src/render).
    document text NOT NULL,
    -- The values of the document as filters and sorting compare them (case folded, instants in UTC), in the shape of the
    -- document. They are written together with it.
    search_values jsonb NOT NULL,

    -- The manager link as the HR system states it: by the manager's worker, or by the manager's email.
    manager_via_connection uuid,
    manager_via_source text,
    manager_via_email text,
    -- The person that the link leads to.
    manager_target uuid,
    manager_since timestamptz,
    -- Whether the link holds, has no target yet, or is suspended because it closes a circle.
    manager_state text NOT NULL DEFAULT 'none' CHECK (manager_state IN ('none', 'person', 'pending', 'suspended')),
    -- The manager that is shown.
    manager_id uuid GENERATED ALWAYS AS (CASE WHEN manager_state = 'person' THEN manager_target END) STORED,

    -- Membership: the group of each kind that an active person is in.
    department_group uuid,
    legal_entity_group uuid,
    country_group uuid,
    employment_type_group uuid,
    team_group uuid,
    work_location_group uuid,
    worker_type_group uuid,
    manager_group uuid,
    all_group uuid,

    created_at timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    -- When the next date of the person (start, end, deletion) takes effect.
    next_due timestamptz,
    left_at timestamptz
);
-- Pages read documents and filters compare search values row by row, so both stay in the row, uncompressed as long as it fits.
-- The person as JSON moves out of the row instead.
ALTER TABLE people ALTER COLUMN document SET STORAGE MAIN, ALTER COLUMN search_values SET STORAGE MAIN;
ALTER TABLE people SET (toast_tuple_target = 4080);
CREATE UNIQUE INDEX people_position_key ON people (position);
CREATE INDEX people_inactive ON people (position) WHERE NOT active;
CREATE INDEX people_due ON people (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX people_by_source ON people (source_worker_id);
CREATE INDEX people_by_created ON people (created_at);
CREATE INDEX people_by_modified ON people (modified_at);

-- Manager links. Plans look up pending and suspended links by the worker, and pending ones by the email, that they name.
CREATE INDEX people_by_manager ON people (manager_target) WHERE manager_target IS NOT NULL;
CREATE INDEX people_loose_edges ON people (manager_via_connection, manager_via_source) WHERE manager_state IN ('pending', 'suspended');
CREATE INDEX people_pending_by_email ON people (manager_via_email) WHERE manager_state = 'pending';

-- Filters. An index takes no long values, so that equal values are found by their first 200 characters. The index for
-- `co`, `sw` and `ew` is created at start (see src/store/trigrams.rs), because not every server has its extension.
CREATE INDEX people_by_user_name ON people ((left(search_values ->> 'userName', 200) COLLATE "C"));
CREATE INDEX people_by_display_name ON people ((left(search_values ->> 'displayName', 200) COLLATE "C"));
CREATE INDEX people_by_employee_number ON people
    ((left(search_values -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User' ->> 'employeeNumber', 200) COLLATE "C"));
CREATE INDEX people_by_department ON people
    ((left(search_values -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User' ->> 'department', 200) COLLATE "C"));
CREATE INDEX people_by_email ON people USING gin ((search_values -> '~emails') jsonb_path_ops) WITH (gin_pending_list_limit = 256);

-- Birthdays, for callers that may see them: by date, and by month and day.
CREATE INDEX people_by_birth_date ON people ((person ->> 'birthDate'));
CREATE INDEX people_by_birthday ON people (('--' || substr(person ->> 'birthDate', 6)));

-- Members of groups, in the order of lists.
CREATE INDEX people_in_department ON people (department_group, position) WHERE department_group IS NOT NULL;
CREATE INDEX people_in_legal_entity ON people (legal_entity_group, position) WHERE legal_entity_group IS NOT NULL;
CREATE INDEX people_in_country ON people (country_group, position) WHERE country_group IS NOT NULL;
CREATE INDEX people_in_employment_type ON people (employment_type_group, position) WHERE employment_type_group IS NOT NULL;
CREATE INDEX people_in_team ON people (team_group, position) WHERE team_group IS NOT NULL;
CREATE INDEX people_in_work_location ON people (work_location_group, position) WHERE work_location_group IS NOT NULL;
CREATE INDEX people_in_worker_type ON people (worker_type_group, position) WHERE worker_type_group IS NOT NULL;
CREATE INDEX people_under_manager ON people (manager_group, position) WHERE manager_group IS NOT NULL;
CREATE INDEX people_in_all ON people (all_group, position) WHERE all_group IS NOT NULL;

-- Finds the people with an email. It is a function, because the planner misjudges the containment with a bound value: it
-- expects one person in a thousand. `ROWS 1` states the true number.
CREATE FUNCTION people_with_email_keys(wanted jsonb) RETURNS SETOF uuid LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
    RETURN QUERY SELECT p.id FROM people AS p WHERE p.search_values -> '~emails' @> wanted;
END
$$;

-- Returns the manager link of a person after a plan: the planned one if the plan has one, else the present one.
CREATE FUNCTION edge_of(plan uuid, node uuid)
RETURNS TABLE (target uuid, since timestamptz, start date)
LANGUAGE sql STABLE AS $$
    SELECT i.manager_target, i.manager_since, i.start_date FROM plan_items i
    WHERE i.plan_id = edge_of.plan AND i.person_id = edge_of.node AND i.state <> 'rejected'
    UNION ALL
    SELECT p.manager_target, p.manager_since, p.start_date FROM people p
    WHERE p.id = edge_of.node
      AND NOT EXISTS (SELECT FROM plan_items i
                      WHERE i.plan_id = edge_of.plan AND i.person_id = edge_of.node AND i.state <> 'rejected')
$$;

-- The order of connections for each unit that an admin has ordered. Connections that are not named follow in the default
-- order. A unit without a row has the default order.
CREATE TABLE authority (
    unit text PRIMARY KEY,
    connections uuid[] NOT NULL,
    changed_at timestamptz NOT NULL,
    token_name text NOT NULL
);

-- One row: the version of the order, and the backfill that merges all people of several connections again after a change.
CREATE TABLE authority_walk (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    -- It grows with each change. A plan of an older version is not applied to people that the order concerns.
    version bigint NOT NULL,
    -- The position up to which people are merged again. It is NULL when the backfill has ended.
    through bigint,
    -- The plan of the current step. Only this plan can complete the step.
    plan_id uuid,
    token_name text,
    reason text
);
INSERT INTO authority_walk (version) VALUES (0);

-- Former emails of people, reserved so that no other person gets them for a while.
CREATE TABLE email_reservations (
    email_key text NOT NULL,
    person_id uuid NOT NULL,
    reserved_until timestamptz NOT NULL,
    PRIMARY KEY (email_key, person_id)
);
CREATE INDEX email_reservations_by_person ON email_reservations (person_id);
CREATE INDEX email_reservations_ending ON email_reservations (reserved_until);

------------------------------------------------------------------------------------------------------------------------
-- Groups
------------------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE groups_position;

-- Derived groups: the active people with the same department, country and so on, across all HR systems.
CREATE TABLE groups (
    id uuid PRIMARY KEY,
    -- The order of lists. New groups get ever larger numbers.
    position bigint NOT NULL DEFAULT nextval('groups_position'),
    kind text NOT NULL,
    -- The present key. `group_keys` has all keys that lead to the group.
    key text NOT NULL,
    name text NOT NULL,
    display_name text NOT NULL,
    -- The display name with case folded, for comparisons.
    display_name_key text NOT NULL,
    created_at timestamptz NOT NULL,
    -- The next four columns contain what the sequencer has folded. A read adds the changes without a sequence number.
    modified_at timestamptz NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    members bigint NOT NULL DEFAULT 0,
    -- Since when the group has no members.
    retired_since timestamptz,
    -- When the group was deleted for every consumer. The row stays, so that the key keeps its id.
    deleted_at timestamptz
);
CREATE UNIQUE INDEX groups_position_key ON groups (position);
-- Display names are unique among groups that are not deleted.
CREATE UNIQUE INDEX groups_display_name_key ON groups (display_name_key) WHERE deleted_at IS NULL;
CREATE INDEX groups_retired ON groups (retired_since) WHERE retired_since IS NOT NULL AND deleted_at IS NULL;

-- Keys that lead to a group: its own, and aliases given by an admin.
CREATE TABLE group_keys (
    kind text NOT NULL,
    key text NOT NULL,
    group_id uuid NOT NULL REFERENCES groups DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (kind, key)
);
CREATE INDEX group_keys_of_group ON group_keys (group_id);

-- Source ids that were seen behind a group.
CREATE TABLE group_sources (
    group_id uuid NOT NULL REFERENCES groups DEFERRABLE INITIALLY DEFERRED,
    kind text NOT NULL,
    connection_id uuid NOT NULL,
    -- The empty string where the HR system has only names.
    source_id text NOT NULL,
    PRIMARY KEY (group_id, connection_id, source_id)
);
CREATE UNIQUE INDEX group_sources_key ON group_sources (kind, connection_id, source_id) WHERE source_id <> '';

-- Kinds of groups, which an admin switches on and off.
CREATE TABLE group_kinds (
    kind text PRIMARY KEY,
    ordinal smallint NOT NULL,
    enabled boolean NOT NULL,
    -- When an admin switched the kind last.
    changed_at timestamptz
);
INSERT INTO group_kinds (ordinal, kind, enabled) VALUES
    (1, 'department', true), (2, 'legalEntity', true), (3, 'country', true), (4, 'employmentType', true),
    (5, 'team', false), (6, 'workLocation', false), (7, 'workerType', false), (8, 'manager', false), (9, 'all', false);

-- One row: the backfill that computes the groups of all people again after a kind was switched or a key was moved.
CREATE TABLE group_walk (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    -- The position up to which groups are computed. It is NULL when the backfill has ended.
    through bigint,
    token_name text,
    reason text
);
INSERT INTO group_walk (through) VALUES (0);

------------------------------------------------------------------------------------------------------------------------
-- Change log
------------------------------------------------------------------------------------------------------------------------

-- The change log: one row for each change of a person or of a group, and for events of connections and consumers. Feed,
-- history and the results of a run are read from it.
CREATE TABLE changes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    -- The number in the feed, dense, given after commit by the sequencer. The feed shows only rows with a number.
    sequence bigint,
    kind text NOT NULL,

    -- The subject of the change: a person, a group, a connection, or a consumer and its token.
    person_id uuid,
    person_version bigint NOT NULL,
    group_id uuid,
    connection_id uuid,
    consumer_id uuid,
    token_id uuid,

    cause text NOT NULL,
    run_id uuid,
    token_name text,
    reason text,
    -- When the change took effect for the person, where that differs from `at`.
    effective_at timestamptz,
    diff jsonb NOT NULL,
    -- The person's position, and by how much the change alters the number of people.
    position bigint NOT NULL,
    people_delta smallint NOT NULL,

    -- Groups that the person joined and left.
    groups_joined uuid[] NOT NULL DEFAULT '{}',
    groups_left uuid[] NOT NULL DEFAULT '{}',
    -- Whether the displayed name changed, and the groups that show it, whose version changes.
    renamed boolean NOT NULL DEFAULT FALSE,
    groups_renamed uuid[] NOT NULL DEFAULT '{}',

    -- Numbers of the `policy_filters` that the person or group satisfied before and after the change, only after it, and
    -- only before it.
    matched integer[],
    entered integer[],
    departed integer[],
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX changes_sequence ON changes (sequence);
CREATE INDEX changes_unsequenced ON changes (id) WHERE sequence IS NULL;
CREATE INDEX changes_by_person ON changes (person_id, id);
CREATE INDEX changes_by_group ON changes (group_id, id) WHERE group_id IS NOT NULL;
CREATE INDEX changes_by_run ON changes (run_id, id) WHERE run_id IS NOT NULL;
-- Partitions of months are created ahead of time; this one takes rows of every other time.
CREATE TABLE changes_other PARTITION OF changes DEFAULT;

-- One row, written only by the sequencer.
CREATE TABLE feed_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    last_sequence bigint NOT NULL,
    -- The totals as of `last_sequence`.
    people_total bigint NOT NULL,
    groups_total bigint NOT NULL DEFAULT 0,
    -- The last number that is too old to be read from the feed.
    feed_from bigint NOT NULL DEFAULT 0
);
INSERT INTO feed_state (last_sequence, people_total) VALUES (0, 0);

-- The number of people in each block of 1,024 positions, for jumps of index paging.
CREATE TABLE people_blocks (
    block bigint PRIMARY KEY,
    people bigint NOT NULL
);

------------------------------------------------------------------------------------------------------------------------
-- Consumers
------------------------------------------------------------------------------------------------------------------------

-- Clients of the directory, with their release policies.
CREATE TABLE consumers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    scopes text[] NOT NULL,
    -- Shows `people.source_worker_id` as externalId as long as the consumer has set none.
    external_id_from_source boolean NOT NULL DEFAULT false,
    -- The release policy: SCIM filters on people and groups, and the released attributes. Without a list, all attributes
    -- that are not sensitive are released.
    user_filter text CHECK (length(user_filter) <= 8192),
    group_filter text CHECK (length(group_filter) <= 8192),
    attributes text[] CHECK (cardinality(attributes) <= 500),
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX consumers_name_key ON consumers (lower(name));

-- Access tokens.
CREATE TABLE tokens (
    id uuid PRIMARY KEY,
    -- NULL for the admin token, which belongs to no consumer.
    consumer_id uuid REFERENCES consumers ON DELETE CASCADE,
    name text NOT NULL,
    -- SHA-256 of the token.
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    -- How many days before the expiry the latest warning was given; 0 after the event of the expiry, NULL before the
    -- first warning.
    warned_days smallint
);
CREATE UNIQUE INDEX tokens_digest_key ON tokens (digest);
CREATE INDEX tokens_of_consumer ON tokens (consumer_id);
CREATE INDEX tokens_expiring ON tokens (expires_at) WHERE consumer_id IS NOT NULL AND warned_days IS DISTINCT FROM 0;

-- The filters of a consumer's policy. Another policy gets another number, so that changes recorded under old filters
-- have no meaning under the new ones.
CREATE TABLE policy_filters (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer_id uuid NOT NULL CONSTRAINT feed_filters_consumer_key UNIQUE REFERENCES consumers ON DELETE CASCADE,
    user_filter text,
    group_filter text,
    -- How many people satisfy the filter: folded by the sequencer, counted again each day to correct mistakes, NULL
    -- until the first count.
    people_total bigint,
    counted_at timestamptz
);

-- Sequential reads of a list by `startIndex` (docs/decisions/0014). Their positions may be lost: the tables are unlogged.
CREATE UNLOGGED TABLE page_walks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The consumer, regardless of which of its tokens it uses.
    caller uuid NOT NULL,
    -- A digest of the list: its type, order and policy.
    query bytea NOT NULL,
    started_at timestamptz NOT NULL,
    -- Several clients began within a few minutes and share this row: the end of one of them is not the end of all.
    is_shared boolean NOT NULL DEFAULT false,
    -- When a page reached the end of the list.
    finished_at timestamptz
);
CREATE INDEX page_walks_of_query ON page_walks (caller, query);
CREATE INDEX page_walks_age ON page_walks (started_at);

-- Where pages ended: the page at `next_start_index` begins behind this resource.
CREATE UNLOGGED TABLE page_positions (
    walk bigint NOT NULL REFERENCES page_walks ON DELETE CASCADE,
    next_start_index bigint NOT NULL,
    last_position bigint NOT NULL,
    -- The sort value of a sorted list; the type and the sort value in a list of several types.
    last_key text,
    -- Whether the pages before it began at startIndex 1.
    is_rooted boolean NOT NULL,
    saved_at timestamptz NOT NULL,
    -- How often a page ended here, less how often the page behind it was served: so many clients may wait here.
    waiting integer NOT NULL DEFAULT 1,
    -- How many matches followed, and up to which number of the feed that includes changes; NULL if unknown.
    remaining bigint,
    through bigint
);
CREATE INDEX page_positions_of_walk ON page_positions (walk, next_start_index);
CREATE INDEX page_positions_age ON page_positions (saved_at);

------------------------------------------------------------------------------------------------------------------------
-- Administration
------------------------------------------------------------------------------------------------------------------------

-- Writes through the admin API.
CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    token_name text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    reason text,
    detail jsonb NOT NULL
);
CREATE INDEX audit_recent ON audit (at DESC, id DESC);

-- Work that one node may do at a time.
CREATE TABLE leases (
    name text PRIMARY KEY,
    owner uuid NOT NULL,
    leased_until timestamptz NOT NULL
);

-- One row: the latest instant at which a server worked. A server with an earlier clock detects that a clock was ahead and
-- was set back, and repairs the instants stored meanwhile. It is NULL until a server has looked once.
CREATE TABLE clock_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    latest_at timestamptz
);
INSERT INTO clock_state DEFAULT VALUES;

-- One row: a known text, sealed with the key of this database, so that a server with another key is refused.
CREATE TABLE key_check (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    sealed bytea NOT NULL
);
