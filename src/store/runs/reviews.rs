//! Review items: questions that only a human can answer, open until a plan no longer asks them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::store::db::schema::reviews;

/// One row of `reviews`.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = reviews)]
pub struct ReviewRow {
    pub id: Uuid,
    pub about: String,
    pub reason: String,
    pub connection_id: Option<Uuid>,
    pub source_id: Option<String>,
    pub person_id: Option<Uuid>,
    pub detail: Value,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    /// Until then an admin lets the question wait.
    pub waits_until: Option<DateTime<Utc>>,
    pub decided_by: Option<String>,
    pub decision: Option<String>,
}

/// Where a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It asks for an answer.
    Open,
    /// An admin lets it wait.
    Waiting,
    Closed,
}

pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<ReviewRow>> {
    ReviewRow::query().filter(reviews::id.eq(id)).first(conn).await.optional()
}

/// A page of review items, latest first, after `(opened_at, id)`.
pub async fn page(
    conn: &mut AsyncPgConnection,
    stand: Stand,
    now: DateTime<Utc>,
    connection: Option<Uuid>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<ReviewRow>> {
    let mut query = ReviewRow::query().order((reviews::opened_at.desc(), reviews::id.desc())).limit(limit).into_boxed();
    query = match stand {
        Stand::Open => query
            .filter(reviews::closed_at.is_null())
            .filter(reviews::waits_until.is_null().or(reviews::waits_until.le(now))),
        Stand::Waiting => query.filter(reviews::closed_at.is_null()).filter(reviews::waits_until.gt(now)),
        Stand::Closed => query.filter(reviews::closed_at.is_not_null()),
    };
    if let Some(connection) = connection {
        query = query.filter(reviews::connection_id.eq(connection));
    }
    if let Some((at, id)) = after {
        query = query.filter(reviews::opened_at.lt(at).or(reviews::opened_at.eq(at).and(reviews::id.lt(id))));
    }
    query.load(conn).await
}

/// The open questions about these workers of a connection.
pub async fn open_of_workers(
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    source_ids: &[String],
) -> QueryResult<Vec<ReviewRow>> {
    ReviewRow::query()
        .filter(reviews::closed_at.is_null())
        .filter(reviews::connection_id.eq(connection))
        .filter(reviews::source_id.eq_any(source_ids))
        .order((reviews::source_id, reviews::reason))
        .load(conn)
        .await
}

/// The open questions that name a person.
pub async fn open_of_person(conn: &mut AsyncPgConnection, person: Uuid) -> QueryResult<Vec<ReviewRow>> {
    ReviewRow::query()
        .filter(reviews::closed_at.is_null())
        .filter(reviews::person_id.eq(person))
        .order((reviews::opened_at, reviews::id))
        .load(conn)
        .await
}

/// Opens the questions that a plan asks about its workers and closes those that it no longer asks. A question that is
/// open already stays the same one; its detail is brought up to date.
/// With `connection`, only about its own workers: a plan that is merely looked at asks nothing about others.
pub async fn follow_plan(
    conn: &mut AsyncPgConnection,
    plan: Uuid,
    connection: Option<Uuid>,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::sql_query(
        "UPDATE reviews r SET closed_at = $2 FROM plan_workers p
         WHERE p.plan_id = $1 AND r.closed_at IS NULL AND p.connection_id = coalesce($3, p.connection_id)
           AND r.connection_id = p.connection_id AND r.source_id = p.source_id
           AND NOT EXISTS (SELECT FROM jsonb_array_elements(p.reviews) q WHERE q ->> 'reason' = r.reason)",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<SqlUuid>, _>(connection)
    .execute(conn)
    .await?;
    diesel::sql_query(
        "INSERT INTO reviews (id, about, reason, connection_id, source_id, person_id, detail, opened_at)
         SELECT gen_random_uuid(), p.connection_id || ':' || p.source_id || ':' || (q ->> 'reason'), q ->> 'reason',
                p.connection_id, p.source_id, p.person_id, q - 'reason', $2
         FROM plan_workers p CROSS JOIN LATERAL jsonb_array_elements(p.reviews) q
         WHERE p.plan_id = $1 AND p.connection_id = coalesce($3, p.connection_id)
         ORDER BY 2
         ON CONFLICT (about) WHERE closed_at IS NULL
         DO UPDATE SET detail = excluded.detail, person_id = excluded.person_id,
             waits_until = CASE WHEN reviews.detail = excluded.detail THEN reviews.waits_until END
         WHERE reviews.detail <> excluded.detail OR reviews.person_id IS DISTINCT FROM excluded.person_id",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<SqlUuid>, _>(connection)
    .execute(conn)
    .await
    .map(drop)
}

/// Makes the open questions about manager cycles exactly these: one for each cycle, named by its people.
pub async fn follow_cycles(
    conn: &mut AsyncPgConnection,
    cycles: &[(Vec<Uuid>, Uuid)],
    now: DateTime<Utc>,
    mut id: impl FnMut() -> Uuid,
) -> QueryResult<()> {
    let mut about = Vec::new();
    for (people, suspended) in cycles {
        let key = format!("cycle:{}", people.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","));
        diesel::insert_into(reviews::table)
            .values((
                reviews::id.eq(id()),
                reviews::about.eq(&key),
                reviews::reason.eq("managerCycle"),
                reviews::person_id.eq(suspended),
                reviews::detail.eq(serde_json::json!({ "people": people, "suspended": suspended })),
                reviews::opened_at.eq(now),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        about.push(key);
    }
    diesel::update(reviews::table)
        .filter(reviews::closed_at.is_null())
        .filter(reviews::reason.eq("managerCycle"))
        .filter(reviews::about.ne_all(about))
        .set(reviews::closed_at.eq(now))
        .execute(conn)
        .await
        .map(drop)
}

/// Lets a question wait.
pub async fn wait(conn: &mut AsyncPgConnection, id: Uuid, until: DateTime<Utc>, decided_by: &str) -> QueryResult<()> {
    diesel::update(reviews::table.find(id).filter(reviews::closed_at.is_null()))
        .set((reviews::waits_until.eq(until), reviews::decided_by.eq(decided_by), reviews::decision.eq("wait")))
        .execute(conn)
        .await
        .map(drop)
}

/// Notes what was decided about a question; whether that answers it, the next plan finds.
pub async fn decided(conn: &mut AsyncPgConnection, id: Uuid, decision: &str, decided_by: &str) -> QueryResult<()> {
    diesel::update(reviews::table.find(id))
        .set((reviews::decided_by.eq(decided_by), reviews::decision.eq(decision)))
        .execute(conn)
        .await
        .map(drop)
}

/// How many questions about a connection's workers ask for an answer, by reason.
pub async fn open_by_reason(
    conn: &mut AsyncPgConnection,
    connections: &[Uuid],
    now: DateTime<Utc>,
) -> QueryResult<Vec<(Option<Uuid>, String, i64)>> {
    reviews::table
        .filter(reviews::connection_id.eq_any(connections))
        .filter(reviews::closed_at.is_null())
        .filter(reviews::waits_until.is_null().or(reviews::waits_until.le(now)))
        .group_by((reviews::connection_id, reviews::reason))
        .order((reviews::connection_id, reviews::reason))
        .select((reviews::connection_id, reviews::reason, diesel::dsl::count_star()))
        .load(conn)
        .await
}
