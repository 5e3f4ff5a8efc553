//! The command `rollbook group …`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::{Length, Why};
use super::table::{facts, json as write_json, line, more, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::groups::{Group, GroupKind};

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
    /// Show one group and its sources.
    Show(Which),
    /// Add another name that leads to a group: people with that name join this group.
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
    let all: Page<Group> = client.list(&[GROUPS], &[], u32::MAX).await?.read()?;
    let wanted = which.group.to_lowercase();
    let mut found = all.items.into_iter().filter(|group| group.display_name.to_lowercase() == wanted);
    found.next().map(|group| group.id.to_string()).ok_or_else(|| {
        CliError::Failed(format!("there is no group with the id or name `{}`", super::table::clean(&which.group)))
    })
}

async fn turn(switch: &Switch, enabled: bool, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let body = json!({ "enabled": enabled, "reason": switch.why.reason });
    let kind: Answer<GroupKind> = client.put(&[KINDS, &switch.kind], &[], &body).await?;
    if client.json {
        return write_json(out, kind.json());
    }
    let kind = kind.read()?;
    let how = if enabled { "on" } else { "off" };
    let rest = if kind.settled { "" } else { "; everybody's groups follow, see: rollbook group kinds" };
    line(out, &format!("{} is {how}{rest}", kind.kind))
}

fn kinds(list: &Answer<Page<GroupKind>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let row = |kind: &GroupKind| {
        let state = match (kind.enabled, kind.settled) {
            (true, true) => "on",
            (false, true) => "off",
            (true, false) => "on, being settled",
            (false, false) => "off, being settled",
        };
        vec![kind.kind.to_string(), state.to_owned(), kind.groups.to_string(), time_or_nothing(kind.changed_at)]
    };
    let rows: Vec<Vec<String>> = list.read()?.items.iter().map(row).collect();
    table(out, &["KIND", "STATE", "GROUPS", "SWITCHED"], &rows, "there is no kind of groups")
}

fn show_all(list: &Answer<Page<Group>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let list = list.read()?;
    let row = |group: &Group| {
        vec![
            group.id.to_string(),
            group.display_name.clone(),
            group.members.to_string(),
            time(group.modified_at),
            time_or_nothing(group.retired_since),
        ]
    };
    let heads = ["ID", "NAME", "MEMBERS", "MODIFIED", "EMPTY SINCE"];
    table(out, &heads, &list.items.iter().map(row).collect::<Vec<_>>(), "there is no group yet")?;
    more(&list, out)
}

fn show(group: &Answer<Group>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, group.json());
    }
    let group = group.read()?;
    facts(
        out,
        &[
            ("id", group.id.to_string()),
            ("name", group.display_name),
            ("kind", group.kind.to_string()),
            ("keys", group.keys.unwrap_or_default().join(", ")),
            ("members", group.members.to_string()),
            ("empty since", time_or_nothing(group.retired_since)),
            ("modified", time(group.modified_at)),
            ("version", group.version.to_string()),
        ],
    )?;
    line(out, "")?;
    let sources = group.sources.unwrap_or_default().into_iter();
    let rows: Vec<Vec<String>> = sources
        .map(|source| vec![source.connection.unwrap_or_default(), source.source_id.unwrap_or_default()])
        .collect();
    table(out, &["CONNECTION", "SOURCE ID"], &rows, "no connection speaks of it")
}
