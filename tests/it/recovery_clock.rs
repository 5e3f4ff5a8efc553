//! Tests the repair after a clock that was ahead. What it left in the database is corrected when the clock is right
//! again.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::RunQueryDsl;
use rollbook::clock::{Clock, Trust};
use rollbook::flows::connections;
use rollbook::flows::context::Context;
use rollbook::flows::server::clock_check;
use rollbook::sandbox::SandboxConfig;
use rollbook::store;
use rollbook::store::db;
use rollbook::store::db::instance::Found;
use serde_json::json;

use crate::support::world::{BEGIN, World, admin, context, work};

/// Columns that may hold an instant in the future, and by how many days at most.
const AHEAD: &[(&str, i64)] = &[
    ("connections.next_run_at", 1),
    ("email_reservations.reserved_until", 365),
    ("leases.leased_until", 1),
    ("oauth_consents.expires_at", 1),
    ("oauth_grants.expires_at", 1),
    ("holds.expires_at", 14),
    ("tokens.expires_at", 366),
    ("people.next_due", 10_000),
    ("workers.recheck_at", 10_000),
    ("plan_items.effective_at", 10_000),
];

/// Another node on the database of a world, whose clock is so many days ahead.
async fn node_ahead(world: &World, days: i64) -> Context {
    let begin: DateTime<Utc> = BEGIN.parse().unwrap();
    context(&world.database, Clock::manual(begin + TimeDelta::days(days))).await
}

/// Every instant of every table that lies further in the future than it may.
async fn too_late(world: &World) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let columns: Vec<Column> = diesel::sql_query(
        "SELECT c.table_name || '.' || c.column_name AS name FROM information_schema.columns c
         JOIN information_schema.tables t USING (table_schema, table_name)
         WHERE c.table_schema = 'public' AND c.data_type LIKE 'timestamp%' AND t.table_type = 'BASE TABLE'
           AND c.table_name NOT LIKE '\\_\\_%'
         ORDER BY 1",
    )
    .load(&mut *world.conn().await)
    .await
    .unwrap();
    assert!(columns.len() > 30, "{}", columns.len());
    let mut late = Vec::new();
    for Column { name } in columns {
        let (table, column) = name.split_once('.').unwrap();
        let days = AHEAD.iter().find(|(known, _)| *known == name).map_or(0, |(_, days)| *days);
        let limit = (world.now() + TimeDelta::days(days) + TimeDelta::minutes(1)).to_rfc3339();
        let count = world.number(&format!("SELECT count(*) FROM {table} WHERE {column} > '{limit}'")).await;
        if count > 0 {
            late.push(format!("{name}: {count}"));
        }
    }
    late
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_clock_that_was_ahead_everybody_is_as_they_should_be() {
    let world = World::with(SandboxConfig::plain(30)).await;
    // As a server does at its start, before anything is stored.
    assert!(!clock_check::look_back(&world.context).await.unwrap());
    let connection = world.publish().await;
    assert!(!clock_check::look_back(&world.context).await.unwrap());
    // They work now, and will have left by the wrong clock.
    for worker in [2, 3] {
        world.vendor.patch(worker, &json!({ "termination_date": "2026-12-01" })).unwrap();
    }
    world.sync(connection).await;
    let active = "SELECT count(*) FROM people WHERE active";
    let before = world.number(active).await;

    let wrong = node_ahead(&world, 40).await;
    assert!(!clock_check::look_back(&wrong).await.unwrap(), "a clock that goes forward tells nothing");
    connections::lifecycle::sync(&wrong, connection, Vec::new(), &admin()).await.unwrap();
    world.vendor.patch(5, &json!({ "work_email": "another@acme.example" })).unwrap();
    work(&wrong).await;
    assert_eq!(world.number(active).await, before - 2, "they have left by the wrong clock");
    assert!(!too_late(&world).await.is_empty());

    assert!(clock_check::look_back(&world.context).await.unwrap());
    assert_eq!(too_late(&world).await, Vec::<String>::new());
    let shown = world.number("SELECT count(*) FROM people WHERE document LIKE '%2026-12-30%'").await;
    assert_eq!(shown, 0, "no document says that it was modified in the future");
    world.work().await;
    assert_eq!(world.number(active).await, before, "who works is active again");
    let shown = store::connections::find(&mut *world.conn().await, connection).await.unwrap().unwrap();
    assert_eq!(shown.state, "active");
    assert!(shown.next_run_at.unwrap() - world.now() <= TimeDelta::minutes(198), "{:?}", shown.next_run_at);
    assert!(shown.last_good_at.unwrap() <= world.now() + TimeDelta::minutes(1));
    let run = world.sync(connection).await;
    assert_eq!(run.state, "succeeded", "{:?}", run.problems);
    assert_eq!(world.number(active).await, before);
    // The repair happens once: nothing is left to be corrected.
    assert!(!clock_check::look_back(&world.context).await.unwrap());
    // On their last day they leave.
    world.advance(TimeDelta::days(13));
    world.work().await;
    assert_eq!(world.number(active).await, before - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reads_between_which_the_clock_jumped_prove_no_absence() {
    let world = World::with(SandboxConfig::plain(30)).await;
    let connection = world.publish().await;
    clock_check::look_back(&world.context).await.unwrap();
    let active = "SELECT count(*) FROM people WHERE active";
    let before = world.number(active).await;
    world.vendor.remove(4, false).unwrap();
    world.sync(connection).await;
    let wrong = node_ahead(&world, 40).await;
    clock_check::look_back(&wrong).await.unwrap();
    connections::lifecycle::sync(&wrong, connection, Vec::new(), &admin()).await.unwrap();
    work(&wrong).await;
    assert_eq!(world.number(active).await, before - 1, "seconds apart, and forty days by the wrong clock");

    clock_check::look_back(&world.context).await.unwrap();
    world.work().await;
    assert_eq!(world.number(active).await, before, "the absence has to be proven by two reads in right time");
    world.advance(TimeDelta::minutes(31));
    world.sync(connection).await;
    assert_eq!(world.number(active).await, before - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_pull_that_no_right_clock_can_have_set_is_due_at_once() {
    let world = World::with(SandboxConfig::plain(5)).await;
    let connection = world.publish().await;
    clock_check::look_back(&world.context).await.unwrap();
    let next = async || {
        store::connections::find(&mut *world.conn().await, connection).await.unwrap().unwrap().next_run_at.unwrap()
    };
    let set = async |next_run_at: DateTime<Utc>, failures: i32| {
        let change = store::connections::ConnectionChange {
            next_run_at: Some(Some(next_run_at)),
            failures: Some(failures),
            ..Default::default()
        };
        store::connections::update(&mut *world.conn().await, connection, change).await.unwrap();
        clock_check::look_back(&world.context).await.unwrap()
    };
    let now = world.now();
    assert!(!set(now + TimeDelta::minutes(198), 0).await);
    assert!(!set(now + TimeDelta::hours(6), 12).await, "a long back-off");
    assert!(set(now + TimeDelta::hours(4), 0).await);
    assert_eq!(next().await, now);
    assert!(set(now + TimeDelta::days(40), 12).await);
    assert_eq!(next().await, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_that_is_the_wrong_one_stops_the_work_as_well() {
    let world = World::with(SandboxConfig::plain(1)).await;
    // The test's clock is in another year than the database's.
    let skew = clock_check::compare(&world.context).await.unwrap().unwrap();
    assert_eq!(world.context.clock.trust(), Trust::Skewed(skew));
    let database = store::db::migrations::database_time(&mut *world.conn().await).await.unwrap();
    assert!((world.context.clock.now() - database).abs() < TimeDelta::minutes(1), "the reference is the database's");
    assert!(!clock_check::look_back(&world.context).await.unwrap(), "and nothing is repaired by it");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_that_a_wrong_clock_took_are_nobodys() {
    let world = World::with(SandboxConfig::plain(1)).await;
    let mut conn = world.conn().await;
    let now = world.now();
    let (one, other) = (world.context.clock.row_id(), world.context.clock.row_id());
    let ahead = now + TimeDelta::days(40);
    let lease = TimeDelta::seconds(30);
    assert!(store::db::leases::take(&mut conn, "x", one, ahead, ahead + lease).await.unwrap());
    assert!(store::db::leases::take(&mut conn, "x", other, now, now + lease).await.unwrap());
    assert!(!store::db::leases::take(&mut conn, "x", one, now + TimeDelta::seconds(20), now + lease).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_merely_behind_changes_nothing_before_it_has_settled() {
    let world = World::with(SandboxConfig::plain(5)).await;
    world.publish().await;
    clock_check::look_back(&world.context).await.unwrap();
    let mut conn = world.conn().await;
    let state = "SELECT string_agg(t::text, '|' ORDER BY t::text) FROM
        (SELECT c::text FROM connections c UNION ALL SELECT p::text FROM people p UNION ALL SELECT w::text FROM workers w
         UNION ALL SELECT s::text FROM clock_state s) AS t (t)";
    let before = world.text(state).await;
    let behind = world.now() - TimeDelta::days(2);
    assert_eq!(db::instance::note(&mut conn, behind, false).await.unwrap(), Found::Behind);
    assert_eq!(world.text(state).await, before);
    // The clock was corrected by then.
    assert_eq!(db::instance::note(&mut conn, world.now(), false).await.unwrap(), Found::Forward);
    assert_eq!(world.text(state).await, before);
    // Or else it is believed.
    assert!(matches!(db::instance::note(&mut conn, behind, true).await.unwrap(), Found::Repaired(rows) if rows > 0));
}
