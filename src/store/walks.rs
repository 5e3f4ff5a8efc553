//! Paging of people by index, without `OFFSET` over people.
//!
//! Index paging is what Okta reads by, and it takes a missing person for a deleted one. So a sequential walk goes on by
//! key: after a full page it is remembered at which position the page ended, and the caller who asks for the next
//! index within an hour, of whichever node, continues behind that position; nobody who is added, changed or removed
//! meanwhile moves anybody else (story 23, R-102). Any other index is found by live counts of people per block of
//! 1,024 positions, and a step within the block.
//!
//! Two walks of one consumer with the same query share what is remembered: the later page counts.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bigint, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use uuid::Uuid;

use super::keys::{self, ListError};
use super::matched::{Begin, Matched};
use super::people::{Shown, managers, selected, shown};
use super::schema::{index_walks, people};
use super::scim_filter::Condition;
use super::sort::Sort;

/// How long a walk is remembered after its last page.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);

/// A request for a page.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<'a> {
    /// Whose walk it is: the consumer, whichever of its tokens it uses.
    pub caller: Uuid,
    /// Digest of what is being listed; a walk goes on only with the same.
    pub query: &'a [u8],
    /// From 1.
    pub start_index: i64,
    /// At most this many people; 0 asks for the total alone.
    pub count: i64,
    pub now: DateTime<Utc>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub people: Vec<Shown>,
    /// All people that are listed, on whichever page.
    pub total: i64,
}

/// A page of all people, or of those who satisfy a condition, in the order of lists or sorted. A full page is remembered,
/// so that the walk can go on.
///
/// # Errors
/// [`ListError::Unkeyed`] as long as nobody can say who satisfies the condition.
pub async fn page(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    sort: Option<&Sort>,
) -> Result<Page, ListError> {
    match (condition, sort) {
        (Some(condition), None) if condition.is_selective() => few(conn, request, condition).await,
        (None, None) => everybody(conn, request).await,
        (Some(condition), None) if condition.is_walked() && request.count > 0 => walked(conn, request, condition).await,
        _ => matched(conn, request, condition, sort).await,
    }
}

async fn everybody(conn: &mut AsyncPgConnection, request: &PageRequest<'_>) -> Result<Page, ListError> {
    if request.count == 0 {
        return Ok(Page { people: Vec::new(), total: PeopleTotal.get_result(conn).await? });
    }
    let mut query = shown!().order(people::position).limit(request.count).into_boxed();
    if request.start_index > 1 {
        query = query.filter(people::position.nullable().ge(Start { mark: Mark { request }, condition: None }));
    }
    // Two statements, one round trip.
    let (people, total) =
        try_join(query.load::<Shown>(&mut &*conn), PeopleTotal.get_result::<i64>(&mut &*conn)).await?;
    remember(conn, request, &people).await?;
    Ok(Page { people, total })
}

/// People who are found best in the order of lists.
async fn walked(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: &Condition,
) -> Result<Page, ListError> {
    let mut query = shown!().filter(condition).order(people::position).limit(request.count).into_boxed();
    if request.start_index > 1 {
        let start = Start { mark: Mark { request }, condition: Some(condition) };
        query = query.filter(people::position.nullable().ge(start));
    }
    let count = people::table.filter(condition).count();
    let (people, total) = try_join(query.load::<Shown>(&mut &*conn), count.get_result::<i64>(&mut &*conn)).await?;
    remember(conn, request, &people).await?;
    Ok(Page { people, total })
}

/// People who are found first, and put in order then.
async fn matched(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: Option<&Condition>,
    sort: Option<&Sort>,
) -> Result<Page, ListError> {
    let begin = match request.start_index {
        1 => Begin::Skip(0),
        index => mark(conn, request).await?.unwrap_or(Begin::Skip(index.saturating_sub(1))),
    };
    let question = Matched { condition, sort, begin: &begin, count: request.count };
    let (total, positions, last_key, is_unkeyed): (i64, Vec<i64>, Option<String>, bool) =
        question.get_result(conn).await?;
    if is_unkeyed && (condition.is_some_and(Condition::reads_keys) || sort.is_some_and(Sort::reads_keys)) {
        return Err(ListError::Unkeyed);
    }
    let Some(last) = positions.last() else { return Ok(Page { people: Vec::new(), total }) };
    let query = shown!().filter(people::position.eq_any(&positions)).into_boxed();
    // Whoever has changed in between and does not satisfy the condition any more is not shown.
    let mut people: Vec<Shown> = match condition {
        Some(condition) => query.filter(condition).load(conn).await?,
        None => query.load(conn).await?,
    };
    let place = |position| positions.iter().position(|other| *other == position);
    people.sort_by_cached_key(|person| place(person.position));
    if i64::try_from(positions.len()).is_ok_and(|read| read == request.count) {
        let next = request.start_index.saturating_add(request.count);
        remember_at(conn, request, next, *last, last_key.as_deref()).await?;
    }
    Ok(Page { people, total })
}

/// Where the walk goes on, if its last page is remembered.
pub(super) async fn mark(conn: &mut AsyncPgConnection, request: &PageRequest<'_>) -> QueryResult<Option<Begin>> {
    let found: Option<(i64, Option<String>)> = Mark { request }.get_result(conn).await.optional()?;
    Ok(found.map(|(position, key)| Begin::After(key, position)))
}

/// How many people there are: kept, not counted.
pub async fn total(conn: &mut AsyncPgConnection) -> QueryResult<i64> {
    PeopleTotal.get_result(conn).await
}

/// Forgets walks that were not continued within the hour.
pub async fn forget(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(index_walks::table.filter(index_walks::at.lt(now - REMEMBERED))).execute(conn).await
}

async fn few(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    condition: &Condition,
) -> Result<Page, ListError> {
    let (all, is_unkeyed) = if condition.reads_keys() {
        try_join(selected(&*conn, condition), keys::is_missing(&*conn)).await?
    } else {
        (selected(&*conn, condition).await?, false)
    };
    if is_unkeyed {
        return Err(ListError::Unkeyed);
    }
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(request.start_index.saturating_sub(1)).unwrap_or(usize::MAX);
    let take = usize::try_from(request.count).unwrap_or(0);
    Ok(Page { people: all.into_iter().skip(skip).take(take).collect(), total })
}

async fn remember(conn: &mut AsyncPgConnection, request: &PageRequest<'_>, people: &[Shown]) -> QueryResult<()> {
    let read = i64::try_from(people.len()).unwrap_or(i64::MAX);
    let Some(last) = people.last().filter(|_| read == request.count) else { return Ok(()) };
    remember_at(conn, request, request.start_index.saturating_add(read), last.position, None).await
}

/// Remembers where a walk goes on: at an index, behind a position and, if it is sorted, a sort value.
pub(super) async fn remember_at(
    conn: &mut AsyncPgConnection,
    request: &PageRequest<'_>,
    next_start_index: i64,
    last_position: i64,
    last_key: Option<&str>,
) -> QueryResult<()> {
    Remember { request, next_start_index, last_position, last_key }.execute(conn).await.map(drop)
}

/// The position and the sort value behind which a walk goes on; no row if its last page is not remembered.
#[derive(Clone, Copy, Debug)]
struct Mark<'a> {
    request: &'a PageRequest<'a>,
}

impl<'a> Mark<'a> {
    fn push<'b>(self, columns: &str, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>
    where
        'a: 'b,
    {
        let request: &'b PageRequest<'_> = self.request;
        out.push_sql("SELECT ");
        out.push_sql(columns);
        out.push_sql(" FROM index_walks WHERE caller = ");
        out.push_bind_param::<SqlUuid, _>(&request.caller)?;
        out.push_sql(" AND query = ");
        out.push_bind_param::<Bytea, _>(request.query)?;
        out.push_sql(" AND next_start_index = ");
        out.push_bind_param::<Bigint, _>(&request.start_index)?;
        out.push_sql(" AND at > ");
        out.push_bind_param::<Timestamptz, _>(&request.now)?;
        out.push_sql(" - interval '1 hour'");
        Ok(())
    }
}

impl QueryFragment<Pg> for Mark<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.push("last_position, last_key", &mut out)
    }
}

impl Query for Mark<'_> {
    type SqlType = (Bigint, Nullable<Text>);
}

impl QueryId for Mark<'_> {
    type QueryId = Mark<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

/// The position where a page begins: behind the last page of the walk, if it is remembered, else where counting leads;
/// `NULL` behind the end.
#[derive(Clone, Copy, Debug)]
struct Start<'a> {
    mark: Mark<'a>,
    condition: Option<&'a Condition>,
}

impl QueryFragment<Pg> for Start<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // The second half runs only if the first finds nothing.
        out.push_sql("COALESCE((");
        self.mark.push("last_position", &mut out)?;
        out.push_sql(") + 1, ");
        match self.condition {
            None => self.jump(&mut out)?,
            Some(condition) => {
                // A jump into a filtered list counts its way there: the people who satisfy the condition have no
                // counts of their own.
                out.push_sql("(SELECT \"people\".\"position\" FROM \"people\" WHERE ");
                condition.walk_ast(out.reborrow())?;
                out.push_sql(" ORDER BY \"people\".\"position\" OFFSET ");
                self.skip(&mut out)?;
                out.push_sql(" LIMIT 1)");
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

impl Start<'_> {
    /// Finds the block that holds the index by live counts, then the position within the block.
    fn jump<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "(WITH live AS (
                SELECT block, people FROM people_blocks
                UNION ALL
                SELECT position / 1024, people_delta FROM changes WHERE sequence IS NULL AND people_delta <> 0
             ), counted AS (
                SELECT block, sum(people)::bigint AS people FROM live GROUP BY block
             ), summed AS (
                SELECT block, (sum(people) OVER (ORDER BY block))::bigint AS through, people FROM counted
             ), sought AS (
                SELECT block, ",
        );
        self.skip(out)?;
        out.push_sql(" - (through - people) AS within FROM summed WHERE through > ");
        self.skip(out)?;
        out.push_sql(
            " ORDER BY block LIMIT 1
             )
             SELECT found.position FROM sought CROSS JOIN LATERAL (
                SELECT inside.position FROM people AS inside WHERE inside.position >= sought.block * 1024
                ORDER BY inside.position OFFSET sought.within LIMIT 1
             ) AS found)",
        );
        Ok(())
    }

    /// How many people come before the page.
    fn skip<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(");
        out.push_bind_param::<Bigint, _>(&self.mark.request.start_index)?;
        out.push_sql(" - 1)");
        Ok(())
    }
}

impl Expression for Start<'_> {
    type SqlType = Nullable<Bigint>;
}

impl QueryId for Start<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS> AppearsOnTable<QS> for Start<'_> {}
impl<QS> SelectableExpression<QS> for Start<'_> {}

impl<GB> ValidGrouping<GB> for Start<'_> {
    type IsAggregate = is_aggregate::No;
}

/// The number of people: what the sequencer has folded, and what it has not folded yet, in one statement.
#[derive(Clone, Copy, Debug, QueryId)]
struct PeopleTotal;

impl QueryFragment<Pg> for PeopleTotal {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT people_total + (SELECT COALESCE(sum(people_delta), 0)::bigint FROM changes WHERE sequence IS NULL)
             FROM feed_state",
        );
        Ok(())
    }
}

impl Query for PeopleTotal {
    type SqlType = Bigint;
}

struct Remember<'a> {
    request: &'a PageRequest<'a>,
    next_start_index: i64,
    last_position: i64,
    last_key: Option<&'a str>,
}

impl QueryFragment<Pg> for Remember<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT INTO index_walks (caller, query, next_start_index, last_position, last_key, at) VALUES (");
        out.push_bind_param::<SqlUuid, _>(&self.request.caller)?;
        out.push_sql(", ");
        out.push_bind_param::<Bytea, _>(self.request.query)?;
        out.push_sql(", ");
        out.push_bind_param::<Bigint, _>(&self.next_start_index)?;
        out.push_sql(", ");
        out.push_bind_param::<Bigint, _>(&self.last_position)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.last_key)?;
        out.push_sql(", ");
        out.push_bind_param::<Timestamptz, _>(&self.request.now)?;
        out.push_sql(
            ") ON CONFLICT (caller, query, next_start_index)
             DO UPDATE SET last_position = excluded.last_position, last_key = excluded.last_key, at = excluded.at",
        );
        Ok(())
    }
}

/// Written by hand, since diesel prepares its own `ON CONFLICT … DO UPDATE` anew for each page.
impl QueryId for Remember<'_> {
    type QueryId = Remember<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}
