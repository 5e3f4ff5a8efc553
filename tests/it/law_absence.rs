//! Tests law 2: absence must be proven.

use chrono::TimeDelta;
use rollbook::flows::connections;
use rollbook::sandbox::{Effect, Fault, SandboxConfig};
use serde_json::json;
use uuid::Uuid;

use crate::support::world::{World, admin};

async fn active(world: &World) -> i64 {
    world.number("SELECT count(*) FROM people WHERE active").await
}

async fn later(world: &World, connection: Uuid) {
    world.advance(TimeDelta::minutes(31));
    let run = world.sync(connection).await;
    assert_eq!(run.state, "succeeded", "{:?}", run.problems);
}

enum Other {
    Credential,
    Include,
    Method,
}

/// A first reading proves nothing together with one that read otherwise; the proof starts again from there.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_begins_anew_when_a_read_is_another_kind_of_read() {
    for other in [Other::Credential, Other::Include, Other::Method] {
        let world = World::with(SandboxConfig::plain(40)).await;
        let connection = world.publish().await;
        world.vendor.remove(20, false).unwrap();
        later(&world, connection).await;
        match other {
            Other::Credential => {
                let given = json!({ "apiToken": world.vendor.rotate_token() });
                world.advance(TimeDelta::minutes(31));
                connections::lifecycle::reauthorize(
                    &world.context,
                    connection,
                    &given,
                    "http://unused.example",
                    &admin(),
                )
                .await
                .unwrap();
                world.work().await;
            }
            Other::Include => {
                let settings = json!({ "baseUrl": world.running.base_url(), "include": { "vendors": true } });
                connections::lifecycle::change_settings(&world.context, connection, settings, &admin()).await.unwrap();
                later(&world, connection).await;
            }
            Other::Method => {
                world.vendor.set_bulk(false);
                later(&world, connection).await;
            }
        }
        assert_eq!(active(&world).await, 40, "two reads that differ");
        later(&world, connection).await;
        assert_eq!(active(&world).await, 39, "two reads that are alike");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_by_id_is_not_absent_and_who_cannot_be_asked_is_not_either() {
    let world = World::with(SandboxConfig::plain(40)).await;
    let connection = world.publish().await;
    let unclear = format!("/v1/employments/{}", world.vendor.employment_id(21));
    world.vendor.remove(20, true).unwrap();
    world.vendor.remove(21, false).unwrap();
    world.vendor.fault(Fault::on(&unclear, Effect::status(500))).unwrap();
    for _ in 0..4 {
        later(&world, connection).await;
        assert_eq!(active(&world).await, 40);
    }
    assert!(world.vendor.faults()[0].met > 0, "it was asked for by id");
    world.vendor.clear_faults();
    later(&world, connection).await;
    assert_eq!(active(&world).await, 39);
    // The worker is back when the HR system has it again, as the same person.
    world.vendor.patch(21, &json!({})).unwrap();
    later(&world, connection).await;
    assert_eq!(active(&world).await, 40);
    assert_eq!(world.number("SELECT count(*) FROM people").await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn up_to_a_twentieth_of_the_details_may_fail_and_their_people_stay_as_they_were() {
    let world = World::with(SandboxConfig { bulk: false, ..SandboxConfig::plain(100) }).await;
    let connection = world.publish().await;
    let fails = |n: u32| {
        let path = format!("/v1/employments/{}", world.vendor.employment_id(n));
        world.vendor.fault(Fault::on(&path, Effect::html(500))).unwrap();
    };
    (10..15).for_each(&fails);
    for n in 10..20 {
        world.vendor.patch(n, &json!({ "job_title": "Astronaut" })).unwrap();
    }
    let astronauts = "SELECT count(*) FROM people WHERE document LIKE '%\"title\":\"Astronaut\"%'";
    world.advance(TimeDelta::hours(1));
    let run = world.sync(connection).await;
    assert_eq!(run.state, "succeeded", "{:?}", run.problems);
    assert_eq!((&run.counts["failed"], &run.counts["updated"]), (&json!(5), &json!(5)), "{:?}", run.counts);
    assert_eq!(run.problems.as_array().unwrap().len(), 5, "each is told: {:?}", run.problems);
    assert_eq!((world.number(astronauts).await, active(&world).await), (5, 100));
    assert_eq!(world.number("SELECT count(*) FROM workers WHERE absent_since IS NOT NULL").await, 0);

    fails(15);
    for n in 10..20 {
        world.vendor.patch(n, &json!({ "job_title": "Cosmonaut" })).unwrap();
    }
    world.advance(TimeDelta::hours(1));
    let run = world.sync(connection).await;
    assert_eq!((run.state.as_str(), &run.problems[0]["code"]), ("incomplete", &json!("tooManyFailed")));
    assert_eq!(world.number(astronauts).await, 5, "an incomplete run applies nothing");
    assert_eq!(active(&world).await, 100);
}
