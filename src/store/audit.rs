//! Who changed the configuration or decided something: every write through the admin API.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::db::schema::audit;

/// One row of `audit`. `detail` holds no credential and no personal value.
#[derive(Clone, Debug, HasQuery, Insertable)]
#[diesel(table_name = audit)]
pub struct AuditRow {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub token_name: String,
    pub action: String,
    pub target: String,
    pub reason: Option<String>,
    pub detail: Value,
}

pub async fn append(conn: &mut AsyncPgConnection, row: AuditRow) -> QueryResult<()> {
    diesel::insert_into(audit::table).values(row).execute(conn).await.map(drop)
}

/// A page, latest first, after `(at, id)`.
pub async fn page(
    conn: &mut AsyncPgConnection,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<AuditRow>> {
    let mut query = AuditRow::query().order((audit::at.desc(), audit::id.desc())).limit(limit).into_boxed();
    if let Some((at, id)) = after {
        query = query.filter(audit::at.lt(at).or(audit::at.eq(at).and(audit::id.lt(id))));
    }
    query.load(conn).await
}
