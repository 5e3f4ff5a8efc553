//! Runs: pulls of connections, which are also the queue of pulls. A run is claimed with a lease.

pub mod holds;
pub mod plans;
pub mod reviews;
pub mod staging;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::db::schema::runs;
pub use super::db::states::{RunCause, RunState, WaitingFor};

/// One row of `runs`.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = runs)]
pub struct RunRow {
    pub id: Uuid,
    pub connection_id: Uuid,
    pub cause: RunCause,
    pub preview: bool,
    pub state: RunState,
    pub plan_id: Option<Uuid>,
    pub token_name: Option<String>,
    pub queued_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub pages: i32,
    pub workers: i64,
    pub expected: Option<i64>,
    pub phase: String,
    pub counts: Value,
    pub problems: Value,
    pub lease_owner: Option<Uuid>,
    pub leased_until: Option<DateTime<Utc>>,
    /// Since when an admin wants it to end.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    pub cancelled_by: Option<String>,
    pub cancel_reason: Option<String>,
    /// Until when it waits, and what for.
    pub waiting_until: Option<DateTime<Utc>>,
    pub waiting_for: Option<WaitingFor>,
    /// Fields of records whose loss an admin has accepted for this run.
    pub accepted_fields: Vec<String>,
}

#[derive(Insertable)]
#[diesel(table_name = runs)]
pub struct NewRun {
    pub id: Uuid,
    pub connection_id: Uuid,
    pub cause: RunCause,
    pub preview: bool,
    pub state: RunState,
    pub plan_id: Option<Uuid>,
    pub token_name: Option<String>,
    pub queued_at: DateTime<Utc>,
    /// Fields of records whose loss an admin accepts.
    pub accepted_fields: Vec<String>,
}

#[derive(Default, AsChangeset)]
#[diesel(table_name = runs)]
pub struct RunChange {
    pub state: Option<RunState>,
    pub plan_id: Option<Uuid>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub pages: Option<i32>,
    pub workers: Option<i64>,
    pub expected: Option<Option<i64>>,
    pub phase: Option<String>,
    pub counts: Option<Value>,
    pub problems: Option<Value>,
    pub leased_until: Option<Option<DateTime<Utc>>>,
    pub waiting_until: Option<Option<DateTime<Utc>>>,
    pub waiting_for: Option<Option<WaitingFor>>,
}

/// Queues a run, unless one of the connection is going: then that one's id is the answer, with `false`.
pub async fn enqueue(conn: &mut AsyncPgConnection, new: NewRun) -> QueryResult<(Uuid, bool)> {
    let (id, connection) = (new.id, new.connection_id);
    loop {
        let inserted = diesel::insert_into(runs::table).values(&new).on_conflict_do_nothing().execute(conn).await?;
        if inserted == 1 {
            return Ok((id, true));
        }
        // The going run may have ended between the two statements: then try again.
        if let Some(going) = going(conn, connection).await? {
            return Ok((going.id, false));
        }
    }
}

/// The run of a connection that is queued or at work.
pub async fn going(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<Option<RunRow>> {
    RunRow::query()
        .filter(runs::connection_id.eq(connection))
        .filter(runs::state.eq_any(RunState::GOING))
        .first(conn)
        .await
        .optional()
}

pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<RunRow>> {
    RunRow::query().filter(runs::id.eq(id)).first(conn).await.optional()
}

/// The latest run of a connection.
pub async fn last_of(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<Option<RunRow>> {
    RunRow::query()
        .filter(runs::connection_id.eq(connection))
        .order((runs::queued_at.desc(), runs::id.desc()))
        .first(conn)
        .await
        .optional()
}

/// The latest run of each of these connections.
pub async fn last_of_each(conn: &mut AsyncPgConnection, connections: &[Uuid]) -> QueryResult<Vec<RunRow>> {
    RunRow::query()
        .distinct_on(runs::connection_id)
        .filter(runs::connection_id.eq_any(connections))
        .order((runs::connection_id, runs::queued_at.desc(), runs::id.desc()))
        .load(conn)
        .await
}

/// A page of runs, latest first, after `(queued_at, id)`; of one connection or of all.
pub async fn page(
    conn: &mut AsyncPgConnection,
    connection: Option<Uuid>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<RunRow>> {
    let mut query = RunRow::query().order((runs::queued_at.desc(), runs::id.desc())).limit(limit).into_boxed();
    if let Some(connection) = connection {
        query = query.filter(runs::connection_id.eq(connection));
    }
    if let Some((at, id)) = after {
        query = query.filter(runs::queued_at.lt(at).or(runs::queued_at.eq(at).and(runs::id.lt(id))));
    }
    query.load(conn).await
}

/// Takes the oldest run that no node works on and leases it to `owner`. A lease that lasts longer than the one asked
/// for was taken by a wrong clock and counts as none.
pub async fn claim(
    conn: &mut AsyncPgConnection,
    owner: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> QueryResult<Option<RunRow>> {
    let free = runs::table
        .filter(runs::state.eq_any(RunState::GOING))
        .filter(
            runs::leased_until
                .is_null()
                .or(runs::leased_until.lt(now))
                .or(runs::leased_until.gt(until + super::db::instance::TOLERANCE)),
        )
        .order((runs::queued_at, runs::id))
        .select(runs::id)
        .limit(1)
        .for_update()
        .skip_locked();
    let Some(id) = free.first::<Uuid>(conn).await.optional()? else { return Ok(None) };
    diesel::update(runs::table.find(id))
        .set((runs::lease_owner.eq(owner), runs::leased_until.eq(until)))
        .execute(conn)
        .await?;
    find(conn, id).await
}

/// Writes to a run that `owner` leases. `false` when the lease is another node's by now, or when the run was cancelled:
/// the caller has to stop.
pub async fn update_leased(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    owner: Uuid,
    change: RunChange,
) -> QueryResult<bool> {
    let mine = runs::table
        .filter(runs::id.eq(id))
        .filter(runs::lease_owner.eq(owner))
        .filter(runs::cancel_requested_at.is_null());
    diesel::update(mine).set(change).execute(conn).await.map(|rows| rows == 1)
}

/// Whether `owner` still leases a run, and whether an admin wants it to end.
pub async fn look(conn: &mut AsyncPgConnection, id: Uuid, owner: Uuid) -> QueryResult<Option<bool>> {
    runs::table
        .filter(runs::id.eq(id))
        .filter(runs::lease_owner.eq(owner))
        .filter(runs::state.eq_any(RunState::GOING))
        .select(runs::cancel_requested_at.is_not_null())
        .first(conn)
        .await
        .optional()
}

/// The run, locked until the transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<RunRow>> {
    RunRow::query().filter(runs::id.eq(id)).for_update().first(conn).await.optional()
}

/// Asks for a run to end. Where no node works on it, `owner` takes the lease until `until`, and has to end it.
pub async fn request_cancel(
    conn: &mut AsyncPgConnection,
    run: &RunRow,
    by: (&str, Option<&str>),
    (owner, now, until): (Uuid, DateTime<Utc>, DateTime<Utc>),
) -> QueryResult<bool> {
    let (token, reason) = by;
    diesel::update(runs::table.find(run.id))
        .set((runs::cancel_requested_at.eq(now), runs::cancelled_by.eq(token), runs::cancel_reason.eq(reason)))
        .execute(conn)
        .await?;
    if run.leased_until.is_some_and(|leased| leased >= now) {
        return Ok(false);
    }
    diesel::update(runs::table.find(run.id))
        .set((runs::lease_owner.eq(owner), runs::leased_until.eq(until)))
        .execute(conn)
        .await?;
    Ok(true)
}

pub async fn update(conn: &mut AsyncPgConnection, id: Uuid, change: RunChange) -> QueryResult<()> {
    diesel::update(runs::table.find(id)).set(change).execute(conn).await.map(drop)
}

/// Gives back the leases of a node that stops, so that another takes the runs over at once.
pub async fn release(conn: &mut AsyncPgConnection, owner: Uuid) -> QueryResult<usize> {
    diesel::update(runs::table.filter(runs::lease_owner.eq(owner)).filter(runs::state.eq_any(RunState::GOING)))
        .set(runs::leased_until.eq(None::<DateTime<Utc>>))
        .execute(conn)
        .await
}

/// Frees the runs of all nodes, when it is known that none of them lives.
pub async fn release_all(conn: &mut AsyncPgConnection) -> QueryResult<usize> {
    diesel::update(runs::table.filter(runs::leased_until.is_not_null()))
        .set(runs::leased_until.eq(None::<DateTime<Utc>>))
        .execute(conn)
        .await
}
