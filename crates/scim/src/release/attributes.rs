//! The attributes of a release policy: those that the list hides by leaving them out, and those that would reveal
//! hidden ones.

use std::collections::BTreeSet;

use crate::path::AttrPath;
use crate::schema::{
    DERIVED_GROUP_URN, ENTERPRISE_URN, GROUP_URN, Hidden, ResourceType, SENSITIVE, Schema, Shape, USER_URN, WORKER_URN,
};

/// A part of an attribute that may be named although it is a part: the time of the last change, visible or not.
const LAST_MODIFIED: (&str, &str) = ("meta", "lastModified");

/// Where the `displayName` of a resource (first) is shown by others: by this part of this attribute.
const NAMES_ELSEWHERE: [(&str, [&str; 3]); 4] = [
    (USER_URN, [GROUP_URN, "members", "display"]),
    (USER_URN, [ENTERPRISE_URN, "manager", "displayName"]),
    (USER_URN, [WORKER_URN, "managerChain", "display"]),
    (GROUP_URN, [USER_URN, "groups", "display"]),
];

/// The attributes of a group that follow from its members, visible or not.
const FOLLOWS_FROM_MEMBERS: [(&str, &str); 2] = [(DERIVED_GROUP_URN, "retired"), (DERIVED_GROUP_URN, "retiredSince")];

/// Hides attributes that would reveal what is hidden or outside the policy. These are the names of people and groups
/// wherever they are shown, the time of the last change, and whether a group is retired, unless the list names it.
pub(super) fn hide_traces(hidden: &mut Hidden, list: Option<&[String]>, only_some_people: bool) {
    for (urn, [other, attribute, part]) in NAMES_ELSEWHERE {
        if hidden.hides(urn, "displayName") {
            hidden.hide_part(other, attribute, part);
        }
    }
    let named: BTreeSet<Named> = list.into_iter().flatten().flat_map(|name| single(name.trim())).collect();
    if only_some_people {
        for (urn, name) in FOLLOWS_FROM_MEMBERS.into_iter().filter(|found| !named.contains(found)) {
            hidden.hide(urn, name);
        }
    }
    if hides_more(hidden, only_some_people) && !list.is_some_and(names_last_modified) {
        let (name, part) = LAST_MODIFIED;
        for urn in [USER_URN, GROUP_URN] {
            hidden.hide_part(urn, name, part);
        }
    }
}

/// Whether anything other than sensitive attributes is hidden or outside.
pub(super) fn hides_more(hidden: &Hidden, only_some_people: bool) -> bool {
    let mut all = ResourceType::ALL.into_iter().flat_map(|of| of.shape().attributes());
    only_some_people
        || all.any(|found| {
            let (urn, name) = (found.schema.id.as_str(), found.attribute.name.as_str());
            hidden.hides(urn, name) && !is_sensitive(urn, name)
        })
}

/// Whether the list of a policy names the time of the last change.
pub(super) fn names_last_modified(names: &[String]) -> bool {
    names.iter().any(|name| is_last_modified(name.trim()))
}

fn is_last_modified(name: &str) -> bool {
    let Ok(path) = AttrPath::parse(name) else { return false };
    let Some(sub) = &path.sub else { return false };
    let is_urn = |urn: &str| [USER_URN, GROUP_URN].iter().any(|known| known.eq_ignore_ascii_case(urn));
    path.name.eq_ignore_ascii_case(LAST_MODIFIED.0)
        && sub.eq_ignore_ascii_case(LAST_MODIFIED.1)
        && path.urn.as_deref().is_none_or(is_urn)
}

/// Hides attributes that are not named. `id`, `schemas` and `meta` identify resources, and stay.
pub(super) fn hide_others(names: &[String], sensitive: bool, mistakes: &mut Vec<Mistake>) -> Hidden {
    let mut released: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let name = name.trim();
        if is_last_modified(name) {
            continue;
        }
        let found = if name == "*" { everything() } else { whole_schema(name).unwrap_or_else(|| single(name)) };
        if found.is_empty() {
            let shown: String = name.chars().take(100).collect();
            let message = if AttrPath::parse(name).is_ok_and(|path| path.sub.is_some()) {
                format!("`{shown}` has a sub-attribute: name the whole attribute")
            } else {
                format!("no schema defines the attribute `{shown}`, or more than one does: name it with its URN")
            };
            mistakes.push(Mistake { field: format!("attributes[{n}]"), message });
        }
        released.extend(found);
    }
    let mut hidden = Hidden::default();
    for found in ResourceType::ALL.into_iter().flat_map(|of| of.shape().attributes()) {
        let (urn, name) = (found.schema.id.as_str(), found.attribute.name.as_str());
        if name != "meta" && (!released.contains(&(urn, name)) || (is_sensitive(urn, name) && !sensitive)) {
            hidden.hide(urn, name);
        }
    }
    hidden
}

/// An attribute by its URN and name.
pub(super) type Named = (&'static str, &'static str);

fn everything() -> Vec<Named> {
    ResourceType::ALL.into_iter().flat_map(|of| attributes_of(of.shape(), |_| true)).collect()
}

fn whole_schema(urn: &str) -> Option<Vec<Named>> {
    let is_it = |schema: &Schema| schema.id.eq_ignore_ascii_case(urn);
    let found: Vec<Named> = ResourceType::ALL.into_iter().flat_map(|of| attributes_of(of.shape(), is_it)).collect();
    (!found.is_empty()).then_some(found)
}

/// The attributes of the schemas that are meant, without the sensitive ones: those have to be named each.
fn attributes_of(shape: &'static Shape, is_meant: impl Fn(&Schema) -> bool) -> Vec<Named> {
    let all = shape.attributes().filter(|found| is_meant(found.schema));
    let all = all.map(|found| (found.schema.id.as_str(), found.attribute.name.as_str()));
    all.filter(|(urn, name)| !is_sensitive(urn, name)).collect()
}

/// One attribute: `displayName` is that of users and that of groups.
pub(super) fn single(name: &str) -> Vec<Named> {
    let Ok(path) = AttrPath::parse(name) else { return Vec::new() };
    if path.sub.is_some() {
        return Vec::new();
    }
    let all = ResourceType::ALL.into_iter().filter_map(|of| of.shape().resolve(&path, &Hidden::nothing()));
    all.map(|found| (found.schema.id.as_str(), found.attribute.name.as_str())).collect()
}

fn is_sensitive(urn: &str, name: &str) -> bool {
    urn == WORKER_URN && SENSITIVE.contains(&name)
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `userFilter`, `groupFilter`, `attributes[2]`.
    pub field: String,
    pub message: String,
}
