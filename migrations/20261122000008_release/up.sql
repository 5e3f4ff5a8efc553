-- Release policies: what a consumer sees. Filters are SCIM filters; without a list, all attributes that are not
-- sensitive are released.
ALTER TABLE consumers
    ADD COLUMN user_filter text CHECK (length(user_filter) <= 8192),
    ADD COLUMN group_filter text CHECK (length(group_filter) <= 8192),
    ADD COLUMN attributes text[] CHECK (cardinality(attributes) <= 500);

-- Whether somebody is shown by another name, and the groups that show it: it changes their version.
ALTER TABLE changes
    ADD COLUMN renamed boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN groups_renamed uuid[] NOT NULL DEFAULT '{}';
