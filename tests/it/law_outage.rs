//! Tests a database that drops its connections in the middle of pulls. The next try goes on, and nothing is lost or
//! doubled (laws 1, 6 and 11).

use std::time::Duration;

use chrono::TimeDelta;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rollbook::clock::Clock;
use rollbook::flows::context::Context;
use rollbook::flows::planning::timers;
use rollbook::flows::{connections, feed, runs};
use rollbook::sandbox::SandboxConfig;
use rollbook::store;
use serde_json::json;

use crate::support::world::{World, admin};

/// Runs the due work, until there is none or something fails.
async fn try_work(context: Context) -> Result<(), rollbook::flows::error::FlowError> {
    while timers::schedule(&context).await? | runs::worker::work(&context).await? | feed::sequence(&context).await? {}
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_drop_in_the_middle_lose_and_double_nothing() {
    const PEOPLE: i64 = 300;
    let world = World::with(SandboxConfig::plain(300)).await;
    let connection = world.publish().await;
    let own = world.database.connect().await;
    let mut killer = own.get().await.unwrap();
    for round in 0..12_u32 {
        for n in 0..20 {
            let title = format!("Title {round}");
            world.vendor.patch(round * 20 + n, &json!({ "job_title": title })).unwrap();
        }
        // Past every lease and every back-off of the round before.
        world.advance(TimeDelta::hours(7));
        connections::lifecycle::sync(&world.context, connection, Vec::new(), &admin()).await.unwrap();
        let begun = world.vendor.statistics().total;
        let work = tokio::spawn(try_work(world.context.clone()));
        // Early rounds are hit while pages are read, later ones while the plan is made and applied.
        let (requests, wait) = if round < 6 { (u64::from(round) + 1, 0) } else { (6, u64::from(round - 6) * 20) };
        let clock = Clock::system();
        while !work.is_finished() && world.vendor.statistics().total < begun + requests {
            clock.pause(Duration::from_millis(1)).await;
        }
        clock.pause(Duration::from_millis(wait)).await;
        // Most of the time no connection is at work: several tries hit one.
        let mut tries = 40;
        while !work.is_finished() && tries > 0 {
            drop_connections(&mut killer).await;
            clock.pause(Duration::from_millis(1)).await;
            tries -= 1;
        }
        // It makes no difference here whether this returns the error or the run records it.
        let _ = work.await.unwrap();
        answers(&world.context).await;
        assert_eq!(world.number("SELECT count(*) FROM people WHERE active").await, PEOPLE, "round {round}");
    }
    world.advance(TimeDelta::hours(7));
    world.work().await;
    let run = world.sync(connection).await;
    assert_eq!(run.state, "succeeded", "{:?}", run.problems);
    let hit = "SELECT count(*) FROM runs WHERE state IN ('failed', 'interrupted')";
    assert!(world.number(hit).await > 2, "some were hit");
    for round in 0..12 {
        let has = format!("SELECT count(*) FROM people WHERE document LIKE '%\"title\":\"Title {round}\"%'");
        assert_eq!(world.number(&has).await, 20, "round {round}");
    }
    assert_eq!(world.number("SELECT count(*) FROM changes WHERE kind = 'person.updated'").await, 12 * 20);
    assert_eq!(world.number("SELECT count(*) FROM changes WHERE person_id IS NOT NULL").await, PEOPLE + 12 * 20);
    let all = world.number("SELECT count(*) FROM changes").await;
    let dense = "SELECT count(*) FROM changes WHERE sequence BETWEEN 1 AND (SELECT count(*) FROM changes)";
    assert_eq!(world.number(dense).await, all);
    assert_eq!(world.number("SELECT last_sequence FROM feed_state").await, all);
    assert_eq!(world.number("SELECT people_total FROM feed_state").await, PEOPLE);
    let state = store::connections::find(&mut *world.conn().await, connection).await.unwrap().unwrap().state;
    assert_eq!(state, "active");
}

/// Waits until the pool has noticed that its connections are gone.
async fn answers(context: &Context) {
    let mut all = Vec::new();
    while all.len() < 8 {
        let mut conn = context.db.get().await.unwrap();
        if conn.batch_execute("SELECT 1").await.is_ok() {
            all.push(conn);
        }
    }
}

async fn drop_connections(conn: &mut AsyncPgConnection) {
    diesel::sql_query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(conn)
    .await
    .unwrap();
}
