-- Runs that an admin cancels, and what a run waits for.
ALTER TABLE runs DROP CONSTRAINT runs_state_check;
ALTER TABLE runs ADD CONSTRAINT runs_state_check CHECK
    (state IN ('queued', 'pulling', 'planning', 'applying', 'succeeded', 'incomplete', 'failed', 'interrupted', 'cancelled'));
ALTER TABLE runs ADD CONSTRAINT runs_cause_check CHECK
    (cause IN ('preview', 'finish', 'sync', 'schedule', 'mapping', 'hold', 'window'));
ALTER TABLE runs
    -- The node that has the lease looks for it every few seconds.
    ADD COLUMN cancel_requested_at timestamptz,
    ADD COLUMN cancelled_by text,
    ADD COLUMN cancel_reason text,
    -- What the run waits for at present, and until when.
    ADD COLUMN waiting_until timestamptz,
    ADD COLUMN waiting_for text CONSTRAINT runs_waiting_for_check CHECK (waiting_for IN ('rateLimit', 'retryAfter', 'backOff'));

ALTER TABLE connections
    -- The address of the HR system, since one account id can mean two accounts at two addresses.
    ADD COLUMN account_place text,
    -- Refusals in a row that were not the HR system's own, and when the first of them came.
    ADD COLUMN blocked integer NOT NULL DEFAULT 0,
    ADD COLUMN blocked_since timestamptz;
-- An account is connected once.
CREATE UNIQUE INDEX connections_account_key ON connections (kind, account_place, account_id);
-- A preview that failed is tried again, too.
DROP INDEX connections_due;
CREATE INDEX connections_due ON connections (next_run_at) WHERE state IN ('review', 'active', 'failing');
