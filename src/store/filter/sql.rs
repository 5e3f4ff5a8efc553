//! SQL that is put together piece by piece. What comes from outside is bound, never spliced: the pieces of text
//! are ours, the values are bound where they stand.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{Array, Bigint, Bytea, Jsonb, Text, Timestamptz, Untyped, Uuid as SqlUuid};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::scim::filter::check::Leaf;

/// A piece of a statement.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Sql(Vec<Piece>);

#[derive(Clone, PartialEq)]
pub(crate) enum Piece {
    Text(Cow<'static, str>),
    Value(Value),
    /// A member of one of the groups that satisfy a condition; it has to be filled in before the statement is sent.
    InGroups(Sql),
    /// A group by a name that satisfies a leaf; has to be filled in, too.
    Named(Box<Leaf>),
    /// What was filled in.
    Settled(Box<Sql>),
}

/// A value that is bound.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Integer(i64),
    Integers(Vec<i64>),
    Instant(DateTime<Utc>),
    Json(Json),
    Bytes(Vec<u8>),
}

impl Sql {
    pub(crate) const TRUE: &str = "TRUE";
    pub(crate) const FALSE: &str = "FALSE";

    pub(crate) fn of(text: impl Into<Cow<'static, str>>) -> Self {
        Self::default().push(text)
    }

    /// One value, bound.
    pub(crate) fn value(value: Value) -> Self {
        Self(vec![Piece::Value(value)])
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::value(Value::Text(text.to_owned()))
    }

    pub(crate) fn piece(piece: Piece) -> Self {
        Self(vec![piece])
    }

    pub(crate) fn truth(value: bool) -> Self {
        Self::of(if value { Self::TRUE } else { Self::FALSE })
    }

    /// Appends text of ours.
    pub(crate) fn push(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.to_mut().push_str(&text),
            _ => self.0.push(Piece::Text(text)),
        }
        self
    }

    pub(crate) fn append(mut self, other: Self) -> Self {
        for piece in other.0 {
            match piece {
                Piece::Text(text) => self = self.push(text),
                other => self.0.push(other),
            }
        }
        self
    }

    /// `(one OPERATOR other OPERATOR …)`. Flat: however many there are, the statement gets no deeper.
    pub(crate) fn join(operator: &'static str, operands: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::of("(");
        for (n, operand) in operands.into_iter().enumerate() {
            if n > 0 {
                all = all.push(operator);
            }
            all = all.append(operand);
        }
        all.push(")")
    }

    /// True where this is not: unlike `NOT`, also where it is unknown.
    pub(crate) fn negated(self) -> Self {
        Self::of("(").append(self).push(") IS NOT TRUE")
    }

    pub(crate) fn pieces_mut(&mut self) -> &mut Vec<Piece> {
        &mut self.0
    }

    /// As a part of a diesel query.
    pub(crate) fn write_to<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_sql(text),
                Piece::Value(Value::Text(text)) => out.push_bind_param::<Text, _>(text)?,
                Piece::Value(Value::Uuid(id)) => out.push_bind_param::<SqlUuid, _>(id)?,
                Piece::Value(Value::Uuids(ids)) => out.push_bind_param::<Array<SqlUuid>, _>(ids)?,
                Piece::Value(Value::Integer(number)) => out.push_bind_param::<Bigint, _>(number)?,
                Piece::Value(Value::Integers(numbers)) => out.push_bind_param::<Array<Bigint>, _>(numbers)?,
                Piece::Value(Value::Instant(at)) => out.push_bind_param::<Timestamptz, _>(at)?,
                Piece::Value(Value::Json(json)) => out.push_bind_param::<Jsonb, _>(json)?,
                Piece::Value(Value::Bytes(bytes)) => out.push_bind_param::<Bytea, _>(bytes)?,
                Piece::Settled(condition) => {
                    out.push_sql("(");
                    condition.write_to(out)?;
                    out.push_sql(")");
                }
                Piece::InGroups(_) | Piece::Named(_) => return Err(unsettled()),
            }
        }
        Ok(())
    }
}

/// With a further condition behind a condition, if there is one.
pub(crate) fn and(condition: Sql, further: Option<&Sql>) -> Sql {
    match further {
        Some(further) => condition.push(" AND ").append(further.clone()),
        None => condition,
    }
}

/// A condition that was not settled is asked by mistake: better no answer than a wrong one.
fn unsettled() -> Error {
    Error::QueryBuilderError("a condition is asked before it is settled".into())
}

/// Without the values: they are what a caller searched for.
impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Value(_) => f.write_str("?")?,
                Piece::InGroups(condition) => write!(f, "in groups where ({condition:?})")?,
                Piece::Named(_) => f.write_str("named ?")?,
                Piece::Settled(condition) => write!(f, "({condition:?})")?,
            }
        }
        Ok(())
    }
}

/// Kept prepared by its text, unless it is said that it is asked for once.
pub(crate) struct Statement {
    sql: Sql,
    is_kept: bool,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: Sql::of(sql), is_kept: true }
    }

    /// Appends text of ours.
    pub(crate) fn sql(self, sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: self.sql.push(sql), ..self }
    }

    /// Appends a value, bound.
    pub(crate) fn bind(self, value: Value) -> Self {
        self.and_then(Sql::value(value))
    }

    pub(crate) fn and_then(self, sql: Sql) -> Self {
        Self { sql: self.sql.append(sql), ..self }
    }

    /// Not worth keeping prepared if this is false: there are as many such statements as there are filters.
    pub(crate) fn kept_if(self, is_kept: bool) -> Self {
        Self { is_kept: self.is_kept && is_kept, ..self }
    }
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.is_kept {
            out.unsafe_to_cache_prepared();
        }
        self.sql.write_to(&mut out)
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
