//! `rollbook hold …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::table::{facts, json as write_json, line, table, text};
use super::{CliError, Length, Why};

/// What can be done with holds.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the holds that wait for your word, or all of them.
    List(List),
    /// Show who would leave, and why.
    Show(Which),
    /// Let the people of a hold leave; every item is checked again.
    Approve(Decide),
    /// Keep the people of a hold; the rest of the plan is carried out.
    Reject(Decide),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Also those that were decided.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The id of the hold.
    hold: String,
}

#[derive(Clone, Debug, Args)]
pub struct Decide {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    why: Why,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::List(list) => {
            let query: Vec<(&str, String)> = if list.all { Vec::new() } else { vec![("state", "open".to_owned())] };
            show_all(&client.list(&["holds"], &query, list.length.limit).await?, client, out)
        }
        Verb::Show(which) => show(&client.get(&["holds", &which.hold], &[]).await?, client, out),
        Verb::Approve(decide) => decided(&decide, "approve", client, out).await,
        Verb::Reject(decide) => decided(&decide, "reject", client, out).await,
    }
}

async fn decided(decide: &Decide, step: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let body = json!({ "reason": decide.why.reason });
    let begun = client.post(&["holds", &decide.which.hold, step], &body).await?;
    if client.json {
        return write_json(out, &begun);
    }
    let run = text(&begun, "/runId");
    line(out, &format!("run {run} carries it out; follow it with: rollbook run watch {run}"))
}

fn show_all(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
    }
    let row = |hold: &Value| {
        vec![
            text(hold, "/id"),
            text(hold, "/connection"),
            text(hold, "/state"),
            hold["leavers"].as_array().map_or(0, Vec::len).to_string(),
            share(hold),
            text(hold, "/raisedAt"),
            text(hold, "/expiresAt"),
            text(hold, "/decidedBy"),
        ]
    };
    let heads = ["ID", "CONNECTION", "STATE", "LEAVERS", "SHARE", "RAISED", "EXPIRES", "DECIDED BY"];
    table(out, &heads, &super::rows(list, row), "no hold waits")?;
    super::more(list, out)
}

fn share(hold: &Value) -> String {
    hold["percent"].as_f64().map(|percent| format!("{percent} %")).unwrap_or_default()
}

fn show(hold: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, hold);
    }
    let leavers = hold["leavers"].as_array().map_or(0, Vec::len);
    let of = format!("{leavers} of {} active people ({})", text(hold, "/activePeople"), share(hold));
    facts(
        out,
        &[
            ("id", text(hold, "/id")),
            ("connection", text(hold, "/connection")),
            ("state", text(hold, "/state")),
            ("leavers", of),
            ("raised", text(hold, "/raisedAt")),
            ("expires", text(hold, "/expiresAt")),
            ("decided", text(hold, "/decidedAt")),
            ("decided by", text(hold, "/decidedBy")),
            ("reason", text(hold, "/reason")),
        ],
    )?;
    let rows: Vec<Vec<String>> = hold["leavers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| vec![text(one, "/displayName"), text(one, "/workEmail"), text(one, "/why"), text(one, "/personId")])
        .collect();
    table(out, &["NAME", "WORK EMAIL", "WHY", "PERSON"], &rows, "it holds nobody any more")
}
