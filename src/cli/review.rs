//! `rollbook review …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Client;
use super::table::{json as write_json, plain, table, text};
use super::{CliError, Length};

/// What can be done with review items.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the open questions, or those that are answered.
    List(List),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only about workers of this connection, by id or name.
    #[arg(long)]
    connection: Option<String>,
    /// The closed ones.
    #[arg(long)]
    closed: bool,
    #[command(flatten)]
    length: Length,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let Verb::List(list) = verb;
    let mut query = vec![("state", if list.closed { "closed" } else { "open" }.to_owned())];
    if let Some(word) = &list.connection {
        query.push(("connectionId", client.resolve("connections", "connection", word).await?));
    }
    let found = client.list(&["reviews"], &query, list.length.limit).await?;
    if client.json {
        return write_json(out, &found);
    }
    let row = |item: &Value| {
        let detail = item["detail"].as_object().into_iter().flatten();
        let detail: Vec<String> = detail.map(|(name, value)| format!("{name} {}", plain(value))).collect();
        vec![
            text(item, "/title"),
            text(item, "/sourceId"),
            text(item, "/personId"),
            detail.join(", "),
            text(item, "/openedAt"),
        ]
    };
    let nothing = if list.closed { "no question was answered yet" } else { "no question is open" };
    table(out, &["QUESTION", "WORKER", "PERSON", "DETAIL", "SINCE"], &super::rows(&found, row), nothing)?;
    super::more(&found, out)
}
