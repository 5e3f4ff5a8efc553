//! Plans: what a run, a timer or a change of configuration would change, stored before anything is written.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Date, Int4, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::store::db::schema::{plan_items, plan_workers, plans};
pub use crate::store::db::states::{ItemState, ManagerState, PlanState};

/// One row of `plans`.
#[derive(Clone, Debug, HasQuery, Insertable)]
#[diesel(table_name = plans)]
pub struct PlanRow {
    pub id: Uuid,
    pub run_id: Option<Uuid>,
    pub connection_id: Option<Uuid>,
    pub cause: String,
    pub state: PlanState,
    pub created_at: DateTime<Utc>,
    pub applied_at: Option<DateTime<Utc>>,
    /// The state of the order of authority that it rests on.
    pub authority: i64,
}

/// A person as planned. The manager edge of `wanted` is as it was before it was resolved; the columns have the word.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = plan_items)]
pub struct ItemRow {
    pub seq: i32,
    pub person_id: Uuid,
    pub base_version: Option<i64>,
    pub state: ItemState,
    pub target: Value,
    pub user_name_key: String,
    pub diff: Value,
    pub event: Option<String>,
    pub effective_at: Option<DateTime<Utc>>,
    pub leaver: bool,
    pub swap_group: Option<i32>,
    pub manager_before: Option<Uuid>,
    pub manager_via_connection: Option<Uuid>,
    pub manager_via_source: Option<String>,
    pub manager_via_email: Option<String>,
    pub manager_target: Option<Uuid>,
    pub manager_since: Option<DateTime<Utc>>,
    pub manager_state: ManagerState,
    pub start_date: Option<NaiveDate>,
}

/// What a plan decided about a worker.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedWorker {
    pub connection_id: Uuid,
    pub source_id: String,
    /// Digest of the statement that was decided about, in hex.
    pub digest: String,
    pub disposition: &'static str,
    pub exclusion: Option<String>,
    pub recheck_at: Option<DateTime<Utc>>,
    pub person_id: Option<Uuid>,
    pub link_reason: Option<String>,
    pub accepted: Option<Value>,
    pub reviews: Value,
}

pub async fn insert(conn: &mut AsyncPgConnection, plan: PlanRow) -> QueryResult<()> {
    diesel::insert_into(plans::table).values(plan).execute(conn).await.map(drop)
}

pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<PlanRow>> {
    PlanRow::query().filter(plans::id.eq(id)).first(conn).await.optional()
}

/// The latest plan of a connection's previews that is ready to be applied.
pub async fn latest_ready(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<Option<PlanRow>> {
    PlanRow::query()
        .filter(plans::connection_id.eq(connection))
        .filter(plans::state.eq(PlanState::Ready))
        .order((plans::created_at.desc(), plans::id.desc()))
        .first(conn)
        .await
        .optional()
}

pub async fn set_state(conn: &mut AsyncPgConnection, id: Uuid, state: PlanState) -> QueryResult<()> {
    diesel::update(plans::table.find(id)).set(plans::state.eq(state)).execute(conn).await.map(drop)
}

pub async fn set_applied(conn: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(plans::table.find(id))
        .set((plans::state.eq(PlanState::Applied), plans::applied_at.eq(now)))
        .execute(conn)
        .await
        .map(drop)
}

/// Plans of a connection that a newer one makes obsolete.
pub async fn supersede_others(conn: &mut AsyncPgConnection, connection: Uuid, keep: Uuid) -> QueryResult<()> {
    diesel::update(
        plans::table
            .filter(plans::connection_id.eq(connection))
            .filter(plans::id.ne(keep))
            .filter(plans::state.eq_any([PlanState::Building, PlanState::Ready, PlanState::Held])),
    )
    .set(plans::state.eq(PlanState::Superseded))
    .execute(conn)
    .await
    .map(drop)
}

/// Forgets a plan that was not finished, so that it can be made again.
pub async fn delete(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    diesel::delete(plans::table.find(id)).execute(conn).await.map(drop)
}

/// Adds people to a plan. A person who is in it already stays as they are: the same input gave the same answer.
pub async fn add_items(conn: &mut AsyncPgConnection, plan: Uuid, items: &[ItemRow]) -> QueryResult<()> {
    fn all<'a, T: 'a>(items: &'a [ItemRow], value: impl Fn(&'a ItemRow) -> T) -> Vec<T> {
        items.iter().map(value).collect()
    }
    if items.is_empty() {
        return Ok(());
    }
    // As columns: each value is read once, where a document of all rows would be read twice.
    diesel::sql_query(
        "INSERT INTO plan_items (plan_id, seq, person_id, base_version, target, user_name_key, diff, event,
             effective_at, leaver, swap_group, manager_before, manager_via_connection, manager_via_source,
             manager_via_email, manager_target, manager_since, manager_state, start_date)
         SELECT $1, seq, person_id, base_version, target::jsonb, user_name_key, diff::jsonb, event,
             effective_at, leaver, swap_group, manager_before, manager_via_connection, manager_via_source,
             manager_via_email, manager_target, manager_since, manager_state, start_date
         FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) AS item
             (seq, person_id, base_version, target, user_name_key, diff, event, effective_at, leaver, swap_group,
             manager_before, manager_via_connection, manager_via_source, manager_via_email, manager_target,
             manager_since, manager_state, start_date)
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Array<Int4>, _>(all(items, |item| item.seq))
    .bind::<Array<SqlUuid>, _>(all(items, |item| item.person_id))
    .bind::<Array<Nullable<Int8>>, _>(all(items, |item| item.base_version))
    .bind::<Array<Text>, _>(all(items, |item| item.target.to_string()))
    .bind::<Array<Text>, _>(all(items, |item| item.user_name_key.as_str()))
    .bind::<Array<Text>, _>(all(items, |item| item.diff.to_string()))
    .bind::<Array<Nullable<Text>>, _>(all(items, |item| item.event.as_deref()))
    .bind::<Array<Nullable<Timestamptz>>, _>(all(items, |item| item.effective_at))
    .bind::<Array<Bool>, _>(all(items, |item| item.leaver))
    .bind::<Array<Nullable<Int4>>, _>(all(items, |item| item.swap_group))
    .bind::<Array<Nullable<SqlUuid>>, _>(all(items, |item| item.manager_before))
    .bind::<Array<Nullable<SqlUuid>>, _>(all(items, |item| item.manager_via_connection))
    .bind::<Array<Nullable<Text>>, _>(all(items, |item| item.manager_via_source.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(all(items, |item| item.manager_via_email.as_deref()))
    .bind::<Array<Nullable<SqlUuid>>, _>(all(items, |item| item.manager_target))
    .bind::<Array<Nullable<Timestamptz>>, _>(all(items, |item| item.manager_since))
    .bind::<Array<Text>, _>(all(items, |item| item.manager_state.as_str()))
    .bind::<Array<Nullable<Date>>, _>(all(items, |item| item.start_date))
    .execute(conn)
    .await
    .map(drop)
}

/// Adds decisions about workers to a plan; a worker that was decided about already keeps the first decision.
pub async fn add_workers(conn: &mut AsyncPgConnection, plan: Uuid, workers: &[PlannedWorker]) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO plan_workers (plan_id, connection_id, source_id, digest, disposition, exclusion, recheck_at,
             person_id, link_reason, accepted, reviews)
         SELECT $1, connection_id, source_id, decode(digest, 'hex'), disposition, exclusion, recheck_at,
             person_id, link_reason, accepted, reviews
         FROM json_to_recordset($2::json) AS worker (connection_id uuid, source_id text, digest text,
             disposition text, exclusion text, recheck_at timestamptz, person_id uuid, link_reason text,
             accepted jsonb, reviews jsonb)
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Text, _>(json(workers)?)
    .execute(conn)
    .await
    .map(drop)
}

fn json<T: Serialize>(rows: &[T]) -> QueryResult<String> {
    serde_json::to_string(rows).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))
}

/// The items that are to be applied next: at most `limit`, or a few more where a swap group would be torn.
pub async fn next_batch(conn: &mut AsyncPgConnection, plan: Uuid, limit: i64) -> QueryResult<Vec<ItemRow>> {
    let mut batch: Vec<ItemRow> = ItemRow::query()
        .filter(plan_items::plan_id.eq(plan))
        .filter(plan_items::state.eq(ItemState::Planned))
        .order((plan_items::apply_order, plan_items::seq))
        .limit(limit)
        .load(conn)
        .await?;
    let swap_groups: Vec<i32> = batch.iter().filter_map(|item| item.swap_group).collect();
    if !swap_groups.is_empty() {
        let here: Vec<i32> = batch.iter().map(|item| item.seq).collect();
        let rest: Vec<ItemRow> = ItemRow::query()
            .filter(plan_items::plan_id.eq(plan))
            .filter(plan_items::state.eq(ItemState::Planned))
            .filter(plan_items::swap_group.eq_any(swap_groups))
            .filter(plan_items::seq.ne_all(here))
            .order((plan_items::apply_order, plan_items::seq))
            .load(conn)
            .await?;
        batch.extend(rest);
    }
    Ok(batch)
}

/// A page of a plan's items by number.
pub async fn items(conn: &mut AsyncPgConnection, plan: Uuid, after: i32, limit: i64) -> QueryResult<Vec<ItemRow>> {
    ItemRow::query()
        .filter(plan_items::plan_id.eq(plan))
        .filter(plan_items::seq.gt(after))
        .order(plan_items::seq)
        .limit(limit)
        .load(conn)
        .await
}

/// The items of these people in a plan, by person.
pub async fn items_of(conn: &mut AsyncPgConnection, plan: Uuid, people: &[Uuid]) -> QueryResult<Vec<ItemRow>> {
    ItemRow::query()
        .filter(plan_items::plan_id.eq(plan))
        .filter(plan_items::person_id.eq_any(people))
        .order(plan_items::person_id)
        .load(conn)
        .await
}

pub async fn mark(conn: &mut AsyncPgConnection, plan: Uuid, numbers: &[i32], state: ItemState) -> QueryResult<()> {
    diesel::update(plan_items::table.filter(plan_items::plan_id.eq(plan)).filter(plan_items::seq.eq_any(numbers)))
        .set(plan_items::state.eq(state))
        .execute(conn)
        .await
        .map(drop)
}

/// Takes the items of these people out of a plan, together with what it decided about their workers.
pub async fn reject_people(conn: &mut AsyncPgConnection, plan: Uuid, people: &[Uuid]) -> QueryResult<()> {
    diesel::update(plan_items::table.filter(plan_items::plan_id.eq(plan)).filter(plan_items::person_id.eq_any(people)))
        .set(plan_items::state.eq(ItemState::Rejected))
        .execute(conn)
        .await?;
    diesel::delete(
        plan_workers::table.filter(plan_workers::plan_id.eq(plan)).filter(plan_workers::person_id.eq_any(people)),
    )
    .execute(conn)
    .await
    .map(drop)
}

/// The people who would be leavers by a plan, in order of id.
pub async fn leavers(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<Vec<Uuid>> {
    plan_items::table
        .filter(plan_items::plan_id.eq(plan))
        .filter(plan_items::leaver)
        .filter(plan_items::state.eq(ItemState::Planned))
        .select(plan_items::person_id)
        .order(plan_items::person_id)
        .load(conn)
        .await
}

/// The people whose items have a state.
pub async fn people_in(conn: &mut AsyncPgConnection, plan: Uuid, state: ItemState) -> QueryResult<Vec<Uuid>> {
    plan_items::table
        .filter(plan_items::plan_id.eq(plan))
        .filter(plan_items::state.eq(state))
        .select(plan_items::person_id)
        .order(plan_items::seq)
        .load(conn)
        .await
}

/// How many items a plan has of each kind, while it is planned and after it was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, QueryableByName)]
pub struct PlanCounts {
    #[diesel(sql_type = Int8)]
    pub created: i64,
    /// Updated people who are not deactivated.
    #[diesel(sql_type = Int8)]
    pub updated: i64,
    #[diesel(sql_type = Int8)]
    pub deactivated: i64,
    /// People who would be leavers: deactivated, or with an end within 30 days.
    #[diesel(sql_type = Int8)]
    pub leavers: i64,
    #[diesel(sql_type = Int8)]
    pub withheld: i64,
    #[diesel(sql_type = Int8)]
    pub excluded: i64,
    #[diesel(sql_type = Int8)]
    pub stale: i64,
}

pub async fn counts(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<PlanCounts> {
    diesel::sql_query(
        "SELECT count(*) FILTER (WHERE i.base_version IS NULL) AS created,
                count(*) FILTER (WHERE i.base_version IS NOT NULL AND i.seen AND i.event IS DISTINCT FROM 'person.deactivated')
                    AS updated,
                count(*) FILTER (WHERE i.base_version IS NOT NULL AND i.event = 'person.deactivated') AS deactivated,
                count(*) FILTER (WHERE i.leaver) AS leavers,
                count(*) FILTER (WHERE i.state = 'stale') AS stale,
                (SELECT count(*) FROM plan_workers WHERE plan_id = $1 AND disposition = 'withheld') AS withheld,
                (SELECT count(*) FROM plan_workers WHERE plan_id = $1 AND disposition = 'excluded') AS excluded
         FROM (SELECT *, diff <> '[]'
                    OR manager_before IS DISTINCT FROM CASE WHEN manager_state = 'person' THEN manager_target END AS seen
               FROM plan_items WHERE plan_id = $1 AND state <> 'rejected') AS i",
    )
    .bind::<SqlUuid, _>(plan)
    .get_result(conn)
    .await
}

/// What was applied since a plan was made, so that applying it may do something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, QueryableByName)]
#[serde(rename_all = "camelCase")]
pub struct PublishedSince {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub connection_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    pub connection_name: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub run_id: Option<Uuid>,
    /// When the plan of that run was applied; none while it is being applied.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub at: Option<DateTime<Utc>>,
}

/// The latest plan of another connection that changed people after this plan, which is still to be applied, was begun.
pub async fn published_since(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<Option<PublishedSince>> {
    diesel::sql_query(
        "SELECT o.connection_id, c.name AS connection_name, o.run_id, o.applied_at AS at
         FROM plans p
         JOIN plans o ON o.connection_id IS DISTINCT FROM p.connection_id
              AND (o.state = 'applying' OR (o.state = 'applied' AND o.applied_at >= p.created_at))
         LEFT JOIN connections c ON c.id = o.connection_id
         WHERE p.id = $1 AND p.state = 'ready'
           AND EXISTS (SELECT FROM plan_items i WHERE i.plan_id = o.id AND i.state = 'applied')
         ORDER BY o.applied_at DESC NULLS FIRST LIMIT 1",
    )
    .bind::<SqlUuid, _>(plan)
    .get_result(conn)
    .await
    .optional()
}

/// The workers that the plan `$1` decides as the plan `$2` does. People who do not exist yet have other ids in each
/// plan, so that what is compared is what they would be.
const SAME: &str = "SELECT w.connection_id, w.source_id FROM plan_workers w
     JOIN plan_workers b ON b.plan_id = $2 AND b.connection_id = w.connection_id AND b.source_id = w.source_id
          AND b.disposition = w.disposition AND b.exclusion IS NOT DISTINCT FROM w.exclusion
          AND jsonb_path_query_array(b.reviews, '$[*].reason') = jsonb_path_query_array(w.reviews, '$[*].reason')
     LEFT JOIN plan_items wi ON wi.plan_id = w.plan_id AND wi.person_id = w.person_id
     LEFT JOIN plan_items bi ON bi.plan_id = b.plan_id AND bi.person_id = b.person_id
     LEFT JOIN people wp ON wp.id = w.person_id
     LEFT JOIN people bp ON bp.id = b.person_id
     WHERE w.plan_id = $1 AND wp.id IS NOT DISTINCT FROM bp.id
       AND (wi.target - 'provenance') IS NOT DISTINCT FROM (bi.target - 'provenance')";

/// Whether two plans of one connection decide the same about each worker.
pub async fn is_same(conn: &mut AsyncPgConnection, one: Uuid, other: Uuid) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        same: bool,
    }
    diesel::sql_query(format!(
        "SELECT NOT EXISTS (SELECT connection_id, source_id FROM plan_workers WHERE plan_id = $1 EXCEPT ({SAME}))
            AND NOT EXISTS (SELECT connection_id, source_id FROM plan_workers WHERE plan_id = $2 EXCEPT ({SAME})) AS same"
    ))
    .bind::<SqlUuid, _>(one)
    .bind::<SqlUuid, _>(other)
    .get_result::<Found>(conn)
    .await
    .map(|row| row.same)
}

/// Leaves in a plan that only shows something the workers that it decides otherwise than `base` does, with their
/// people.
pub async fn keep_differences(conn: &mut AsyncPgConnection, plan: Uuid, base: Uuid) -> QueryResult<()> {
    diesel::sql_query(format!(
        "DELETE FROM plan_workers d USING ({SAME}) AS same
         WHERE d.plan_id = $1 AND d.connection_id = same.connection_id AND d.source_id = same.source_id"
    ))
    .bind::<SqlUuid, _>(plan)
    .bind::<SqlUuid, _>(base)
    .execute(conn)
    .await?;
    diesel::sql_query(
        "DELETE FROM plan_items i WHERE i.plan_id = $1
           AND NOT EXISTS (SELECT FROM plan_workers w WHERE w.plan_id = $1 AND w.person_id = i.person_id)",
    )
    .bind::<SqlUuid, _>(plan)
    .execute(conn)
    .await
    .map(drop)
}

/// The greatest number of a plan's items; 0 for none.
pub async fn last_number(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<i32> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Int4>)]
        last: Option<i32>,
    }
    let row: Row = diesel::sql_query("SELECT max(seq) AS last FROM plan_items WHERE plan_id = $1")
        .bind::<SqlUuid, _>(plan)
        .get_result(conn)
        .await?;
    Ok(row.last.unwrap_or(0))
}

/// People of a plan with a worker whose statement differs from the one that the plan was made of.
pub async fn moved_on(conn: &mut AsyncPgConnection, plan: Uuid, people: &[Uuid]) -> QueryResult<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        person_id: Uuid,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT DISTINCT p.person_id FROM plan_workers p JOIN workers w USING (connection_id, source_id)
         WHERE p.plan_id = $1 AND p.person_id = ANY($2) AND w.digest <> p.digest",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Array<SqlUuid>, _>(people)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.person_id).collect())
}

/// The workers that a plan decided about for these people.
pub async fn workers_of(conn: &mut AsyncPgConnection, plan: Uuid, people: &[Uuid]) -> QueryResult<Vec<String>> {
    plan_workers::table
        .filter(plan_workers::plan_id.eq(plan))
        .filter(plan_workers::person_id.eq_any(people))
        .select(plan_workers::source_id)
        .order(plan_workers::source_id)
        .load(conn)
        .await
}
