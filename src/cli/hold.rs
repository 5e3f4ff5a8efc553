//! The command `rollbook hold …`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::{Length, Why};
use super::table::{facts, json as write_json, line, more, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::holds::{Hold, Leaver};
use crate::api::runs::RunStarted;

/// What can be done with holds.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the holds that wait for your decision, or all of them.
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
    let begun: Answer<RunStarted> = client.post(&["holds", &decide.which.hold, step], &body).await?;
    if client.json {
        return write_json(out, begun.json());
    }
    let run = begun.read()?.run_id;
    line(out, &format!("run {run} carries it out; follow it with: rollbook run watch {run}"))
}

fn show_all(list: &Answer<Page<Hold>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let list = list.read()?;
    let row = |hold: &Hold| {
        vec![
            hold.id.to_string(),
            hold.connection.clone().unwrap_or_default(),
            hold.state.to_string(),
            hold.leavers.len().to_string(),
            share(hold),
            time(hold.raised_at),
            time(hold.expires_at),
            hold.decided_by.clone().unwrap_or_default(),
        ]
    };
    let heads = ["ID", "CONNECTION", "STATE", "LEAVERS", "SHARE", "RAISED", "EXPIRES", "DECIDED BY"];
    table(out, &heads, &list.items.iter().map(row).collect::<Vec<_>>(), "no hold waits")?;
    more(&list, out)
}

fn share(hold: &Hold) -> String {
    hold.percent.map(|percent| format!("{percent} %")).unwrap_or_default()
}

fn show(hold: &Answer<Hold>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, hold.json());
    }
    let hold = hold.read()?;
    let of = format!("{} of {} active people ({})", hold.leavers.len(), hold.active_people, share(&hold));
    facts(
        out,
        &[
            ("id", hold.id.to_string()),
            ("connection", hold.connection.unwrap_or_default()),
            ("state", hold.state.to_string()),
            ("leavers", of),
            ("raised", time(hold.raised_at)),
            ("expires", time(hold.expires_at)),
            ("decided", time_or_nothing(hold.decided_at)),
            ("decided by", hold.decided_by.unwrap_or_default()),
            ("reason", hold.reason.unwrap_or_default()),
        ],
    )?;
    let row =
        |one: Leaver| vec![one.display_name.unwrap_or_default(), one.work_email, one.why, one.person_id.to_string()];
    let rows: Vec<Vec<String>> = hold.leavers.into_iter().map(row).collect();
    table(out, &["NAME", "WORK EMAIL", "WHY", "PERSON"], &rows, "it holds nobody any more")
}
