//! Finds the release policies for which a change counts. The people and groups that it touches are inside their
//! filters, come inside, or leave (law 8).
//!
//! The writer finds this before and after writing, while the rows are locked. So it is exact for each change, whatever
//! else is going on, and needs no memory of who was inside. The filters are held meanwhile. What a filter may ask for
//! is so limited (see [`Policy::mistakes`]) that people enter or leave only by a change of their own.

use std::collections::{BTreeMap, BTreeSet};

use diesel_async::AsyncPgConnection;
use serde_json::{Map, Value, json};
use tracing::error;
use uuid::Uuid;

use crate::flows::error::FlowError;
use crate::scim::filter::check::Checked;
use crate::scim::release::Policy;
use crate::scim::schema::DERIVED_GROUP_URN;
use crate::store;
use crate::store::changes::NewChange;
use crate::store::groups::write::GroupName;

/// The filters that count for what a transaction writes.
pub(crate) struct PolicyFilters {
    people: Vec<(i32, Checked)>,
    groups: Vec<(i32, Checked)>,
}

/// By which filters people are inside, by their ids.
pub(crate) type Matches = BTreeMap<Uuid, BTreeSet<i32>>;

impl PolicyFilters {
    /// Holds the filters until the transaction ends.
    pub(crate) async fn hold(conn: &mut AsyncPgConnection) -> Result<Self, FlowError> {
        let mut policy_filters = Self { people: Vec::new(), groups: Vec::new() };
        for row in store::changes::policy_filters::hold(conn).await? {
            let policy = Policy { user_filter: row.user_filter, group_filter: row.group_filter, attributes: None };
            match policy.read(false) {
                Ok(release) => {
                    policy_filters.people.extend(release.users.map(|filter| (row.number, filter)));
                    policy_filters.groups.extend(release.groups.map(|filter| (row.number, filter)));
                }
                // No person is inside: the consumer is refused as well.
                Err(_) => {
                    error!(consumer.id = %row.consumer_id, "the filters of a release policy cannot be read");
                }
            }
        }
        Ok(policy_filters)
    }

    /// By which filters these people are inside, as this transaction sees them. Their rows are locked.
    pub(crate) async fn matches(&self, conn: &mut AsyncPgConnection, people: &[Uuid]) -> Result<Matches, FlowError> {
        if self.people.is_empty() || people.is_empty() {
            return Ok(Matches::new());
        }
        let filters: Vec<(i32, &Checked)> = self.people.iter().map(|(number, filter)| (*number, filter)).collect();
        let mut matches = Matches::new();
        for one in store::changes::policy_filters::matches(conn, &filters, people).await? {
            matches.entry(one.id).or_default().extend(one.inside);
        }
        Ok(matches)
    }

    /// Records with each change of a person for which policies it counts. `before` is their match before they were
    /// written.
    pub(crate) async fn record_on(
        &self,
        conn: &mut AsyncPgConnection,
        changes: &mut [NewChange],
        before: &Matches,
    ) -> Result<(), FlowError> {
        let people: Vec<Uuid> = changes.iter().filter_map(|change| change.person_id).collect();
        let after = self.matches(conn, &people).await?;
        let none = BTreeSet::new();
        for change in changes {
            let Some(person) = change.person_id else { continue };
            set(change, before.get(&person).unwrap_or(&none), after.get(&person).unwrap_or(&none));
        }
        Ok(())
    }

    /// Records with a change of a group for which policies it counts. `before` is absent of a group that was not there.
    pub(crate) fn record_on_group(&self, change: &mut NewChange, before: Option<&GroupName>, after: &GroupName) {
        let inside = |group: &GroupName| -> BTreeSet<i32> {
            let resource = resource(group);
            self.groups.iter().filter(|(_, filter)| filter.matches(&resource)).map(|(number, _)| *number).collect()
        };
        if !self.groups.is_empty() {
            set(change, &before.map(inside).unwrap_or_default(), &inside(after));
        }
    }
}

fn set(change: &mut NewChange, before: &BTreeSet<i32>, after: &BTreeSet<i32>) {
    let some = |numbers: Vec<i32>| Some(numbers).filter(|numbers| !numbers.is_empty());
    change.matched = some(before.intersection(after).copied().collect());
    change.entered = some(after.difference(before).copied().collect());
    change.departed = some(before.difference(after).copied().collect());
}

/// What a policy may ask of a group, as a resource.
pub(crate) fn resource(group: &GroupName) -> Map<String, Value> {
    let resource = json!({
        "id": group.id,
        "displayName": group.display_name,
        DERIVED_GROUP_URN: { "kind": group.kind, "key": group.key, "name": group.name },
    });
    match resource {
        Value::Object(resource) => resource,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scim::filter::Mode;
    use crate::scim::filter::check::read;
    use crate::scim::schema::{Hidden, ResourceType};

    fn group(kind: &str, name: &str) -> GroupName {
        GroupName {
            id: Uuid::nil(),
            position: 1,
            kind: kind.to_owned(),
            key: name.to_lowercase(),
            name: name.to_owned(),
            display_name: format!("Department: {name}"),
            deleted_at: None,
        }
    }

    #[test]
    fn a_group_that_is_renamed_enters_stays_and_leaves_by_its_name() {
        let filters = ["name eq \"data\"", "displayName sw \"department: \"", "key eq \"AI\"", "kind eq \"COUNTRY\""];
        let check = |text: &str| read(text, Mode::Strict, ResourceType::Group.shape(), &Hidden::nothing()).unwrap();
        let policy_filters = PolicyFilters {
            people: Vec::new(),
            groups: filters.iter().zip(1..).map(|(text, number)| (number, check(text))).collect(),
        };
        let mut change = NewChange::default();
        policy_filters.record_on_group(&mut change, Some(&group("department", "Data")), &group("department", "AI"));
        assert_eq!((change.departed, change.matched, change.entered), (Some(vec![1]), Some(vec![2]), None));
        let mut change = NewChange::default();
        policy_filters.record_on_group(&mut change, None, &group("department", "Data"));
        assert_eq!((change.departed, change.matched, change.entered), (None, None, Some(vec![1, 2])));
    }

    proptest! {
        #[test]
        fn every_filter_sees_a_change_in_at_most_one_way(
            before in prop::collection::btree_set(0..9, 0..9), after in prop::collection::btree_set(0..9, 0..9)
        ) {
            let mut change = NewChange::default();
            set(&mut change, &before, &after);
            for number in 0..9 {
                let is_in = |list: &Option<Vec<i32>>| list.as_ref().is_some_and(|list| list.contains(&number));
                let (was, is) = (before.contains(&number), after.contains(&number));
                prop_assert_eq!(is_in(&change.matched), was && is);
                prop_assert_eq!(is_in(&change.entered), !was && is);
                prop_assert_eq!(is_in(&change.departed), was && !is);
            }
        }
    }
}
