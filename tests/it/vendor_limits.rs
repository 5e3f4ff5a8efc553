//! Tests how much of an HR system is read, and how a pull is ended. Covers lists without end, hostile pages, cancel and
//! pause.

use std::io::Write as _;
use std::time::Duration;

use chrono::TimeDelta;
use rollbook::clock::Clock;
use rollbook::flows::runs;
use rollbook::sandbox::{Effect, Fault, SandboxConfig};
use rollbook::store;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::ResponseTemplate;

use crate::support::database::TestDatabase;
use crate::support::hostile::{BULK, DEPARTMENTS, Endless, EndlessPages, Hostile, LIST, OFFBOARDINGS, ok, raw, row};
use crate::support::live::{Live, uuid};
use crate::support::program::{Program, folder, serve};
use crate::support::world::World;

/// Connects a hostile vendor, and gives the run of its preview.
async fn preview(live: &Live, vendor: &Hostile) -> (Uuid, Value) {
    let answer = live.call("POST", "/api/v1/connections", &live.admin, Some(&vendor.order())).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    live.world.work().await;
    (uuid(&answer.body()["id"]), live.run(&answer.body()).await)
}

async fn limited(rows: u64, pages: u64) -> Live {
    let mut live = Live::with(SandboxConfig::plain(1)).await;
    live.world.context.limits.rows = rows;
    live.world.context.limits.pages = pages;
    live
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_end_is_given_up_and_changes_nobody() {
    for (at, key) in
        [(BULK, ""), (OFFBOARDINGS, "offboardings"), (DEPARTMENTS, "company_departments"), (LIST, "employments")]
    {
        for (rows, pages, words) in [(1_000, 10_000, "records"), (1_000_000, 7, "pages")] {
            let live = limited(rows, pages).await;
            let vendor = Hostile::new().await;
            vendor.says(BULK, ResponseTemplate::new(404).set_body_json(json!({ "message": "Not found" })), 9).await;
            if at == BULK {
                vendor.says(at, Endless, 1).await;
            } else {
                vendor.says(at, EndlessPages(key), 1).await;
                vendor.says(BULK, ok(json!({ "data": [row(1)] })), if at == LIST { 10 } else { 8 }).await;
            }
            let (connection, run) = preview(&live, &vendor).await;
            let what = format!("{at} {words}: {run}");
            assert_eq!(
                (&run["state"], &run["problems"][0]["code"]),
                (&json!("incomplete"), &json!("tooLarge")),
                "{what}"
            );
            assert!(run["problems"][0]["message"].as_str().unwrap().contains(words), "{what}");
            assert_eq!(live.total().await, 0);
            // A preview that failed is tried again by itself.
            let shown = live.api(&format!("/connections/{connection}")).await;
            assert!(shown["nextRunAt"].is_string(), "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_takes_too_long_is_given_up() {
    let mut live = Live::with(SandboxConfig::plain(230)).await;
    live.world.context.limits.time = Duration::from_secs(90);
    live.world.vendor.set_bulk(false);
    let connection = live.connect(json!({ "requestsPerMinute": 3 })).await;
    let run = live.api(&format!("/connections/{connection}")).await["lastRun"]["id"].as_str().unwrap().to_owned();
    let run = live.api(&format!("/runs/{run}")).await;
    assert_eq!((&run["state"], &run["problems"][0]["code"]), (&json!("incomplete"), &json!("tooLarge")), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_records_leave_their_page_and_are_no_absence() {
    let live = Live::with(SandboxConfig::plain(1)).await;
    let vendor = Hostile::new().await;
    let page = |count: u64, more: &[&[u8]]| {
        let mut body = b"{\"data\": [".to_vec();
        for number in 0..count {
            body.extend_from_slice(row(number).to_string().as_bytes());
            body.extend_from_slice(b",");
        }
        body.extend_from_slice(&more.join(&b","[..]));
        body.extend_from_slice(b"]}");
        body
    };
    vendor.says(BULK, raw(page(99, &[row(99).to_string().as_bytes()])), 9).await;
    let (connection, run) = preview(&live, &vendor).await;
    assert_eq!((&run["state"], &run["counts"]["created"]), (&json!("succeeded"), &json!(100)), "{run}");
    live.finish(connection).await;

    // One is broken and can be named, one is broken and cannot, and one is missing.
    let broken: [&[u8]; 2] =
        [b"{\"work_email\": \"\xff\", \"id\": \"w98\"}", b"{\"id\": \"w97\", \"id\": \"w97\", \"n\": NaN}"];
    vendor.says(BULK, raw(page(97, &broken)), 1).await;
    for _ in 0..3 {
        live.world.advance(TimeDelta::hours(4));
        let run = live.sync(connection).await;
        assert_eq!((&run["state"], &run["counts"]["failed"]), (&json!("succeeded"), &json!(2)), "{run}");
        assert_eq!(run["counts"]["deactivated"], 0, "{run}");
    }
    assert_eq!(
        live.users("active eq true").await.len(),
        100,
        "nobody's absence is proven by a page with a nameless record"
    );
}

/// Carries out the next pull in the background; the connection hangs at the HR system.
async fn hanging(live: &Live) -> (tokio::task::JoinHandle<()>, Uuid) {
    live.world.vendor.fault(Fault::on(BULK, Effect::Hang)).unwrap();
    let connection = Uuid::parse_str(live.api("/connections").await["items"][0]["id"].as_str().unwrap()).unwrap();
    let asked =
        live.call("POST", &format!("/api/v1/connections/{connection}/sync"), &live.admin, Some(&json!({}))).await;
    let context = live.world.context.clone();
    let task = tokio::spawn(async move {
        runs::worker::work(&context).await.unwrap();
    });
    let run = uuid(&asked.body()["runId"]);
    while live.api(&format!("/runs/{run}")).await["state"] != "pulling" {
        tokio::task::yield_now().await;
    }
    (task, run)
}

/// Lets time pass until the node has noticed.
async fn noticed(live: &Live, task: tokio::task::JoinHandle<()>) {
    let began = live.world.now();
    while !task.is_finished() {
        live.world.advance(TimeDelta::seconds(1));
        tokio::task::yield_now().await;
        live.api("/runs?limit=1").await;
    }
    task.await.unwrap();
    assert!(live.world.now() - began < TimeDelta::minutes(4), "within seconds, not when the lease ends");
}

async fn cancel(live: &Live, run: &str) -> (u16, Value) {
    let body = json!({ "reason": "takes too long" });
    let answer = live.call("POST", &format!("/api/v1/runs/{run}/cancel"), &live.admin, Some(&body)).await;
    (answer.status, answer.body())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_hangs_can_be_cancelled_and_the_connection_goes_on() {
    let (live, connection) = Live::published(SandboxConfig::plain(20)).await;
    let (task, run) = hanging(&live).await;
    let (status, shown) = cancel(&live, &run.to_string()).await;
    assert_eq!((status, &shown["state"]), (202, &json!("pulling")), "{shown}");
    assert!(shown["cancelRequestedAt"].is_string(), "{shown}");
    assert_eq!(cancel(&live, &run.to_string()).await.0, 202, "once more is no mistake");
    noticed(&live, task).await;
    let shown = live.api(&format!("/runs/{run}")).await;
    assert_eq!((&shown["state"], &shown["problems"][0]["code"]), (&json!("cancelled"), &json!("cancelled")), "{shown}");
    assert_eq!(shown["problems"][0]["message"], "cancelled by admin: takes too long");
    assert_eq!(cancel(&live, &run.to_string()).await.0, 200);
    let audit = live.api("/audit?limit=500").await;
    let entries: Vec<&Value> =
        audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "run.cancel").collect();
    assert_eq!((entries.len(), &entries[0]["reason"]), (1, &json!("takes too long")));
    let shown = live.api(&format!("/connections/{connection}")).await;
    assert_eq!(shown["state"], "active");
    assert!(shown["nextRunAt"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap() > live.world.now());

    // One that waits in the queue ends at once; one that has ended otherwise cannot.
    live.world.vendor.clear_faults();
    let asked =
        live.call("POST", &format!("/api/v1/connections/{connection}/sync"), &live.admin, Some(&json!({}))).await;
    let (status, shown) = cancel(&live, asked.body()["runId"].as_str().unwrap()).await;
    assert_eq!((status, &shown["state"]), (200, &json!("cancelled")), "{shown}");
    let done = live.sync(connection).await;
    assert_eq!(done["state"], "succeeded");
    let (status, refused) = cancel(&live, done["id"].as_str().unwrap()).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")));
    assert_eq!(cancel(&live, &Uuid::nil().to_string()).await.0, 404);
    assert_eq!(live.total().await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_ends_the_pull_that_is_going() {
    let (live, connection) = Live::published(SandboxConfig::plain(20)).await;
    let (task, run) = hanging(&live).await;
    let answer =
        live.call("POST", &format!("/api/v1/connections/{connection}/pause"), &live.admin, Some(&json!({}))).await;
    assert_eq!((answer.status, &answer.body()["state"]), (200, &json!("paused")), "{}", answer.text);
    noticed(&live, task).await;
    assert_eq!(live.api(&format!("/runs/{run}")).await["state"], "cancelled");
    assert_eq!(live.api(&format!("/connections/{connection}")).await["state"], "paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_being_applied_is_not_left_half_done() {
    let live = Live::with(SandboxConfig::plain(20)).await;
    let connection = live.connect(json!({})).await;
    // No worker has begun to apply it yet.
    let asked =
        live.call("POST", &format!("/api/v1/connections/{connection}/finish"), &live.admin, Some(&json!({}))).await;
    let (status, refused) = cancel(&live, asked.body()["runId"].as_str().unwrap()).await;
    assert_eq!(status, 409, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("applying"), "{refused}");
    live.world.work().await;
    assert_eq!(live.total().await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_what_it_waits_for() {
    // The machine's clock: a wait has to last.
    let world = World::at(TestDatabase::migrated().await, SandboxConfig::plain(5), Clock::system()).await;
    let live = Live::around(world).await;
    live.world.vendor.fault(Fault::on(BULK, Effect::too_many(Some(60), None))).unwrap();
    let order = json!({
        "kind": "remote", "name": "Remote", "settings": { "baseUrl": live.world.running.base_url() },
        "credentials": { "apiToken": live.world.vendor.token() },
    });
    let asked = live.call("POST", "/api/v1/connections", &live.admin, Some(&order)).await.body();
    let context = live.world.context.clone();
    let task = tokio::spawn(async move { runs::worker::work(&context).await.unwrap() });
    let run = asked["runId"].as_str().unwrap();
    let shown = loop {
        let shown = live.api(&format!("/runs/{run}")).await;
        if !shown["waitingUntil"].is_null() {
            break shown;
        }
        assert!(!task.is_finished(), "{shown}");
        tokio::task::yield_now().await;
    };
    assert_eq!(shown["waitingFor"], "retryAfter", "{shown}");
    let left =
        shown["waitingUntil"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap() - live.world.now();
    assert!(left > TimeDelta::seconds(30) && left <= TimeDelta::seconds(61), "{left}");
    assert_eq!(cancel(&live, run).await.0, 202);
    task.await.unwrap();
    let shown = live.api(&format!("/runs/{run}")).await;
    assert_eq!((&shown["state"], &shown["waitingUntil"]), (&json!("cancelled"), &Value::Null), "{shown}");
    let mut conn = live.world.conn().await;
    assert!(store::runs::going(&mut conn, uuid(&asked["id"])).await.unwrap().is_none());
}

/// The high-water mark of a process's memory, in KiB.
fn high_water(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

fn packed(bytes: &[u8]) -> ResponseTemplate {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    raw(packer.finish().unwrap()).insert_header("content-encoding", "gzip")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_unpacks_to_millions_of_rows_does_not_fill_the_memory() {
    let folder = folder();
    let program = Program::start(serve(&folder.path().join("data"))).await;
    let mib = |many: usize, unit: &str| unit.repeat(many * 1024 * 1024 / unit.len());
    let bodies = [
        format!("{{\"data\": [{}{{}}]}}", mib(31, "{\"\":0},")),
        format!("{{\"data\": [{}{{}}]}}", mib(15, "{\"\":0},")),
        format!("{{\"data\": [{{\"id\": \"a\", \"x\": [{}0]}}]}}", mib(15, "0,")),
        format!("{{\"data\": [{}{}]}}", mib(7, "["), mib(7, "]")),
        format!("{{\"data\": {{{}\"y\": 0}}}}", mib(15, "\"\":0,")),
    ];
    // Each server is kept, since the next one could be given the same port, and would be the same account.
    let mut vendors = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let vendor = Hostile::new().await;
        vendor.says(BULK, packed(body.as_bytes()), 1).await;
        let mut order = vendor.order();
        order["name"] = json!(format!("Hostile {number}"));
        vendors.push(vendor);
        let made = program.post("/connections", &order).await;
        let run = made["runId"].as_str().unwrap().to_owned();
        loop {
            let shown = program.api(&format!("/runs/{run}")).await;
            if shown["endedAt"].is_string() {
                // One record that is too large or too deep is refused alone; the other pages are not read to their end.
                let expected = if matches!(number, 2 | 3) { ("succeeded", 1) } else { ("incomplete", 0) };
                assert_eq!(
                    (shown["state"].as_str(), shown["counts"]["failed"].as_i64()),
                    (Some(expected.0), Some(expected.1)),
                    "{number}: {shown}"
                );
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let used = high_water(program.id());
    assert!(used < 250 * 1024, "{used} KiB");
}
