ALTER TABLE changes DROP COLUMN inside, DROP COLUMN entered, DROP COLUMN departed;
DROP TABLE feed_filters;
