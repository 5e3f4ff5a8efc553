//! Tests people through the admin API: how they are found and explained, with their histories.

use chrono::TimeDelta;
use rollbook::sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::support::admin::Desk;
use crate::support::served::encoded;

async fn found(desk: &Desk, query: &str) -> Vec<Value> {
    desk.items(&format!("/people?{query}")).await
}

/// Story 8, as far as the admin sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_found_by_a_former_email_and_the_change_is_told() {
    let desk = Desk::with(SandboxConfig::plain(12)).await;
    let id = desk.publish().await;
    let old = desk.world.vendor.employment(5).unwrap()["work_email"].as_str().unwrap().to_owned();
    let person = found(&desk, &format!("email={}", encoded(&old.to_uppercase()))).await;
    assert_eq!((person.len(), &person[0]["emailIs"]), (1, &json!("current")));
    let person_id = person[0]["id"].as_str().unwrap().to_owned();
    let new = "maria.garcia@acme-robotics.example";
    desk.world.vendor.patch(5, &json!({ "work_email": new, "full_name": "Maria Garcia" })).unwrap();
    let run = desk.sync(&id, TimeDelta::hours(1)).await;
    assert_eq!(run["counts"]["updated"], 1, "{run}");

    let former = found(&desk, &format!("email={}", encoded(&old))).await;
    assert_eq!((former.len(), &former[0]["emailIs"]), (1, &json!("former")));
    assert_eq!(former[0]["id"], person_id.as_str());
    assert_eq!(former[0]["userName"], new);
    let current = found(&desk, &format!("filter={}", encoded(&format!("userName eq \"{new}\"")))).await;
    assert_eq!(current[0]["id"], person_id.as_str());
    assert_eq!(found(&desk, &format!("filter={}", encoded(&format!("userName eq \"{old}\"")))).await.len(), 0);

    let mut events = desk.items("/events?limit=500").await;
    events.retain(|event| event["personId"].is_string());
    let events = events.split_off(12);
    assert_eq!((events.len(), &events[0]["type"]), (1, &json!("person.updated")));
    let changes = events[0]["changes"].as_array().unwrap();
    for attribute in ["userName", "emails"] {
        let change = changes.iter().find(|change| change["attribute"] == attribute).unwrap();
        assert_eq!((&change["old"], &change["new"]), (&json!(old), &json!(new)));
    }
    let history = desk.walk(&format!("/people/{person_id}/history"), 1).await;
    assert_eq!(history.len(), 2);
    assert_eq!((&history[0]["type"], &history[0]["version"]), (&json!("person.updated"), &json!(2)));
    assert_eq!(history[1]["type"], "person.created");

    let explained = desk.get(&format!("/people/{person_id}")).await.body();
    assert_eq!(explained["formerEmails"][0]["email"], old.to_lowercase());
    let unit =
        |name: &str| explained["units"].as_array().unwrap().iter().find(|unit| unit["unit"] == name).cloned().unwrap();
    assert_eq!(unit("email.work")["values"], json!({ "workEmail": new }));
    assert_eq!(
        (&unit("email.work")["from"]["connection"], &unit("email.work")["from"]["runId"]),
        (&json!("Acme"), &run["id"])
    );
    assert_eq!(unit("status")["losers"], json!([]));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_explained_without_anything_sensitive() {
    let desk = Desk::with(SandboxConfig { workers: 60, ..SandboxConfig::default() }).await;
    desk.publish().await;
    let people = desk.walk("/people", 7).await;
    assert_eq!(people.len(), usize::try_from(desk.world.number("SELECT count(*) FROM people").await).unwrap());
    let mut states = std::collections::BTreeSet::new();
    for person in &people {
        let id = person["id"].as_str().unwrap();
        let answer = desk.get(&format!("/people/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let explained = answer.body();
        states.insert(explained["manager"]["state"].as_str().unwrap().to_owned());
        assert!(explained["birthDate"]["known"].is_boolean() && explained["zone"]["origin"].is_string());
        let worker = &explained["workers"][0];
        assert_eq!(worker["disposition"], "published", "{worker}");
        assert!(worker["link"]["reason"].is_string(), "{worker}");
        for unit in explained["units"].as_array().unwrap() {
            assert!(!unit["from"].is_null() || unit["winner"].is_null(), "{unit}");
        }
        let born = desk.world.text(&format!("SELECT person ->> 'birthDate' FROM people WHERE id = '{id}'")).await;
        if let Some(born) = born {
            assert!(!answer.text.contains(&born), "a birth date is shown");
        }
    }
    assert!(states.contains("person") && states.contains("none"), "{states:?}");
    let active = found(&desk, &format!("filter={}", encoded("active eq false"))).await;
    assert!(!active.is_empty() && active.iter().all(|person| person["active"] == json!(false)));
    let refused = desk.get(&format!("/people?filter={}", encoded("title xx \"x\""))).await.problem(422, "invalid");
    assert_eq!(refused["errors"][0]["field"], "filter");
    desk.get("/people/00000000-0000-4000-8000-000000000000").await.problem(404, "notFound");
    desk.stop().await;
}
