-- Release policies: what a consumer sees. Filters are SCIM filters; without a list, all attributes that are not
-- sensitive are released.
ALTER TABLE consumers
    ADD COLUMN user_filter text CHECK (length(user_filter) <= 8192),
    ADD COLUMN group_filter text CHECK (length(group_filter) <= 8192),
    ADD COLUMN attributes text[] CHECK (cardinality(attributes) <= 500);

-- The groups that show a member by another name: it changes their version.
ALTER TABLE changes ADD COLUMN groups_renamed uuid[] NOT NULL DEFAULT '{}';
