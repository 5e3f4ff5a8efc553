//! The command `rollbook field …`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::{Length, Why};
use super::table::{json as write_json, line, table, time_or_nothing};
use crate::api::Page;
use crate::api::fields::{Field, Merging};
use crate::api::runs::PlanMade;

/// What can be done with fields.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the fields of a person, and the precedence of connections for each.
    List,
    /// Set the precedence of connections for a field, or preview what that would change.
    Set(Set),
}

#[derive(Clone, Debug, Args)]
pub struct Set {
    /// The field, as `field list` names it: title, name, manager …
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
        ids.push(client.connection(word).await?);
    }
    let body = json!({ "order": ids, "reason": order.why.reason });
    let path = [FIELDS, &order.unit];
    if order.preview {
        let made: PlanMade = client.put(&path, &[("preview", "true".to_owned())], &body).await?.read()?;
        return super::plan::show_preview(made.plan_id, order.length.limit, client, out).await;
    }
    let done: Answer<Merging> = client.put(&path, &[], &body).await?;
    if client.json {
        return write_json(out, done.json());
    }
    let people = done.read()?.people_to_merge;
    line(
        out,
        &match people {
            0 => "nobody has to be merged anew".to_owned(),
            1 => "1 person whom several connections know is merged anew".to_owned(),
            _ => format!("{people} people whom several connections know are merged anew, see: rollbook field list"),
        },
    )
}

fn show(list: &Answer<Page<Field>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let row = |field: &Field| {
        let order: Vec<&str> = field.order.iter().map(|one| one.name.as_str()).collect();
        let whose = match (field.is_default, field.settled) {
            (true, true) => "default",
            (false, true) => "ordered",
            (true, false) => "default, being settled",
            (false, false) => "ordered, being settled",
        };
        vec![field.unit.clone(), order.join(", "), whose.to_owned(), time_or_nothing(field.changed_at)]
    };
    let rows: Vec<Vec<String>> = list.read()?.items.iter().map(row).collect();
    table(out, &["UNIT", "ORDER", "WHOSE", "CHANGED"], &rows, "there is no unit")
}
