//! Tests the server with tools that others wrote. Schemathesis tests the admin API; scim2-tester, scim2-client and
//! scim2-cli test the directory as a consumer that may only read sees it.

use std::time::Duration;

use chrono::TimeDelta;
use rollbook::clock::Clock;
use rollbook::http::admin::document;
use rollbook::sandbox::SandboxConfig;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::live::Live;
use crate::support::tools::{content, file, tool};
use crate::support::world;

/// Seconds that schemathesis may take.
const SECONDS: u32 = 45;
/// Always the same requests, as far as they do not hang on what the server answers.
const SEED: u32 = 20_261_122;

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_in_the_admin_api() {
    let (live, connection) = Live::published(SandboxConfig::plain(24)).await;
    let intern = json!({ "employment_model": "intern", "type": "intern", "full_name": "Ida Tern" });
    live.world.vendor.add(&intern).unwrap();
    for who in 10..16 {
        live.world.vendor.remove(who, false).unwrap();
    }
    for _ in 0..2 {
        live.world.advance(TimeDelta::hours(1));
        live.sync(connection).await;
    }
    let first = async |path: &str| live.api(path).await["items"][0].clone();
    let run = first("/runs").await;
    let ids = [
        ("CONNECTION", json!(connection)),
        ("RUN", run["id"].clone()),
        ("PLAN", run["planId"].clone()),
        ("HOLD", first("/holds").await["id"].clone()),
        ("REVIEW", first("/reviews").await["id"].clone()),
        ("PERSON", first("/people").await["id"].clone()),
        ("GROUP", first("/groups").await["id"].clone()),
    ];
    let folder = TempDir::new().unwrap();
    let mut command = tool("st");
    command.current_dir(folder.path()).arg("--config-file").arg(file("schemathesis.toml"));
    command.arg("run").arg(format!("{}/api/v1/openapi.json", live.url)).args(["--url", &live.url]);
    command.args(["--seed", &SEED.to_string(), "--max-time", &SECONDS.to_string()]);
    command.env("HOOKS", file("schemathesis_hooks.py")).env("TOKEN", &live.admin);
    command.env("VENDOR", live.world.running.base_url());
    for (name, id) in ids {
        command.env(name, id.as_str().unwrap_or_else(|| panic!("{name} is {id}")));
    }
    // What the requests ask for is done meanwhile.
    let context = live.world.context.clone();
    let working = tokio::spawn(async move {
        loop {
            world::work(&context).await;
            Clock::system().pause(Duration::from_millis(100)).await;
        }
    });
    let said = content(command).await;
    assert!(!working.is_finished(), "the work of the requests has failed: {:?}", working.await);
    working.abort();
    // The one that it does not test is that which it has the description from.
    assert!(said.contains(&format!("Tested: {}", operations() - 1)), "{said}");
    assert_eq!(live.api("/connections").await["items"][0]["id"], json!(connection), "the server is well");
}

/// How many operations the description has.
fn operations() -> usize {
    let items = document()["paths"].as_object().unwrap().values();
    items.map(|item| item.as_object().unwrap().values().filter(|one| one["operationId"].is_string()).count()).sum()
}

/// A dozen people, their groups, and a consumer that may only read.
async fn directory() -> Live {
    Live::published(SandboxConfig::plain(14)).await.0
}

/// A script of ours around one of the tools.
fn script(name: &str, live: &Live) -> Command {
    let mut command = tool("python");
    let url = format!("{}/scim/v2", live.url);
    command.arg(file(name)).env("SCIM_URL", &url).env("SCIM_TOKEN", &live.idp);
    // The names that scim2-cli knows.
    command.env("SCIM_CLI_URL", &url).env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {}", live.idp));
    command
}

/// R-195, for a token that reads.
#[tokio::test(flavor = "multi_thread")]
async fn every_check_of_scim2_tester_that_needs_no_write_passes() {
    let live = directory().await;
    let said = content(script("scim_tester.py", &live)).await;
    assert!(said.contains(" 0 wrong;"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scim2_client_reads_everything() {
    let live = directory().await;
    let said = content(script("scim_client.py", &live)).await;
    assert!(said.contains("read 14 users, "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scim2_cli_reads_everything() {
    let live = directory().await;
    let said = content(script("scim_cli.py", &live)).await;
    assert!(said.contains("read all"), "{said}");
}
