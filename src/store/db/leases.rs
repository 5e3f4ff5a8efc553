//! Leases on work that only one node may do at a time (law 11). A dead node's lease ends by itself.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::sql_types::{Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

/// Takes or renews the lease on `name` for `owner`; `false` while another node has it. A lease that lasts longer than
/// the one asked for was taken by a wrong clock and counts as none.
pub async fn take(
    conn: &mut AsyncPgConnection,
    name: &str,
    owner: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> QueryResult<bool> {
    diesel::sql_query(
        "INSERT INTO leases (name, owner, leased_until) VALUES ($1, $2, $4)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until
         WHERE leases.owner = excluded.owner OR leases.leased_until < $3
            OR leases.leased_until > $4 + interval '1 minute'",
    )
    .bind::<Text, _>(name)
    .bind::<SqlUuid, _>(owner)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(until)
    .execute(conn)
    .await
    .map(|rows| rows == 1)
}

/// Gives back every lease of a node that stops.
pub async fn release(conn: &mut AsyncPgConnection, owner: Uuid) -> QueryResult<()> {
    diesel::sql_query("DELETE FROM leases WHERE owner = $1").bind::<SqlUuid, _>(owner).execute(conn).await.map(drop)
}

/// Frees what any node holds, when it is known that none of them lives. Leases that serve as a schedule stay: they are
/// held by no node.
pub async fn release_all(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query("DELETE FROM leases WHERE name NOT IN ('housekeeping', 'retention')")
        .execute(conn)
        .await
        .map(drop)
}
