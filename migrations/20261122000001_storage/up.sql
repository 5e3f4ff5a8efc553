-- A planned person is read once, soon after it was written: not worth being compressed and kept apart.
ALTER TABLE plan_items SET (toast_tuple_target = 8160);
