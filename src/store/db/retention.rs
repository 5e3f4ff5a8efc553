//! What is deleted because it is old: whole partitions where there are some, else rows in bounded batches, so that no
//! statement holds locks for long.

use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Int8, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

/// Rows that one statement deletes at most.
const BATCH: i64 = 1_000;
/// Plans that one statement deletes at most: each has many rows.
const PLANS: i64 = 10;

/// Tables whose old rows are deleted, with the condition; `$1` is the instant before which a row is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// Changes of months for which no partition was made.
    StrayChanges,
    Audit,
    /// Runs that ended; the last one of each connection is kept.
    Runs,
    Plans,
    /// Pages of runs that have ended, which a failure left behind.
    Pages,
    Holds,
    Reviews,
    EmailReservations,
    Consents,
}

impl Old {
    fn rows(self) -> (&'static str, &'static str, i64) {
        match self {
            Self::StrayChanges => ("changes_other", "at < $1 AND sequence IS NOT NULL", BATCH),
            Self::Audit => ("audit", "at < $1", BATCH),
            Self::Runs => (
                "runs",
                "ended_at < $1 AND EXISTS (SELECT FROM runs later WHERE later.connection_id = t.connection_id
                 AND (later.queued_at, later.id) > (t.queued_at, t.id))",
                BATCH,
            ),
            Self::Plans => ("plans", "created_at < $1 AND state <> 'held'", PLANS),
            Self::Pages => {
                ("staged_workers", "EXISTS (SELECT FROM runs r WHERE r.id = t.run_id AND r.ended_at < $1)", BATCH)
            }
            Self::Holds => ("holds", "decided_at < $1", BATCH),
            Self::Reviews => ("reviews", "closed_at < $1", BATCH),
            Self::EmailReservations => ("email_reservations", "reserved_until < $1", BATCH),
            Self::Consents => ("oauth_consents", "expires_at < $1", BATCH),
        }
    }
}

/// Deletes some of the rows that are older than `before`. Returns whether there may be more.
pub async fn delete_some(conn: &mut AsyncPgConnection, old: Old, before: DateTime<Utc>) -> QueryResult<bool> {
    let (table, condition, batch) = old.rows();
    let deleted = diesel::sql_query(format!(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM {table} t WHERE {condition} LIMIT {batch}))"
    ))
    .bind::<Timestamptz, _>(before)
    .execute(conn)
    .await?;
    Ok(i64::try_from(deleted).unwrap_or(i64::MAX) == batch)
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The partitions of the change log whose months ended at `before` or earlier, oldest first.
pub async fn old_partitions(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<Vec<String>> {
    let all: Vec<Name> = diesel::sql_query(
        "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'changes'::regclass ORDER BY c.relname",
    )
    .load(conn)
    .await?;
    let is_old = |name: &str| {
        let month = name.strip_prefix("changes_").map(|month| format!("{month}_01"));
        let first = month.and_then(|month| NaiveDate::parse_from_str(&month, "%Y_%m_%d").ok());
        first
            .and_then(|first| first.checked_add_months(Months::new(1)))
            .is_some_and(|next| next.and_time(NaiveTime::MIN).and_utc() <= before)
    };
    Ok(all.into_iter().map(|one| one.name).filter(|name| is_old(name)).collect())
}

/// Drops a partition of the change log, unless it holds a change that has no number yet. Waits at most two seconds for
/// readers and writers: then the error says so, and it is tried again another time.
pub async fn drop_partition(conn: &mut AsyncPgConnection, name: &str) -> QueryResult<bool> {
    conn.transaction(async |conn| {
        conn.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
        // The name is one that the database gave us, and of one form.
        let unnumbered = format!("SELECT count(*) AS number FROM {name} WHERE sequence IS NULL");
        if diesel::sql_query(unnumbered).get_result::<Number>(conn).await?.number > 0 {
            return Ok(false);
        }
        conn.batch_execute(&format!("DROP TABLE {name}")).await?;
        Ok(true)
    })
    .await
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Int8)]
    number: i64,
}

/// Ends the feed's part before an instant: it stays in the history of people and is read no more by number.
pub async fn end_feed_before(conn: &mut AsyncPgConnection, before: DateTime<Utc>) -> QueryResult<()> {
    diesel::sql_query(
        "UPDATE feed_state SET feed_from = old.last
         FROM (SELECT coalesce(max(sequence), 0) AS last FROM changes WHERE at < $1) AS old
         WHERE old.last > feed_from",
    )
    .bind::<Timestamptz, _>(before)
    .execute(conn)
    .await
    .map(drop)
}

/// The last number that is no longer in the feed; 0 when all are.
pub async fn feed_from(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    let from = diesel::sql_query("SELECT feed_from AS number FROM feed_state").get_result::<Number>(conn).await?;
    Ok(from.number)
}
