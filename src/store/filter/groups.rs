//! A checked SCIM filter as a condition on groups. Values are bound, never spliced.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use serde_json::json;
use uuid::Uuid;

use super::compile::{AttributeSql, MultiValued, condition};
use super::condition::GroupCondition;
use super::scalar::{Lookup, Scalar};
use super::sql::{Piece, Sql, Value};
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Predicate};
use crate::scim::schema::{DERIVED_GROUP_URN, GROUP_URN, Resolved};
use crate::store::groups::names;
use crate::store::visibility::Visibility;

impl GroupCondition {
    /// The condition of a checked filter on Groups. It has to be settled before it is asked.
    #[must_use]
    pub fn of(filter: &Checked, visibility: &Visibility) -> Self {
        Self { sql: condition(filter, &Groups(visibility)), is_plain: is_common(filter) }
    }

    /// Finds out which names satisfy it: there are as many as groups, and their keys are not kept.
    pub async fn settle(&mut self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        let mut known: Option<BTreeMap<Uuid, String>> = None;
        for piece in self.sql.pieces_mut() {
            let Piece::Named(leaf) = piece else { continue };
            let names = match known.take() {
                Some(names) => names,
                None => names(conn).await?.into_iter().collect(),
            };
            let found = names.iter().filter(|(_, name)| holds(leaf, name)).map(|(id, _)| *id).collect();
            let found = Sql::of("g.id = ANY(").append(Sql::value(Value::Uuids(found))).push(")");
            *piece = Piece::Settled(Box::new(found));
            known = Some(names);
        }
        Ok(())
    }
}

/// Whether it is one of the few questions that are asked again and again.
fn is_common(filter: &Checked) -> bool {
    let Checked::Test(Leaf { target, predicate: Predicate::Compare(Operator::Eq, _) }) = filter else { return false };
    ["id", "displayName", "members.value"].contains(&target.to_string().as_str())
}

/// Whether a leaf on the name of a group holds of this name.
fn holds(leaf: &Leaf, name: &str) -> bool {
    let group = json!({ &*leaf.target.schema.id: { &*leaf.target.attribute.name: name } });
    group.as_object().is_some_and(|group| Checked::Test(leaf.clone()).matches(group))
}

/// The URNs of schemas as they are compared: without regard to case.
const GROUP_KEY: &str = "urn:ietf:params:scim:schemas:core:2.0:group";
const DERIVED_GROUP_KEY: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:group";

/// The places of Groups as one consumer sees them.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Groups<'a>(pub(in crate::store) &'a Visibility);

impl AttributeSql for Groups<'_> {
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
            // No group has an `externalId` yet, and no caller is shown a version.
            _ => Scalar::Nothing,
        }
    }

    fn is_there(&self, target: Resolved) -> Sql {
        Sql::truth(target.attribute.name == "meta")
    }

    fn multi_valued(&self, target: Resolved) -> MultiValued {
        match target.attribute.name.as_str() {
            "schemas" => {
                let shown = target.shape().attributes().filter(|found| found.schema.id == DERIVED_GROUP_URN);
                let shown = shown.filter(|found| !self.0.hidden.hides(DERIVED_GROUP_URN, &found.attribute.name));
                let shown = Sql::join(
                    " OR ",
                    [Sql::truth(false)].into_iter().chain(shown.map(|found| self.value(found).is_there())),
                );
                MultiValued::Listed(vec![(GROUP_KEY, Sql::truth(true)), (DERIVED_GROUP_KEY, shown)])
            }
            "members" => MultiValued::Members { base_url: self.0.base_url.clone(), seen: self.0.visible_people() },
            _ => MultiValued::Nothing,
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
