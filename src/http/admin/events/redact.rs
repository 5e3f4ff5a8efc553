//! Redacts events of the feed for a consumer (law 8): its own people and groups, with the attributes that it sees.
//!
//! Besides that, an event only has its time. It has no number, and it does not show whether a run, a date or an admin
//! was the cause, since that reveals attributes that may be hidden.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::json as event_json;
use crate::api::events::{ChangedValue, EventKind, RedactedEvent, RedactedKind};
use crate::flows::feed::consumer::{Match, Seen, Visible};
use crate::http::admin::words::stored;
use crate::http::error::Problem;
use crate::scim::path::AttrPath;
use crate::scim::schema::{DERIVED_GROUP_URN, ResourceType, WORKER_URN};
use crate::store::changes::ChangeRow;

/// What a consumer sees of a change: an event without its mark.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Redacted {
    kind: RedactedKind,
    person_id: Option<Uuid>,
    group_id: Option<Uuid>,
    at: DateTime<Utc>,
    effective_at: DateTime<Utc>,
    changes: Vec<ChangedValue>,
    joined: Vec<Uuid>,
    left: Vec<Uuid>,
}

impl Redacted {
    /// An event that only has its time.
    fn bare(kind: RedactedKind, row: &ChangeRow) -> Self {
        Self {
            kind,
            person_id: row.person_id,
            group_id: row.group_id,
            at: row.at,
            effective_at: row.at,
            changes: Vec::new(),
            joined: Vec::new(),
            left: Vec::new(),
        }
    }

    /// The event, with the mark by which the feed goes on after it.
    pub(super) fn with_mark(self, mark: String) -> RedactedEvent {
        RedactedEvent {
            mark,
            r#type: self.kind,
            person_id: self.person_id,
            group_id: self.group_id,
            at: self.at,
            effective_at: self.effective_at,
            detected_at: self.at,
            lateness_seconds: (self.at - self.effective_at).num_seconds().max(0),
            changes: self.changes,
            groups_joined: self.joined,
            groups_left: self.left,
        }
    }
}

/// An event, or nothing if the consumer sees nothing of the change.
pub(super) fn show(seen: &Seen, visible: &Visible<'_>) -> Option<Result<Redacted, Problem>> {
    redacted(seen, visible).transpose()
}

fn redacted(seen: &Seen, visible: &Visible<'_>) -> Result<Option<Redacted>, Problem> {
    let row = &seen.change;
    Ok(match (row.person_id, seen.standing) {
        (_, Match::Matched) if row.group_id.is_some() => of_group(row, visible)?,
        (_, Match::Matched) => of_person(row, visible)?,
        // The consumer gets neither the values from outside of its view nor the present ones.
        (Some(_), Match::Entered) => Some(Redacted::bare(RedactedKind::PersonEntered, row)),
        (Some(_), Match::Left) => Some(Redacted::bare(RedactedKind::PersonLeft, row)),
        (None, Match::Entered) => Some(Redacted::bare(RedactedKind::GroupEntered, row)),
        (None, Match::Left) => Some(Redacted::bare(RedactedKind::GroupLeft, row)),
    })
}

fn of_person(row: &ChangeRow, visible: &Visible<'_>) -> Result<Option<Redacted>, Problem> {
    let kind = stored(EventKind::parse, &row.kind)?;
    let sees_groups = is_released("groups", ResourceType::User, visible);
    let groups = |ids: &[Uuid]| -> Vec<Uuid> {
        ids.iter().copied().filter(|id| sees_groups && visible.has_group(*id)).collect()
    };
    let (joined, left) = (groups(&row.groups_joined), groups(&row.groups_left));
    let mut changes: Vec<ChangedValue> = Vec::new();
    for change in event_json::touched(&row.diff).into_iter().filter_map(|change| of_value(change, row, visible)) {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    // The value itself shows all that its name shows.
    if changes.iter().any(|change| change.of.as_deref() == Some("displayName")) {
        changes.retain(|change| *change != event_json::bare("displayName"));
    }
    if !joined.is_empty() || !left.is_empty() {
        changes.push(event_json::bare("groups"));
    }
    let kind = redacted_kind(kind, &changes, visible);
    if changes.is_empty() && kind != RedactedKind::PersonCreated {
        return Ok(None);
    }
    let effective_at = effective_at(row, visible);
    Ok(Some(Redacted { effective_at, changes, joined, left, ..Redacted::bare(kind, row) }))
}

/// One touched attribute, as far as it is the consumer's.
fn of_value(mut change: ChangedValue, row: &ChangeRow, visible: &Visible<'_>) -> Option<ChangedValue> {
    if !is_released(&change.attribute, ResourceType::User, visible) {
        return None;
    }
    if change.of.as_deref() == Some("manager") {
        for side in [&mut change.old, &mut change.new] {
            let manager = side.as_ref().and_then(Value::as_str).and_then(|id| id.parse().ok());
            if !manager.is_some_and(|id| visible.has_person(id)) {
                *side = Some(Value::Null);
            }
        }
        return (change.old != change.new).then_some(change);
    }
    let is_created = row.kind == EventKind::PersonCreated.as_str();
    match (change.attribute.as_str(), change.of.as_deref()) {
        // The displayed name may be unchanged, whatever part of the name is different.
        ("displayName", None) if !row.renamed && !is_created => None,
        // An address shows the place only if it has no parts of its own.
        ("addresses", Some(of)) if hides_directly(of, visible) => Some(event_json::bare("addresses")),
        (path, _) if is_of_manager(path) => names_a_manager(row, visible).then_some(change),
        _ => Some(change),
    }
}

/// Whether a value that addresses may show has an attribute of its own that is hidden.
fn hides_directly(of: &str, visible: &Visible<'_>) -> bool {
    matches!(of, "workLocation" | "country") && !is_released(&format!("{WORKER_URN}:{of}"), ResourceType::User, visible)
}

/// Whether an attribute describes the manager by another value than the change has.
fn is_of_manager(path: &str) -> bool {
    let name = path.strip_prefix(WORKER_URN).and_then(|rest| rest.strip_prefix(':'));
    matches!(name, Some("managerEmail" | "managerEmployeeNumber"))
}

/// Whether the change names a manager that the consumer sees, or none who is in the directory at all. Then it is the
/// value that HR states for the manager, which belongs to the person.
fn names_a_manager(row: &ChangeRow, visible: &Visible<'_>) -> bool {
    let mut changes = row.diff.as_array().into_iter().flatten().filter(|change| change["attribute"] == "manager");
    changes.clone().next().is_none()
        || changes.any(|change| {
            let of = |side: &str| change[side].as_str().and_then(|id| id.parse().ok());
            [of("old"), of("new")].into_iter().flatten().any(|id| visible.has_person(id))
        })
}

/// The type of the event, if it reveals nothing that is hidden: else a type that reveals less.
fn redacted_kind(kind: EventKind, changes: &[ChangedValue], visible: &Visible<'_>) -> RedactedKind {
    let names =
        |paths: &[&str]| changes.iter().any(|change| paths.iter().any(|path| change.attribute == of_worker(path)));
    let released = |path: &str| is_released(&of_worker(path), ResourceType::User, visible);
    let if_seen = |kind: RedactedKind, paths: &[&str]| if names(paths) { kind } else { RedactedKind::PersonUpdated };
    match kind {
        EventKind::PersonCreated => RedactedKind::PersonCreated,
        EventKind::PersonStarted => {
            let is_first = released("employmentStatus") || released("startDate");
            let kind = if is_first { RedactedKind::PersonStarted } else { RedactedKind::PersonActivated };
            if_seen(kind, &["active"])
        }
        EventKind::PersonActivated => if_seen(RedactedKind::PersonActivated, &["active"]),
        EventKind::PersonDeactivated => if_seen(RedactedKind::PersonDeactivated, &["active"]),
        EventKind::TerminationCancelled => {
            if_seen(RedactedKind::TerminationCancelled, &["endDate", "terminationDate"])
        }
        EventKind::EmploymentChanged => if_seen(
            RedactedKind::EmploymentChanged,
            &["userType", "employmentType", "workerType", "sourceWorkerId", "sourceSystem"],
        ),
        EventKind::PersonUpdated
        // These are no events of people; no consumer may see their content.
        | EventKind::GroupCreated
        | EventKind::GroupUpdated
        | EventKind::GroupRetired
        | EventKind::GroupDeleted
        | EventKind::NeedsReauthorization
        | EventKind::TokenExpiresSoon
        | EventKind::NoLiveToken => RedactedKind::PersonUpdated,
    }
}

/// The path of an attribute of the worker extension; those of the core are their own.
fn of_worker(name: &str) -> String {
    match name {
        "active" | "userType" => name.to_owned(),
        name => format!("{WORKER_URN}:{name}"),
    }
}

/// When the change took effect: a start or an end, so only for consumers that see all of those dates. Else when it was
/// found.
fn effective_at(row: &ChangeRow, visible: &Visible<'_>) -> DateTime<Utc> {
    let dates = ["startDate", "endDate", "terminationDate"];
    let sees_dates = dates.iter().all(|date| is_released(&of_worker(date), ResourceType::User, visible));
    row.effective_at.filter(|_| sees_dates).unwrap_or(row.at)
}

fn of_group(row: &ChangeRow, visible: &Visible<'_>) -> Result<Option<Redacted>, Problem> {
    let is_seen = |change: &ChangedValue| is_released(&change.attribute, ResourceType::Group, visible);
    let changes: Vec<ChangedValue> = event_json::of_group(&row.diff).into_iter().filter(is_seen).collect();
    let is_retired = changes.iter().any(|change| change.attribute == format!("{DERIVED_GROUP_URN}:retired"));
    let kind = match stored(EventKind::parse, &row.kind)? {
        EventKind::GroupCreated => RedactedKind::GroupCreated,
        EventKind::GroupDeleted => RedactedKind::GroupDeleted,
        EventKind::GroupRetired if is_retired => RedactedKind::GroupRetired,
        EventKind::GroupRetired
        | EventKind::GroupUpdated
        // These are no events of groups; no consumer may see their content.
        | EventKind::PersonCreated
        | EventKind::PersonStarted
        | EventKind::PersonActivated
        | EventKind::PersonDeactivated
        | EventKind::TerminationCancelled
        | EventKind::EmploymentChanged
        | EventKind::PersonUpdated
        | EventKind::NeedsReauthorization
        | EventKind::TokenExpiresSoon
        | EventKind::NoLiveToken => RedactedKind::GroupUpdated,
    };
    let is_shown = !changes.is_empty() || kind != RedactedKind::GroupUpdated;
    Ok(is_shown.then(|| Redacted { changes, ..Redacted::bare(kind, row) }))
}

/// Whether the consumer sees an attribute.
fn is_released(path: &str, of: ResourceType, visible: &Visible<'_>) -> bool {
    AttrPath::parse(path).is_ok_and(|path| of.shape().resolve(&path, visible.hidden).is_some())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::directory::event::EventKind;
    use crate::render::changes::scim_paths;
    use crate::scim::schema::{Hidden, USER_URN};

    const VALUES: [&str; 12] = [
        "workEmail",
        "active",
        "employmentType",
        "employmentStatus",
        "startDate",
        "endDate",
        "givenName",
        "title",
        "department",
        "workLocation",
        "sourceWorkerId",
        "legalEntity",
    ];

    /// A change of these values, each with texts that no other has.
    fn row(kind: &str, values: &[&str]) -> ChangeRow {
        let value = |name: &&str| json!({ "attribute": name, "unit": "x", "old": format!("{name}<"), "new": format!("{name}>") });
        let at: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
        ChangeRow {
            id: 1,
            at,
            sequence: Some(1),
            kind: kind.to_owned(),
            person_id: Some(Uuid::from_u128(7)),
            person_version: 2,
            cause: "timer".to_owned(),
            run_id: Some(Uuid::from_u128(8)),
            token_name: None,
            reason: None,
            effective_at: "2026-11-18T23:00:00Z".parse().ok(),
            diff: values.iter().map(value).collect(),
            group_id: None,
            groups_joined: vec![Uuid::from_u128(1), Uuid::from_u128(2)],
            groups_left: vec![Uuid::from_u128(3)],
            connection_id: None,
            renamed: values.contains(&"givenName"),
            consumer_id: None,
            token_id: None,
        }
    }

    fn event(seen: &Seen, visible: &Visible<'_>) -> Option<Value> {
        let redacted = redacted(seen, visible).unwrap()?;
        serde_json::to_value(redacted.with_mark(String::new())).ok()
    }

    fn shown(row: ChangeRow, hidden: &Hidden, groups: &[u128]) -> Option<Value> {
        let groups: Vec<Uuid> = groups.iter().map(|id| Uuid::from_u128(*id)).collect();
        event(&Seen { change: row, standing: Match::Matched }, &Visible::only(hidden, &[], &groups))
    }

    /// Hides every attribute of users but these.
    fn all_but(released: &BTreeSet<String>) -> Hidden {
        let all = ResourceType::User.shape().attributes();
        let paths = all.map(|found| (found.schema.id.as_str(), found.attribute.name.as_str()));
        Hidden::of(paths.filter(|(urn, name)| {
            let path = if *urn == USER_URN { (*name).to_owned() } else { format!("{urn}:{name}") };
            !released.contains(&path)
        }))
    }

    fn paths() -> Vec<String> {
        let mut all: BTreeSet<String> =
            VALUES.iter().flat_map(|name| scim_paths(name)).map(|path| (*path).to_owned()).collect();
        all.insert("groups".to_owned());
        all.into_iter().collect()
    }

    proptest! {
        /// Hidden values make no difference: not the values, not whether they changed, not what happened to them.
        #[test]
        fn an_entry_is_the_same_whatever_became_of_what_is_hidden(
            released in prop::sample::subsequence(paths(), 0..12),
            changed in prop::sample::subsequence(VALUES.to_vec(), 0..8),
            kind in prop::sample::select(EventKind::ALL.to_vec()),
        ) {
            let released = BTreeSet::from_iter(released);
            let hidden = all_but(&released);
            let is_seen = |name: &&str| scim_paths(name).iter().any(|path| released.contains(*path));
            let visible: Vec<&str> = changed.iter().copied().filter(is_seen).collect();
            let plain = EventKind::PersonUpdated.as_str();
            let entry = shown(row(plain, &changed), &hidden, &[]);
            prop_assert_eq!(&entry, &shown(row(plain, &visible), &hidden, &[]));
            prop_assert_eq!(entry.is_none(), visible.iter().all(|name| !shows(name, &released)));
            let entry = shown(row(kind.as_str(), &changed), &hidden, &[1]);
            for text in changed.iter().filter(|name| !is_seen(name)).flat_map(|name| [format!("{name}<"), format!("{name}>")]) {
                prop_assert!(!entry.as_ref().is_some_and(|entry| entry.to_string().contains(&text)), "{} in {:?}", text, entry);
            }
            let Some(entry) = entry else { return Ok(()) };
            for change in entry["changes"].as_array().unwrap() {
                prop_assert!(released.contains(change["attribute"].as_str().unwrap()), "{change}");
            }
            if !released.contains("groups") {
                prop_assert_eq!((&entry["groupsJoined"], &entry["groupsLeft"]), (&json!([]), &json!([])));
            }
            let dates = ["startDate", "endDate"].map(|date| released.contains(&of_worker(date)));
            prop_assert!(entry["effectiveAt"] == entry["at"] || dates == [true, true], "{entry}");
            let activates = [EventKind::PersonStarted, EventKind::PersonActivated, EventKind::PersonDeactivated];
            if !released.contains("active") && activates.contains(&kind) {
                prop_assert_eq!(&entry["type"], plain);
            }
        }
    }

    /// Whether anything of a value is named: addresses say nothing of a place that is hidden.
    fn shows(name: &str, released: &BTreeSet<String>) -> bool {
        scim_paths(name).iter().any(|path| released.contains(*path))
    }

    #[test]
    fn groups_are_named_as_far_as_they_are_there() {
        let hidden = Hidden::nothing();
        let entry = shown(row("person.updated", &[]), &hidden, &[2, 9]).unwrap();
        assert_eq!((&entry["groupsJoined"], &entry["groupsLeft"]), (&json!([Uuid::from_u128(2)]), &json!([])));
        assert_eq!(entry["changes"], json!([{ "attribute": "groups" }]));
        assert_eq!(shown(row("person.updated", &[]), &hidden, &[]), None);
        assert!(shown(row("person.created", &[]), &hidden, &[]).is_some());
    }

    #[test]
    fn the_type_of_an_event_tells_only_what_is_released() {
        let kind = |of: EventKind, changed: &[&str], released: &[&str]| {
            let released = released.iter().map(|path| (*path).to_owned()).collect();
            shown(row(of.as_str(), changed), &all_but(&released), &[])
                .map(|entry| entry["type"].as_str().unwrap().to_owned())
        };
        let status = format!("{WORKER_URN}:employmentStatus");
        let begins = &["active", "employmentStatus"];
        assert_eq!(kind(EventKind::PersonStarted, begins, &["active", &status]).as_deref(), Some("person.started"));
        assert_eq!(kind(EventKind::PersonStarted, begins, &["active"]).as_deref(), Some("person.activated"));
        assert_eq!(kind(EventKind::PersonStarted, begins, &[&status]).as_deref(), Some("person.updated"));
        assert_eq!(kind(EventKind::PersonStarted, begins, &["title"]), None);
        let cancelled = EventKind::TerminationCancelled;
        let end = format!("{WORKER_URN}:endDate");
        assert_eq!(kind(cancelled, &["endDate", "title"], &["title", &end]).as_deref(), Some("termination.cancelled"));
        assert_eq!(kind(cancelled, &["endDate", "title"], &["title"]).as_deref(), Some("person.updated"));
        let other_job = &["sourceWorkerId", "title"];
        assert_eq!(
            kind(EventKind::EmploymentChanged, other_job, &["title", "userType"]).as_deref(),
            Some("person.updated"),
            "that the employment is another one is not released, though types are"
        );
    }

    #[test]
    fn entering_and_leaving_tell_nothing_else() {
        let hidden = Hidden::nothing();
        for (standing, kind) in [(Match::Entered, "person.entered"), (Match::Left, "person.left")] {
            let seen = Seen { change: row("person.deactivated", &["active", "title"]), standing };
            let entry = event(&seen, &Visible::all(&hidden)).unwrap();
            assert_eq!(entry["type"], kind);
            for list in ["changes", "groupsJoined", "groupsLeft"] {
                assert_eq!(entry[list], json!([]));
            }
            assert_eq!((&entry["effectiveAt"], &entry["latenessSeconds"]), (&entry["at"], &json!(0)));
        }
    }

    #[test]
    fn an_address_does_not_tell_a_place_that_is_hidden() {
        let released = BTreeSet::from(["addresses".to_owned()]);
        let entry = shown(row("person.updated", &["workLocation"]), &all_but(&released), &[]).unwrap();
        assert_eq!(entry["changes"], json!([{ "attribute": "addresses" }]));
    }
}
