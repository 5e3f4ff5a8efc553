//! Consents that an admin was sent out for and that have not come back yet.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::schema::oauth_consents;

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
    /// The name of the token of whoever asked for the consent.
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

/// Forgets consents that nobody came back from.
pub async fn forget_expired(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(oauth_consents::table.filter(oauth_consents::expires_at.le(now))).execute(conn).await
}

impl std::fmt::Debug for ConsentRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsentRow").field("connection_id", &self.connection_id).finish_non_exhaustive()
    }
}
