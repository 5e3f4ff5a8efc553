-- What an HR system granted to a connection by OAuth. A row of its own: it is locked while a token is refreshed, and the
-- connection must stay writable meanwhile.
CREATE TABLE oauth_grants (
    connection_id uuid PRIMARY KEY REFERENCES connections ON DELETE CASCADE,
    -- Which consent it rests on. Evidence of absence adds up only under one (law 2).
    consent uuid NOT NULL,
    -- Access and refresh token, sealed (AES-256-GCM), bound to this table, column and row.
    tokens bytea NOT NULL,
    -- What was granted, separated by spaces.
    scope text NOT NULL,
    expires_at timestamptz NOT NULL,
    granted_at timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL,
    -- Since when an answer to a refresh is missing: the refresh token may be spent.
    asked_at timestamptz,
    -- Since when the HR system no longer takes the refresh token.
    refused_at timestamptz
);
CREATE INDEX oauth_grants_age ON oauth_grants (refreshed_at);

-- Consents that an admin was sent out for.
CREATE TABLE oauth_consents (
    -- SHA-256 of the state that comes back.
    state bytea PRIMARY KEY,
    connection_id uuid NOT NULL REFERENCES connections ON DELETE CASCADE,
    -- The PKCE code verifier, sealed.
    verifier bytea,
    -- The app that replaces the present one if consent is given, sealed.
    app bytea,
    redirect_uri text NOT NULL,
    token_name text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX oauth_consents_of_connection ON oauth_consents (connection_id);

-- Where incremental readings go on, and when the last full one began.
ALTER TABLE connections ADD COLUMN mark jsonb, ADD COLUMN last_full_at timestamptz;
-- How many workers are published, withheld, excluded: counted when a run ends.
ALTER TABLE connections ADD COLUMN tally jsonb;
