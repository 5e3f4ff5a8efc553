//! `rollbook group …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::table::{facts, json as write_json, line, table, text};
use super::{CliError, Length, Why};

/// What can be done with groups.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the kinds of groups, and which are switched on.
    Kinds,
    /// Switch a kind of groups on.
    Enable(Switch),
    /// Switch a kind of groups off: its groups empty and are gone after 90 days.
    Disable(Switch),
    /// List the groups.
    List(List),
    /// Show one group and what is behind it.
    Show(Which),
    /// Let another name lead to a group: whoever carries it joins this group.
    Alias(Alias),
}

#[derive(Clone, Debug, Args)]
pub struct Switch {
    /// department, legalEntity, country, employmentType, team, workLocation, workerType, manager or all.
    kind: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only the groups of this kind.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The group, by id or display name.
    group: String,
}

#[derive(Clone, Debug, Args)]
pub struct Alias {
    #[command(flatten)]
    which: Which,
    /// The other name, as the HR system has it.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    why: Why,
}

const KINDS: &str = "group-kinds";
const GROUPS: &str = "groups";

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::Kinds => kinds(&client.get(&[KINDS], &[]).await?, client, out),
        Verb::Enable(switch) => turn(&switch, true, client, out).await,
        Verb::Disable(switch) => turn(&switch, false, client, out).await,
        Verb::List(list) => {
            let query: Vec<(&str, String)> = list.kind.into_iter().map(|kind| ("kind", kind)).collect();
            show_all(&client.list(&[GROUPS], &query, list.length.limit).await?, client, out)
        }
        Verb::Show(which) => {
            let id = find(&which, client).await?;
            show(&client.get(&[GROUPS, &id], &[]).await?, client, out)
        }
        Verb::Alias(alias) => {
            let id = find(&alias.which, client).await?;
            let body = json!({ "name": alias.name, "reason": alias.why.reason });
            show(&client.post(&[GROUPS, &id, "aliases"], &body).await?, client, out)
        }
    }
}

async fn find(which: &Which, client: &Client) -> Result<String, CliError> {
    if uuid::Uuid::try_parse(&which.group).is_ok() {
        return Ok(which.group.clone());
    }
    let all = client.list(&[GROUPS], &[], u32::MAX).await?;
    let wanted = which.group.to_lowercase();
    let groups = all["items"].as_array().into_iter().flatten();
    let mut ids = groups.filter(|group| text(group, "/displayName").to_lowercase() == wanted);
    ids.next().map(|group| text(group, "/id")).ok_or_else(|| {
        CliError::Failed(format!("there is no group with the id or name `{}`", super::table::clean(&which.group)))
    })
}

async fn turn(switch: &Switch, enabled: bool, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let body = json!({ "enabled": enabled, "reason": switch.why.reason });
    let row = client.put(&[KINDS, &switch.kind], &[], &body).await?;
    if client.json {
        return write_json(out, &row);
    }
    let how = if enabled { "on" } else { "off" };
    let rest = if row["settled"] == true { "" } else { "; everybody's groups follow, see: rollbook group kinds" };
    line(out, &format!("{} is {how}{rest}", text(&row, "/kind")))
}

fn kinds(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
    }
    let row = |kind: &Value| {
        let state = match (kind["enabled"] == true, kind["settled"] == true) {
            (true, true) => "on",
            (false, true) => "off",
            (true, false) => "on, being settled",
            (false, false) => "off, being settled",
        };
        vec![text(kind, "/kind"), state.to_owned(), text(kind, "/groups"), text(kind, "/changedAt")]
    };
    table(out, &["KIND", "STATE", "GROUPS", "SWITCHED"], &super::rows(list, row), "there is no kind of groups")
}

fn show_all(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
    }
    let row = |group: &Value| {
        vec![
            text(group, "/id"),
            text(group, "/displayName"),
            text(group, "/members"),
            text(group, "/modifiedAt"),
            text(group, "/retiredSince"),
        ]
    };
    let heads = ["ID", "NAME", "MEMBERS", "MODIFIED", "EMPTY SINCE"];
    table(out, &heads, &super::rows(list, row), "there is no group yet")?;
    super::more(list, out)
}

fn show(group: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, group);
    }
    facts(
        out,
        &[
            ("id", text(group, "/id")),
            ("name", text(group, "/displayName")),
            ("kind", text(group, "/kind")),
            ("keys", text(group, "/keys")),
            ("members", text(group, "/members")),
            ("empty since", text(group, "/retiredSince")),
            ("modified", text(group, "/modifiedAt")),
            ("version", text(group, "/version")),
        ],
    )?;
    line(out, "")?;
    let sources = group["sources"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> =
        sources.map(|source| vec![text(source, "/connection"), text(source, "/sourceId")]).collect();
    table(out, &["CONNECTION", "SOURCE ID"], &rows, "no connection speaks of it")
}
