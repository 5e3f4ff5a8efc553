//! Where the attributes of a User are: in columns of `people`, in the row of the manager, in the groups, and all others
//! in the keys (see render).

use crate::scim::schema::{ENTERPRISE_URN, Resolved, Returned, Type, USER_URN, WORKER_URN};
use crate::store::compile::{Many, Places, Values, typed};
use crate::store::scalar::{Lookup, Scalar};
use crate::store::sql::{Sql, Value};
use crate::store::view::View;

/// The manager that is shown, if the person is there; `m` in what follows. Ends a `(SELECT …`.
const MANAGER: &str = " FROM people AS m WHERE m.id = \"people\".\"manager_id\"";

/// The URNs of schemas as they are compared: without regard to case.
const USER_KEY: &str = "urn:ietf:params:scim:schemas:core:2.0:user";
const ENTERPRISE_KEY: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user";
const WORKER_KEY: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:user";

/// The places of Users as one consumer sees them.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct People<'a>(pub(in crate::store) &'a View);

impl Places for People<'_> {
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
            // What the HR system says of a manager who is nobody here; else what the manager's own record shows.
            (WORKER_URN, "managerEmail", None) => self.of_manager(target, "m.keys ->> '~email'"),
            (WORKER_URN, "managerEmployeeNumber", None) => self.of_manager(
                target,
                "m.keys -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User' ->> 'employeeNumber'",
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
            _ => Sql::of("(").and_then(whole(target)).then(") IS NOT NULL"),
        }
    }

    fn many(&self, target: Resolved) -> Many {
        match (target.schema.id.as_str(), target.attribute.name.as_str()) {
            (USER_URN, "schemas") => Many::Listed(vec![
                (USER_KEY, Sql::truth(true)),
                (ENTERPRISE_KEY, self.shows_any_of(target, ENTERPRISE_URN)),
                (WORKER_KEY, self.shows_any_of(target, WORKER_URN)),
            ]),
            (USER_URN, "groups") => Many::Groups { base_url: self.0.base_url.clone(), seen: self.0.seen_groups() },
            (WORKER_URN, "managerChain") => {
                Many::Superiors { base_url: self.0.base_url.clone(), seen: self.0.sees("m") }
            }
            (USER_URN, "emails") => Many::Keys { array: whole(target), values: Some(EMAILS) },
            _ => Many::Keys { array: whole(target), values: None },
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
            // Nobody is shown a version yet.
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
                        .and_then(Sql::value(Value::Uuid(id)))
                        .then(" AND \"people\".\"manager_state\" = 'person'")
                }),
            },
            "$ref" => Scalar::Reference { to: format!("{}/Users/", self.0.base_url), id },
            "displayName" => Scalar::text(self.in_manager("m.keys ->> 'displayName'")),
            _ => Scalar::Nothing,
        }
    }

    /// A value of the manager's row, if there is a manager whom the caller sees.
    fn in_manager(self, expr: &'static str) -> Sql {
        self.close(Sql::of(format!("(SELECT {expr}{MANAGER}")))
    }

    fn has_manager(self) -> Sql {
        self.close(Sql::of(format!("EXISTS (SELECT{MANAGER}")))
    }

    fn close(self, manager: Sql) -> Sql {
        match self.0.sees("m") {
            Some(seen) => manager.then(" AND ").and_then(seen).then(")"),
            None => manager.then(")"),
        }
    }

    /// A value of the keys, else one of the manager's row.
    fn of_manager(self, target: Resolved, expr: &'static str) -> Scalar {
        let known = Sql::of("coalesce(").and_then(key(target)).then(", ");
        Scalar::text(known.and_then(self.in_manager(expr)).then(")"))
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
        Sql::of(format!("\"people\".\"keys\" -> '{}' -> '{name}'", target.schema.id))
    } else {
        Sql::of(format!("\"people\".\"keys\" -> '{name}'"))
    }
}

/// The key of a value as a text.
fn key(target: Resolved) -> Sql {
    let name = &target.attribute.name;
    match (target.sub, target.is_in_extension()) {
        (Some(sub), _) => whole(target).then(format!(" ->> '{}'", sub.name)),
        (None, false) => Sql::of(format!("\"people\".\"keys\" ->> '{name}'")),
        (None, true) => Sql::of(format!("\"people\".\"keys\" -> '{}' ->> '{name}'", target.schema.id)),
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
