//! The shape of the database: the migrations of `migrations/`, compiled in and run at start, by one process at a time.

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryResult, QueryableByName, sql_query};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tracing::info;

use super::error::DatabaseError;
use crate::store::filter::trigrams;

/// All migrations that this program knows, oldest first.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Changes with any migration: names the tests' template database.
pub const HASH: &str = env!("ROLLBOOK_MIGRATIONS_HASH");

/// The advisory lock of the process that migrates ("rollbook" in ASCII).
const LOCK: i64 = 0x726f_6c6c_626f_6f6b;

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

/// Runs the migrations that are missing; returns their versions. A database that a newer program has migrated is
/// refused, because this one does not know what its tables mean now.
pub(crate) async fn run(mut connection: AsyncPgConnection) -> Result<Vec<String>, DatabaseError> {
    let failed = |error: diesel::result::Error| DatabaseError::Migration(error.to_string());
    let first_try = sql_query(format!("SELECT pg_try_advisory_lock({LOCK}) AS locked"));
    if !first_try.get_result::<Locked>(&mut connection).await.map_err(failed)?.locked {
        info!("another process is migrating the database; waiting for it");
        sql_query(format!("SELECT pg_advisory_lock({LOCK})")).execute(&mut connection).await.map_err(failed)?;
    }
    // The harness blocks its thread, which only a thread made for that may do. The lock ends with the connection, also
    // when we are not awaited to the end.
    tokio::task::spawn_blocking(move || run_locked(&mut AsyncMigrationHarness::new(connection)))
        .await
        .map_err(|error| DatabaseError::Migration(error.to_string()))?
}

/// Adds what depends on the server: tried at each start, since it may have become possible.
pub(crate) async fn complete(mut connection: AsyncPgConnection) -> Result<(), DatabaseError> {
    let failed = |error: diesel::result::Error| DatabaseError::Migration(error.to_string());
    sql_query(format!("SELECT pg_advisory_lock({LOCK})")).execute(&mut connection).await.map_err(failed)?;
    // The lock ends with the connection.
    trigrams::ensure(&mut connection).await.map_err(failed)
}

/// How far a database is from the shape that this program needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No migration was ever run.
    Empty,
    /// So many are missing.
    Behind(usize),
    Ready,
    /// A newer program has run these.
    Newer(Vec<String>),
}

/// Compares the migrations of a database with those that this program knows. Changes nothing.
pub async fn shape(connection: &mut AsyncPgConnection) -> QueryResult<Shape> {
    let exists = sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS locked");
    if !exists.get_result::<Locked>(connection).await?.locked {
        return Ok(Shape::Empty);
    }
    let applied: Vec<Applied> = sql_query("SELECT version FROM __diesel_schema_migrations").load(connection).await?;
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| diesel::result::Error::QueryBuilderError(error.to_string().into()))?;
    let known: Vec<String> = known.iter().map(|known| known.name().version().to_string()).collect();
    let mut applied: Vec<String> = applied.into_iter().map(|applied| applied.version).collect();
    applied.sort_unstable();
    let missing = known.iter().filter(|known| !applied.contains(known)).count();
    let unknown: Vec<String> = applied.into_iter().filter(|applied| !known.contains(applied)).collect();
    Ok(match (unknown.is_empty(), missing) {
        (false, _) => Shape::Newer(unknown),
        (true, 0) => Shape::Ready,
        (true, missing) if missing == known.len() => Shape::Empty,
        (true, missing) => Shape::Behind(missing),
    })
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Whether every migration that this program knows has been run.
pub async fn are_done(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    let applied: Vec<Applied> = sql_query("SELECT version FROM __diesel_schema_migrations").load(connection).await?;
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| diesel::result::Error::QueryBuilderError(error.to_string().into()))?;
    Ok(known.iter().all(|known| {
        let version = known.name().version().to_string();
        applied.iter().any(|applied| applied.version == version)
    }))
}

fn run_locked(harness: &mut impl MigrationHarness<Pg>) -> Result<Vec<String>, DatabaseError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| DatabaseError::Migration(error.to_string());
    let known: Vec<String> = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(failed)?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = harness.applied_migrations().map_err(failed)?;
    let mut unknown: Vec<String> =
        applied.iter().map(ToString::to_string).filter(|version| !known.contains(version)).collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        return Err(DatabaseError::Newer(unknown.join(", ")));
    }
    let run = harness.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    Ok(run.iter().map(ToString::to_string).collect())
}

/// What the database's clock shows.
pub async fn database_time(conn: &mut AsyncPgConnection) -> diesel::QueryResult<chrono::DateTime<chrono::Utc>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Timestamptz)]
        now: chrono::DateTime<chrono::Utc>,
    }
    sql_query("SELECT clock_timestamp() AS now").get_result::<Row>(conn).await.map(|row| row.now)
}
