//! Where the attributes of a Group are: in the row of the group as it is live, called `g`, and in the people who are in it.

use crate::scim::schema::{DERIVED_GROUP_URN, GROUP_URN, Resolved};
use crate::store::compile::{Many, Places};
use crate::store::scalar::{Lookup, Scalar};
use crate::store::sql::Sql;
use crate::store::view::View;

/// The URNs of schemas as they are compared: without regard to case.
const GROUP_KEY: &str = "urn:ietf:params:scim:schemas:core:2.0:group";
const DERIVED_GROUP_KEY: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:group";

/// The places of Groups as one consumer sees them.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Groups<'a>(pub(in crate::store) &'a View);

impl Places for Groups<'_> {
    fn value(&self, target: Resolved) -> Scalar {
        let (name, sub) = (target.attribute.name.as_str(), target.sub.map(|sub| sub.name.as_str()));
        match (target.schema.id.as_str(), name, sub) {
            (GROUP_URN, "id", None) => Scalar::Id { expr: Sql::of("g.id"), lookup: None },
            (GROUP_URN, "displayName", None) => {
                Scalar::Text { expr: Sql::of("g.display_name_key"), lookup: Lookup::Column("g.display_name_key") }
            }
            (GROUP_URN, "meta", Some("resourceType")) => Scalar::Constant("Group"),
            (GROUP_URN, "meta", Some("created")) => Scalar::Instant(Sql::of("g.created_at")),
            (GROUP_URN, "meta", Some("lastModified")) => Scalar::Instant(Sql::of("g.modified_at")),
            (GROUP_URN, "meta", Some("location")) => {
                Scalar::Reference { to: format!("{}/Groups/", self.0.base_url), id: Sql::of("g.id") }
            }
            (DERIVED_GROUP_URN, "kind", None) => Scalar::text(Sql::of("lower(g.kind)")),
            (DERIVED_GROUP_URN, "key", None) => Scalar::text(Sql::of("g.key")),
            (DERIVED_GROUP_URN, "name", None) => Scalar::Named(target),
            (DERIVED_GROUP_URN, "sourceSystem", None) => Scalar::text(Sql::of("g.system")),
            (DERIVED_GROUP_URN, "retired", None) => Scalar::Boolean(Sql::of("(g.retired_since IS NOT NULL)")),
            (DERIVED_GROUP_URN, "retiredSince", None) => Scalar::Instant(Sql::of("g.retired_since")),
            // `externalId` is nobody's yet, and nobody is shown a version.
            _ => Scalar::Nothing,
        }
    }

    fn is_there(&self, target: Resolved) -> Sql {
        Sql::truth(target.attribute.name == "meta")
    }

    fn many(&self, target: Resolved) -> Many {
        match target.attribute.name.as_str() {
            "schemas" => {
                let shown = target.shape().attributes().filter(|found| found.schema.id == DERIVED_GROUP_URN);
                let shown = shown.filter(|found| !self.0.hidden.hides(DERIVED_GROUP_URN, &found.attribute.name));
                let shown = Sql::join(
                    " OR ",
                    [Sql::truth(false)].into_iter().chain(shown.map(|found| self.value(found).is_there())),
                );
                Many::Listed(vec![(GROUP_KEY, Sql::truth(true)), (DERIVED_GROUP_KEY, shown)])
            }
            "members" => Many::Members { base_url: self.0.base_url.clone(), seen: self.0.seen_people() },
            _ => Many::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urns_are_compared_without_regard_to_case() {
        for (urn, key) in [(GROUP_URN, GROUP_KEY), (DERIVED_GROUP_URN, DERIVED_GROUP_KEY)] {
            assert_eq!(urn.to_lowercase(), key);
        }
    }
}
