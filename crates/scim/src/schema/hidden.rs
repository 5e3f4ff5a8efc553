//! The attributes that a caller may not see. A hidden attribute is an unknown attribute everywhere: same
//! status, same message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Attribute, SENSITIVE, Schema, Shape, WORKER_URN, shape};

/// A set of attributes and of sub-attributes, each named as its schema names it. The common attributes (`externalId`,
/// `meta`) belong to the base schema of the resource. `id` and `schemas` cannot be hidden. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden(Arc<BTreeMap<String, Names>>);

/// The hidden attributes of one schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    whole: BTreeSet<String>,
    /// Sub-attributes by their attribute.
    parts: BTreeMap<String, BTreeSet<String>>,
}

impl Hidden {
    /// Hides nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Hides the sensitive attributes: what a caller without the scope `people:sensitive` may not see.
    #[must_use]
    pub fn sensitive() -> Self {
        Self::of(SENSITIVE.map(|name| (WORKER_URN, name)))
    }

    /// Hides these pairs of schema URN and attribute name, in any case.
    #[must_use]
    pub fn of<'a>(attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hidden = Self::default();
        for (urn, name) in attributes {
            hidden.hide(urn, name);
        }
        hidden
    }

    /// Hides one more attribute. Names that no schema has are kept without effect.
    pub fn hide(&mut self, urn: &str, name: &str) {
        let (urn, name) = shape::canonical(urn, name);
        if name != "id" && name != "schemas" {
            self.names_mut(urn).whole.insert(name.to_owned());
        }
    }

    /// Hides a sub-attribute alone. All names are spelled as the schema spells them.
    pub fn hide_part(&mut self, urn: &str, name: &str, sub: &str) {
        self.names_mut(urn).parts.entry(name.to_owned()).or_default().insert(sub.to_owned());
    }

    fn names_mut(&mut self, urn: &str) -> &mut Names {
        Arc::make_mut(&mut self.0).entry(urn.to_owned()).or_default()
    }

    /// Whether a sub-attribute is hidden alone. All names are spelled as the schema spells them.
    #[must_use]
    pub fn hides_part(&self, urn: &str, name: &str, sub: &str) -> bool {
        self.0.get(urn).and_then(|names| names.parts.get(name)).is_some_and(|parts| parts.contains(sub))
    }

    /// Whether the attribute is hidden. Both names are spelled as the schema spells them.
    #[must_use]
    pub fn hides(&self, urn: &str, name: &str) -> bool {
        self.0.get(urn).is_some_and(|names| names.whole.contains(name))
    }

    /// The attributes of a shape of which something is hidden.
    pub(crate) fn attributes_of<'a>(&'a self, shape: &'static Shape) -> impl Iterator<Item = &'static Attribute> + 'a {
        self.0.iter().filter_map(|(urn, names)| Some((shape.schema(urn)?, names))).flat_map(|(schema, names)| {
            names.whole.iter().chain(names.parts.keys()).filter_map(|name| shape.attribute_of(schema, name))
        })
    }

    /// Whether nothing is left of a schema.
    #[must_use]
    pub fn hides_all_of(&self, schema: &Schema) -> bool {
        schema.attributes.iter().all(|attribute| self.hides(&schema.id, &attribute.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::USER_URN;

    #[test]
    fn names_are_hidden_in_any_spelling() {
        let hidden = Hidden::of([("URN:ietf:params:scim:schemas:core:2.0:USER", "NICKNAME"), (USER_URN, "externalid")]);
        assert!(hidden.hides(USER_URN, "nickName"));
        assert!(hidden.hides(USER_URN, "externalId"));
        assert!(!hidden.hides(USER_URN, "userName"));
    }

    #[test]
    fn a_part_is_hidden_alone() {
        let mut hidden = Hidden::nothing();
        hidden.hide_part(USER_URN, "groups", "display");
        assert!(hidden.hides_part(USER_URN, "groups", "display"));
        assert!(!hidden.hides(USER_URN, "groups") && !hidden.hides_part(USER_URN, "groups", "value"));
        assert!(!hidden.hides_part(USER_URN, "roles", "display"));
    }

    #[test]
    fn what_identifies_a_resource_cannot_be_hidden() {
        let hidden = Hidden::of([(USER_URN, "id"), (USER_URN, "Schemas")]);
        assert!(!hidden.hides(USER_URN, "id") && !hidden.hides(USER_URN, "schemas"));
    }
}
