//! The pages of a pull before anything is decided, and the step that takes a complete read over.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bytea, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;
use uuid::Uuid;

use crate::store::db::schema::staged_workers;

/// One record of a page. Without statement and rejection it waits for its detail.
#[derive(Clone, Debug, Default)]
pub struct Staged {
    pub source_id: String,
    /// The worker as JSON text.
    pub statement: Option<String>,
    pub digest: Option<Vec<u8>>,
    pub email_key: Option<String>,
    pub rejected: Option<String>,
    /// The fields whose keys the record does not have, as JSON text.
    pub gaps: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct StagedCounts {
    /// Distinct records.
    #[diesel(sql_type = Int8)]
    pub distinct: i64,
    /// Records that wait for their detail.
    #[diesel(sql_type = Int8)]
    pub thin: i64,
    /// Records that could not be read.
    #[diesel(sql_type = Int8)]
    pub rejected: i64,
    /// Records with a statement.
    #[diesel(sql_type = Int8)]
    pub workers: i64,
}

/// Keeps records. A record that comes again replaces what was there, except that a bare id never replaces more.
pub async fn put(conn: &mut AsyncPgConnection, run: Uuid, records: &[Staged]) -> QueryResult<()> {
    if records.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO staged_workers (run_id, source_id, statement, digest, email_key, rejected, gaps)
         SELECT DISTINCT ON (source_id) $1, source_id, statement::jsonb, digest, email_key, rejected, gaps::jsonb
         FROM unnest($2, $3, $4, $5, $6, $7) WITH ORDINALITY
             AS page (source_id, statement, digest, email_key, rejected, gaps, n)
         ORDER BY source_id, (statement IS NULL AND rejected IS NULL), n DESC
         ON CONFLICT (run_id, source_id) DO UPDATE
         SET statement = excluded.statement, digest = excluded.digest, email_key = excluded.email_key,
             rejected = excluded.rejected, gaps = excluded.gaps
         WHERE excluded.statement IS NOT NULL OR excluded.rejected IS NOT NULL",
    )
    .bind::<SqlUuid, _>(run)
    .bind::<Array<Text>, _>(records.iter().map(|r| r.source_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(records.iter().map(|r| r.statement.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Bytea>>, _>(records.iter().map(|r| r.digest.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(records.iter().map(|r| r.email_key.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(records.iter().map(|r| r.rejected.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(records.iter().map(|r| r.gaps.as_deref()).collect::<Vec<_>>())
    .execute(conn)
    .await
    .map(drop)
}

/// The next records that wait for their detail, after a source id.
pub async fn thin(conn: &mut AsyncPgConnection, run: Uuid, after: &str, limit: i64) -> QueryResult<Vec<String>> {
    staged_workers::table
        .filter(staged_workers::run_id.eq(run))
        .filter(staged_workers::statement.is_null())
        .filter(staged_workers::rejected.is_null())
        .filter(staged_workers::source_id.gt(after))
        .order(staged_workers::source_id)
        .select(staged_workers::source_id)
        .limit(limit)
        .load(conn)
        .await
}

pub async fn counts(conn: &mut AsyncPgConnection, run: Uuid) -> QueryResult<StagedCounts> {
    diesel::sql_query(
        "SELECT count(*) AS distinct, count(*) FILTER (WHERE statement IS NULL AND rejected IS NULL) AS thin,
                count(rejected) AS rejected, count(statement) AS workers
         FROM staged_workers WHERE run_id = $1",
    )
    .bind::<SqlUuid, _>(run)
    .get_result(conn)
    .await
}

/// Tells the planner how much was staged, as [`analyze_plans`](crate::store::people::manager_links::analyze_plans) does
/// for plans.
pub async fn look_at_pages(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    conn.batch_execute("ANALYZE staged_workers").await
}

/// Forgets the pages of a run.
pub async fn clear(conn: &mut AsyncPgConnection, run: Uuid) -> QueryResult<()> {
    diesel::delete(staged_workers::table.filter(staged_workers::run_id.eq(run))).execute(conn).await.map(drop)
}

/// A worker whose record says something else than before, and lacks keys or has fields that cannot be read.
#[derive(Clone, Debug, QueryableByName)]
pub struct Altered {
    #[diesel(sql_type = Text)]
    pub source_id: String,
    #[diesel(sql_type = Jsonb)]
    pub before: Value,
    #[diesel(sql_type = Jsonb)]
    pub now: Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub gaps: Option<Value>,
}

/// The next [`Altered`] workers, after a source id.
pub async fn altered(
    conn: &mut AsyncPgConnection,
    run: Uuid,
    connection: Uuid,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<Altered>> {
    diesel::sql_query(
        "SELECT s.source_id, w.statement AS before, s.statement AS now, s.gaps
         FROM staged_workers s JOIN workers w ON w.connection_id = $2 AND w.source_id = s.source_id
         WHERE s.run_id = $1 AND s.source_id > $3 AND s.statement IS NOT NULL AND w.digest IS DISTINCT FROM s.digest
           AND (s.gaps IS NOT NULL OR s.statement ? 'unreadable')
         ORDER BY s.source_id LIMIT $4",
    )
    .bind::<SqlUuid, _>(run)
    .bind::<SqlUuid, _>(connection)
    .bind::<Text, _>(after)
    .bind::<Int8, _>(limit)
    .load(conn)
    .await
}

/// How many workers of a connection have a value at one of these paths of their last good statement. `paths` is a list
/// of lists of keys.
pub async fn count_saying(conn: &mut AsyncPgConnection, connection: Uuid, paths: &Value) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Int8)]
        workers: i64,
    }
    let row: Row = diesel::sql_query(
        "SELECT count(*) AS workers FROM workers w
         WHERE connection_id = $1 AND NOT absent
           AND EXISTS (SELECT FROM jsonb_array_elements($2) p
                       WHERE nullif(w.statement #>> ARRAY(SELECT jsonb_array_elements_text(p)), '') IS NOT NULL)",
    )
    .bind::<SqlUuid, _>(connection)
    .bind::<Jsonb, _>(paths)
    .get_result(conn)
    .await?;
    Ok(row.workers)
}

/// Workers whose absence this complete read would prove: missing now, and missing since a complete read with the same
/// evidence that began at `before` or earlier (law 2).
pub async fn absence_candidates(
    conn: &mut AsyncPgConnection,
    run: Uuid,
    connection: Uuid,
    evidence: &str,
    before: DateTime<Utc>,
) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        source_id: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT source_id FROM workers w
         WHERE connection_id = $2 AND NOT absent AND absent_since <= $4 AND absent_evidence = $3
           AND NOT EXISTS (SELECT FROM staged_workers s WHERE s.run_id = $1 AND s.source_id = w.source_id)
         ORDER BY source_id",
    )
    .bind::<SqlUuid, _>(run)
    .bind::<SqlUuid, _>(connection)
    .bind::<Text, _>(evidence)
    .bind::<Timestamptz, _>(before)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.source_id).collect())
}

/// How many workers a complete read brought that are new or say something else, and how many say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct Absorbed {
    #[diesel(sql_type = Int8)]
    pub changed: i64,
    #[diesel(sql_type = Int8)]
    pub same: i64,
}

/// Takes a complete read over: statements that differ, and workers that are back. No person changes by this.
pub async fn absorb(
    conn: &mut AsyncPgConnection,
    run: Uuid,
    connection: Uuid,
    now: DateTime<Utc>,
) -> QueryResult<Absorbed> {
    let changed = diesel::sql_query(
        "INSERT INTO workers (connection_id, source_id, statement, digest, email_key, first_seen_at, changed_at)
         SELECT $2, s.source_id, s.statement, s.digest, s.email_key, $3, $3
         FROM staged_workers s LEFT JOIN workers w ON w.connection_id = $2 AND w.source_id = s.source_id
         WHERE s.run_id = $1 AND s.statement IS NOT NULL AND w.digest IS DISTINCT FROM s.digest
         ORDER BY s.source_id
         ON CONFLICT (connection_id, source_id) DO UPDATE
         SET statement = excluded.statement, digest = excluded.digest, email_key = excluded.email_key,
             changed_at = excluded.changed_at",
    )
    .bind::<SqlUuid, _>(run)
    .bind::<SqlUuid, _>(connection)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    diesel::sql_query(
        "UPDATE workers w SET absent_since = NULL, absent_evidence = NULL, absent = false, absent_proven_at = NULL
         WHERE connection_id = $2 AND absent_since IS NOT NULL
           AND EXISTS (SELECT FROM staged_workers s WHERE s.run_id = $1 AND s.source_id = w.source_id)",
    )
    .bind::<SqlUuid, _>(run)
    .bind::<SqlUuid, _>(connection)
    .execute(conn)
    .await?;
    let counts = counts(conn, run).await?;
    let changed = i64::try_from(changed).unwrap_or(i64::MAX);
    Ok(Absorbed { changed, same: counts.workers - changed })
}

/// Notes who is missing from a complete read of everything. `absent` lists the workers whose absence is proven by it.
pub async fn note_absences(
    conn: &mut AsyncPgConnection,
    run: Uuid,
    connection: Uuid,
    evidence: &str,
    read_began: DateTime<Utc>,
    absent: &[String],
) -> QueryResult<()> {
    diesel::sql_query(
        "UPDATE workers w SET absent_since = $3, absent_evidence = $4
         WHERE connection_id = $2 AND NOT absent AND absent_evidence IS DISTINCT FROM $4
           AND NOT EXISTS (SELECT FROM staged_workers s WHERE s.run_id = $1 AND s.source_id = w.source_id)",
    )
    .bind::<SqlUuid, _>(run)
    .bind::<SqlUuid, _>(connection)
    .bind::<Timestamptz, _>(read_began)
    .bind::<Text, _>(evidence)
    .execute(conn)
    .await?;
    diesel::sql_query(
        "UPDATE workers SET absent = true, absent_proven_at = $3
         WHERE connection_id = $1 AND source_id = ANY($2) AND NOT absent",
    )
    .bind::<SqlUuid, _>(connection)
    .bind::<Array<Text>, _>(absent)
    .bind::<Timestamptz, _>(read_began)
    .execute(conn)
    .await
    .map(drop)
}

/// Whether a worker was missing from the last complete read and is not proven to be gone.
pub async fn is_anybody_missing(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<bool> {
    use crate::store::db::schema::workers;
    let missing = workers::table
        .filter(workers::connection_id.eq(connection))
        .filter(workers::absent_since.is_not_null())
        .filter(workers::absent.eq(false));
    diesel::select(diesel::dsl::exists(missing)).get_result(conn).await
}
