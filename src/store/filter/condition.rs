//! Conditions on people and groups, as SQL with bound values.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use uuid::Uuid;

use super::sql::{Sql, Value};
use crate::directory::groups::Kind;

/// A condition on a group, whose row is called `g`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupCondition {
    pub(super) sql: Sql,
    /// Whether its statement is worth keeping prepared: there are as many conditions as there are filters.
    pub(super) is_plain: bool,
}

impl GroupCondition {
    /// Both have to hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { sql: Sql::join(" AND ", [self.sql, other.sql]), is_plain: self.is_plain && other.is_plain }
    }

    /// There are few such conditions: those of release policies.
    pub(crate) fn kept_prepared(self) -> Self {
        Self { is_plain: true, ..self }
    }

    /// The group with this id.
    #[must_use]
    pub fn id(id: Uuid) -> Self {
        Self { sql: Sql::of("g.id = ").append(Sql::value(Value::Uuid(id))), is_plain: true }
    }

    /// The groups of a kind.
    #[must_use]
    pub fn kind(kind: Kind) -> Self {
        Self { sql: Sql::of("g.kind = ").append(Sql::text(kind.as_str())), is_plain: true }
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.sql
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }
}

/// A condition on a row of `people`, as a diesel expression for whatever query has that table in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub(super) sql: Sql,
    pub(super) is_selective: bool,
    pub(super) is_walked: bool,
    /// Whether its statement is worth keeping prepared: there are as many conditions as there are filters.
    pub(super) is_plain: bool,
}

impl Condition {
    /// Both have to hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            sql: Sql::join(" AND ", [self.sql, other.sql]),
            is_selective: self.is_selective || other.is_selective,
            is_walked: self.is_walked && other.is_walked,
            is_plain: self.is_plain && other.is_plain,
        }
    }

    /// There are few such conditions: those of release policies.
    pub(crate) fn kept_prepared(self) -> Self {
        Self { is_plain: true, ..self }
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.sql
    }

    /// Whether only a handful of people can satisfy it, whatever the number of people: each way to satisfy it names a
    /// user name, an email, an id or a source id.
    #[must_use]
    pub fn is_selective(&self) -> bool {
        self.is_selective
    }

    /// Whether those who satisfy it are found best in the order of lists: the members of a group, who can be many and
    /// have an index in that order, or everybody who is active.
    #[must_use]
    pub(crate) fn is_walked(&self) -> bool {
        self.is_walked
    }
}

impl Expression for Condition {
    type SqlType = Bool;
}

impl QueryFragment<Pg> for Condition {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.is_plain {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("(");
        self.sql.write_to(&mut out)?;
        out.push_sql(")");
        Ok(())
    }
}

/// The statement depends on the condition's shape: it is cached by its text.
impl QueryId for Condition {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS> AppearsOnTable<QS> for Condition {}

impl<QS> SelectableExpression<QS> for Condition {}

impl<GB> ValidGrouping<GB> for Condition {
    type IsAggregate = is_aggregate::No;
}
