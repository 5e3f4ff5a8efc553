//! A page of people in an order that an index has: it is read from where the page begins as far as it goes, however
//! many people there are.
//!
//! The index has the first characters of the sort value; those that begin alike are put in order on the way. A person
//! who has no value stands behind all others, or before them where the order is descending, and is found in the
//! order of positions.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Bigint, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::types::Position;
use crate::store::filter::condition::Condition;
use crate::store::filter::scalar::first_characters;
use crate::store::filter::sort::Sort;
use crate::store::filter::sql::Sql;

/// An order that an index has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sorted<'a> {
    sort: &'a Sort,
    /// What the index has of the sort value.
    indexed: &'a Sql,
}

impl<'a> Sorted<'a> {
    /// The order of a list; `None` if no index has it.
    pub(crate) fn by(sort: &'a Sort) -> Option<Self> {
        Some(Self { sort, indexed: sort.indexed()? })
    }

    /// The places of people behind a place, or from the beginning, in order; of those who satisfy a condition, if there
    /// is one.
    pub(crate) async fn places(
        self,
        conn: &mut AsyncPgConnection,
        condition: Option<&Condition>,
        behind: Option<&Position>,
        limit: i64,
    ) -> QueryResult<Vec<Position>> {
        let Self { sort, indexed } = self;
        let first = !sort.descending;
        let mut places = Vec::new();
        for has_value in [first, !first] {
            let behind = match behind {
                Some(place) if place.key.is_some() == has_value => Some(place),
                // All of this part come before the place.
                Some(_) if has_value == first => continue,
                _ => None,
            };
            let rest = limit.saturating_sub(i64::try_from(places.len()).unwrap_or(i64::MAX));
            if rest > 0 {
                let part = Part { condition, sort, indexed, has_value, behind, limit: rest };
                let found: Vec<(i64, Option<String>)> = part.load(conn).await?;
                places.extend(found.into_iter().map(|(position, key)| Position { key, position }));
            }
        }
        Ok(places)
    }
}

/// Those who have a sort value, or those who have none.
struct Part<'a> {
    condition: Option<&'a Condition>,
    sort: &'a Sort,
    indexed: &'a Sql,
    has_value: bool,
    behind: Option<&'a Position>,
    limit: i64,
}

impl QueryFragment<Pg> for Part<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let key = self.sort.expr();
        let (direction, sign) = if self.sort.descending { (" DESC", " < ") } else { ("", " > ") };
        out.push_sql("SELECT \"people\".\"position\", ");
        key.write_to(&mut out)?;
        out.push_sql(" FROM \"people\" WHERE ");
        self.indexed.write_to(&mut out)?;
        out.push_sql(if self.has_value { " IS NOT NULL" } else { " IS NULL" });
        match self.behind {
            Some(Position { key: Some(last), position }) => {
                out.push_sql(" AND ");
                self.indexed.write_to(&mut out)?;
                out.push_sql(if self.sort.descending { " <= " } else { " >= " });
                out.push_bind_param::<Text, _>(first_characters(last))?;
                out.push_sql(" AND (");
                key.write_to(&mut out)?;
                out.push_sql(", \"people\".\"position\")");
                out.push_sql(sign);
                out.push_sql("(");
                out.push_bind_param::<Text, _>(last)?;
                out.push_sql(", ");
                out.push_bind_param::<Bigint, _>(position)?;
                out.push_sql(")");
            }
            Some(Position { key: None, position }) => {
                out.push_sql(" AND \"people\".\"position\"");
                out.push_sql(sign);
                out.push_bind_param::<Bigint, _>(position)?;
            }
            None => {}
        }
        if let Some(condition) = self.condition {
            out.push_sql(" AND ");
            condition.walk_ast(out.reborrow())?;
        }
        out.push_sql(" ORDER BY ");
        if self.has_value {
            for expr in [self.indexed, key] {
                expr.write_to(&mut out)?;
                out.push_sql(direction);
                out.push_sql(", ");
            }
        }
        out.push_sql("\"people\".\"position\"");
        out.push_sql(direction);
        out.push_sql(" LIMIT ");
        out.push_bind_param::<Bigint, _>(&self.limit)
    }
}

impl Query for Part<'_> {
    type SqlType = (Bigint, Nullable<Text>);
}

/// The statement depends on the sort key and the condition: it is cached by its text.
impl QueryId for Part<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
