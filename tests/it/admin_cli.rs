//! Tests the command line against a running server.

use clap::Parser;
use rollbook::cli::{self, CliError};
use rollbook::sandbox::{Kind, SandboxConfig};
use serde_json::{Value, json};

use crate::support::admin::Desk;

#[derive(Parser)]
struct Whole {
    #[command(subcommand)]
    command: cli::Command,
}

impl Desk {
    /// Runs a command with the admin's token.
    pub(crate) async fn rollbook(&self, words: &[&str]) -> Result<String, CliError> {
        let access = ["--url", &self.url, "--token", &self.token];
        let words = ["rollbook"].iter().chain(words).chain(&access);
        let whole = Whole::try_parse_from(words).map_err(|error| CliError::Usage(error.to_string()))?;
        let mut out = Vec::new();
        cli::carry_out(whole.command, self.world.context.clock.clone(), &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    pub(crate) async fn says(&self, words: &[&str]) -> String {
        self.rollbook(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }
}

/// An admin completes the whole set-up: connect, review, finish, map, decide.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_connects_and_publishes_an_hr_system_from_the_command_line() {
    let desk =
        Desk::with(SandboxConfig::mix(&[(Kind::Direct, 8), (Kind::Contractor, 2), (Kind::NoWorkEmail, 1)])).await;
    assert_eq!(
        desk.says(&["connection", "list"]).await,
        "there is no connection yet; add one with: rollbook connection add remote --name NAME\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{}\n", desk.world.vendor.token())).unwrap();
    let base = desk.world.running.base_url();
    let add =
        ["connection", "add", "remote", "--name", "Acme", "--token-file", file.to_str().unwrap(), "--base-url", &base];
    let added = desk.says(&add).await;
    assert!(added.contains("is in review; a preview is being pulled"), "{added}");
    let run = added.split("run watch ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    desk.world.work().await;
    let watched = desk.says(&["run", "watch", &run]).await;
    assert!(watched.starts_with("succeeded: 1 page, 11 workers"), "{watched}");
    let plan = desk.says(&["connection", "plan", "acme"]).await;
    assert!(plan.contains("creates        10") && plan.contains("Contractor → Contractor"), "{plan}");
    assert_eq!(plan.lines().filter(|line| line.starts_with("create ")).count(), 10, "{plan}");
    let finished = desk.says(&["connection", "finish", "Acme", "--reason", "looks right"]).await;
    assert!(finished.contains("follow it with: rollbook run watch"), "{finished}");
    desk.world.work().await;

    let list = desk.says(&["connection", "list"]).await;
    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[1..5], ["Acme", "remote", "active", "succeeded"], "{list}");
    assert_eq!(row[7..], ["10", "1", "0", "1"], "{list}");
    let shown = desk.says(&["connection", "show", "Acme"]).await;
    assert!(shown.contains("11 at the HR system: 10 published, 1 withheld, 0 excluded"), "{shown}");
    assert!(shown.contains("! 1 worker waits: missing work email"), "{shown}");
    let reviews = desk.says(&["review", "list", "--connection", "Acme"]).await;
    let row = reviews.lines().nth(1).unwrap();
    assert!(row.contains("  missing work email  "), "{reviews}");
    let review = row.split_whitespace().next().unwrap();
    let waits = desk.says(&["review", "resolve", review, "--wait-days", "3", "--reason", "asked HR"]).await;
    assert!(waits.starts_with("the question waits until 2026-11-23"), "{waits}");
    assert_eq!(desk.says(&["review", "list"]).await, "no question is open\n");
    assert!(desk.says(&["review", "list", "--waiting"]).await.contains(review));
    let mapping = desk.says(&["connection", "mapping", "Acme"]).await;
    assert!(mapping.contains("Direct Employee"), "{mapping}");
    let change = ["connection", "mapping", "Acme", "--worker-type", "Contractor=Temporary", "--preview"];
    let would = desk.says(&change).await;
    assert!(would.contains("employmentType: Contractor → Temporary"), "{would}");
    desk.says(&change[..5]).await;
    desk.world.work().await;
    let seen = desk.items("/events?limit=500").await.len() - 2;
    let events = desk.says(&["event", "list", "--after", &seen.to_string()]).await;
    assert_eq!(events.lines().count(), 3, "{events}");
    assert!(events.contains("Contractor → Temporary"), "{events}");

    let email = desk.world.vendor.employment(0).unwrap()["work_email"].as_str().unwrap().to_owned();
    let person = desk.says(&["person", "show", &email]).await;
    assert!(person.contains("first worker of the person") && person.contains("email.work"), "{person}");
    assert_eq!(desk.says(&["hold", "list"]).await, "no hold waits\n");
    assert!(desk.says(&["connection", "pause", "Acme"]).await.contains("Acme is paused"));
    let json: Value = serde_json::from_str(&desk.says(&["run", "list", "--json"]).await).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 3);
    assert_eq!(json["nextCursor"], Value::Null);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_listed_and_taken_back() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    assert_eq!(desk.says(&["consumer", "list"]).await, "there is no consumer yet\n");
    desk.says(&["consumer", "add", "--name", "idp"]).await;
    let token = desk.says(&["token", "add", "IDP", "--days", "7"]).await.trim().to_owned();
    assert_eq!(desk.send("GET", "/scim/v2/Users", &token, &[], None).await.status, 200);
    let list = desk.says(&["token", "list", "idp", "--json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let id = list["items"][0]["id"].as_str().unwrap();
    assert!(desk.says(&["token", "remove", "idp", id]).await.contains("refused from now on"));
    assert_eq!(desk.send("GET", "/scim/v2/Users", &token, &[], None).await.status, 401);
    assert_eq!(desk.says(&["token", "list", "idp"]).await, "the consumer has no token\n");
    desk.says(&["consumer", "remove", "idp"]).await;
    assert_eq!(desk.items("/consumers").await.len(), 0);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_one_line_with_what_the_server_said() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    let failed = async |words: &[&str]| match desk.rollbook(words).await {
        Err(CliError::Failed(line)) => line,
        other => panic!("expected a refusal, got {other:?}"),
    };
    assert_eq!(
        failed(&["connection", "show", "Nowhere"]).await,
        "there is no connection with the id or name `Nowhere`"
    );
    assert_eq!(failed(&["run", "show", "7"]).await, "there is no run with this id");
    assert_eq!(
        failed(&["consumer", "add", "--name", "x", "--scope", "scim:write"]).await,
        "scopes[0]: the scope scim:write is not available yet"
    );
    assert_eq!(failed(&["person", "show", "a@b.example"]).await, "nobody has or had the email `a@b.example`");
    let usage = desk.rollbook(&["connection", "add", "remote", "--name", "x", "--token-file", "/no/such/file"]).await;
    assert!(matches!(usage, Err(CliError::Usage(line)) if line.starts_with("/no/such/file cannot be read")));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_that_is_watched_fails_the_command() {
    let desk = Desk::with(SandboxConfig::plain(5)).await;
    let id = desk.publish().await;
    desk.world.vendor.revoke_token();
    let run =
        desk.post(&format!("/connections/{id}/sync"), json!({})).await.body()["runId"].as_str().unwrap().to_owned();
    desk.world.work().await;
    let Err(CliError::Failed(line)) = desk.rollbook(&["run", "watch", &run]).await else { panic!("a failure") };
    assert!(line.starts_with("the run has ended failed: Remote refused the credential with status 401"), "{line}");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled() {
    let desk = Desk::with(SandboxConfig::plain(5)).await;
    let id = desk.publish().await;
    let asked = desk.post(&format!("/connections/{id}/sync"), json!({})).await.body();
    let run = asked["runId"].as_str().unwrap();
    let said = desk.says(&["run", "cancel", run, "--reason", "wrong time"]).await;
    assert_eq!(said, format!("run {run} is cancelled\n"));
    let shown = desk.says(&["run", "show", run]).await;
    assert!(shown.contains("cancelled by admin (configured): wrong time"), "{shown}");
    let Err(CliError::Failed(line)) = desk.rollbook(&["connection", "finish", &id]).await else { panic!("a refusal") };
    assert!(line.contains(&format!("rollbook connection sync {id}")), "{line}");
    desk.stop().await;
}
