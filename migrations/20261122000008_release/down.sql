ALTER TABLE changes DROP COLUMN groups_renamed, DROP COLUMN renamed;
ALTER TABLE consumers DROP COLUMN attributes, DROP COLUMN group_filter, DROP COLUMN user_filter;
