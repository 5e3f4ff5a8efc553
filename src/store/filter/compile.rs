//! A checked filter as SQL, for whatever table: [`AttributeSql`] says where the values of an attribute are, and what is
//! here gives them the meaning that the evaluator in memory gives them ([`eval`](crate::scim::filter::eval), the oracle
//! of tests).
//!
//! A condition is `NULL` where an absent value makes it neither true nor false. `AND` and `OR` of such are as good as
//! of false ones, so only negations have to know: they are pushed down to single expressions by De Morgan's laws, and
//! end there as `IS NOT TRUE`.

use super::managers::{below, upward};
use super::scalar::{Lookup, Scalar, SortKey, escaped, like};
use super::sql::{Piece, Sql, Value, and};
use crate::directory::groups::Kind;
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Operand, Predicate};
use crate::scim::schema::{Resolved, Type};
use crate::store::groups::columns::MEMBERSHIPS;
use crate::store::groups::columns::column;

/// Where the attributes of a kind of resource are.
pub(crate) trait AttributeSql {
    /// The value of a single-valued attribute, or of a sub-attribute of one.
    fn value(&self, target: Resolved) -> Scalar;

    /// Whether a complex single-valued attribute has any sub-attribute.
    fn is_there(&self, target: Resolved) -> Sql;

    /// The elements of a multi-valued attribute.
    fn multi_valued(&self, target: Resolved) -> MultiValued;
}

/// The elements of a multi-valued attribute.
#[derive(Clone, Debug)]
pub(crate) enum MultiValued {
    /// An array in the keys of a person.
    Keys {
        array: Sql,
        /// The array of all elements' values, if it is indexed.
        values: Option<Values>,
    },
    /// These values, each where its condition holds. They are not complex.
    Listed(Vec<(&'static str, Sql)>),
    /// The groups of a person, whose columns say whether there is any.
    Groups {
        base_url: String,
        /// Which groups there are; all if there is no condition.
        seen: Option<Sql>,
    },
    /// The people in a group.
    Members {
        base_url: String,
        /// Which people there are; all if there is no condition.
        seen: Option<Sql>,
    },
    /// The manager of a person, the manager's manager and so on.
    Superiors {
        base_url: String,
        /// Which people there are, as a condition on the row `m`; all if there is no condition.
        seen: Option<Sql>,
    },
    /// No resource has one.
    Nothing,
}

/// An array of all elements' values among the keys of a person, which is indexed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    pub(crate) name: &'static str,
    /// The function of the database that gives the ids of those who have such values.
    pub(crate) holders: &'static str,
}

/// One element, within the condition on it.
enum Element<'a> {
    Keys,
    Listed(&'static str),
    Group(&'a str),
    Member(&'a str),
    /// In the row `e` of a way upward.
    Superior(&'a str),
    /// The one value of a complex single-valued attribute.
    Single(&'a dyn AttributeSql),
}

/// The condition of a filter.
pub(crate) fn condition(filter: &Checked, attributes: &dyn AttributeSql) -> Sql {
    of(filter, attributes, false)
}

fn of(filter: &Checked, attributes: &dyn AttributeSql, negated: bool) -> Sql {
    match filter {
        Checked::And(operands) | Checked::Or(operands) => {
            join(filter, negated, operands.iter().map(|operand| of(operand, attributes, negated)))
        }
        Checked::Not(inner) => of(inner, attributes, !negated),
        Checked::Test(leaf) => signed(test(leaf, attributes), negated),
        Checked::Element { target, filter, then } => {
            signed(element(*target, filter, then.as_ref(), attributes), negated)
        }
        Checked::Constant(holds) => Sql::truth(*holds != negated),
    }
}

fn join(filter: &Checked, negated: bool, operands: impl Iterator<Item = Sql>) -> Sql {
    let is_and = matches!(filter, Checked::And(_)) != negated;
    Sql::join(if is_and { " AND " } else { " OR " }, operands)
}

fn signed(condition: Sql, negated: bool) -> Sql {
    if negated { condition.negated() } else { condition }
}

fn test(leaf: &Leaf, attributes: &dyn AttributeSql) -> Sql {
    let target = leaf.target;
    if target.attribute.multi_valued {
        return attributes.multi_valued(target).test(leaf);
    }
    if target.definition().kind != Type::Complex {
        return attributes.value(target).test(&leaf.predicate);
    }
    // The check leaves nothing else of a complex attribute as a whole.
    signed(attributes.is_there(target), leaf.predicate == Predicate::Absent)
}

/// One element satisfies the filter, and what stands behind the brackets.
fn element(target: Resolved, filter: &Checked, then: Option<&Leaf>, attributes: &dyn AttributeSql) -> Sql {
    let holds = |element: &Element<'_>| {
        let filter = within(filter, element, false);
        let then = then.map(|leaf| element.value(leaf).test(&leaf.predicate));
        Sql::join(" AND ", [filter].into_iter().chain(then))
    };
    if !target.attribute.multi_valued {
        return Sql::join(" AND ", [attributes.is_there(target), holds(&Element::Single(attributes))]);
    }
    let multi_valued = attributes.multi_valued(target);
    let mut necessary = Vec::new();
    multi_valued.necessary(filter, &mut necessary);
    if let Some(leaf) = then {
        necessary.extend(multi_valued.looked_up(leaf));
    }
    Sql::join(" AND ", necessary.into_iter().chain([multi_valued.exists(&holds)]))
}

/// The condition on an element that stands between brackets.
fn within(filter: &Checked, element: &Element<'_>, negated: bool) -> Sql {
    match filter {
        Checked::And(operands) | Checked::Or(operands) => {
            join(filter, negated, operands.iter().map(|operand| within(operand, element, negated)))
        }
        Checked::Not(inner) => within(inner, element, !negated),
        Checked::Test(leaf) => signed(element.value(leaf).test(&leaf.predicate), negated),
        // The grammar has no brackets inside brackets.
        Checked::Element { .. } => Sql::truth(false),
        Checked::Constant(holds) => Sql::truth(*holds != negated),
    }
}

impl MultiValued {
    /// A leaf on all values of all elements: it holds if it holds for any.
    fn test(&self, leaf: &Leaf) -> Sql {
        let there = || match leaf.target.sub {
            None => self.any(),
            Some(_) => self.exists(&|element| element.value(leaf).is_there()),
        };
        match &leaf.predicate {
            Predicate::Present => there(),
            Predicate::Absent => there().negated(),
            // there is none, or one that differs.
            Predicate::Compare(Operator::Ne, operand) => {
                let differs = self.exists(&|element| element.value(leaf).differs(operand));
                Sql::join(" OR ", [there().negated(), differs])
            }
            predicate @ Predicate::Compare(operator, _) => match (self.looked_up(leaf), operator) {
                // The index knows it exactly.
                (Some(found), Operator::Eq) if !matches!(self, Self::Superiors { .. }) => found,
                (found, _) => {
                    let exists = self.exists(&|element| element.value(leaf).test(predicate));
                    Sql::join(" AND ", found.into_iter().chain([exists]))
                }
            },
        }
    }

    /// Whether there is an element.
    fn any(&self) -> Sql {
        match self {
            Self::Keys { array, .. } => Sql::of("(").append(array.clone()).push(") IS NOT NULL"),
            Self::Listed(all) => Sql::join(" OR ", all.iter().map(|(_, there)| there.clone())),
            Self::Groups { seen: Some(seen), .. } => Sql::piece(Piece::InGroups(seen.clone())),
            Self::Groups { seen: None, .. } => {
                Sql::join(" OR ", Kind::ALL.map(|kind| Sql::of(format!("\"people\".\"{}\" IS NOT NULL", column(kind)))))
            }
            Self::Members { seen, .. } => {
                let somebody = |kind| {
                    let member = Sql::of(format!("EXISTS (SELECT FROM people WHERE {} = g.id", column(kind)));
                    and(member, seen.as_ref()).push(")")
                };
                Sql::join(" OR ", Kind::ALL.map(somebody))
            }
            Self::Superiors { seen, .. } => {
                let manager = Sql::of("EXISTS (SELECT FROM people AS m WHERE m.id = \"people\".\"manager_id\"");
                and(manager, seen.as_ref()).push(")")
            }
            Self::Nothing => Sql::truth(false),
        }
    }

    /// Whether there is an element that satisfies a condition.
    fn exists(&self, condition: &dyn Fn(&Element<'_>) -> Sql) -> Sql {
        match self {
            Self::Keys { array, .. } => Sql::of("EXISTS (SELECT FROM jsonb_array_elements(")
                .append(array.clone())
                .push(") AS e WHERE ")
                .append(condition(&Element::Keys))
                .push(")"),
            Self::Listed(all) => {
                let each = |(value, there): &(&'static str, Sql)| {
                    Sql::join(" AND ", [there.clone(), condition(&Element::Listed(value))])
                };
                Sql::join(" OR ", all.iter().map(each))
            }
            Self::Groups { base_url, seen } => {
                let condition = condition(&Element::Group(base_url));
                Sql::piece(Piece::InGroups(and(condition, seen.as_ref())))
            }
            Self::Members { base_url, seen } => {
                let member = Sql::of(format!(
                    "g.id IN (SELECT m.id FROM people CROSS JOIN LATERAL unnest({MEMBERSHIPS}) AS m (id) \
                     WHERE m.id IS NOT NULL AND "
                ));
                and(member.append(condition(&Element::Member(base_url))), seen.as_ref()).push(")")
            }
            Self::Superiors { base_url, seen } => upward(seen.as_ref())
                .push(" SELECT FROM chain AS e WHERE ")
                .append(condition(&Element::Superior(base_url)))
                .push(")"),
            Self::Nothing => Sql::truth(false),
        }
    }

    /// What an index knows of a leaf: exactly for `eq`; of parts of texts something that is necessary.
    fn looked_up(&self, leaf: &Leaf) -> Option<Sql> {
        if let (Self::Superiors { .. }, Predicate::Compare(Operator::Eq, Operand::Text { key, .. })) =
            (self, &leaf.predicate)
        {
            return leaf.target.sub.filter(|sub| sub.name == "value").map(|_| below(key));
        }
        let Self::Keys { values: Some(Values { name, holders }), .. } = self else { return None };
        let Predicate::Compare(operator, Operand::Text { key, .. }) = &leaf.predicate else { return None };
        if leaf.target.sub.is_none_or(|sub| sub.name != "value") || key.contains('\0') {
            return None;
        }
        if *operator == Operator::Eq {
            let wanted = Value::Json(serde_json::json!([key]));
            // As an array, so that it is an index's condition beside others too.
            let found = Sql::of(format!("\"people\".\"id\" = ANY(ARRAY(SELECT {holders}(")).append(Sql::value(wanted));
            return Some(found.push(")))"));
        }
        // The text of the array has each value as a JSON string: with quotes around it, and with its escapes.
        let quoted = serde_json::Value::from(key.as_str()).to_string();
        let part = match operator {
            Operator::Co => &quoted[1..quoted.len() - 1],
            Operator::Sw => &quoted[..quoted.len() - 1],
            Operator::Ew => &quoted[1..],
            _ => return None,
        };
        Some(like(&Sql::of(format!("\"people\".\"search_values\" ->> '{name}'")), &format!("%{}%", escaped(part))))
    }

    /// What an index knows of a filter in brackets.
    fn necessary(&self, filter: &Checked, found: &mut Vec<Sql>) {
        match filter {
            Checked::And(operands) => operands.iter().for_each(|operand| self.necessary(operand, found)),
            Checked::Test(leaf) => found.extend(self.looked_up(leaf)),
            _ => {}
        }
    }

    /// The value by which a list is sorted: that of the primary element, else of the first.
    pub(crate) fn sort_key(&self, target: Resolved) -> SortKey {
        let one = match self {
            Self::Keys { array, .. } => {
                let primary = Sql::of("coalesce(jsonb_path_query_first(")
                    .append(array.clone())
                    .push(", '$[*] ? (@.primary == true)'), ")
                    .append(array.clone())
                    .push(" -> 0)");
                in_element(&primary, target)
            }
            Self::Groups { base_url, seen } => {
                let SortKey { expr, .. } = Element::Group(base_url).of(target).sort_key();
                let first = Sql::of("(SELECT ").append(expr);
                let first = first.push(format!(" FROM groups AS g WHERE g.id = ANY({MEMBERSHIPS})"));
                Scalar::text(and(first, seen.as_ref()).push(" ORDER BY g.position LIMIT 1)"))
            }
            Self::Members { base_url, seen } => {
                let SortKey { expr, .. } = Element::Member(base_url).of(target).sort_key();
                let each = Kind::ALL.into_iter().fold(Sql::of("CASE g.kind"), |all, kind| {
                    let first = all
                        .push(format!(" WHEN '{}' THEN (SELECT ", kind.as_str()))
                        .append(expr.clone())
                        .push(format!(" FROM people WHERE {} = g.id", column(kind)));
                    and(first, seen.as_ref()).push(" ORDER BY position LIMIT 1)")
                });
                Scalar::text(each.push(" END"))
            }
            Self::Superiors { base_url, seen } => {
                let SortKey { expr, is_number, .. } = Element::Superior(base_url).of(target).sort_key();
                let first = Sql::of("(SELECT ").append(expr).push(
                    " FROM (SELECT m.id, m.search_values, 1 AS level FROM people AS m WHERE m.id = \"people\".\"manager_id\"",
                );
                let first = and(first, seen.as_ref()).push(") AS e)");
                if is_number { Scalar::Number(first) } else { Scalar::text(first) }
            }
            // The first is the same for everybody.
            Self::Listed(_) | Self::Nothing => Scalar::Nothing,
        };
        one.sort_key()
    }
}

impl Element<'_> {
    /// The value that a leaf asks for.
    fn value(&self, leaf: &Leaf) -> Scalar {
        match (self, self.of(leaf.target)) {
            // absent means false, wherever it is compared.
            (Self::Keys, Scalar::Boolean(value))
                if leaf.target.definition().name == "primary" && matches!(leaf.predicate, Predicate::Compare(..)) =>
            {
                Scalar::Boolean(Sql::of("coalesce(").append(value).push(", FALSE)"))
            }
            (_, value) => value,
        }
    }

    fn of(&self, target: Resolved) -> Scalar {
        let sub = target.sub.map(|sub| sub.name.as_str());
        match (self, sub) {
            (Self::Single(attributes), _) => attributes.value(target),
            (Self::Listed(value), _) => Scalar::Constant(value),
            (Self::Keys, _) => in_element(&Sql::of("e.value"), target),
            (Self::Group(_), Some("value")) => Scalar::Id { expr: Sql::of("g.id"), lookup: None },
            (Self::Group(base_url), Some("$ref")) => {
                Scalar::Reference { to: format!("{base_url}/Groups/"), id: Sql::of("g.id") }
            }
            (Self::Group(_), Some("display")) => Scalar::text(Sql::of("g.display_name_key")),
            (Self::Group(_), Some("type")) => Scalar::Constant("indirect"),
            (Self::Member(_), Some("value")) => Scalar::Id { expr: Sql::of("\"people\".\"id\""), lookup: None },
            (Self::Member(base_url), Some("$ref")) => {
                Scalar::Reference { to: format!("{base_url}/Users/"), id: Sql::of("\"people\".\"id\"") }
            }
            (Self::Member(_), Some("display")) => {
                Scalar::Text { expr: Sql::of("\"people\".\"search_values\" ->> 'displayName'"), lookup: Lookup::Start }
            }
            (Self::Member(_), Some("type")) => Scalar::Constant("user"),
            (Self::Superior(_), Some("value")) => Scalar::Id { expr: Sql::of("e.id"), lookup: None },
            (Self::Superior(base_url), Some("$ref")) => {
                Scalar::Reference { to: format!("{base_url}/Users/"), id: Sql::of("e.id") }
            }
            (Self::Superior(_), Some("display")) => Scalar::text(Sql::of("e.search_values ->> 'displayName'")),
            (Self::Superior(_), Some("level")) => Scalar::Number(Sql::of("e.level::numeric")),
            (Self::Group(_) | Self::Member(_) | Self::Superior(_), _) => Scalar::Nothing,
        }
    }
}

/// The value of a sub-attribute in an element of an array of keys, or the element itself.
fn in_element(element: &Sql, target: Resolved) -> Scalar {
    let step = match target.sub {
        Some(sub) => format!(" ->> '{}'", sub.name),
        None => " #>> '{}'".to_owned(),
    };
    typed(element.clone().push(step), target)
}

/// A value of the keys by its type. `text` is it as a text.
pub(crate) fn typed(text: Sql, target: Resolved) -> Scalar {
    let cast = |to: &'static str| Sql::of("(").append(text.clone()).push(to);
    match target.definition().kind {
        Type::Boolean => Scalar::Boolean(cast(")::boolean")),
        Type::Integer | Type::Decimal => Scalar::Number(cast(")::numeric")),
        Type::DateTime => Scalar::Printed(text),
        Type::String | Type::Reference | Type::Binary => Scalar::text(text),
        Type::Complex => Scalar::Nothing,
    }
}
