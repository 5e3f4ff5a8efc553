//! The keys of people: whether all have them, and giving them to those who have none.
//!
//! Whoever writes a person writes the keys too. People have none who were written before there were keys, or by an older
//! program that is being replaced; until they have, filters and sorting that ask for keys are refused: people who are
//! left out are worse than no answer (law 1).

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Int8, Jsonb, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

/// Why a list cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// For a while.
    #[error("some people have no keys yet, so that nobody can say whether they satisfy a filter")]
    Unkeyed,
    #[error(transparent)]
    Store(#[from] diesel::result::Error),
}

/// True if somebody has no keys; as SQL.
pub(super) const UNKEYED: &str = "EXISTS (SELECT FROM people WHERE keys IS NULL)";

/// Refuses as long as somebody has no keys.
///
/// # Errors
/// [`ListError::Unkeyed`].
pub async fn check(conn: &mut AsyncPgConnection) -> Result<(), ListError> {
    if is_missing(conn).await? { Err(ListError::Unkeyed) } else { Ok(()) }
}

/// Whether somebody has no keys.
pub async fn is_missing(mut conn: &AsyncPgConnection) -> QueryResult<bool> {
    diesel::select(SomebodyHasNone).get_result(&mut conn).await
}

/// Whether there is anybody without keys, as a statement that is kept prepared: it goes with many questions.
#[derive(Clone, Copy, Debug, QueryId)]
struct SomebodyHasNone;

impl Expression for SomebodyHasNone {
    type SqlType = Bool;
}

impl QueryFragment<Pg> for SomebodyHasNone {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(UNKEYED);
        Ok(())
    }
}

impl<QS> AppearsOnTable<QS> for SomebodyHasNone {}
impl<QS> SelectableExpression<QS> for SomebodyHasNone {}

impl<GB> ValidGrouping<GB> for SomebodyHasNone {
    type IsAggregate = is_aggregate::No;
}

/// Somebody who has no keys. The row is locked.
#[derive(Clone, QueryableByName)]
pub struct Unkeyed {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Text)]
    pub document: String,
}

/// The next people without keys whom nobody else is writing, locked.
pub async fn next(conn: &mut AsyncPgConnection, limit: i64) -> QueryResult<Vec<Unkeyed>> {
    diesel::sql_query(
        "SELECT id, document FROM people WHERE keys IS NULL ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED",
    )
    .bind::<Int8, _>(limit)
    .load(conn)
    .await
}

/// Gives people whose rows are locked their keys.
pub async fn set(conn: &mut AsyncPgConnection, ids: &[Uuid], keys: &[Value]) -> QueryResult<usize> {
    diesel::sql_query("UPDATE people p SET keys = row.keys FROM unnest($1, $2) AS row (id, keys) WHERE p.id = row.id")
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Jsonb>, _>(keys)
        .execute(conn)
        .await
}
