//! Tests the first minute of the program (story 26, for Remote alone), and stopping in order.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use rollbook::sandbox::{Effect, Fault, NEVER_STORE, NEVER_STORE_AMOUNT, Sandbox, SandboxConfig, system_time};
use serde_json::{Value, json};

use crate::support::live::{ENTERPRISE, WORKER};
use crate::support::program::{Program, folder, rollbook, serve};

/// What the demo prints for the user to copy.
struct Printed {
    base: String,
    read: String,
    admin: String,
}

async fn demo(data: &Path) -> (Program, Printed) {
    let mut command = rollbook(&["demo", "--listen", "127.0.0.1:0", "--workers", "60", "--members", "60"]);
    command.env("ROLLBOOK_DATA_DIR", data).env("RUST_LOG", "debug");
    let mut program = Program::spawn(command);
    let printed = Printed {
        base: program.said("base URL ", Program::out).await,
        read: program.said("read token ", Program::out).await,
        admin: program.said("admin token ", Program::out).await,
    };
    program.said("Ctrl-C stops", Program::out).await;
    program.serving_at(printed.base.strip_suffix("/scim/v2").unwrap()).await;
    (program, printed)
}

async fn people(program: &Program, printed: &Printed) -> Vec<Value> {
    let list = program.get("/scim/v2/Users?count=500", &printed.read).await.list();
    list["Resources"].as_array().unwrap().clone()
}

async fn events(program: &Program, printed: &Printed) -> Vec<Value> {
    let answer = program.get("/api/v1/events?limit=500", &printed.admin).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body()["items"].as_array().unwrap().clone()
}

/// Processes that have a file of this directory as their working directory: the cluster runs in its data.
fn processes_in(data: &Path) -> usize {
    let within = |entry: &fs::DirEntry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(data));
    fs::read_dir("/proc").unwrap().flatten().filter(within).count()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_first_minute_ends_in_order_and_a_second_start_finds_everything_as_it_was() {
    let folder = folder();
    let data = folder.path().join("data");
    let (program, printed) = demo(&data).await;
    assert_ne!(printed.read, printed.admin);

    // The lines that it prints to try, by their addresses.
    let out = program.out();
    let lines: Vec<&str> = out.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), 3, "{out}");
    let mut answers = Vec::new();
    for line in lines {
        let url = line.split('\'').find(|part| part.starts_with("http")).unwrap();
        let token = line.split("Bearer ").nth(1).unwrap().split('\'').next().unwrap();
        let filter = line.split("--data-urlencode 'filter=").nth(1).map(|filter| filter.trim_end_matches('\''));
        let filter = filter.map(|filter| format!("?filter={}", crate::support::served::encoded(filter)));
        let path = url.strip_prefix(program.url()).unwrap_or_else(|| panic!("{url} is not {}", program.url()));
        let answer = program.get(&format!("{path}{}", filter.unwrap_or_default()), token).await;
        assert_eq!(answer.status, 200, "{line}: {}", answer.text);
        let body = answer.body();
        answers.push(body);
    }
    // A person that both HR systems know, with the source of each value.
    let merged = &answers[0];
    let systems =
        |of: &[Value]| of.iter().map(|one| one["connection"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let both = BTreeSet::from(["Justworks (simulated)".to_owned(), "Remote (simulated)".to_owned()]);
    assert_eq!(systems(merged["workers"].as_array().unwrap()), both, "{merged}");
    // A value that only an ended contract stated is absent, and so has no source.
    let sourced = |unit: &Value| unit["from"]["connection"].is_string() == unit["winner"].is_object();
    assert!(merged["units"].as_array().unwrap().iter().all(sourced), "{merged}");
    // A person whose manager is in the other one.
    let led = &answers[1]["Resources"][0];
    let system = |user: &Value| user[WORKER]["sourceSystem"].as_str().unwrap().to_owned();
    let manager = format!("/scim/v2/Users/{}", led[ENTERPRISE]["manager"]["value"].as_str().unwrap());
    let manager = program.get(&manager, &printed.read).await.body();
    assert_ne!(system(led), system(&manager), "{led}");
    // A group with members of both.
    let members = answers[2]["Resources"][0]["members"].as_array().unwrap();
    let everybody = people(&program, &printed).await;
    let of_group: BTreeSet<String> = everybody
        .iter()
        .filter(|user| members.iter().any(|member| member["value"] == user["id"]))
        .map(system)
        .collect();
    assert_eq!(of_group.len(), 2, "{}", answers[2]);

    let before = people(&program, &printed).await;
    let told = events(&program, &printed).await;
    assert!(before.len() > 30 && told.len() >= before.len(), "{} {}", before.len(), told.len());
    let complete = before.iter().filter(|user| {
        user[ENTERPRISE]["manager"]["value"].is_string()
            && user[ENTERPRISE]["department"].is_string()
            && user[WORKER]["employmentType"].is_string()
    });
    assert!(complete.count() > before.len() / 2, "people have manager, department and employment type");
    assert!(processes_in(&data) > 0);

    // What is not to be kept is not printed either. Neither are secrets and people (laws 8 and 9, R-181).
    let log = program.err();
    for secret in [&printed.read, &printed.admin, NEVER_STORE, &NEVER_STORE_AMOUNT.to_string(), "ra_test_"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    for user in &before {
        for personal in [&user["userName"], &user["name"]["familyName"]].map(|value| value.as_str().unwrap()) {
            let word =
                |line: &str| line.split(|c: char| !c.is_alphanumeric() && !"@.-_".contains(c)).any(|w| w == personal);
            assert!(!log.lines().any(word), "{personal} is in the log");
        }
        // As a library would show the bytes of a statement's value.
        let bytes = user["userName"].as_str().unwrap().bytes().map(|byte| byte.to_string()).collect::<Vec<_>>();
        assert!(!log.contains(&bytes.join(", ")), "{} is in the log, as bytes", user["userName"]);
    }

    program.signal(Signal::SIGINT);
    let (status, _, err) = program.ended().await;
    assert!(status.success(), "{status}: {err}");
    assert_eq!(processes_in(&data), 0, "the cluster is stopped with it");
    assert!(!data.join("postgres/postmaster.pid").exists(), "in order");

    let (program, again) = demo(&data).await;
    assert_eq!((&again.read, &again.admin), (&printed.read, &printed.admin));
    assert_eq!(
        strip(&people(&program, &again).await, &again.base),
        strip(&before, &printed.base),
        "the same people, with the same ids and versions"
    );
    assert_eq!(events(&program, &again).await, told, "nothing new in the feed");
    program.signal(Signal::SIGINT);
    let (status, _, err) = program.ended().await;
    assert!(status.success(), "{err}");
}

/// Without the address, which is another after a restart on a free port.
fn strip(users: &[Value], base: &str) -> String {
    let base = base.trim_end_matches('/');
    let root = base.trim_end_matches("/scim/v2");
    let mut users = users.to_vec();
    for user in &mut users {
        // A version is that of the links as well.
        user["meta"].as_object_mut().unwrap().remove("version");
    }
    serde_json::to_string(&users).unwrap().replace(root, "")
}

/// Given back, a lease need not run out: the next start goes on at once.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_during_a_pull_it_goes_on_at_the_next_start() {
    let vendor = Sandbox::new(SandboxConfig::plain(300), Arc::new(system_time));
    let running = vendor.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let folder = folder();
    let data = folder.path().join("data");
    // The second page never comes.
    vendor.fault(Fault::on("/v1/employments/bulk", Effect::Hang).from(2)).unwrap();
    let mut program = Program::start(serve(&data)).await;
    let order = json!({
        "kind": "remote", "name": "Remote", "settings": { "baseUrl": running.base_url() },
        "credentials": { "apiToken": vendor.token() },
    });
    let made = program.post("/connections", &order).await;
    let path = format!("/connections/{}", made["id"].as_str().unwrap());
    let run = made["runId"].as_str().unwrap().to_owned();
    program
        .until("the first page is read", async |program| {
            program.api(&format!("/runs/{run}")).await["progress"]["pages"] == 1
        })
        .await;
    let begun = std::time::Instant::now();
    program.signal(Signal::SIGTERM);
    let (status, _, err) = program.ended().await;
    assert!(status.success(), "{err}");
    assert!(begun.elapsed() < Duration::from_secs(30), "a vendor that does not answer holds nobody up");

    vendor.clear_faults();
    let mut program = Program::start(serve(&data)).await;
    program
        .until("the preview has ended", async |program| program.api(&path).await["lastRun"]["state"] == "succeeded")
        .await;
    let interrupted = program.api(&format!("/runs/{run}")).await;
    assert_eq!(interrupted["state"], "interrupted", "{interrupted}");
    let next = program.api(&path).await["lastRun"]["id"].as_str().unwrap().to_owned();
    assert_ne!(next, run);
    assert!(interrupted["problems"][0]["message"].as_str().unwrap().contains(&next), "{interrupted}");
    assert_eq!(program.api(&format!("/runs/{next}")).await["counts"]["created"], 300);
    running.stop().await;
}
