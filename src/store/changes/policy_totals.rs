//! How many people are inside the filter of each release policy: kept, not counted for each page.
//!
//! A number is kept like the one of all people: the sequencer folds what the changes say of who came inside and who
//! left, and a reader adds what is not folded yet. It begins with a count, and is counted again each day, so that no
//! mistake stays.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bigint, Int4, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::policy_filters::PolicyFilter;
use crate::store::db::schema::policy_filters;
use crate::store::filter::condition::Condition;
use crate::store::visibility::PolicyKey;

/// After this time people are counted again.
const COUNTED_FOR: TimeDelta = TimeDelta::days(1);
/// After this time it is tried again to count people who could not be counted.
const TRIED_AGAIN_AFTER: TimeDelta = TimeDelta::hours(1);

/// The number of a policy, as it is now. No row if it is not known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReleasedTotal<'a>(pub(crate) &'a PolicyKey);

impl QueryFragment<Pg> for ReleasedTotal<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT f.people_total + ");
        out.push_sql(UNFOLDED);
        out.push_sql(" FROM policy_filters f WHERE f.people_total IS NOT NULL AND f.consumer_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.0.consumer)?;
        out.push_sql(" AND f.user_filter = ");
        out.push_bind_param::<Text, _>(&self.0.user_filter)?;
        Ok(())
    }
}

impl Query for ReleasedTotal<'_> {
    type SqlType = Bigint;
}

impl QueryId for ReleasedTotal<'_> {
    type QueryId = ReleasedTotal<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

/// How many more people the changes that are not folded yet have brought inside the filter `f`.
const UNFOLDED: &str = "(SELECT coalesce(sum(coalesce(f.number = ANY(c.entered), FALSE)::int
        - coalesce(f.number = ANY(c.departed), FALSE)::int), 0)::bigint
    FROM changes c WHERE c.sequence IS NULL AND c.person_id IS NOT NULL)";

/// How many more people of a policy the changes behind a number of the feed, and those without a number, have brought
/// behind a position. No row if the number of the policy is not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReleasedChange<'a> {
    pub(crate) policy: &'a PolicyKey,
    /// The number of the feed.
    pub(crate) saved: i64,
    /// The position.
    pub(crate) behind: i64,
}

impl QueryFragment<Pg> for ReleasedChange<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        for (n, recent) in ["c.sequence IS NULL", "c.sequence > "].into_iter().enumerate() {
            out.push_sql(if n > 0 { " + " } else { "" });
            out.push_sql(
                "(SELECT coalesce(sum(coalesce(f.number = ANY(c.entered), FALSE)::int
                    - coalesce(f.number = ANY(c.departed), FALSE)::int), 0)::bigint
                 FROM changes c WHERE c.person_id IS NOT NULL AND c.position > ",
            );
            out.push_bind_param::<Bigint, _>(&self.behind)?;
            out.push_sql(" AND ");
            out.push_sql(recent);
            if n > 0 {
                out.push_bind_param::<Bigint, _>(&self.saved)?;
            }
            out.push_sql(")");
        }
        out.push_sql(" FROM policy_filters f WHERE f.people_total IS NOT NULL AND f.consumer_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.policy.consumer)?;
        out.push_sql(" AND f.user_filter = ");
        out.push_bind_param::<Text, _>(&self.policy.user_filter)?;
        Ok(())
    }
}

impl Query for ReleasedChange<'_> {
    type SqlType = Bigint;
}

impl QueryId for ReleasedChange<'_> {
    type QueryId = ReleasedChange<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

/// Folds the numbered changes behind `from`, through `to`.
pub(crate) async fn fold(conn: &mut AsyncPgConnection, from: i64, to: i64) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE policy_filters f SET people_total = f.people_total + t.delta
         FROM (SELECT t.number, sum(t.delta) AS delta
               FROM changes c CROSS JOIN LATERAL (
                   SELECT unnest(c.entered), 1 UNION ALL SELECT unnest(c.departed), -1
               ) AS t (number, delta)
               WHERE c.sequence > $1 AND c.sequence <= $2 AND c.person_id IS NOT NULL GROUP BY 1) AS t
         WHERE f.number = t.number AND f.people_total IS NOT NULL",
    )
    .bind::<Bigint, _>(from)
    .bind::<Bigint, _>(to)
    .execute(conn)
    .await
}

/// A filter whose people have to be counted, if there is one: none is kept, or what is kept is a day old. One that
/// could not be counted has its turn again after an hour.
pub async fn due(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Option<PolicyFilter>> {
    let is_old = policy_filters::counted_at.is_null().or(policy_filters::counted_at.le(now - COUNTED_FOR));
    let is_missing = policy_filters::people_total.is_null().and(policy_filters::counted_at.le(now - TRIED_AGAIN_AFTER));
    PolicyFilter::query()
        .filter(policy_filters::user_filter.is_not_null())
        .filter(is_old.or(is_missing))
        .order((policy_filters::counted_at.asc().nulls_first(), policy_filters::number))
        .first(conn)
        .await
        .optional()
}

/// People inside a filter, as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// As far as the changes are folded.
    people: i64,
    /// The last number of the feed at that moment.
    through: i64,
}

/// Counts the people who match a filter. No request waits for it.
pub async fn count(conn: &mut AsyncPgConnection, number: i32, inside: &Condition) -> QueryResult<Option<Count>> {
    let found: Option<(i64, i64)> = Counting { number, inside }.get_result(conn).await.optional()?;
    Ok(found.map(|(people, through)| Count { people, through }))
}

/// All in one statement, so that it is of one moment.
struct Counting<'a> {
    number: i32,
    inside: &'a Condition,
}

impl QueryFragment<Pg> for Counting<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT (SELECT count(*) FROM \"people\" WHERE ");
        self.inside.walk_ast(out.reborrow())?;
        out.push_sql(") - ");
        out.push_sql(UNFOLDED);
        out.push_sql(", s.last_sequence FROM policy_filters f CROSS JOIN feed_state s WHERE f.number = ");
        out.push_bind_param::<Int4, _>(&self.number)?;
        Ok(())
    }
}

impl Query for Counting<'_> {
    type SqlType = (Bigint, Bigint);
}

impl QueryId for Counting<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Keeps a count, with what has been folded since; without one, that there is none. Tells what was kept and what is, if
/// both are known and differ. In a transaction: nothing is folded until it ends, which should be at once.
pub async fn keep(
    conn: &mut AsyncPgConnection,
    number: i32,
    count: Option<Count>,
    now: DateTime<Utc>,
) -> QueryResult<Option<(i64, i64)>> {
    super::policy_filters::share(conn).await?;
    diesel::sql_query("SELECT FROM feed_state FOR UPDATE").execute(conn).await?;
    let kept: Option<Kept> = diesel::sql_query(
        "UPDATE policy_filters f SET counted_at = $4, people_total = $2 + coalesce((
             SELECT sum(coalesce($1 = ANY(c.entered), FALSE)::int - coalesce($1 = ANY(c.departed), FALSE)::int)
             FROM changes c WHERE c.sequence > $3 AND c.person_id IS NOT NULL), 0)
         FROM policy_filters before WHERE f.number = $1 AND before.number = f.number
         RETURNING before.people_total AS before, f.people_total AS after",
    )
    .bind::<Int4, _>(number)
    .bind::<Nullable<Bigint>, _>(count.map(|count| count.people))
    .bind::<Bigint, _>(count.map_or(i64::MAX, |count| count.through))
    .bind::<Timestamptz, _>(now)
    .get_result(conn)
    .await
    .optional()?;
    Ok(kept.and_then(|kept| kept.before.zip(kept.after)).filter(|(before, after)| before != after))
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Nullable<Bigint>)]
    before: Option<i64>,
    #[diesel(sql_type = Nullable<Bigint>)]
    after: Option<i64>,
}
