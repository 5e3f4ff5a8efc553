ALTER TABLE workers DROP COLUMN unreadable;
ALTER TABLE staged_workers DROP COLUMN gaps;
