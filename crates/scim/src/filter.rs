//! Filters (RFC 7644 §3.4.2.2): the tree that a filter is read into, and its text form.
//!
//! [`parse`] reads text, [`check`] finds what each path names and whether its values fit, [`eval`] answers in memory.
//! Printing a parsed filter and parsing it again gives the same tree (R-092).
//!
//! ```
//! use rollbook_scim::filter::{Mode, parse::parse};
//!
//! let filter = parse(r#"NOT(title pr)and emails[type eq "work"].value EW"@acme.com""#, Mode::Strict)?;
//! assert_eq!(filter.to_string(), r#"not (title pr) and emails[type eq "work"].value ew "@acme.com""#);
//! # Ok::<(), rollbook_scim::filter::parse::ParseError>(())
//! ```

pub mod check;
pub mod eval;
pub mod parse;

use std::fmt;

use serde_json::Number;

use super::path::AttrPath;

/// How closely a consumer is held to the RFC: a switch of the consumer (R-082, R-091).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Takes what well-known clients send: bare words and single quotes as strings, `"True"` for a boolean.
    #[default]
    Lenient,
    Strict,
}

/// A filter as it was written: paths are not resolved yet.
///
/// The tree keeps the grouping that was written. `And` and `Or` have two operands or more; the filters inside an
/// [`Element`](Filter::Element) name sub-attributes only and hold no further `Element`. [`parse`] makes no others.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// `userName eq "x"`, `title pr`.
    Test(AttrPath, Test),
    /// `emails[type eq "work"]`: one element satisfies the filter; with a test behind it (`.value eq "x"`) that same
    /// element satisfies both.
    Element {
        path: AttrPath,
        filter: Box<Filter>,
        then: Option<(String, Test)>,
    },
}

/// The test of the values at a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Present,
    Compare(Operator, Literal),
}

/// The operators that take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Operator {
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    /// Whether it tests a part of a text: `co`, `sw`, `ew`.
    #[must_use]
    pub fn is_partial(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }

    /// Whether it tests an order: `gt`, `ge`, `lt`, `le`.
    #[must_use]
    pub fn is_ordering(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    String(String),
    Number(Number),
    Boolean(bool),
    Null,
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(operands) => join(f, operands, " and ", |operand| matches!(operand, Self::And(_) | Self::Or(_))),
            Self::Or(operands) => join(f, operands, " or ", |operand| matches!(operand, Self::Or(_))),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Test(path, test) => write!(f, "{path} {test}"),
            Self::Element { path, filter, then } => {
                write!(f, "{path}[{filter}]")?;
                then.as_ref().map_or(Ok(()), |(sub, test)| write!(f, ".{sub} {test}"))
            }
        }
    }
}

/// Operands with a keyword between them; `grouped` is true for those that would be read otherwise without parentheses.
fn join(f: &mut fmt::Formatter<'_>, operands: &[Filter], word: &str, grouped: impl Fn(&Filter) -> bool) -> fmt::Result {
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        if grouped(operand) {
            write!(f, "({operand})")?;
        } else {
            write!(f, "{operand}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("pr"),
            Self::Compare(operator, literal) => write!(f, "{} {literal}", operator.keyword()),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A `Value` prints as JSON, with its escapes.
            Self::String(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::parse::parse;
    use super::*;

    fn name() -> impl Strategy<Value = String> {
        // What a filter cannot start with is a keyword of the lexer that we compare with, not of ours.
        "[a-zA-Z][a-zA-Z0-9_-]{0,8}".prop_filter("keywords", |name| {
            !["and", "or", "not", "pr", "true", "false", "null"].contains(&name.to_ascii_lowercase().as_str())
                && Operator::ALL.iter().all(|operator| !operator.keyword().eq_ignore_ascii_case(name))
        })
    }

    fn literal() -> impl Strategy<Value = Literal> {
        prop_oneof![
            any::<String>().prop_map(Literal::String),
            any::<i64>().prop_map(|number| Literal::Number(number.into())),
            any::<f64>().prop_filter_map("finite", |n| Number::from_f64(n).map(Literal::Number)),
            any::<bool>().prop_map(Literal::Boolean),
            Just(Literal::Null),
        ]
    }

    fn test() -> impl Strategy<Value = Test> {
        let operator = prop::sample::select(Operator::ALL.to_vec());
        prop_oneof![
            Just(Test::Present),
            (operator, literal()).prop_map(|(operator, literal)| Test::Compare(operator, literal)),
        ]
    }

    fn path() -> impl Strategy<Value = AttrPath> {
        let urn = prop::option::weighted(0.2, "urn:[a-z]{1,5}:[0-9]\\.[0-9]:[A-Z][a-z]{0,5}");
        (urn, name(), prop::option::of(name())).prop_map(|(urn, name, sub)| AttrPath { urn, name, sub })
    }

    fn nested(leaf: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
        leaf.prop_recursive(4, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
                inner.prop_map(|inner| Filter::Not(Box::new(inner))),
            ]
        })
    }

    /// Random trees of at most 50 expressions. With `extended` also what only we take: a test behind brackets.
    pub(crate) fn filters(extended: bool) -> impl Strategy<Value = Filter> {
        let simple = (name(), test()).prop_map(|(name, test)| Filter::Test(AttrPath::named(&name), test));
        let then = prop::option::of((name(), test())).prop_map(move |then| then.filter(|_| extended));
        let element = (path(), nested(simple), then).prop_map(|(path, filter, then)| Filter::Element {
            path: AttrPath { sub: None, ..path },
            filter: Box::new(filter),
            then,
        });
        let leaf = prop_oneof![3 => (path(), test()).prop_map(|(path, test)| Filter::Test(path, test)), 1 => element];
        nested(leaf).prop_filter("at most 50 expressions", |filter| expressions(filter) <= parse::MAX_EXPRESSIONS)
    }

    pub(crate) fn expressions(filter: &Filter) -> usize {
        match filter {
            Filter::And(operands) | Filter::Or(operands) => operands.iter().map(expressions).sum(),
            Filter::Not(inner) => expressions(inner),
            Filter::Test(..) => 1,
            Filter::Element { filter, then, .. } => expressions(filter) + usize::from(then.is_some()),
        }
    }

    proptest! {
        #[test]
        fn a_printed_filter_parses_to_the_same_tree(filter in filters(true)) {
            let text = filter.to_string();
            prop_assume!(text.len() <= parse::MAX_BYTES);
            for mode in [Mode::Lenient, Mode::Strict] {
                prop_assert_eq!(parse(&text, mode), Ok(filter.clone()), "{}", text);
            }
        }
    }
}
