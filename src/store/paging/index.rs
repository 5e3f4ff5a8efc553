//! Live counts of people: where an index leads, and how many people follow a position.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Bigint, Nullable};

use crate::store::filter::condition::Condition;

/// The position where a page begins behind so many people; `NULL` behind the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) skip: i64,
    pub(crate) condition: Option<&'a Condition>,
}

impl QueryFragment<Pg> for Beginning<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
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
        out.push_bind_param::<Bigint, _>(&self.skip)
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
pub(crate) struct PeopleTotal;

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

/// The number of people behind a position: the counts of the blocks behind its own, and a step within that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeopleBehind(pub(crate) i64);

impl QueryFragment<Pg> for PeopleBehind {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT (SELECT COALESCE(sum(people), 0) FROM people_blocks WHERE block > ");
        out.push_bind_param::<Bigint, _>(&self.0)?;
        out.push_sql(
            " / 1024)::bigint + (SELECT COALESCE(sum(people_delta), 0) FROM changes
                WHERE sequence IS NULL AND people_delta <> 0 AND position / 1024 > ",
        );
        out.push_bind_param::<Bigint, _>(&self.0)?;
        out.push_sql(" / 1024)::bigint + (SELECT count(*) FROM people WHERE position > ");
        out.push_bind_param::<Bigint, _>(&self.0)?;
        out.push_sql(" AND position < (");
        out.push_bind_param::<Bigint, _>(&self.0)?;
        out.push_sql(" / 1024 + 1) * 1024)");
        Ok(())
    }
}

impl Query for PeopleBehind {
    type SqlType = Bigint;
}

impl QueryId for PeopleBehind {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}
