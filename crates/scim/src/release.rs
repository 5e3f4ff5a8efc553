//! Release policies: which people, which groups and which of their attributes a consumer sees (law 8, R-180).
//!
//! What is outside the filters does not exist for the consumer; what the list of attributes leaves out is hidden, and a
//! hidden attribute is an unknown one. A sensitive attribute needs both: its name in the list, and the scope
//! `people:sensitive`.

pub mod attributes;
mod filters;

use std::collections::BTreeSet;

use self::attributes::{Named, hide_others, hide_traces, hides_more, names_last_modified, single};
use self::filters::{names_active, read_filter, unfollowed};
use super::filter::Mode;
use super::filter::check::Checked;
use super::filter::parse::parse;
use super::schema::{Hidden, ResourceType, SENSITIVE, WORKER_URN};
use attributes::Mistake;

/// Names in a list of attributes, at most.
pub const MAX_ATTRIBUTES: usize = 500;

/// A release policy as it is written and stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Which people; all if there is none.
    pub user_filter: Option<String>,
    /// Which groups; all if there is none.
    pub group_filter: Option<String>,
    /// Names of attributes, of whole schemas by their URNs, or `*` for all but the sensitive ones. Without a list, all
    /// but the sensitive ones are released.
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

impl Policy {
    /// Reads the policy. `sensitive` is whether the caller has the scope `people:sensitive`.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn read(&self, sensitive: bool) -> Result<Release, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let users = read_filter("userFilter", self.user_filter.as_deref(), ResourceType::User, &mut mistakes);
        let groups = read_filter("groupFilter", self.group_filter.as_deref(), ResourceType::Group, &mut mistakes);
        let mut hidden = match &self.attributes {
            None => Hidden::sensitive(),
            Some(names) => hide_others(names, sensitive, &mut mistakes),
        };
        hide_traces(&mut hidden, self.attributes.as_deref(), self.user_filter.is_some());
        if mistakes.is_empty() { Ok(Release { hidden, users, groups }) } else { Err(mistakes) }
    }

    /// Whether everything is released that is not sensitive.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// All mistakes for which an admin's policy is refused: those that [`read`](Self::read) reports, and filters whose
    /// answer changes without a change of the person or group, so that it is unknown who enters and leaves.
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
        let hides_more =
            self.read(sensitive).is_ok_and(|release| hides_more(&release.hidden, self.user_filter.is_some()));
        if self.attributes.as_deref().is_some_and(names_last_modified) && hides_more {
            warnings.push(Warning {
                code: "lastModifiedTells",
                field: "attributes",
                message: "meta.lastModified moves also when something changes that this consumer does not see"
                    .to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{DERIVED_GROUP_URN, ENTERPRISE_URN, GROUP_URN, USER_URN};

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

    /// the time of the last change reveals that something was changed, visible or not.
    #[test]
    fn the_last_change_is_told_to_those_who_see_all_of_it_or_are_meant_to() {
        let some = Some("department eq \"x\"".to_owned());
        let told = |attributes: Option<&[&str]>, user_filter: &Option<String>| {
            let attributes = attributes.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            let policy = Policy { attributes, user_filter: user_filter.clone(), ..Policy::default() };
            assert_eq!(policy.mistakes(), []);
            let hidden = policy.read(true).unwrap().hidden;
            let told = [USER_URN, GROUP_URN].map(|urn| !hidden.hides_part(urn, "meta", "lastModified"));
            assert_eq!(told[0], told[1]);
            let warned = policy.warnings(true).iter().any(|warning| warning.code == "lastModifiedTells");
            (told[0], warned)
        };
        for names in [None, Some(&["*"][..]), Some(&["*", "birthday"])] {
            assert_eq!(told(names, &None), (true, false), "{names:?}");
            assert_eq!(told(names, &some), (false, false), "{names:?}");
        }
        assert_eq!(told(Some(&["userName", "title"]), &None), (false, false));
        assert_eq!(told(Some(&["*", "META.lastmodified"]), &None), (true, false), "nothing is hidden");
        assert_eq!(told(Some(&["*", "meta.lastModified"]), &some), (true, true));
        let whole = format!("{USER_URN}:meta.lastModified");
        assert_eq!(told(Some(&["userName", &whole]), &None), (true, true));
        let groups = Policy { group_filter: Some("kind eq \"team\"".to_owned()), ..Policy::default() };
        assert_eq!(groups.read(false).unwrap().hidden, Hidden::sensitive(), "of the groups that are there all is seen");
    }

    ///
    #[test]
    fn a_hidden_name_is_hidden_wherever_it_is_shown() {
        let hidden = hidden(&["userName", "manager", "managerChain", "groups", "members"], false);
        for (urn, name, part) in [
            (GROUP_URN, "members", "display"),
            (USER_URN, "groups", "display"),
            (ENTERPRISE_URN, "manager", "displayName"),
            (WORKER_URN, "managerChain", "display"),
        ] {
            assert!(hidden.hides_part(urn, name, part), "{name}.{part}");
            assert!(!hidden.hides(urn, name) && !hidden.hides_part(urn, name, "value"), "{name}");
        }
        let users = format!("{USER_URN}:displayName");
        let hidden = self::hidden(&["groups", "members", &users], false);
        assert!(!hidden.hides_part(GROUP_URN, "members", "display"));
        assert!(hidden.hides_part(USER_URN, "groups", "display"));
    }

    #[test]
    fn whether_a_group_is_retired_follows_from_people_who_may_be_outside() {
        let retired = |attributes: Option<Vec<String>>, user_filter: Option<&str>| {
            let policy = Policy { attributes, user_filter: user_filter.map(str::to_owned), ..Policy::default() };
            !policy.read(false).unwrap().hidden.hides(DERIVED_GROUP_URN, "retired")
        };
        let named = || Some(vec!["*".to_owned(), "retired".to_owned()]);
        assert!(retired(None, None) && retired(named(), Some("title pr")));
        assert!(!retired(None, Some("title pr")) && !retired(Some(vec!["*".to_owned()]), Some("title pr")));
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
