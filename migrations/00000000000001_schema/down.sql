DROP TABLE
    key_check, clock_state, leases, audit,
    page_positions, page_walks, policy_filters, tokens, consumers,
    people_blocks, feed_state, changes,
    group_walk, group_kinds, group_sources, group_keys, groups,
    email_reservations, authority_walk, authority, people,
    reviews, holds, plan_workers, plan_items, plans,
    workers, staged_workers, runs,
    oauth_consents, oauth_grants, connections;
DROP FUNCTION edge_of, people_with_email_keys;
DROP SEQUENCE groups_position, people_position;
