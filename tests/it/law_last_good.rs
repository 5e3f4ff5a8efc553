//! Tests law 1: last good data is served. Whatever the HR system does, no person changes or disappears because of it.

use std::time::Duration;

use chrono::TimeDelta;
use rollbook::outbound::Outbound;
use rollbook::sandbox::{Effect, Fault, Kind, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::live::Live;
use crate::support::world::World;

const WORKERS: u32 = 230;
const BULK: &str = "/v1/employments/bulk";
const LIST: &str = "/v1/employments";

struct Trouble {
    fault: Fault,
    /// The state of the run, the code of its problem, and a text that its message contains.
    state: &'static str,
    code: &'static str,
    says: &'static [&'static str],
}

impl Trouble {
    fn new(fault: Fault, state: &'static str, code: &'static str, says: &'static [&'static str]) -> Self {
        Self { fault, state, code, says }
    }
}

/// Everything that a consumer can see of people and groups.
async fn seen(live: &Live) -> (i64, String, Vec<Value>) {
    let page = live.scim("/Users?count=500").await;
    let feed = live.feed(0).await.into_iter().filter(|event| event["connectionId"].is_null()).collect();
    (live.total().await, page.list()["Resources"].to_string(), feed)
}

async fn pull_in(live: &Live, connection: Uuid, trouble: &Trouble) -> Value {
    let vendor = &live.world.vendor;
    vendor.fault(trouble.fault.clone()).unwrap();
    live.world.advance(TimeDelta::hours(7));
    // The pull runs by itself, since it is due; the admin asks for it once more.
    let run = live.sync(connection).await;
    let what = format!("{:?}: {run}", trouble.fault);
    assert!(vendor.faults()[0].met > 0, "the fault was met: {what}");
    assert_eq!((&run["state"], &run["problems"][0]["code"]), (&json!(trouble.state), &json!(trouble.code)), "{what}");
    let message = run["problems"][0]["message"].as_str().unwrap();
    for words in trouble.says {
        assert!(message.contains(words), "`{words}` in {message}");
    }
    assert!(!message.contains(&vendor.token()) && !message.contains('\n') && message.len() < 500, "{message}");
    vendor.clear_faults();
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trouble_at_the_hr_system_changes_anybody() {
    let (live, connection) = Live::published(SandboxConfig::plain(WORKERS)).await;
    let vendor = &live.world.vendor;
    let before = seen(&live).await;
    assert_eq!(before.0, i64::from(WORKERS));
    // A token that has lost all permissions. When they are given again, it is good again.
    let barred = Fault::on("/", Effect::status(403));
    pull_in(
        &live,
        connection,
        &Trouble::new(barred, "failed", "unauthorized", &["Remote refused the credential", "403"]),
    )
    .await;
    assert_eq!(seen(&live).await, before);
    assert_eq!(live.api(&format!("/connections/{connection}")).await["state"], "needsReauthorization");
    let given = json!({ "credentials": { "apiToken": vendor.token() } });
    let asked = live.post(&format!("/connections/{connection}/reauthorize"), given).await;
    assert_eq!(live.run(&asked).await["counts"]["unchanged"], WORKERS);
    assert_eq!(seen(&live).await, before);

    // A change that a read would bring, and a person that it would lack.
    vendor.patch(7, &json!({ "job_title": "Astronaut" })).unwrap();
    vendor.remove(20, false).unwrap();
    let troubles = [
        Trouble::new(
            Fault::on(BULK, Effect::status(409)),
            "failed",
            "refused",
            &["409", "has to be in the status active"],
        ),
        Trouble::new(
            Fault::on(BULK, Effect::html(502)).from(2),
            "incomplete",
            "unavailable",
            &["after 5 tries", "502"],
        ),
        Trouble::new(Fault::on(BULK, Effect::Truncated).from(3), "incomplete", "malformed", &[BULK, "JSON"]),
        Trouble::new(Fault::on(BULK, Effect::html(200)), "incomplete", "malformed", &["HTML"]),
        Trouble::new(Fault::on(BULK, Effect::Close).from(2), "incomplete", "unavailable", &["the connection broke"]),
        Trouble::new(Fault::on(BULK, Effect::SameCursor).from(2), "incomplete", "malformed", &["cursor"]),
        Trouble::new(Fault::on(BULK, Effect::Empty), "incomplete", "emptyAnswer", &["empty list", "230 workers"]),
    ];
    for trouble in &troubles {
        pull_in(&live, connection, trouble).await;
        assert_eq!(seen(&live).await, before, "{:?}", trouble.fault);
        let shown = live.api(&format!("/connections/{connection}")).await;
        assert_eq!(shown["state"], "failing", "{:?}", trouble.fault);
        assert!(shown["problems"][0]["remedy"].is_string() && shown["nextRunAt"].is_string(), "{shown}");
    }

    // Rows that move between the pages of a list.
    vendor.set_bulk(false);
    let shifted = Fault::on(LIST, Effect::Shift { by: 1 }).exactly().page(2);
    pull_in(&live, connection, &Trouble::new(shifted, "incomplete", "countMismatch", &["229", "3 reads"])).await;
    assert_eq!(seen(&live).await, before, "shifted rows");

    // A token that ends in the middle of a read: nothing is tried again until there is another.
    let dead = Fault::on("/", Effect::status(401)).from(5);
    pull_in(
        &live,
        connection,
        &Trouble::new(dead, "failed", "unauthorized", &["Remote refused the credential", "401"]),
    )
    .await;
    assert_eq!(seen(&live).await, before, "a dead token");
    let shown = live.api(&format!("/connections/{connection}")).await;
    assert_eq!((&shown["state"], &shown["nextRunAt"]), (&json!("needsReauthorization"), &Value::Null));
    assert_eq!(shown["problems"][0]["status"], 401, "{shown}");
    let asked = vendor.statistics().total;
    live.world.advance(TimeDelta::hours(24));
    live.world.work().await;
    assert_eq!(vendor.statistics().total, asked, "nothing is asked with a dead token");
    let answer = live.call("POST", &format!("/api/v1/connections/{connection}/sync"), &live.admin, None).await;
    assert_eq!(answer.status, 409, "{}", answer.text);

    // The connection works again: the change is still new, and no person has left meanwhile.
    let given = json!({ "credentials": { "apiToken": vendor.rotate_token() } });
    let asked = live.post(&format!("/connections/{connection}/reauthorize"), given).await;
    let counts = live.run(&asked).await["counts"].clone();
    assert_eq!([&counts["created"], &counts["updated"], &counts["deactivated"]], [0, 1, 0], "{counts}");
    assert_eq!(live.api(&format!("/connections/{connection}")).await["state"], "active");
    assert_eq!(live.users("active eq true").await.len(), 100, "the first page of them");
    assert_eq!(live.total().await, i64::from(WORKERS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_never_answers_is_given_up_and_changes_nobody() {
    let mut world = World::with(SandboxConfig::plain(20)).await;
    // Of real time: not waited for longer than a test may take.
    world.context.outbound = Outbound::within(Duration::from_secs(1), world.context.clock.clone(), true).unwrap();
    let live = Live::around(world).await;
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    let before = seen(&live).await;
    live.world.vendor.patch(7, &json!({ "job_title": "Astronaut" })).unwrap();
    let says = &["after 5 tries", "no complete answer in time"];
    let silence = Fault::on("/v1/company-departments", Effect::Hang);
    pull_in(&live, connection, &Trouble::new(silence, "incomplete", "unavailable", says)).await;
    assert_eq!(seen(&live).await, before);
    live.world.advance(TimeDelta::hours(1));
    assert_eq!(live.sync(connection).await["counts"]["updated"], 1);
}

/// remote.md 3.3: bulk has no last days. Where the token does not see offboardings, every record is read by its id, and
/// no person's end is lost.
#[tokio::test(flavor = "multi_thread")]
async fn offboardings_that_the_token_does_not_see_change_nobody() {
    let (live, connection) = Live::published(SandboxConfig::mix(&[(Kind::Direct, 20), (Kind::Offboarding, 5)])).await;
    let before = seen(&live).await;
    let shown = live.world.vendor.statistics().requests.get("/v1/employments/{id}").copied().unwrap_or(0);
    live.world.vendor.fault(Fault::on("/v1/offboardings", Effect::status(403))).unwrap();
    live.world.advance(TimeDelta::hours(3));
    let run = live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(seen(&live).await, before);
    let asked = live.world.vendor.statistics().requests["/v1/employments/{id}"] - shown;
    assert_eq!(asked, 25, "each record by its id");
}

/// A start or an end that cannot be read is neither taken nor absent: the worker keeps the last good state.
#[tokio::test(flavor = "multi_thread")]
async fn a_date_that_cannot_be_read_lets_nobody_in_or_out() {
    let (live, connection) = Live::published(SandboxConfig::plain(40)).await;
    let before = seen(&live).await;
    live.world.vendor.patch(3, &json!({ "status": "offboarding", "termination_date": "soon" })).unwrap();
    live.world.vendor.patch(4, &json!({ "provisional_start_date": "31/12/2026" })).unwrap();
    let run = live.sync(connection).await;
    assert_eq!((&run["state"], &run["counts"]["unreadable"]), (&json!("succeeded"), &json!(2)), "{run}");
    assert_eq!(seen(&live).await, before);
    let problems = run["problems"].as_array().unwrap();
    assert!(problems.iter().all(|problem| problem["code"] == "unreadableRecord" && problem["sourceId"].is_string()));
    assert!(!run.to_string().contains("soon"), "values of records are not told: {run}");
}
