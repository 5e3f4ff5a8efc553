//! `rollbook review …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::table::{json as write_json, line, plain, table, text};
use super::{CliError, Length, Why};

/// What can be done with review items.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the open questions, or those that are answered.
    List(List),
    /// Answer a question: say what a word means, or let it wait.
    Resolve(Resolve),
}

#[derive(Clone, Debug, Args)]
pub struct Resolve {
    /// The review item, by id.
    review: String,
    /// What the unmapped word means, such as `Employee` or `OnLeave`; applied without a new pull.
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
        Verb::Resolve(order) => return resolve(&order, client, out).await,
    };
    let state = match (list.closed, list.waiting) {
        (true, _) => "closed",
        (false, true) => "waiting",
        (false, false) => "open",
    };
    let mut query = vec![("state", state.to_owned())];
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
            text(item, "/id"),
            text(item, "/title"),
            text(item, "/sourceId"),
            text(item, "/personId"),
            detail.join(", "),
            text(item, "/openedAt"),
        ]
    };
    let nothing = match state {
        "closed" => "no question was answered yet",
        "waiting" => "no question waits",
        _ => "no question is open",
    };
    table(out, &["ID", "QUESTION", "WORKER", "PERSON", "DETAIL", "SINCE"], &super::rows(&found, row), nothing)?;
    super::more(&found, out)
}

async fn resolve(order: &Resolve, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let mut body = match &order.map_to {
        Some(meaning) => json!({ "decision": "map", "to": meaning }),
        None => json!({ "decision": "wait", "days": order.wait_days }),
    };
    body["reason"] = json!(order.why.reason);
    let answer = client.post(&["reviews", &order.review, "resolve"], &body).await?;
    if client.json {
        return write_json(out, &answer);
    }
    match text(&answer, "/runId") {
        run if run.is_empty() => line(out, &format!("the question waits until {}", text(&answer, "/waitsUntil"))),
        run => line(out, &format!("run {run} applies it; follow it with: rollbook run watch {run}")),
    }
}
