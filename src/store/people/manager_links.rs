//! Manager links of a plan: their targets, whether they close a cycle, and the order in which people are written.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Date, Int4, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

/// Finds the people behind the edges that a plan states: by the manager's worker; where the HR system names no worker,
/// or one that it does not show us, by the one person who has the manager's email then. That is how a manager is found
/// that only another HR system knows (story 20). What is not found stays pending.
pub async fn resolve(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<()> {
    diesel::sql_query(
        "UPDATE plan_items i SET manager_target = found.person_id, manager_state = 'person'
         FROM (SELECT i.seq, coalesce(p.person_id, w.person_id) AS person_id
               FROM plan_items i
               LEFT JOIN plan_workers p ON p.plan_id = i.plan_id AND p.connection_id = i.manager_via_connection
                    AND p.source_id = i.manager_via_source AND p.disposition = 'published'
               LEFT JOIN workers w ON w.connection_id = i.manager_via_connection
                    AND w.source_id = i.manager_via_source
               WHERE i.plan_id = $1 AND i.manager_state = 'pending' AND i.manager_via_source IS NOT NULL) AS found
         WHERE i.plan_id = $1 AND i.seq = found.seq AND found.person_id IS NOT NULL",
    )
    .bind::<SqlUuid, _>(plan)
    .execute(conn)
    .await?;
    diesel::sql_query(
        "UPDATE plan_items i SET manager_target = found.person_id, manager_state = 'person'
         FROM (SELECT i.seq, coalesce(planned.person_id, present.id) AS person_id
               FROM plan_items i
               LEFT JOIN plan_items planned ON planned.plan_id = i.plan_id
                    AND planned.user_name_key = i.manager_via_email
               LEFT JOIN people present ON present.user_name_key = i.manager_via_email
                    AND NOT EXISTS (SELECT FROM plan_items o WHERE o.plan_id = i.plan_id AND o.person_id = present.id
                                    AND o.user_name_key <> i.manager_via_email)
               WHERE i.plan_id = $1 AND i.manager_state = 'pending' AND i.manager_via_email IS NOT NULL
                 AND NOT EXISTS (SELECT FROM workers w WHERE w.connection_id = i.manager_via_connection
                                 AND w.source_id = i.manager_via_source)) AS found
         WHERE i.plan_id = $1 AND i.seq = found.seq AND found.person_id IS NOT NULL",
    )
    .bind::<SqlUuid, _>(plan)
    .execute(conn)
    .await
    .map(drop)
}

/// Adds the people whose pending edge leads to a person that this plan brings or that exists by now (story 20).
///
/// Each plan looks at all pending edges, not only at those that its own people could resolve: the person may have come
/// with a plan that was made before the edge was written. Only pending edges are read, each by an index.
pub async fn relink_pending(conn: &mut AsyncPgConnection, plan: Uuid, after: i32) -> QueryResult<usize> {
    diesel::sql_query(
        "INSERT INTO plan_items (plan_id, seq, person_id, base_version, target, user_name_key, diff, event, leaver,
             manager_before, manager_via_connection, manager_via_source, manager_via_email, manager_target,
             manager_since, manager_state, start_date)
         SELECT $1, $2 + (row_number() OVER (ORDER BY position))::int, id, version, person, user_name_key, '[]',
             'person.updated', false, manager_id, manager_via_connection, manager_via_source, manager_via_email, target,
             manager_since, 'person', start_date
         FROM (SELECT e.id, e.position, e.version, e.person, e.user_name_key, e.manager_id, e.manager_via_connection,
                    e.manager_via_source, e.manager_via_email, e.manager_since, e.start_date, w.person_id AS target
               FROM plan_workers w JOIN people e ON e.manager_state = 'pending'
                    AND e.manager_via_connection = w.connection_id AND e.manager_via_source = w.source_id
               WHERE w.plan_id = $1 AND w.link_reason IS NOT NULL
               UNION
               SELECT e.id, e.position, e.version, e.person, e.user_name_key, e.manager_id, e.manager_via_connection,
                    e.manager_via_source, e.manager_via_email, e.manager_since, e.start_date, w.person_id
               FROM people e JOIN workers w ON w.connection_id = e.manager_via_connection
                    AND w.source_id = e.manager_via_source
               WHERE e.manager_state = 'pending' AND w.person_id IS NOT NULL
               UNION
               SELECT e.id, e.position, e.version, e.person, e.user_name_key, e.manager_id, e.manager_via_connection,
                    e.manager_via_source, e.manager_via_email, e.manager_since, e.start_date, i.person_id
               FROM plan_items i JOIN people e ON e.manager_state = 'pending' AND e.manager_via_email = i.user_name_key
               WHERE i.plan_id = $1
                 AND NOT EXISTS (SELECT FROM workers w WHERE w.connection_id = e.manager_via_connection
                                 AND w.source_id = e.manager_via_source)
               UNION
               SELECT e.id, e.position, e.version, e.person, e.user_name_key, e.manager_id, e.manager_via_connection,
                    e.manager_via_source, e.manager_via_email, e.manager_since, e.start_date, m.id
               FROM people e JOIN people m ON m.user_name_key = e.manager_via_email
               WHERE e.manager_state = 'pending'
                 AND NOT EXISTS (SELECT FROM workers w WHERE w.connection_id = e.manager_via_connection
                                 AND w.source_id = e.manager_via_source)
                 AND NOT EXISTS (SELECT FROM plan_items o WHERE o.plan_id = $1 AND o.person_id = m.id
                                 AND o.user_name_key <> m.user_name_key)) AS healed
         WHERE NOT EXISTS (SELECT FROM plan_items i WHERE i.plan_id = $1 AND i.person_id = healed.id)
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Int4, _>(after)
    .execute(conn)
    .await
}

/// Whether a pending edge leads to a person who exists by now. Two plans that are made side by side do not see each
/// other's people, so that this is asked again after a plan was applied.
pub async fn is_any_resolvable(conn: &mut AsyncPgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let found: Found = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM people e JOIN workers w ON w.connection_id = e.manager_via_connection
                            AND w.source_id = e.manager_via_source
                        WHERE e.manager_state = 'pending' AND w.person_id IS NOT NULL)
             OR EXISTS (SELECT FROM people e JOIN people m ON m.user_name_key = e.manager_via_email
                        WHERE e.manager_state = 'pending'
                          AND NOT EXISTS (SELECT FROM workers w WHERE w.connection_id = e.manager_via_connection
                                          AND w.source_id = e.manager_via_source)) AS found",
    )
    .get_result(conn)
    .await?;
    Ok(found.found)
}

/// A link of a plan to a person that the plan itself creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct WaitingEdge {
    #[diesel(sql_type = Int4)]
    pub seq: i32,
    #[diesel(sql_type = SqlUuid)]
    pub person: Uuid,
    /// Whether the person would come into being, too.
    #[diesel(sql_type = Bool)]
    pub is_new: bool,
    #[diesel(sql_type = SqlUuid)]
    pub manager: Uuid,
}

/// The edges of a plan that have to wait for a manager of the same plan.
pub async fn waiting(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<Vec<WaitingEdge>> {
    diesel::sql_query(
        "SELECT i.seq, i.person_id AS person, i.base_version IS NULL AS is_new, i.manager_target AS manager
         FROM plan_items i JOIN plan_items m ON m.plan_id = i.plan_id AND m.person_id = i.manager_target
         WHERE i.plan_id = $1 AND i.manager_state = 'person' AND m.base_version IS NULL",
    )
    .bind::<SqlUuid, _>(plan)
    .load(conn)
    .await
}

/// Writes in which order items are applied: those of a higher level later. Items that are not named stay as they are.
pub async fn set_levels(conn: &mut AsyncPgConnection, plan: Uuid, levels: &[(i32, i32)]) -> QueryResult<()> {
    if levels.is_empty() {
        return Ok(());
    }
    let (numbers, levels): (Vec<i32>, Vec<i32>) = levels.iter().copied().unzip();
    diesel::sql_query(
        "UPDATE plan_items i SET apply_order = o.apply_order FROM unnest($2, $3) AS o (seq, apply_order)
         WHERE i.plan_id = $1 AND i.seq = o.seq AND i.apply_order <> o.apply_order",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Array<Int4>, _>(numbers)
    .bind::<Array<Int4>, _>(levels)
    .execute(conn)
    .await
    .map(drop)
}

/// Lets the statements of this transaction take as long as a whole connection needs: the limit is one for requests.
pub async fn disable_statement_timeout(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    conn.batch_execute("SET LOCAL statement_timeout = 0").await
}

/// Tells the planner what the tables of plans hold by now: what was empty a moment ago is taken for empty, and joined
/// row by row. Outside of a transaction, since others wait for the lock.
pub async fn analyze_plans(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    conn.batch_execute("ANALYZE plan_items; ANALYZE plan_workers").await
}

/// An edge of a cycle.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct CycleEdge {
    #[diesel(sql_type = SqlUuid)]
    pub person: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub manager: Uuid,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub since: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Date>)]
    pub start: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    pub tie: String,
}

/// All edges that lie on a cycle after this plan, suspended ones counted as if they held. Only the edges that the plan
/// moves and those that are suspended already are followed upward: no other edge can be new in a cycle. `circling` are
/// the items of new people who got no level.
pub async fn cycles(conn: &mut AsyncPgConnection, plan: Uuid, circling: &[i32]) -> QueryResult<Vec<CycleEdge>> {
    diesel::sql_query(
        "WITH RECURSIVE starts AS (
             SELECT person_id AS node FROM plan_items
             WHERE plan_id = $1 AND manager_target IS NOT NULL AND state <> 'rejected'
               AND (base_version IS NOT NULL OR seq = ANY($2))
               AND manager_before IS DISTINCT FROM manager_target
             UNION SELECT id FROM people WHERE manager_state = 'suspended'
         ), up AS (
             SELECT node AS start, node, (SELECT target FROM edge_of($1, node)) AS target FROM starts
             UNION ALL
             SELECT up.start, up.target, (SELECT target FROM edge_of($1, up.target)) FROM up
             WHERE up.target IS NOT NULL AND up.target <> up.start
         ) CYCLE node SET looped USING path,
         closed AS (SELECT DISTINCT start FROM up WHERE target = start)
         SELECT DISTINCT up.node AS person, e.target AS manager, e.since, e.start, up.node::text AS tie
         FROM up JOIN closed USING (start) CROSS JOIN LATERAL edge_of($1, up.node) e
         WHERE e.target IS NOT NULL
         ORDER BY 1",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Array<Int4>, _>(circling)
    .load(conn)
    .await
}

/// Makes the suspended edges exactly those of `suspended`: in the plan, and by adding the people whose edge changes.
pub async fn suspend(conn: &mut AsyncPgConnection, plan: Uuid, suspended: &[Uuid], after: i32) -> QueryResult<()> {
    diesel::sql_query(
        "UPDATE plan_items SET manager_state = CASE WHEN person_id = ANY($2) THEN 'suspended' ELSE 'person' END
         WHERE plan_id = $1 AND manager_state IN ('person', 'suspended')
           AND manager_state <> CASE WHEN person_id = ANY($2) THEN 'suspended' ELSE 'person' END",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Array<SqlUuid>, _>(suspended)
    .execute(conn)
    .await?;
    diesel::sql_query(
        "INSERT INTO plan_items (plan_id, seq, person_id, base_version, target, user_name_key, diff, event, leaver,
             manager_before, manager_via_connection, manager_via_source, manager_via_email, manager_target,
             manager_since, manager_state, start_date)
         SELECT $1, $3 + (row_number() OVER (ORDER BY position))::int, id, version, person, user_name_key, '[]',
             'person.updated', false, manager_id, manager_via_connection, manager_via_source, manager_via_email,
             manager_target, manager_since, CASE WHEN id = ANY($2) THEN 'suspended' ELSE 'person' END, start_date
         FROM people e
         WHERE ((manager_state = 'suspended' AND NOT id = ANY($2)) OR (manager_state = 'person' AND id = ANY($2)))
           AND NOT EXISTS (SELECT FROM plan_items i WHERE i.plan_id = $1 AND i.person_id = e.id)",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Array<SqlUuid>, _>(suspended)
    .bind::<Int4, _>(after)
    .execute(conn)
    .await
    .map(drop)
}
