//! The order of connections that an admin gave to units, and the walk that follows a change of it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bigint, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::db::schema::{authority, authority_walk};

/// One row of `authority`.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = authority)]
pub struct OrderRow {
    pub unit: String,
    /// The connections in their order of precedence; none for the default order.
    pub connections: Vec<Uuid>,
    pub changed_at: DateTime<Utc>,
    pub token_name: String,
}

/// The units that were ever ordered.
pub async fn all(conn: &mut AsyncPgConnection) -> QueryResult<Vec<OrderRow>> {
    OrderRow::query().order(authority::unit).load(conn).await
}

pub async fn put(conn: &mut AsyncPgConnection, row: &OrderRow) -> QueryResult<()> {
    diesel::insert_into(authority::table)
        .values(row)
        .on_conflict(authority::unit)
        .do_update()
        .set(row)
        .execute(conn)
        .await
        .map(drop)
}

/// Which state of the order it is. Read it before the order itself: a plan that says an older state than it rests on is
/// made once more, and one that says a newer state would be wrong.
pub async fn version(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    authority_walk::table.select(authority_walk::version).first(conn).await
}

/// Keeps everybody else from changing the order until the transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    authority_walk::table.select(authority_walk::version).for_update().first::<i64>(conn).await.map(drop)
}

/// Whether the order has changed since a plan was made. It does not change until the transaction ends.
pub async fn has_moved_on(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        moved: bool,
    }
    let row: Option<Row> = diesel::sql_query(
        "SELECT p.authority <> w.version AS moved FROM authority_walk w, plans p WHERE p.id = $1 FOR SHARE OF w",
    )
    .bind::<SqlUuid, _>(plan)
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.is_none_or(|row| row.moved))
}

/// Begins another state of the order, and the backfill that follows, for the token that asked.
pub async fn begin(conn: &mut AsyncPgConnection, token_name: &str, reason: Option<&str>) -> QueryResult<()> {
    diesel::sql_query(
        "UPDATE authority_walk SET version = version + 1, through = 0, plan_id = NULL, token_name = $1, reason = $2",
    )
    .bind::<Text, _>(token_name)
    .bind::<Nullable<Text>, _>(reason)
    .execute(conn)
    .await
    .map(drop)
}

/// Whether a walk is going on.
pub async fn is_walking(conn: &mut AsyncPgConnection) -> QueryResult<bool> {
    authority_walk::table.select(authority_walk::through.is_not_null()).first(conn).await
}

/// The walk that is going on.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery)]
#[diesel(table_name = authority_walk)]
pub struct WalkRow {
    /// The position up to which all people are merged again; absent when the backfill has ended.
    pub through: Option<i64>,
    /// The plan of the step that was begun last.
    pub plan_id: Option<Uuid>,
    pub token_name: Option<String>,
    pub reason: Option<String>,
}

/// Begins the next step under a plan, in the caller's transaction; answers how the walk stood before, `None` when there
/// is none.
pub async fn claim(conn: &mut AsyncPgConnection, plan: Uuid) -> QueryResult<Option<WalkRow>> {
    let walk =
        WalkRow::query().filter(authority_walk::through.is_not_null()).for_update().first(conn).await.optional()?;
    if walk.is_some() {
        diesel::update(authority_walk::table).set(authority_walk::plan_id.eq(plan)).execute(conn).await?;
    }
    Ok(walk)
}

/// Ends the step that was begun under a plan: the walk has come to a position, or to its end. Nothing happens if the
/// step was begun again meanwhile, or the whole walk.
pub async fn advance(conn: &mut AsyncPgConnection, plan: Uuid, through: Option<i64>) -> QueryResult<()> {
    diesel::update(authority_walk::table.filter(authority_walk::plan_id.eq(plan)))
        .set((authority_walk::through.eq(through), authority_walk::plan_id.eq(None::<Uuid>)))
        .execute(conn)
        .await
        .map(drop)
}

/// A person with workers of more than one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Shared {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Bigint)]
    pub position: i64,
}

const IS_SHARED: &str = "EXISTS (SELECT FROM workers a JOIN workers b
     ON b.person_id = a.person_id AND b.connection_id <> a.connection_id WHERE a.person_id = p.id)";

/// The people with workers in more than one connection, after a position.
pub async fn shared(conn: &mut AsyncPgConnection, after: i64, limit: i64) -> QueryResult<Vec<Shared>> {
    diesel::sql_query(format!(
        "SELECT p.id, p.position FROM people p WHERE p.position > $1 AND {IS_SHARED} ORDER BY p.position LIMIT $2"
    ))
    .bind::<Bigint, _>(after)
    .bind::<Bigint, _>(limit)
    .load(conn)
    .await
}

/// How many people have workers in more than one connection.
pub async fn count_shared(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bigint)]
        people: i64,
    }
    diesel::sql_query(format!("SELECT count(*) AS people FROM people p WHERE {IS_SHARED}"))
        .get_result::<Row>(conn)
        .await
        .map(|row| row.people)
}

/// Those of a plan's people who have, or would have, workers in more than one connection.
pub async fn shared_of(conn: &mut AsyncPgConnection, plan: Uuid, people: &[Uuid]) -> QueryResult<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        person_id: Uuid,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT person_id FROM (
             SELECT person_id, connection_id FROM workers WHERE person_id = ANY($2)
             UNION SELECT person_id, connection_id FROM plan_workers WHERE plan_id = $1 AND person_id = ANY($2)
         ) AS theirs GROUP BY person_id HAVING count(*) > 1",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<diesel::sql_types::Array<SqlUuid>, _>(people)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.person_id).collect())
}
