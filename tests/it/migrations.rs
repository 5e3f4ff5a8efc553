//! Tests the shape of the database.

use diesel::sql_query;
use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::MigrationHarness;
use rollbook::store::db::error::DatabaseError;
use rollbook::store::db::migrations::MIGRATIONS;

use crate::support::database::TestDatabase;

#[tokio::test]
async fn two_who_start_at_once_run_each_migration_once() {
    let empty = TestDatabase::empty().await;
    let (one, other) = (empty.connect().await, empty.connect().await);
    let (one, other) = tokio::join!(one.migrate(), other.migrate());
    let mut run = [one.unwrap(), other.unwrap()];
    run.sort_by_key(Vec::len);
    assert!(run[0].is_empty() && !run[1].is_empty(), "{run:?}");
}

#[tokio::test]
async fn every_migration_goes_down_and_up_again() {
    let database = TestDatabase::migrated().await;
    let conn = database.source().connect().await.unwrap();
    let (down, up) = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(conn);
        let down = harness.revert_all_migrations(MIGRATIONS).unwrap().len();
        (down, harness.run_pending_migrations(MIGRATIONS).unwrap().len())
    })
    .await
    .unwrap();
    assert!(down > 0);
    assert_eq!(down, up);
}

#[tokio::test]
async fn a_database_of_a_newer_rollbook_is_refused_and_left_alone() {
    let migrated = TestDatabase::migrated().await;
    let database = migrated.connect().await;
    let mut conn = database.get().await.unwrap();
    sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')")
        .execute(&mut conn)
        .await
        .unwrap();
    let error = database.migrate().await.unwrap_err();
    assert!(matches!(&error, DatabaseError::Newer(versions) if versions == "99991231000000"), "{error}");
}
