//! A page of the people who satisfy a condition, or of all in another order than that of lists.
//!
//! Who satisfies the condition is found first, by whatever index helps, and then counted and put in order: asked for
//! the first hundred in order, the planner would walk everybody in that order, in the hope of meeting a hundred soon.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, Bigint, Nullable, Text};

use super::types::Begin;
use super::types::Position;
use crate::store::filter::condition::Condition;
use crate::store::filter::sort::Sort;

/// The question for a page: how many satisfy the condition, how many of them are behind the place where it begins (all
/// if it begins behind a number), the positions of those on the page in order, and
/// their sort values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matched<'a> {
    pub(crate) condition: Option<&'a Condition>,
    pub(crate) sort: Option<&'a Sort>,
    /// Also of a list whose people have no value to be sorted by.
    pub(crate) descending: bool,
    pub(crate) begin: &'a Begin,
    pub(crate) limit: i64,
}

impl Matched<'_> {
    /// The order of the page.
    fn order(&self) -> &'static str {
        match (self.sort, self.descending) {
            (None, false) => " ORDER BY position",
            (None, true) => " ORDER BY position DESC",
            (Some(_), true) => " ORDER BY key DESC NULLS FIRST, position DESC",
            (Some(_), false) => " ORDER BY key ASC NULLS LAST, position",
        }
    }

    /// Those behind the place where the page begins. Absent values come last, or first where the order is descending
    ///
    fn push_following<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (key, position) = match self.begin {
            Begin::Skip(_) => return Ok(()),
            Begin::After(Position { key, position }) => (key, position),
        };
        let descending = self.descending;
        let sign = if descending { " < " } else { " > " };
        match (self.sort, key) {
            (None, Some(_)) => {
                // No person has a value: all come behind those who have one, or before them.
                out.push_sql(if descending { " WHERE FALSE" } else { " WHERE TRUE" });
            }
            (None, None) => {
                out.push_sql(" WHERE position");
                out.push_sql(sign);
                out.push_bind_param::<Bigint, _>(position)?;
            }
            (Some(sort), Some(key)) => {
                out.push_sql(" WHERE (key, position)");
                out.push_sql(sign);
                out.push_sql("(");
                out.push_bind_param::<Text, _>(key)?;
                out.push_sql(sort.cast());
                out.push_sql(", ");
                out.push_bind_param::<Bigint, _>(position)?;
                out.push_sql(if descending { ")" } else { ") OR key IS NULL" });
            }
            (Some(_), None) => {
                out.push_sql(" WHERE key IS NULL AND position");
                out.push_sql(sign);
                out.push_bind_param::<Bigint, _>(position)?;
                if descending {
                    out.push_sql(" OR key IS NOT NULL");
                }
            }
        }
        Ok(())
    }
}

impl QueryFragment<Pg> for Matched<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if self.sort.is_some() && self.condition.is_some() {
            // There are as many as conditions times sort keys.
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("WITH matched AS MATERIALIZED (SELECT \"people\".\"position\"");
        if let Some(sort) = self.sort {
            out.push_sql(", ");
            sort.expr().write_to(&mut out)?;
            out.push_sql(" AS key");
        }
        out.push_sql(" FROM \"people\"");
        if let Some(condition) = self.condition {
            out.push_sql(" WHERE ");
            condition.walk_ast(out.reborrow())?;
        }
        out.push_sql("), following AS (SELECT * FROM matched");
        self.push_following(&mut out)?;
        out.push_sql("), page AS (SELECT * FROM following");
        out.push_sql(self.order());
        if let Begin::Skip(skip) = self.begin {
            out.push_sql(" OFFSET ");
            out.push_bind_param::<Bigint, _>(skip)?;
        }
        out.push_sql(" LIMIT ");
        out.push_bind_param::<Bigint, _>(&self.limit)?;
        out.push_sql(") SELECT (SELECT count(*) FROM matched), ");
        out.push_sql(match self.begin {
            Begin::Skip(_) => "(SELECT count(*) FROM matched)",
            Begin::After(_) => "(SELECT count(*) FROM following)",
        });
        out.push_sql(", ARRAY(SELECT position FROM page");
        out.push_sql(self.order());
        out.push_sql("), ");
        if self.sort.is_some() {
            out.push_sql("ARRAY(SELECT key::text FROM page");
            out.push_sql(self.order());
            out.push_sql(")");
        } else {
            out.push_sql("ARRAY[]::text[]");
        }
        Ok(())
    }
}

impl Query for Matched<'_> {
    type SqlType = (Bigint, Bigint, Array<Bigint>, Array<Nullable<Text>>);
}

/// The statement depends on the condition and the sort key.
impl QueryId for Matched<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
