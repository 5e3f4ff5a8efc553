-- Which connection's word counts first, for each unit that an admin has ordered. Connections that are not named follow in
-- the default order; no names at all are the default.
CREATE TABLE authority (
    unit text PRIMARY KEY,
    connections uuid[] NOT NULL,
    changed_at timestamptz NOT NULL,
    token_name text NOT NULL
);

-- One row: which state of the order it is, and the walk that follows a change, which merges anew everybody whom more than
-- one connection knows.
CREATE TABLE authority_walk (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    -- Moves with each change. A plan that rests on an older one is not applied to people whom the order concerns.
    version bigint NOT NULL,
    -- The position up to which everybody is merged anew; absent when the walk has come to its end.
    through bigint,
    -- The plan of the step that is being done. Only whose plan this is may say that the step is done.
    plan_id uuid,
    token_name text,
    reason text
);
INSERT INTO authority_walk (version) VALUES (0);

ALTER TABLE plans ADD COLUMN authority bigint NOT NULL DEFAULT 0;
