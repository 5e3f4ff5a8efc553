//! Prints what a plan would change.

use std::io::Write;

use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Client;
use super::error::CliError;
use super::table::{self, more};
use crate::api::Page;
use crate::api::plans::{PlannedChange, PlannedValue};

/// Shows which people a change of configuration would change, and how: the plan of a preview.
pub(super) async fn show_preview(plan: Uuid, limit: u32, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let changes = client.list(&["plans", &plan.to_string(), "changes"], &[], limit).await?;
    if client.json {
        return table::json(out, &json!({ "planId": plan, "changes": changes.json() }));
    }
    let changes: Page<PlannedChange> = changes.read()?;
    let rows = changes.items.iter().map(|item| planned(item, what_changes(item))).collect::<Vec<_>>();
    table::table(out, &["KIND", "NAME", "USER NAME", "WHAT"], &rows, "this would change no person")?;
    more(&changes, out)
}

/// A row of a plan.
pub(super) fn planned(item: &PlannedChange, what: String) -> Vec<String> {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    vec![item.kind.to_string(), name(&item.display_name), name(&item.user_name), what]
}

/// The values that an item of a plan changes.
pub(super) fn what_changes(item: &PlannedChange) -> String {
    let change = |change: &PlannedValue| change_in_words(&change.attribute, &change.old, &change.new);
    item.changes.iter().map(change).collect::<Vec<_>>().join("; ")
}

/// One value before and after.
pub(super) fn change_in_words(attribute: &str, old: &Value, new: &Value) -> String {
    let side = |value: &Value| match table::plain(value) {
        none if none.is_empty() => "nothing".to_owned(),
        text => text,
    };
    let attribute = attribute.rsplit(':').next().unwrap_or_default();
    format!("{attribute}: {} → {}", side(old), side(new))
}
