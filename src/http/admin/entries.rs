//! Changes of people and groups as the feed, the history and the changes of a run show them.

use serde_json::{Value, json};

use crate::directory::person::diff::is_sensitive;
use crate::directory::plan::ValueChange;
use crate::render::changes::scim_paths;
use crate::scim::schema::DERIVED_GROUP_URN;
use crate::store::changes::ChangeRow;

/// An entry: what happened to whom or to which group, when, why, and which SCIM attributes it touched.
pub(super) fn show(row: &ChangeRow) -> Value {
    let effective_at = row.effective_at.unwrap_or(row.at);
    json!({
        "sequence": row.sequence,
        "type": row.kind,
        "personId": row.person_id,
        "groupId": row.group_id,
        "connectionId": row.connection_id,
        "consumerId": row.consumer_id,
        "tokenId": row.token_id,
        "at": row.at,
        "effectiveAt": effective_at,
        "detectedAt": row.at,
        "latenessSeconds": (row.at - effective_at).num_seconds().max(0),
        "cause": row.cause,
        "runId": row.run_id,
        "changes": changes(row),
        "groupsJoined": row.groups_joined,
        "groupsLeft": row.groups_left,
    })
}

fn changes(row: &ChangeRow) -> Vec<Value> {
    if row.group_id.is_some() {
        return of_group(&row.diff);
    }
    let mut entries = touched(&row.diff);
    if !row.groups_joined.is_empty() || !row.groups_left.is_empty() {
        entries.push(json!({ "attribute": "groups" }));
    }
    entries
}

/// The values of a group that changed, by their SCIM attributes.
pub(super) fn of_group(diff: &Value) -> Vec<Value> {
    let values = diff.as_array().into_iter().flatten();
    let path = |name: &str| match name {
        "retired" => format!("{DERIVED_GROUP_URN}:{name}"),
        name => name.to_owned(),
    };
    values
        .filter_map(|value| {
            let name = value["attribute"].as_str()?;
            Some(json!({ "attribute": path(name), "of": name, "old": value["old"], "new": value["new"] }))
        })
        .collect()
}

/// As [`show`], with what only an admin sees: the person's version, and on whose word it was done.
pub(super) fn show_to_admin(row: &ChangeRow) -> Value {
    let mut entry = show(row);
    entry["version"] = json!(row.person_id.map(|_| row.person_version));
    entry["tokenName"] = json!(row.token_name);
    entry["reason"] = json!(row.reason);
    entry
}

/// One entry for each SCIM attribute that a value is shown in. Where the attribute is made of several values, or of
/// another one, it is named without an old and a new value.
pub(super) fn touched(diff: &Value) -> Vec<Value> {
    // What was written is read back; what cannot be read is left out rather than refused, and never was seen.
    let diff: Vec<ValueChange> = serde_json::from_value(diff.clone()).unwrap_or_default();
    let mut entries: Vec<Value> = Vec::new();
    // An unchanged entry only identifies the manager that the other entries are about.
    let is_change = |change: &&ValueChange| change.old != change.new && !is_sensitive(&change.attribute);
    for change in diff.iter().filter(is_change) {
        for path in scim_paths(&change.attribute) {
            let entry = if is_the_value(&change.attribute, path) {
                json!({ "attribute": path, "of": change.attribute, "old": change.old, "new": change.new })
            } else {
                json!({ "attribute": path })
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
            touched(&diff),
            [
                json!({ "attribute": "name", "of": "familyName", "old": "Lopez", "new": "Garcia" }),
                json!({ "attribute": "displayName" }),
                json!({ "attribute": "name", "of": "givenName", "old": "Maria", "new": "Mary" }),
                json!({ "attribute": "userName", "of": "workEmail", "old": "a@x.example", "new": "b@x.example" }),
                json!({ "attribute": "emails", "of": "workEmail", "old": "a@x.example", "new": "b@x.example" }),
            ]
        );
    }

    #[test]
    fn nothing_sensitive_is_shown_even_if_it_was_written() {
        let diff = json!([{ "attribute": "personalEmail", "unit": "personalEmail", "new": "me@home.example" }]);
        assert_eq!(touched(&diff), [] as [Value; 0]);
    }
}
