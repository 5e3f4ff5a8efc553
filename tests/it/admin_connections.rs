//! Tests connections through the admin API: stories 1 to 4 of the acceptance stories, as far as Remote allows.

use chrono::{DateTime, TimeDelta, Utc};
use rollbook::sandbox::{Kind, SandboxConfig};
use serde_json::{Value, json};

use crate::support::admin::Desk;

/// The company of story 1.
fn acme() -> SandboxConfig {
    SandboxConfig::mix(&[(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4)])
}

async fn users(desk: &Desk, token: &str, query: &str) -> Value {
    let answer = desk.send("GET", &format!("/scim/v2/Users{query}"), token, &[], None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body()
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// Story 1.
#[tokio::test(flavor = "multi_thread")]
async fn connect_review_finish() {
    let desk = Desk::with(acme()).await;
    let (_, idp) = desk.consumer("idp", &["scim:read"]).await;
    let made = desk.post("/connections", desk.order("Acme")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let connection = made.body();
    let id = connection["id"].as_str().unwrap();
    assert_eq!(made.header("location"), Some(format!("/api/v1/connections/{id}").as_str()));
    assert_eq!(connection["state"], "review");
    assert!(!made.text.contains(&desk.world.vendor.token()), "the credential is never shown");
    desk.world.work().await;

    let run = desk.get(&format!("/runs/{}", connection["runId"].as_str().unwrap())).await.body();
    assert_eq!((&run["state"], &run["preview"]), (&json!("succeeded"), &json!(true)));
    assert_eq!(run["counts"]["created"], 42);
    assert_eq!((&run["progress"]["workers"], &run["progress"]["pages"]), (&json!(42), &json!(1)), "{run}");
    let plan_id = run["planId"].as_str().unwrap();
    let plan = desk.get(&format!("/plans/{plan_id}")).await.body();
    assert_eq!((&plan["state"], &plan["counts"]["created"]), (&json!("ready"), &json!(42)));
    let types = &plan["valueMap"]["workerTypes"];
    assert_eq!(
        [&types["EOR Employee"], &types["Direct Employee"], &types["Contractor"]],
        ["Employee", "Employee", "Contractor"]
    );
    let changes = desk.walk(&format!("/plans/{plan_id}/changes"), 10).await;
    assert_eq!(changes.len(), 42);
    assert!(changes.iter().all(|change| change["kind"] == "create" && change["event"] == "person.created"));
    let of_type = |kind: &str| changes.iter().filter(|change| change["person"]["workerType"] == kind).count();
    assert_eq!([of_type("Direct Employee"), of_type("EOR Employee"), of_type("Contractor")], [30, 8, 4]);
    assert!(
        changes.iter().any(|change| change["person"]["managerId"].is_string()),
        "managers are resolved in the plan"
    );
    let everything = json!(changes).to_string();
    assert!(!everything.to_lowercase().contains("birth"), "no birth date in a plan");
    assert_eq!(users(&desk, &idp, "").await["totalResults"], 0);

    let finish = desk.post(&format!("/connections/{id}/finish"), json!({ "planId": plan_id, "reason": "seen" })).await;
    assert_eq!(finish.status, 200, "{}", finish.text);
    desk.world.work().await;
    let run = desk.get(&format!("/runs/{}", finish.body()["runId"].as_str().unwrap())).await.body();
    assert_eq!((&run["state"], &run["counts"]["created"]), (&json!("succeeded"), &json!(42)), "{run}");
    assert_eq!(users(&desk, &idp, "").await["totalResults"], 42);
    let events = desk.walk("/events", 5).await;
    let sequences: Vec<i64> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    let last = i64::try_from(events.len()).unwrap();
    assert_eq!(sequences, (1..=last).collect::<Vec<_>>());
    assert!(events.iter().all(|event| event["runId"] == run["id"]));
    let (people, groups): (Vec<_>, Vec<_>) = events.iter().partition(|event| event["groupId"].is_null());
    assert_eq!(people.len(), 42);
    assert!(people.iter().all(|event| event["type"] == "person.created"));
    assert!(!groups.is_empty() && groups.iter().all(|event| event["type"] == "group.created"));
    assert_eq!(desk.items(&format!("/events?after={}", last - 2)).await.len(), 2);
    let changes = desk.walk(&format!("/runs/{}/changes", run["id"].as_str().unwrap()), 20).await;
    assert_eq!(changes.len(), events.len());

    let connection = desk.get(&format!("/connections/{id}")).await.body();
    assert_eq!(connection["state"], "active");
    assert_eq!(
        connection["tally"],
        json!({ "vendor": 42, "published": 42, "withheld": 0, "excluded": 0, "undecided": 0, "missing": 0, "unreadable": 0, "planned": false })
    );
    assert_eq!(connection["lastRun"]["id"], run["id"]);
    assert_eq!((&connection["freshness"]["level"], &connection["problems"]), (&json!("ok"), &json!([])));
    let again = desk.post(&format!("/connections/{id}/finish"), json!({})).await;
    again.problem(409, "conflict");
    let audit = desk.items("/audit").await;
    let entry = audit.iter().find(|entry| entry["action"] == "connection.finish").unwrap();
    assert_eq!((&entry["tokenName"], &entry["reason"]), (&json!("admin (configured)"), &json!("seen")));
    desk.stop().await;
}

/// Story 2.
#[tokio::test(flavor = "multi_thread")]
async fn an_unmapped_worker_type_waits_and_appears_once_it_is_mapped_without_a_new_fetch() {
    let desk = Desk::with(SandboxConfig::plain(20)).await;
    let id = desk.publish().await;
    let before = desk.world.vendor.statistics().requests;
    desk.world.vendor.patch(3, &json!({ "job_title": "Astronaut" })).unwrap();
    desk.world.vendor.add(&json!({ "employment_model": "intern", "type": "intern", "full_name": "Ida Tern" })).unwrap();
    let run = desk.sync(&id, TimeDelta::hours(1)).await;
    assert_eq!((&run["state"], &run["counts"]["withheld"]), (&json!("succeeded"), &json!(1)), "{run}");
    assert_eq!(run["counts"]["updated"], 1, "the others are applied");

    let reviews = desk.items(&format!("/reviews?connectionId={id}")).await;
    assert_eq!(reviews.len(), 1);
    assert_eq!(reviews[0]["title"], "unmapped worker type");
    let word = reviews[0]["detail"]["word"].as_str().unwrap().to_owned();
    let one = desk.get(&format!("/reviews/{}", reviews[0]["id"].as_str().unwrap())).await;
    assert_eq!(one.body()["reason"], "unmappedWorkerType");
    let connection = desk.get(&format!("/connections/{id}")).await.body();
    assert_eq!(connection["problems"][0]["code"], "unmappedWorkerType");
    assert_eq!(connection["problems"][0]["message"], "1 worker waits: unmapped worker type");
    assert_eq!((&connection["tally"]["withheld"], &connection["tally"]["published"]), (&json!(1), &json!(20)));
    let withheld = desk.items(&format!("/connections/{id}/workers?disposition=withheld")).await;
    assert_eq!((withheld.len(), &withheld[0]["reason"]), (1, &json!("unmappedWorkerType")));
    assert_eq!(desk.walk(&format!("/connections/{id}/workers"), 3).await.len(), 21);

    let mapping = desk.get(&format!("/connections/{id}/mapping")).await.body();
    assert_eq!(mapping["unmapped"]["workerTypes"], json!([word]));
    let seen = mapping["seen"]["workerTypes"].as_array().unwrap();
    assert_eq!(seen.iter().map(|seen| seen["workers"].as_i64().unwrap()).sum::<i64>(), 21);

    // What GET shows can be sent back, changed.
    let mut changed = mapping.clone();
    changed["workerTypes"][&word] = json!("Intern");
    let path = format!("/connections/{id}/mapping");
    let preview = desk.put(&format!("{path}?preview=true"), changed.clone()).await;
    assert_eq!(preview.status, 200, "{}", preview.text);
    let plan = preview.body()["planId"].as_str().unwrap().to_owned();
    let would = desk.items(&format!("/plans/{plan}/changes")).await;
    assert_eq!(would.len(), 1, "{would:?}");
    assert_eq!((&would[0]["kind"], &would[0]["person"]["employmentType"]), (&json!("create"), &json!("Intern")));
    assert_eq!(desk.get(&path).await.body(), mapping, "a preview writes nothing");

    let fetched = desk.world.vendor.statistics().requests;
    assert!(fetched > before);
    let put = desk.put(&path, changed).await;
    assert_eq!(put.status, 202, "{}", put.text);
    desk.world.work().await;
    let run = desk.get(&format!("/runs/{}", put.body()["runId"].as_str().unwrap())).await.body();
    assert_eq!((&run["state"], &run["counts"]["created"]), (&json!("succeeded"), &json!(1)), "{run}");
    assert_eq!(desk.world.vendor.statistics().requests, fetched, "no new fetch");
    assert_eq!(desk.items("/reviews").await.len(), 0);
    assert_eq!(desk.items("/reviews?state=closed").await.len(), 1);
    assert_eq!(desk.get(&format!("/connections/{id}")).await.body()["problems"], json!([]));
    desk.stop().await;
}

/// Story 3.
#[tokio::test(flavor = "multi_thread")]
async fn sync_now_twice_is_one_run_and_the_next_comes_after_the_interval() {
    let desk = Desk::with(SandboxConfig::plain(10)).await;
    let id = desk.publish().await;
    desk.world.advance(TimeDelta::minutes(20));
    let asked_at = desk.world.now();
    let first = desk.post(&format!("/connections/{id}/sync"), json!({})).await;
    desk.world.advance(TimeDelta::seconds(5));
    let second = desk.post(&format!("/connections/{id}/sync"), json!({})).await;
    assert_eq!([first.status, second.status], [202, 202]);
    assert_eq!(first.body()["runId"], second.body()["runId"]);
    let runs_before = desk.items(&format!("/runs?connectionId={id}")).await;
    assert_eq!(runs_before[0]["state"], "queued");
    desk.world.work().await;
    let runs = desk.items(&format!("/runs?connectionId={id}")).await;
    assert_eq!(runs.len(), runs_before.len());
    assert_eq!((&runs[0]["id"], &runs[0]["state"]), (&first.body()["runId"], &json!("succeeded")));
    let next = instant(&desk.get(&format!("/connections/{id}")).await.body()["nextRunAt"]);
    let wait = next - asked_at;
    assert!((TimeDelta::minutes(162)..=TimeDelta::minutes(199)).contains(&wait), "{wait}");
    desk.stop().await;
}

/// Story 4, with the data that Remote provides.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_keeps_serving_until_it_is_renewed() {
    let desk = Desk::with(SandboxConfig::plain(30)).await;
    let (_, idp) = desk.consumer("idp", &["scim:read"]).await;
    let id = desk.publish().await;
    let events = desk.items("/events").await.len();
    desk.world.vendor.revoke_token();
    let run = desk.sync(&id, TimeDelta::hours(1)).await;
    assert_eq!((&run["state"], &run["problems"][0]["code"]), (&json!("failed"), &json!("unauthorized")), "{run}");
    let connection = desk.get(&format!("/connections/{id}")).await.body();
    assert_eq!(connection["state"], "needsReauthorization");
    assert_eq!(instant(&connection["stateSince"]), instant(&run["endedAt"]));
    let problem = &connection["problems"][0];
    assert_eq!((&problem["code"], &problem["status"]), (&json!("needsReauthorization"), &json!(401)));
    assert!(problem["at"].is_string() && problem["remedy"].as_str().unwrap().contains("reauthorize"), "{problem}");
    assert_eq!(connection["nextRunAt"], Value::Null);
    assert_eq!(users(&desk, &idp, "").await["totalResults"], 30);
    let alerts = desk.items(&format!("/events?after={events}")).await;
    assert_eq!(alerts.len(), 1, "one alert: {alerts:?}");
    assert_eq!(
        (&alerts[0]["type"], &alerts[0]["connectionId"]),
        (&json!("connection.needsReauthorization"), &json!(id))
    );
    desk.post(&format!("/connections/{id}/sync"), json!({})).await.problem(409, "conflict");

    let path = format!("/connections/{id}/reauthorize");
    let wrong = desk.post(&path, json!({ "credentials": { "apiToken": "not-the-one" } })).await;
    let problem = wrong.problem(422, "credentialRefused");
    assert!(!wrong.text.contains("not-the-one"), "{problem}");
    let token = desk.world.vendor.rotate_token();
    let renewed = desk.post(&path, json!({ "credentials": { "apiToken": token }, "reason": "rotated" })).await;
    assert_eq!(renewed.status, 202, "{}", renewed.text);
    desk.world.work().await;
    let run = desk.get(&format!("/runs/{}", renewed.body()["runId"].as_str().unwrap())).await.body();
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!((&run["counts"]["created"], &run["counts"]["deactivated"]), (&json!(0), &json!(0)));
    let connection = desk.get(&format!("/connections/{id}")).await.body();
    assert_eq!((&connection["state"], &connection["problems"]), (&json!("active"), &json!([])));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connection_is_not_pulled_and_its_data_gets_stale() {
    let desk = Desk::with(SandboxConfig::plain(5)).await;
    let id = desk.publish().await;
    let paused = desk.post(&format!("/connections/{id}/pause"), json!({ "reason": "holidays" })).await;
    assert_eq!((paused.status, &paused.body()["state"]), (200, &json!("paused")));
    let level = async |later| {
        desk.world.advance(later);
        desk.world.work().await;
        desk.get(&format!("/connections/{id}")).await.body()["freshness"]["level"].as_str().unwrap().to_owned()
    };
    assert_eq!(level(TimeDelta::hours(5)).await, "ok");
    assert_eq!(level(TimeDelta::hours(2)).await, "warning");
    assert_eq!(level(TimeDelta::hours(18)).await, "critical");
    desk.post(&format!("/connections/{id}/sync"), json!({})).await.problem(409, "conflict");
    let resumed = desk.post(&format!("/connections/{id}/resume"), json!({})).await;
    assert_eq!((resumed.status, &resumed.body()["state"]), (200, &json!("active")));
    assert_eq!(level(TimeDelta::seconds(1)).await, "ok");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_connected_is_refused_and_nothing_is_stored() {
    let desk = Desk::with(SandboxConfig::plain(5)).await;
    let mut order = desk.order("Acme");
    order["credentials"]["apiToken"] = json!("wrong-token-of-somebody");
    let refused = desk.post("/connections", order).await;
    refused.problem(422, "credentialRefused");
    assert!(!refused.text.contains("wrong-token"), "{}", refused.text);
    let mut order = desk.order("Acme");
    order["settings"]["bsaeUrl"] = json!("x");
    desk.post("/connections", order).await.problem(422, "settings");
    assert_eq!(desk.items("/connections").await.len(), 0);
    assert_eq!(desk.post("/connections", desk.order("Acme")).await.status, 201);
    let problem = desk.post("/connections", desk.order("ACME")).await.problem(409, "conflict");
    assert_eq!(problem["detail"], "there is a connection named `ACME` already");
    assert_eq!(desk.items("/connections").await.len(), 1);
    desk.stop().await;
}
