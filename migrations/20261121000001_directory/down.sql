DROP FUNCTION edge_of;
DROP TABLE leases, audit, index_walks, tokens, consumers, people_blocks, feed_state, changes, reviews, holds,
    plan_workers, plan_items, plans, email_reservations, people, workers, staged_workers, runs, connections;
DROP SEQUENCE people_position;
