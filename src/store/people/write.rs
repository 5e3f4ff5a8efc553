//! Writing people: the one place where rows of `people` come into being and change.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::store::db::schema::people;
use crate::store::db::states::ManagerState;
use crate::store::groups::columns::MEMBERSHIPS;

/// What is written of a person. `created_at` and `modified_at` are what the document says, too.
#[derive(Clone, Debug, Serialize)]
pub struct PersonWrite {
    pub id: Uuid,
    pub version: i64,
    pub user_name: String,
    pub user_name_key: String,
    pub active: bool,
    pub display_name: Option<String>,
    pub employee_number: Option<String>,
    pub manager_via_connection: Option<Uuid>,
    pub manager_via_source: Option<String>,
    pub manager_via_email: Option<String>,
    pub manager_target: Option<Uuid>,
    pub manager_since: Option<DateTime<Utc>>,
    pub manager_state: ManagerState,
    pub start_date: Option<NaiveDate>,
    #[serde(skip)]
    pub person: Value,
    #[serde(skip)]
    pub document: String,
    /// What filters compare (see render).
    #[serde(skip)]
    pub keys: Value,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    pub next_due: Option<DateTime<Utc>>,
    pub left_at: Option<DateTime<Utc>>,
    /// The groups, by the columns that hold them; what is not named is none.
    #[serde(flatten)]
    pub groups: BTreeMap<&'static str, Uuid>,
}

/// The rows: small values as one document, and the three large ones of each beside it, so that each is read only once.
const ROWS: &str = "ROWS FROM (json_to_recordset($1::json) AS (id uuid, version bigint, user_name text,
    user_name_key text, active boolean, display_name text, employee_number text, manager_via_connection uuid,
    manager_via_source text, manager_via_email text, manager_target uuid, manager_since timestamptz,
    manager_state text, start_date date, created_at timestamptz, modified_at timestamptz, next_due timestamptz,
    left_at timestamptz, department_group uuid, legal_entity_group uuid, country_group uuid,
    employment_type_group uuid, team_group uuid, work_location_group uuid, worker_type_group uuid,
    manager_group uuid, all_group uuid), unnest($2), unnest($3), unnest($4))";

/// The columns that are written, in the order of [`ROWS`].
const COLUMNS: &str = "id, version, user_name, user_name_key, active, display_name, employee_number,
    manager_via_connection, manager_via_source, manager_via_email, manager_target, manager_since, manager_state,
    start_date, created_at, modified_at, next_due, left_at,
    department_group, legal_entity_group, country_group, employment_type_group, team_group, work_location_group,
    worker_type_group, manager_group, all_group, person, document, search_values";

/// A person's place in the order of all lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Position {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Int8)]
    pub position: i64,
}

/// Inserts people in this order and tells their positions.
pub async fn insert(conn: &mut AsyncPgConnection, rows: &[PersonWrite]) -> QueryResult<Vec<Position>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let values = COLUMNS.replace("person,", "person::jsonb,");
    diesel::sql_query(format!(
        "INSERT INTO people ({COLUMNS}) SELECT {values} FROM {ROWS} AS row ({COLUMNS}) RETURNING id, position"
    ))
    .bind::<Text, _>(small(rows)?)
    .bind::<Array<Text>, _>(people_of(rows))
    .bind::<Array<Text>, _>(documents_of(rows))
    .bind::<Array<Jsonb>, _>(keys_of(rows))
    .load(conn)
    .await
}

/// Updates people whose rows are locked.
pub async fn update(conn: &mut AsyncPgConnection, rows: &[PersonWrite]) -> QueryResult<usize> {
    if rows.is_empty() {
        return Ok(0);
    }
    let set = COLUMNS
        .split(',')
        .map(str::trim)
        .filter(|column| !matches!(*column, "id" | "created_at"))
        .map(|column| match column {
            "person" => "person = row.person::jsonb".to_owned(),
            column => format!("{column} = row.{column}"),
        })
        .collect::<Vec<_>>()
        .join(", ");
    diesel::sql_query(format!("UPDATE people p SET {set} FROM {ROWS} AS row ({COLUMNS}) WHERE p.id = row.id"))
        .bind::<Text, _>(small(rows)?)
        .bind::<Array<Text>, _>(people_of(rows))
        .bind::<Array<Text>, _>(documents_of(rows))
        .bind::<Array<Jsonb>, _>(keys_of(rows))
        .execute(conn)
        .await
}

fn small(rows: &[PersonWrite]) -> QueryResult<String> {
    serde_json::to_string(rows).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))
}

fn people_of(rows: &[PersonWrite]) -> Vec<String> {
    rows.iter().map(|row| row.person.to_string()).collect()
}

fn documents_of(rows: &[PersonWrite]) -> Vec<&str> {
    rows.iter().map(|row| row.document.as_str()).collect()
}

fn keys_of(rows: &[PersonWrite]) -> Vec<&Value> {
    rows.iter().map(|row| &row.keys).collect()
}

/// What a plan has to know of a person before it writes.
#[derive(Clone, Debug, QueryableByName)]
pub struct Locked {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Int8)]
    pub position: i64,
    #[diesel(sql_type = Int8)]
    pub version: i64,
    #[diesel(sql_type = Text)]
    pub user_name_key: String,
    #[diesel(sql_type = Bool)]
    pub active: bool,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub modified_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub left_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub display_name: Option<String>,
    #[diesel(sql_type = Text)]
    pub user_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub employee_number: Option<String>,
    #[diesel(sql_type = Text)]
    pub document: String,
    /// In the order of [`Kind::ALL`](crate::directory::groups::Kind::ALL).
    #[diesel(sql_type = Array<Nullable<SqlUuid>>)]
    pub groups: Vec<Option<Uuid>>,
}

/// Locks people until the transaction ends, always in the same order, so that two plans cannot wait for each other.
pub async fn lock(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<Locked>> {
    diesel::sql_query(format!(
        "SELECT id, position, version, user_name_key, active, created_at, modified_at, left_at, display_name,
             user_name, employee_number, document, {MEMBERSHIPS} AS groups
         FROM people WHERE id = ANY($1) ORDER BY id FOR UPDATE"
    ))
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)
    .await
}

/// A person who reports to a manager.
#[derive(Clone, Debug, QueryableByName)]
pub struct Report {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Int8)]
    pub position: i64,
    #[diesel(sql_type = Int8)]
    pub version: i64,
    #[diesel(sql_type = SqlUuid)]
    pub manager: Uuid,
    #[diesel(sql_type = Text)]
    pub document: String,
}

/// Locks those whose manager one of these people is.
pub async fn reports(conn: &mut AsyncPgConnection, managers: &[Uuid]) -> QueryResult<Vec<Report>> {
    diesel::sql_query(
        "SELECT id, position, version, manager_target AS manager, document FROM people
         WHERE manager_target = ANY($1) AND manager_state = 'person' ORDER BY id FOR UPDATE",
    )
    .bind::<Array<SqlUuid>, _>(managers)
    .load(conn)
    .await
}

/// Writes documents, with their keys, that differ from those before by when they were modified. The rows are locked.
pub async fn modify(
    conn: &mut AsyncPgConnection,
    ids: &[Uuid],
    documents: &[String],
    keys: &[Value],
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE people p SET modified_at = $4, document = row.document, search_values = row.search_values
         FROM unnest($1, $2, $3) AS row (id, document, search_values) WHERE p.id = row.id",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(documents)
    .bind::<Array<Jsonb>, _>(keys)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await
}

/// Locks people who were modified after an instant, and tells their documents.
pub async fn modified_after(
    conn: &mut AsyncPgConnection,
    after: DateTime<Utc>,
    limit: i64,
) -> QueryResult<Vec<(Uuid, String)>> {
    people::table
        .filter(people::modified_at.gt(after))
        .order(people::id)
        .select((people::id, people::document))
        .limit(limit)
        .for_update()
        .load(conn)
        .await
}

/// A person as stored, for planning.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = people)]
pub struct PersonRow {
    pub id: Uuid,
    pub position: i64,
    pub version: i64,
    pub user_name_key: String,
    pub active: bool,
    pub manager_target: Option<Uuid>,
    pub manager_since: Option<DateTime<Utc>>,
    pub manager_state: ManagerState,
    pub person: Value,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    pub next_due: Option<DateTime<Utc>>,
    pub left_at: Option<DateTime<Utc>>,
}

pub async fn by_ids(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<PersonRow>> {
    PersonRow::query().filter(people::id.eq_any(ids)).load(conn).await
}

pub async fn by_email_keys(conn: &mut AsyncPgConnection, keys: &[String]) -> QueryResult<Vec<PersonRow>> {
    PersonRow::query().filter(people::user_name_key.eq_any(keys)).load(conn).await
}

/// An email key that a person has, or that is reserved for one.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Held {
    #[diesel(sql_type = Text)]
    pub email_key: String,
    #[diesel(sql_type = SqlUuid)]
    pub person_id: Uuid,
}

/// Who has these email keys now.
pub async fn holders(conn: &mut AsyncPgConnection, keys: &[String]) -> QueryResult<Vec<Held>> {
    diesel::sql_query("SELECT user_name_key AS email_key, id AS person_id FROM people WHERE user_name_key = ANY($1)")
        .bind::<Array<Text>, _>(keys)
        .load(conn)
        .await
}

/// The people that these email keys are reserved for.
pub async fn reservations(conn: &mut AsyncPgConnection, keys: &[String], now: DateTime<Utc>) -> QueryResult<Vec<Held>> {
    diesel::sql_query(
        "SELECT email_key, person_id FROM email_reservations WHERE email_key = ANY($1) AND reserved_until > $2",
    )
    .bind::<Array<Text>, _>(keys)
    .bind::<Timestamptz, _>(now)
    .load(conn)
    .await
}

/// Reserves former emails, and frees those that their person took up again.
pub async fn reserve(
    conn: &mut AsyncPgConnection,
    former: &[(String, Uuid)],
    now_used: &[(String, Uuid)],
    until: DateTime<Utc>,
) -> QueryResult<()> {
    if !former.is_empty() {
        diesel::sql_query(
            "INSERT INTO email_reservations (email_key, person_id, reserved_until)
             SELECT email_key, person_id, $3 FROM unnest($1, $2) AS former (email_key, person_id)
             ON CONFLICT (email_key, person_id) DO UPDATE SET reserved_until = excluded.reserved_until",
        )
        .bind::<Array<Text>, _>(former.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(former.iter().map(|(_, person)| *person).collect::<Vec<_>>())
        .bind::<Timestamptz, _>(until)
        .execute(conn)
        .await?;
    }
    if !now_used.is_empty() {
        diesel::sql_query(
            "DELETE FROM email_reservations r USING unnest($1, $2) AS used (email_key, person_id)
             WHERE r.email_key = used.email_key AND r.person_id = used.person_id",
        )
        .bind::<Array<Text>, _>(now_used.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(now_used.iter().map(|(_, person)| *person).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// People that time alone changes by now, earliest first.
pub async fn due(conn: &mut AsyncPgConnection, now: DateTime<Utc>, limit: i64) -> QueryResult<Vec<Uuid>> {
    people::table
        .filter(people::next_due.le(now))
        .order((people::next_due, people::id))
        .select(people::id)
        .limit(limit)
        .load(conn)
        .await
}

/// The next instant at which time alone changes a person.
pub async fn next_due(conn: &mut AsyncPgConnection) -> QueryResult<Option<DateTime<Utc>>> {
    people::table.select(diesel::dsl::min(people::next_due)).first(conn).await
}

/// How many active people a connection has workers of.
pub async fn active_of(conn: &mut AsyncPgConnection, connection: Uuid) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Int8)]
        people: i64,
    }
    let row: Row = diesel::sql_query(
        "SELECT count(DISTINCT p.id) AS people FROM people p JOIN workers w ON w.person_id = p.id
         WHERE w.connection_id = $1 AND p.active",
    )
    .bind::<SqlUuid, _>(connection)
    .get_result(conn)
    .await?;
    Ok(row.people)
}

/// Which of these people exist.
pub async fn existing(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<Uuid>> {
    people::table.filter(people::id.eq_any(ids)).select(people::id).load(conn).await
}

/// Lets people come due later.
pub async fn postpone(conn: &mut AsyncPgConnection, ids: &[Uuid], until: DateTime<Utc>) -> QueryResult<usize> {
    diesel::update(people::table.filter(people::id.eq_any(ids))).set(people::next_due.eq(until)).execute(conn).await
}
