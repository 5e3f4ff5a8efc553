//! Tests laws 6 and 7: no change is without its event and no event without its change. The feed has no gaps and no
//! repeats, and nothing changes when nothing changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use rollbook::clock::Clock;
use rollbook::flows::context::Context;
use rollbook::flows::feed;
use rollbook::sandbox::SandboxConfig;
use rollbook::store::changes::{self, NewChange};
use uuid::Uuid;

use crate::support::database::TestDatabase;
use crate::support::world::{World, context, number};

fn change(context: &Context, person: Uuid) -> NewChange {
    NewChange {
        at: context.clock.now(),
        kind: "person.created".into(),
        person_id: Some(person),
        person_version: 1,
        cause: "test".into(),
        run_id: None,
        token_name: None,
        reason: None,
        effective_at: None,
        diff: serde_json::json!([]),
        position: 1,
        people_delta: 1,
        ..NewChange::default()
    }
}

async fn append(conn: &mut AsyncPgConnection, context: &Context, person: Uuid) {
    changes::append(conn, &[change(context, person)]).await.unwrap();
}

async fn feed_of(context: &Context, after: i64) -> Vec<(i64, Uuid)> {
    let rows = feed::after(context, after, 10_000).await.unwrap();
    rows.into_iter().map(|row| (row.sequence.unwrap(), row.person_id.unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_commits_late_is_neither_missed_nor_seen_twice() {
    let database = TestDatabase::migrated().await;
    let context = context(&database, Clock::system()).await;
    let [early, late] = [context.clock.random_id(), context.clock.random_id()];
    let (mut first, mut second) = (context.db.get().await.unwrap(), context.db.get().await.unwrap());
    // `early` gets the lower id and commits after `late`.
    first
        .transaction(async |first| {
            append(first, &context, early).await;
            second
                .transaction(async |second| {
                    append(second, &context, late).await;
                    Ok::<_, diesel::result::Error>(())
                })
                .await?;
            assert_eq!(feed_of(&context, 0).await, [(1, late)]);
            assert!(feed_of(&context, 1).await.is_empty());
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
    assert_eq!(feed_of(&context, 1).await, [(2, early)], "who has read up to 1 misses nothing");
    assert_eq!(feed_of(&context, 0).await, [(1, late), (2, early)]);
}

/// A reader that has seen a change elsewhere finds it in the feed, also while another node is numbering.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_waits_for_the_node_that_is_numbering() {
    let database = TestDatabase::migrated().await;
    let context = context(&database, Clock::system()).await;
    let person = context.clock.random_id();
    let mut numbering = context.db.get().await.unwrap();
    let reader = numbering
        .transaction(async |numbering| {
            numbering.batch_execute("SELECT FROM feed_state FOR UPDATE").await?;
            append(&mut context.db.get().await.unwrap(), &context, person).await;
            let reader = tokio::spawn({
                let context = context.clone();
                async move { feed_of(&context, 0).await }
            });
            let waits = "SELECT count(*) FROM pg_stat_activity
                         WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while number(&mut context.db.get().await.unwrap(), waits).await == 0 && !reader.is_finished() {
                tokio::task::yield_now().await;
            }
            Ok::<_, diesel::result::Error>(reader)
        })
        .await
        .unwrap();
    assert_eq!(reader.await.unwrap(), [(1, person)]);
}

/// Runs many writers, two nodes that number, and one reader that continues from the last number seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_busy_feed_sees_every_change_once_and_in_order() {
    const WRITERS: u32 = 3;
    const CHANGES: u32 = 60;
    let database = TestDatabase::migrated().await;
    let nodes = [context(&database, Clock::system()).await, context(&database, Clock::system()).await];
    let writing = Arc::new(AtomicBool::new(true));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let context = nodes[0].clone();
        writers.push(tokio::spawn(async move {
            let mut written = Vec::new();
            let mut conn = context.db.get().await.unwrap();
            for n in 0..CHANGES {
                let kept = (n + writer) % 5 != 0;
                let person = context.clock.random_id();
                let done = conn
                    .transaction(async |conn| {
                        append(conn, &context, person).await;
                        // Other changes overtake between the numbering of the row and its commit.
                        tokio::task::yield_now().await;
                        if kept { Ok(()) } else { Err(diesel::result::Error::RollbackTransaction) }
                    })
                    .await;
                if done.is_ok() {
                    written.push(person);
                }
            }
            written
        }));
    }
    let sequencers = nodes.clone().map(|context| {
        let writing = writing.clone();
        tokio::spawn(async move {
            while writing.load(Ordering::Relaxed) {
                feed::sequence(&context).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    });
    let reader = tokio::spawn({
        let (context, writing) = (nodes[1].clone(), writing.clone());
        async move {
            let mut seen: Vec<(i64, Uuid)> = Vec::new();
            loop {
                let last_look = !writing.load(Ordering::Relaxed);
                let new = feed_of(&context, seen.last().map_or(0, |(sequence, _)| *sequence)).await;
                if new.is_empty() && last_look {
                    return seen;
                }
                seen.extend(new);
                tokio::task::yield_now().await;
            }
        }
    });
    let mut written = BTreeSet::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    writing.store(false, Ordering::Relaxed);
    for sequencer in sequencers {
        sequencer.await.unwrap();
    }
    let seen = reader.await.unwrap();
    let numbers: Vec<i64> = seen.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(numbers, (1..=i64::try_from(written.len()).unwrap()).collect::<Vec<_>>(), "dense, in order, once");
    assert_eq!(
        seen.iter().map(|(_, person)| *person).collect::<BTreeSet<_>>(),
        written,
        "what was rolled back never was"
    );
    let total = "SELECT people_total FROM feed_state";
    assert_eq!(number(&mut nodes[0].db.get().await.unwrap(), total).await, i64::try_from(seen.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_a_person_has_its_change() {
    let world = World::with(SandboxConfig { workers: 60, ..SandboxConfig::default() }).await;
    let connection = world.publish().await;
    for n in 20..30 {
        world.vendor.patch(n, &serde_json::json!({ "job_title": "Astronaut" })).unwrap();
    }
    world.advance(TimeDelta::hours(1));
    world.sync(connection).await;
    let torn =
        "SELECT count(*) FROM people p WHERE version <> (SELECT count(*) FROM changes c WHERE c.person_id = p.id)
                OR version <> (SELECT max(person_version) FROM changes c WHERE c.person_id = p.id)";
    assert_eq!(world.number(torn).await, 0);
    let nobodys = "SELECT count(*) FROM changes c WHERE person_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM people p WHERE p.id = c.person_id)";
    assert_eq!(world.number(nobodys).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM changes WHERE sequence IS NULL").await, 0);
    assert!(world.number("SELECT count(*) FROM people WHERE version > 1").await > 5);
}

/// Whatever the company is like and however it is read: a second identical run writes no row of a person.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_identical_run_writes_no_row_of_a_person() {
    let rows = "SELECT md5(string_agg(p::text || xmin::text || ctid::text, '' ORDER BY id)) FROM people p";
    let questions = "SELECT md5(string_agg(r::text || xmin::text, '' ORDER BY id)) FROM reviews r";
    for bulk in [true, false] {
        let world = World::with(SandboxConfig { workers: 60, bulk, ..SandboxConfig::default() }).await;
        let connection = world.publish().await;
        // What the first runs could not know of each other (managers, circles) has settled.
        let before = (world.text(rows).await, world.text(questions).await);
        let changes = world.number("SELECT count(*) FROM changes").await;
        assert!(world.number("SELECT count(*) FROM reviews WHERE closed_at IS NULL").await > 2);
        for _ in 0..2 {
            world.advance(TimeDelta::minutes(40));
            let run = world.sync(connection).await;
            assert_eq!(run.state, "succeeded", "{:?}", run.problems);
            assert_eq!((world.text(rows).await, world.text(questions).await), before, "bulk: {bulk}");
            assert_eq!(world.number("SELECT count(*) FROM changes").await, changes);
        }
    }
}
