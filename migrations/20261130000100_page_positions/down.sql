DROP TABLE page_positions, page_walks;
CREATE UNLOGGED TABLE index_walks (
    caller uuid NOT NULL,
    query bytea NOT NULL,
    next_start_index bigint NOT NULL,
    last_position bigint NOT NULL,
    at timestamptz NOT NULL,
    last_key text,
    used_at timestamptz,
    PRIMARY KEY (caller, query, next_start_index)
);
CREATE INDEX index_walks_age ON index_walks (at);
