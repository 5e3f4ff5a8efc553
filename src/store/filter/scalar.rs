//! A single value in SQL, and what filters ask of it.
//!
//! Conditions are `NULL` where there is no value; a negation uses [`Sql::negated`]. All texts are keys as
//! [`Preparation`](crate::scim::text::Preparation) makes them, compared by code point.

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use uuid::Uuid;

use super::sql::{Piece, Sql, Value};
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Leaf, Operand, Predicate};
use crate::scim::filter::eval::text_holds;
use crate::scim::schema::Resolved;

/// So many characters of a text are in indexes. The migration says the same.
const INDEXED: usize = 200;

/// Where a value is, if there is one.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    Text {
        expr: Sql,
        lookup: Lookup,
    },
    /// A `uuid`, shown and compared as text.
    Id {
        expr: Sql,
        /// What an index answers, and is true wherever the id is this one.
        lookup: Option<fn(Uuid) -> Sql>,
    },
    /// The URI of a resource: what stands before its id, and the id.
    Reference {
        to: String,
        id: Sql,
    },
    /// The same for everybody, as a key.
    Constant(&'static str),
    Boolean(Sql),
    Number(Sql),
    /// A `timestamptz`, shown in milliseconds (R-034).
    Instant(Sql),
    /// An instant as it is shown.
    Printed(Sql),
    /// The name of a group, which is never absent. Its key is not kept: whether a name satisfies what is asked is found
    /// out before.
    Named(Resolved),
    /// No resource has one.
    Nothing,
}

/// How an index finds a text that is equal to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Not at all.
    No,
    /// By its first characters.
    Start,
    /// By a column that has the same text.
    Column(&'static str),
}

/// By what lists are sorted: a text, or a number.
#[derive(Clone, Debug)]
pub(crate) struct SortKey {
    pub(crate) expr: Sql,
    pub(crate) is_number: bool,
    /// What an index has of it in the same order: its first characters.
    pub(crate) indexed: Option<Sql>,
}

impl Scalar {
    /// A text that no index finds.
    pub(crate) fn text(expr: Sql) -> Self {
        Self::Text { expr, lookup: Lookup::No }
    }

    /// What a leaf asks, of the one value that there can be.
    pub(crate) fn test(&self, predicate: &Predicate) -> Sql {
        if let Self::Named(target) = self {
            return Sql::piece(Piece::Named(Box::new(Leaf { target: *target, predicate: predicate.clone() })));
        }
        match predicate {
            Predicate::Present => self.is_there(),
            Predicate::Absent => self.is_there().negated(),
            // R-083: also where there is none.
            Predicate::Compare(Operator::Ne, operand) => self.compare(Operator::Eq, operand).negated(),
            Predicate::Compare(operator, operand) => self.compare(*operator, operand),
        }
    }

    /// There is a value, and it is another one.
    pub(crate) fn differs(&self, operand: &Operand) -> Sql {
        Sql::join(" AND ", [self.is_there(), self.compare(Operator::Eq, operand).negated()])
    }

    pub(crate) fn is_there(&self) -> Sql {
        match self {
            Self::Constant(_) | Self::Named(_) => Sql::truth(true),
            Self::Nothing => Sql::truth(false),
            Self::Text { expr, .. }
            | Self::Id { expr, .. }
            | Self::Reference { id: expr, .. }
            | Self::Boolean(expr)
            | Self::Number(expr)
            | Self::Instant(expr)
            | Self::Printed(expr) => Sql::of("(").append(expr.clone()).push(") IS NOT NULL"),
        }
    }

    fn compare(&self, operator: Operator, operand: &Operand) -> Sql {
        match (self, operand) {
            (Self::Text { expr, lookup }, Operand::Text { key, .. }) => text(expr, *lookup, operator, key),
            (Self::Id { expr, lookup }, Operand::Text { key, .. }) => match (operator, id(key)) {
                (Operator::Eq, None) => Sql::truth(false),
                (Operator::Eq, Some(id)) => {
                    let exact = expr.clone().push(" = ").append(Sql::value(Value::Uuid(id)));
                    Sql::join(" AND ", lookup.iter().map(|lookup| lookup(id)).chain([exact]))
                }
                _ => text(&expr.clone().push("::text"), Lookup::No, operator, key),
            },
            (Self::Reference { to, id: expr }, Operand::Text { key, .. }) => {
                match (operator, key.strip_prefix(to).and_then(id)) {
                    (Operator::Eq, None) => Sql::truth(false),
                    (Operator::Eq, Some(id)) => expr.clone().push(" = ").append(Sql::value(Value::Uuid(id))),
                    _ => {
                        let whole = Sql::text(to).push(" || ").append(expr.clone()).push("::text");
                        text(&whole, Lookup::No, operator, key)
                    }
                }
            }
            (Self::Constant(found), Operand::Text { key, .. }) => Sql::truth(text_holds(operator, found, key)),
            (Self::Boolean(expr), Operand::Boolean(true)) => expr.clone(),
            (Self::Boolean(expr), Operand::Boolean(false)) => Sql::of("NOT ").append(expr.clone()),
            (Self::Number(expr), Operand::Number(number)) => {
                ordered(expr, operator, |all| all.append(Sql::text(&number.to_string())).push("::numeric"))
            }
            (Self::Instant(expr), Operand::Instant(at)) => instant(expr, operator, *at),
            (Self::Printed(expr), Operand::Instant(at)) => printed(expr, operator, *at),
            (Self::Instant(_) | Self::Printed(_), Operand::InstantText(part)) => {
                text(&self.as_text(), Lookup::No, operator, part)
            }
            // Nothing holds of no value, nor of one of another type.
            _ => Sql::truth(false),
        }
    }

    /// A text that is in the order of the values.
    fn as_text(&self) -> Sql {
        match self {
            Self::Text { expr, .. } | Self::Printed(expr) => expr.clone(),
            Self::Id { expr, .. } | Self::Reference { id: expr, .. } => {
                Sql::of("(").append(expr.clone()).push(")::text")
            }
            Self::Boolean(expr) | Self::Number(expr) => Sql::of("(").append(expr.clone()).push(")::text"),
            Self::Instant(expr) => Sql::of("to_char(")
                .append(expr.clone())
                .push(" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"),
            Self::Named(_) => Sql::of("g.name"),
            Self::Constant(value) => Sql::text(value).push("::text"),
            Self::Nothing => Sql::of("NULL::text"),
        }
    }

    /// What lists are sorted by.
    pub(crate) fn sort_key(&self) -> SortKey {
        match self {
            Self::Number(expr) => {
                let expr = Sql::of("(").append(expr.clone()).push(")");
                SortKey { expr, is_number: true, indexed: None }
            }
            other => {
                let expr = Sql::of("(").append(other.as_text()).push(") COLLATE \"C\"");
                let indexed = match other {
                    Self::Text { expr, lookup: Lookup::Start } => Some(indexed(expr)),
                    _ => None,
                };
                SortKey { expr, is_number: false, indexed }
            }
        }
    }
}

/// An id is compared exactly: hyphenated lower-case hexadecimal, as it is issued (R-027).
pub(crate) fn id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

/// `expr OPERATOR …`, by code point where it is a text.
fn ordered(expr: &Sql, operator: Operator, then: impl FnOnce(Sql) -> Sql) -> Sql {
    let sign = match operator {
        Operator::Gt => " > ",
        Operator::Ge => " >= ",
        Operator::Lt => " < ",
        Operator::Le => " <= ",
        _ => " = ",
    };
    then(Sql::of("(").append(expr.clone()).push(")").push(sign))
}

fn collated(expr: &Sql) -> Sql {
    Sql::of("(").append(expr.clone()).push(") COLLATE \"C\"")
}

fn text(expr: &Sql, lookup: Lookup, operator: Operator, key: &str) -> Sql {
    // Postgres has no text with NUL, so no value has it: it is equal to none, and in order it comes right behind
    // what comes before its NUL.
    let (key, operator) = match (key.split_once('\0'), operator) {
        (None, operator) => (key, operator),
        (Some((start, _)), Operator::Gt | Operator::Ge) => (start, Operator::Gt),
        (Some((start, _)), Operator::Lt | Operator::Le) => (start, Operator::Le),
        (Some(_), _) => return Sql::truth(false),
    };
    let exact = match operator {
        Operator::Co => like(expr, &format!("%{}%", escaped(key))),
        Operator::Sw => like(expr, &format!("{}%", escaped(key))),
        Operator::Ew => like(expr, &format!("%{}", escaped(key))),
        _ => ordered(&collated(expr), operator, |all| all.append(Sql::text(key))),
    };
    let start = first_characters(key);
    let first = || indexed(expr);
    match (lookup, operator) {
        (Lookup::Start, Operator::Eq) => Sql::join(" AND ", [first().push(" = ").append(Sql::text(start)), exact]),
        (Lookup::Start, Operator::Sw) if !start.is_empty() => {
            let from = first().push(" >= ").append(Sql::text(start));
            let until = successor(start).map(|end| first().push(" < ").append(Sql::text(&end)));
            Sql::join(" AND ", [from].into_iter().chain(until).chain([exact]))
        }
        (Lookup::Column(column), Operator::Eq) => {
            Sql::join(" AND ", [Sql::of(column).push(" = ").append(Sql::text(key)), exact])
        }
        _ => exact,
    }
}

/// What an index has of a text whose [`Lookup`] is by its start.
fn indexed(expr: &Sql) -> Sql {
    Sql::of("left(").append(expr.clone()).push(format!(", {INDEXED}) COLLATE \"C\""))
}

/// The same of a text that is bound.
pub(crate) fn first_characters(text: &str) -> &str {
    text.char_indices().nth(INDEXED).map_or(text, |(end, _)| &text[..end])
}

/// `expr LIKE pattern`.
pub(crate) fn like(expr: &Sql, pattern: &str) -> Sql {
    Sql::of("(").append(collated(expr)).push(") LIKE ").append(Sql::text(pattern))
}

/// A text that stands for itself in a pattern of `LIKE`.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The first text behind all that begin with `text`; `None` if there is none.
fn successor(text: &str) -> Option<String> {
    let mut start = text.to_owned();
    while let Some(last) = start.pop() {
        // Surrogates are no characters.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            start.push(next);
            return Some(start);
        }
    }
    None
}

/// The millisecond that an instant lies in, and whether it begins it.
fn millisecond(at: DateTime<Utc>) -> (DateTime<Utc>, bool) {
    let beyond = i64::from(at.nanosecond() % 1_000_000);
    (at - TimeDelta::nanoseconds(beyond), beyond == 0)
}

/// Compares a column with an instant as if the column were cut to milliseconds, and so that an index on it helps.
fn instant(expr: &Sql, operator: Operator, at: DateTime<Utc>) -> Sql {
    let (floor, is_whole) = millisecond(at);
    let next = floor + TimeDelta::milliseconds(1);
    let from = |at| expr.clone().push(" >= ").append(Sql::value(Value::Instant(at)));
    let until = |at| expr.clone().push(" < ").append(Sql::value(Value::Instant(at)));
    match operator {
        Operator::Eq if is_whole => Sql::join(" AND ", [from(floor), until(next)]),
        Operator::Ge if is_whole => from(floor),
        Operator::Gt | Operator::Ge => from(next),
        Operator::Lt if is_whole => until(floor),
        Operator::Lt | Operator::Le => until(next),
        _ => Sql::truth(false),
    }
}

/// The same of an instant that is printed.
fn printed(expr: &Sql, operator: Operator, at: DateTime<Utc>) -> Sql {
    let (floor, is_whole) = millisecond(at);
    let operator = match operator {
        Operator::Eq if !is_whole => return Sql::truth(false),
        Operator::Ge if !is_whole => Operator::Gt,
        Operator::Lt if !is_whole => Operator::Le,
        same => same,
    };
    let floor = floor.to_rfc3339_opts(SecondsFormat::Millis, true);
    ordered(&collated(expr), operator, |all| all.append(Sql::text(&floor)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_means_something_in_a_pattern_is_escaped() {
        assert_eq!(escaped(r"50%_\x"), r"50\%\_\\x");
    }

    #[test]
    fn an_instant_within_a_millisecond_is_equal_to_none_that_is_shown() {
        let at: DateTime<Utc> = "2026-11-20T12:00:00.0005Z".parse().unwrap();
        let column = Sql::of("c");
        assert_eq!(instant(&column, Operator::Eq, at), Sql::truth(false));
        assert_eq!(printed(&column, Operator::Eq, at), Sql::truth(false));
        assert_eq!(instant(&column, Operator::Ge, at), instant(&column, Operator::Gt, at));
        assert_eq!(instant(&column, Operator::Lt, at), instant(&column, Operator::Le, at));
    }

    #[test]
    fn the_last_character_has_no_successor() {
        assert_eq!(successor("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(successor("\u{10FFFF}"), None);
        assert_eq!(successor(""), None);
    }

    proptest! {
        #[test]
        fn what_begins_with_a_text_lies_between_it_and_its_successor(start in "\\PC{1,4}", rest in any::<String>(), other in any::<String>()) {
            let whole = format!("{start}{rest}");
            let end = successor(&start);
            prop_assert!(whole >= start && end.as_ref().is_none_or(|end| &whole < end));
            let between = other >= start && end.as_ref().is_none_or(|end| &other < end);
            prop_assert_eq!(between, other.starts_with(&start));
        }
    }
}
