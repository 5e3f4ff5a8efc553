//! Release policies: which people, which groups and which of their attributes a consumer sees (law 8, R-180).
//!
//! What is outside the filters does not exist for the consumer; what the list of attributes leaves out is hidden, and a
//! hidden attribute is an unknown one. A sensitive attribute needs both: its name in the list, and the scope
//! `people:sensitive`.

use std::collections::BTreeSet;

use super::error::ScimError;
use super::filter::check::{Checked, check};
use super::filter::parse::parse;
use super::filter::{Filter, Mode};
use super::path::AttrPath;
use super::schema::{Hidden, ResourceType, SENSITIVE, Schema, Shape, WORKER_URN};

/// A release policy as it is written and stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which people; all if there is none.
    pub user_filter: Option<String>,
    /// Which groups; all if there is none.
    pub group_filter: Option<String>,
    /// Names of attributes, of whole schemas by their URNs, or `*` for all but the sensitive ones; all but the
    /// sensitive ones if there is none.
    pub attributes: Option<Vec<String>>,
}

/// A release policy, read: what one caller sees.
#[derive(Clone, Debug)]
pub struct Release {
    pub hidden: Hidden,
    /// Which people; all if there is none.
    pub users: Option<Checked>,
    /// Which groups; all if there is none.
    pub groups: Option<Checked>,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `userFilter`, `groupFilter`, `attributes[2]`.
    pub field: String,
    pub message: String,
}

impl Policy {
    /// Reads the policy. `sensitive` is whether the caller has the scope `people:sensitive`.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn read(&self, sensitive: bool) -> Result<Release, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let users = read_filter("userFilter", self.user_filter.as_deref(), ResourceType::User, &mut mistakes);
        let groups = read_filter("groupFilter", self.group_filter.as_deref(), ResourceType::Group, &mut mistakes);
        let hidden = match &self.attributes {
            None => Hidden::sensitive(),
            Some(names) => hide_others(names, sensitive, &mut mistakes),
        };
        if mistakes.is_empty() { Ok(Release { hidden, users, groups }) } else { Err(mistakes) }
    }

    /// Whether everything is released that is not sensitive.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// What an admin should know of a policy that can be read.
    #[must_use]
    pub fn warnings(&self) -> Vec<Mistake> {
        let parsed = self.user_filter.as_deref().and_then(|text| parse(text, Mode::Strict).ok());
        if !parsed.is_some_and(|filter| names_active(&filter)) {
            return Vec::new();
        }
        let message = "people who leave vanish from this consumer's view instead of turning inactive, so that it may \
                       never learn that they left; filter on something else, and let the consumer look at active";
        vec![Mistake { field: "userFilter".to_owned(), message: message.to_owned() }]
    }
}

impl Release {
    /// What somebody sees whose policy says nothing.
    #[must_use]
    pub fn open() -> Self {
        Self { hidden: Hidden::sensitive(), users: None, groups: None }
    }
}

/// Filters of policies may not ask for what depends on the consumer, nor tell by who is there what is sensitive.
fn read_filter(field: &str, text: Option<&str>, of: ResourceType, mistakes: &mut Vec<Mistake>) -> Option<Checked> {
    let shape = of.shape();
    let mut hidden = Hidden::sensitive();
    hidden.hide(&shape.base().id, "externalId");
    let checked = parse(text?, Mode::Strict)
        .map_err(|error| ScimError::invalid_filter(error.to_string()))
        .and_then(|filter| check(&filter, Mode::Strict, shape, &hidden));
    match checked {
        Ok(checked) => Some(checked),
        Err(error) => {
            mistakes.push(Mistake { field: field.to_owned(), message: error.detail });
            None
        }
    }
}

/// Hides what is not named. `id`, `schemas` and `meta` are how resources are told apart, and stay.
fn hide_others(names: &[String], sensitive: bool, mistakes: &mut Vec<Mistake>) -> Hidden {
    let mut released: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let name = name.trim();
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
type Named = (&'static str, &'static str);

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
fn single(name: &str) -> Vec<Named> {
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

fn names_active(filter: &Filter) -> bool {
    match filter {
        Filter::And(operands) | Filter::Or(operands) => operands.iter().any(names_active),
        Filter::Not(inner) => names_active(inner),
        Filter::Test(path, _) => path.name.eq_ignore_ascii_case("active"),
        Filter::Element { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::{ENTERPRISE_URN, GROUP_URN, USER_URN};

    fn policy(attributes: &[&str]) -> Policy {
        Policy { attributes: Some(attributes.iter().map(|&name| name.to_owned()).collect()), ..Policy::default() }
    }

    fn hidden(attributes: &[&str], sensitive: bool) -> Hidden {
        policy(attributes).read(sensitive).unwrap().hidden
    }

    #[test]
    fn no_policy_releases_all_but_what_is_sensitive() {
        assert!(Policy::default().is_open());
        for sensitive in [false, true] {
            assert_eq!(Policy::default().read(sensitive).unwrap().hidden, Hidden::sensitive());
        }
        assert_eq!(hidden(&["*"], true), Hidden::sensitive());
        assert_eq!(hidden(&[USER_URN, ENTERPRISE_URN, WORKER_URN, "*"], true), Hidden::sensitive());
    }

    ///
    #[test]
    fn what_the_list_leaves_out_is_hidden() {
        let hidden = hidden(
            &["USERNAME", "displayName", "department", "urn:ietf:params:scim:schemas:core:2.0:user:Title"],
            true,
        );
        for (urn, name) in
            [(USER_URN, "userName"), (USER_URN, "displayName"), (USER_URN, "title"), (GROUP_URN, "displayName")]
        {
            assert!(!hidden.hides(urn, name), "{name}");
        }
        assert!(!hidden.hides(ENTERPRISE_URN, "department"));
        for (urn, name) in [
            (USER_URN, "emails"),
            (USER_URN, "externalId"),
            (USER_URN, "active"),
            (USER_URN, "groups"),
            (GROUP_URN, "members"),
            (ENTERPRISE_URN, "manager"),
            (WORKER_URN, "dateOfBirth"),
        ] {
            assert!(hidden.hides(urn, name), "{name}");
        }
        for urn in [USER_URN, GROUP_URN] {
            assert!(["id", "schemas", "meta"].iter().all(|name| !hidden.hides(urn, name)));
        }
    }

    #[test]
    fn a_sensitive_attribute_needs_its_name_and_the_scope() {
        let named = format!("{WORKER_URN}:birthday");
        for names in [&["*", "birthday"][..], &[WORKER_URN, &named]] {
            assert!(!hidden(names, true).hides(WORKER_URN, "birthday"));
            assert!(hidden(names, false).hides(WORKER_URN, "birthday"));
            assert!(hidden(names, true).hides(WORKER_URN, "dateOfBirth"));
        }
        assert!(hidden(&[WORKER_URN], true).hides(WORKER_URN, "birthday"));
    }

    #[test]
    fn all_mistakes_are_told_by_their_fields() {
        let policy = Policy {
            user_filter: Some("shoeSize eq 43".to_owned()),
            group_filter: Some("displayName eq".to_owned()),
            ..policy(&["userName", "shoeSize", "name.givenName", "a b", ""])
        };
        let mistakes = policy.read(true).unwrap_err();
        let fields: Vec<&str> = mistakes.iter().map(|mistake| mistake.field.as_str()).collect();
        let expected =
            ["userFilter", "groupFilter", "attributes[1]", "attributes[2]", "attributes[3]", "attributes[4]"];
        assert_eq!(fields, expected);
        assert!(mistakes[3].message.contains("whole attribute"), "{}", mistakes[3].message);
    }

    #[test]
    fn filters_do_not_ask_for_what_is_sensitive_or_depends_on_the_consumer() {
        for filter in ["birthday pr", "externalId eq \"x\"", "password pr"] {
            let policy = Policy { user_filter: Some(filter.to_owned()), ..Policy::default() };
            assert_eq!(policy.read(true).unwrap_err()[0].field, "userFilter", "{filter}");
        }
    }

    #[test]
    fn a_filter_on_active_is_warned_of() {
        let warned = |filter: &str| {
            let policy = Policy { user_filter: Some(filter.to_owned()), ..Policy::default() };
            !policy.warnings().is_empty()
        };
        assert!(warned("active eq true"));
        assert!(warned("department eq \"R&D\" and not (ACTIVE eq false)"));
        assert!(!warned("department eq \"active\""));
        assert!(Policy::default().warnings().is_empty());
    }
}
