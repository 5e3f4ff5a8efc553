//! What one caller sees of the directory (law 8), as conditions on rows: people and groups that are outside do not
//! exist for the caller, wherever they would be mentioned.

use uuid::Uuid;

use super::filter::condition::{Condition, GroupCondition};
use super::filter::sql::Sql;
use crate::scim::schema::Hidden;

/// What one caller sees, and how. Made for one request.
#[derive(Clone, Debug)]
pub struct Visibility {
    /// Of the SCIM service, without a slash at its end: what `meta.location` and `$ref` begin with.
    pub(super) base_url: String,
    /// Whether the caller sees the worker's source id as `externalId`. Else no user has one.
    pub(super) external_id_from_source: bool,
    /// The attributes that do not exist for the caller.
    pub(super) hidden: Hidden,
    people: Option<Condition>,
    groups: Option<GroupCondition>,
    /// Under which policy it is kept how many people there are.
    policy: Option<PolicyKey>,
}

impl Visibility {
    /// All people and groups.
    #[must_use]
    pub fn unrestricted(base_url: &str, external_id_from_source: bool, hidden: Hidden) -> Self {
        Self {
            base_url: base_url.to_owned(),
            external_id_from_source,
            hidden,
            people: None,
            groups: None,
            policy: None,
        }
    }

    /// Only people and groups that satisfy these conditions. The filters of a release policy become conditions in
    /// `filter::policy`.
    pub(super) fn with_conditions(self, people: Option<Condition>, groups: Option<GroupCondition>) -> Self {
        Self { people, groups, ..self }
    }

    /// The policy is this consumer's.
    #[must_use]
    pub fn for_consumer(self, consumer: Uuid, user_filter: Option<&str>) -> Self {
        let policy = user_filter.map(|filter| PolicyKey { consumer, user_filter: filter.to_owned() });
        Self { policy, ..self }
    }

    /// Which people there are; all if there is no condition.
    #[must_use]
    pub fn people(&self) -> Option<&Condition> {
        self.people.as_ref()
    }

    /// Which groups there are; all if there is no condition.
    #[must_use]
    pub fn groups(&self) -> Option<GroupCondition> {
        self.groups.clone()
    }

    pub(super) fn policy(&self) -> Option<&PolicyKey> {
        self.policy.as_ref()
    }

    pub(super) fn groups_condition(&self) -> Option<&Sql> {
        self.groups.as_ref().map(GroupCondition::sql)
    }

    /// As a condition on the row `g` of a group.
    pub(super) fn visible_groups(&self) -> Option<Sql> {
        self.groups_condition().map(|condition| Sql::of("(").append(condition.clone()).push(")"))
    }

    /// As a condition on a row of `people`.
    pub(super) fn visible_people(&self) -> Option<Sql> {
        self.people.as_ref().map(|condition| condition.sql().clone())
    }

    /// As a condition on the person whose row has another name than `people`. Names are ours.
    pub(super) fn person_filter(&self, row: &'static str) -> Option<Sql> {
        let condition = self.visible_people()?;
        let same = Sql::of(format!("EXISTS (SELECT FROM people WHERE \"people\".\"id\" = {row}.id AND "));
        Some(same.append(condition).push(")"))
    }
}

/// Which policy's number it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyKey {
    pub(crate) consumer: Uuid,
    pub(crate) user_filter: String,
}
