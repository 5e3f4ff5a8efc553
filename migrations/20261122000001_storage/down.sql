ALTER TABLE plan_items RESET (toast_tuple_target);
