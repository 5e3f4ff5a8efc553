//! Tests that data older than its retention time is deleted, and what remains stays right.

use chrono::TimeDelta;
use diesel_async::SimpleAsyncConnection;
use rollbook::flows::planning::timers;
use rollbook::flows::server::clock_check;
use rollbook::sandbox::SandboxConfig;
use serde_json::json;

use crate::support::live::Live;
use crate::support::world::World;

const PARTITIONS: &str = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'changes'::regclass";

/// Lets day after day pass, as a server lives.
async fn live_for(world: &World, days: i64) {
    for _ in 0..days / 10 {
        world.advance(TimeDelta::days(10));
        while timers::keep_house(&world.context).await.unwrap() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_partitions_are_dropped_and_totals_and_numbers_stay() {
    let (live, connection) = Live::published(SandboxConfig::plain(20)).await;
    let world = &live.world;
    let (people, last) = (live.total().await, world.number("SELECT last_sequence FROM feed_state").await);
    assert!(world.number("SELECT count(*) FROM changes").await > 20);
    live_for(world, 80).await;
    assert_eq!(live.feed(0).await.len(), usize::try_from(last).unwrap(), "all of it, after 80 days");
    live_for(world, 20).await;
    // The feed has ended there, the history has not.
    let changes = world.number("SELECT count(*) FROM changes").await;
    assert_eq!(changes, last);
    for (path, status) in [("/api/v1/events?after=1", 410), ("/api/v1/events?after=0", 200), ("/api/v1/events", 200)] {
        let answer = live.call("GET", path, &live.admin, None).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        let expected = if status == 410 { json!("feedExpired") } else { json!(null) };
        assert_eq!(answer.body()["code"], expected);
    }
    let end = live.call("GET", &format!("/api/v1/events?after={last}"), &live.admin, None).await;
    assert_eq!(end.status, 200, "a reader who has seen all is never too late: {}", end.text);
    live_for(world, 340).await;
    assert_eq!(world.number("SELECT count(*) FROM changes WHERE at < '2026-12-01T00:00:00Z'").await, 0);
    assert!(world.number(PARTITIONS).await > 3, "those to come are made ahead");
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE at < '2026-12-01T00:00:00Z'").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM runs").await, 1, "the last one of the connection");
    assert_eq!(live.total().await, people);

    world.vendor.patch(3, &json!({ "job_title": "After all this time" })).unwrap();
    live.sync(connection).await;
    let first = live.api("/events").await["items"][0].clone();
    assert!(first["sequence"].as_i64().unwrap() > last, "{first}");
    assert_eq!(live.total().await, people);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_holds_the_log_delays_a_drop_and_breaks_nothing() {
    let world = World::with(SandboxConfig::plain(5)).await;
    world.publish().await;
    let own = world.database.connect().await;
    let mut reader = own.get().await.unwrap();
    reader.batch_execute("BEGIN; SELECT count(*) FROM changes").await.unwrap();
    world.advance(TimeDelta::days(450));
    let before = world.number("SELECT count(*) FROM changes").await;
    assert!(timers::keep_house(&world.context).await.unwrap());
    assert_eq!(world.number("SELECT count(*) FROM changes").await, before);
    reader.batch_execute("ROLLBACK").await.unwrap();
    world.advance(TimeDelta::days(2));
    assert!(timers::keep_house(&world.context).await.unwrap());
    assert_eq!(world.number("SELECT count(*) FROM changes").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_while_the_clocks_differ() {
    let world = World::with(SandboxConfig::plain(5)).await;
    world.publish().await;
    world.advance(TimeDelta::days(5_000));
    // The database's clock shows that this is wrong; the work of a day would be done all the same.
    assert!(clock_check::compare(&world.context).await.unwrap().is_some());
    let before = world.number("SELECT count(*) FROM changes").await;
    timers::keep_house(&world.context).await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM changes").await, before);
    assert!(world.number("SELECT count(*) FROM audit").await > 0);
}
