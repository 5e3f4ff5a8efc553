//! Checks a parsed filter against a schema: what each path names, and whether the operator and the value fit (R-079 to
//! The result can be evaluated and compiled without further checks.
//!
//! An attribute that no schema defines and one that is hidden from the caller are refused with the same message.

use chrono::{DateTime, Utc};
use serde_json::{Map, Number};

use super::{Filter, Literal, Mode, Operator, Test};
use crate::error::ScimError;
use crate::path::AttrPath;
use crate::schema::{Hidden, Resolved, Shape, Type};
use crate::text::{Preparation, parse_date_time};

/// A filter whose every leaf knows its attribute and has a value of its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked {
    And(Vec<Checked>),
    Or(Vec<Checked>),
    Not(Box<Checked>),
    Test(Leaf),
    /// One element of `target` satisfies `filter`, and `then` as well if it is there. The leaves of both name
    /// sub-attributes of `target`, or with [`Resolved::sub`] `None` the element itself.
    Element {
        target: Resolved,
        filter: Box<Checked>,
        then: Option<Leaf>,
    },
    /// The same for every resource of the type: a test of an attribute that only another type has.
    Constant(bool),
}

/// One expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Never complex, unless the predicate is `Present` or `Absent`: `emails eq "x"` has become `emails.value`.
    pub target: Resolved,
    pub predicate: Predicate,
}

/// The test of the values at the target; it holds if it holds for any of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// There is a value that is not empty: `pr`, `ne null`.
    Present,
    /// There is none: `eq null`.
    Absent,
    /// `Ne` holds where there is no value too, and else if any value differs.
    Compare(Operator, Operand),
}

/// A value of the type of its attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// For string, reference and binary; the prepared key is compared with prepared values. Binary has `Eq` and `Ne`
    /// only.
    Text {
        /// As it was written: a store may have keys of its own.
        text: String,
        key: String,
        preparation: Preparation,
    },
    /// `Eq` and `Ne` only.
    Boolean(bool),
    /// For integer and decimal; no partial operators.
    Number(Number),
    /// No partial operators.
    Instant(DateTime<Utc>),
    /// A part of a dateTime as it is printed; partial operators only.
    InstantText(String),
}

/// Checks a filter for one kind of resource. Errors are 400 `invalidFilter`.
pub fn check(filter: &Filter, mode: Mode, shape: &'static Shape, hidden: &Hidden) -> Result<Checked, ScimError> {
    check_in(filter, mode, Scope::Resource { shape, hidden })
}

/// Checks a filter that spans types, for one of them: an attribute that only `others` define has no value here.
/// Errors are 400 `invalidFilter`.
pub fn check_spanning(
    filter: &Filter,
    mode: Mode,
    shape: &'static Shape,
    others: &[&'static Shape],
    hidden: &Hidden,
) -> Result<Checked, ScimError> {
    let spanning = |operands: &[Filter]| -> Result<Vec<Checked>, ScimError> {
        operands.iter().map(|operand| check_spanning(operand, mode, shape, others, hidden)).collect()
    };
    Ok(match filter {
        Filter::And(operands) => Checked::And(spanning(operands)?),
        Filter::Or(operands) => Checked::Or(spanning(operands)?),
        Filter::Not(inner) => Checked::Not(Box::new(check_spanning(inner, mode, shape, others, hidden)?)),
        Filter::Test(path, _) | Filter::Element { path, .. } => {
            let elsewhere = others.iter().find(|other| other.resolve(path, hidden).is_some());
            match (shape.resolve(path, hidden), elsewhere) {
                (None, Some(other)) => Checked::Constant(check(filter, mode, other, hidden)?.matches(&Map::new())),
                _ => check(filter, mode, shape, hidden)?,
            }
        }
    })
}

/// Checks the filter inside the brackets after `target`: its paths are sub-attributes of `target`. Errors are 400
/// `invalidFilter`.
pub fn check_element(filter: &Filter, mode: Mode, target: Resolved) -> Result<Checked, ScimError> {
    check_in(filter, mode, Scope::Element { target, hidden: &Hidden::nothing() })
}

/// What the paths of a filter start from.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Resource { shape: &'static Shape, hidden: &'a Hidden },
    Element { target: Resolved, hidden: &'a Hidden },
}

impl<'a> Scope<'a> {
    fn hidden(self) -> &'a Hidden {
        match self {
            Self::Resource { hidden, .. } | Self::Element { hidden, .. } => hidden,
        }
    }

    fn resolve(self, path: &AttrPath) -> Result<Resolved, ScimError> {
        let found = match self {
            Self::Resource { shape, hidden } => shape.resolve(path, hidden).ok_or_else(|| unknown(path)),
            Self::Element { target, hidden } => sub_attribute(target, path, hidden),
        }?;
        if found.is_out_of_reach() {
            return Err(ScimError::invalid_filter(format!("attribute `{found}` cannot be filtered by")));
        }
        Ok(found)
    }
}

fn check_in(filter: &Filter, mode: Mode, scope: Scope<'_>) -> Result<Checked, ScimError> {
    let all = |operands: &[Filter]| -> Result<Vec<Checked>, ScimError> {
        operands.iter().map(|operand| check_in(operand, mode, scope)).collect()
    };
    Ok(match filter {
        Filter::And(operands) => Checked::And(all(operands)?),
        Filter::Or(operands) => Checked::Or(all(operands)?),
        Filter::Not(inner) => Checked::Not(Box::new(check_in(inner, mode, scope)?)),
        Filter::Test(path, test) => Checked::Test(leaf(scope.resolve(path)?, test, mode)?),
        Filter::Element { path, filter, then } => {
            let target = scope.resolve(path)?;
            let inside = Scope::Element { target, hidden: scope.hidden() };
            let then = match then {
                Some((sub, test)) => Some(leaf(inside.resolve(&AttrPath::named(sub))?, test, mode)?),
                None => None,
            };
            Checked::Element { target, filter: Box::new(check_in(filter, mode, inside)?), then }
        }
    })
}

/// A sub-attribute inside brackets. The elements of a simple multi-valued attribute go by the name `value`.
fn sub_attribute(target: Resolved, path: &AttrPath, hidden: &Hidden) -> Result<Resolved, ScimError> {
    let unknown = || unknown(&format!("{target}.{path}"));
    if path.urn.is_some() || path.sub.is_some() || target.sub.is_some() {
        return Err(unknown());
    }
    let attribute = target.attribute;
    if attribute.kind != Type::Complex && attribute.multi_valued && path.name.eq_ignore_ascii_case("value") {
        return Ok(target);
    }
    let found = attribute.sub_attribute(&path.name);
    let found = found.filter(|sub| !hidden.hides_part(&target.schema.id, &attribute.name, &sub.name));
    found.map(|sub| target.with_sub(Some(sub))).ok_or_else(unknown)
}

fn leaf(target: Resolved, test: &Test, mode: Mode) -> Result<Leaf, ScimError> {
    let (operator, literal) = match test {
        Test::Present | Test::Compare(Operator::Ne, Literal::Null) => {
            return Ok(Leaf { target, predicate: Predicate::Present });
        }
        Test::Compare(Operator::Eq, Literal::Null) => return Ok(Leaf { target, predicate: Predicate::Absent }),
        Test::Compare(operator, literal) => (*operator, literal),
    };
    let target = comparable(target)?;
    let operand = operand(target, operator, literal, mode)?;
    Ok(Leaf { target, predicate: Predicate::Compare(operator, operand) })
}

/// A complex attribute means its `value`, if it has one.
fn comparable(target: Resolved) -> Result<Resolved, ScimError> {
    if target.definition().kind != Type::Complex {
        return Ok(target);
    }
    target.attribute.sub_attribute("value").map(|sub| target.with_sub(Some(sub))).ok_or_else(|| {
        ScimError::invalid_filter(format!("attribute `{target}` is complex: compare one of its sub-attributes"))
    })
}

fn operand(target: Resolved, operator: Operator, literal: &Literal, mode: Mode) -> Result<Operand, ScimError> {
    let kind = target.definition().kind;
    let fits = match kind {
        Type::String | Type::Reference | Type::DateTime => true,
        Type::Boolean | Type::Binary | Type::Complex => matches!(operator, Operator::Eq | Operator::Ne),
        Type::Integer | Type::Decimal => !operator.is_partial(),
    };
    if !fits {
        let (operator, kind) = (operator.keyword(), kind.name());
        let detail = format!("operator `{operator}` does not fit attribute `{target}`, which is of type {kind}");
        return Err(ScimError::invalid_filter(detail));
    }
    let found = match (kind, literal) {
        (Type::String | Type::Reference | Type::Binary, Literal::String(text)) => {
            let preparation = target.preparation();
            return Ok(Operand::Text { text: text.clone(), key: preparation.key(text).into_owned(), preparation });
        }
        (Type::Boolean, Literal::Boolean(value)) => return Ok(Operand::Boolean(*value)),
        (Type::Boolean, Literal::String(text)) if mode == Mode::Lenient && text.eq_ignore_ascii_case("true") => {
            return Ok(Operand::Boolean(true));
        }
        (Type::Boolean, Literal::String(text)) if mode == Mode::Lenient && text.eq_ignore_ascii_case("false") => {
            return Ok(Operand::Boolean(false));
        }
        (Type::Integer | Type::Decimal, Literal::Number(number)) => return Ok(Operand::Number(number.clone())),
        (Type::DateTime, Literal::String(text)) if operator.is_partial() => {
            return Ok(Operand::InstantText(text.clone()));
        }
        (Type::DateTime, Literal::String(text)) => match parse_date_time(text) {
            Some(instant) => return Ok(Operand::Instant(instant)),
            None => "a string that is no dateTime such as \"2026-03-01T10:00:00Z\"",
        },
        (_, Literal::String(_)) => "a string",
        (_, Literal::Number(_)) => "a number",
        (_, Literal::Boolean(_)) => "true or false",
        (_, Literal::Null) => "null, which only eq and ne take",
    };
    Err(ScimError::invalid_filter(format!(
        "attribute `{target}` is of type {}; it is compared with {found}",
        kind.name()
    )))
}

/// The one sentence for attributes that do not exist and for those that are hidden.
fn unknown(path: &impl ToString) -> ScimError {
    ScimError::unknown_attribute(ScimError::invalid_filter, &path.to_string())
}

impl Checked {
    /// All leaves, those inside brackets too.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::And(operands) | Self::Or(operands) => operands.iter().flat_map(Self::leaves).collect(),
            Self::Not(inner) => inner.leaves(),
            Self::Test(leaf) => vec![leaf],
            Self::Element { filter, then, .. } => filter.leaves().into_iter().chain(then).collect(),
            Self::Constant(_) => Vec::new(),
        }
    }

    /// A sensitive attribute that the filter names, if any: a GET is then refused with 403. It is one that the
    /// caller may see; a hidden one did not get here.
    #[must_use]
    pub fn sensitive(&self) -> Option<Resolved> {
        self.leaves().into_iter().map(|leaf| leaf.target).find(Resolved::is_sensitive)
    }
}

/// Reads and checks a filter for one kind of resource. Errors are 400 `invalidFilter`.
pub fn read(text: &str, mode: Mode, shape: &'static Shape, hidden: &Hidden) -> Result<Checked, ScimError> {
    let filter = super::parse::parse(text, mode).map_err(|error| ScimError::invalid_filter(error.to_string()))?;
    check(&filter, mode, shape, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ScimType;
    use crate::filter::check::read;
    use crate::schema::{ResourceType, WORKER_URN};

    fn refusal(text: &str, mode: Mode, hidden: &Hidden) -> String {
        let error = read(text, mode, ResourceType::User.shape(), hidden).expect_err(text);
        assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidFilter)), "{text}");
        error.detail
    }

    fn accepted(text: &str, mode: Mode) -> Checked {
        read(text, mode, ResourceType::User.shape(), &Hidden::nothing())
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_does_not_fit_the_schema_is_refused() {
        for (text, detail) in [
            ("shoeSize pr", "unknown attribute `shoeSize`"),
            ("name.shoeSize pr", "unknown attribute `name.shoeSize`"),
            ("emails[shoeSize pr]", "unknown attribute `emails.shoeSize`"),
            ("emails[type pr].shoeSize pr", "unknown attribute `emails.shoeSize`"),
            ("userName[value eq \"x\"]", "unknown attribute `userName.value`"),
            ("urn:x:2.0:User:userName pr", "unknown attribute `urn:x:2.0:User:userName`"),
            ("members.value eq \"x\"", "unknown attribute `members.value`"),
            ("password eq \"x\"", "attribute `password` cannot be filtered by"),
            ("password pr", "attribute `password` cannot be filtered by"),
            ("name eq \"x\"", "attribute `name` is complex: compare one of its sub-attributes"),
            ("addresses eq \"x\"", "attribute `addresses` is complex: compare one of its sub-attributes"),
            ("active gt true", "operator `gt` does not fit attribute `active`, which is of type boolean"),
            ("active co \"r\"", "operator `co` does not fit attribute `active`, which is of type boolean"),
            (
                "x509Certificates gt \"x\"",
                "operator `gt` does not fit attribute `x509Certificates.value`, which is of type binary",
            ),
            (
                "x509Certificates.value sw \"x\"",
                "operator `sw` does not fit attribute `x509Certificates.value`, which is of type binary",
            ),
            ("userName eq 5", "attribute `userName` is of type string; it is compared with a number"),
            ("userName eq true", "attribute `userName` is of type string; it is compared with true or false"),
            ("active eq 1", "attribute `active` is of type boolean; it is compared with a number"),
            ("active eq \"yes\"", "attribute `active` is of type boolean; it is compared with a string"),
            (
                "title gt null",
                "attribute `title` is of type string; it is compared with null, which only eq and ne take",
            ),
            (
                "meta.created gt \"2026-01-01\"",
                "attribute `meta.created` is of type dateTime; it is compared with a string that is no dateTime such as \
                 \"2026-03-01T10:00:00Z\"",
            ),
        ] {
            assert_eq!(refusal(text, Mode::Lenient, &Hidden::nothing()), detail, "{text}");
            assert_eq!(refusal(text, Mode::Strict, &Hidden::nothing()), detail, "{text}");
        }
        let level = format!("{WORKER_URN}:managerChain.level");
        assert_eq!(
            refusal(&format!("{level} eq \"1\""), Mode::Lenient, &Hidden::nothing()),
            format!("attribute `{level}` is of type integer; it is compared with a string")
        );
        assert_eq!(
            refusal("managerChain.level co 1", Mode::Lenient, &Hidden::nothing()),
            format!("operator `co` does not fit attribute `{level}`, which is of type integer")
        );
    }

    #[test]
    fn a_hidden_attribute_and_one_that_does_not_exist_get_the_same_words() {
        let hidden = Hidden::sensitive();
        for name in ["birthday", "dateOfBirth", "personalEmail", "legalName"] {
            for template in ["{} eq \"02-11\"", "{} pr", "{} gt 5", "{}.value eq null", "{}[value pr]"] {
                for prefix in ["", "urn:ietf:params:scim:schemas:extension:worker:2.0:User:"] {
                    let ask = |name: &str| template.replace("{}", &format!("{prefix}{name}"));
                    let of_hidden = refusal(&ask(name), Mode::Lenient, &hidden);
                    let of_unknown = refusal(&ask("shoeSize"), Mode::Lenient, &hidden);
                    assert_eq!(of_hidden.replace(name, "shoeSize"), of_unknown, "{template} {name}");
                }
            }
        }
    }

    #[test]
    fn a_sensitive_attribute_that_the_caller_may_see_is_reported() {
        let checked = accepted("title pr and not (birthday eq \"--02-11\")", Mode::Strict);
        assert_eq!(checked.sensitive().map(|found| found.to_string()), Some(format!("{WORKER_URN}:birthday")));
        assert_eq!(accepted("title pr", Mode::Strict).sensitive(), None);
    }

    #[test]
    fn a_complex_attribute_stands_for_its_value() {
        for (text, target) in [
            ("emails co \"x\"", "emails.value"),
            ("manager eq \"x\"", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"),
            ("groups ne \"x\"", "groups.value"),
            ("emails pr", "emails"),
            ("emails eq null", "emails"),
            ("schemas eq \"x\"", "schemas"),
            ("schemas[value eq \"x\"]", "schemas"),
        ] {
            assert_eq!(accepted(text, Mode::Strict).leaves()[0].target.to_string(), target, "{text}");
        }
    }

    #[test]
    fn only_lenient_consumers_may_write_booleans_as_strings() {
        for text in ["active eq \"True\"", "emails[primary eq \"true\"]"] {
            accepted(text, Mode::Lenient);
            refusal(text, Mode::Strict, &Hidden::nothing());
        }
    }

    #[test]
    fn a_long_unknown_name_is_cut_in_the_message() {
        let detail = refusal(&format!("{} pr", "x".repeat(5000)), Mode::Strict, &Hidden::nothing());
        assert!(detail.len() < 250, "{detail}");
    }
}
