//! Connections: configured accounts of HR systems.

use chrono::{DateTime, Utc};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::db::schema::connections;
pub use super::db::states::ConnectionState;

/// One row of `connections`. `credentials` are sealed.
#[derive(Clone, HasQuery)]
#[diesel(table_name = connections)]
pub struct ConnectionRow {
    pub id: Uuid,
    pub ordinal: i64,
    pub kind: String,
    pub name: String,
    pub state: ConnectionState,
    pub settings: Value,
    pub credentials: Option<Vec<u8>>,
    pub mapping: Value,
    pub accepted_mapping: Option<Value>,
    pub first_import: bool,
    pub account_id: Option<String>,
    pub account_name: Option<String>,
    pub memory: Option<Value>,
    pub evidence: String,
    pub problems: Value,
    pub failures: i32,
    pub created_at: DateTime<Utc>,
    pub state_since: DateTime<Utc>,
    pub last_good_at: Option<DateTime<Utc>>,
    pub next_run_at: Option<DateTime<Utc>>,
    /// Where the next incremental reading goes on.
    pub mark: Option<Value>,
    /// When the last full reading began.
    pub last_full_at: Option<DateTime<Utc>>,
    /// See [`Tally`](super::workers::Tally); as of the end of the last run.
    pub worker_counts: Option<Value>,
    /// The address of the HR system at which `account_id` is an account.
    pub account_place: Option<String>,
    /// Refusals in a row that were not the HR system's own.
    pub blocked: i32,
    /// When the first of them came.
    pub blocked_since: Option<DateTime<Utc>>,
}

/// A connection that comes into being.
#[derive(Insertable)]
#[diesel(table_name = connections)]
pub struct NewConnection {
    pub id: Uuid,
    pub kind: String,
    pub name: String,
    pub state: ConnectionState,
    pub settings: Value,
    pub credentials: Option<Vec<u8>>,
    pub mapping: Value,
    pub account_id: Option<String>,
    pub account_name: Option<String>,
    pub account_place: Option<String>,
    pub created_at: DateTime<Utc>,
    pub state_since: DateTime<Utc>,
}

/// What may change in a connection; a field that is `None` stays as it is.
#[derive(Default, PartialEq, AsChangeset)]
#[diesel(table_name = connections)]
pub struct ConnectionChange {
    pub name: Option<String>,
    pub state: Option<ConnectionState>,
    pub state_since: Option<DateTime<Utc>>,
    pub settings: Option<Value>,
    pub credentials: Option<Vec<u8>>,
    pub mapping: Option<Value>,
    pub accepted_mapping: Option<Value>,
    pub first_import: Option<bool>,
    pub account_id: Option<String>,
    pub account_name: Option<String>,
    pub memory: Option<Value>,
    pub evidence: Option<String>,
    pub problems: Option<Value>,
    pub failures: Option<i32>,
    pub last_good_at: Option<Option<DateTime<Utc>>>,
    pub next_run_at: Option<Option<DateTime<Utc>>>,
    pub mark: Option<Option<Value>>,
    pub last_full_at: Option<DateTime<Utc>>,
    pub worker_counts: Option<Value>,
    pub account_place: Option<String>,
    pub blocked: Option<i32>,
    pub blocked_since: Option<Option<DateTime<Utc>>>,
}

pub async fn insert(conn: &mut AsyncPgConnection, new: NewConnection) -> QueryResult<()> {
    diesel::insert_into(connections::table).values(new).execute(conn).await.map(drop)
}

/// Whether a connection has this name, in whatever case.
pub async fn has_name(conn: &mut AsyncPgConnection, name: &str) -> QueryResult<bool> {
    let is_it = sql::<Bool>("lower(name) = lower(").bind::<Text, _>(name).sql(")");
    diesel::select(exists(connections::table.filter(is_it))).get_result(conn).await
}

/// The connection of an account, other than `except`.
pub async fn of_account(
    conn: &mut AsyncPgConnection,
    kind: &str,
    place: &str,
    account: &str,
    except: Option<Uuid>,
) -> QueryResult<Option<ConnectionRow>> {
    let mut query = ConnectionRow::query()
        .filter(connections::kind.eq(kind))
        .filter(connections::account_place.eq(place))
        .filter(connections::account_id.eq(account))
        .into_boxed();
    if let Some(except) = except {
        query = query.filter(connections::id.ne(except));
    }
    query.first(conn).await.optional()
}

pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<ConnectionRow>> {
    ConnectionRow::query().filter(connections::id.eq(id)).first(conn).await.optional()
}

/// The connection, locked until the transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<ConnectionRow>> {
    ConnectionRow::query().filter(connections::id.eq(id)).for_update().first(conn).await.optional()
}

/// All connections, in the default order of authority.
pub async fn all(conn: &mut AsyncPgConnection) -> QueryResult<Vec<ConnectionRow>> {
    ConnectionRow::query().order(connections::ordinal).load(conn).await
}

/// A page of connections after an ordinal.
pub async fn page(conn: &mut AsyncPgConnection, after: i64, limit: i64) -> QueryResult<Vec<ConnectionRow>> {
    ConnectionRow::query()
        .filter(connections::ordinal.gt(after))
        .order(connections::ordinal)
        .limit(limit)
        .load(conn)
        .await
}

pub async fn update(conn: &mut AsyncPgConnection, id: Uuid, change: ConnectionChange) -> QueryResult<()> {
    if change == ConnectionChange::default() {
        return Ok(());
    }
    diesel::update(connections::table.find(id)).set(change).execute(conn).await.map(drop)
}

/// Connections whose next pull is due, and whether they are still in review.
pub async fn due(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Vec<(Uuid, bool)>> {
    connections::table
        .filter(connections::state.eq_any(ConnectionState::PULLING))
        .filter(connections::next_run_at.le(now))
        .order(connections::next_run_at)
        .select((connections::id, connections::state.eq(ConnectionState::Review)))
        .load(conn)
        .await
}

/// The next instant at which a connection is due.
pub async fn next_due(conn: &mut AsyncPgConnection) -> QueryResult<Option<DateTime<Utc>>> {
    connections::table
        .filter(connections::state.eq_any(ConnectionState::PULLING))
        .select(diesel::dsl::min(connections::next_run_at))
        .first(conn)
        .await
}

impl std::fmt::Debug for ConnectionRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionRow")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
