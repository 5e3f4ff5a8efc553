//! The tables as diesel sees them; kept in step with `migrations/` by a test.

diesel::table! {
    audit (id) {
        id -> Uuid,
        at -> Timestamptz,
        token_name -> Text,
        action -> Text,
        target -> Text,
        reason -> Nullable<Text>,
        detail -> Jsonb,
    }
}

diesel::table! {
    authority (unit) {
        unit -> Text,
        connections -> Array<Uuid>,
        changed_at -> Timestamptz,
        token_name -> Text,
    }
}

diesel::table! {
    authority_walk (singleton) {
        singleton -> Bool,
        version -> Int8,
        through -> Nullable<Int8>,
        plan_id -> Nullable<Uuid>,
        token_name -> Nullable<Text>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    changes (id, at) {
        id -> Int8,
        at -> Timestamptz,
        sequence -> Nullable<Int8>,
        kind -> Text,
        person_id -> Nullable<Uuid>,
        person_version -> Int8,
        cause -> Text,
        run_id -> Nullable<Uuid>,
        token_name -> Nullable<Text>,
        reason -> Nullable<Text>,
        effective_at -> Nullable<Timestamptz>,
        diff -> Jsonb,
        position -> Int8,
        people_delta -> Int2,
        group_id -> Nullable<Uuid>,
        groups_joined -> Array<Uuid>,
        groups_left -> Array<Uuid>,
        connection_id -> Nullable<Uuid>,
        renamed -> Bool,
        groups_renamed -> Array<Uuid>,
        consumer_id -> Nullable<Uuid>,
        token_id -> Nullable<Uuid>,
        matched -> Nullable<Array<Int4>>,
        entered -> Nullable<Array<Int4>>,
        departed -> Nullable<Array<Int4>>,
    }
}

diesel::table! {
    connections (id) {
        id -> Uuid,
        ordinal -> Int8,
        kind -> Text,
        name -> Text,
        state -> Text,
        settings -> Jsonb,
        credentials -> Nullable<Bytea>,
        mapping -> Jsonb,
        accepted_mapping -> Nullable<Jsonb>,
        first_import -> Bool,
        account_id -> Nullable<Text>,
        account_name -> Nullable<Text>,
        memory -> Nullable<Jsonb>,
        evidence -> Text,
        problems -> Jsonb,
        failures -> Int4,
        created_at -> Timestamptz,
        state_since -> Timestamptz,
        last_good_at -> Nullable<Timestamptz>,
        next_run_at -> Nullable<Timestamptz>,
        mark -> Nullable<Jsonb>,
        last_full_at -> Nullable<Timestamptz>,
        worker_counts -> Nullable<Jsonb>,
        account_place -> Nullable<Text>,
        blocked -> Int4,
        blocked_since -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    consumers (id) {
        id -> Uuid,
        name -> Text,
        scopes -> Array<Text>,
        external_id_from_source -> Bool,
        created_at -> Timestamptz,
        user_filter -> Nullable<Text>,
        group_filter -> Nullable<Text>,
        attributes -> Nullable<Array<Text>>,
    }
}

diesel::table! {
    email_reservations (email_key, person_id) {
        email_key -> Text,
        person_id -> Uuid,
        reserved_until -> Timestamptz,
    }
}

diesel::table! {
    policy_filters (number) {
        number -> Int4,
        consumer_id -> Uuid,
        user_filter -> Nullable<Text>,
        group_filter -> Nullable<Text>,
        people_total -> Nullable<Int8>,
        counted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    feed_state (singleton) {
        singleton -> Bool,
        last_sequence -> Int8,
        people_total -> Int8,
        groups_total -> Int8,
    }
}

diesel::table! {
    group_keys (kind, key) {
        kind -> Text,
        key -> Text,
        group_id -> Uuid,
    }
}

diesel::table! {
    group_kinds (kind) {
        kind -> Text,
        ordinal -> Int2,
        enabled -> Bool,
        changed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    group_sources (group_id, connection_id, source_id) {
        group_id -> Uuid,
        kind -> Text,
        connection_id -> Uuid,
        source_id -> Text,
    }
}

diesel::table! {
    group_walk (singleton) {
        singleton -> Bool,
        through -> Nullable<Int8>,
        token_name -> Nullable<Text>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    groups (id) {
        id -> Uuid,
        position -> Int8,
        kind -> Text,
        key -> Text,
        name -> Text,
        display_name -> Text,
        display_name_key -> Text,
        created_at -> Timestamptz,
        modified_at -> Timestamptz,
        version -> Int8,
        members -> Int8,
        retired_since -> Nullable<Timestamptz>,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    holds (id) {
        id -> Uuid,
        plan_id -> Nullable<Uuid>,
        connection_id -> Uuid,
        state -> Text,
        people -> Array<Uuid>,
        active_people -> Int8,
        raised_at -> Timestamptz,
        expires_at -> Timestamptz,
        decided_at -> Nullable<Timestamptz>,
        decided_by -> Nullable<Text>,
        reason -> Nullable<Text>,
        run_id -> Nullable<Uuid>,
        superseded_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    page_positions (walk, next_start_index) {
        walk -> Int8,
        next_start_index -> Int8,
        last_position -> Int8,
        last_key -> Nullable<Text>,
        is_rooted -> Bool,
        saved_at -> Timestamptz,
        waiting -> Int4,
        remaining -> Nullable<Int8>,
        through -> Nullable<Int8>,
    }
}

diesel::table! {
    page_walks (id) {
        id -> Int8,
        caller -> Uuid,
        query -> Bytea,
        started_at -> Timestamptz,
        is_shared -> Bool,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    leases (name) {
        name -> Text,
        owner -> Uuid,
        leased_until -> Timestamptz,
    }
}

diesel::table! {
    oauth_consents (state) {
        state -> Bytea,
        connection_id -> Uuid,
        verifier -> Nullable<Bytea>,
        app -> Nullable<Bytea>,
        redirect_uri -> Text,
        token_name -> Text,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    oauth_grants (connection_id) {
        connection_id -> Uuid,
        consent -> Uuid,
        tokens -> Bytea,
        scope -> Text,
        expires_at -> Timestamptz,
        granted_at -> Timestamptz,
        refreshed_at -> Timestamptz,
        asked_at -> Nullable<Timestamptz>,
        refused_at -> Nullable<Timestamptz>,
    }
}

// The column `search_values` is left out: only conditions name it, in SQL of their own, and a table of more than 32
// columns makes everything that diesel compiles slower.
diesel::table! {
    people (id) {
        id -> Uuid,
        position -> Int8,
        version -> Int8,
        user_name -> Text,
        user_name_key -> Text,
        active -> Bool,
        display_name -> Nullable<Text>,
        employee_number -> Nullable<Text>,
        manager_via_connection -> Nullable<Uuid>,
        manager_via_source -> Nullable<Text>,
        manager_via_email -> Nullable<Text>,
        manager_target -> Nullable<Uuid>,
        manager_since -> Nullable<Timestamptz>,
        manager_state -> Text,
        manager_id -> Nullable<Uuid>,
        start_date -> Nullable<Date>,
        person -> Jsonb,
        document -> Text,
        created_at -> Timestamptz,
        modified_at -> Timestamptz,
        next_due -> Nullable<Timestamptz>,
        left_at -> Nullable<Timestamptz>,
        source_worker_id -> Nullable<Text>,
        department_group -> Nullable<Uuid>,
        legal_entity_group -> Nullable<Uuid>,
        country_group -> Nullable<Uuid>,
        employment_type_group -> Nullable<Uuid>,
        team_group -> Nullable<Uuid>,
        work_location_group -> Nullable<Uuid>,
        worker_type_group -> Nullable<Uuid>,
        manager_group -> Nullable<Uuid>,
        all_group -> Nullable<Uuid>,
    }
}

diesel::table! {
    people_blocks (block) {
        block -> Int8,
        people -> Int8,
    }
}

diesel::table! {
    plan_items (plan_id, seq) {
        plan_id -> Uuid,
        seq -> Int4,
        person_id -> Uuid,
        base_version -> Nullable<Int8>,
        state -> Text,
        target -> Jsonb,
        user_name_key -> Text,
        diff -> Jsonb,
        event -> Nullable<Text>,
        effective_at -> Nullable<Timestamptz>,
        leaver -> Bool,
        swap_group -> Nullable<Int4>,
        apply_order -> Int4,
        manager_before -> Nullable<Uuid>,
        manager_via_connection -> Nullable<Uuid>,
        manager_via_source -> Nullable<Text>,
        manager_via_email -> Nullable<Text>,
        manager_target -> Nullable<Uuid>,
        manager_since -> Nullable<Timestamptz>,
        manager_state -> Text,
        start_date -> Nullable<Date>,
    }
}

diesel::table! {
    plan_workers (plan_id, connection_id, source_id) {
        plan_id -> Uuid,
        connection_id -> Uuid,
        source_id -> Text,
        digest -> Bytea,
        disposition -> Text,
        exclusion -> Nullable<Text>,
        recheck_at -> Nullable<Timestamptz>,
        person_id -> Nullable<Uuid>,
        link_reason -> Nullable<Text>,
        accepted -> Nullable<Jsonb>,
        reviews -> Jsonb,
    }
}

diesel::table! {
    plans (id) {
        id -> Uuid,
        run_id -> Nullable<Uuid>,
        connection_id -> Nullable<Uuid>,
        cause -> Text,
        state -> Text,
        created_at -> Timestamptz,
        applied_at -> Nullable<Timestamptz>,
        authority -> Int8,
    }
}

diesel::table! {
    reviews (id) {
        id -> Uuid,
        about -> Text,
        reason -> Text,
        connection_id -> Nullable<Uuid>,
        source_id -> Nullable<Text>,
        person_id -> Nullable<Uuid>,
        detail -> Jsonb,
        opened_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
        waits_until -> Nullable<Timestamptz>,
        decided_by -> Nullable<Text>,
        decision -> Nullable<Text>,
    }
}

diesel::table! {
    runs (id) {
        id -> Uuid,
        connection_id -> Uuid,
        cause -> Text,
        preview -> Bool,
        state -> Text,
        plan_id -> Nullable<Uuid>,
        token_name -> Nullable<Text>,
        queued_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        pages -> Int4,
        workers -> Int8,
        expected -> Nullable<Int8>,
        phase -> Text,
        counts -> Jsonb,
        problems -> Jsonb,
        lease_owner -> Nullable<Uuid>,
        leased_until -> Nullable<Timestamptz>,
        cancel_requested_at -> Nullable<Timestamptz>,
        cancelled_by -> Nullable<Text>,
        cancel_reason -> Nullable<Text>,
        waiting_until -> Nullable<Timestamptz>,
        waiting_for -> Nullable<Text>,
        accepted_fields -> Array<Text>,
    }
}

diesel::table! {
    staged_workers (run_id, source_id) {
        run_id -> Uuid,
        source_id -> Text,
        statement -> Nullable<Jsonb>,
        digest -> Nullable<Bytea>,
        email_key -> Nullable<Text>,
        rejected -> Nullable<Text>,
        gaps -> Nullable<Jsonb>,
    }
}

diesel::table! {
    tokens (id) {
        id -> Uuid,
        consumer_id -> Nullable<Uuid>,
        name -> Text,
        digest -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        warned_days -> Nullable<Int2>,
    }
}

diesel::table! {
    workers (connection_id, source_id) {
        connection_id -> Uuid,
        source_id -> Text,
        statement -> Jsonb,
        digest -> Bytea,
        email_key -> Nullable<Text>,
        accepted -> Nullable<Jsonb>,
        decided_digest -> Nullable<Bytea>,
        disposition -> Text,
        exclusion -> Nullable<Text>,
        recheck_at -> Nullable<Timestamptz>,
        person_id -> Nullable<Uuid>,
        link_reason -> Nullable<Text>,
        linked_at -> Nullable<Timestamptz>,
        first_seen_at -> Timestamptz,
        changed_at -> Timestamptz,
        absent_since -> Nullable<Timestamptz>,
        absent_evidence -> Nullable<Text>,
        absent -> Bool,
        absent_proven_at -> Nullable<Timestamptz>,
        accepted_absent -> Bool,
        partial -> Bool,
        unreadable -> Bool,
    }
}

diesel::allow_tables_to_appear_in_same_query!(oauth_grants, connections);
diesel::allow_tables_to_appear_in_same_query!(
    audit,
    authority,
    authority_walk,
    changes,
    connections,
    consumers,
    email_reservations,
    policy_filters,
    feed_state,
    group_keys,
    group_kinds,
    group_sources,
    group_walk,
    groups,
    holds,
    page_positions,
    page_walks,
    leases,
    people,
    people_blocks,
    plan_items,
    plan_workers,
    plans,
    reviews,
    runs,
    staged_workers,
    tokens,
    workers,
);
