//! Holds: plans, or parts of them, that wait for an admin.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::db::schema::holds;
pub use crate::store::db::states::HoldState;

/// One row of `holds`.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = holds)]
pub struct HoldRow {
    pub id: Uuid,
    pub plan_id: Option<Uuid>,
    pub connection_id: Uuid,
    pub state: HoldState,
    pub people: Vec<Uuid>,
    pub active_people: i64,
    pub raised_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decided_by: Option<String>,
    pub reason: Option<String>,
    pub run_id: Option<Uuid>,
}

#[derive(Insertable)]
#[diesel(table_name = holds)]
pub struct NewHold {
    pub id: Uuid,
    pub plan_id: Option<Uuid>,
    pub connection_id: Uuid,
    pub state: HoldState,
    pub people: Vec<Uuid>,
    pub active_people: i64,
    pub raised_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(conn: &mut AsyncPgConnection, new: NewHold) -> QueryResult<()> {
    diesel::insert_into(holds::table).values(new).execute(conn).await.map(drop)
}

pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<HoldRow>> {
    HoldRow::query().filter(holds::id.eq(id)).first(conn).await.optional()
}

/// The hold, locked until the transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<HoldRow>> {
    HoldRow::query().filter(holds::id.eq(id)).for_update().first(conn).await.optional()
}

pub async fn open_of(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<Option<HoldRow>> {
    HoldRow::query()
        .filter(holds::connection_id.eq(connection))
        .filter(holds::state.eq(HoldState::Open))
        .first(conn)
        .await
        .optional()
}

/// The open holds of these connections; each has one at most.
pub async fn open_of_each(conn: &mut AsyncPgConnection, connections: &[Uuid]) -> QueryResult<Vec<HoldRow>> {
    HoldRow::query()
        .filter(holds::connection_id.eq_any(connections))
        .filter(holds::state.eq(HoldState::Open))
        .load(conn)
        .await
}

/// The latest rejection of a connection's holds that still counts.
pub async fn last_rejected(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<Option<HoldRow>> {
    HoldRow::query()
        .filter(holds::connection_id.eq(connection))
        .filter(holds::state.eq_any([HoldState::Rejected, HoldState::Expired]))
        .filter(holds::superseded_at.is_null())
        .order(holds::decided_at.desc())
        .first(conn)
        .await
        .optional()
}

/// Gives an open hold the plan that says the same now.
pub async fn renew(conn: &mut AsyncPgConnection, id: Uuid, plan: Uuid) -> QueryResult<()> {
    diesel::update(holds::table.find(id)).set(holds::plan_id.eq(plan)).execute(conn).await.map(drop)
}

/// Ends a hold.
pub async fn decide(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    state: HoldState,
    now: DateTime<Utc>,
    by: Option<&str>,
    reason: Option<&str>,
) -> QueryResult<()> {
    diesel::update(holds::table.find(id))
        .set((holds::state.eq(state), holds::decided_at.eq(now), holds::decided_by.eq(by), holds::reason.eq(reason)))
        .execute(conn)
        .await
        .map(drop)
}

/// Open holds whose time is over.
pub async fn expired(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Vec<Uuid>> {
    holds::table
        .filter(holds::state.eq(HoldState::Open))
        .filter(holds::expires_at.le(now))
        .select(holds::id)
        .load(conn)
        .await
}

/// A page of holds, latest first, after `(raised_at, id)`; in one state or in all.
pub async fn page(
    conn: &mut AsyncPgConnection,
    state: Option<HoldState>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<HoldRow>> {
    let mut query = HoldRow::query().order((holds::raised_at.desc(), holds::id.desc())).limit(limit).into_boxed();
    if let Some(state) = state {
        query = query.filter(holds::state.eq(state));
    }
    if let Some((at, id)) = after {
        query = query.filter(holds::raised_at.lt(at).or(holds::raised_at.eq(at).and(holds::id.lt(id))));
    }
    query.load(conn).await
}

/// The hold whose approval a run carries out.
pub async fn approved_by_run(conn: &mut AsyncPgConnection, run: Uuid) -> QueryResult<Option<HoldRow>> {
    HoldRow::query().filter(holds::run_id.eq(run)).first(conn).await.optional()
}

/// Notes the run that carries an approval out.
pub async fn set_run(conn: &mut AsyncPgConnection, id: Uuid, run: Uuid) -> QueryResult<()> {
    diesel::update(holds::table.find(id)).set(holds::run_id.eq(run)).execute(conn).await.map(drop)
}

/// Lets the rejections of a connection count no longer.
pub async fn spend(conn: &mut AsyncPgConnection, connection: Uuid, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(
        holds::table
            .filter(holds::connection_id.eq(connection))
            .filter(holds::state.eq_any([HoldState::Rejected, HoldState::Expired]))
            .filter(holds::superseded_at.is_null()),
    )
    .set(holds::superseded_at.eq(now))
    .execute(conn)
    .await
    .map(drop)
}
