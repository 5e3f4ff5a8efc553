//! Where the attributes of a User are: in columns of `people`, in the row of the manager, in the groups, and all others
//! in the keys (see render).

use crate::scim::schema::{ENTERPRISE_URN, Resolved, USER_URN, WORKER_URN};
use crate::store::compile::{Many, Places, typed};
use crate::store::scalar::{Lookup, Scalar};
use crate::store::sql::{Sql, Value};

use super::Viewpoint;

/// The manager that is shown, if the person is there.
const MANAGER: &str = " FROM people AS m WHERE m.id = \"people\".\"manager_id\")";

/// The URNs of schemas as they are compared: without regard to case.
const USER_KEY: &str = "urn:ietf:params:scim:schemas:core:2.0:user";
const ENTERPRISE_KEY: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user";
const WORKER_KEY: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:user";

/// The places of Users as one consumer sees them.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct People<'a>(pub(in crate::store) Viewpoint<'a>);

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
            (WORKER_URN, "managerEmail", None) => of_manager(target, "m.keys ->> '~email'"),
            (WORKER_URN, "managerEmployeeNumber", None) => of_manager(
                target,
                "m.keys -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User' ->> 'employeeNumber'",
            ),
            (WORKER_URN, "sourceWorkerId", None) => {
                Scalar::Text { expr: key(target), lookup: Lookup::Column("\"people\".\"source_worker_id\"") }
            }
            _ => typed(key(target), target),
        }
    }

    fn is_there(&self, target: Resolved) -> Sql {
        match (target.schema.id.as_str(), target.attribute.name.as_str()) {
            (USER_URN, "meta") => Sql::truth(true),
            (ENTERPRISE_URN, "manager") => has_manager(),
            _ => Sql::of("(").and_then(whole(target)).then(") IS NOT NULL"),
        }
    }

    fn many(&self, target: Resolved) -> Many {
        match (target.schema.id.as_str(), target.attribute.name.as_str()) {
            (USER_URN, "schemas") => {
                let enterprise =
                    Sql::join(" OR ", [Sql::of(format!("\"people\".\"keys\" ? '{ENTERPRISE_URN}'")), has_manager()]);
                Many::Listed(vec![
                    (USER_KEY, Sql::truth(true)),
                    (ENTERPRISE_KEY, enterprise),
                    (WORKER_KEY, Sql::truth(true)),
                ])
            }
            (USER_URN, "groups") => Many::Groups { base_url: self.0.base_url.to_owned() },
            (USER_URN, "emails") => Many::Keys { array: whole(target), values: Some("~emails") },
            _ => Many::Keys { array: whole(target), values: None },
        }
    }
}

impl People<'_> {
    fn meta(&self, sub: &str) -> Scalar {
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

    fn manager(&self, sub: &str) -> Scalar {
        let id = Sql::of("(SELECT m.id").then(MANAGER);
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
            "displayName" => Scalar::text(Sql::of("(SELECT m.keys ->> 'displayName'").then(MANAGER)),
            _ => Scalar::Nothing,
        }
    }
}

fn has_manager() -> Sql {
    Sql::of("EXISTS (SELECT").then(MANAGER)
}

/// A value of the keys, else one of the manager's row.
fn of_manager(target: Resolved, expr: &'static str) -> Scalar {
    Scalar::text(Sql::of("coalesce(").and_then(key(target)).then(", (SELECT ").then(expr).then(MANAGER).then(")"))
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
