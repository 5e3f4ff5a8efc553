//! The command `rollbook review …`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::{Length, Why};
use super::table::{clean, facts, json as write_json, line, more, or_nothing, plain, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::problems::UnreadableField;
use crate::api::reviews::{Review, ReviewState};
use crate::api::runs::RunStarted;

/// What can be done with review items.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the open questions, or those that are answered.
    List(List),
    /// Show one question: which person it is about, and what is wrong.
    Show(Which),
    /// Answer a question: set what a value means, or let it wait.
    Resolve(Resolve),
}

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The review item, by id.
    review: String,
}

#[derive(Clone, Debug, Args)]
pub struct Resolve {
    /// The review item, by id.
    review: String,
    /// What the unmapped value means, such as `Employee` or `OnLeave`; applied without a new pull.
    #[arg(long, value_name = "MEANING", conflicts_with = "wait_days", required_unless_present = "wait_days")]
    map_to: Option<String>,
    /// Do not show the question as open for so many days.
    #[arg(long, value_name = "DAYS")]
    wait_days: Option<u16>,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only about workers of this connection, by id or name.
    #[arg(long)]
    connection: Option<String>,
    /// The closed ones.
    #[arg(long)]
    closed: bool,
    /// Those that an admin lets wait.
    #[arg(long, conflicts_with = "closed")]
    waiting: bool,
    #[command(flatten)]
    length: Length,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let list = match verb {
        Verb::List(list) => list,
        Verb::Show(which) => return show(&which.review, client, out).await,
        Verb::Resolve(order) => return resolve(&order, client, out).await,
    };
    let state = match (list.closed, list.waiting) {
        (true, _) => ReviewState::Closed,
        (false, true) => ReviewState::Waiting,
        (false, false) => ReviewState::Open,
    };
    let mut query = vec![("state", state.to_string())];
    if let Some(word) = &list.connection {
        query.push(("connectionId", client.connection(word).await?));
    }
    let found: Answer<Page<Review>> = client.list(&["reviews"], &query, list.length.limit).await?;
    if client.json {
        return write_json(out, found.json());
    }
    let found = found.read()?;
    let row = |item: &Review| {
        vec![
            item.id.to_string(),
            item.title.clone(),
            item.worker_name.clone().unwrap_or_default(),
            item.connection.clone().unwrap_or_default(),
            item.source_id.clone().unwrap_or_default(),
            or_nothing(item.person_id),
            detail(item).join("; "),
            time(item.opened_at),
        ]
    };
    let nothing = match state {
        ReviewState::Closed => "no question was answered yet",
        ReviewState::Waiting => "no question waits",
        ReviewState::Open => "no question is open",
    };
    table(
        out,
        &["ID", "QUESTION", "NAME", "HR SYSTEM", "WORKER", "PERSON", "DETAIL", "SINCE"],
        &found.items.iter().map(row).collect::<Vec<_>>(),
        nothing,
    )?;
    more(&found, out)
}

async fn show(id: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let item: Answer<Review> = client.get(&["reviews", id], &[]).await?;
    if client.json {
        return write_json(out, item.json());
    }
    let item = item.read()?;
    let detail = detail(&item);
    facts(
        out,
        &[
            ("id", item.id.to_string()),
            ("question", item.title),
            ("state", item.state.to_string()),
            ("name", item.worker_name.unwrap_or_default()),
            ("HR system", item.connection.unwrap_or_default()),
            ("worker", item.source_id.unwrap_or_default()),
            ("person", or_nothing(item.person_id)),
            ("since", time(item.opened_at)),
            ("closed", time_or_nothing(item.closed_at)),
            ("waits until", time_or_nothing(item.waits_until)),
            ("decision", item.decision.unwrap_or_default()),
        ],
    )?;
    detail.iter().try_for_each(|said| line(out, &clean(&format!("! {said}"))))
}

/// The details of a question as texts: each field that cannot be read, else each member of the detail.
fn detail(item: &Review) -> Vec<String> {
    let fields = item.detail.get("fields").cloned();
    if let Some(fields) = fields.and_then(|fields| serde_json::from_value::<Vec<UnreadableField>>(fields).ok()) {
        let unreadable =
            |field: UnreadableField| format!("`{}` holds {}; expected is {}", field.field, field.found, field.expected);
        return fields.into_iter().map(unreadable).collect();
    }
    item.detail.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect()
}

async fn resolve(order: &Resolve, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let path = ["reviews", &order.review, "resolve"];
    let Some(meaning) = &order.map_to else {
        let body = json!({ "decision": "wait", "days": order.wait_days, "reason": order.why.reason });
        let item: Answer<Review> = client.post(&path, &body).await?;
        if client.json {
            return write_json(out, item.json());
        }
        return line(out, &format!("the question waits until {}", time_or_nothing(item.read()?.waits_until)));
    };
    let body = json!({ "decision": "map", "to": meaning, "reason": order.why.reason });
    let begun: Answer<RunStarted> = client.post(&path, &body).await?;
    if client.json {
        return write_json(out, begun.json());
    }
    let run = begun.read()?.run_id;
    line(out, &format!("run {run} applies it; follow it with: rollbook run watch {run}"))
}
