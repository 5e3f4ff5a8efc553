//! Tests the stories about the effects of time: starts, ends, conversions, and instants that were missed (law 10).

use chrono::{DateTime, TimeDelta, Utc};
use rollbook::sandbox::{Kind, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::live::{Live, WORKER, of_people, types};
use crate::support::world::{context, work};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// An office of the company, as Remote writes it.
fn office(country: &str, alpha_3: &str, state: Option<&str>, city: &str) -> Value {
    json!({
        "country": { "alpha_2_code": country, "code": alpha_3 },
        "work_address_details": { "city": city, "state": state, "country": alpha_3, "is_home_address": "no" },
    })
}

fn with(base: &Value, more: &Value) -> Value {
    let mut all = base.clone();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

impl Live {
    /// Moves time, and does the work that is then due.
    async fn at(&self, text: &str) {
        self.world.context.clock.set(at(text));
        self.world.work().await;
    }

    async fn is_active(&self, user_name: &str) -> bool {
        self.user(user_name).await["active"].as_bool().unwrap()
    }

    async fn person(&self, user: &Value) -> Value {
        self.api(&format!("/people/{}", user["id"].as_str().unwrap())).await
    }

    /// Nothing is pulled from now on; known dates still fire.
    async fn pause(&self, connection: Uuid) {
        self.post(&format!("/connections/{connection}/pause"), json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn story_12_days_begin_and_end_where_the_worker_is() {
    let live = Live::with(SandboxConfig::plain(8)).await;
    let vendor = &live.world.vendor;
    let sydney = with(
        &office("AU", "AUS", Some("NSW"), "Sydney"),
        &json!({ "work_email": "sydney@acme.example", "provisional_start_date": "2026-12-01" }),
    );
    let los_angeles = with(
        &office("US", "USA", Some("CA"), "Los Angeles"),
        &json!({ "work_email": "la@acme.example", "status": "offboarding", "termination_date": "2026-12-04" }),
    );
    vendor.patch(3, &sydney).unwrap();
    vendor.patch(4, &los_angeles).unwrap();
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    live.pause(connection).await;
    let known = i64::try_from(live.feed(0).await.len()).unwrap();
    let asked = vendor.statistics().total;

    live.at("2026-11-30T12:59:59Z").await;
    let pending = live.user("sydney@acme.example").await;
    assert_eq!((&pending["active"], &pending[WORKER]["employmentStatus"]), (&json!(false), &json!("Pending")));
    assert_eq!(live.person(&pending).await["nextDueAt"], "2026-11-30T13:00:00Z");
    live.at("2026-11-30T13:00:00Z").await;
    let started = live.user("sydney@acme.example").await;
    assert_eq!((&started["active"], &started[WORKER]["employmentStatus"]), (&json!(true), &json!("Active")));
    assert_eq!(live.person(&started).await["zone"], json!({ "name": "Australia/Sydney", "origin": "office" }));

    live.at("2026-12-05T07:59:59Z").await;
    let leaving = live.user("la@acme.example").await;
    assert_eq!(leaving["active"], true);
    assert_eq!(leaving[WORKER]["terminationDate"], "2026-12-04");
    assert_eq!(live.person(&leaving).await["zone"], json!({ "name": "America/Los_Angeles", "origin": "office" }));
    live.at("2026-12-05T08:00:00Z").await;
    let left = live.user("la@acme.example").await;
    assert_eq!((&left["active"], &left[WORKER]["employmentStatus"]), (&json!(false), &json!("Terminated")));

    assert_eq!(vendor.statistics().total, asked, "without any pull");
    let events = of_people(live.feed(known).await);
    assert_eq!(types(&events), ["person.started", "person.deactivated"]);
    for (event, user, when) in
        [(&events[0], &started, "2026-11-30T13:00:00Z"), (&events[1], &left, "2026-12-05T08:00:00Z")]
    {
        assert_eq!((&event["personId"], &event["cause"]), (&user["id"], &json!("timer")));
        assert_eq!((&event["effectiveAt"], &event["latenessSeconds"]), (&json!(when), &json!(0)));
    }
}

/// A timer's loop checks once a second. The person's row states when it is due, so no time can pass unseen in between.
#[tokio::test(flavor = "multi_thread")]
async fn story_27_a_hire_is_seen_before_she_starts_and_starts_at_her_midnight() {
    let live = Live::with(SandboxConfig::plain(6)).await;
    let vendor = &live.world.vendor;
    let hire = with(
        &office("FR", "FRA", None, "Paris"),
        &json!({ "work_email": "hire@acme.example", "provisional_start_date": "2026-12-10", "status": "active" }),
    );
    vendor.patch(5, &hire).unwrap();
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    live.pause(connection).await;
    let user = live.user("hire@acme.example").await;
    assert_eq!((&user["active"], &user[WORKER]["employmentStatus"]), (&json!(false), &json!("Pending")));
    assert_eq!(user[WORKER]["startDate"], "2026-12-10");
    assert!(live.scim("/Users").await.text.contains("hire@acme.example"), "she is listed");
    let known = i64::try_from(live.feed(0).await.len()).unwrap();
    live.at("2026-12-09T22:59:59Z").await;
    assert!(!live.is_active("hire@acme.example").await);
    assert!(live.feed(known).await.is_empty());
    live.at("2026-12-09T23:00:00Z").await;
    assert!(live.is_active("hire@acme.example").await);
    let events = of_people(live.feed(known).await);
    assert_eq!(types(&events), ["person.started"]);
    assert_eq!(events[0]["personId"], user["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn story_10_a_contractor_who_becomes_an_employee_is_never_inactive() {
    let live = Live::with(SandboxConfig::mix(&[(Kind::Direct, 4), (Kind::Contractor, 1)])).await;
    let vendor = &live.world.vendor;
    let human = with(
        &office("FR", "FRA", None, "Paris"),
        &json!({
            "full_name": "Cleo Convert", "work_email": "cleo@acme.example",
            "personal_details": { "given_name": "Cleo", "surname": "Convert", "birthdate": "1990-05-05" },
        }),
    );
    let ends = json!({ "status": "offboarding", "termination_date": "2026-11-30" });
    vendor.patch(4, &with(&human, &ends)).unwrap();
    let begins = json!({ "type": "employee", "employment_model": "eor", "provisional_start_date": "2026-12-01" });
    vendor.add(&with(&human, &begins)).unwrap();
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    live.pause(connection).await;
    let user = live.user("cleo@acme.example").await;
    assert_eq!((&user["active"], &user[WORKER]["employmentType"]), (&json!(true), &json!("Contractor")));
    let known = i64::try_from(live.feed(0).await.len()).unwrap();
    live.at("2026-11-30T22:59:59Z").await;
    assert!(live.is_active("cleo@acme.example").await);
    assert!(live.feed(known).await.is_empty());
    live.at("2026-11-30T23:00:00Z").await;
    let after = live.user("cleo@acme.example").await;
    assert_eq!((&after["active"], &after[WORKER]["employmentType"]), (&json!(true), &json!("Employee")));
    assert_eq!((&after["id"], &after[WORKER]["startDate"]), (&user["id"], &json!("2026-12-01")));
    let events = of_people(live.feed(known).await);
    assert_eq!(types(&events), ["employment.changed"]);
    assert!(!events[0]["changes"].as_array().unwrap().iter().any(|change| change["attribute"] == "active"));
    assert_eq!(live.total().await, 5, "one human");
}

#[tokio::test(flavor = "multi_thread")]
async fn story_14_a_termination_is_cancelled_or_comes_late() {
    let live = Live::with(SandboxConfig::plain(40)).await;
    let vendor = &live.world.vendor;
    let paris = office("FR", "FRA", None, "Paris");
    vendor
        .patch(7, &with(&paris, &json!({ "work_email": "stays@acme.example", "termination_date": "2026-11-28" })))
        .unwrap();
    vendor.patch(8, &with(&paris, &json!({ "work_email": "left@acme.example" }))).unwrap();
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    assert_eq!(live.user("stays@acme.example").await[WORKER]["terminationDate"], "2026-11-28");
    let known = i64::try_from(live.feed(0).await.len()).unwrap();

    live.at("2026-11-21T15:00:00Z").await;
    vendor.patch(8, &json!({ "status": "archived", "termination_date": "2026-11-18" })).unwrap();
    let run = live.sync(connection).await;
    assert_eq!(run["counts"]["deactivated"], 1, "{run}");
    let events = of_people(live.feed(known).await);
    assert_eq!(types(&events), ["person.deactivated"]);
    let event = &events[0];
    assert_eq!(
        (&event["effectiveAt"], &event["detectedAt"]),
        (&json!("2026-11-18T23:00:00Z"), &json!("2026-11-21T15:00:00Z"))
    );
    assert_eq!(event["latenessSeconds"], (2 * 24 + 16) * 3600);
    assert!(!live.is_active("left@acme.example").await);

    live.at("2026-11-27T09:00:00Z").await;
    vendor.patch(7, &json!({ "termination_date": null })).unwrap();
    live.sync(connection).await;
    let events = of_people(live.feed(known).await).split_off(1);
    assert_eq!(types(&events), ["termination.cancelled"]);
    live.at("2026-11-30T00:00:00Z").await;
    assert!(live.is_active("stays@acme.example").await);
    assert_eq!(of_people(live.feed(known).await).len(), 2, "no deactivation");
}

/// A person who was hired again under the same record: the offboarding that is done ended the employment before.
#[tokio::test(flavor = "multi_thread")]
async fn an_offboarding_from_before_the_start_ends_an_earlier_employment() {
    let live = Live::with(SandboxConfig::plain(6)).await;
    let vendor = &live.world.vendor;
    let start = |day: &str| json!({ "work_email": "again@acme.example", "provisional_start_date": day });
    vendor.patch(3, &start("2020-01-01")).unwrap();
    let done = |day: &str| json!({ "status": "completed", "type": "resignation", "termination_date": day });
    vendor.set_offboarding(3_u32, Some(done("2026-06-30"))).unwrap();
    let connection = live.connect(json!({ "include": { "leavers": true } })).await;
    live.finish(connection).await;
    assert!(!live.is_active("again@acme.example").await);
    vendor.patch(3, &start("2026-10-01")).unwrap();
    live.sync(connection).await;
    let user = live.user("again@acme.example").await;
    assert_eq!(
        (&user["active"], &user[WORKER]["startDate"], user[WORKER].get("terminationDate")),
        (&json!(true), &json!("2026-10-01"), None),
        "{user}"
    );
    // The next end is its own.
    vendor.set_offboarding(3_u32, Some(done("2026-11-10"))).unwrap();
    live.sync(connection).await;
    let user = live.user("again@acme.example").await;
    assert_eq!((&user["active"], &user[WORKER]["terminationDate"]), (&json!(false), &json!("2026-11-10")));
}

/// Law 10 and the core of story 15: a gap in which the service was down.
#[tokio::test(flavor = "multi_thread")]
async fn law_10_late_instants_fire_once_with_their_lateness() {
    let live = Live::with(SandboxConfig::plain(12)).await;
    let vendor = &live.world.vendor;
    let paris = office("FR", "FRA", None, "Paris");
    let day = |more: Value| with(&paris, &more);
    vendor
        .patch(3, &day(json!({ "work_email": "starts@acme.example", "provisional_start_date": "2026-12-02" })))
        .unwrap();
    vendor.patch(4, &day(json!({ "work_email": "ends@acme.example", "termination_date": "2026-12-03" }))).unwrap();
    vendor.patch(5, &day(json!({ "work_email": "later@acme.example", "termination_date": "2026-12-20" }))).unwrap();
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    live.pause(connection).await;
    let known = i64::try_from(live.feed(0).await.len()).unwrap();

    // Down from 30 November to 6 December; then two nodes start at once.
    live.world.context.clock.set(at("2026-12-06T09:00:00Z"));
    let second = context(&live.world.database, live.world.context.clock.clone()).await;
    tokio::join!(work(&live.world.context), work(&second));
    let events = of_people(live.feed(known).await);
    let mut fired: Vec<(&str, &str, i64)> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap();
            (text("type"), text("effectiveAt"), event["latenessSeconds"].as_i64().unwrap())
        })
        .collect();
    fired.sort_unstable();
    let late = |since: &str| (at("2026-12-06T09:00:00Z") - at(since)).num_seconds();
    assert_eq!(
        fired,
        [
            ("person.deactivated", "2026-12-03T23:00:00Z", late("2026-12-03T23:00:00Z")),
            ("person.started", "2026-12-01T23:00:00Z", late("2026-12-01T23:00:00Z")),
        ]
    );
    assert!(live.is_active("starts@acme.example").await && live.is_active("later@acme.example").await);
    assert!(!live.is_active("ends@acme.example").await);

    // A restart repeats nothing.
    let third = context(&live.world.database, live.world.context.clock.clone()).await;
    live.world.advance(TimeDelta::minutes(5));
    work(&third).await;
    work(&live.world.context).await;
    assert_eq!(of_people(live.feed(known).await), events);
}
