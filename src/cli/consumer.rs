//! `rollbook consumer …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::table::{clean, json as write_json, line, table, text};
use super::{CliError, Length, Why};

/// What can be done with consumers.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the consumers.
    List(List),
    /// Add a consumer; give it a token with `rollbook token add`.
    Add(Add),
    /// Remove a consumer; its tokens end with it.
    Remove(Remove),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Add {
    /// What to call the consumer.
    #[arg(long)]
    name: String,
    /// What it may do: scim:read, events:read, admin:read, admin, metrics:read. May be repeated.
    #[arg(long = "scope", value_name = "SCOPE", default_value = "scim:read")]
    scopes: Vec<String>,
    /// Show the worker's id at the HR system as `externalId`.
    #[arg(long)]
    external_id_from_source: bool,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct Remove {
    /// The consumer, by id or name.
    consumer: String,
    #[command(flatten)]
    why: Why,
}

pub(super) const PATH: &str = "consumers";

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::List(list) => show_all(&client.list(&[PATH], &[], list.length.limit).await?, client, out),
        Verb::Add(add) => {
            let body = json!({
                "name": add.name,
                "scopes": add.scopes,
                "externalIdFromSource": add.external_id_from_source,
                "reason": add.why.reason,
            });
            let made = client.post(&[PATH], &body).await?;
            if client.json {
                return write_json(out, &made);
            }
            let (name, id) = (clean(&text(&made, "/name")), text(&made, "/id"));
            line(out, &format!("consumer {name} is {id}; give it a token with: rollbook token add {id}"))
        }
        Verb::Remove(remove) => {
            let id = client.resolve(PATH, "consumer", &remove.consumer).await?;
            client.delete(&[PATH, &id], &json!({ "reason": remove.why.reason })).await?;
            if client.json { Ok(()) } else { line(out, &format!("consumer {id} is removed, with its tokens")) }
        }
    }
}

fn show_all(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
    }
    let row = |one: &Value| vec![text(one, "/id"), text(one, "/name"), text(one, "/scopes"), text(one, "/createdAt")];
    table(out, &["ID", "NAME", "SCOPES", "CREATED"], &super::rows(list, row), "there is no consumer yet")?;
    super::more(list, out)
}
