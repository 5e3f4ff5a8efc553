DROP INDEX connections_due;
CREATE INDEX connections_due ON connections (next_run_at) WHERE state IN ('active', 'failing');
DROP INDEX connections_account_key;
ALTER TABLE connections DROP COLUMN account_place, DROP COLUMN blocked, DROP COLUMN blocked_since;
ALTER TABLE runs
    DROP COLUMN cancel_requested_at, DROP COLUMN cancelled_by, DROP COLUMN cancel_reason,
    DROP COLUMN waiting_until, DROP COLUMN waiting_for;
UPDATE runs SET state = 'failed' WHERE state = 'cancelled';
ALTER TABLE runs DROP CONSTRAINT runs_cause_check;
ALTER TABLE runs DROP CONSTRAINT runs_state_check;
ALTER TABLE runs ADD CONSTRAINT runs_state_check CHECK
    (state IN ('queued', 'pulling', 'planning', 'applying', 'succeeded', 'incomplete', 'failed', 'interrupted'));
