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
use super::schema::{
    DERIVED_GROUP_URN, ENTERPRISE_URN, GROUP_URN, Hidden, Resolved, ResourceType, SENSITIVE, Schema, Shape, USER_URN,
    WORKER_URN,
};

/// Names in a list of attributes, at most.
pub const MAX_ATTRIBUTES: usize = 500;

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

/// What may be meant otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// For programs.
    pub code: &'static str,
    pub field: &'static str,
    pub message: String,
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

    /// All that keeps an admin's policy from being taken: what [`read`](Self::read) says of it, and filters whose answer
    /// changes without the person or group being changed, so that nobody could say who enters and leaves.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (field, text, of) in [
            ("userFilter", &self.user_filter, ResourceType::User),
            ("groupFilter", &self.group_filter, ResourceType::Group),
        ] {
            if let Some(filter) = read_filter(field, text.as_deref(), of, &mut mistakes) {
                mistakes.extend(unfollowed(field, &filter, of));
            }
        }
        match &self.attributes {
            Some(names) if names.len() > MAX_ATTRIBUTES => {
                let message = format!("expected at most {MAX_ATTRIBUTES} names, found {}", names.len());
                mistakes.push(Mistake { field: "attributes".to_owned(), message });
            }
            Some(names) => drop(hide_others(names, true, &mut mistakes)),
            None => {}
        }
        mistakes
    }

    /// What an admin should know of a policy that can be read. `sensitive` is whether the consumer has the scope
    /// `people:sensitive`.
    #[must_use]
    pub fn warnings(&self, sensitive: bool) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let parsed = self.user_filter.as_deref().and_then(|text| parse(text, Mode::Strict).ok());
        if parsed.is_some_and(|filter| names_active(&filter)) {
            warnings.push(Warning {
                code: "leaversVanish",
                field: "userFilter",
                message:
                    "people who leave vanish from this consumer's view instead of turning inactive, so that it may \
                          never learn that they left; filter on something else, and let the consumer look at active"
                        .to_owned(),
            });
        }
        let named = self.sensitive_names();
        if !named.is_empty() && !sensitive {
            warnings.push(Warning {
                code: "sensitiveWithoutScope",
                field: "attributes",
                message: format!("{} stays hidden: the consumer lacks the scope people:sensitive", named.join(", ")),
            });
        }
        if named.is_empty() && sensitive {
            warnings.push(Warning {
                code: "scopeWithoutSensitive",
                field: "scopes",
                message: format!(
                    "the scope people:sensitive shows nothing: attributes names none of {}",
                    SENSITIVE.join(", ")
                ),
            });
        }
        warnings
    }

    /// The sensitive attributes that the policy names.
    fn sensitive_names(&self) -> Vec<&'static str> {
        let named: BTreeSet<Named> = self.attributes.iter().flatten().flat_map(|name| single(name.trim())).collect();
        SENSITIVE.into_iter().filter(|name| named.contains(&(WORKER_URN, *name))).collect()
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

/// What of a group is its own: all else changes with those who are in it.
const THE_GROUP: [(&str, &str); 5] = [
    (GROUP_URN, "id"),
    (GROUP_URN, "displayName"),
    (DERIVED_GROUP_URN, "kind"),
    (DERIVED_GROUP_URN, "key"),
    (DERIVED_GROUP_URN, "name"),
];

/// What of a person follows from others or from where the server is, or changes without a change in the log.
fn follows_from_others(target: &Resolved) -> bool {
    let sub = target.sub.map(|sub| sub.name.as_str());
    matches!(
        (target.schema.id.as_str(), target.attribute.name.as_str(), sub),
        (USER_URN, "groups", Some("display" | "$ref"))
            | (USER_URN, "meta", Some("location" | "version"))
            | (ENTERPRISE_URN, "manager", Some("displayName" | "$ref"))
            | (WORKER_URN, "managerEmail" | "managerEmployeeNumber" | "managerChain" | "sourceUpdated", _)
    )
}

/// The first thing that a filter asks for and that changes without the resource being changed.
fn unfollowed(field: &str, filter: &Checked, of: ResourceType) -> Option<Mistake> {
    let is_followed = |target: &Resolved| match of {
        ResourceType::User => !follows_from_others(target),
        ResourceType::Group => THE_GROUP.contains(&(target.schema.id.as_str(), target.attribute.name.as_str())),
    };
    let target = filter.leaves().into_iter().map(|leaf| leaf.target).find(|target| !is_followed(target))?;
    let instead = match (of, target.attribute.name.as_str()) {
        (ResourceType::Group, _) => "; expected id, displayName, kind, key or name",
        (_, "groups") => "; expected groups.value, the id of the group",
        (_, "manager" | "managerEmail" | "managerEmployeeNumber" | "managerChain") => {
            "; expected manager.value, the id of the manager"
        }
        _ => "",
    };
    let message = format!(
        "`{target}` changes without the resource itself being changed, so that nobody could be told who enters and who \
         leaves{instead}"
    );
    Some(Mistake { field: field.to_owned(), message })
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
            !policy.warnings(false).is_empty()
        };
        assert!(warned("active eq true"));
        assert!(warned("department eq \"R&D\" and not (ACTIVE eq false)"));
        assert!(!warned("department eq \"active\""));
        assert!(Policy::default().warnings(false).is_empty());
    }

    #[test]
    fn scope_and_names_of_sensitive_attributes_belong_together() {
        let codes = |names: &[&str], sensitive: bool| -> Vec<&str> {
            policy(names).warnings(sensitive).iter().map(|warning| warning.code).collect()
        };
        assert_eq!(codes(&["userName", "BIRTHDAY"], false), ["sensitiveWithoutScope"]);
        assert_eq!(codes(&["userName", "birthday"], true), [] as [&str; 0]);
        assert_eq!(codes(&["*", WORKER_URN], true), ["scopeWithoutSensitive"]);
        assert_eq!(codes(&["*"], false), [] as [&str; 0]);
        assert_eq!(Policy::default().warnings(true)[0].code, "scopeWithoutSensitive");
    }

    #[test]
    fn filters_ask_for_what_changes_with_the_resource_alone() {
        let mistakes = |user: Option<&str>, group: Option<&str>| {
            let policy = Policy {
                user_filter: user.map(str::to_owned),
                group_filter: group.map(str::to_owned),
                ..Policy::default()
            };
            policy.mistakes()
        };
        for filter in [
            "groups.display eq \"x\"",
            "groups[type eq \"indirect\" and display sw \"x\"]",
            "not (manager.displayName eq \"x\")",
            "department eq \"x\" or managerEmail pr",
            "sourceUpdated pr",
            "meta.location sw \"https\"",
        ] {
            let found = mistakes(Some(filter), None);
            assert_eq!(found.len(), 1, "{filter}");
            assert!(found[0].message.contains("who enters and who leaves"), "{filter}");
        }
        for filter in [
            "retired eq false",
            "members.value eq \"x\"",
            "members pr",
            "sourceSystem eq \"remote\"",
            "meta.created pr",
        ] {
            assert_eq!(mistakes(None, Some(filter))[0].field, "groupFilter", "{filter}");
        }
        let user =
            "department eq \"x\" and groups eq \"y\" and manager pr and (active eq true or startDate gt \"2026\")";
        assert_eq!(mistakes(Some(user), Some("kind eq \"department\" and not (displayName co \"x\" or name pr)")), []);
    }

    #[test]
    fn a_list_of_attributes_has_an_end() {
        let names = vec!["userName"; MAX_ATTRIBUTES + 1];
        assert_eq!(policy(&names).mistakes()[0].field, "attributes");
        assert_eq!(policy(&names[1..]).mistakes(), []);
    }
}
