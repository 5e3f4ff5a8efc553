//! The command `rollbook event …`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::Value;

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::Length;
use super::table::{json as write_json, more, or_nothing, table, time};
use crate::api::Page;
use crate::api::events::{ChangedValue, Event, EventKind, RedactedEvent};

/// What can be done with events.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the events after a sequence number, the earliest first.
    List(List),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Begin after this sequence number; with the token of a consumer that is no admin, after this mark. [default: the
    /// beginning]
    #[arg(long, value_name = "NUMBER")]
    after: Option<String>,
    #[command(flatten)]
    length: Length,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let Verb::List(list) = verb;
    let after: Vec<(&str, String)> = list.after.into_iter().map(|after| ("after", after)).collect();
    let found: Answer<Page<Seen>> = client.list(&["events"], &after, list.length.limit).await?;
    if client.json {
        return write_json(out, found.json());
    }
    show(&found.read()?, out)
}

/// An event, as an admin or a consumer sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Seen {
    Whole(Box<Event>),
    Redacted(Box<RedactedEvent>),
}

/// Events of the feed.
fn show(page: &Page<Seen>, out: &mut dyn Write) -> Result<(), CliError> {
    let row = |event: &Seen| match event {
        Seen::Whole(event) => whole(event),
        Seen::Redacted(event) => redacted(event),
    };
    write(&page.items.iter().map(row).collect::<Vec<_>>(), out)?;
    more(page, out)
}

/// Events of a run or a history.
pub(super) fn show_whole(page: &Page<Event>, out: &mut dyn Write) -> Result<(), CliError> {
    write(&page.items.iter().map(whole).collect::<Vec<_>>(), out)?;
    more(page, out)
}

fn write(rows: &[Vec<String>], out: &mut dyn Write) -> Result<(), CliError> {
    table(out, &["SEQUENCE", "TYPE", "OF", "AT", "CAUSE", "WHAT"], rows, "there is no event after that")
}

fn whole(event: &Event) -> Vec<String> {
    let of = [event.person_id, event.group_id, event.connection_id, event.consumer_id];
    vec![
        or_nothing(event.sequence),
        event.r#type.to_string(),
        of.into_iter().map(or_nothing).collect(),
        time(event.at),
        event.cause.to_string(),
        what(event.r#type.as_str(), &event.changes),
    ]
}

fn redacted(event: &RedactedEvent) -> Vec<String> {
    vec![
        String::new(),
        event.r#type.to_string(),
        [event.person_id, event.group_id].into_iter().map(or_nothing).collect(),
        time(event.at),
        String::new(),
        what(event.r#type.as_str(), &event.changes),
    ]
}

/// The values that an event is about. What is only touched has no value of its own to show, and neither has a new
/// person.
fn what(kind: &str, changes: &[ChangedValue]) -> String {
    if kind == EventKind::PersonCreated.as_str() {
        return String::new();
    }
    let said = changes.iter().filter(|change| change.of.is_some()).map(|change| {
        let side = |value: &Option<Value>| value.clone().unwrap_or_default();
        super::plan::change_in_words(&change.attribute, &side(&change.old), &side(&change.new))
    });
    said.collect::<Vec<_>>().join("; ")
}
