//! The filters of release policies as the log knows them, who is inside them, and the changes as one of them shows
//! them.
//!
//! Writers of people hold the filters while they write, and record with each change which of them the person matched,
//! entered or left. A change of a filter waits for them: from then on all writers use the new one.

use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Int4, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::ChangeRow;
use crate::scim::filter::check::Checked;
use crate::scim::schema::Hidden;
use crate::store::db::schema::{changes, people, policy_filters};
use crate::store::filter::condition::Condition;
use crate::store::visibility::Visibility;

/// The filters of one consumer under one policy.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery)]
#[diesel(table_name = policy_filters)]
pub struct PolicyFilter {
    /// How the change log names them; never given to others.
    pub number: i32,
    pub consumer_id: Uuid,
    pub user_filter: Option<String>,
    pub group_filter: Option<String>,
}

/// All of them, held until the transaction ends: none changes meanwhile.
pub async fn hold(conn: &mut AsyncPgConnection) -> QueryResult<Vec<PolicyFilter>> {
    // A table's lock, so that no row is written by those who only look, and one that comes into being waits as well.
    diesel::sql_query("LOCK TABLE policy_filters IN ROW SHARE MODE").execute(conn).await?;
    PolicyFilter::query().order(policy_filters::number).load(conn).await
}

/// For those who write what is kept of filters: waits for a change of them, and prevents other changes until the
/// transaction ends.
pub(crate) async fn share(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    diesel::sql_query("LOCK TABLE policy_filters IN ROW EXCLUSIVE MODE").execute(conn).await.map(drop)
}

/// Gives a consumer other filters, or none, when all who write by the old ones are done. Dumps and readers do not wait.
pub async fn replace(
    conn: &mut AsyncPgConnection,
    consumer: Uuid,
    filters: Option<(Option<&str>, Option<&str>)>,
) -> QueryResult<()> {
    diesel::sql_query("LOCK TABLE policy_filters IN EXCLUSIVE MODE").execute(conn).await?;
    diesel::delete(policy_filters::table.filter(policy_filters::consumer_id.eq(consumer))).execute(conn).await?;
    if let Some((users, groups)) = filters {
        let new = (
            policy_filters::consumer_id.eq(consumer),
            policy_filters::user_filter.eq(users),
            policy_filters::group_filter.eq(groups),
        );
        diesel::insert_into(policy_filters::table).values(new).execute(conn).await?;
    }
    Ok(())
}

/// The number of a consumer's filters, if they are still these.
pub async fn number(
    conn: &mut AsyncPgConnection,
    consumer: Uuid,
    users: Option<&str>,
    groups: Option<&str>,
) -> QueryResult<Option<i32>> {
    policy_filters::table
        .filter(policy_filters::consumer_id.eq(consumer))
        .filter(policy_filters::user_filter.is_not_distinct_from(users))
        .filter(policy_filters::group_filter.is_not_distinct_from(groups))
        .select(policy_filters::number)
        .first(conn)
        .await
        .optional()
}

/// The filters that a person matches.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct PolicyMatch {
    pub id: Uuid,
    pub inside: Vec<i32>,
}

/// Conditions that are asked in one statement, at most: each binds some hundred values.
const AT_ONCE: usize = 64;

/// By which of these filters on people each of these people is inside now. Who is not there is inside none.
pub async fn matches(
    conn: &mut AsyncPgConnection,
    filters: &[(i32, &Checked)],
    ids: &[Uuid],
) -> QueryResult<Vec<PolicyMatch>> {
    let mut all = Vec::new();
    for part in filters.chunks(AT_ONCE) {
        let mut conditions = Vec::with_capacity(part.len());
        for (number, filter) in part {
            conditions.push((*number, condition(conn, filter).await?));
        }
        let found: Vec<PolicyMatch> = Inside { conditions, ids }.load(conn).await?;
        all.extend(found);
    }
    Ok(all)
}

/// Which of these people are inside a filter now.
pub async fn inside(conn: &mut AsyncPgConnection, filter: &Checked, ids: &[Uuid]) -> QueryResult<Vec<Uuid>> {
    let condition = condition(conn, filter).await?;
    people::table.filter(people::id.eq_any(ids)).filter(&condition).select(people::id).load(conn).await
}

/// What a policy asks of people, ready to be asked. Policies do not ask for what depends on the reader.
pub async fn condition(conn: &mut AsyncPgConnection, filter: &Checked) -> QueryResult<Condition> {
    let mut condition = Condition::of(filter, &Visibility::unrestricted("", false, Hidden::nothing()));
    condition.settle(conn).await?;
    Ok(condition)
}

/// The question for [`PolicyMatch`]s.
struct Inside<'a> {
    conditions: Vec<(i32, Condition)>,
    ids: &'a [Uuid],
}

impl QueryFragment<Pg> for Inside<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT \"people\".\"id\", array_remove(ARRAY[");
        for (n, (number, condition)) in self.conditions.iter().enumerate() {
            out.push_sql(if n > 0 { ", CASE WHEN " } else { "CASE WHEN " });
            condition.walk_ast(out.reborrow())?;
            out.push_sql(" THEN ");
            out.push_bind_param::<Int4, _>(number)?;
            out.push_sql(" END");
        }
        out.push_sql("]::integer[], NULL) FROM \"people\" WHERE \"people\".\"id\" = ANY(");
        out.push_bind_param::<Array<SqlUuid>, _>(self.ids)?;
        out.push_sql(")");
        Ok(())
    }
}

impl Query for Inside<'_> {
    type SqlType = (SqlUuid, Array<Int4>);
}

/// The statement depends on the conditions.
impl QueryId for Inside<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// The last number of the feed.
pub async fn last_sequence(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    use crate::store::db::schema::feed_state;
    feed_state::table.select(feed_state::last_sequence).first(conn).await
}

/// A change of a person or a group, and what the log says of one consumer's filters.
#[derive(Clone, Debug, Queryable)]
pub struct Noted {
    pub change: ChangeRow,
    /// `matched`, `entered` or `departed`; absent if none of them, or if no filter was asked for.
    pub standing: Option<String>,
}

/// The part of the feed that is read.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Behind this number …
    pub after: i64,
    /// … and no further than to this one.
    pub through: i64,
    /// Changes, at most.
    pub limit: i64,
}

/// The changes of people and groups in a stretch of the feed, as the filters of this number see them. With
/// `people_inside`, only those of people who are inside, enter or leave, and those of all groups.
pub async fn noted(
    conn: &mut AsyncPgConnection,
    number: i32,
    people_inside: bool,
    stretch: Stretch,
) -> QueryResult<Vec<Noted>> {
    let standing = sql::<Nullable<Text>>("CASE WHEN ")
        .bind::<Int4, _>(number)
        .sql(" = ANY(entered) THEN 'entered' WHEN ")
        .bind::<Int4, _>(number)
        .sql(" = ANY(departed) THEN 'departed' WHEN ")
        .bind::<Int4, _>(number)
        .sql(" = ANY(matched) THEN 'matched' END");
    let is_seen = sql::<Bool>("(person_id IS NULL OR ")
        .bind::<Int4, _>(number)
        .sql(" = ANY(matched) OR ")
        .bind::<Int4, _>(number)
        .sql(" = ANY(entered) OR ")
        .bind::<Int4, _>(number)
        .sql(" = ANY(departed))");
    let query = changes::table
        .filter(changes::sequence.gt(stretch.after))
        .filter(changes::sequence.le(stretch.through))
        .filter(changes::person_id.is_not_null().or(changes::group_id.is_not_null()))
        .order(changes::sequence)
        .limit(stretch.limit)
        .select((ChangeRow::as_select(), standing))
        .into_boxed();
    if people_inside { query.filter(is_seen).load(conn).await } else { query.load(conn).await }
}
