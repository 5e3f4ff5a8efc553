//! Tests law 2 for a value that cannot be read. Such a value is neither absent nor a reason to stop others.

use chrono::TimeDelta;
use rollbook::sandbox::{Effect, Fault, JustworksConfig, SandboxConfig};
use serde_json::{Value, json};

use crate::support::admin::Desk;
use crate::support::pair::Pair;

/// The reviews of one reason.
async fn asked(desk: &Desk, reason: &str) -> Vec<Value> {
    let mut found = desk.items("/reviews?limit=200").await;
    found.retain(|item| item["reason"] == reason);
    found
}

async fn titled(desk: &Desk, title: &str) -> i64 {
    desk.world.number(&format!("SELECT count(*) FROM people WHERE document LIKE '%\"title\":\"{title}\"%'")).await
}

async fn active(desk: &Desk) -> i64 {
    desk.world.number("SELECT count(*) FROM people WHERE active").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_pull_publishes_the_readable_half_and_the_command_line_names_the_rest() {
    let desk = Desk::with(SandboxConfig::plain(12)).await;
    let broken = [
        (1, json!({ "provisional_start_date": "0001-01-01" }), "provisional_start_date"),
        (3, json!({ "job_title": { "secret-value": 1 } }), "job_title"),
        (5, json!({ "country": 5 }), "country"),
        (7, json!({ "work_email": ["secret-value@acme.example"] }), "work_email"),
        (9, json!({ "status": true }), "status"),
        (11, json!({ "personal_details": "secret-value" }), "personal_details"),
    ];
    for (index, patch, _) in &broken {
        desk.world.vendor.patch(*index, patch).unwrap();
    }
    let connection = desk.publish().await;
    assert_eq!(active(&desk).await, 6);
    let shown = desk.get(&format!("/connections/{connection}")).await.body();
    assert_eq!(shown["state"], "active", "{shown}");
    let tally = &shown["tally"];
    assert_eq!((&tally["published"], &tally["withheld"], &tally["unreadable"]), (&json!(6), &json!(6), &json!(6)));

    let run = desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!((&run["state"], &run["counts"]["unreadable"]), (&json!("succeeded"), &json!(6)), "{run}");
    let told = desk.says(&["run", "show", run["id"].as_str().unwrap()]).await;
    let listed = desk.says(&["review", "list"]).await;
    for (index, _, field) in &broken {
        let record = desk.world.vendor.employment(*index).unwrap();
        let (name, id) = (record["full_name"].as_str().unwrap(), record["id"].as_str().unwrap());
        let line = told.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id}: {told}"));
        assert!(line.contains(name) && line.contains(&format!("`{field}` holds")), "{line}");
        assert!(line.contains("expected"), "{line}");
        let line = listed.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id}: {listed}"));
        assert!(line.contains(name) && line.contains(&format!("`{field}` holds")) && line.contains("Acme"), "{line}");
    }
    let reviews = asked(&desk, "unreadableRecord").await;
    assert_eq!(reviews.len(), 6);
    let one = desk.says(&["review", "show", reviews[0]["id"].as_str().unwrap()]).await;
    assert!(one.contains("record with unreadable values") && one.contains("expected is"), "{one}");
    for text in [told, listed, one, json!(reviews).to_string(), run.to_string()] {
        assert!(!text.contains("secret-value") && !text.contains("0001-01-01"), "{text}");
    }

    // What is corrected is published, and its question is closed.
    desk.world.vendor.patch(1, &json!({ "provisional_start_date": "2024-01-01" })).unwrap();
    desk.world.vendor.patch(3, &json!({ "job_title": "Engineer" })).unwrap();
    let run = desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!((&run["state"], &run["counts"]["created"]), (&json!("succeeded"), &json!(2)), "{run}");
    assert_eq!((asked(&desk, "unreadableRecord").await.len(), active(&desk).await), (4, 8));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_worker_keeps_the_unit_and_all_else_goes_on() {
    let desk = Desk::with(SandboxConfig::plain(40)).await;
    let connection = desk.publish().await;
    let before = desk.world.vendor.employment(1).unwrap();
    // One invalid start date, beside a new title; a leaver and a joiner in the same read.
    desk.world.vendor.patch(1, &json!({ "provisional_start_date": "1899-12-30", "job_title": "Lead" })).unwrap();
    desk.world.vendor.patch(2, &json!({ "full_name": 5, "job_title": "Lead" })).unwrap();
    desk.world
        .vendor
        .patch(
            3,
            &json!({ "status": "archived", "employment_lifecycle_stage": "offboarded",
        "termination_date": "2026-11-01" }),
        )
        .unwrap();
    desk.world.vendor.add(&json!({ "full_name": "Jo Iner" })).unwrap();
    let run = desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!((&run["counts"]["created"], &run["counts"]["deactivated"]), (&json!(1), &json!(1)), "{run}");
    assert_eq!((titled(&desk, "Lead").await, active(&desk).await), (2, 40));
    let start = before["provisional_start_date"].as_str().unwrap();
    let kept =
        format!("SELECT count(*) FROM people WHERE document LIKE '%\"title\":\"Lead\"%' AND document LIKE '%{start}%'");
    assert!(desk.world.number(&kept).await >= 1, "the start stays");
    assert_eq!(
        desk.world
            .number(
                "SELECT count(*) FROM people WHERE document NOT LIKE '%familyName%' AND document NOT LIKE '%formatted%'"
            )
            .await,
        0,
        "nobody loses a name"
    );
    let reviews = asked(&desk, "unreadableRecord").await;
    assert_eq!(reviews.len(), 2, "{reviews:?}");
    assert!(reviews.iter().all(|review| review["personId"].is_string() && review["workerName"].is_string()));
    // A second run that reads the same changes no person.
    let again = desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!((&again["counts"]["updated"], &again["counts"]["unreadable"]), (&json!(0), &json!(2)), "{again}");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_many_lose_at_once_is_another_shape_and_changes_nobody() {
    for (patch, field) in [
        (json!({ "job_title": { "a": 1 } }), "job_title"),
        (json!({ "country": 5 }), "country"),
        (json!({ "full_name": ["x"] }), "full_name"),
        (json!({ "work_email": { "value": "x@acme.example" } }), "work_email"),
        (json!({ "provisional_start_date": "30/11/2020" }), "provisional_start_date"),
        (json!({ "status": 7 }), "status"),
    ] {
        let desk = Desk::with(SandboxConfig::plain(40)).await;
        let connection = desk.publish().await;
        let before = desk.world.text("SELECT string_agg(document, ' ' ORDER BY id) FROM people").await;
        for index in 0..2 {
            desk.world.vendor.patch(index, &patch).unwrap();
        }
        let run = desk.sync(&connection, TimeDelta::hours(1)).await;
        assert_eq!((&run["state"], &run["counts"]["unreadable"]), (&json!("succeeded"), &json!(2)), "{field}: {run}");
        for index in 2..40 {
            desk.world.vendor.patch(index, &patch).unwrap();
        }
        let run = desk.sync(&connection, TimeDelta::hours(1)).await;
        let problem = &run["problems"][0];
        assert_eq!((&run["state"], &problem["code"]), (&json!("incomplete"), &json!("shapeChanged")), "{field}: {run}");
        assert!(problem["message"].as_str().unwrap().contains(&format!("`{field}`")), "{problem}");
        assert_eq!(
            desk.world.text("SELECT string_agg(document, ' ' ORDER BY id) FROM people").await,
            before,
            "{field}"
        );
        desk.stop().await;
    }
}

/// HR does without a field on purpose: an admin accepts that, for this field and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_that_an_admin_accepts_is_no_change_of_the_shape() {
    let desk = Desk::with(SandboxConfig::plain(40)).await;
    let connection = desk.publish().await;
    let titles = "SELECT string_agg(substring(document from '\"title\":\"([^\"]*)'), ', ' ORDER BY id) FROM people";
    let before = desk.world.text(titles).await;
    assert!(before.is_some());
    for index in 0..40 {
        let patch = json!({ "job_title": { "a": 1 }, "department": 7 });
        desk.world.vendor.patch(index, &patch).unwrap();
    }
    let run = desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!(run["problems"][0]["code"], "shapeChanged", "{run}");
    let remedy = run["problems"][0]["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains("--accept-shape"), "{remedy}");
    let shown = desk.says(&["connection", "show", &connection]).await;
    assert!(shown.contains("--accept-shape"), "{shown}");

    let accept = async |fields: &[&str]| {
        let mut order = vec!["connection", "sync", connection.as_str(), "--reason", "no titles any more"];
        order.extend(fields.iter().flat_map(|field| ["--accept-shape", *field]));
        desk.says(&order).await;
        desk.world.work().await;
        desk.items(&format!("/runs?connectionId={connection}&limit=1")).await.remove(0)
    };
    let run = accept(&["job_title"]).await;
    let problem = &run["problems"][0];
    assert_eq!((&run["state"], &problem["code"]), (&json!("incomplete"), &json!("shapeChanged")), "{run}");
    assert!(problem["message"].as_str().unwrap().contains("`department`"), "the other one is still lost: {problem}");
    let run = accept(&["job_title", "department"]).await;
    assert_eq!(
        (&run["state"], &run["acceptShape"], &run["counts"]["unreadable"]),
        (&json!("succeeded"), &json!(["job_title", "department"]), &json!(40)),
        "{run}"
    );
    assert_eq!(desk.world.text(titles).await, before, "what cannot be read keeps its last good value");
    let run = desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!(run["state"], "succeeded", "accepted once is enough: {run}");

    // A key that is gone is a value that is gone.
    for index in 0..40 {
        desk.world.vendor.patch(index, &json!({ "job_title": "Lead", "department": "Design" })).unwrap();
    }
    desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!(titled(&desk, "Lead").await, 40);
    let path = format!("/connections/{connection}/sync");
    for (fields, message) in [
        (json!(["id"]), "records without an id"),
        (json!([""]), "shapeChanged"),
        (json!(vec!["x"; 21]), "at most 20"),
        (json!("job_title"), "a list of texts"),
    ] {
        let refused = desk.post(&path, json!({ "acceptShape": fields })).await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.text.contains("acceptShape") && refused.text.contains(message), "{}", refused.text);
    }
    let going = desk.post(&path, json!({})).await;
    assert_eq!(going.status, 202);
    let late = desk.post(&path, json!({ "acceptShape": ["job_title"] })).await;
    assert_eq!((late.status, &late.body()["code"]), (409, &json!("conflict")), "the run that is going accepts nothing");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_usable_id_stops_nobody_and_proves_no_absence() {
    let desk = Desk::with(SandboxConfig::plain(40)).await;
    let connection = desk.publish().await;
    desk.world.vendor.patch(6, &json!({ "job_title": "Lead" })).unwrap();
    let mut rows: Vec<Value> = (0..40_u32).map(|index| desk.world.vendor.employment(index).unwrap()).collect();
    desk.world.vendor.remove(20, false).unwrap();
    rows[20]["id"] = json!({ "a": 1 });
    rows[20]["full_name"] = json!("Noa Key");
    let body = Some(json!({ "data": rows, "next_cursor": null }));
    let effect = Effect::Status { status: 200, body, html: false, retry_after: None, reset_ms: None };
    desk.world.vendor.fault(Fault::on("/v1/employments/bulk", effect)).unwrap();
    for _ in 0..4 {
        let run = desk.sync(&connection, TimeDelta::hours(1)).await;
        assert_eq!((&run["state"], &run["counts"]["failed"]), (&json!("succeeded"), &json!(1)), "{run}");
        assert_eq!((titled(&desk, "Lead").await, active(&desk).await), (1, 40));
        let told = desk.says(&["run", "show", run["id"].as_str().unwrap()]).await;
        assert!(
            told.contains("Noa Key: row 21 of page 1: ") && told.contains("`id` holds an object with 1 key"),
            "{told}"
        );
    }
    // When the row is readable again, and still of another person, the absence can be proven.
    desk.world.vendor.clear_faults();
    for _ in 0..2 {
        desk.sync(&connection, TimeDelta::hours(1)).await;
    }
    assert_eq!(active(&desk).await, 39);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn justworks_leaves_out_what_was_cleared_and_a_field_that_nobody_has_any_more_is_another_shape() {
    let pair = Pair::justworks(JustworksConfig::plain(20)).await;
    let connection = pair.publish(json!({})).await;
    let titles = "SELECT count(*) FROM people WHERE document LIKE '%\"title\":%'";
    let had = pair.live.world.number(titles).await;
    assert!(had >= 10, "{had}");
    for index in 0..3_u32 {
        pair.justworks.patch(index, &json!({ "job_title": null })).unwrap();
    }
    let run = pair.live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(pair.live.world.number(titles).await, had - 3, "three titles were cleared");
    for index in 3..20_u32 {
        pair.justworks.patch(index, &json!({ "job_title": null })).unwrap();
    }
    let run = pair.live.sync(connection).await;
    assert_eq!((&run["state"], &run["problems"][0]["code"]), (&json!("incomplete"), &json!("shapeChanged")), "{run}");
    assert_eq!(pair.live.world.number(titles).await, had - 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn justworks_names_that_are_numbers_erase_no_name() {
    let pair = Pair::justworks(JustworksConfig::plain(20)).await;
    let connection = pair.publish(json!({})).await;
    let names = "SELECT string_agg(substring(document FROM '\"displayName\":\"[^\"]*\"'), ' ' ORDER BY id) FROM people";
    let before = pair.live.world.text(names).await;
    pair.justworks.patch(1_u32, &json!({ "name": 5 })).unwrap();
    let run = pair.live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(pair.live.world.text(names).await, before);
    for index in 0..20_u32 {
        pair.justworks.patch(index, &json!({ "name": 5 })).unwrap();
    }
    let run = pair.live.sync(connection).await;
    assert_eq!((&run["state"], &run["problems"][0]["code"]), (&json!("incomplete"), &json!("shapeChanged")), "{run}");
    assert_eq!(pair.live.world.text(names).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_that_nobody_can_type_is_published_and_no_control_reaches_a_consumer() {
    let desk = Desk::with(SandboxConfig::plain(12)).await;
    let bad = [
        "a\u{200b}b@acme.example",
        "ab@ac\u{feff}me.example",
        "a\u{202e}b@acme.example",
        "a\u{0}b@acme.example",
        "mailto:x@acme.example",
        "<script>@acme.example",
        "a..b@acme.example",
        ".lead@acme.example",
    ];
    for (index, address) in (0_u32..).zip(bad) {
        desk.world.vendor.patch(index, &json!({ "work_email": address })).unwrap();
    }
    let dirty = "Ana\u{1b}[31m\r\nMar\u{202e}ques\u{200b}";
    desk.world.vendor.patch(9, &json!({ "full_name": dirty, "job_title": dirty, "department": dirty })).unwrap();
    desk.world
        .vendor
        .patch(10, &json!({ "job_title": "\u{feff}", "personal_details": { "preferred_name": "\u{200b}" } }))
        .unwrap();
    let connection = desk.publish().await;
    assert_eq!(active(&desk).await, 4);
    assert_eq!(asked(&desk, "invalidWorkEmail").await.len(), bad.len());
    let run = desk.sync(&connection, TimeDelta::hours(1)).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    let (_, token) = desk.consumer("idp", &["scim:read"]).await;
    let mut all = String::new();
    for kind in ["Users", "Groups"] {
        all.push_str(&desk.call("GET", &format!("/scim/v2/{kind}?count=200"), &token, None).await.text);
    }
    assert!(all.contains("Ana[31m Marques"), "{all}");
    for control in ["\\u001b", "\\r", "\\u0000", "\u{202e}", "\u{200b}", "\u{feff}"] {
        assert!(!all.contains(control), "{control:?}");
    }
    desk.stop().await;
}
