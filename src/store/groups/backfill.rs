//! Kinds of groups switched on and off, and the walk through all people that follows.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bigint, Bool, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::columns::MEMBERSHIPS;
use super::columns::{Memberships, column};
use crate::directory::groups::Kind;
use crate::store::db::schema::group_kinds;

/// The kinds that are switched on. All are held until the transaction ends, those that are off with them: no admin
/// switches one while a person is being written, so that the backfill after a switch finds that person.
pub async fn hold_kinds(conn: &mut AsyncPgConnection) -> QueryResult<Vec<Kind>> {
    let kinds: Vec<(String, bool)> = group_kinds::table
        .order(group_kinds::ordinal)
        .select((group_kinds::kind, group_kinds::enabled))
        .for_share()
        .load(conn)
        .await?;
    Ok(kinds.iter().filter(|(_, enabled)| *enabled).filter_map(|(name, _)| Kind::parse(name)).collect())
}

/// Switches a kind; `false` if it is as wanted already.
pub async fn switch(conn: &mut AsyncPgConnection, kind: Kind, enabled: bool, now: DateTime<Utc>) -> QueryResult<bool> {
    diesel::update(group_kinds::table.find(kind.as_str()).filter(group_kinds::enabled.ne(enabled)))
        .set((group_kinds::enabled.eq(enabled), group_kinds::changed_at.eq(now)))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// The backfill that computes the groups of all people again.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Walk {
    /// The position up to which everybody has them.
    #[diesel(sql_type = Bigint)]
    pub through: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub token_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
}

/// Takes the walk, waiting for a step of it that is being made. A caller that lets it begin again takes it before
/// anything else, as a step does, so that neither waits for what the other has.
pub async fn take(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query("SELECT FROM group_walk FOR UPDATE").execute(conn).await.map(drop)
}

/// Lets the backfill begin again, for the token that asked; it has to be taken.
pub async fn begin(conn: &mut AsyncPgConnection, token_name: &str, reason: Option<&str>) -> QueryResult<()> {
    diesel::sql_query("UPDATE group_walk SET through = 0, token_name = $1, reason = $2")
        .bind::<Text, _>(token_name)
        .bind::<Nullable<Text>, _>(reason)
        .execute(conn)
        .await
        .map(drop)
}

/// Whether a walk is going on.
pub async fn is_going(conn: &mut AsyncPgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    diesel::sql_query("SELECT EXISTS (SELECT FROM group_walk WHERE through IS NOT NULL) AS found")
        .get_result::<Found>(conn)
        .await
        .map(|row| row.found)
}

/// The walk that is going on, held for this transaction; `None` when there is none, or another node is at it.
pub async fn hold(conn: &mut AsyncPgConnection) -> QueryResult<Option<Walk>> {
    diesel::sql_query(
        "SELECT through, token_name, reason FROM group_walk WHERE through IS NOT NULL FOR UPDATE SKIP LOCKED",
    )
    .get_result(conn)
    .await
    .optional()
}

/// Notes how far the walk has come; `None` ends it.
pub async fn set(conn: &mut AsyncPgConnection, through: Option<i64>) -> QueryResult<()> {
    diesel::sql_query("UPDATE group_walk SET through = $1")
        .bind::<Nullable<Bigint>, _>(through)
        .execute(conn)
        .await
        .map(drop)
}

/// A person that the backfill has come to. The row is locked.
#[derive(Clone, QueryableByName)]
pub struct Walked {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Bigint)]
    pub position: i64,
    #[diesel(sql_type = Bigint)]
    pub version: i64,
    #[diesel(sql_type = Jsonb)]
    pub person: Value,
    #[diesel(sql_type = Array<Nullable<SqlUuid>>)]
    pub groups: Vec<Option<Uuid>>,
}

/// The next people behind a position, locked in the order in which plans lock them.
pub async fn next(conn: &mut AsyncPgConnection, after: i64, limit: i64) -> QueryResult<Vec<Walked>> {
    diesel::sql_query(format!(
        "SELECT id, position, version, person, {MEMBERSHIPS} AS groups FROM people
         WHERE id IN (SELECT id FROM people WHERE position > $1 ORDER BY position LIMIT $2) ORDER BY id FOR UPDATE"
    ))
    .bind::<Bigint, _>(after)
    .bind::<Bigint, _>(limit)
    .load(conn)
    .await
}

/// Writes the groups of people whose rows are locked. Whatever a plan rests on has changed: the version moves.
pub async fn set_memberships(conn: &mut AsyncPgConnection, people: &[(Uuid, Memberships)]) -> QueryResult<()> {
    if people.is_empty() {
        return Ok(());
    }
    let columns: Vec<&str> = Kind::ALL.into_iter().map(column).collect();
    let types: Vec<String> = columns.iter().map(|column| format!("{column} uuid")).collect();
    let set: Vec<String> = columns.iter().map(|column| format!("{column} = row.{column}")).collect();
    let rows: Vec<Value> = people
        .iter()
        .map(|(id, groups)| {
            let mut row: serde_json::Map<String, Value> = columns
                .iter()
                .zip(groups)
                .map(|(column, group)| ((*column).to_owned(), serde_json::json!(group)))
                .collect();
            row.insert("id".to_owned(), id.to_string().into());
            Value::Object(row)
        })
        .collect();
    diesel::sql_query(format!(
        "UPDATE people p SET version = p.version + 1, {} FROM json_to_recordset($1::json) AS row (id uuid, {})
         WHERE p.id = row.id",
        set.join(", "),
        types.join(", "),
    ))
    .bind::<Text, _>(Value::Array(rows).to_string())
    .execute(conn)
    .await
    .map(drop)
}
