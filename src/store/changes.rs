//! The change log, and the sequencer that turns it into a feed without gaps (law 6).

pub mod policy_filters;
pub mod policy_totals;
pub mod sequence;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;
use uuid::Uuid;

use super::db::schema::changes;

/// One row of `changes`: one change of one person, with the groups that they joined and left by it, or of one group, or
/// something that happened to a connection or a consumer.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = changes)]
pub struct ChangeRow {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub sequence: Option<i64>,
    pub kind: String,
    /// Absent when it is a group's change, or a connection's, or a consumer's.
    pub person_id: Option<Uuid>,
    pub person_version: i64,
    pub cause: String,
    pub run_id: Option<Uuid>,
    pub token_name: Option<String>,
    pub reason: Option<String>,
    pub effective_at: Option<DateTime<Utc>>,
    pub diff: Value,
    pub group_id: Option<Uuid>,
    pub groups_joined: Vec<Uuid>,
    pub groups_left: Vec<Uuid>,
    /// Set when something happened to a connection.
    pub connection_id: Option<Uuid>,
    /// Whether the person is shown by another name.
    pub renamed: bool,
    /// Set when something happened to a consumer, or to a token of it.
    pub consumer_id: Option<Uuid>,
    pub token_id: Option<Uuid>,
}

/// A change that is written with the person or group, in one transaction, after the person's row was locked.
#[derive(Clone, Debug, Default, Insertable)]
#[diesel(table_name = changes)]
pub struct NewChange {
    pub at: DateTime<Utc>,
    pub kind: String,
    /// Absent when it is a group's change.
    pub person_id: Option<Uuid>,
    /// The version of the person; 0 of a group, whose versions are counted.
    pub person_version: i64,
    pub cause: String,
    pub run_id: Option<Uuid>,
    pub token_name: Option<String>,
    pub reason: Option<String>,
    pub effective_at: Option<DateTime<Utc>>,
    pub diff: Value,
    pub position: i64,
    pub people_delta: i16,
    pub group_id: Option<Uuid>,
    pub groups_joined: Vec<Uuid>,
    pub groups_left: Vec<Uuid>,
    pub connection_id: Option<Uuid>,
    /// Whether the person is shown by another name.
    pub renamed: bool,
    /// The groups that show the person by that name.
    pub groups_renamed: Vec<Uuid>,
    pub consumer_id: Option<Uuid>,
    pub token_id: Option<Uuid>,
    /// The policy filters that its person or group matched before and after it, that it entered, or that it left.
    pub matched: Option<Vec<i32>>,
    pub entered: Option<Vec<i32>>,
    pub departed: Option<Vec<i32>>,
}

/// Appends changes, in this order.
pub async fn append(conn: &mut AsyncPgConnection, new: &[NewChange]) -> QueryResult<()> {
    // A statement binds at most 65,535 values; about twenty for each row.
    for part in new.chunks(1_000) {
        diesel::insert_into(changes::table).values(part).execute(conn).await?;
    }
    Ok(())
}

/// Appends changes that the sequencer itself makes, numbered behind `after`.
pub(super) async fn append_numbered(conn: &mut AsyncPgConnection, new: &[NewChange], after: i64) -> QueryResult<()> {
    let mut numbered = new.iter().zip(after + 1..).map(|(change, number)| (change, changes::sequence.eq(number)));
    loop {
        let part: Vec<_> = numbered.by_ref().take(1_000).collect();
        if part.is_empty() {
            return Ok(());
        }
        diesel::insert_into(changes::table).values(part).execute(conn).await?;
    }
}

/// The feed after a sequence number.
pub async fn feed(conn: &mut AsyncPgConnection, after: i64, limit: i64) -> QueryResult<Vec<ChangeRow>> {
    ChangeRow::query().filter(changes::sequence.gt(after)).order(changes::sequence).limit(limit).load(conn).await
}

/// The changes of a run, in the order in which they were written, after a change id.
pub async fn of_run(conn: &mut AsyncPgConnection, run: Uuid, after: i64, limit: i64) -> QueryResult<Vec<ChangeRow>> {
    ChangeRow::query()
        .filter(changes::run_id.eq(run))
        .filter(changes::id.gt(after))
        .order(changes::id)
        .limit(limit)
        .load(conn)
        .await
}

/// The changes of a person, latest first, before a change id.
pub async fn of_person(
    conn: &mut AsyncPgConnection,
    person: Uuid,
    before: i64,
    limit: i64,
) -> QueryResult<Vec<ChangeRow>> {
    ChangeRow::query()
        .filter(changes::person_id.eq(person))
        .filter(changes::id.lt(before))
        .order(changes::id.desc())
        .limit(limit)
        .load(conn)
        .await
}

/// Makes the partitions of this month and the next two, so that no change waits for one.
pub async fn make_partitions(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<()> {
    // A new partition locks the whole log: who waits for that lock makes all others wait.
    conn.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
    let first = NaiveDate::from_ymd_opt(now.year(), now.month(), 1).unwrap_or_default();
    for ahead in 0..3 {
        let (from, to) = (first + Months::new(ahead), first + Months::new(ahead + 1));
        let name = format!("changes_{}", from.format("%Y_%m"));
        let exists: Exists = diesel::sql_query("SELECT to_regclass($1) IS NOT NULL AS found")
            .bind::<Text, _>(&name)
            .get_result(conn)
            .await?;
        if !exists.found {
            // Built from dates of our own alone. Rows that are already in the catch-all keep the month there.
            let stray: Exists =
                diesel::sql_query("SELECT EXISTS (SELECT FROM changes_other WHERE at >= $1 AND at < $2) AS found")
                    .bind::<Timestamptz, _>(from.and_time(chrono::NaiveTime::MIN).and_utc())
                    .bind::<Timestamptz, _>(to.and_time(chrono::NaiveTime::MIN).and_utc())
                    .get_result(conn)
                    .await?;
            if !stray.found {
                diesel::sql_query(format!(
                    "CREATE TABLE IF NOT EXISTS {name} PARTITION OF changes
                     FOR VALUES FROM ('{from} 00:00:00Z') TO ('{to} 00:00:00Z')"
                ))
                .execute(conn)
                .await?;
            }
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    found: bool,
}

/// How many changes of people each kind has in one run.
#[derive(Clone, Debug, QueryableByName)]
pub struct KindCount {
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Int8)]
    pub changes: i64,
}

pub async fn count_by_kind(conn: &mut AsyncPgConnection, run: Uuid) -> QueryResult<Vec<KindCount>> {
    diesel::sql_query(
        "SELECT kind, count(*) AS changes FROM changes WHERE run_id = $1 AND person_id IS NOT NULL GROUP BY kind",
    )
    .bind::<Nullable<SqlUuid>, _>(Some(run))
    .load(conn)
    .await
}
