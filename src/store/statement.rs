//! A statement that is put together piece by piece, for rows that are read by the names of their columns.

use std::borrow::Cow;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;

use super::sql::{Sql, Value};

/// Kept prepared by its text, unless it is said that it is asked for once.
pub(super) struct Statement {
    sql: Sql,
    is_kept: bool,
}

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: Sql::of(sql), is_kept: true }
    }

    /// Appends text of ours.
    pub(super) fn sql(self, sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: self.sql.then(sql), ..self }
    }

    /// Appends a value, bound.
    pub(super) fn bind(self, value: Value) -> Self {
        self.and_then(Sql::value(value))
    }

    pub(super) fn and_then(self, sql: Sql) -> Self {
        Self { sql: self.sql.and_then(sql), ..self }
    }

    /// Not worth keeping prepared if this is false: there are as many such statements as there are filters.
    pub(super) fn kept_if(self, is_kept: bool) -> Self {
        Self { is_kept: self.is_kept && is_kept, ..self }
    }
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.is_kept {
            out.unsafe_to_cache_prepared();
        }
        self.sql.push(&mut out)
    }
}

impl Query for Statement {
    type SqlType = Untyped;
}

/// Kept by its text.
impl QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
