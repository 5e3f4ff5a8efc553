//! Tokens of consumers and of the admin. Only digests are stored.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Int2, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::db::schema::{consumers, tokens};

/// How exactly the last use of a token is kept: often enough to find stale tokens, without a write for each request.
const LAST_USE: TimeDelta = TimeDelta::minutes(1);

/// One row of `tokens`, without its digest.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery)]
#[diesel(table_name = tokens)]
pub struct TokenRow {
    pub id: Uuid,
    /// Absent for the admin token.
    pub consumer_id: Option<Uuid>,
    pub name: String,
    pub created_at: DateTime<Utc>,
    /// Absent for a token that never expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A token that comes into being.
#[derive(Clone, Insertable)]
#[diesel(table_name = tokens)]
pub struct NewToken {
    pub id: Uuid,
    pub consumer_id: Option<Uuid>,
    pub name: String,
    /// SHA-256.
    pub digest: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who presents a token.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Holder {
    pub token: Uuid,
    pub token_name: String,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    /// Absent for the admin token.
    pub consumer: Option<HoldingConsumer>,
}

/// What of a consumer every request needs.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct HoldingConsumer {
    pub id: Uuid,
    pub name: String,
    pub scopes: Vec<String>,
    pub external_id_from_source: bool,
    pub user_filter: Option<String>,
    pub group_filter: Option<String>,
    pub attributes: Option<Vec<String>>,
}

pub async fn insert(conn: &mut AsyncPgConnection, new: &NewToken) -> QueryResult<()> {
    diesel::insert_into(tokens::table).values(new).execute(conn).await.map(drop)
}

/// Who holds the token with this digest, expired or not: token, consumer and scopes in one question. The caller
/// compares the instant.
pub async fn holder(conn: &mut AsyncPgConnection, digest: &[u8]) -> QueryResult<Option<Holder>> {
    tokens::table
        .left_join(consumers::table.on(consumers::id.nullable().eq(tokens::consumer_id)))
        .filter(tokens::digest.eq(digest))
        .select((
            tokens::id,
            tokens::name,
            tokens::expires_at,
            tokens::last_used_at,
            (
                consumers::id,
                consumers::name,
                consumers::scopes,
                consumers::external_id_from_source,
                consumers::user_filter,
                consumers::group_filter,
                consumers::attributes,
            )
                .nullable(),
        ))
        .first(conn)
        .await
        .optional()
}

impl TokenRow {
    /// Whether the token still counts.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

impl Holder {
    /// Whether the token still counts.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether this use has to be written down.
    #[must_use]
    pub fn is_use_due(&self, now: DateTime<Utc>) -> bool {
        self.last_used_at.is_none_or(|at| (now - at).abs() >= LAST_USE)
    }
}

/// Writes a use down, unless another request has done so within the last minute.
pub async fn used(conn: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(tokens::table.find(id))
        .filter(
            tokens::last_used_at
                .is_null()
                .or(tokens::last_used_at.le(now - LAST_USE))
                .or(tokens::last_used_at.ge(now + LAST_USE)),
        )
        .set(tokens::last_used_at.eq(now))
        .execute(conn)
        .await
        .map(drop)
}

/// The tokens of a consumer, newest first; with `None` the admin's.
pub async fn of_consumer(conn: &mut AsyncPgConnection, consumer: Option<Uuid>) -> QueryResult<Vec<TokenRow>> {
    TokenRow::query()
        .filter(tokens::consumer_id.is_not_distinct_from(consumer))
        .order((tokens::created_at.desc(), tokens::id.desc()))
        .load(conn)
        .await
}

/// The tokens of several consumers, newest first.
pub async fn of_consumers(conn: &mut AsyncPgConnection, consumers: &[Uuid]) -> QueryResult<Vec<TokenRow>> {
    TokenRow::query()
        .filter(tokens::consumer_id.eq_any(consumers))
        .order((tokens::created_at.desc(), tokens::id.desc()))
        .load(conn)
        .await
}

/// A token of a consumer that has come nearer to its end than was told.
#[derive(Clone, Debug, QueryableByName)]
pub struct ExpiringToken {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub consumer_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
    /// The smallest of the numbers of days that it is within; 0 when it is over.
    #[diesel(sql_type = Int2)]
    pub days: i16,
}

/// How many days before its end a token is, in steps ($2, the largest first); 0 when it is over. What it was within
/// when it was made need not be told.
const ENDING: &str = "FROM tokens t CROSS JOIN LATERAL (
        SELECT CASE WHEN t.expires_at <= $1 THEN 0::int2 ELSE (
                   SELECT min(d) FROM unnest($2) AS d WHERE t.expires_at <= $1 + make_interval(days => d)) END AS days,
               (SELECT min(d) FROM unnest($2) AS d WHERE t.expires_at <= t.created_at + make_interval(days => d)) AS first
    ) AS steps
    WHERE t.consumer_id IS NOT NULL AND t.warned_days IS DISTINCT FROM 0
      AND t.expires_at <= $1 + make_interval(days => $2[1]) AND coalesce(t.warned_days, steps.first, 32767) > steps.days";

/// Whether any token has come nearer to its end than was told.
pub async fn is_ending(conn: &mut AsyncPgConnection, now: DateTime<Utc>, steps: [i16; 3]) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let found: Found = diesel::sql_query(format!("SELECT EXISTS (SELECT {ENDING}) AS found"))
        .bind::<Timestamptz, _>(now)
        .bind::<Array<Int2>, _>(steps.to_vec())
        .get_result(conn)
        .await?;
    Ok(found.found)
}

/// Those tokens, locked until the transaction ends, always in the same order: another reader waits, and finds that it
/// is told.
pub async fn ending(
    conn: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    steps: [i16; 3],
) -> QueryResult<Vec<ExpiringToken>> {
    diesel::sql_query(format!(
        "SELECT t.id, t.consumer_id, t.expires_at, steps.days {ENDING} ORDER BY t.id FOR UPDATE OF t"
    ))
    .bind::<Timestamptz, _>(now)
    .bind::<Array<Int2>, _>(steps.to_vec())
    .load(conn)
    .await
}

/// Notes that the ends of these tokens are told.
pub async fn set_warned(conn: &mut AsyncPgConnection, told: &[ExpiringToken]) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE tokens t SET warned_days = told.days FROM unnest($1, $2) AS told (id, days) WHERE t.id = told.id",
    )
    .bind::<Array<SqlUuid>, _>(told.iter().map(|token| token.id).collect::<Vec<_>>())
    .bind::<Array<Int2>, _>(told.iter().map(|token| token.days).collect::<Vec<_>>())
    .execute(conn)
    .await
}

/// Which of these consumers have a token that counts.
pub async fn with_a_live_one(
    conn: &mut AsyncPgConnection,
    consumers: &[Uuid],
    now: DateTime<Utc>,
) -> QueryResult<Vec<Uuid>> {
    let found: Vec<Option<Uuid>> = tokens::table
        .filter(tokens::consumer_id.eq_any(consumers))
        .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(now)))
        .select(tokens::consumer_id)
        .distinct()
        .load(conn)
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Takes a token back, at once; `false` when the consumer has no such token.
pub async fn delete(conn: &mut AsyncPgConnection, consumer: Option<Uuid>, id: Uuid) -> QueryResult<bool> {
    diesel::delete(tokens::table.find(id))
        .filter(tokens::consumer_id.is_not_distinct_from(consumer))
        .execute(conn)
        .await
        .map(|rows| rows == 1)
}

/// Lets one transaction at a time decide about the admin's tokens.
pub async fn lock_admin(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query("LOCK TABLE tokens IN SHARE ROW EXCLUSIVE MODE").execute(conn).await.map(drop)
}
