//! The command `rollbook run …`.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::{Length, Why};
use super::table::{clean, facts, json as write_json, line, more, or_nothing, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::events::Event;
use crate::api::problems::Problem;
use crate::api::runs::{Run, RunCounts, RunProgress, RunState, WaitingFor};

/// How often a run is read while it is watched.
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
    /// End a run before it applies anything; no person changes by it.
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
                Some(word) => vec![("connectionId", client.connection(word).await?)],
                None => Vec::new(),
            };
            show_all(&client.list(&["runs"], &query, list.length.limit).await?, client, out)
        }
        Verb::Show(show) => {
            let run: Answer<Run> = client.get(&["runs", &show.which.run], &[]).await?;
            let path = ["runs", &show.which.run, "changes"];
            let changes: Answer<Page<Event>> = client.list(&path, &[], show.length.limit).await?;
            if client.json {
                return write_json(out, &json!({ "run": run.json(), "changes": changes.json() }));
            }
            show_one(&run.read()?, out)?;
            let changes = changes.read()?;
            if changes.items.is_empty() { Ok(()) } else { super::event::show_whole(&changes, out) }
        }
        Verb::Watch(which) => watch(&which.run, client, out).await,
        Verb::Cancel(order) => cancel(&order, client, out).await,
    }
}

fn show_all(list: &Answer<Page<Run>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let list = list.read()?;
    let heads = ["ID", "CAUSE", "STATE", "STARTED", "ENDED", "CREATED", "UPDATED", "DEACTIVATED", "HELD", "WITHHELD"];
    let row = |run: &Run| {
        vec![
            run.id.to_string(),
            run.cause.to_string(),
            run.state.to_string(),
            time_or_nothing(run.started_at),
            time_or_nothing(run.ended_at),
            run.counts.created.to_string(),
            run.counts.updated.to_string(),
            run.counts.deactivated.to_string(),
            run.counts.held.to_string(),
            run.counts.withheld.to_string(),
        ]
    };
    table(out, &heads, &list.items.iter().map(row).collect::<Vec<_>>(), "there is no run yet")?;
    more(&list, out)
}

fn show_one(run: &Run, out: &mut dyn Write) -> Result<(), CliError> {
    facts(
        out,
        &[
            ("id", run.id.to_string()),
            ("connection", run.connection_id.to_string()),
            ("cause", run.cause.to_string()),
            ("state", run.state.to_string()),
            ("plan", or_nothing(run.plan_id)),
            ("started", time_or_nothing(run.started_at)),
            ("ended", time_or_nothing(run.ended_at)),
            ("progress", progress(&run.progress)),
            ("waiting", waiting(run).unwrap_or_default()),
            ("counts", counts(&run.counts)),
        ],
    )?;
    run.problems.iter().try_for_each(|problem| line(out, &clean(&said(problem))))
}

/// The counts that are not 0.
fn counts(counts: &RunCounts) -> String {
    let RunCounts { created, updated, deactivated, unchanged, held, withheld, excluded, failed, unreadable, leavers } =
        counts;
    let all = [
        ("created", created),
        ("deactivated", deactivated),
        ("excluded", excluded),
        ("failed", failed),
        ("held", held),
        ("leavers", leavers),
        ("unchanged", unchanged),
        ("unreadable", unreadable),
        ("updated", updated),
        ("withheld", withheld),
    ];
    let said = all.into_iter().filter(|(_, count)| **count != 0).map(|(name, count)| format!("{count} {name}"));
    said.collect::<Vec<_>>().join(", ")
}

async fn cancel(order: &Cancel, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = &order.which.run;
    let body = json!({ "reason": order.why.reason });
    let run: Answer<Run> = client.post(&["runs", id, "cancel"], &body).await?;
    if client.json {
        return write_json(out, run.json());
    }
    match run.read()?.state {
        RunState::Cancelled => line(out, &format!("run {id} is cancelled")),
        state => {
            line(out, &format!("run {id} is {state} and ends within seconds; follow it with: rollbook run watch {id}"))
        }
    }
}

/// A problem in one line. For a problem of one record, the worker comes first.
fn said(problem: &Problem) -> String {
    let who = match (problem.name.as_ref().value(), &problem.source_id) {
        (Some(name), Some(id)) => format!("{name} ({id}): "),
        (Some(name), None) => format!("{name}: "),
        (None, Some(id)) => format!("{id}: "),
        (None, None) => String::new(),
    };
    let remedy = problem.remedy.as_ref().map(|remedy| format!(" ({remedy})")).unwrap_or_default();
    format!("! {who}{}{remedy}", problem.message)
}

/// Watches a run until it has ended, and prints a line at each progress.
async fn watch(id: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let mut last = String::new();
    loop {
        let answer: Answer<Run> = client.get(&["runs", id], &[]).await?;
        let run = answer.read()?;
        let (state, progress) = (run.state, progress(&run.progress));
        let now = match waiting(&run) {
            None => format!("{state}: {progress}"),
            Some(waiting) => format!("{state}: {progress}; waiting {waiting}"),
        };
        if now != last && !client.json {
            line(out, &now)?;
            last = now;
        }
        if state.is_going() {
            client.clock.pause(LOOK).await;
            continue;
        }
        if client.json {
            write_json(out, answer.json())?;
        } else {
            show_one(&run, out)?;
        }
        if state == RunState::Succeeded {
            return Ok(());
        }
        let problem = run.problems.first().map(|problem| problem.message.as_str()).unwrap_or_default();
        return Err(CliError::Failed(clean(&format!("the run has ended {state}: {problem}"))));
    }
}

/// What a run waits for, as a text.
fn waiting(run: &Run) -> Option<String> {
    let why = match run.waiting_for {
        Some(WaitingFor::RateLimit) => "the rate limit of the HR system",
        Some(WaitingFor::RetryAfter) => "the HR system asked to come back later",
        Some(WaitingFor::BackOff) => "a call failed and is tried again",
        None => "the HR system",
    };
    run.waiting_until.map(|until| format!("until {}: {why}", time(until)))
}

/// How far a run is, as a text.
fn progress(progress: &RunProgress) -> String {
    let RunProgress { pages, workers, .. } = progress;
    let of = progress.expected.map(|expected| format!(" of {expected}")).unwrap_or_default();
    let rate = progress.workers_per_second.map(|rate| format!(", {rate}/s")).unwrap_or_default();
    let left = progress.seconds_left.map(|seconds| format!(", {} left", duration(seconds))).unwrap_or_default();
    let page_word = if *pages == 1 { "page" } else { "pages" };
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
    use super::*;
    use crate::api::Given;
    use crate::api::runs::RunStage;

    #[test]
    fn progress_tells_pages_workers_rate_and_time_left() {
        let mut run = RunProgress {
            pages: 3,
            workers: 300,
            expected: Some(1200),
            stage: RunStage::List,
            workers_per_second: Some(4.5),
            seconds_left: Some(200),
        };
        assert_eq!(progress(&run), "3 pages, 300 of 1200 workers, 4.5/s, 3 min 20 s left");
        run = RunProgress { pages: 1, workers: 5, expected: None, workers_per_second: None, seconds_left: None, ..run };
        assert_eq!(progress(&run), "1 page, 5 workers");
    }

    #[test]
    fn a_problem_with_a_record_says_whose_it_is() {
        let problem = Problem {
            source_id: Some("e-1".to_owned()),
            name: Given::Value("Ana Silva".to_owned()),
            message: "`x` holds a number".to_owned(),
            ..Problem::default()
        };
        assert_eq!(said(&problem), "! Ana Silva (e-1): `x` holds a number");
        let (message, remedy) = ("no answer".to_owned(), Some("wait".to_owned()));
        assert_eq!(said(&Problem { message, remedy, ..Problem::default() }), "! no answer (wait)");
    }

    #[test]
    fn durations_are_read_at_a_glance() {
        assert_eq!([duration(59), duration(60), duration(7_322)], ["59 s", "1 min 0 s", "2 h 2 min"]);
    }
}
