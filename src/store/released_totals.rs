//! How many people are inside the filter of each release policy: kept, not counted for each page.
//!
//! A number is kept like the one of all people: the sequencer folds what the changes say of who came inside and who
//! left, and a reader adds what is not folded yet. It begins with a count, and is counted anew each day, so that no
//! mistake stays.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bigint, Bool, Int4, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::feed_filters::FeedFilter;
use super::keys::UNKEYED;
use super::schema::feed_filters;
use super::scim_filter::Condition;

/// After this time people are counted anew.
const COUNTED_FOR: TimeDelta = TimeDelta::days(1);

/// Which policy's number it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) consumer: Uuid,
    pub(super) user_filter: String,
}

/// The number of a policy, as it is now. No row if it is not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReleasedTotal<'a>(pub(super) &'a Policy);

impl QueryFragment<Pg> for ReleasedTotal<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT f.people_total + ");
        out.push_sql(UNFOLDED);
        out.push_sql(
            " FROM feed_filters f CROSS JOIN feed_state s
             WHERE f.people_total IS NOT NULL AND s.filters_through = s.last_sequence AND f.consumer_id = ",
        );
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

/// Folds the numbered changes behind `from`, through `to`.
pub(super) async fn fold(conn: &mut AsyncPgConnection, from: i64, to: i64) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE feed_filters f SET people_total = f.people_total + t.delta
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

/// Whether there is anything to count.
pub async fn is_due(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let found: Found = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM feed_filters
                        WHERE user_filter IS NOT NULL AND (people_total IS NULL OR counted_at <= $1))
             OR EXISTS (SELECT FROM feed_state WHERE filters_through <> last_sequence) AS found",
    )
    .bind::<Timestamptz, _>(now - COUNTED_FOR)
    .get_result(conn)
    .await?;
    Ok(found.found)
}

/// The filters whose people have to be counted. Until the transaction ends nothing is folded.
pub async fn due(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Vec<FeedFilter>> {
    super::feed_filters::share(conn).await?;
    diesel::sql_query("SELECT FROM feed_state FOR UPDATE").execute(conn).await?;
    let passed_over = diesel::sql_query(
        "UPDATE feed_state SET filters_through = last_sequence WHERE filters_through <> last_sequence",
    );
    if passed_over.execute(conn).await? > 0 {
        // Numbered by a program that does not fold them: whatever is kept is wrong.
        diesel::update(feed_filters::table).set(feed_filters::people_total.eq(None::<i64>)).execute(conn).await?;
    }
    FeedFilter::query()
        .filter(feed_filters::user_filter.is_not_null())
        .filter(feed_filters::people_total.is_null().or(feed_filters::counted_at.le(now - COUNTED_FOR)))
        .order(feed_filters::number)
        .load(conn)
        .await
}

/// What was kept, and what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub kept: Option<i64>,
    /// Absent if somebody has no keys, so that nobody can say.
    pub found: Option<i64>,
}

/// Counts the people inside a filter, as far as they are folded, and keeps the number. Only after [`due`].
pub async fn count(
    conn: &mut AsyncPgConnection,
    number: i32,
    inside: &Condition,
    now: DateTime<Utc>,
) -> QueryResult<Counted> {
    let (kept, found): (Option<i64>, Option<i64>) = Count { number, inside }.get_result(conn).await?;
    diesel::update(feed_filters::table.find(number))
        .set((feed_filters::people_total.eq(found), feed_filters::counted_at.eq(now)))
        .execute(conn)
        .await?;
    Ok(Counted { kept, found })
}

/// Both in one statement, so that it is of one moment.
struct Count<'a> {
    number: i32,
    inside: &'a Condition,
}

impl QueryFragment<Pg> for Count<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT f.people_total, CASE WHEN ");
        out.push_sql(UNKEYED);
        out.push_sql(" THEN NULL ELSE (SELECT count(*) FROM \"people\" WHERE ");
        self.inside.walk_ast(out.reborrow())?;
        out.push_sql(") - ");
        out.push_sql(UNFOLDED);
        out.push_sql(" END FROM feed_filters f WHERE f.number = ");
        out.push_bind_param::<Int4, _>(&self.number)?;
        Ok(())
    }
}

impl Query for Count<'_> {
    type SqlType = (Nullable<Bigint>, Nullable<Bigint>);
}

impl QueryId for Count<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
