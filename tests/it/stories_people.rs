//! Tests the stories about the identity of a person and the manager of a person.

use chrono::TimeDelta;
use rollbook::sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::support::live::{ENTERPRISE, Live, WORKER, of_people, types, uuid};
use crate::support::served::encoded;

#[tokio::test(flavor = "multi_thread")]
async fn story_8_name_and_email_change_and_the_person_stays() {
    let (live, connection) = Live::published(SandboxConfig::plain(30)).await;
    let vendor = &live.world.vendor;
    let maria = json!({
        "full_name": "Maria Lopez", "work_email": "maria.lopez@acme.example",
        "personal_details": { "given_name": "Maria", "surname": "Lopez" },
    });
    vendor.patch(4, &maria).unwrap();
    live.sync(connection).await;
    let before = live.user("maria.lopez@acme.example").await;
    let known = i64::try_from(live.feed(0).await.len()).unwrap();

    let garcia = json!({
        "full_name": "Maria Garcia", "work_email": "maria.garcia@acme.example",
        "personal_details": { "surname": "Garcia" },
    });
    vendor.patch(4, &garcia).unwrap();
    live.world.advance(TimeDelta::hours(1));
    assert_eq!(live.sync(connection).await["state"], "succeeded");
    let path = format!("/Users/{}", before["id"].as_str().unwrap());
    let after = live.scim(&path).await.body();
    assert_eq!(after["userName"], "maria.garcia@acme.example");
    assert_eq!(after["emails"], json!([{ "value": "maria.garcia@acme.example", "type": "work", "primary": true }]));
    assert_eq!(after["name"]["familyName"], "Garcia");
    assert_eq!((&after["externalId"], &after["id"]), (&before["externalId"], &before["id"]));
    assert!(before["externalId"].is_string());

    // Those who report to her show her address: they have events of their own.
    let mut events = of_people(live.feed(known).await);
    events.retain(|event| event["personId"] == before["id"]);
    assert_eq!(types(&events), ["person.updated"]);
    let of: std::collections::BTreeSet<&str> =
        events[0]["changes"].as_array().unwrap().iter().filter_map(|change| change["of"].as_str()).collect();
    assert!(of.contains("workEmail") && of.contains("familyName"), "{events:?}");
    assert!(of.iter().all(|name| *name == "workEmail" || name.ends_with("Name")), "names and email alone: {of:?}");

    assert!(live.users("userName eq \"maria.lopez@acme.example\"").await.is_empty());
    let found = live.api(&format!("/people?email={}", encoded("Maria.Lopez@acme.example"))).await;
    let found = found["items"].as_array().unwrap();
    assert_eq!((found.len(), &found[0]["id"], &found[0]["emailIs"]), (1, &before["id"], &json!("former")));
    let person = live.api(&format!("/people/{}", before["id"].as_str().unwrap())).await;
    let reserved = person["formerEmails"][0]["reservedUntil"].as_str().unwrap();
    let until: chrono::DateTime<chrono::Utc> = reserved.parse().unwrap();
    assert_eq!((until - live.world.now()).num_days(), 365);

    // Reserved: no other person gets it.
    vendor.add(&json!({ "work_email": "maria.lopez@acme.example" })).unwrap();
    let run = live.sync(connection).await;
    assert_eq!((&run["counts"]["created"], &run["counts"]["withheld"]), (&json!(0), &json!(1)), "{run}");
    assert_eq!(live.reviews().await[0]["reason"], "emailReserved");
}

/// Within one HR system: the manager comes later.
#[tokio::test(flavor = "multi_thread")]
async fn story_20_a_manager_who_comes_later_is_found_in_the_run_that_brings_them() {
    let live = Live::with(SandboxConfig::plain(10)).await;
    let vendor = &live.world.vendor;
    let coming = "0a0b0c0d-0000-4000-8000-00000000abcd";
    let named = json!({ "manager_employment_id": coming, "manager": "May Nager", "manager_email": null });
    let report = live.email_of(9);
    vendor.patch(9, &named).unwrap();
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    let before = live.user(&report).await;
    assert!(before[ENTERPRISE].get("manager").is_none(), "{before}");
    let person = live.api(&format!("/people/{}", before["id"].as_str().unwrap())).await;
    assert_eq!(
        (&person["manager"]["state"], &person["manager"]["stated"]["sourceId"]),
        (&json!("pending"), &json!(coming))
    );
    let known = i64::try_from(live.feed(0).await.len()).unwrap();

    vendor
        .add(&json!({ "id": coming, "full_name": "May Nager", "work_email": "may@acme.example", "manager_employment_id": null }))
        .unwrap();
    live.world.advance(TimeDelta::hours(1));
    let run = live.sync(connection).await;
    assert_eq!((&run["counts"]["created"], &run["counts"]["updated"]), (&json!(1), &json!(1)), "{run}");
    let manager = live.user("may@acme.example").await;
    let after = live.user(&report).await;
    assert_eq!(after[ENTERPRISE]["manager"]["value"], manager["id"]);
    let reference = after[ENTERPRISE]["manager"]["$ref"].as_str().unwrap();
    let resolved = live.call("GET", reference.strip_prefix(&live.url).unwrap(), &live.idp, None).await.body();
    assert_eq!(resolved["userName"], "may@acme.example");
    assert!(after["meta"]["lastModified"].as_str() > before["meta"]["lastModified"].as_str(), "{after}");
    let events = of_people(live.feed(known).await);
    assert_eq!(types(&events), ["person.created", "person.updated"]);
    assert_eq!(events[1]["personId"], before["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn story_20_a_circle_of_managers_suspends_its_youngest_edge_until_it_is_resolved() {
    let (live, connection) = Live::published(SandboxConfig::plain(10)).await;
    let vendor = &live.world.vendor;
    let reports_to = |n: u32, boss: Value| vendor.patch(n, &json!({ "manager_employment_id": boss })).unwrap();
    reports_to(8, json!(vendor.employment_id(1)));
    live.sync(connection).await;
    live.world.advance(TimeDelta::hours(1));
    // 8 → 1 is older; now 1 → 8 closes the circle.
    reports_to(1, json!(vendor.employment_id(8)));
    assert_eq!(live.sync(connection).await["state"], "succeeded");
    let (one, eight) = (live.user(&live.email_of(1)).await, live.user(&live.email_of(8)).await);
    assert_eq!(eight[ENTERPRISE]["manager"]["value"], one["id"], "the older edge holds");
    assert!(one[ENTERPRISE].get("manager").is_none(), "{one}");
    let person = live.api(&format!("/people/{}", one["id"].as_str().unwrap())).await;
    assert_eq!(person["manager"]["state"], "suspended");
    assert_eq!(live.total().await, 10);
    let reviews = live.reviews().await;
    assert_eq!(reviews.len(), 1, "{reviews:?}");
    assert_eq!(reviews[0]["reason"], "managerCycle");
    let mut named: Vec<uuid::Uuid> = reviews[0]["detail"]["people"].as_array().unwrap().iter().map(uuid).collect();
    named.sort_unstable();
    let mut both = vec![uuid(&one["id"]), uuid(&eight["id"])];
    both.sort_unstable();
    assert_eq!(named, both);

    // A further pull does not open the question a second time.
    live.world.advance(TimeDelta::hours(1));
    live.sync(connection).await;
    assert_eq!(live.reviews().await, reviews);

    let known = i64::try_from(live.feed(0).await.len()).unwrap();
    live.world.advance(TimeDelta::hours(1));
    reports_to(8, json!(vendor.employment_id(0)));
    assert_eq!(live.sync(connection).await["state"], "succeeded");
    let (one, eight) = (live.user(&live.email_of(1)).await, live.user(&live.email_of(8)).await);
    assert_eq!(one[ENTERPRISE]["manager"]["value"], eight["id"], "the edge is there again");
    assert_eq!(eight[ENTERPRISE]["manager"]["value"], live.user(&live.email_of(0)).await["id"]);
    assert!(live.reviews().await.is_empty());
    let mut changed: Vec<uuid::Uuid> =
        of_people(live.feed(known).await).iter().map(|event| uuid(&event["personId"])).collect();
    changed.sort_unstable();
    assert_eq!(changed, both);
    assert_eq!(one[WORKER]["managerEmail"], eight["userName"]);
}

/// what of the manager is a value of the report's own moves `lastModified` and is in the feed; a name that is
/// only shown moves the version alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_modified_when_the_managers_email_or_number_changes_and_not_when_the_name_does() {
    let (live, connection) = Live::published(SandboxConfig::plain(6)).await;
    let vendor = &live.world.vendor;
    for n in 1..4 {
        vendor.patch(n, &json!({ "manager_employment_id": vendor.employment_id(0) })).unwrap();
    }
    live.sync(connection).await;
    vendor.patch(5, &json!({ "manager_employment_id": null, "manager_email": null })).unwrap();
    live.sync(connection).await;
    let reports = [1, 2, 3].map(|n| live.email_of(n));
    let (bystander, mut boss) = (live.email_of(5), live.email_of(0));
    let modified = |user: &Value| user["meta"]["lastModified"].as_str().unwrap().to_owned();
    let version = |user: &Value| user["meta"]["version"].as_str().unwrap().to_owned();
    let manager = live.user(&boss).await["id"].clone();
    for (change, attribute, moves) in [
        (
            json!({ "full_name": "An Other", "personal_details": { "given_name": "An", "surname": "Other" } }),
            "displayName",
            false,
        ),
        (json!({ "work_email": "new.boss@acme.example" }), "managerEmail", true),
        (json!({ "job_title": "Boss" }), "title", false),
    ] {
        let before = [live.user(&reports[0]).await, live.user(&reports[2]).await];
        let untouched = live.user(&bystander).await;
        let known = i64::try_from(live.feed(0).await.len()).unwrap();
        live.world.advance(TimeDelta::hours(1));
        vendor.patch(0, &change).unwrap();
        assert_eq!(live.sync(connection).await["state"], "succeeded");
        if let Some(email) = change["work_email"].as_str() {
            boss = email.to_owned();
        }
        assert_eq!(live.user(&boss).await["id"], manager);
        let after = [live.user(&reports[0]).await, live.user(&reports[2]).await];
        let events = of_people(live.feed(known).await);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(modified(after) > modified(before), moves, "{change}: {after}");
            assert_eq!(version(after) != version(before), attribute != "title", "{change}: {after}");
            assert_eq!(after[WORKER]["managerEmail"], boss);
            let told: Vec<&Value> = events.iter().filter(|event| event["personId"] == after["id"]).collect();
            assert_eq!(told.len(), usize::from(moves), "{change}: {told:?}");
            for event in told {
                assert_eq!(
                    (&event["type"], &event["changes"].as_array().unwrap().len()),
                    (&json!("person.updated"), &1)
                );
                assert_eq!(event["changes"][0]["attribute"], format!("{WORKER}:managerEmail"), "{event}");
                assert_eq!(event["changes"][0]["new"], boss);
            }
            let since = format!(
                "meta.lastModified gt \"{}\" and id eq \"{}\"",
                modified(before),
                after["id"].as_str().unwrap()
            );
            assert_eq!(live.users(&since).await.len(), usize::from(moves), "{since}");
        }
        let same = live.user(&bystander).await;
        assert_eq!((modified(&same), version(&same)), (modified(&untouched), version(&untouched)), "{change}");
        // A second identical pull changes no person.
        let known = live.feed(0).await.len();
        live.sync(connection).await;
        assert_eq!(live.feed(0).await.len(), known, "{change}");
    }
}

/// All addresses change at once. Each level of managers touches the next, and all of it is applied in one run.
#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_moves_to_another_domain_is_applied_in_one_run() {
    let (live, connection) = Live::published(SandboxConfig::plain(8)).await;
    let vendor = &live.world.vendor;
    for n in 1..8 {
        vendor.patch(n, &json!({ "manager_employment_id": vendor.employment_id(n - 1) })).unwrap();
    }
    live.sync(connection).await;
    for n in 0..8 {
        vendor.patch(n, &json!({ "work_email": format!("w{n}@moved.example") })).unwrap();
    }
    live.world.advance(TimeDelta::hours(1));
    let run = live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    for n in 1..8 {
        let user = live.user(&format!("w{n}@moved.example")).await;
        assert_eq!(user[WORKER]["managerEmail"], format!("w{}@moved.example", n - 1));
    }
}
