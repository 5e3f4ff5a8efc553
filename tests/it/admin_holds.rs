//! Tests holds through the admin API (story 16, as far as a plan is held whole).

use chrono::TimeDelta;
use rollbook::sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::support::admin::Desk;

/// Makes 24 people, 6 of them missing from two complete reads; answers the connection and the hold.
async fn held() -> (Desk, String, Value) {
    let desk = Desk::with(SandboxConfig::plain(24)).await;
    let id = desk.publish().await;
    for who in 10..16 {
        desk.world.vendor.remove(who, false).unwrap();
    }
    let run = desk.sync(&id, TimeDelta::hours(1)).await;
    assert_eq!((&run["counts"]["deactivated"], &run["counts"]["held"]), (&json!(0), &json!(0)), "{run}");
    assert_eq!(desk.items("/holds").await.len(), 0);
    let run = desk.sync(&id, TimeDelta::minutes(31)).await;
    assert_eq!((&run["counts"]["deactivated"], &run["counts"]["held"]), (&json!(0), &json!(6)), "{run}");
    let holds = desk.items("/holds?state=open").await;
    assert_eq!(holds.len(), 1);
    assert_eq!(holds[0]["runId"], run["id"]);
    (desk, id, holds[0].clone())
}

async fn active(desk: &Desk) -> i64 {
    desk.world.number("SELECT count(*) FROM people WHERE active").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_names_who_would_leave_and_is_approved_by_a_named_token() {
    let (desk, id, hold) = held().await;
    let leavers = hold["leavers"].as_array().unwrap();
    assert_eq!(leavers.len(), 6);
    for leaver in leavers {
        assert!(leaver["displayName"].as_str().is_some_and(|name| !name.is_empty()), "{leaver}");
        assert!(leaver["workEmail"].as_str().unwrap().contains('@'));
        assert!(leaver["why"].as_str().unwrap().starts_with("missing from complete reads"), "{leaver}");
    }
    assert_eq!((&hold["percent"], &hold["activePeople"]), (&json!(25.0), &json!(24)));
    assert_eq!(hold["connection"], "Acme");
    assert_eq!(active(&desk).await, 24);
    let problems = desk.get(&format!("/connections/{id}")).await.body()["problems"].clone();
    assert_eq!((&problems[0]["code"], &problems[0]["holdId"]), (&json!("hold"), &hold["id"]));
    assert_eq!(desk.get(&format!("/plans/{}", hold["planId"].as_str().unwrap())).await.body()["state"], "held");

    let (_, anna) = desk.consumer("Anna", &["admin"]).await;
    let path = format!("/holds/{}", hold["id"].as_str().unwrap());
    let body = json!({ "reason": "the office in Lima closed" }).to_string();
    let approved = desk.call("POST", &format!("{path}/approve"), &anna, Some(body)).await;
    assert_eq!(approved.status, 202, "{}", approved.text);
    desk.world.work().await;
    assert_eq!(active(&desk).await, 18);
    let decided = desk.get(&path).await.body();
    assert_eq!((&decided["state"], &decided["decidedBy"]), (&json!("approved"), &json!("Anna")));
    assert_eq!(decided["reason"], "the office in Lima closed");
    assert_eq!(decided["decisionRunId"], approved.body()["runId"]);
    desk.post(&format!("{path}/reject"), json!({})).await.problem(409, "conflict");
    let mut events = desk.items("/events?limit=500").await;
    events.retain(|event| event["personId"].is_string());
    let events = events.split_off(24);
    assert_eq!(events.len(), 6);
    assert!(events.iter().all(|event| event["type"] == "person.deactivated"));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_hold_keeps_its_people_and_is_not_raised_again() {
    let (desk, id, hold) = held().await;
    let path = format!("/holds/{}", hold["id"].as_str().unwrap());
    assert_eq!(desk.post(&format!("{path}/reject"), json!({ "reason": "not so" })).await.status, 202);
    desk.world.work().await;
    assert_eq!(active(&desk).await, 24);
    assert_eq!(desk.get(&path).await.body()["state"], "rejected");
    let run = desk.sync(&id, TimeDelta::hours(1)).await;
    assert_eq!(run["state"], "succeeded");
    assert_eq!(active(&desk).await, 24);
    assert_eq!(desk.items("/holds?state=open").await.len(), 0);
    assert_eq!(desk.walk("/holds", 1).await.len(), 1);
    desk.stop().await;
}
