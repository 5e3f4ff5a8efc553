//! A checked SCIM filter as a condition on `people`. Values are bound, never spliced.

use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::compile::{AttributeSql, MultiValued, Values, condition, typed};
use super::condition::Condition;
use super::scalar::{Lookup, Scalar};
use super::sql::{Piece, Sql, Value};
use crate::directory::groups::Kind;
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Predicate};
use crate::scim::schema::{ENTERPRISE_URN, Resolved, Returned, Type, USER_URN, WORKER_URN};
use crate::store::groups::columns::column;
use crate::store::groups::satisfying;
use crate::store::visibility::Visibility;

impl Condition {
    /// The condition of a checked filter on Users. It has to be settled before it is asked.
    #[must_use]
    pub fn of(filter: &Checked, visibility: &Visibility) -> Self {
        Self {
            sql: condition(filter, &People(visibility)),
            is_selective: is_selective(filter),
            is_walked: is_walked(filter),
            is_plain: is_common(filter),
        }
    }

    /// Finds the groups that it speaks of, so that the indexes of their kinds can be used.
    pub async fn settle(&mut self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        for piece in self.sql.pieces_mut() {
            let Piece::InGroups(of_groups) = piece else { continue };
            let found = satisfying(conn, of_groups).await?;
            // As many kinds as there are, and one group or several of each.
            self.is_plain &= found.len() == 1;
            *piece = Piece::Settled(Box::new(in_groups(&found)));
        }
        Ok(())
    }
}

/// A member of one of these groups.
fn in_groups(groups: &[(Uuid, Kind)]) -> Sql {
    let of_kind = |kind: Kind| -> Option<Sql> {
        let ids: Vec<Uuid> = groups.iter().filter(|(_, of)| *of == kind).map(|(id, _)| *id).collect();
        let column = Sql::of(format!("\"people\".\"{}\"", column(kind)));
        match ids.as_slice() {
            [] => None,
            [id] => Some(column.push(" = ").append(Sql::value(Value::Uuid(*id)))),
            _ => Some(column.push(" = ANY(").append(Sql::value(Value::Uuids(ids))).push(")")),
        }
    };
    let kinds: Vec<Sql> = Kind::ALL.into_iter().filter_map(of_kind).collect();
    match kinds.len() {
        0 => Sql::truth(false),
        1 => kinds.into_iter().next().unwrap_or_default(),
        _ => Sql::join(" OR ", kinds),
    }
}

pub(crate) fn is_selective(filter: &Checked) -> bool {
    match filter {
        Checked::And(operands) => operands.iter().any(is_selective),
        Checked::Or(operands) => operands.iter().all(is_selective),
        Checked::Test(leaf) => names_a_person(leaf),
        Checked::Element { filter, then, .. } => is_selective(filter) || then.as_ref().is_some_and(names_a_person),
        // No people are a handful too.
        Checked::Constant(holds) => !holds,
        Checked::Not(_) => false,
    }
}

fn names_a_person(leaf: &Leaf) -> bool {
    matches!(leaf.predicate, Predicate::Compare(Operator::Eq, _))
        && ["userName", "emails.value", "id", "externalId"].contains(&leaf.target.to_string().as_str())
}

/// Whether it is one of the few questions that are asked again and again, so that its statement is worth keeping: one
/// comparison with what an index finds.
fn is_common(filter: &Checked) -> bool {
    let Checked::Test(Leaf { target, predicate: Predicate::Compare(operator, _) }) = filter else { return false };
    let path = target.to_string();
    let name = path.rsplit(':').next().unwrap_or_default();
    matches!(operator, Operator::Eq | Operator::Co | Operator::Sw) && COMMON.contains(&name)
}

/// Attributes that an index finds, without the URNs of their schemas.
const COMMON: [&str; 11] = [
    "id",
    "userName",
    "externalId",
    "displayName",
    "emails.value",
    "active",
    "groups.value",
    "manager.value",
    "employeeNumber",
    "department",
    "sourceWorkerId",
];

pub(crate) fn is_walked(filter: &Checked) -> bool {
    match filter {
        Checked::And(operands) => operands.iter().all(is_walked),
        Checked::Test(leaf) => {
            matches!(leaf.predicate, Predicate::Compare(Operator::Eq, _))
                && ["groups.value", "active"].contains(&leaf.target.to_string().as_str())
        }
        _ => false,
    }
}

/// The manager that is shown, if the person is there; `m` in what follows. Ends a `(SELECT …`.
const MANAGER: &str = " FROM people AS m WHERE m.id = \"people\".\"manager_id\"";

/// The URNs of schemas as they are compared: without regard to case.
const USER_KEY: &str = "urn:ietf:params:scim:schemas:core:2.0:user";
const ENTERPRISE_KEY: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user";
const WORKER_KEY: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:user";

/// The places of Users as one consumer sees them.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct People<'a>(pub(in crate::store) &'a Visibility);

impl AttributeSql for People<'_> {
    fn value(&self, target: Resolved) -> Scalar {
        let (name, sub) = (target.attribute.name.as_str(), target.sub.map(|sub| sub.name.as_str()));
        match (target.schema.id.as_str(), name, sub) {
            (USER_URN, "id", None) => Scalar::Id { expr: Sql::of("\"people\".\"id\""), lookup: None },
            (USER_URN, "externalId", None) if self.0.external_id_from_source => Scalar::Text {
                expr: Sql::of("nullif(\"people\".\"source_worker_id\", '')"),
                lookup: Lookup::Column("\"people\".\"source_worker_id\""),
            },
            (USER_URN, "externalId", None) => Scalar::Nothing,
            (USER_URN, "active", None) => Scalar::Boolean(Sql::of("\"people\".\"active\"")),
            (USER_URN, "meta", Some(sub)) => self.meta(sub),
            (USER_URN, "userName" | "displayName", None) | (ENTERPRISE_URN, "employeeNumber" | "department", None) => {
                Scalar::Text { expr: key(target), lookup: Lookup::Start }
            }
            (ENTERPRISE_URN, "manager", Some(sub)) => self.manager(sub),
            // What the HR system states of a manager who is not in the directory; else what the manager's own record
            // shows.
            (WORKER_URN, "managerEmail", None) => self.of_manager(target, "m.search_values ->> '~email'"),
            (WORKER_URN, "managerEmployeeNumber", None) => self.of_manager(
                target,
                "m.search_values -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User' ->> 'employeeNumber'",
            ),
            // Sensitive: of those who may see them; not among the keys.
            (WORKER_URN, "dateOfBirth", None) => sensitive("(\"people\".\"person\" ->> 'birthDate')"),
            (WORKER_URN, "birthday", None) => sensitive("('--' || substr(\"people\".\"person\" ->> 'birthDate', 6))"),
            (WORKER_URN, "sourceWorkerId", None) => {
                Scalar::Text { expr: key(target), lookup: Lookup::Column("\"people\".\"source_worker_id\"") }
            }
            _ => typed(key(target), target),
        }
    }

    fn is_there(&self, target: Resolved) -> Sql {
        match (target.schema.id.as_str(), target.attribute.name.as_str()) {
            (USER_URN, "meta") => Sql::truth(true),
            (ENTERPRISE_URN, "manager") => self.has_manager(),
            _ => Sql::of("(").append(whole(target)).push(") IS NOT NULL"),
        }
    }

    fn multi_valued(&self, target: Resolved) -> MultiValued {
        match (target.schema.id.as_str(), target.attribute.name.as_str()) {
            (USER_URN, "schemas") => MultiValued::Listed(vec![
                (USER_KEY, Sql::truth(true)),
                (ENTERPRISE_KEY, self.shows_any_of(target, ENTERPRISE_URN)),
                (WORKER_KEY, self.shows_any_of(target, WORKER_URN)),
            ]),
            (USER_URN, "groups") => {
                MultiValued::Groups { base_url: self.0.base_url.clone(), seen: self.0.visible_groups() }
            }
            (WORKER_URN, "managerChain") => {
                MultiValued::Superiors { base_url: self.0.base_url.clone(), seen: self.0.person_filter("m") }
            }
            (USER_URN, "emails") => MultiValued::Keys { array: whole(target), values: Some(EMAILS) },
            _ => MultiValued::Keys { array: whole(target), values: None },
        }
    }
}

const EMAILS: Values = Values { name: "~emails", holders: "people_with_email_keys" };

impl People<'_> {
    fn meta(self, sub: &str) -> Scalar {
        match sub {
            "resourceType" => Scalar::Constant("User"),
            "created" => Scalar::Instant(Sql::of("\"people\".\"created_at\"")),
            "lastModified" => Scalar::Instant(Sql::of("\"people\".\"modified_at\"")),
            "location" => {
                Scalar::Reference { to: format!("{}/Users/", self.0.base_url), id: Sql::of("\"people\".\"id\"") }
            }
            // No caller is shown a version yet.
            _ => Scalar::Nothing,
        }
    }

    fn manager(self, sub: &str) -> Scalar {
        let id = self.in_manager("m.id");
        match sub {
            "value" => Scalar::Id {
                expr: id,
                lookup: Some(|id| {
                    Sql::of("\"people\".\"manager_target\" = ")
                        .append(Sql::value(Value::Uuid(id)))
                        .push(" AND \"people\".\"manager_state\" = 'person'")
                }),
            },
            "$ref" => Scalar::Reference { to: format!("{}/Users/", self.0.base_url), id },
            "displayName" => Scalar::text(self.in_manager("m.search_values ->> 'displayName'")),
            _ => Scalar::Nothing,
        }
    }

    /// A value of the manager's row, if there is a manager that the caller sees.
    fn in_manager(self, expr: &'static str) -> Sql {
        self.close(Sql::of(format!("(SELECT {expr}{MANAGER}")))
    }

    fn has_manager(self) -> Sql {
        self.close(Sql::of(format!("EXISTS (SELECT{MANAGER}")))
    }

    fn close(self, manager: Sql) -> Sql {
        match self.0.person_filter("m") {
            Some(seen) => manager.push(" AND ").append(seen).push(")"),
            None => manager.push(")"),
        }
    }

    /// A value of the keys, else one of the manager's row.
    fn of_manager(self, target: Resolved, expr: &'static str) -> Scalar {
        let known = Sql::of("coalesce(").append(key(target)).push(", ");
        Scalar::text(known.append(self.in_manager(expr)).push(")"))
    }

    /// Whether the caller is shown anything that an extension defines: only then it is among the schemas.
    fn shows_any_of(self, target: Resolved, urn: &str) -> Sql {
        let shown = target.shape().attributes().filter(|found| found.schema.id == urn);
        let shown = shown.filter(|found| found.attribute.returned != Returned::Request);
        let mut shown = shown.filter(|found| !self.0.hidden.hides(urn, &found.attribute.name)).peekable();
        if shown.peek().is_none() {
            return Sql::truth(false);
        }
        Sql::join(
            " OR ",
            shown.map(|found| match found.definition().kind {
                Type::Complex => self.is_there(found),
                _ => self.value(found).is_there(),
            }),
        )
    }
}

/// Digits and hyphens: a key as it is. There is an index of just this expression.
fn sensitive(expr: &'static str) -> Scalar {
    Scalar::Text { expr: Sql::of(expr), lookup: Lookup::Column(expr) }
}

/// The keys of an attribute as JSON. Names are those of our schemas.
fn whole(target: Resolved) -> Sql {
    let name = &target.attribute.name;
    if target.is_in_extension() {
        Sql::of(format!("\"people\".\"search_values\" -> '{}' -> '{name}'", target.schema.id))
    } else {
        Sql::of(format!("\"people\".\"search_values\" -> '{name}'"))
    }
}

/// The key of a value as a text.
fn key(target: Resolved) -> Sql {
    let name = &target.attribute.name;
    match (target.sub, target.is_in_extension()) {
        (Some(sub), _) => whole(target).push(format!(" ->> '{}'", sub.name)),
        (None, false) => Sql::of(format!("\"people\".\"search_values\" ->> '{name}'")),
        (None, true) => Sql::of(format!("\"people\".\"search_values\" -> '{}' ->> '{name}'", target.schema.id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urns_are_compared_without_regard_to_case() {
        for (urn, key) in [(USER_URN, USER_KEY), (ENTERPRISE_URN, ENTERPRISE_KEY), (WORKER_URN, WORKER_KEY)] {
            assert_eq!(urn.to_lowercase(), key);
        }
    }
}
