//! Tests the stories about connecting an HR system and pulling from it, through the admin API and SCIM.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rollbook::sandbox::{Effect, Fault, Kind, SandboxConfig};
use serde_json::{Value, json};

use crate::support::live::{Live, WORKER, of_people, types};

/// 30 direct, 8 EOR, 4 contractors.
fn acme() -> SandboxConfig {
    SandboxConfig::mix(&[(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4)])
}

#[tokio::test(flavor = "multi_thread")]
async fn story_1_connect_review_finish() {
    let live = Live::with(acme()).await;
    let connection = live.connect(json!({})).await;
    let shown = live.api(&format!("/connections/{connection}")).await;
    assert_eq!(shown["state"], "review");
    let preview = shown["lastRun"]["id"].as_str().unwrap();
    let plan = live.api(&format!("/runs/{preview}")).await["planId"].as_str().unwrap().to_owned();
    let plan_shown = live.api(&format!("/plans/{plan}")).await;
    assert_eq!(plan_shown["counts"]["created"], 42, "{plan_shown}");
    let map = &plan_shown["valueMap"]["workerTypes"];
    assert_eq!(map["EOR Employee"], "Employee");
    assert_eq!(map["Direct Employee"], "Employee");
    assert_eq!(map["Contractor"], "Contractor");
    let items = live.api(&format!("/plans/{plan}/changes?limit=100")).await["items"].clone();
    let items = items.as_array().unwrap();
    assert_eq!(items.iter().filter(|item| item["kind"] == "create").count(), 42);
    let mut raw: Vec<&str> = items.iter().map(|item| item["person"]["workerType"].as_str().unwrap()).collect();
    raw.sort_unstable();
    raw.dedup();
    assert_eq!(raw, ["Contractor", "Direct Employee", "EOR Employee"]);
    assert_eq!(live.total().await, 0);
    assert!(live.feed(0).await.is_empty());

    let asked = live.post(&format!("/connections/{connection}/finish"), json!({ "planId": plan })).await;
    assert_eq!(live.run(&asked).await["counts"]["created"], 42);
    assert_eq!(live.total().await, 42);
    assert_eq!(live.users("active eq true").await.len(), 42);
    let feed = of_people(live.feed(0).await);
    assert_eq!(types(&feed), ["person.created"; 42]);
    let people: BTreeSet<&str> = feed.iter().map(|event| event["personId"].as_str().unwrap()).collect();
    assert_eq!(people.len(), 42);
    let user = live.user(&live.email_of(41)).await;
    assert_eq!(
        (&user[WORKER]["employmentType"], &user[WORKER]["workerType"]),
        (&json!("Contractor"), &json!("Contractor"))
    );
    assert_eq!(live.api(&format!("/connections/{connection}")).await["state"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn story_2_an_unmapped_worker_type_waits_and_the_others_go_on() {
    let (live, connection) = Live::published(acme()).await;
    let vendor = &live.world.vendor;
    let intern = vendor.add(&json!({ "type": "Intern", "work_email": "ida.intern@acme.example" })).unwrap();
    vendor.add(&json!({ "work_email": "new.colleague@acme.example" })).unwrap();
    vendor.patch(3, &json!({ "job_title": "Astronaut" })).unwrap();
    let run = live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(
        [&run["counts"]["created"], &run["counts"]["updated"], &run["counts"]["withheld"]],
        [&json!(1), &json!(1), &json!(1)],
        "{run}"
    );
    assert_eq!(live.total().await, 43);
    assert_eq!(live.user(&live.email_of(3)).await["title"], "Astronaut");
    let reviews = live.reviews().await;
    assert_eq!(reviews.len(), 1, "{reviews:?}");
    assert_eq!(reviews[0]["title"], "unmapped worker type");
    assert_eq!((&reviews[0]["sourceId"], &reviews[0]["detail"]["word"]), (&intern["id"], &json!("Intern")));
    let shown = live.api(&format!("/connections/{connection}")).await;
    let problems = shown["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["code"] == "unmappedWorkerType" && problem["count"] == 1), "{shown}");
    assert_eq!(shown["state"], "active");

    let asked = vendor.statistics().total;
    let mapping = live.api(&format!("/connections/{connection}/mapping")).await;
    assert_eq!(mapping["unmapped"]["workerTypes"], json!(["Intern"]));
    let mut types = mapping["workerTypes"].clone();
    types["Intern"] = json!("Intern");
    let body = json!({ "workerTypes": types });
    let path = format!("/api/v1/connections/{connection}/mapping");
    let answer = live.call("PUT", &path, &live.admin, Some(&body)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    live.world.work().await;
    assert_eq!(vendor.statistics().total, asked, "without a new fetch");
    let user = live.user("ida.intern@acme.example").await;
    assert_eq!((&user[WORKER]["employmentType"], &user[WORKER]["workerType"]), (&json!("Intern"), &json!("Intern")));
    assert_eq!(live.total().await, 44);
    assert!(live.reviews().await.is_empty());
    assert_eq!(live.api(&format!("/connections/{connection}")).await["problems"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn story_7_blank_keys_never_match() {
    let live = Live::with(SandboxConfig::mix(&[(Kind::Upcoming, 3)])).await;
    let vendor = &live.world.vendor;
    let blank = json!({ "work_email": null, "external_id": null, "short_id": null });
    let ids: Vec<Value> = (0..3).map(|n| vendor.patch(n, &blank).unwrap()["id"].clone()).collect();
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    let reviews = live.reviews().await;
    assert_eq!(reviews.iter().map(|review| review["title"].clone()).collect::<Vec<_>>(), ["missing work email"; 3]);
    let about: BTreeSet<String> = reviews.iter().map(|review| review["sourceId"].to_string()).collect();
    assert_eq!(about, ids.iter().map(Value::to_string).collect());
    assert_eq!(live.total().await, 0);
    assert_eq!(live.api("/people").await["items"], json!([]));

    vendor.patch(1, &json!({ "work_email": "second@acme.example" })).unwrap();
    let run = live.sync(connection).await;
    assert_eq!(run["counts"]["created"], 1, "{run}");
    assert_eq!(live.total().await, 1);
    let user = live.user("second@acme.example").await;
    assert_eq!(user[WORKER]["sourceWorkerId"], ids[1]);
    assert_eq!((&user["active"], &user[WORKER]["employmentStatus"]), (&json!(false), &json!("Pending")));
    let left: BTreeSet<String> = live.reviews().await.iter().map(|review| review["sourceId"].to_string()).collect();
    assert_eq!(left, [ids[0].to_string(), ids[2].to_string()].into());
    assert_eq!(types(&of_people(live.feed(0).await)), ["person.created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn story_17_an_incomplete_fetch_changes_nobody() {
    let config = SandboxConfig { bulk: false, ..SandboxConfig::plain(400) };
    let (live, connection) = Live::published(config).await;
    let vendor = &live.world.vendor;
    let feed = live.feed(0).await;
    vendor.patch(7, &json!({ "job_title": "Astronaut" })).unwrap();
    vendor.fault(Fault::on("/v1/employments", Effect::status(500)).exactly().page(3)).unwrap();
    live.world.advance(TimeDelta::hours(1));
    let run = live.sync(connection).await;
    assert_eq!(run["state"], "incomplete");
    assert!(vendor.faults()[0].met > 1, "it was tried again before");
    let message = run["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("/v1/employments") && message.contains("500"), "{message}");
    assert_eq!(live.api(&format!("/connections/{connection}")).await["state"], "failing");
    assert_eq!((live.total().await, live.feed(0).await), (400, feed.clone()));

    vendor.clear_faults();
    vendor.fault(Fault::on("/v1/employments", Effect::Empty)).unwrap();
    live.world.advance(TimeDelta::hours(1));
    let run = live.sync(connection).await;
    assert_eq!((&run["state"], &run["problems"][0]["code"]), (&json!("incomplete"), &json!("emptyAnswer")), "{run}");
    assert_eq!(live.users("active eq false").await.len(), 0);
    assert_eq!((live.total().await, live.feed(0).await.len()), (400, feed.len()));
}

/// The part about paging by index, with the changes that a pull makes.
#[tokio::test(flavor = "multi_thread")]
async fn story_23_a_walk_by_index_stays_exact_while_a_pull_changes_people() {
    let (live, connection) = Live::published(SandboxConfig::plain(1250)).await;
    let vendor = &live.world.vendor;
    let originals: BTreeSet<String> =
        of_people(live.feed(0).await).iter().map(|event| event["personId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(originals.len(), 1250);
    let (mut seen, mut start, mut page) = (Vec::new(), 1, 0);
    loop {
        let list = live.scim(&format!("/Users?startIndex={start}&count=100")).await.list();
        assert_eq!(list["totalResults"], 1250 + 10 * page.min(2), "page {page}");
        let found = list["Resources"].as_array().unwrap();
        seen.extend(found.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        start += found.len();
        if found.len() < 100 {
            break;
        }
        page += 1;
        if page > 2 {
            continue;
        }
        // In two pulls between pages: 50 updated, 20 created, 10 deactivated, all over the list.
        for n in 0..25 {
            vendor.patch((page * 25 + n) * 16, &json!({ "job_title": format!("Title {page}") })).unwrap();
        }
        for n in 0..10 {
            vendor.add(&json!({ "work_email": format!("joiner.{page}.{n}@acme.example") })).unwrap();
        }
        for n in 0..5 {
            let gone = json!({ "status": "archived", "termination_date": "2026-11-19" });
            vendor.patch(page * 300 + n * 101 + 6, &gone).unwrap();
        }
        let run = live.sync(connection).await;
        let counts = &run["counts"];
        assert_eq!([&counts["created"], &counts["updated"], &counts["deactivated"]], [10, 25, 5], "{run}");
    }
    let distinct: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(distinct.len(), seen.len(), "nobody is read twice");
    assert!(originals.is_subset(&distinct), "nobody who was there is missing");
    assert_eq!(live.users("active eq false").await.len(), 10);
    assert_eq!(vendor.statistics().rate_limited, 0);
}
