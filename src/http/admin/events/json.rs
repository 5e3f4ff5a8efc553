//! Converts changes of people and groups to JSON. The feed, the history and the changes of a run share this form.

use serde_json::{Value, json};

use crate::api::Given;
use crate::api::events::{ChangedValue, Event, EventCause, EventKind};
use crate::directory::person::diff::is_sensitive;
use crate::directory::plan::ValueChange;
use crate::http::admin::words::stored;
use crate::http::error::Problem;
use crate::render::changes::scim_paths;
use crate::scim::schema::DERIVED_GROUP_URN;
use crate::store::changes::ChangeRow;

/// An event: what happened to which person or group, when, why, and which SCIM attributes it touched.
pub(crate) fn show(row: &ChangeRow) -> Result<Event, Problem> {
    let effective_at = row.effective_at.unwrap_or(row.at);
    Ok(Event {
        sequence: row.sequence,
        r#type: stored(EventKind::parse, &row.kind)?,
        person_id: row.person_id,
        group_id: row.group_id,
        connection_id: row.connection_id,
        consumer_id: row.consumer_id,
        token_id: row.token_id,
        at: row.at,
        effective_at,
        detected_at: row.at,
        lateness_seconds: (row.at - effective_at).num_seconds().max(0),
        cause: stored(EventCause::parse, &row.cause)?,
        run_id: row.run_id,
        changes: changes(row),
        groups_joined: row.groups_joined.clone(),
        groups_left: row.groups_left.clone(),
        version: Given::Absent,
        token_name: Given::Absent,
        reason: Given::Absent,
    })
}

/// As [`show`], with what only an admin sees: the person's version, and which token made the change and why.
pub(crate) fn show_to_admin(row: &ChangeRow) -> Result<Event, Problem> {
    Ok(Event {
        version: row.person_id.map(|_| row.person_version).into(),
        token_name: row.token_name.clone().into(),
        reason: row.reason.clone().into(),
        ..show(row)?
    })
}

fn changes(row: &ChangeRow) -> Vec<ChangedValue> {
    if row.group_id.is_some() {
        return of_group(&row.diff);
    }
    let mut entries = touched(&row.diff);
    if !row.groups_joined.is_empty() || !row.groups_left.is_empty() {
        entries.push(bare("groups"));
    }
    entries
}

/// An attribute without its values.
pub(super) fn bare(attribute: &str) -> ChangedValue {
    ChangedValue { attribute: attribute.to_owned(), of: None, old: None, new: None }
}

/// The values of a group that changed, by their SCIM attributes.
pub(super) fn of_group(diff: &Value) -> Vec<ChangedValue> {
    let values = diff.as_array().into_iter().flatten();
    let path = |name: &str| match name {
        "retired" => format!("{DERIVED_GROUP_URN}:{name}"),
        name => name.to_owned(),
    };
    values
        .filter_map(|value| {
            let name = value["attribute"].as_str()?;
            Some(ChangedValue {
                attribute: path(name),
                of: Some(name.to_owned()),
                old: Some(value["old"].clone()),
                new: Some(value["new"].clone()),
            })
        })
        .collect()
}

/// One entry for each SCIM attribute that a value is shown in. Where the attribute is made of several values, or of
/// another one, it is named without an old and a new value.
pub(super) fn touched(diff: &Value) -> Vec<ChangedValue> {
    // Stored values are read back here. A value that cannot be read is left out rather than refused; no such value was
    // ever seen.
    let diff: Vec<ValueChange> = serde_json::from_value(diff.clone()).unwrap_or_default();
    let mut entries: Vec<ChangedValue> = Vec::new();
    // An unchanged entry only identifies the manager that the other entries are about.
    let is_change = |change: &&ValueChange| change.old != change.new && !is_sensitive(&change.attribute);
    for change in diff.iter().filter(is_change) {
        for path in scim_paths(&change.attribute) {
            let entry = if is_the_value(&change.attribute, path) {
                ChangedValue {
                    attribute: (*path).to_owned(),
                    of: Some(change.attribute.clone()),
                    old: Some(json!(change.old)),
                    new: Some(json!(change.new)),
                }
            } else {
                bare(path)
            };
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }
    entries
}

/// Whether the attribute at a path shows the value itself, or a part of it does.
fn is_the_value(attribute: &str, path: &str) -> bool {
    let derived = match path.rsplit(':').next() {
        Some("displayName") => attribute != "displayName",
        Some("managerEmail" | "managerEmployeeNumber") => attribute == "manager",
        _ => false,
    };
    !derived
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_email_is_two_attributes_and_a_changed_name_names_what_is_made_of_it() {
        let diff = json!([
            { "attribute": "familyName", "unit": "name", "old": "Lopez", "new": "Garcia" },
            { "attribute": "givenName", "unit": "name", "old": "Maria", "new": "Mary" },
            { "attribute": "workEmail", "unit": "email.work", "old": "a@x.example", "new": "b@x.example" },
        ]);
        assert_eq!(
            json!(touched(&diff)),
            json!([
                { "attribute": "name", "of": "familyName", "old": "Lopez", "new": "Garcia" },
                { "attribute": "displayName" },
                { "attribute": "name", "of": "givenName", "old": "Maria", "new": "Mary" },
                { "attribute": "userName", "of": "workEmail", "old": "a@x.example", "new": "b@x.example" },
                { "attribute": "emails", "of": "workEmail", "old": "a@x.example", "new": "b@x.example" },
            ])
        );
    }

    #[test]
    fn nothing_sensitive_is_shown_even_if_it_was_written() {
        let diff = json!([{ "attribute": "personalEmail", "unit": "personalEmail", "new": "me@home.example" }]);
        assert_eq!(touched(&diff), []);
    }
}
