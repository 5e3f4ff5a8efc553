//! Evaluates a checked filter for one resource in memory. It is the reference for filters that are compiled to SQL.
//!
//! The resource is spelled as the schemas spell it, extensions in objects under their URNs. `null`, an empty array, an
//! empty string and an object of such are unassigned. A `primary` that is absent compares as false.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::Operator;
use super::check::{Checked, Leaf, Operand, Predicate};
use crate::schema::{Resolved, Type};
use crate::text::{parse_date_time, print_date_time};

impl Checked {
    /// Whether the resource satisfies the filter.
    #[must_use]
    pub fn matches(&self, resource: &Map<String, Value>) -> bool {
        match self {
            Self::And(operands) => operands.iter().all(|operand| operand.matches(resource)),
            Self::Or(operands) => operands.iter().any(|operand| operand.matches(resource)),
            Self::Not(inner) => !inner.matches(resource),
            Self::Test(leaf) => leaf.holds_in(elements(attribute(resource, leaf.target))),
            Self::Element { target, filter, then } => elements(attribute(resource, *target)).iter().any(|element| {
                is_assigned(element)
                    && filter.matches_element(element)
                    && then.as_ref().is_none_or(|leaf| leaf.holds_in(std::slice::from_ref(element)))
            }),
            Self::Constant(holds) => *holds,
        }
    }

    /// Whether one element of a multi-valued attribute satisfies a filter from
    /// [`check_element`](super::check::check_element).
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        match self {
            Self::And(operands) => operands.iter().all(|operand| operand.matches_element(element)),
            Self::Or(operands) => operands.iter().any(|operand| operand.matches_element(element)),
            Self::Not(inner) => !inner.matches_element(element),
            Self::Test(leaf) => leaf.holds_in(std::slice::from_ref(element)),
            // The grammar has no brackets inside brackets.
            Self::Element { .. } => false,
            Self::Constant(holds) => *holds,
        }
    }
}

impl Leaf {
    /// Whether the leaf holds among these elements of its attribute.
    fn holds_in(&self, elements: &[Value]) -> bool {
        let mut values =
            elements.iter().filter(|element| is_assigned(element)).flat_map(|element| self.values(element));
        match &self.predicate {
            Predicate::Present => values.next().is_some(),
            Predicate::Absent => values.next().is_none(),
            Predicate::Compare(Operator::Ne, operand) => {
                let mut values = values.peekable();
                values.peek().is_none() || values.any(|value| !operand.holds(Operator::Eq, value))
            }
            Predicate::Compare(operator, operand) => values.any(|value| operand.holds(*operator, value)),
        }
    }

    /// The assigned values of the target in one element.
    fn values<'a>(&self, element: &'a Value) -> impl Iterator<Item = &'a Value> {
        const NOT_PRIMARY: &[Value] = &[Value::Bool(false)];
        let values = match self.target.sub {
            None => std::slice::from_ref(element),
            Some(sub) => match element.get(&sub.name) {
                None if sub.kind == Type::Boolean && sub.name == "primary" && self.compares() => NOT_PRIMARY,
                value => elements(value),
            },
        };
        values.iter().filter(|value| is_assigned(value))
    }

    fn compares(&self) -> bool {
        matches!(self.predicate, Predicate::Compare(..))
    }
}

impl Operand {
    /// Whether a value of a resource has this relation to the operand. A value of another type never does.
    fn holds(&self, operator: Operator, value: &Value) -> bool {
        match self {
            Self::Text { key, preparation, .. } => {
                value.as_str().is_some_and(|text| text_holds(operator, &preparation.key(text), key))
            }
            Self::Boolean(expected) => {
                value.as_bool().is_some_and(|found| order_holds(operator, Some(found.cmp(expected))))
            }
            Self::Number(expected) => match value {
                Value::Number(found) => order_holds(operator, compare_numbers(found, expected)),
                _ => false,
            },
            Self::Instant(expected) => value
                .as_str()
                .and_then(parse_date_time)
                .is_some_and(|found| order_holds(operator, Some(found.cmp(expected)))),
            Self::InstantText(part) => value
                .as_str()
                .and_then(parse_date_time)
                .is_some_and(|found| text_holds(operator, &print_date_time(found), part)),
        }
    }
}

/// Whether a prepared text has this relation to another.
#[must_use]
pub fn text_holds(operator: Operator, found: &str, expected: &str) -> bool {
    match operator {
        Operator::Co => found.contains(expected),
        Operator::Sw => found.starts_with(expected),
        Operator::Ew => found.ends_with(expected),
        // The order of UTF-8 bytes is that of code points.
        _ => order_holds(operator, Some(found.cmp(expected))),
    }
}

/// `None` is no order at all: nothing holds.
fn order_holds(operator: Operator, order: Option<Ordering>) -> bool {
    order.is_some_and(|order| match operator {
        Operator::Eq => order.is_eq(),
        Operator::Ne => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        Operator::Co | Operator::Sw | Operator::Ew => false,
    })
}

/// Integers exactly, everything else as floating point.
fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn attribute(resource: &Map<String, Value>, target: Resolved) -> Option<&Value> {
    if target.is_in_extension() {
        resource.get(&target.schema.id)?.get(&target.attribute.name)
    } else {
        resource.get(&target.attribute.name)
    }
}

/// The elements of a multi-valued attribute, or the one value of a single-valued one.
fn elements(value: Option<&Value>) -> &[Value] {
    match value {
        None => &[],
        Some(Value::Array(elements)) => elements,
        Some(value) => std::slice::from_ref(value),
    }
}

/// Whether a value is one, and not null, empty or made of such.
#[must_use]
pub fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(is_assigned),
        Value::Object(members) => members.values().any(is_assigned),
    }
}

#[cfg(test)]
mod tests;
