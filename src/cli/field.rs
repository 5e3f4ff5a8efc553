//! `rollbook field …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::table::{json as write_json, line, table, text};
use super::{CliError, Length, Why};

/// What can be done with fields.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the units of a person, and whose word counts for each.
    List,
    /// Say whose word counts for a unit, or look at what that would change.
    Set(Set),
}

#[derive(Clone, Debug, Args)]
pub struct Set {
    /// The unit, as `field list` names it: title, name, manager …
    unit: String,
    /// The connections in order, by id or name; those that are left out follow in the order in which they came.
    #[arg(required_unless_present = "default")]
    connections: Vec<String>,
    /// Go back to the default order.
    #[arg(long, conflicts_with = "connections")]
    default: bool,
    /// Change nothing; show who would change, and how.
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    length: Length,
    #[command(flatten)]
    why: Why,
}

const FIELDS: &str = "fields";

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::List => show(&client.get(&[FIELDS], &[]).await?, client, out),
        Verb::Set(order) => set(&order, client, out).await,
    }
}

async fn set(order: &Set, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let mut ids = Vec::with_capacity(order.connections.len());
    for word in &order.connections {
        ids.push(client.resolve("connections", "connection", word).await?);
    }
    let body = json!({ "order": ids, "reason": order.why.reason });
    let query: Vec<(&str, String)> = if order.preview { vec![("preview", "true".to_owned())] } else { Vec::new() };
    let done = client.put(&[FIELDS, &order.unit], &query, &body).await?;
    if order.preview {
        return super::show_preview(&text(&done, "/planId"), order.length.limit, client, out).await;
    }
    if client.json {
        return write_json(out, &done);
    }
    let people = done["peopleToMerge"].as_i64().unwrap_or_default();
    line(
        out,
        &match people {
            0 => "nobody has to be merged anew".to_owned(),
            1 => "1 person whom several connections know is merged anew".to_owned(),
            _ => format!("{people} people whom several connections know are merged anew, see: rollbook field list"),
        },
    )
}

fn show(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
    }
    let row = |field: &Value| {
        let order = field["order"].as_array().into_iter().flatten();
        let order: Vec<String> = order.map(|speaker| text(speaker, "/name")).collect();
        let whose = match (field["isDefault"] == true, field["settled"] == true) {
            (true, true) => "default",
            (false, true) => "ordered",
            (true, false) => "default, being settled",
            (false, false) => "ordered, being settled",
        };
        vec![text(field, "/unit"), order.join(", "), whose.to_owned(), text(field, "/changedAt")]
    };
    table(out, &["UNIT", "ORDER", "WHOSE", "CHANGED"], &super::rows(list, row), "there is no unit")
}
