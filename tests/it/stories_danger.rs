//! Tests the stories about danger that is held (law 3). Until budgets are counted part by part, a run is held as a
//! whole.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use rollbook::sandbox::{Kind, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::live::{Live, of_people, types};

/// Makes 24 active people of which six go missing, with two joiners from the first run on.
async fn six_missing() -> (Live, Uuid, BTreeSet<String>, i64) {
    let (live, connection) = Live::published(SandboxConfig::mix(&[(Kind::Direct, 24)])).await;
    let vendor = &live.world.vendor;
    let gone: BTreeSet<String> = (10..16).map(|n| live.email_of(n)).collect();
    (10..16).for_each(|n| vendor.remove(n, false).unwrap());
    for name in ["new.one", "new.two"] {
        vendor.add(&json!({ "work_email": format!("{name}@acme.example") })).unwrap();
    }
    live.world.advance(TimeDelta::hours(1));
    let first = live.sync(connection).await;
    assert_eq!((&first["counts"]["created"], &first["counts"]["deactivated"]), (&json!(2), &json!(0)), "{first}");
    assert_eq!(live.api("/holds").await["items"], json!([]));
    let known = i64::try_from(live.feed(0).await.len()).unwrap();

    live.world.advance(TimeDelta::minutes(30));
    let second = live.sync(connection).await;
    assert_eq!(second["state"], "succeeded", "{second}");
    assert_eq!((&second["counts"]["deactivated"], &second["counts"]["held"]), (&json!(0), &json!(6)), "{second}");
    assert!(live.feed(known).await.is_empty());
    (live, connection, gone, known)
}

async fn open_holds(live: &Live) -> Vec<Value> {
    live.api("/holds?state=open").await["items"].as_array().unwrap().clone()
}

fn emails(hold: &Value) -> BTreeSet<String> {
    hold["leavers"].as_array().unwrap().iter().map(|person| person["workEmail"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn story_16_six_of_twenty_four_are_held_and_leave_when_an_admin_approves() {
    let (live, connection, gone, known) = Box::pin(six_missing()).await;
    let holds = open_holds(&live).await;
    assert_eq!(holds.len(), 1);
    assert_eq!(emails(&holds[0]), gone);
    assert!(holds[0]["leavers"].as_array().unwrap().iter().all(|person| person["displayName"].is_string()));
    assert_eq!((live.total().await, live.users("active eq true").await.len()), (26, 26));
    let shown = live.api(&format!("/connections/{connection}")).await;
    assert!(shown["problems"].as_array().unwrap().iter().any(|problem| problem["code"] == "hold"), "{shown}");

    // The same again is the same hold.
    live.world.advance(TimeDelta::hours(1));
    live.sync(connection).await;
    let again = open_holds(&live).await;
    assert_eq!((again.len(), &again[0]["id"]), (1, &holds[0]["id"]));

    let path = format!("/holds/{}", holds[0]["id"].as_str().unwrap());
    let asked = live.post(&format!("{path}/approve"), json!({ "reason": "the Lyon office was sold" })).await;
    let run = live.run(&asked).await;
    assert_eq!((&run["state"], &run["counts"]["deactivated"]), (&json!("succeeded"), &json!(6)), "{run}");
    let left: BTreeSet<String> =
        live.users("active eq false").await.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left, gone);
    assert_eq!(live.total().await, 26, "leavers stay readable");
    let decided = live.api(&path).await;
    assert_eq!((&decided["state"], &decided["decidedBy"]), (&json!("approved"), &json!("admin")));
    assert_eq!(decided["reason"], "the Lyon office was sold");
    let events = of_people(live.feed(known).await);
    assert_eq!(types(&events), ["person.deactivated"; 6]);
    let history = live.api(&format!("/people/{}/history", events[0]["personId"].as_str().unwrap())).await;
    assert_eq!(history["items"][0]["tokenName"], "admin");
    assert!(
        live.api("/audit").await["items"].as_array().unwrap().iter().any(|entry| entry["action"] == "hold.approved")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn story_16_rejected_they_stay_and_are_not_held_again_until_others_are_missing() {
    let (live, connection, gone, known) = Box::pin(six_missing()).await;
    let path = format!("/holds/{}", open_holds(&live).await[0]["id"].as_str().unwrap());
    let asked = live.post(&format!("{path}/reject"), json!({ "reason": "a filter at Remote" })).await;
    assert_eq!(live.run(&asked).await["state"], "succeeded");
    assert_eq!(live.api(&path).await["state"], "rejected");
    for _ in 0..2 {
        live.world.advance(TimeDelta::hours(1));
        let run = live.sync(connection).await;
        assert_eq!((&run["state"], &run["counts"]["deactivated"]), (&json!("succeeded"), &json!(0)), "{run}");
        assert!(open_holds(&live).await.is_empty());
    }
    // Other changes of such a run are not kept from any consumer.
    live.world.vendor.patch(2, &json!({ "job_title": "Astronaut" })).unwrap();
    live.world.advance(TimeDelta::hours(1));
    assert_eq!(live.sync(connection).await["counts"]["updated"], 1);
    assert_eq!(live.users("active eq true").await.len(), 26);
    assert_eq!(types(&of_people(live.feed(known).await)), ["person.updated"]);

    let seventh = live.email_of(20);
    live.world.vendor.remove(20, false).unwrap();
    for _ in 0..2 {
        live.world.advance(TimeDelta::hours(1));
        live.sync(connection).await;
    }
    let holds = open_holds(&live).await;
    assert_eq!(holds.len(), 1, "another set of missing people is another question");
    let mut all = gone;
    all.insert(seventh);
    assert_eq!(emails(&holds[0]), all);
    assert_eq!(live.users("active eq true").await.len(), 26);
}
