//! Loads all people from the simulated HR system as an admin would, and creates the consumers that read afterwards.

use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use reqwest::Method;
use rollbook::clock::Clock;
use rollbook::scim::schema::{DERIVED_GROUP_URN, ENTERPRISE_URN};
use rollbook::store::db::embedded::Embedded;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use super::company::Company;
use super::program::Program;
use super::table::Table;

const LOOK: Duration = Duration::from_millis(100);

/// The tokens of the consumers that read.
pub(crate) struct Readers {
    /// The token of a consumer that sees everything but what is sensitive, and the worker's id as `externalId`.
    pub(crate) open: String,
    /// The token of one with a policy: people and groups of some kinds, and some attributes of them.
    pub(crate) limited: String,
    /// The token of one that sends expensive queries.
    pub(crate) attacker: String,
}

/// Connects the company, publishes it, and pulls it once more.
pub(crate) async fn everybody(
    program: &Program,
    company: &Company,
    vendor: &str,
    table: &mut Table,
) -> anyhow::Result<()> {
    let order = json!({
        "kind": "remote",
        "name": "bench",
        "settings": { "baseUrl": vendor, "requestsPerMinute": 1_000_000 },
        "credentials": { "apiToken": company.sandbox.token() },
    });
    let connection = text(&program.admin(Method::POST, "/connections", Some(&order)).await?["id"])?;
    let preview = ended(program, &connection, "").await?;
    program.admin(Method::POST, &format!("/connections/{connection}/finish"), Some(&json!({}))).await?;
    let published = ended(program, &connection, &preview.id).await?;
    let people = f64::from(company.people);
    let rate = |span: f64| format!("{:.0} workers/s", people / span.max(1e-3));
    let read = preview.read_in(program)?;
    table.line("pull: everybody fetched and kept", &rate(read), "");
    table.line("pull: matched, merged and planned", &rate(preview.seconds - read), "");
    table.line("plan applied: people, groups and the log", &rate(published.seconds), "≥ 10,000 workers/s");
    program.admin(Method::POST, &format!("/connections/{connection}/sync"), Some(&json!({}))).await?;
    let again = ended(program, &connection, &published.id).await?;
    let read = again.read_in(program)?;
    table.line("unchanged second pull: fetched and compared", &rate(read), "");
    table.line("unchanged second pull: what follows", &rate(again.seconds - read), "≥ 100,000 workers/s");
    Ok(())
}

/// The consumers, and the group of all people.
pub(crate) async fn readers(program: &Program) -> anyhow::Result<Readers> {
    let open = json!({ "name": "open", "scopes": ["scim:read"], "externalIdFromSource": true });
    let limited = json!({
        "name": "limited",
        "scopes": ["scim:read"],
        "userFilter": "active eq true and title pr",
        "groupFilter": format!("{DERIVED_GROUP_URN}:kind eq \"department\""),
        "attributes": ["userName", "name", "displayName", "emails", "active", "title", "groups", "members",
            format!("{ENTERPRISE_URN}:department")],
    });
    let attacker = json!({ "name": "attacker", "scopes": ["scim:read"] });
    let (open, limited) = (token(program, &open).await?, token(program, &limited).await?);
    let attacker = token(program, &attacker).await?;
    let all = json!({ "enabled": true, "reason": "to measure a group of everybody" });
    program.admin(Method::PUT, "/group-kinds/all", Some(&all)).await?;
    loop {
        let kinds = program.admin(Method::GET, "/group-kinds", None).await?;
        let kinds = kinds["items"].as_array().context("no kinds of groups")?;
        if kinds.iter().all(|kind| kind["settled"] == json!(true)) {
            return Ok(Readers { open, limited, attacker });
        }
        Clock::system().pause(LOOK).await;
    }
}

async fn token(program: &Program, consumer: &Value) -> anyhow::Result<String> {
    let id = text(&program.admin(Method::POST, "/consumers", Some(consumer)).await?["id"])?;
    let named = json!({ "name": "bench" });
    text(&program.admin(Method::POST, &format!("/consumers/{id}/tokens"), Some(&named)).await?["token"])
}

/// Does what Postgres does by itself within minutes of a large change: it vacuums and updates its statistics.
pub(crate) async fn settle(cluster: &Embedded) -> anyhow::Result<()> {
    let (client, connection) = cluster.url_config().connect(NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute("VACUUM (ANALYZE)").await?;
    client.batch_execute("CHECKPOINT").await?;
    drop(client);
    connection.await??;
    Ok(())
}

struct Ended {
    id: String,
    begun: DateTime<Utc>,
    seconds: f64,
}

impl Ended {
    /// From its beginning to its having read all, in seconds, as the log has it.
    fn read_in(&self, program: &Program) -> anyhow::Result<f64> {
        let log = program.log();
        let line = log
            .iter()
            .find(|line| line.contains(&format!("run {} has read all", self.id)))
            .context("the log does not say when everybody was read")?;
        let at: DateTime<Utc> = line.split_whitespace().next().unwrap_or_default().parse()?;
        Ok((at - self.begun).as_seconds_f64())
    }
}

/// Waits for a run of the connection that is not this one, to its end.
async fn ended(program: &Program, connection: &str, before: &str) -> anyhow::Result<Ended> {
    loop {
        let run = program.admin(Method::GET, &format!("/connections/{connection}"), None).await?["lastRun"].take();
        let (id, state) = (run["id"].as_str().unwrap_or_default(), run["state"].as_str().unwrap_or_default());
        if !id.is_empty() && id != before && !["queued", "pulling", "planning", "applying"].contains(&state) {
            if state != "succeeded" {
                bail!("the run ended as {state}: {run}");
            }
            let run = program.admin(Method::GET, &format!("/runs/{id}"), None).await?;
            let (begun, end): (DateTime<Utc>, DateTime<Utc>) =
                (text(&run["startedAt"])?.parse()?, text(&run["endedAt"])?.parse()?);
            return Ok(Ended { id: text(&run["id"])?, begun, seconds: (end - begun).as_seconds_f64() });
        }
        Clock::system().pause(LOOK).await;
    }
}

fn text(value: &Value) -> anyhow::Result<String> {
    Ok(value.as_str().with_context(|| format!("a text is missing where there is {value}"))?.to_owned())
}
