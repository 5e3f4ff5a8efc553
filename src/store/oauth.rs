//! What HR systems granted to connections by OAuth.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use super::db::schema::{connections, oauth_consents, oauth_grants};
use super::db::states::ConnectionState;

/// One row of `oauth_grants`. `tokens` are sealed.
#[derive(Clone, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = oauth_grants, treat_none_as_null = true)]
pub struct GrantRow {
    pub connection_id: Uuid,
    /// Which consent it rests on.
    pub consent: Uuid,
    pub tokens: Vec<u8>,
    /// What was granted, separated by spaces.
    pub scope: String,
    pub expires_at: DateTime<Utc>,
    pub granted_at: DateTime<Utc>,
    pub refreshed_at: DateTime<Utc>,
    /// Since when an answer to a refresh is missing.
    pub asked_at: Option<DateTime<Utc>>,
    /// Since when the HR system no longer takes the refresh token.
    pub refused_at: Option<DateTime<Utc>>,
}

/// The grant of a connection.
pub async fn find(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<Option<GrantRow>> {
    GrantRow::query().filter(oauth_grants::connection_id.eq(connection)).first(conn).await.optional()
}

/// The grant, locked until the transaction ends. The caller may ask the HR system meanwhile: another caller that wants
/// to refresh waits here, on any node.
pub async fn lock(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<Option<GrantRow>> {
    conn.batch_execute("SET LOCAL statement_timeout = '3min'; SET LOCAL idle_in_transaction_session_timeout = '3min'")
        .await?;
    GrantRow::query().filter(oauth_grants::connection_id.eq(connection)).for_update().first(conn).await.optional()
}

/// Keeps a grant in place of the one before.
pub async fn put(conn: &mut AsyncPgConnection, grant: &GrantRow) -> QueryResult<()> {
    diesel::insert_into(oauth_grants::table)
        .values(grant)
        .on_conflict(oauth_grants::connection_id)
        .do_update()
        .set(grant)
        .execute(conn)
        .await
        .map(drop)
}

/// Connections whose grant was last refreshed at `before` or earlier and is still of use.
pub async fn stale(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<Vec<Uuid>> {
    oauth_grants::table
        .inner_join(connections::table.on(connections::id.eq(oauth_grants::connection_id)))
        .filter(oauth_grants::refreshed_at.le(before))
        .filter(oauth_grants::refused_at.is_null())
        .filter(connections::state.eq_any([
            ConnectionState::Review,
            ConnectionState::Active,
            ConnectionState::Paused,
            ConnectionState::Failing,
        ]))
        .order(oauth_grants::refreshed_at)
        .select(oauth_grants::connection_id)
        .load(conn)
        .await
}

impl std::fmt::Debug for GrantRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrantRow")
            .field("connection_id", &self.connection_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// One row of `oauth_consents`. `state` is a digest, `verifier` and `app` are sealed.
#[derive(Clone, HasQuery, Insertable)]
#[diesel(table_name = oauth_consents)]
pub struct ConsentRow {
    pub state: Vec<u8>,
    pub connection_id: Uuid,
    pub verifier: Option<Vec<u8>>,
    /// The app that replaces the present one if consent is given; sealed.
    pub app: Option<Vec<u8>>,
    pub redirect_uri: String,
    /// The name of the token that asked for the consent.
    pub token_name: String,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(conn: &mut AsyncPgConnection, consent: ConsentRow) -> QueryResult<()> {
    diesel::insert_into(oauth_consents::table).values(consent).execute(conn).await.map(drop)
}

/// Takes a consent out, so that its state is good only once. `None` when there is none, or it has expired.
pub async fn take(conn: &mut AsyncPgConnection, state: &[u8], now: DateTime<Utc>) -> QueryResult<Option<ConsentRow>> {
    let taken: Option<ConsentRow> = diesel::delete(oauth_consents::table.find(state))
        .returning(ConsentRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(taken.filter(|consent| consent.expires_at > now))
}

/// Deletes consents that were never completed.
pub async fn forget_expired(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(oauth_consents::table.filter(oauth_consents::expires_at.le(now))).execute(conn).await
}

impl std::fmt::Debug for ConsentRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsentRow").field("connection_id", &self.connection_id).finish_non_exhaustive()
    }
}
