-- Saved positions of index paging (docs/decisions/0014). Saved positions are disposable: the tables are unlogged, and
-- what the earlier table held is not carried over.
DROP TABLE index_walks;

-- One sequential read of a list by startIndex.
CREATE UNLOGGED TABLE page_walks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The consumer, whichever of its tokens it uses.
    caller uuid NOT NULL,
    -- Digest of the list: what is listed, in which order, under which policy.
    query bytea NOT NULL,
    started_at timestamptz NOT NULL,
    -- Several clients began within a few minutes and share this row: the end of one of them is not the end of all.
    is_shared boolean NOT NULL DEFAULT false,
    -- When a page reached the end of the list.
    finished_at timestamptz
);
CREATE INDEX page_walks_of_query ON page_walks (caller, query);
CREATE INDEX page_walks_age ON page_walks (started_at);

-- Where pages ended: behind this resource the page at `next_start_index` begins.
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
    -- How many matches followed, and up to which number of the feed that takes changes into account. Absent if unknown.
    remaining bigint,
    through bigint
);
CREATE INDEX page_positions_of_walk ON page_positions (walk, next_start_index);
CREATE INDEX page_positions_age ON page_positions (saved_at);
