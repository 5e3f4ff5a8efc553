//! Tests groups under concurrent access: which transaction waits for which, what is read for it, and what one failure
//! costs.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use rollbook::clock::Clock;
use rollbook::directory::groups::Kind;
use rollbook::flows::planning::timers;
use rollbook::flows::{connections, feed, groups, runs};
use rollbook::sandbox::{JustworksConfig, SandboxConfig};
use rollbook::store;
use serde_json::json;
use uuid::Uuid;

use crate::support::database::TestDatabase;
use crate::support::groups::department;
use crate::support::pair::Pair;
use crate::support::world::{BEGIN, World, admin, context, number, until_waiting};

type Refused = diesel::result::Error;

/// People who are being written while a kind is switched on are in its groups.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_going_on_before_a_switch_is_walked_through_after_it() {
    let world = World::with(SandboxConfig::plain(3)).await;
    let connection = world.connect().await;
    connections::lifecycle::finish(&world.context, connection, None, &admin()).await.unwrap();
    // The people are inserted, and their changes wait.
    let mut holding = world.conn().await;
    holding.batch_execute("BEGIN; LOCK TABLE changes IN SHARE MODE").await.unwrap();
    let node = world.context.clone();
    let batch = tokio::spawn(async move { while runs::worker::work(&node).await.unwrap() {} });
    until_waiting(&world.context, 1, || batch.is_finished()).await;
    let node = world.context.clone();
    let switch = tokio::spawn(async move { groups::switch(&node, Kind::All, true, &admin()).await.unwrap() });
    until_waiting(&world.context, 2, || switch.is_finished()).await;
    if switch.is_finished() {
        while groups::walk(&world.context).await.unwrap() {}
    }
    holding.batch_execute("ROLLBACK").await.unwrap();
    batch.await.unwrap();
    assert!(switch.await.unwrap().enabled);
    world.work().await;
    assert_eq!(world.number("SELECT count(*) FROM people WHERE active AND all_group IS NOT NULL").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_switches_a_kind_or_gives_a_name_waits_for_a_step_of_the_walk_and_not_it_for_them() {
    let database = TestDatabase::migrated().await;
    let node = context(&database, Clock::system()).await;
    let mut step = node.db.get().await.unwrap();
    let data = department(&mut step, "Data", &[], node.clock.now()).await;
    let sales = department(&mut step, "Sales", &[], node.clock.now()).await;
    let (switch, alias) = step
        .transaction(async |step| {
            assert!(store::groups::backfill::hold(step).await?.is_some());
            let of = node.clone();
            let switch = tokio::spawn(async move { groups::switch(&of, Kind::All, true, &admin()).await });
            let of = node.clone();
            let alias = tokio::spawn(async move { groups::alias(&of, data, "Sales", &admin()).await });
            until_waiting(&node, 2, || switch.is_finished() || alias.is_finished()).await;
            assert!(!store::groups::backfill::hold_kinds(step).await?.contains(&Kind::All));
            let keys = store::groups::write::lock_keys(step, &[("department", "sales")]).await?;
            assert_eq!(keys[0].group_id, sales);
            Ok::<_, Refused>((switch, alias))
        })
        .await
        .unwrap();
    assert!(switch.await.unwrap().unwrap().enabled);
    assert_eq!(alias.await.unwrap().unwrap().id, data);
    assert_eq!(store::groups::keys(&mut step, data).await.unwrap(), ["data", "sales"]);
}

/// Ana leads with Remote, and her department is Justworks' value.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_splits_is_not_renamed_also_where_two_hr_systems_know_a_member() {
    let pair = Pair::with(SandboxConfig::plain(5), JustworksConfig { seed: 9, ..JustworksConfig::plain(5) }).await;
    let (email, born) = ("ana.silva@acme.com", "1990-02-11");
    let worker = json!({
        "work_email": email, "personal_details": { "birthdate": born }, "department": null, "department_id": null,
    });
    pair.live.world.vendor.patch(1, &worker).unwrap();
    let member = json!({ "emails": [{ "type": "WORK", "address": email }], "date_of_birth": born });
    pair.justworks.patch(1, &member).unwrap();
    let put = |member: u32, name: &str| {
        pair.justworks.patch(member, &json!({ "department": { "id": "d-1", "name": name } })).unwrap();
    };
    put(1, "Rare earths");
    put(2, "Rare earths");
    let (remote, justworks) = pair.publish_both().await;
    let world = &pair.live.world;
    let ana = pair.live.user(email).await;
    let person = pair.live.api(&format!("/people/{}", ana["id"].as_str().unwrap())).await;
    assert_eq!(person["source"]["connectionId"], remote.to_string(), "{person}");
    let id = "SELECT id FROM groups WHERE name = 'Rare earths'";
    let before = world.text(id).await.unwrap();
    let members = format!("SELECT count(*) FROM people WHERE department_group = '{before}'");
    assert_eq!(world.number(&members).await, 2);
    // Each goes another way, with the id that both had.
    put(1, "Metals");
    put(2, "Gases");
    world.advance(TimeDelta::hours(1));
    let run = pair.live.sync(justworks).await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(world.text(id).await, Some(before), "nobody has taken its name from it");
    assert_eq!(world.number(&members).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM groups WHERE name IN ('Metals', 'Gases')").await, 2);
    // The connection is that of the attribute's field, not that of the primary employment.
    let group = world.text("SELECT id FROM groups WHERE name = 'Metals'").await.unwrap().parse::<Uuid>().unwrap();
    let attributes = ("department", "departmentId");
    let mut conn = world.conn().await;
    let carried =
        store::groups::write::carried(&mut conn, Uuid::nil(), Kind::Department, group, attributes, "department").await;
    assert_eq!(carried.unwrap()[0].connection_id, Some(justworks));
}

/// So many departments with these numbers in their names, each with a source id and a connection that has none.
async fn departments(conn: &mut AsyncPgConnection, count: u32, connection: Uuid) {
    conn.batch_execute(&format!(
        "INSERT INTO groups (id, kind, key, name, display_name, display_name_key, created_at, modified_at)
         SELECT md5('g' || n)::uuid, 'department', 'd' || n, 'D' || n, 'Department: D' || n, 'department: d' || n,
                '{BEGIN}', '{BEGIN}' FROM generate_series(1, {count}) AS n;
         INSERT INTO group_sources (group_id, kind, connection_id, source_id)
         SELECT md5('g' || n)::uuid, 'department', '{connection}', id
         FROM generate_series(1, {count}) AS n, LATERAL (VALUES (''), ('s' || n)) AS source (id);
         INSERT INTO changes (at, kind, person_version, cause, diff, position, people_delta, group_id)
         SELECT '{BEGIN}', 'group.created', 0, 'test', '[]', 0, 0, md5('g' || n)::uuid
         FROM generate_series(1, {count}) AS n;
         ANALYZE groups; ANALYZE group_sources"
    ))
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_of_source_ids_is_read_by_index_and_no_more_than_was_asked_for() {
    let database = TestDatabase::migrated().await;
    let node = context(&database, Clock::system()).await;
    let connection = node.clock.random_id();
    let mut conn = node.db.get().await.unwrap();
    departments(&mut conn, 10_000, connection).await;
    let ids: Vec<String> = (1..=50).map(|n| format!("s{}", n * 7)).collect();
    let sources: Vec<(Kind, Uuid, &str)> = ids
        .iter()
        .map(|id| (Kind::Department, connection, id.as_str()))
        .chain([(Kind::Team, connection, "s7")])
        .collect();
    conn.transaction(async |conn| {
        let seen = store::groups::write::seen(conn, &sources).await?;
        assert_eq!(seen.len(), 50);
        let groups: Vec<Uuid> = seen.iter().map(|seen| seen.group_id).collect();
        let named = store::groups::write::named_by(conn, &groups).await?;
        assert_eq!(named.len(), 50);
        assert!(named.iter().all(|seen| seen.source_id.is_empty()));
        let whole = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'group_sources'";
        assert_eq!(number(conn, whole).await, 0);
        Ok::<_, Refused>(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_a_page_skips_are_not_looked_into() {
    let database = TestDatabase::migrated().await;
    let node = context(&database, Clock::system()).await;
    let mut conn = node.db.get().await.unwrap();
    departments(&mut conn, 200, node.clock.random_id()).await;
    conn.transaction(async |conn| {
        let page = store::groups::skipping(conn, None, 150, 5).await?;
        let names: Vec<&str> = page.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["D151", "D152", "D153", "D154", "D155"]);
        let looks = "SELECT seq_scan + idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'group_sources'";
        assert_eq!(number(conn, looks).await, 5);
        Ok::<_, Refused>(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_groups_that_become_empty_at_once_are_numbered_without_a_gap() {
    let database = TestDatabase::migrated().await;
    let node = context(&database, Clock::system()).await;
    let mut conn = node.db.get().await.unwrap();
    departments(&mut conn, 1_200, node.clock.random_id()).await;
    let rows = feed::after(&node, 0, 10_000).await.unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.sequence.unwrap()).collect();
    assert_eq!(numbers, (1..=2_400).collect::<Vec<i64>>());
    assert!(rows[1_200..].iter().all(|row| row.kind == "group.retired"));
    assert_eq!(
        number(&mut conn, "SELECT count(*) FROM groups WHERE retired_since = created_at AND version = 2").await,
        1_200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_the_feed_whom_the_database_ends_for_a_deadlock_gets_the_feed() {
    let database = TestDatabase::migrated().await;
    let node = context(&database, Clock::system()).await;
    let [mut renaming, mut holding] = [node.db.get().await.unwrap(), node.db.get().await.unwrap()];
    departments(&mut holding, 1, node.clock.random_id()).await;
    // The renaming transaction does not search for deadlocks itself: the reader, which comes last, finds it and is
    // ended.
    renaming.batch_execute("BEGIN; SET LOCAL deadlock_timeout = '1h'; SELECT FROM groups FOR UPDATE").await.unwrap();
    holding.batch_execute("BEGIN; SELECT FROM changes FOR UPDATE").await.unwrap();
    let of = node.clone();
    let reader = tokio::spawn(async move { feed::after(&of, 0, 10).await });
    until_waiting(&node, 1, || reader.is_finished()).await;
    let renaming = tokio::spawn(async move {
        renaming.batch_execute("SELECT FROM feed_state FOR UPDATE").await.unwrap();
        renaming.batch_execute("COMMIT").await.unwrap();
    });
    until_waiting(&node, 2, || renaming.is_finished()).await;
    holding.batch_execute("ROLLBACK").await.unwrap();
    let rows = reader.await.unwrap().unwrap();
    assert_eq!(rows.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), ["group.created", "group.retired"]);
    renaming.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_cannot_be_ended_does_not_cost_the_day_its_forgetting() {
    let database = TestDatabase::migrated().await;
    let node = context(&database, Clock::manual(BEGIN.parse().unwrap())).await;
    let mut conn = node.db.get().await.unwrap();
    departments(&mut conn, 1, node.clock.random_id()).await;
    conn.batch_execute(
        "UPDATE groups SET retired_since = '2026-01-01T00:00:00Z';
         WITH walk AS (INSERT INTO page_walks (caller, query, started_at)
                       VALUES (gen_random_uuid(), 'x', '2026-01-01T00:00:00Z') RETURNING id)
         INSERT INTO page_positions (walk, next_start_index, last_position, is_rooted, saved_at)
         SELECT id, 2, 1, TRUE, '2026-01-01T00:00:00Z' FROM walk;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
         CREATE TRIGGER refuse BEFORE UPDATE ON groups FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await
    .unwrap();
    assert!(timers::keep_house(&node).await.unwrap());
    assert_eq!(number(&mut conn, "SELECT count(*) FROM page_walks").await, 0);
    let there = "SELECT count(*) FROM groups WHERE deleted_at IS NULL";
    assert_eq!(number(&mut conn, there).await, 1);
    conn.batch_execute("DROP TRIGGER refuse ON groups").await.unwrap();
    node.clock.advance(TimeDelta::hours(25));
    assert!(timers::keep_house(&node).await.unwrap());
    assert_eq!(number(&mut conn, there).await, 0);
}
