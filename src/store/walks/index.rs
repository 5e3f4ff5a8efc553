//! Where a page by index begins: behind the page before it, if that is remembered, else where counting leads.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bigint, Bool, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};

use super::{PageRequest, Place};
use crate::store::scim_filter::Condition;

/// The position and the sort value behind which a walk goes on; no row if its last page is not remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'a> {
    pub(super) request: &'a PageRequest<'a>,
    /// From 1.
    pub(super) index: i64,
}

impl Mark<'_> {
    fn push<'b>(&'b self, columns: &str, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let request = self.request;
        out.push_sql("SELECT ");
        out.push_sql(columns);
        out.push_sql(" FROM index_walks WHERE caller = ");
        out.push_bind_param::<SqlUuid, _>(&request.caller)?;
        out.push_sql(" AND query = ");
        out.push_bind_param::<Bytea, _>(request.query)?;
        out.push_sql(" AND next_start_index = ");
        out.push_bind_param::<Bigint, _>(&self.index)?;
        out.push_sql(" AND at > ");
        out.push_bind_param::<Timestamptz, _>(&request.now)?;
        // A page that was given is asked for again only if the answer got lost: later, it is a jump.
        out.push_sql(" - interval '1 hour' AND (used_at IS NULL OR used_at > ");
        out.push_bind_param::<Timestamptz, _>(&request.now)?;
        out.push_sql(" - interval '3 minutes')");
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
pub(super) struct Beginning<'a> {
    pub(super) mark: Mark<'a>,
    pub(super) condition: Option<&'a Condition>,
}

impl QueryFragment<Pg> for Beginning<'_> {
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

impl Beginning<'_> {
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
        out.push_bind_param::<Bigint, _>(&self.mark.index)?;
        out.push_sql(" - 1)");
        Ok(())
    }
}

impl Expression for Beginning<'_> {
    type SqlType = Nullable<Bigint>;
}

impl QueryId for Beginning<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS> AppearsOnTable<QS> for Beginning<'_> {}
impl<QS> SelectableExpression<QS> for Beginning<'_> {}

impl<GB> ValidGrouping<GB> for Beginning<'_> {
    type IsAggregate = is_aggregate::No;
}

/// The number of people: what the sequencer has folded, and what it has not folded yet, in one statement.
#[derive(Clone, Copy, Debug, QueryId)]
pub(super) struct PeopleTotal;

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

/// Notes that a page has been given, and remembers where the walk goes on.
pub(super) struct Remember<'a> {
    /// The page that was given.
    pub(super) given: Given<'a>,
    pub(super) next_start_index: i64,
    pub(super) last: &'a Place,
    /// Whether there is anybody behind the place.
    pub(super) goes_on: bool,
}

impl QueryFragment<Pg> for Remember<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let request = self.given.request;
        out.push_sql("WITH ended (caller, query, next_start_index, last_position, last_key, at, used_at) AS (VALUES (");
        out.push_bind_param::<SqlUuid, _>(&request.caller)?;
        out.push_sql(", ");
        out.push_bind_param::<Bytea, _>(request.query)?;
        out.push_sql(", ");
        out.push_bind_param::<Bigint, _>(&self.next_start_index)?;
        out.push_sql(", ");
        out.push_bind_param::<Bigint, _>(&self.last.position)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.last.key)?;
        out.push_sql(", ");
        out.push_bind_param::<Timestamptz, _>(&request.now)?;
        // Whoever goes on behind the last one does so soon, and finds nobody.
        out.push_sql(", CASE WHEN NOT ");
        out.push_bind_param::<Bool, _>(&self.goes_on)?;
        out.push_sql(" THEN ");
        out.push_bind_param::<Timestamptz, _>(&request.now)?;
        out.push_sql(" END)), given AS (");
        self.given.walk_ast(out.reborrow())?;
        // A walk begins: what an earlier one has passed is no place of it.
        out.push_sql(
            "), passed AS (
                 DELETE FROM index_walks w USING ended
                 WHERE (w.caller, w.query) = (ended.caller, ended.query) AND w.used_at IS NOT NULL
                     AND w.next_start_index <> ended.next_start_index AND ",
        );
        out.push_bind_param::<Bigint, _>(&self.given.index)?;
        // A page that is asked for again and again writes nothing, and waits for nobody, but once a minute.
        out.push_sql(
            " = 1)
             INSERT INTO index_walks AS w (caller, query, next_start_index, last_position, last_key, at, used_at)
             SELECT * FROM ended WHERE NOT EXISTS (
                 SELECT FROM index_walks w
                 WHERE (w.caller, w.query, w.next_start_index) = (ended.caller, ended.query, ended.next_start_index)
                     AND w.last_position = ended.last_position AND w.last_key IS NOT DISTINCT FROM ended.last_key
                     AND w.used_at IS NULL AND ended.used_at IS NULL AND w.at > ended.at - interval '1 minute' AND w.at <= ended.at)
             ON CONFLICT (caller, query, next_start_index) DO UPDATE SET ",
        );
        // Another walk may be about to go on at this index. Which of both comes cannot be told; from the earlier place
        // somebody is there twice at worst, from the later one somebody would be missing.
        out.push_sql(
            "last_position = CASE
                 WHEN w.used_at IS NULL AND w.at > excluded.at - interval '10 minutes'
                     AND w.last_key IS NULL AND excluded.last_key IS NULL
                 THEN least(w.last_position, excluded.last_position) ELSE excluded.last_position END,
             last_key = excluded.last_key, at = excluded.at, used_at = excluded.used_at",
        );
        Ok(())
    }
}

/// Written by hand, since diesel prepares its own `ON CONFLICT … DO UPDATE` anew for each page.
impl QueryId for Remember<'_> {
    type QueryId = Remember<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

/// Notes that a page has been given.
pub(super) struct Given<'a> {
    pub(super) request: &'a PageRequest<'a>,
    /// From 1.
    pub(super) index: i64,
}

impl QueryFragment<Pg> for Given<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE index_walks SET used_at = ");
        out.push_bind_param::<Timestamptz, _>(&self.request.now)?;
        out.push_sql(" WHERE caller = ");
        out.push_bind_param::<SqlUuid, _>(&self.request.caller)?;
        out.push_sql(" AND query = ");
        out.push_bind_param::<Bytea, _>(self.request.query)?;
        out.push_sql(" AND next_start_index = ");
        out.push_bind_param::<Bigint, _>(&self.index)?;
        out.push_sql(" AND used_at IS NULL");
        Ok(())
    }
}

impl QueryId for Given<'_> {
    type QueryId = Given<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}
