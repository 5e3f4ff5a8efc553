//! Shows the feed to one consumer (law 8): which changes are its own, and which parts of them.
//!
//! Entering and leaving is in the log (see `flows::applying::policy_match`). Whether a manager or a group that a change
//! mentions is there for the consumer is asked when it is read.

use std::collections::BTreeSet;

use diesel_async::AsyncPgConnection;
use serde_json::Value;
use uuid::Uuid;

use super::number_all;
use crate::flows::applying::policy_match::resource;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::scim::release::{Policy, Release};
use crate::scim::schema::Hidden;
use crate::store;
use crate::store::changes::ChangeRow;
use crate::store::changes::policy_filters::{Noted, Stretch};

/// How many changes are checked in one statement.
const STRETCH: i64 = 1_000;

/// Who reads the feed.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub consumer: Uuid,
    pub policy: &'a Policy,
    /// The policy, read.
    pub release: &'a Release,
}

/// How a person or a group matches the consumer's filters in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Was there for the consumer before, and is after; or came into being.
    Matched,
    /// Was not there for the consumer before.
    Entered,
    /// Is not there for the consumer any more.
    Left,
}

/// A change that the consumer may receive.
#[derive(Clone, Debug)]
pub struct Seen {
    pub change: ChangeRow,
    pub standing: Match,
}

/// What is there for the consumer, of all that a stretch of changes mentions.
#[derive(Clone, Debug)]
pub struct Visible<'a> {
    pub hidden: &'a Hidden,
    /// All if there is no filter.
    people: Option<BTreeSet<Uuid>>,
    groups: Option<BTreeSet<Uuid>>,
}

impl<'a> Visible<'a> {
    /// All people and every group.
    #[must_use]
    pub fn all(hidden: &'a Hidden) -> Self {
        Self { hidden, people: None, groups: None }
    }

    /// These people and groups alone.
    #[must_use]
    pub fn only(hidden: &'a Hidden, people: &[Uuid], groups: &[Uuid]) -> Self {
        let set = |ids: &[Uuid]| Some(ids.iter().copied().collect());
        Self { hidden, people: set(people), groups: set(groups) }
    }

    #[must_use]
    pub fn has_person(&self, id: Uuid) -> bool {
        self.people.as_ref().is_none_or(|people| people.contains(&id))
    }

    #[must_use]
    pub fn has_group(&self, id: Uuid) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.contains(&id))
    }
}

/// A page of what the consumer sees.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Each with the number behind which the feed goes on after it.
    pub entries: Vec<(i64, T)>,
    pub has_more: bool,
    /// Where the page ends: behind it the feed goes on.
    pub through: i64,
}

/// The changes after a number that are the consumer's, as `show` shows them; what it shows nothing of is not there. A
/// page is full unless the feed ends: its entries do not show how much lies between two of them.
pub async fn page<T>(
    context: &Context,
    reader: &Reader<'_>,
    after: i64,
    limit: usize,
    show: impl Fn(&Seen, &Visible<'_>) -> Option<T>,
) -> Result<Page<T>, FlowError> {
    let mut conn = context.db.get().await?;
    number_all(&mut conn).await?;
    let Policy { user_filter, group_filter, .. } = reader.policy;
    let number = store::changes::policy_filters::number(
        &mut conn,
        reader.consumer,
        user_filter.as_deref(),
        group_filter.as_deref(),
    );
    // Without a number no person is inside the filters: numbers begin with 1.
    let number = number.await?.unwrap_or(0);
    let through = store::changes::policy_filters::last_sequence(&mut conn).await?.max(after);
    let mut page = Page { entries: Vec::new(), has_more: false, through };
    let mut at = after.max(store::db::retention::feed_from(&mut conn).await?);
    loop {
        let stretch = Stretch { after: at, through, limit: STRETCH };
        let part =
            store::changes::policy_filters::noted(&mut conn, number, reader.release.users.is_some(), stretch).await?;
        let is_end = i64::try_from(part.len()).is_ok_and(|read| read < STRETCH);
        let (visible, groups_now) = survey(&mut conn, reader.release, &part).await?;
        for noted in part {
            at = noted.change.sequence.unwrap_or(at);
            let Some(seen) = seen(noted, reader.release, &groups_now) else { continue };
            let Some(entry) = show(&seen, &visible) else { continue };
            if page.entries.len() == limit {
                page.has_more = true;
                page.through = page.entries.last().map_or(after, |(number, _)| *number);
                return Ok(page);
            }
            page.entries.push((at, entry));
        }
        if is_end {
            return Ok(page);
        }
    }
}

/// The groups that are there for the consumer now; all if there is no filter.
type GroupsNow = Option<BTreeSet<Uuid>>;

/// Finds out who and what of all that these changes mention is there for the consumer.
async fn survey<'a>(
    conn: &mut AsyncPgConnection,
    release: &'a Release,
    part: &[Noted],
) -> Result<(Visible<'a>, GroupsNow), FlowError> {
    let people = match &release.users {
        Some(filter) => {
            let managers: Vec<Uuid> = part.iter().flat_map(|noted| managers(&noted.change.diff)).collect();
            let seen = if managers.is_empty() {
                Vec::new()
            } else {
                store::changes::policy_filters::inside(conn, filter, &managers).await?
            };
            Some(seen.into_iter().collect())
        }
        None => None,
    };
    let groups = match &release.groups {
        Some(filter) => {
            let named = part.iter().flat_map(|Noted { change, .. }| {
                change.groups_joined.iter().chain(&change.groups_left).chain(&change.group_id)
            });
            let named: BTreeSet<Uuid> = named.copied().collect();
            let called = store::groups::write::called(conn, &Vec::from_iter(named)).await?;
            Some(called.iter().filter(|group| filter.matches(&resource(group))).map(|group| group.id).collect())
        }
        None => None,
    };
    Ok((Visible { hidden: &release.hidden, people, groups: groups.clone() }, groups))
}

/// The managers that a change mentions.
fn managers(diff: &Value) -> impl Iterator<Item = Uuid> {
    let changes = diff.as_array().into_iter().flatten().filter(|change| change["attribute"] == "manager");
    changes.flat_map(|change| ["old", "new"].map(|side| change[side].as_str().and_then(|id| id.parse().ok()))).flatten()
}

/// Whether a change is the consumer's, and how.
fn seen(noted: Noted, release: &Release, groups_now: &GroupsNow) -> Option<Seen> {
    let Noted { change, standing } = noted;
    let of_log = match standing.as_deref() {
        Some("matched") => Some(Match::Matched),
        Some("entered") => Some(Match::Entered),
        Some("departed") => Some(Match::Left),
        _ => None,
    };
    let standing = match (change.person_id, change.group_id) {
        (Some(_), _) if release.users.is_some() => of_log?,
        (None, Some(group)) if release.groups.is_some() => {
            // What becomes of a group by its members, or in the end, changes nothing that a filter may ask for; the log
            // contains nothing of it.
            let by_itself = change.cause == "membership" || change.kind == "group.deleted";
            let is_there = by_itself && groups_now.as_ref().is_some_and(|groups| groups.contains(&group));
            of_log.or(is_there.then_some(Match::Matched))?
        }
        (None, None) => return None,
        _ => Match::Matched,
    };
    // A person who is created did not exist before, for any consumer.
    let is_born = standing == Match::Entered && matches!(change.kind.as_str(), "person.created" | "group.created");
    Some(Seen { change, standing: if is_born { Match::Matched } else { standing } })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_sides_of_a_change_of_manager_are_asked_about() {
        let [one, other] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let diff = json!([
            { "attribute": "title", "unit": "title", "old": one, "new": other },
            { "attribute": "manager", "unit": "manager", "old": one, "new": other },
            { "attribute": "manager", "unit": "manager", "old": null, "new": "nobody" },
        ]);
        assert_eq!(managers(&diff).collect::<Vec<_>>(), [one, other]);
    }
}
