//! Tests the way from a simulated Remote to people in the store.

use chrono::TimeDelta;
use rollbook::flows::connections;
use rollbook::sandbox::{Effect, Fault, Kind, SandboxConfig};
use rollbook::store;
use serde_json::json;

use crate::support::world::{World, admin};

/// The company of story 1.
fn acme() -> SandboxConfig {
    SandboxConfig::mix(&[(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_plans_everybody_and_publishes_nobody() {
    let world = World::with(acme()).await;
    let connection = world.connect().await;
    let run = store::runs::last_of(&mut *world.conn().await, connection).await.unwrap().unwrap();
    assert_eq!(run.state, "succeeded", "{:?}", run.problems);
    assert_eq!(run.counts["created"], 42);
    assert_eq!(world.number("SELECT count(*) FROM people").await, 0);
    connections::lifecycle::finish(&world.context, connection, None, &admin()).await.unwrap();
    world.work().await;
    assert_eq!(world.number("SELECT count(*) FROM people").await, 42);
    assert_eq!(
        world.number("SELECT count(*) FROM changes WHERE kind = 'person.created' AND sequence IS NOT NULL").await,
        42
    );
    assert_eq!(world.number("SELECT people_total FROM feed_state").await, 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pull_changes_nothing() {
    let world = World::with(SandboxConfig::plain(300)).await;
    let connection = world.publish().await;
    let before = world.text("SELECT md5(string_agg(p::text || xmin::text, '' ORDER BY id)) FROM people p").await;
    let changes = world.number("SELECT count(*) FROM changes").await;
    world.advance(TimeDelta::hours(1));
    let run = world.sync(connection).await;
    assert_eq!(run.state, "succeeded");
    assert_eq!(run.counts["unchanged"], 300, "{:?}", run.counts);
    assert_eq!(world.number("SELECT count(*) FROM changes").await, changes);
    assert_eq!(world.text("SELECT md5(string_agg(p::text || xmin::text, '' ORDER BY id)) FROM people p").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_person_of_the_examples_is_decided_as_the_vendor_page_says() {
    let world = World::with(SandboxConfig { workers: 40, ..SandboxConfig::default() }).await;
    let connection = world.publish().await;
    let tally = store::workers::tally(&mut *world.conn().await, connection, None).await.unwrap();
    assert_eq!(tally.published + tally.withheld + tally.excluded, 40, "{tally:?}");
    for row in store::workers::page(&mut *world.conn().await, connection, None, None, "", 100).await.unwrap() {
        println!("{} {} {:?} {:?}", row.statement["fullName"], row.disposition, row.exclusion, row.email_key);
    }
    for row in store::runs::reviews::page(
        &mut *world.conn().await,
        store::runs::reviews::Stand::Open,
        world.now(),
        None,
        None,
        100,
    )
    .await
    .unwrap()
    {
        println!("{} {:?} {}", row.reason, row.source_id, row.detail);
    }
    assert_eq!(world.number("SELECT count(*) FROM people WHERE manager_state = 'suspended'").await, 1);
    assert_eq!(
        world.number("SELECT count(*) FROM reviews WHERE reason = 'managerCycle' AND closed_at IS NULL").await,
        1
    );
}

/// Story 17.
#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_fetch_applies_nothing() {
    let world = World::with(SandboxConfig::plain(400)).await;
    let connection = world.publish().await;
    let changes = world.number("SELECT count(*) FROM changes").await;
    world.vendor.patch(7, &json!({ "job_title": "Astronaut" })).unwrap();
    world.vendor.fault(Fault::on("/v1/employments/bulk", Effect::status(500)).from(3)).unwrap();
    world.advance(TimeDelta::hours(1));
    let run = world.sync(connection).await;
    assert_eq!(run.state, "incomplete", "{:?}", run.problems);
    assert_eq!(world.number("SELECT count(*) FROM changes").await, changes);
    world.vendor.clear_faults();
    world.vendor.fault(Fault::on("/v1/employments", Effect::Empty)).unwrap();
    world.advance(TimeDelta::hours(1));
    let run = world.sync(connection).await;
    assert_eq!(run.state, "incomplete");
    assert_eq!(run.problems[0]["code"], "emptyAnswer", "{:?}", run.problems);
    assert_eq!(world.number("SELECT count(*) FROM people WHERE active").await, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_bulk_the_list_and_its_details_are_read_within_the_rate_limit() {
    let world = World::with(SandboxConfig { bulk: false, ..SandboxConfig::plain(500) }).await;
    world.publish().await;
    assert_eq!(world.number("SELECT count(*) FROM people").await, 500);
    let statistics = world.vendor.statistics();
    assert_eq!(statistics.rate_limited, 0);
    assert!(statistics.busiest_window <= 300, "{}", statistics.busiest_window);
}

#[tokio::test(flavor = "multi_thread")]
async fn absence_is_proven_by_two_complete_reads_half_an_hour_apart() {
    let world = World::with(SandboxConfig::plain(100)).await;
    let connection = world.publish().await;
    world.vendor.remove(50, false).unwrap();
    world.vendor.remove(51, true).unwrap();
    world.advance(TimeDelta::hours(1));
    world.sync(connection).await;
    assert_eq!(world.number("SELECT count(*) FROM people WHERE active").await, 100);
    world.advance(TimeDelta::minutes(20));
    world.sync(connection).await;
    assert_eq!(world.number("SELECT count(*) FROM people WHERE active").await, 100);
    world.advance(TimeDelta::minutes(11));
    let run = world.sync(connection).await;
    assert_eq!(run.state, "succeeded", "{:?}", run.problems);
    assert_eq!(world.number("SELECT count(*) FROM people WHERE active").await, 99, "{:?}", run.counts);
}

/// Managers are written before their reports, also below a cycle and across transactions.
#[tokio::test(flavor = "multi_thread")]
async fn below_a_cycle_everybody_has_their_manager_at_once() {
    let world = World::with(SandboxConfig::plain(1_200)).await;
    let (top, second) = (world.vendor.employment_id(0), world.vendor.employment_id(1));
    world.vendor.patch(0, &json!({ "manager_employment_id": second })).unwrap();
    world.vendor.patch(1, &json!({ "manager_employment_id": top })).unwrap();
    world.publish().await;
    assert_eq!(world.number("SELECT count(*) FROM people").await, 1_200);
    assert_eq!(world.number("SELECT count(*) FROM people WHERE manager_state = 'pending'").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM people WHERE manager_state = 'suspended'").await, 1);
    assert_eq!(
        world.number("SELECT count(*) FROM changes WHERE kind = 'person.created'").await,
        world.number("SELECT count(*) FROM changes WHERE person_id IS NOT NULL").await,
    );
    // No person was shown with a manager who did not exist yet.
    let early = "SELECT count(*) FROM changes c JOIN people p ON p.id = c.person_id
                 JOIN changes m ON m.person_id = p.manager_id AND m.kind = 'person.created'
                 WHERE c.kind = 'person.created' AND m.at > c.at";
    assert_eq!(world.number(early).await, 0);
}

/// What waits for an admin does not slip in through a timer.
#[tokio::test(flavor = "multi_thread")]
async fn a_timer_takes_nothing_from_a_held_plan() {
    let world = World::with(SandboxConfig::plain(20)).await;
    // A person whose day comes tomorrow, wherever they are.
    world.vendor.patch(3, &json!({ "provisional_start_date": "2026-11-21" })).unwrap();
    let connection = world.publish().await;
    assert_eq!(world.number("SELECT count(*) FROM people WHERE active").await, 19);
    // Many leave at once, the one with the timer among them, and with another title.
    for index in 3..9 {
        world.vendor.patch(index, &json!({ "status": "archived", "job_title": "Gone" })).unwrap();
    }
    world.advance(TimeDelta::hours(1));
    let run = world.sync(connection).await;
    assert!(run.counts["held"].as_i64().unwrap() > 0, "{:?}", run.counts);
    world.advance(TimeDelta::days(2));
    rollbook::flows::planning::timers::fire(&world.context).await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM people WHERE active").await, 20);
    assert_eq!(world.number("SELECT count(*) FROM people WHERE document LIKE '%Gone%'").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM changes WHERE kind = 'person.started'").await, 1);
}
