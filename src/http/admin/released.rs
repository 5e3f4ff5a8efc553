//! Entries of the feed as a consumer sees them (law 8): of its own people and groups, with the attributes that it sees.
//!
//! What an entry says besides is nothing but when it was: not its number, and not whether a run, a date or an admin was
//! the cause, since that tells of attributes that may be hidden.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::entries;
use crate::directory::event::EventKind;
use crate::flows::feed::consumer::{Match, Seen, Visible};
use crate::scim::path::AttrPath;
use crate::scim::schema::{DERIVED_GROUP_URN, ResourceType, WORKER_URN};
use crate::store::changes::ChangeRow;

/// What is left of a change.
struct Rest<'a> {
    kind: &'a str,
    changes: Vec<Value>,
    joined: Vec<Uuid>,
    parted: Vec<Uuid>,
    /// When it took effect.
    effective_at: DateTime<Utc>,
}

/// An entry, or nothing if the consumer sees nothing of the change.
pub(super) fn show(seen: &Seen, visible: &Visible<'_>) -> Option<Value> {
    let row = &seen.change;
    let entry = match (row.person_id, seen.standing) {
        (_, Match::Matched) if row.group_id.is_some() => of_group(row, visible)?,
        (_, Match::Matched) => of_person(row, visible)?,
        // What they were outside is nothing to the consumer, and neither is what they are.
        (Some(_), Match::Entered) => bare("person.entered", row),
        (Some(_), Match::Left) => bare("person.left", row),
        (None, Match::Entered) => bare("group.entered", row),
        (None, Match::Left) => bare("group.left", row),
    };
    Some(json!({
        "type": entry.kind,
        "personId": row.person_id,
        "groupId": row.group_id,
        "at": row.at,
        "effectiveAt": entry.effective_at,
        "detectedAt": row.at,
        "latenessSeconds": (row.at - entry.effective_at).num_seconds().max(0),
        "changes": entry.changes,
        "groupsJoined": entry.joined,
        "groupsLeft": entry.parted,
    }))
}

fn bare<'a>(kind: &'a str, row: &ChangeRow) -> Rest<'a> {
    Rest { kind, changes: Vec::new(), joined: Vec::new(), parted: Vec::new(), effective_at: row.at }
}

fn of_person<'a>(row: &'a ChangeRow, visible: &Visible<'_>) -> Option<Rest<'a>> {
    let sees_groups = is_released("groups", ResourceType::User, visible);
    let groups = |ids: &[Uuid]| -> Vec<Uuid> {
        ids.iter().copied().filter(|id| sees_groups && visible.has_group(*id)).collect()
    };
    let (joined, parted) = (groups(&row.groups_joined), groups(&row.groups_left));
    let mut changes: Vec<Value> = Vec::new();
    for change in entries::touched(&row.diff).into_iter().filter_map(|change| of_value(change, row, visible)) {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    // The value itself says all that its name does.
    if changes.iter().any(|change| change["of"] == "displayName") {
        changes.retain(|change| *change != json!({ "attribute": "displayName" }));
    }
    if !joined.is_empty() || !parted.is_empty() {
        changes.push(json!({ "attribute": "groups" }));
    }
    let kind = told(&row.kind, &changes, visible);
    if changes.is_empty() && kind != EventKind::PersonCreated.as_str() {
        return None;
    }
    Some(Rest { kind, changes, joined, parted, effective_at: effective_at(row, visible) })
}

/// One touched attribute, as far as it is the consumer's.
fn of_value(mut change: Value, row: &ChangeRow, visible: &Visible<'_>) -> Option<Value> {
    let path = change["attribute"].as_str()?.to_owned();
    if !is_released(&path, ResourceType::User, visible) {
        return None;
    }
    let is_created = row.kind == EventKind::PersonCreated.as_str();
    let of = change["of"].as_str().map(str::to_owned);
    if of.as_deref() == Some("manager") {
        for side in ["old", "new"] {
            let manager = change[side].as_str().and_then(|id| id.parse().ok());
            if !manager.is_some_and(|id| visible.has_person(id)) {
                change[side] = Value::Null;
            }
        }
        return (change["old"] != change["new"]).then_some(change);
    }
    match (path.as_str(), of) {
        // The name that is shown may be as it was, whatever part of it is another.
        ("displayName", None) if !row.renamed && !is_created => None,
        // An address shows the place only if it has no parts of its own.
        ("addresses", Some(of)) if hides_directly(&of, visible) => Some(json!({ "attribute": path })),
        (path, _) if is_of_manager(path) => names_a_manager(row, visible).then_some(change),
        _ => Some(change),
    }
}

/// Whether a value that addresses may show has an attribute of its own that is hidden.
fn hides_directly(of: &str, visible: &Visible<'_>) -> bool {
    matches!(of, "workLocation" | "country") && !is_released(&format!("{WORKER_URN}:{of}"), ResourceType::User, visible)
}

/// Whether an attribute is one that tells of the manager, by another value than the change has.
fn is_of_manager(path: &str) -> bool {
    let name = path.strip_prefix(WORKER_URN).and_then(|rest| rest.strip_prefix(':'));
    matches!(name, Some("managerEmail" | "managerEmployeeNumber"))
}

/// Whether the change speaks of a manager who is there for the consumer, or of none who is in the directory at all: then
/// it is what HR says of the manager, which is the person's own.
fn names_a_manager(row: &ChangeRow, visible: &Visible<'_>) -> bool {
    let mut changes = row.diff.as_array().into_iter().flatten().filter(|change| change["attribute"] == "manager");
    changes.clone().next().is_none()
        || changes.any(|change| {
            let of = |side: &str| change[side].as_str().and_then(|id| id.parse().ok());
            [of("old"), of("new")].into_iter().flatten().any(|id| visible.has_person(id))
        })
}

/// The type of the event, as far as it tells nothing of what is hidden: else one that tells less.
fn told<'a>(kind: &'a str, changes: &[Value], visible: &Visible<'_>) -> &'a str {
    let names = |paths: &[&str]| {
        changes.iter().any(|change| paths.iter().any(|path| change["attribute"] == of_worker(path).as_str()))
    };
    let released = |path: &str| is_released(&of_worker(path), ResourceType::User, visible);
    let is_told = |of: EventKind| kind == of.as_str();
    let plain = EventKind::PersonUpdated.as_str();
    let [is_active, is_ended] = [names(&["active"]), names(&["endDate", "terminationDate"])];
    match kind {
        _ if is_told(EventKind::PersonCreated) => kind,
        _ if is_told(EventKind::PersonStarted) && is_active => {
            let is_first = released("employmentStatus") || released("startDate");
            if is_first { kind } else { EventKind::PersonActivated.as_str() }
        }
        _ if is_told(EventKind::PersonActivated) && is_active => kind,
        _ if is_told(EventKind::PersonDeactivated) && is_active => kind,
        _ if is_told(EventKind::TerminationCancelled) && is_ended => kind,
        _ if is_told(EventKind::EmploymentChanged)
            && names(&["userType", "employmentType", "workerType", "sourceWorkerId", "sourceSystem"]) =>
        {
            kind
        }
        _ => plain,
    }
}

/// The path of an attribute of the worker extension; those of the core are their own.
fn of_worker(name: &str) -> String {
    match name {
        "active" | "userType" => name.to_owned(),
        name => format!("{WORKER_URN}:{name}"),
    }
}

/// When the change took effect: a start or an end, so only for who sees all of those dates. Else when it was found.
fn effective_at(row: &ChangeRow, visible: &Visible<'_>) -> DateTime<Utc> {
    let dates = ["startDate", "endDate", "terminationDate"];
    let sees_dates = dates.iter().all(|date| is_released(&of_worker(date), ResourceType::User, visible));
    row.effective_at.filter(|_| sees_dates).unwrap_or(row.at)
}

fn of_group<'a>(row: &'a ChangeRow, visible: &Visible<'_>) -> Option<Rest<'a>> {
    let is_seen = |change: &Value| {
        change["attribute"].as_str().is_some_and(|path| is_released(path, ResourceType::Group, visible))
    };
    let changes: Vec<Value> = entries::of_group(&row.diff).into_iter().filter(is_seen).collect();
    let is_retired = changes.iter().any(|change| change["attribute"] == format!("{DERIVED_GROUP_URN}:retired"));
    let kind = match row.kind.as_str() {
        kind @ ("group.created" | "group.deleted") => kind,
        kind @ "group.retired" if is_retired => kind,
        _ => "group.updated",
    };
    let is_told = !changes.is_empty() || kind != "group.updated";
    is_told.then_some(Rest { kind, changes, joined: Vec::new(), parted: Vec::new(), effective_at: row.at })
}

/// Whether the consumer sees an attribute.
fn is_released(path: &str, of: ResourceType, visible: &Visible<'_>) -> bool {
    AttrPath::parse(path).is_ok_and(|path| of.shape().resolve(&path, visible.hidden).is_some())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
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

    fn shown(row: ChangeRow, hidden: &Hidden, groups: &[u128]) -> Option<Value> {
        let groups: Vec<Uuid> = groups.iter().map(|id| Uuid::from_u128(*id)).collect();
        show(&Seen { change: row, standing: Match::Matched }, &Visible::only(hidden, &[], &groups))
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
        /// What is hidden makes no difference: not its values, not whether it changed, not what happened to it.
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
            let entry = show(&seen, &Visible::all(&hidden)).unwrap();
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
