-- Facts about the database itself: one row each, by name.
CREATE TABLE rollbook_meta (
    key text PRIMARY KEY,
    value jsonb NOT NULL
);
