//! `rollbook run …`

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Client;
use super::table::{clean, facts, json as write_json, line, table, text};
use super::{CliError, Length, Why};

/// How often a run is looked at while it is watched.
const LOOK: Duration = Duration::from_secs(1);

/// What can be done with runs.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the runs, the latest first.
    List(List),
    /// Show one run, and what it changed.
    Show(Show),
    /// Follow a run until it has ended: pages, workers, rate, time left.
    Watch(Which),
    /// End a run before it applies anything; nobody changes by it.
    Cancel(Cancel),
}

#[derive(Clone, Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only runs of this connection, by id or name.
    #[arg(long)]
    connection: Option<String>,
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The id of the run.
    run: String,
}

#[derive(Clone, Debug, Args)]
pub struct Show {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    length: Length,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::List(list) => {
            let query = match &list.connection {
                Some(word) => vec![("connectionId", client.resolve("connections", "connection", word).await?)],
                None => Vec::new(),
            };
            show_all(&client.list(&["runs"], &query, list.length.limit).await?, client, out)
        }
        Verb::Show(show) => {
            let run = client.get(&["runs", &show.which.run], &[]).await?;
            let changes = client.list(&["runs", &show.which.run, "changes"], &[], show.length.limit).await?;
            show_one(&run, &changes, client, out)
        }
        Verb::Watch(which) => watch(&which.run, client, out).await,
        Verb::Cancel(order) => cancel(&order, client, out).await,
    }
}

fn show_all(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
    }
    let heads = ["ID", "CAUSE", "STATE", "STARTED", "ENDED", "CREATED", "UPDATED", "DEACTIVATED", "HELD", "WITHHELD"];
    let row = |run: &Value| {
        vec![
            text(run, "/id"),
            text(run, "/cause"),
            text(run, "/state"),
            text(run, "/startedAt"),
            text(run, "/endedAt"),
            text(run, "/counts/created"),
            text(run, "/counts/updated"),
            text(run, "/counts/deactivated"),
            text(run, "/counts/held"),
            text(run, "/counts/withheld"),
        ]
    };
    table(out, &heads, &super::rows(list, row), "there is no run yet")?;
    super::more(list, out)
}

fn show_one(run: &Value, changes: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, &serde_json::json!({ "run": run, "changes": changes }));
    }
    let counts = run["counts"].as_object().into_iter().flatten();
    let counts: Vec<String> =
        counts.filter(|(_, count)| **count != 0).map(|(name, count)| format!("{count} {name}")).collect();
    facts(
        out,
        &[
            ("id", text(run, "/id")),
            ("connection", text(run, "/connectionId")),
            ("cause", text(run, "/cause")),
            ("state", text(run, "/state")),
            ("plan", text(run, "/planId")),
            ("started", text(run, "/startedAt")),
            ("ended", text(run, "/endedAt")),
            ("progress", progress(run)),
            ("waiting", waiting(run)),
            ("counts", counts.join(", ")),
        ],
    )?;
    for problem in run["problems"].as_array().into_iter().flatten() {
        line(out, &clean(&said(problem)))?;
    }
    if changes["items"].as_array().is_some_and(|items| !items.is_empty()) {
        super::event::show(changes, out)?;
    }
    Ok(())
}

async fn cancel(order: &Cancel, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = &order.which.run;
    let run = client.post(&["runs", id, "cancel"], &serde_json::json!({ "reason": order.why.reason })).await?;
    if client.json {
        return write_json(out, &run);
    }
    match text(&run, "/state").as_str() {
        "cancelled" => line(out, &format!("run {id} is cancelled")),
        state => {
            line(out, &format!("run {id} is {state} and ends within seconds; follow it with: rollbook run watch {id}"))
        }
    }
}

/// A problem in one line: of one record, whose it is first.
fn said(problem: &Value) -> String {
    let (name, id) = (text(problem, "/name"), text(problem, "/sourceId"));
    let who = match (name.is_empty(), id.is_empty()) {
        (false, false) => format!("{name} ({id}): "),
        (false, true) => format!("{name}: "),
        (true, false) => format!("{id}: "),
        (true, true) => String::new(),
    };
    let remedy = match text(problem, "/remedy") {
        remedy if remedy.is_empty() => remedy,
        remedy => format!(" ({remedy})"),
    };
    format!("! {who}{}{remedy}", text(problem, "/message"))
}

/// Looks at a run until it has ended; a line whenever something moved.
async fn watch(id: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let mut last = String::new();
    loop {
        let run = client.get(&["runs", id], &[]).await?;
        let state = text(&run, "/state");
        let is_going = matches!(state.as_str(), "queued" | "pulling" | "planning" | "applying");
        let now = match waiting(&run) {
            waiting if waiting.is_empty() => format!("{state}: {}", progress(&run)),
            waiting => format!("{state}: {}; waiting {waiting}", progress(&run)),
        };
        if now != last && !client.json {
            line(out, &now)?;
            last = now;
        }
        if is_going {
            client.clock.pause(LOOK).await;
            continue;
        }
        if client.json {
            write_json(out, &run)?;
        } else {
            show_one(&run, &Value::Null, client, out)?;
        }
        if state == "succeeded" {
            return Ok(());
        }
        let problem = text(&run, "/problems/0/message");
        return Err(CliError::Failed(clean(&format!("the run has ended {state}: {problem}"))));
    }
}

/// What a run waits for, in words; empty while it does not wait.
fn waiting(run: &Value) -> String {
    let until = text(run, "/waitingUntil");
    if until.is_empty() {
        return until;
    }
    let why = match text(run, "/waitingFor").as_str() {
        "rateLimit" => "the rate limit of the HR system",
        "retryAfter" => "the HR system asked to come back later",
        "backOff" => "a call failed and is tried again",
        _ => "the HR system",
    };
    format!("until {until}: {why}")
}

/// How far a run is, in words.
fn progress(run: &Value) -> String {
    let number = |name: &str| run["progress"][name].as_u64();
    let pages = number("pages").unwrap_or(0);
    let workers = number("workers").unwrap_or(0);
    let of = number("expected").map(|expected| format!(" of {expected}")).unwrap_or_default();
    let rate = run["progress"]["workersPerSecond"].as_f64().map(|rate| format!(", {rate}/s")).unwrap_or_default();
    let left = number("secondsLeft").map(|seconds| format!(", {} left", duration(seconds))).unwrap_or_default();
    let page_word = if pages == 1 { "page" } else { "pages" };
    format!("{pages} {page_word}, {workers}{of} workers{rate}{left}")
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn progress_tells_pages_workers_rate_and_time_left() {
        let run = json!({ "progress": {
            "pages": 3, "workers": 300, "expected": 1200, "workersPerSecond": 4.5, "secondsLeft": 200,
        }});
        assert_eq!(progress(&run), "3 pages, 300 of 1200 workers, 4.5/s, 3 min 20 s left");
        let run = json!({ "progress": { "pages": 1, "workers": 5, "expected": null } });
        assert_eq!(progress(&run), "1 page, 5 workers");
    }

    #[test]
    fn a_problem_with_a_record_says_whose_it_is() {
        let problem = json!({"code": "unreadableRecord", "sourceId": "e-1", "name": "Ana Silva", "message": "`x` holds a number"});
        assert_eq!(said(&problem), "! Ana Silva (e-1): `x` holds a number");
        assert_eq!(said(&json!({"message": "no answer", "remedy": "wait"})), "! no answer (wait)");
    }

    #[test]
    fn durations_are_read_at_a_glance() {
        assert_eq!([duration(59), duration(60), duration(7_322)], ["59 s", "1 min 0 s", "2 h 2 min"]);
    }
}
