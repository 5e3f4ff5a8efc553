-- Connections, workers, people and the change log. No table carries a tenant, no statement names a schema
-- (design section 1): one organisation has one database, or one schema in its search path.

CREATE TABLE connections (
    id uuid PRIMARY KEY,
    -- The order in which connections came is the default order of authority.
    ordinal bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('authorizing', 'review', 'active', 'paused', 'needsReauthorization', 'failing')),
    settings jsonb NOT NULL,
    -- Sealed (AES-256-GCM), bound to this table, column and row.
    credentials bytea,
    mapping jsonb NOT NULL,
    -- The mapping of the last plan that was applied: what timers go by while another waits for an admin.
    accepted_mapping jsonb,
    -- Until the first plan was applied.
    first_import boolean NOT NULL DEFAULT true,
    account_id text,
    account_name text,
    -- What the connector remembers between readings; opaque.
    memory jsonb,
    -- Evidence of absence counts only among readings that share this (law 2).
    evidence text NOT NULL DEFAULT '',
    problems jsonb NOT NULL DEFAULT '[]',
    failures integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    state_since timestamptz NOT NULL,
    last_good_at timestamptz,
    next_run_at timestamptz
);
CREATE UNIQUE INDEX connections_name_key ON connections (lower(name));
CREATE INDEX connections_due ON connections (next_run_at) WHERE state IN ('active', 'failing');

CREATE TABLE runs (
    id uuid PRIMARY KEY,
    connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
    cause text NOT NULL,
    -- Pulls and plans, applies nothing.
    preview boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'pulling', 'planning', 'applying', 'succeeded', 'incomplete', 'failed', 'interrupted')),
    plan_id uuid,
    token_name text,
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    pages integer NOT NULL DEFAULT 0,
    workers bigint NOT NULL DEFAULT 0,
    expected bigint,
    -- Whether `workers` counts full records of a second stage.
    stage text NOT NULL DEFAULT 'list',
    counts jsonb NOT NULL DEFAULT '{}',
    problems jsonb NOT NULL DEFAULT '[]',
    lease_owner uuid,
    leased_until timestamptz
);
CREATE UNIQUE INDEX runs_one_going ON runs (connection_id) WHERE state IN ('queued', 'pulling', 'planning', 'applying');
CREATE INDEX runs_by_connection ON runs (connection_id, queued_at DESC, id DESC);
CREATE INDEX runs_recent ON runs (queued_at DESC, id DESC);

-- The pages of a pull, until the read is complete. A row without statement and rejection waits for its detail.
CREATE TABLE staged_workers (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    source_id text NOT NULL,
    statement jsonb,
    digest bytea,
    email_key text,
    rejected text,
    PRIMARY KEY (run_id, source_id)
);
CREATE INDEX staged_workers_thin ON staged_workers (run_id, source_id) WHERE statement IS NULL AND rejected IS NULL;

CREATE TABLE workers (
    connection_id uuid NOT NULL REFERENCES connections,
    source_id text NOT NULL,
    -- What the HR system said last, in a complete read.
    statement jsonb NOT NULL,
    digest bytea NOT NULL,
    email_key text,
    -- What the merge takes; absent until the worker is published.
    accepted jsonb,
    -- The statement on which the last decision rests.
    decided_digest bytea,
    disposition text NOT NULL DEFAULT 'new' CHECK (disposition IN ('new', 'published', 'withheld', 'excluded')),
    exclusion text,
    recheck_at timestamptz,
    person_id uuid,
    link_reason text,
    linked_at timestamptz,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- Evidence of absence (law 2): since when complete reads lack the worker, and what those reads share.
    absent_since timestamptz,
    absent_evidence text,
    absent boolean NOT NULL DEFAULT false,
    -- What of the absence the merge takes.
    accepted_absent boolean NOT NULL DEFAULT false,
    -- A part of the statement is withheld: every plan looks again whether it still has to be.
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

CREATE SEQUENCE people_position;
CREATE TABLE people (
    id uuid PRIMARY KEY,
    -- Orders every list; grows for ever (R-027).
    position bigint NOT NULL DEFAULT nextval('people_position'),
    version bigint NOT NULL DEFAULT 1,
    user_name text NOT NULL,
    -- Deferrable, so that people can exchange an email within one transaction.
    user_name_key text NOT NULL CONSTRAINT people_user_name_key UNIQUE DEFERRABLE INITIALLY DEFERRED,
    active boolean NOT NULL,
    display_name text,
    employee_number text,
    -- The edge as the HR system states it …
    manager_via_connection uuid,
    manager_via_source text,
    manager_via_email text,
    -- … the person it leads to …
    manager_target uuid,
    manager_since timestamptz,
    -- … and whether it holds.
    manager_state text NOT NULL DEFAULT 'none' CHECK (manager_state IN ('none', 'person', 'pending', 'suspended')),
    -- The manager that is shown.
    manager_id uuid GENERATED ALWAYS AS (CASE WHEN manager_state = 'person' THEN manager_target END) STORED,
    start_date date,
    person jsonb NOT NULL,
    -- The SCIM document with its slots (see render).
    document text NOT NULL,
    created_at timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    next_due timestamptz,
    left_at timestamptz
);
-- A document is read whole and often: keep it in the row, uncompressed, as long as it fits.
ALTER TABLE people ALTER document SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX people_position_key ON people (position);
CREATE INDEX people_inactive ON people (position) WHERE NOT active;
CREATE INDEX people_due ON people (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX people_by_manager ON people (manager_target) WHERE manager_target IS NOT NULL;
CREATE INDEX people_loose_edges ON people (manager_via_connection, manager_via_source) WHERE manager_state IN ('pending', 'suspended');

-- Former emails of people, reserved so that nobody else can get them (law 12).
CREATE TABLE email_reservations (
    email_key text NOT NULL,
    person_id uuid NOT NULL,
    reserved_until timestamptz NOT NULL,
    PRIMARY KEY (email_key, person_id)
);
CREATE INDEX email_reservations_by_person ON email_reservations (person_id);

CREATE TABLE plans (
    id uuid PRIMARY KEY,
    run_id uuid REFERENCES runs ON DELETE SET NULL,
    connection_id uuid REFERENCES connections ON DELETE CASCADE,
    cause text NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'ready', 'applying', 'applied', 'held', 'rejected', 'superseded')),
    created_at timestamptz NOT NULL,
    applied_at timestamptz
);
CREATE INDEX plans_by_connection ON plans (connection_id, created_at DESC);

CREATE TABLE plan_items (
    plan_id uuid NOT NULL REFERENCES plans ON DELETE CASCADE,
    n integer NOT NULL,
    person_id uuid NOT NULL,
    -- The version that the item rests on; absent for a person who would come into being.
    base_version bigint,
    state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'applied', 'stale', 'rejected')),
    -- The person as planned, manager edge in the columns below.
    wanted jsonb NOT NULL,
    user_name_key text NOT NULL,
    diff jsonb NOT NULL,
    event text,
    effective_at timestamptz,
    leaver boolean NOT NULL,
    -- Items of one bundle exchange an email and are written together.
    bundle integer,
    -- Managers before their reports, so that an edge never leads nowhere.
    level integer NOT NULL DEFAULT 0,
    manager_before uuid,
    manager_via_connection uuid,
    manager_via_source text,
    manager_via_email text,
    manager_target uuid,
    manager_since timestamptz,
    manager_state text NOT NULL,
    start_date date,
    PRIMARY KEY (plan_id, n)
);
CREATE UNIQUE INDEX plan_items_person ON plan_items (plan_id, person_id);
CREATE INDEX plan_items_next ON plan_items (plan_id, level, n) WHERE state = 'planned';
CREATE INDEX plan_items_email ON plan_items (plan_id, user_name_key);

CREATE TABLE plan_workers (
    plan_id uuid NOT NULL REFERENCES plans ON DELETE CASCADE,
    connection_id uuid NOT NULL,
    source_id text NOT NULL,
    digest bytea NOT NULL,
    disposition text NOT NULL,
    exclusion text,
    recheck_at timestamptz,
    person_id uuid,
    link_reason text,
    -- Set only where the merge does not take the whole statement.
    accepted jsonb,
    reviews jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (plan_id, connection_id, source_id)
);
CREATE INDEX plan_workers_person ON plan_workers (plan_id, person_id) WHERE person_id IS NOT NULL;

CREATE TABLE holds (
    id uuid PRIMARY KEY,
    plan_id uuid REFERENCES plans ON DELETE SET NULL,
    connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'superseded')),
    -- The people whom the held plan would make leavers, in order of id: what a decision is about.
    people uuid[] NOT NULL,
    active_people bigint NOT NULL,
    raised_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    reason text,
    -- The run that carries an approval out.
    run_id uuid,
    -- Since when a rejection no longer counts: a run has found another set of leavers.
    spent_at timestamptz
);
CREATE INDEX holds_of_run ON holds (run_id) WHERE run_id IS NOT NULL;
CREATE UNIQUE INDEX holds_one_open ON holds (connection_id) WHERE state = 'open';
CREATE INDEX holds_recent ON holds (raised_at DESC, id DESC);

CREATE TABLE reviews (
    id uuid PRIMARY KEY,
    -- What the question is about; one open question of each.
    about text NOT NULL,
    reason text NOT NULL,
    connection_id uuid REFERENCES connections ON DELETE CASCADE,
    source_id text,
    person_id uuid,
    detail jsonb NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE UNIQUE INDEX reviews_open ON reviews (about) WHERE closed_at IS NULL;
CREATE INDEX reviews_of_worker ON reviews (connection_id, source_id) WHERE closed_at IS NULL;
CREATE INDEX reviews_recent ON reviews (opened_at DESC, id DESC);

-- One row for each change of a person. Feed, history and a run's outcomes are views of it.
CREATE TABLE changes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    -- Dense, given after commit by the sequencer; the feed shows only what has one.
    sequence bigint,
    kind text NOT NULL,
    person_id uuid NOT NULL,
    person_version bigint NOT NULL,
    cause text NOT NULL,
    run_id uuid,
    token_name text,
    reason text,
    -- When the change took effect for the person, where that is not when it was found.
    effective_at timestamptz,
    diff jsonb NOT NULL,
    position bigint NOT NULL,
    people_delta smallint NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX changes_sequence ON changes (sequence);
CREATE INDEX changes_unsequenced ON changes (id) WHERE sequence IS NULL;
CREATE INDEX changes_by_person ON changes (person_id, id);
CREATE INDEX changes_by_run ON changes (run_id, id) WHERE run_id IS NOT NULL;
-- Catches what no month was made for; months are made ahead.
CREATE TABLE changes_other PARTITION OF changes DEFAULT;

-- One row, written only by the sequencer.
CREATE TABLE feed_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    last_sequence bigint NOT NULL,
    people_total bigint NOT NULL
);
INSERT INTO feed_state (last_sequence, people_total) VALUES (0, 0);

-- How many people each block of 1,024 positions has, for jumps of index paging.
CREATE TABLE people_blocks (
    block bigint PRIMARY KEY,
    people bigint NOT NULL
);

CREATE TABLE consumers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    scopes text[] NOT NULL,
    -- Show the worker's source id as externalId while the consumer has set none (R-028).
    external_id_from_source boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX consumers_name_key ON consumers (lower(name));

CREATE TABLE tokens (
    id uuid PRIMARY KEY,
    -- Absent for the admin token, which is no consumer's.
    consumer_id uuid REFERENCES consumers ON DELETE CASCADE,
    name text NOT NULL,
    -- SHA-256 of the token (R-178).
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz
);
CREATE UNIQUE INDEX tokens_digest_key ON tokens (digest);
CREATE INDEX tokens_of_consumer ON tokens (consumer_id);

-- Where a sequential walk by index goes on: by key, on any node, for an hour (design section 5).
CREATE UNLOGGED TABLE index_walks (
    caller uuid NOT NULL,
    query bytea NOT NULL,
    next_start_index bigint NOT NULL,
    last_position bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (caller, query, next_start_index)
);
CREATE INDEX index_walks_age ON index_walks (at);

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

-- Work that only one node may do at a time.
CREATE TABLE leases (
    name text PRIMARY KEY,
    owner uuid NOT NULL,
    leased_until timestamptz NOT NULL
);

-- The manager edge of a person after a plan: the plan's word where it has one, else the present one.
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
