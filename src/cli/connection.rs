//! `rollbook connection …`

mod add;
mod mapping;

use std::io::{IsTerminal as _, Write};

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::client::Client;
use super::secret::{AppSecret, Credential};
use super::table::{facts, json as write_json, line, table, text};
use super::{CliError, Length, Why};

/// What can be done with connections.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// List the connections with their state, freshness and tally.
    List(List),
    /// Show one connection, and what is wrong with it.
    Show(Which),
    /// Connect an HR system; nothing is published before `finish`.
    #[command(subcommand)]
    Add(add::Kind),
    /// Pull and plan, publish nothing.
    Preview(Pull),
    /// Show the latest plan: what would be done to whom.
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
    /// Give a new credential of the same account; where the HR system wants consent, get the address for it.
    Reauthorize(Reauthorize),
    /// Show the value map with the words that the HR system uses, or change it.
    Mapping(mapping::Change),
}

#[derive(Clone, Debug, Args)]
pub struct List {
    #[command(flatten)]
    length: Length,
}

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The connection, by id or name.
    connection: String,
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

const PATH: &str = "connections";

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
            let answer = client.post(&[PATH, &id, "authorize"], &json!({ "reason": act.why.reason })).await?;
            tell_consent(&answer, client, out)
        }
        Verb::Reauthorize(order) => reauthorize(&order, client, out).await,
        Verb::Pause(act) => steer(&act, "pause", client, out).await,
        Verb::Resume(act) => steer(&act, "resume", client, out).await,
        Verb::Plan(plan) => show_plan(&plan, client, out).await,
        Verb::Mapping(change) => mapping::run(change, client, out).await,
    }
}

async fn reauthorize(order: &Reauthorize, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &order.act.which).await?;
    let kind = text(&client.get(&[PATH, &id], &[]).await?, "/kind");
    let credentials = match (kind.as_str(), &order.client_id) {
        ("justworks", None) => json!({}),
        ("justworks", Some(client_id)) => {
            json!({ "clientId": client_id, "clientSecret": order.secret.read()?.expose_secret() })
        }
        ("remote", None) => json!({ "apiToken": order.credential.read()?.expose_secret() }),
        ("remote", Some(_)) => {
            return Err(CliError::Usage("a connection of the kind remote has an API token and no client id".into()));
        }
        (kind, _) => {
            let kind = super::table::clean(kind);
            return Err(CliError::Failed(format!(
                "this program does not know which credentials the kind `{kind}` has; use a rollbook as new as the server"
            )));
        }
    };
    let body = json!({ "credentials": credentials, "reason": order.act.why.reason });
    let answer = client.post(&[PATH, &id, "reauthorize"], &body).await?;
    if answer["authorizationUrl"].is_string() {
        tell_consent(&answer, client, out)
    } else if answer["runId"].is_null() && !client.json {
        line(out, "the credential is kept; the connection is paused, resume it to pull")
    } else {
        tell_run(&answer, client, out)
    }
}

fn tell_consent(answer: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, answer);
    }
    line(out, "let an admin of the HR system open, within half an hour:")?;
    line(out, "")?;
    line(out, &format!("  {}", text(answer, "/authorizationUrl")))
}

async fn id(client: &Client, which: &Which) -> Result<String, CliError> {
    client.resolve(PATH, "connection", &which.connection).await
}

/// What begins a run.
async fn begin(pull: &Pull, step: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let Pull { act, accept_shape } = pull;
    let id = id(client, &act.which).await?;
    let mut body = json!({ "reason": act.why.reason });
    if !accept_shape.is_empty() {
        body["acceptShape"] = json!(accept_shape);
    }
    let begun = client.post(&[PATH, &id, step], &body).await?;
    tell_run(&begun, client, out)
}

fn tell_run(begun: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, begun);
    }
    let run = text(begun, "/runId");
    line(out, &format!("run {run} is going; follow it with: rollbook run watch {run}"))
}

/// Finishes with the plan that was seen. When that plan would do something else by now, shows the difference, and goes on
/// with the plan as it is now if that is wanted.
async fn finish(order: &Finish, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &order.act.which).await?;
    let seen = match &order.plan {
        Some(plan) => Some(plan.clone()),
        None => latest_plan(&id, true, client).await?,
    };
    let post = async |plan: Option<&str>| {
        let body = json!({ "planId": plan, "reason": order.act.why.reason });
        client.post(&[PATH, &id, "finish"], &body).await
    };
    let refusal = match post(seen.as_deref()).await {
        Ok(begun) => return tell_run(&begun, client, out),
        Err(CliError::Failed(refusal)) => refusal,
        Err(error) => return Err(error),
    };
    // A plan that was named and is no longer the latest is refused as it always was; one that was made again in its
    // place is the latest of the same preview.
    let now = latest_plan(&id, true, client).await?;
    let Some(now) = now.filter(|now| refusal.contains("differs from the plan") && Some(now) != seen.as_ref()) else {
        return Err(CliError::Failed(refusal));
    };
    if !order.yes {
        if !std::io::stdin().is_terminal() {
            return Err(CliError::Failed(format!("{refusal}; to go on: --yes, or --plan {now}")));
        }
        line(out, &super::table::clean(&refusal))?;
        line(out, "Go on? [y/N]")?;
        out.flush().map_err(|_| CliError::Closed)?;
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_err() || !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Err(CliError::Failed("nothing was published".to_owned()));
        }
    } else if !client.json {
        line(out, &super::table::clean(&refusal))?;
    }
    tell_run(&post(Some(&now)).await?, client, out)
}

/// The plan of the latest run that made one, or of the latest one that succeeded.
async fn latest_plan(id: &str, succeeded: bool, client: &Client) -> Result<Option<String>, CliError> {
    let runs = client.list(&["runs"], &[("connectionId", id.to_owned())], 50).await?;
    let has_plan = |run: &&Value| run["planId"].is_string() && (!succeeded || run["state"] == "succeeded");
    let latest = runs["items"].as_array().and_then(|runs| runs.iter().find(has_plan));
    Ok(latest.map(|run| text(run, "/planId")))
}

async fn steer(act: &Act, step: &str, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &act.which).await?;
    let shown = client.post(&[PATH, &id, step], &json!({ "reason": act.why.reason })).await?;
    if client.json {
        return write_json(out, &shown);
    }
    line(out, &format!("{} is {}", super::table::clean(&text(&shown, "/name")), text(&shown, "/state")))
}

fn show_all(list: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list);
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
    let row = |one: &Value| {
        let problems = one["problems"].as_array().map_or(0, Vec::len);
        vec![
            text(one, "/id"),
            text(one, "/name"),
            text(one, "/kind"),
            text(one, "/state"),
            text(one, "/lastRun/state"),
            text(one, "/nextRunAt"),
            text(one, "/freshness/level"),
            text(one, "/tally/published"),
            text(one, "/tally/withheld"),
            text(one, "/tally/excluded"),
            problems.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = super::rows(list, row);
    table(out, &heads, &rows, "there is no connection yet; add one with: rollbook connection add remote --name NAME")?;
    super::more(list, out)
}

fn show(one: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, one);
    }
    let unreadable = match text(one, "/tally/unreadable") {
        count if count.is_empty() || count == "0" => String::new(),
        count => format!("; {count} with fields that cannot be read"),
    };
    let tally = format!(
        "{} at the HR system: {} published, {} withheld, {} excluded{unreadable}",
        text(one, "/tally/vendor"),
        text(one, "/tally/published"),
        text(one, "/tally/withheld"),
        text(one, "/tally/excluded"),
    );
    let last = match text(one, "/lastRun/id") {
        id if id.is_empty() => String::new(),
        id => format!("{id} {} {}", text(one, "/lastRun/state"), text(one, "/lastRun/endedAt")),
    };
    facts(
        out,
        &[
            ("id", text(one, "/id")),
            ("name", text(one, "/name")),
            ("kind", text(one, "/kind")),
            ("account", text(one, "/account/name")),
            ("state", format!("{} since {}", text(one, "/state"), text(one, "/stateSince"))),
            ("last run", last),
            ("next run", text(one, "/nextRunAt")),
            ("last good data", text(one, "/freshness/lastGoodAt")),
            ("freshness", text(one, "/freshness/level")),
            ("workers", tally),
            ("settings", one["settings"].to_string()),
        ],
    )?;
    for problem in one["problems"].as_array().into_iter().flatten() {
        let remedy = match text(problem, "/remedy") {
            remedy if remedy.is_empty() => remedy,
            remedy => format!(" ({remedy})"),
        };
        let (at, message) = (text(problem, "/at"), text(problem, "/message"));
        let at = if at.is_empty() { at } else { format!("{at} ") };
        line(out, &super::table::clean(&format!("! {at}{message}{remedy}")))?;
    }
    Ok(())
}

/// The plan of the latest run that has one.
async fn show_plan(plan: &Plan, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &plan.which).await?;
    let Some(plan_id) = latest_plan(&id, false, client).await? else {
        return Err(CliError::Failed("there is no plan: no run of this connection has come so far".into()));
    };
    let shown = client.get(&["plans", &plan_id], &[]).await?;
    let changes = client.list(&["plans", &plan_id, "changes"], &[], plan.length.limit).await?;
    if client.json {
        return write_json(out, &json!({ "plan": shown, "changes": changes }));
    }
    facts(
        out,
        &[
            ("plan", format!("{plan_id} {}", text(&shown, "/state"))),
            ("creates", text(&shown, "/counts/created")),
            ("updates", text(&shown, "/counts/updated")),
            ("deactivations", text(&shown, "/counts/deactivated")),
            ("withheld", text(&shown, "/counts/withheld")),
            ("excluded", text(&shown, "/counts/excluded")),
            ("worker types", mapping::in_words(&shown["valueMap"]["workerTypes"])),
        ],
    )?;
    if shown["stale"] == true {
        let name = super::table::clean(&text(&shown, "/staleSince/connectionName"));
        line(
            out,
            &format!("! {name} has changed people since: `finish` makes the plan again, and asks if it differs"),
        )?;
    }
    let row = |item: &Value| {
        let changes = item["changes"].as_array().into_iter().flatten();
        let what = if item["kind"] == "create" {
            format!("{} {}", text(item, "/person/employmentType"), text(item, "/person/attributes/title"))
        } else {
            changes.map(super::change_in_words).collect::<Vec<_>>().join("; ")
        };
        vec![text(item, "/kind"), text(item, "/displayName"), text(item, "/userName"), what]
    };
    table(out, &["KIND", "NAME", "USER NAME", "WHAT"], &super::rows(&changes, row), "the plan changes nobody")?;
    super::more(&changes, out)
}
