//! The index by parts of texts: what makes `co`, `sw` and `ew` fast on `userName`, `displayName` and `emails`. It needs
//! the extension `pg_trgm`, which the server may lack, or may not let us create; without it these filters look at
//! everybody.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tracing::{info, warn};

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = Text)]
    place: String,
}

/// Makes the index, once the extension is there. Called by one process at a time.
pub(crate) async fn ensure(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    let found: Found =
        diesel::sql_query("SELECT to_regclass('people_by_parts') IS NOT NULL AS found").get_result(conn).await?;
    if found.found {
        return Ok(());
    }
    if let Err(error) = conn.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_trgm").await {
        let reason = match &error {
            Error::DatabaseError(_, information) => information.message().to_owned(),
            other => other.to_string(),
        };
        warn!("the extension pg_trgm cannot be created ({reason}): filters with co, sw and ew look at everybody");
        return Ok(());
    }
    // It can be in a schema that is not searched.
    let place: Place = diesel::sql_query(
        "SELECT quote_ident(n.nspname) AS place FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'pg_trgm'",
    )
    .get_result(conn)
    .await?;
    let place = place.place;
    conn.batch_execute(&format!(
        "CREATE INDEX IF NOT EXISTS people_by_parts ON people USING gin (
             (search_values ->> 'userName') COLLATE \"C\" {place}.gin_trgm_ops,
             (search_values ->> 'displayName') COLLATE \"C\" {place}.gin_trgm_ops,
             (search_values ->> '~emails') COLLATE \"C\" {place}.gin_trgm_ops
         ) WITH (gin_pending_list_limit = 256)"
    ))
    .await?;
    info!("people can be found by parts of their names and emails");
    Ok(())
}
