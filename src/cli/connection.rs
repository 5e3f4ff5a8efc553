//! The command `rollbook connection …`.

mod add;
mod mapping;
mod which;

use std::io::{IsTerminal as _, Write};

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use self::which::{PATH, Which, id, show_begun, tell_consent, tell_run};
use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::options::{Length, Why};
use super::secret::{AppSecret, Credential};
use super::table::{clean, facts, json as write_json, line, more, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::connections::{Connection, Consent, SystemKind};
use crate::api::plans::{ItemKind, Plan as ApiPlan, PlannedChange};
use crate::api::problems::Problem;
use crate::api::runs::{Run, RunStarted, RunState};

/// What can be done with connections.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the connections with their state, freshness and counts.
    List(List),
    /// Show one connection, and what is wrong with it.
    Show(Which),
    /// Connect an HR system; nothing is published before `finish`.
    #[command(subcommand)]
    Add(add::Kind),
    /// Pull and plan, publish nothing.
    Preview(Pull),
    /// Show the latest plan: what would change for which person.
    Plan(Plan),
    /// End the set-up: publish the plan, pull by schedule from now on.
    Finish(Finish),
    /// Pull now; while a run is going, that one is shown.
    Sync(Pull),
    /// Stop pulling by schedule; known dates still fire.
    Pause(Act),
    /// Pull by schedule again, beginning now.
    Resume(Act),
    /// Get the address where an admin of the HR system gives consent (Justworks).
    Authorize(Act),
    /// Give a new credential of the same account; if the HR system wants consent, get the address for it.
    Reauthorize(Reauthorize),
    /// Show the value map with the values that the HR system uses, or change it.
    Mapping(mapping::Change),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Act {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct Pull {
    #[command(flatten)]
    act: Act,
    /// Accept that many workers have lost this field, as the problem `shapeChanged` names it; may be repeated.
    #[arg(long, value_name = "FIELD")]
    accept_shape: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Finish {
    #[command(flatten)]
    act: Act,
    /// The plan that you have seen; if another is the latest by now, nothing is done.
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
    /// Go on without asking when the plan differs by now from the one that you have seen.
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Reauthorize {
    #[command(flatten)]
    act: Act,
    #[command(flatten)]
    credential: Credential,
    /// Justworks: the client id of another app than before.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[command(flatten)]
    secret: AppSecret,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::List(list) => show_all(&client.list(&[PATH], &[], list.length.limit).await?, client, out),
        Verb::Show(which) => {
            let id = id(client, &which).await?;
            show(&client.get(&[PATH, &id], &[]).await?, client, out)
        }
        Verb::Add(kind) => add::run(kind, client, out).await,
        Verb::Preview(pull) => begin(&pull, "preview", client, out).await,
        Verb::Sync(pull) => begin(&pull, "sync", client, out).await,
        Verb::Finish(finish) => self::finish(&finish, client, out).await,
        Verb::Authorize(act) => {
            let id = id(client, &act.which).await?;
            let body = json!({ "reason": act.why.reason });
            let consent: Answer<Consent> = client.post(&[PATH, &id, "authorize"], &body).await?;
            if client.json { write_json(out, consent.json()) } else { tell_consent(&consent.read()?, out) }
        }
        Verb::Reauthorize(order) => reauthorize(&order, client, out).await,
        Verb::Pause(act) => steer(&act, "pause", client, out).await,
        Verb::Resume(act) => steer(&act, "resume", client, out).await,
        Verb::Plan(plan) => show_plan(&plan, client, out).await,
        Verb::Mapping(change) => mapping::run(change, client, out).await,
    }
}

/// What `reauthorize` answers: the run that pulls with the new credential, the page for consent, or the connection,
/// which is paused and stays so.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Reauthorized {
    Consent(Consent),
    Run(RunStarted),
    Kept {},
}

async fn reauthorize(order: &Reauthorize, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &order.act.which).await?;
    let connection: Connection = client.get(&[PATH, &id], &[]).await?.read()?;
    let credentials = match (connection.kind, &order.client_id) {
        (SystemKind::Justworks, None) => json!({}),
        (SystemKind::Justworks, Some(client_id)) => {
            json!({ "clientId": client_id, "clientSecret": order.secret.read()?.expose_secret() })
        }
        (SystemKind::Remote, None) => json!({ "apiToken": order.credential.read()?.expose_secret() }),
        (SystemKind::Remote, Some(_)) => {
            return Err(CliError::Usage("a connection of the kind remote has an API token and no client id".into()));
        }
    };
    let body = json!({ "credentials": credentials, "reason": order.act.why.reason });
    let answer: Answer<Reauthorized> = client.post(&[PATH, &id, "reauthorize"], &body).await?;
    if client.json {
        return write_json(out, answer.json());
    }
    match answer.read()? {
        Reauthorized::Consent(consent) => tell_consent(&consent, out),
        Reauthorized::Kept {} => line(out, "the credential is kept; the connection is paused, resume it to pull"),
        Reauthorized::Run(run) => tell_run(run.run_id, out),
    }
}

/// What begins a run.
async fn begin(pull: &Pull, step: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let Pull { act, accept_shape } = pull;
    let id = id(client, &act.which).await?;
    let mut body = json!({ "reason": act.why.reason });
    if !accept_shape.is_empty() {
        body["acceptShape"] = json!(accept_shape);
    }
    let begun: Answer<RunStarted> = client.post(&[PATH, &id, step], &body).await?;
    show_begun(&begun, client, out)
}

/// Finishes with the plan that was seen. When that plan would do something else by now, shows the difference, and goes
/// on with the plan as it is now if that is wanted.
async fn finish(order: &Finish, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &order.act.which).await?;
    let seen = match &order.plan {
        Some(plan) => Some(plan.clone()),
        None => latest_plan(&id, true, client).await?,
    };
    let post = async |plan: Option<&str>| {
        let body = json!({ "planId": plan, "reason": order.act.why.reason });
        client.post::<RunStarted>(&[PATH, &id, "finish"], &body).await
    };
    let refusal = match post(seen.as_deref()).await {
        Ok(begun) => return show_begun(&begun, client, out),
        Err(CliError::Failed(refusal)) => refusal,
        Err(error) => return Err(error),
    };
    // A plan that was named and is no longer the latest is refused as always. A plan that was made again in its
    // place is the latest of the same preview.
    let now = latest_plan(&id, true, client).await?;
    let Some(now) = now.filter(|now| refusal.contains("differs from the plan") && Some(now) != seen.as_ref()) else {
        return Err(CliError::Failed(refusal));
    };
    if !order.yes {
        if !std::io::stdin().is_terminal() {
            return Err(CliError::Failed(format!("{refusal}; to go on: --yes, or --plan {now}")));
        }
        line(out, &clean(&refusal))?;
        line(out, "Go on? [y/N]")?;
        out.flush().map_err(|_| CliError::Closed)?;
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_err() || !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Err(CliError::Failed("nothing was published".to_owned()));
        }
    } else if !client.json {
        line(out, &clean(&refusal))?;
    }
    show_begun(&post(Some(&now)).await?, client, out)
}

/// The plan of the latest run that made one, or of the latest one that succeeded.
async fn latest_plan(id: &str, succeeded: bool, client: &Client) -> Result<Option<String>, CliError> {
    let runs: Page<Run> = client.list(&["runs"], &[("connectionId", id.to_owned())], 50).await?.read()?;
    let mut runs = runs.items.into_iter().filter(|run| !succeeded || run.state == RunState::Succeeded);
    Ok(runs.find_map(|run| run.plan_id).map(|plan| plan.to_string()))
}

async fn steer(act: &Act, step: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &act.which).await?;
    let shown: Answer<Connection> = client.post(&[PATH, &id, step], &json!({ "reason": act.why.reason })).await?;
    if client.json {
        return write_json(out, shown.json());
    }
    let shown = shown.read()?;
    line(out, &format!("{} is {}", clean(&shown.name), shown.state))
}

fn show_all(list: &Answer<Page<Connection>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let heads = [
        "ID",
        "NAME",
        "KIND",
        "STATE",
        "LAST RUN",
        "NEXT RUN",
        "DATA",
        "PUBLISHED",
        "WITHHELD",
        "EXCLUDED",
        "PROBLEMS",
    ];
    let list = list.read()?;
    let row = |one: &Connection| {
        vec![
            one.id.to_string(),
            one.name.clone(),
            one.kind.to_string(),
            one.state.to_string(),
            one.last_run.as_ref().map(|run| run.state.to_string()).unwrap_or_default(),
            time_or_nothing(one.next_run_at),
            one.freshness.level.to_string(),
            one.tally.published.to_string(),
            one.tally.withheld.to_string(),
            one.tally.excluded.to_string(),
            one.problems.len().to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = list.items.iter().map(row).collect();
    table(out, &heads, &rows, "there is no connection yet; add one with: rollbook connection add remote --name NAME")?;
    more(&list, out)
}

fn show(one: &Answer<Connection>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, one.json());
    }
    let one = one.read()?;
    let unreadable = match one.tally.unreadable {
        0 => String::new(),
        count => format!("; {count} with fields that cannot be read"),
    };
    let tally = format!(
        "{} at the HR system: {} published, {} withheld, {} excluded{unreadable}",
        one.tally.vendor, one.tally.published, one.tally.withheld, one.tally.excluded,
    );
    let last = one.last_run.map(|run| format!("{} {} {}", run.id, run.state, time_or_nothing(run.ended_at)));
    let settings = serde_json::to_string(&one.settings).unwrap_or_default();
    facts(
        out,
        &[
            ("id", one.id.to_string()),
            ("name", one.name),
            ("kind", one.kind.to_string()),
            ("account", one.account.name.unwrap_or_default()),
            ("state", format!("{} since {}", one.state, time(one.state_since))),
            ("last run", last.unwrap_or_default()),
            ("next run", time_or_nothing(one.next_run_at)),
            ("last good data", time_or_nothing(one.freshness.last_good_at)),
            ("freshness", one.freshness.level.to_string()),
            ("workers", tally),
            ("settings", settings),
        ],
    )?;
    one.problems.iter().try_for_each(|problem| line(out, &clean(&said(problem))))
}

/// A problem in one line.
fn said(problem: &Problem) -> String {
    let remedy = problem.remedy.as_ref().map(|remedy| format!(" ({remedy})")).unwrap_or_default();
    let at = problem.at.map(|at| format!("{} ", time(at))).unwrap_or_default();
    format!("! {at}{}{remedy}", problem.message)
}

/// The plan of the latest run that has one.
async fn show_plan(plan: &Plan, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &plan.which).await?;
    let Some(plan_id) = latest_plan(&id, false, client).await? else {
        return Err(CliError::Failed("there is no plan: no run of this connection has come so far".into()));
    };
    let shown: Answer<ApiPlan> = client.get(&["plans", &plan_id], &[]).await?;
    let changes: Answer<Page<PlannedChange>> =
        client.list(&["plans", &plan_id, "changes"], &[], plan.length.limit).await?;
    if client.json {
        return write_json(out, &json!({ "plan": shown.json(), "changes": changes.json() }));
    }
    let (shown, changes) = (shown.read()?, changes.read()?);
    let types = shown.value_map.and_then(|map| map.worker_types).unwrap_or_default();
    facts(
        out,
        &[
            ("plan", format!("{plan_id} {}", shown.state)),
            ("creates", shown.counts.created.to_string()),
            ("updates", shown.counts.updated.to_string()),
            ("deactivations", shown.counts.deactivated.to_string()),
            ("withheld", shown.counts.withheld.to_string()),
            ("excluded", shown.counts.excluded.to_string()),
            ("worker types", mapping::in_words(&types)),
        ],
    )?;
    if shown.stale {
        let name = clean(&shown.stale_since.and_then(|since| since.connection_name).unwrap_or_default());
        line(
            out,
            &format!("! {name} has changed people since: `finish` makes the plan again, and asks if it differs"),
        )?;
    }
    let row = |item: &PlannedChange| {
        let what = match (item.kind, &item.person) {
            (ItemKind::Create, Some(person)) => {
                let title = person.attributes.get("title").map_or("", String::as_str);
                format!("{} {title}", person.employment_type)
            }
            _ => super::plan::what_changes(item),
        };
        super::plan::planned(item, what)
    };
    let rows: Vec<Vec<String>> = changes.items.iter().map(row).collect();
    table(out, &["KIND", "NAME", "USER NAME", "WHAT"], &rows, "the plan changes no person")?;
    more(&changes, out)
}
