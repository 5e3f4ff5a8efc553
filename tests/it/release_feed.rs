//! Tests the feed under law 8: consumers learn nothing of people, groups and attributes that are not theirs.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use rollbook::store;
use serde_json::{Value, json};

use crate::support::follower::{
    Follower, ask, company, follower, group_id, hear, later, pages, person_of, put, set_policy,
};
use crate::support::live::{ENTERPRISE, WORKER, types};
use crate::support::world::until_waiting;

/// Entries without the marks, which differ each time.
fn unmarked(pages: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let mut pages = pages.to_vec();
    for entry in pages.iter_mut().flatten() {
        entry.as_object_mut().unwrap().remove("mark");
    }
    pages
}

fn of_people(entries: &[Value]) -> Vec<Value> {
    entries.iter().filter(|entry| entry["personId"].is_string()).cloned().collect()
}

const DATA: &str = "department eq \"Data\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_hears_of_its_own_people_and_of_who_enters_and_leaves() {
    let (live, connection) = company().await;
    let mut desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    assert_eq!(
        of_people(&hear(&live, &mut desk).await),
        [] as [Value; 0],
        "what was before it was nobody's of its own"
    );
    let all: Vec<Value> = {
        let mut all = Vec::new();
        for worker in 0..10 {
            all.push(person_of(&live, worker).await);
        }
        all
    };
    // Another title of one inside and of one outside; one comes in, one goes; one is nowhere near.
    live.world.vendor.patch(1, &json!({ "job_title": "Head of Data" })).unwrap();
    live.world.vendor.patch(8, &json!({ "job_title": "Head of Sales" })).unwrap();
    put(&live.world.vendor, [6], "Data");
    put(&live.world.vendor, [0], "Sales");
    put(&live.world.vendor, [9], "Legal");
    later(&live, connection).await;
    let news = hear(&live, &mut desk).await;
    let mut heard: Vec<(&str, &Value)> = news
        .iter()
        .filter(|e| e["personId"].is_string())
        .map(|e| (e["type"].as_str().unwrap(), &e["personId"]))
        .collect();
    heard.sort_by_key(|(kind, _)| *kind);
    assert_eq!(heard, [("person.entered", &all[6]), ("person.left", &all[0]), ("person.updated", &all[1])]);
    for entry in &news {
        match entry["type"].as_str().unwrap() {
            "person.updated" => {
                assert_eq!(
                    entry["changes"],
                    json!([{ "attribute": "title", "of": "title", "old": "Title in Data", "new": "Head of Data" }])
                );
            }
            "person.entered" | "person.left" => {
                assert_eq!(
                    (&entry["changes"], &entry["groupsJoined"], &entry["groupsLeft"]),
                    (&json!([]), &json!([]), &json!([])),
                    "neither what they were outside nor what they are"
                );
                assert_eq!(entry["effectiveAt"], entry["at"]);
            }
            _ => {}
        }
    }
    assert!(!json!(of_people(&news)).to_string().contains("Sales"), "{news:?}");
    assert_eq!(hear(&live, &mut desk).await, [] as [Value; 0]);
    // A person that is created inside the filter is new. One that is created outside does not exist for the consumer.
    let hired = |name: &str, department: &str| {
        let email = format!("{name}@acme.example");
        let patch =
            json!({ "work_email": email, "department": department, "department_id": format!("d-{department}") });
        live.world.vendor.add(&patch).unwrap();
    };
    hired("inside", "Data");
    hired("outside", "Sales");
    later(&live, connection).await;
    let news = of_people(&hear(&live, &mut desk).await);
    assert_eq!(types(&news), ["person.created"]);
    let email = json!({ "attribute": "userName", "of": "workEmail", "old": null, "new": "inside@acme.example" });
    assert!(news[0]["changes"].as_array().unwrap().contains(&email), "{news:?}");
    assert!(!news[0]["groupsJoined"].as_array().unwrap().is_empty(), "all groups are there for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_names_what_is_released_and_is_not_there_if_that_is_nothing() {
    let (live, connection) = company().await;
    let mut open = follower(&live, "open", json!({})).await;
    let mut desk = follower(&live, "desk", json!({ "attributes": ["userName", "displayName", "active"] })).await;
    let mut bare = follower(&live, "bare", json!({ "attributes": ["userName"] })).await;
    let mut none = follower(&live, "none", json!({ "attributes": [] })).await;
    let created = hear(&live, &mut desk).await;
    assert_eq!(of_people(&created).len(), 10);
    for entry in of_people(&created) {
        let names: BTreeSet<&str> =
            entry["changes"].as_array().unwrap().iter().map(|change| change["attribute"].as_str().unwrap()).collect();
        assert_eq!(names, BTreeSet::from(["userName", "displayName", "active"]), "{entry}");
        assert_eq!((&entry["groupsJoined"], &entry["effectiveAt"]), (&json!([]), &entry["at"]));
    }
    // It is never hidden that a person was created; the attributes of the person are.
    let created = hear(&live, &mut none).await;
    assert_eq!(of_people(&created).len(), 10);
    assert!(of_people(&created).iter().all(|entry| entry["changes"] == json!([])));
    hear(&live, &mut bare).await;
    hear(&live, &mut open).await;
    // A hidden attribute: only the open consumer learns of it.
    put(&live.world.vendor, [0], "Sales");
    later(&live, connection).await;
    let heard = hear(&live, &mut open).await;
    assert_eq!(types(&heard), ["person.updated"]);
    assert_eq!(heard[0]["groupsLeft"], json!([group_id(&live, "Department: Data").await]));
    for follower in [&mut desk, &mut bare, &mut none] {
        assert_eq!(hear(&live, follower).await, [] as [Value; 0], "{}", follower.id);
    }
    // A name that is shown, and a part of it that is not.
    let shown = |name: &str| json!({ "attribute": "displayName", "of": "displayName", "old": null, "new": name });
    live.world.vendor.patch(1, &json!({ "full_name": "Maria Garcia" })).unwrap();
    later(&live, connection).await;
    let heard = hear(&live, &mut desk).await;
    let mut expected = shown("Maria Garcia");
    expected["old"] = heard[0]["changes"][0]["old"].clone();
    assert_eq!(heard[0]["changes"], json!([expected]));
    live.world.vendor.patch(1, &json!({ "personal_details": { "surname": "Lopez" } })).unwrap();
    later(&live, connection).await;
    assert_eq!(types(&hear(&live, &mut open).await), ["person.updated", "person.updated"]);
    assert_eq!(hear(&live, &mut desk).await, [] as [Value; 0], "she is shown as she was");
    assert_eq!(hear(&live, &mut bare).await, [] as [Value; 0]);
    // The end of an employment, found a day late.
    let day = (live.world.now() - TimeDelta::days(2)).date_naive().to_string();
    let end = json!({ "status": "submitted", "type": "resignation", "termination_date": day });
    live.world.vendor.set_offboarding(2_u32, Some(end)).unwrap();
    live.world.vendor.patch(2, &json!({ "status": "archived", "termination_date": day })).unwrap();
    later(&live, connection).await;
    let heard = hear(&live, &mut open).await;
    let ended = heard.iter().find(|entry| entry["type"] == "person.deactivated").unwrap();
    assert!(ended["latenessSeconds"].as_i64().unwrap() > 0 && ended["effectiveAt"] != ended["at"], "{ended}");
    let heard = hear(&live, &mut desk).await;
    assert_eq!(types(&heard), ["person.deactivated"]);
    assert_eq!(
        heard[0]["changes"],
        json!([{ "attribute": "active", "of": "active", "old": true, "new": false }]),
        "and no date"
    );
    assert_eq!((&heard[0]["effectiveAt"], &heard[0]["latenessSeconds"]), (&heard[0]["at"], &json!(0)));
    assert_eq!(hear(&live, &mut bare).await, [] as [Value; 0], "the type of an event is no way to hear of it");
    // What of two changes is released.
    let both = json!({ "work_email": "other@acme.example", "job_title": "Boss" });
    live.world.vendor.patch(3, &both).unwrap();
    later(&live, connection).await;
    let heard = hear(&live, &mut bare).await;
    assert_eq!(types(&heard), ["person.updated"]);
    assert_eq!(heard[0]["changes"].as_array().unwrap().len(), 1, "{heard:?}");
    assert_eq!(heard[0]["changes"][0]["new"], "other@acme.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_outside_is_not_shown() {
    let (live, connection) = company().await;
    let mut desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    hear(&live, &mut desk).await;
    let (inside, outside, other) = (person_of(&live, 1).await, person_of(&live, 7).await, person_of(&live, 8).await);
    let managed = |by: u32| {
        let boss = live.world.vendor.employment_id(by);
        live.world.vendor.patch(3, &json!({ "manager_employment_id": boss })).unwrap();
    };
    managed(7);
    later(&live, connection).await;
    hear(&live, &mut desk).await;
    let path = format!("{ENTERPRISE}:manager");
    // The new manager, and what the consumer receives: old and new; or nothing.
    let steps =
        [(8, None), (1, Some((Value::Null, inside.clone()))), (7, Some((inside.clone(), Value::Null))), (8, None)];
    for (by, heard) in steps {
        managed(by);
        later(&live, connection).await;
        let news = hear(&live, &mut desk).await;
        let text = json!(news).to_string();
        assert!(!text.contains(outside.as_str().unwrap()) && !text.contains(other.as_str().unwrap()), "{text}");
        match heard {
            None => assert_eq!(news, [] as [Value; 0], "by {by}"),
            Some((old, new)) => {
                let changes = news[0]["changes"].as_array().unwrap();
                let expected = json!({ "attribute": path, "of": "manager", "old": old, "new": new });
                assert!(changes.contains(&expected), "by {by}: {changes:?}");
                assert!(changes.contains(&json!({ "attribute": format!("{WORKER}:managerEmail") })), "{changes:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_hears_of_its_own_groups_and_of_which_enter_and_leave() {
    let (live, connection) = company().await;
    let data = "displayName eq \"Department: Data\" or kind eq \"country\"";
    let mut desk = follower(&live, "desk", json!({ "groupFilter": data })).await;
    let (in_data, in_sales) = (group_id(&live, "Department: Data").await, group_id(&live, "Department: Sales").await);
    hear(&live, &mut desk).await;
    put(&live.world.vendor, [0], "Sales");
    later(&live, connection).await;
    let news = hear(&live, &mut desk).await;
    let move_ = news.iter().find(|entry| entry["personId"].is_string()).unwrap();
    assert_eq!((&move_["groupsLeft"], &move_["groupsJoined"]), (&json!([in_data]), &json!([])));
    // A group that is renamed leaves the filter, and comes back.
    let rename = async |name: &str| {
        for worker in 1..6 {
            live.world.vendor.patch(worker, &json!({ "department": name })).unwrap();
        }
        later(&live, connection).await;
    };
    rename("Data & AI").await;
    let of_groups =
        |news: Vec<Value>| -> Vec<Value> { news.into_iter().filter(|entry| entry["groupId"].is_string()).collect() };
    let news = of_groups(hear(&live, &mut desk).await);
    assert_eq!(types(&news), ["group.left"]);
    assert_eq!((&news[0]["groupId"], &news[0]["changes"]), (&in_data, &json!([])));
    // While it is outside, no person joins it.
    live.world.vendor.patch(9, &json!({ "department": "Data & AI", "department_id": "d-Data" })).unwrap();
    later(&live, connection).await;
    let text = json!(hear(&live, &mut desk).await).to_string();
    assert!(!text.contains(in_data.as_str().unwrap()) && !text.contains("AI\",\"of\":\"displayName"), "{text}");
    live.world.vendor.patch(9, &json!({ "department": "Data" })).unwrap();
    rename("Data").await;
    let news = of_groups(hear(&live, &mut desk).await);
    assert_eq!(types(&news), ["group.entered"]);
    assert_eq!((&news[0]["groupId"], &news[0]["changes"]), (&in_data, &json!([])));
    // A new one that is outside, and one that becomes empty outside and inside.
    put(&live.world.vendor, 6..9, "Legal");
    put(&live.world.vendor, [0], "Legal");
    later(&live, connection).await;
    assert_eq!(of_groups(hear(&live, &mut desk).await), [] as [Value; 0], "Sales is empty, Legal is new");
    put(&live.world.vendor, 1..6, "Legal");
    put(&live.world.vendor, [9], "Legal");
    later(&live, connection).await;
    let news = hear(&live, &mut desk).await;
    assert!(!json!(news).to_string().contains(in_sales.as_str().unwrap()));
    let news = of_groups(news);
    assert_eq!(types(&news), ["group.retired"]);
    assert_eq!(news[0]["groupId"], in_data);
    // Hidden attributes of groups.
    set_policy(&live, &desk, json!({ "attributes": ["userName"] })).await;
    put(&live.world.vendor, [1], "Data");
    later(&live, connection).await;
    assert_eq!(hear(&live, &mut desk).await, [] as [Value; 0], "that it has members again is not released");
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_opaque_and_their_consumers_own_and_an_admin_sees_the_dense_numbers() {
    let (live, _) = company().await;
    let mut desk =
        follower(&live, "desk", json!({ "userFilter": DATA, "groupFilter": "kind eq \"department\"" })).await;
    let other = follower(&live, "other", json!({})).await;
    hear(&live, &mut desk).await;
    let mark = desk.mark.clone().unwrap();
    assert_eq!(ask(&live, &desk, &format!("after={mark}")).await.status, 200);
    assert_eq!(ask(&live, &desk, &format!("cursor={mark}")).await.status, 200);
    ask(&live, &other, &format!("after={mark}")).await.problem(400, "invalidCursor");
    let mut tampered = mark.clone().into_bytes();
    tampered[40] = if tampered[40] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for wrong in [tampered.as_str(), "0", "7", "bjc", ""] {
        ask(&live, &desk, &format!("after={wrong}")).await.problem(400, "invalidCursor");
    }
    ask(&live, &desk, &format!("after={mark}&cursor={mark}")).await.problem(422, "invalid");
    // A caller that may read the whole directory sees the numbers, also with a token of a consumer.
    let auditor = live.post("/consumers", json!({ "name": "a", "scopes": ["admin:read", "events:read"] })).await;
    let token = live.post(&format!("/consumers/{}/tokens", auditor["id"].as_str().unwrap()), json!({})).await;
    let auditor = token["token"].as_str().unwrap();
    for token in [&live.admin, auditor] {
        let page = live.call("GET", "/api/v1/events?after=2&limit=2", token, None).await.body();
        let numbers: Vec<i64> =
            page["items"].as_array().unwrap().iter().map(|entry| entry["sequence"].as_i64().unwrap()).collect();
        assert_eq!(numbers, [3, 4]);
        assert!(page.get("mark").is_none());
    }
    // Alerts are the admin's alone.
    let mut all = follower(&live, "all", json!({})).await;
    let before = hear(&live, &mut all).await.len();
    assert!(before > 0);
    live.world.advance(TimeDelta::days(340));
    live.world.work().await;
    let told = live.feed(0).await;
    assert!(told.iter().any(|entry| entry["type"] == "token.expiresSoon"), "{:?}", types(&told));
    assert_eq!(hear(&live, &mut all).await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_of_the_policy_the_feed_goes_on_by_the_new_one() {
    let (live, connection) = company().await;
    let mut desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    live.world.vendor.patch(1, &json!({ "job_title": "A" })).unwrap();
    later(&live, connection).await;
    let all = hear(&live, &mut desk).await;
    assert_eq!(of_people(&all).len(), 1);
    set_policy(&live, &desk, json!({ "userFilter": "department eq \"Sales\"" })).await;
    assert_eq!(hear(&live, &mut desk).await, [] as [Value; 0], "nobody entered or left: the policy did");
    // Under the new policy the earlier events are hidden, from the beginning too.
    let mut anew = Follower { id: desk.id.clone(), token: desk.token.clone(), mark: None };
    assert_eq!(of_people(&hear(&live, &mut anew).await), [] as [Value; 0]);
    live.world.vendor.patch(1, &json!({ "job_title": "B" })).unwrap();
    live.world.vendor.patch(7, &json!({ "job_title": "C" })).unwrap();
    later(&live, connection).await;
    let news = hear(&live, &mut desk).await;
    assert_eq!((news.len(), &news[0]["personId"]), (1, &person_of(&live, 7).await));
    // The filter taken away: all of it, the old entries too.
    set_policy(&live, &desk, json!({ "userFilter": null })).await;
    anew.mark = None;
    let everything = of_people(&hear(&live, &mut anew).await);
    assert_eq!(types(&everything).iter().filter(|kind| **kind == "person.created").count(), 10);
    // The scope taken away and given again.
    set_policy(&live, &desk, json!({ "userFilter": DATA, "scopes": ["scim:read"] })).await;
    assert_eq!(
        live.world.number("SELECT count(*) FROM policy_filters").await,
        1,
        "lists go by it, whoever reads the feed"
    );
    ask(&live, &desk, "").await.problem(403, "scopeMissing");
    set_policy(&live, &desk, json!({ "scopes": ["events:read"] })).await;
    live.world.vendor.patch(1, &json!({ "job_title": "D" })).unwrap();
    later(&live, connection).await;
    assert_eq!(hear(&live, &mut desk).await.len(), 1);
    let gone = live.call("DELETE", &format!("/api/v1/consumers/{}", desk.id), &live.admin, Some(&json!({}))).await;
    assert_eq!(gone.status, 204);
    assert_eq!(live.world.number("SELECT count(*) FROM policy_filters").await, 0);
}

/// Every writer uses one policy, from first to last.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_policy_waits_for_those_who_write_by_the_old_one() {
    let (live, _) = company().await;
    let desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    let mut writer = live.world.conn().await;
    let path = format!("/api/v1/consumers/{}", desk.id);
    let policy = json!({ "userFilter": "department eq \"Sales\"" });
    let changing = writer
        .transaction(async |writer| {
            let held = store::changes::policy_filters::hold(writer).await?;
            assert_eq!(held.len(), 1);
            let changing = live.call("PATCH", &path, &live.admin, Some(&policy));
            let mut changing = Box::pin(changing);
            tokio::select! {
                done = &mut changing => panic!("it did not wait: {}", done.text),
                () = until_waiting(&live.world.context, 1, || false) => {}
            }
            // Neither a reader nor a backup waits.
            let mut reader = live.world.conn().await;
            reader.batch_execute("LOCK TABLE policy_filters IN ACCESS SHARE MODE NOWAIT").await.ok();
            assert_eq!(ask(&live, &desk, "").await.status, 200);
            Ok::<_, diesel::result::Error>(changing)
        })
        .await
        .unwrap();
    assert_eq!(changing.await.status, 200);
}

/// Hidden people, attributes, groups and alerts leave no trace in entries, order, pages and marks.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_makes_no_difference() {
    let (live, connection) = company().await;
    let policy = json!({
        "userFilter": DATA,
        "groupFilter": "kind eq \"department\" and name sw \"Da\"",
        "attributes": ["userName", "title", "displayName", "groups"],
    });
    let mut desk = follower(&live, "desk", policy).await;
    for (worker, title) in [(0, "A"), (1, "B"), (2, "C"), (3, "D"), (7, "X"), (0, "E"), (1, "F")] {
        live.world.vendor.patch(worker, &json!({ "job_title": title })).unwrap();
        later(&live, connection).await;
    }
    let quiet = unmarked(&pages(&live, &mut desk, 2).await);
    assert!(quiet.len() >= 3, "{quiet:?}");
    // Many changes happen, none of them for the consumer.
    put(&live.world.vendor, 8..10, "Legal");
    later(&live, connection).await;
    let last_day = (live.world.now() - TimeDelta::days(1)).date_naive().to_string();
    let end = json!({ "status": "submitted", "type": "resignation", "termination_date": last_day });
    live.world.vendor.set_offboarding(6_u32, Some(end)).unwrap();
    live.world.vendor.patch(6, &json!({ "status": "archived", "termination_date": last_day })).unwrap();
    live.world.vendor.patch(7, &json!({ "manager_employment_id": live.world.vendor.employment_id(0) })).unwrap();
    live.world.vendor.patch(0, &json!({ "manager_employment_id": live.world.vendor.employment_id(7) })).unwrap();
    live.world.vendor.patch(2, &json!({ "country_code": "NOR" })).unwrap();
    later(&live, connection).await;
    live.world.vendor.revoke_token();
    live.world.advance(TimeDelta::days(1));
    live.world.work().await;
    let hidden = live.feed(0).await;
    assert!(types(&hidden).contains(&"connection.needsReauthorization"), "{:?}", types(&hidden));
    assert_eq!(unmarked(&pages(&live, &mut desk, 2).await), [[] as [Value; 0]], "nothing new");
    desk.mark = None;
    assert_eq!(unmarked(&pages(&live, &mut desk, 2).await), quiet);
}
