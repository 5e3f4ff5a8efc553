//! Renders a derived group as a SCIM Group (extension.md section 5, R-061, R-062).
//!
//! Members come last and one by one, so that a group of any size is written without being held:
//!
//! ```text
//! head ── ,"members":[ ── member , member , … ── ]}
//! ```

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

use super::json::{Object, escape, quote};
use super::version;
use crate::scim::projection::Projection;
use crate::scim::schema::{DERIVED_GROUP_URN, GROUP_URN};

/// What is shown of a group besides its members.
#[derive(Clone, Copy, Debug)]
pub struct GroupShown<'a> {
    pub id: Uuid,
    pub display_name: &'a str,
    pub kind: &'a str,
    pub key: &'a str,
    pub name: &'a str,
    /// The kind of connector, where one HR system alone states the group.
    pub system: Option<&'a str>,
    /// Since when it has no members.
    pub retired_since: Option<DateTime<Utc>>,
    pub created: DateTime<Utc>,
    pub modified: DateTime<Utc>,
}

/// What begins the members, behind a [`head`].
pub const MEMBERS: &str = ",\"members\":[";

/// A group without its members and without the brace that ends it. `membership` is another text whenever the members
/// are others, or are shown otherwise: it represents them in the version, which comes with the text.
#[must_use]
pub fn head(group: &GroupShown<'_>, base_url: &str, membership: &str) -> (String, String) {
    let id = group.id.to_string();
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut out = String::with_capacity(640);
    let mut object = Object::begin(&mut out);
    object.raw("schemas", |out| {
        out.push('[');
        quote(GROUP_URN, out);
        out.push(',');
        quote(DERIVED_GROUP_URN, out);
        out.push(']');
    });
    object.text("id", Some(&id));
    object.text("displayName", Some(group.display_name));
    object.object(DERIVED_GROUP_URN, |object| {
        object.text("kind", Some(group.kind));
        object.text("key", Some(group.key));
        object.text("name", Some(group.name));
        object.text("sourceSystem", group.system);
        object.flag("retired", group.retired_since.is_some());
        object.text("retiredSince", group.retired_since.map(instant).as_deref());
    });
    let tag = version::of_text(object.written(), membership);
    object.object("meta", |object| {
        object.text("resourceType", Some("Group"));
        object.text("created", Some(&instant(group.created)));
        object.text("lastModified", Some(&instant(group.modified)));
        object.text("version", Some(&tag));
        object.raw("location", |out| reference(base_url, "Groups", &id, out));
    });
    (out, tag)
}

/// Which parts of members an answer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sub-attribute that a caller names or not")]
pub struct MemberParts {
    pub value: bool,
    pub reference: bool,
    pub display: bool,
    pub kind: bool,
}

impl MemberParts {
    /// What a projection leaves of members; `None` if nothing, so that no member need be read (R-065).
    #[must_use]
    pub fn of(projection: &Projection) -> Option<Self> {
        let parts = Self {
            value: projection.returns("members.value"),
            reference: projection.returns("members.$ref"),
            display: projection.returns("members.display"),
            kind: projection.returns("members.type"),
        };
        (projection.returns("members") && parts != Self::default()).then_some(parts)
    }
}

/// Appends one member. `is_first` is the first of its group.
pub fn member(id: Uuid, display: Option<&str>, parts: MemberParts, base_url: &str, is_first: bool, out: &mut String) {
    let id = id.to_string();
    if !is_first {
        out.push(',');
    }
    let mut object = Object::begin(out);
    object.text("value", Some(id.as_str()).filter(|_| parts.value));
    if parts.reference {
        object.raw("$ref", |out| reference(base_url, "Users", &id, out));
    }
    object.text("display", display.filter(|_| parts.display));
    object.text("type", Some("User").filter(|_| parts.kind));
    object.end();
}

/// The URI of a resource, as a JSON text.
pub(super) fn reference(base_url: &str, endpoint: &str, id: &str, out: &mut String) {
    out.push('"');
    escape(base_url, out);
    for part in ["/", endpoint, "/", id, "\""] {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::scim::schema::{Hidden, ResourceType};

    fn shown(retired: bool) -> Map<String, Value> {
        let at: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
        let group = GroupShown {
            id: Uuid::from_u128(7),
            display_name: "Department: R\u{26}D \"labs\"",
            kind: "department",
            key: "r&d \"labs\"",
            name: "R&D \"labs\"",
            system: Some("remote"),
            retired_since: retired.then_some(at),
            created: at,
            modified: at,
        };
        let mut text = head(&group, "https://dir.example.com/scim/v2", "").0 + MEMBERS;
        let all = MemberParts::of(&Projection::all(ResourceType::Group.shape(), &Hidden::nothing())).unwrap();
        for n in 0..2 {
            member(Uuid::from_u128(n), Some("Ana"), all, "https://dir.example.com/scim/v2", n == 0, &mut text);
        }
        serde_json::from_str(&(text + "]}")).unwrap()
    }

    #[test]
    fn a_group_is_made_of_what_the_schemas_know() {
        for retired in [false, true] {
            let whole = shown(retired);
            let mut projected = whole.clone();
            Projection::all(ResourceType::Group.shape(), &Hidden::nothing()).apply(&mut projected);
            assert_eq!(projected, whole);
            assert_eq!(whole[DERIVED_GROUP_URN]["retired"], retired);
        }
        let group = shown(false);
        assert_eq!(group["displayName"], "Department: R&D \"labs\"");
        assert_eq!(
            group["members"][1],
            json!({
                "value": Uuid::from_u128(1), "display": "Ana", "type": "User",
                "$ref": format!("https://dir.example.com/scim/v2/Users/{}", Uuid::from_u128(1)),
            })
        );
    }

    #[test]
    fn a_projection_without_any_part_of_members_needs_none() {
        let parts = |attributes: &str, excluded: &str| {
            let shape = ResourceType::Group.shape();
            MemberParts::of(&Projection::parse(Some(attributes), Some(excluded), shape, &Hidden::nothing()).unwrap())
        };
        for (attributes, excluded) in
            [("", "members"), ("displayName", ""), ("", "members.value,members.$ref,members.display,members.type")]
        {
            assert_eq!(parts(attributes, excluded), None);
        }
        let only = MemberParts { value: true, ..MemberParts::default() };
        assert_eq!(parts("members.value", ""), Some(only));
        assert_eq!(parts("MEMBERS", ""), parts("", "meta"));
    }
}
