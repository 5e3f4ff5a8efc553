//! Makes random filters that fit a schema, with values that are near those of a corpus.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use rollbook::scim::filter::eval::is_assigned;
use rollbook::scim::filter::{Filter, Literal, Operator, Test};
use rollbook::scim::path::AttrPath;
use rollbook::scim::schema::{Attribute, Resolved, ResourceType, Returned, Type};
use serde_json::{Map, Value};

use super::population::text;

/// The attributes of a kind of resource, and the values that the corpus has of each.
#[derive(Debug)]
pub(crate) struct Corpus {
    attributes: Vec<Resolved>,
    /// By the path as it is printed.
    values: BTreeMap<String, Vec<Value>>,
}

impl Corpus {
    pub(crate) fn of(kind: ResourceType, resources: &[Map<String, Value>]) -> Arc<Self> {
        let attributes: Vec<Resolved> = kind
            .shape()
            .attributes()
            .filter(|found| found.attribute.returned != Returned::Never && !found.is_sensitive())
            .collect();
        let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for resource in resources {
            for attribute in &attributes {
                for element in elements(resource, *attribute) {
                    for sub in subs(*attribute) {
                        let value = sub.sub.map_or(Some(&element), |sub| element.get(&sub.name));
                        if let Some(value) = value.filter(|value| is_assigned(value)) {
                            values.entry(sub.to_string()).or_default().push(value.clone());
                        }
                    }
                }
            }
        }
        Arc::new(Self { attributes, values })
    }

    /// Every attribute that can be sorted by.
    pub(crate) fn leaves(&self) -> Vec<Resolved> {
        self.attributes.iter().flat_map(|attribute| subs(*attribute)).collect()
    }
}

/// The elements of an attribute in a resource; the one value of a single-valued one.
pub(crate) fn elements(resource: &Map<String, Value>, attribute: Resolved) -> Vec<Value> {
    let holder = if attribute.is_in_extension() {
        resource.get(&attribute.schema.id).and_then(Value::as_object)
    } else {
        Some(resource)
    };
    match holder.and_then(|holder| holder.get(&attribute.attribute.name)) {
        None => Vec::new(),
        Some(Value::Array(all)) => all.clone(),
        Some(value) => vec![value.clone()],
    }
}

/// The attribute itself, or each of its sub-attributes.
fn subs(attribute: Resolved) -> Vec<Resolved> {
    if attribute.attribute.kind != Type::Complex {
        return vec![attribute];
    }
    attribute.attribute.sub_attributes.iter().map(|sub| attribute.with_sub(Some(sub))).collect()
}

/// How a value of the corpus becomes one of a filter.
#[derive(Clone, Debug)]
enum Change {
    Same,
    Upper,
    Lower,
    Part(Index, Index),
    Longer(String),
    Other(String),
    Odd(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::Same),
        1 => Just(Change::Upper),
        1 => Just(Change::Lower),
        4 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Part(from, to)),
        1 => text().prop_map(Change::Longer),
        2 => text().prop_map(Change::Other),
        1 => any::<Index>().prop_map(Change::Odd),
    ]
}

impl Change {
    fn of_text(&self, text: &str) -> String {
        const ODD: [&str; 6] = ["", "\0", "a\0b", "\u{10FFFF}", "%", "\\"];
        match self {
            Self::Same => text.to_owned(),
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::Part(from, to) => {
                let all: Vec<char> = text.chars().collect();
                let (from, to) = (from.index(all.len() + 1), to.index(all.len() + 1));
                all[from.min(to)..from.max(to)].iter().collect()
            }
            Self::Longer(more) => format!("{text}{more}"),
            Self::Other(other) => other.clone(),
            Self::Odd(index) => (*index.get(&ODD)).to_owned(),
        }
    }

    fn of_instant(&self, text: &str) -> String {
        const ODD: [&str; 6] = [
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
            "9999-12-31T23:59:59.9995Z",
            "2026-01-01T01:00:00.001+01:00",
            "2026-01-01T00:00:00.0005Z",
            "2026-01-01T00:00:00.002",
        ];
        match self {
            Self::Upper => text.replace('Z', "+00:00"),
            Self::Lower => text.replace('Z', "00001Z"),
            Self::Same | Self::Part(..) => text.to_owned(),
            Self::Longer(_) => ODD[3].to_owned(),
            Self::Other(_) => ODD[4].to_owned(),
            Self::Odd(index) => (*index.get(&ODD)).to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
struct Asked {
    attribute: Index,
    sub: Option<Index>,
    operator: Option<Operator>,
    value: Index,
    change: Change,
    is_null: bool,
    spelling: u8,
}

fn asked() -> impl Strategy<Value = Asked> {
    (
        any::<Index>(),
        prop::option::weighted(0.9, any::<Index>()),
        prop::option::weighted(0.85, prop::sample::select(Operator::ALL.to_vec())),
        any::<Index>(),
        change(),
        prop::bool::weighted(0.05),
        any::<u8>(),
    )
        .prop_map(|(attribute, sub, operator, value, change, is_null, spelling)| Asked {
            attribute,
            sub,
            operator,
            value,
            change,
            is_null,
            spelling,
        })
}

impl Asked {
    fn test(&self, corpus: &Corpus, target: Resolved) -> Test {
        let Some(operator) = self.operator else { return Test::Present };
        if self.is_null && matches!(operator, Operator::Eq | Operator::Ne) {
            return Test::Compare(operator, Literal::Null);
        }
        // An attribute with a `value` sub-attribute is compared by that sub-attribute.
        let target = match (target.definition().kind, target.attribute.sub_attribute("value")) {
            (Type::Complex, Some(value)) => target.with_sub(Some(value)),
            (Type::Complex, None) => return Test::Present,
            _ => target,
        };
        let known = corpus.values.get(&target.to_string());
        let value = known.map(|known| self.value.get(known).clone());
        let text = value.as_ref().and_then(Value::as_str);
        let fits = |wanted: &[Operator]| if wanted.contains(&operator) { operator } else { Operator::Eq };
        match target.definition().kind {
            Type::Boolean => {
                let operator = fits(&[Operator::Ne]);
                let truth = self.spelling.is_multiple_of(2);
                let literal =
                    if self.spelling < 64 { Literal::String(truth.to_string()) } else { Literal::Boolean(truth) };
                Test::Compare(operator, literal)
            }
            Type::Integer | Type::Decimal => {
                let operator = if operator.is_partial() { Operator::Ge } else { operator };
                Test::Compare(operator, Literal::Number(self.spelling.into()))
            }
            Type::Binary => {
                Test::Compare(fits(&[Operator::Ne]), Literal::String(self.change.of_text(text.unwrap_or("QQ=="))))
            }
            Type::DateTime => {
                let text = text.unwrap_or("2026-01-01T00:00:00.001Z");
                let literal =
                    if operator.is_partial() { self.change.of_text(text) } else { self.change.of_instant(text) };
                Test::Compare(operator, Literal::String(literal))
            }
            Type::String | Type::Reference | Type::Complex => {
                Test::Compare(operator, Literal::String(self.change.of_text(text.unwrap_or("Ana"))))
            }
        }
    }

    fn target(&self, corpus: &Corpus) -> Resolved {
        let attribute = *self.attribute.get(&corpus.attributes);
        match self.sub {
            Some(sub) if attribute.attribute.kind == Type::Complex => *sub.get(&subs(attribute)),
            _ => attribute,
        }
    }

    fn path(&self, target: Resolved) -> AttrPath {
        let spelled = |name: &str| match self.spelling % 3 {
            0 => name.to_uppercase(),
            1 => name.to_lowercase(),
            _ => name.to_owned(),
        };
        let with_urn =
            if target.is_in_extension() { !self.spelling.is_multiple_of(4) } else { self.spelling.is_multiple_of(5) };
        AttrPath {
            urn: with_urn.then(|| spelled(&target.schema.id)),
            name: spelled(&target.attribute.name),
            sub: target.sub.map(|sub| spelled(&sub.name)),
        }
    }
}

fn nested(leaf: impl Strategy<Value = Filter> + 'static, depth: u32) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(depth, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

/// Filters on resources of the corpus, of all operators, nested and in brackets. Nearly all fit the schema.
pub(crate) fn filters(corpus: &Arc<Corpus>) -> impl Strategy<Value = Filter> + use<> {
    let plain = {
        let corpus = corpus.clone();
        asked().prop_map(move |asked| {
            let target = asked.target(&corpus);
            Filter::Test(asked.path(target), asked.test(&corpus, target))
        })
    };
    let complex: Vec<Resolved> =
        corpus.attributes.iter().copied().filter(|found| found.attribute.kind == Type::Complex).collect();
    let many = complex.iter().copied().filter(|found| found.attribute.multi_valued).collect::<Vec<_>>();
    let bracketed = {
        let corpus = corpus.clone();
        // Those with several elements are asked more often.
        let all = [complex, many].concat();
        (0..all.len()).prop_flat_map(move |n| {
            let target = all[n];
            let one = {
                let corpus = corpus.clone();
                move |asked: &Asked| -> (String, Test) {
                    let subs: Vec<&'static Attribute> = target.attribute.sub_attributes.iter().collect();
                    let sub = *asked.sub.unwrap_or(asked.value).get(&subs);
                    (sub.name.clone(), asked.test(&corpus, target.with_sub(Some(sub))))
                }
            };
            let inside = {
                let one = one.clone();
                asked().prop_map(move |asked| {
                    let (name, test) = one(&asked);
                    Filter::Test(AttrPath::named(&name), test)
                })
            };
            (nested(inside, 2), prop::option::of(asked()), asked()).prop_map(move |(filter, then, spelling)| {
                Filter::Element { path: spelling.path(target), filter: Box::new(filter), then: then.as_ref().map(&one) }
            })
        })
    };
    nested(prop_oneof![3 => plain, 2 => bracketed], 3)
}
