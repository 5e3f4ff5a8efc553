//! `rollbook review …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::table::{clean, facts, json as write_json, line, plain, table, text};
use super::{CliError, Length, Why};

/// What can be done with review items.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the open questions, or those that are answered.
    List(List),
    /// Show one question: whom it is about, and what is wrong.
    Show(Which),
    /// Answer a question: say what a word means, or let it wait.
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
        Verb::Show(which) => return show(&which.review, client, out).await,
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
        vec![
            text(item, "/id"),
            text(item, "/title"),
            text(item, "/workerName"),
            text(item, "/connection"),
            text(item, "/sourceId"),
            text(item, "/personId"),
            detail(item).join("; "),
            text(item, "/openedAt"),
        ]
    };
    let nothing = match state {
        "closed" => "no question was answered yet",
        "waiting" => "no question waits",
        _ => "no question is open",
    };
    table(
        out,
        &["ID", "QUESTION", "NAME", "HR SYSTEM", "WORKER", "PERSON", "DETAIL", "SINCE"],
        &super::rows(&found, row),
        nothing,
    )?;
    super::more(&found, out)
}

async fn show(id: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let item = client.get(&["reviews", id], &[]).await?;
    if client.json {
        return write_json(out, &item);
    }
    facts(
        out,
        &[
            ("id", text(&item, "/id")),
            ("question", text(&item, "/title")),
            ("state", text(&item, "/state")),
            ("name", text(&item, "/workerName")),
            ("HR system", text(&item, "/connection")),
            ("worker", text(&item, "/sourceId")),
            ("person", text(&item, "/personId")),
            ("since", text(&item, "/openedAt")),
            ("closed", text(&item, "/closedAt")),
            ("waits until", text(&item, "/waitsUntil")),
            ("decision", text(&item, "/decision")),
        ],
    )?;
    detail(&item).iter().try_for_each(|said| line(out, &clean(&format!("! {said}"))))
}

/// What belongs to a question, in words: each field that cannot be read, else each member of the detail.
fn detail(item: &Value) -> Vec<String> {
    let unreadable = |field: &Value| {
        let [name, found, expected] = ["/field", "/found", "/expected"].map(|pointer| text(field, pointer));
        format!("`{name}` holds {found}; expected is {expected}")
    };
    if let Some(fields) = item.pointer("/detail/fields").and_then(Value::as_array) {
        return fields.iter().map(unreadable).collect();
    }
    let members = item["detail"].as_object().into_iter().flatten();
    members.map(|(name, value)| format!("{name} {}", plain(value))).collect()
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
