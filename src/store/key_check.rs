//! A known text that is sealed with the key of this database, so that another key is recognised at a start.

use diesel::prelude::*;
use diesel::sql_types::Binary;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

/// The sealed text; absent until a server has started once.
pub async fn find(conn: &mut AsyncPgConnection) -> QueryResult<Option<Vec<u8>>> {
    let row: Option<Row> = diesel::sql_query("SELECT sealed FROM key_check").get_result(conn).await.optional()?;
    Ok(row.map(|row| row.sealed))
}

/// Keeps a sealed text in place of the one before.
pub async fn put(conn: &mut AsyncPgConnection, sealed: &[u8]) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO key_check (sealed) VALUES ($1) ON CONFLICT (singleton) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind::<Binary, _>(sealed)
    .execute(conn)
    .await
    .map(drop)
}
