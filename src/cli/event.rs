//! `rollbook event …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Client;
use super::table::{json as write_json, table, text};
use super::{CliError, Length};

/// What can be done with events.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the events after a sequence number, the earliest first.
    List(List),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Begin after this sequence number; with the token of a consumer that is no admin, after this mark. [default: the beginning]
    #[arg(long, value_name = "NUMBER")]
    after: Option<String>,
    #[command(flatten)]
    length: Length,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let Verb::List(list) = verb;
    let after: Vec<(&str, String)> = list.after.into_iter().map(|after| ("after", after)).collect();
    let found = client.list(&["events"], &after, list.length.limit).await?;
    if client.json {
        return write_json(out, &found);
    }
    show(&found, out)
}

/// Entries of the feed, of a run, of a history.
pub(super) fn show(list: &Value, out: &mut dyn Write) -> Result<(), CliError> {
    let row = |event: &Value| {
        let changes = event["changes"].as_array().into_iter().flatten();
        // What is only touched has no value of its own to show.
        let what: Vec<String> =
            changes.filter(|change| change.get("of").is_some()).map(super::change_in_words).collect();
        let is_new = event["type"] == "person.created";
        vec![
            text(event, "/sequence"),
            text(event, "/type"),
            ["/personId", "/groupId", "/connectionId", "/consumerId"].iter().map(|id| text(event, id)).collect(),
            text(event, "/at"),
            text(event, "/cause"),
            if is_new { String::new() } else { what.join("; ") },
        ]
    };
    let heads = ["SEQUENCE", "TYPE", "OF", "AT", "CAUSE", "WHAT"];
    table(out, &heads, &super::rows(list, row), "there is no event after that")?;
    super::more(list, out)
}
