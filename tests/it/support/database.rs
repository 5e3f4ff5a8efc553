//! Provides a database for each test, cloned from a migrated template. It is dropped after success and kept after
//! failure.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rollbook::clock::Clock;
use rollbook::store::db::migrations::HASH;
use rollbook::store::db::pool::{Database, PoolSettings};
use rollbook::store::db::source::DatabaseSource;

/// The advisory lock of the process that makes the template.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// A database of its own for one test.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    name: String,
    server: DatabaseSource,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

impl TestDatabase {
    /// A database with all migrations run and no rows.
    pub(crate) async fn migrated() -> Self {
        let server = server();
        let mut conn = server.connect().await.unwrap();
        let template = format!("template_{HASH}");
        ensure_template(&mut conn, &server, &template).await;
        Self::clone_of(server, &mut conn, &template).await
    }

    /// A database without any table.
    pub(crate) async fn empty() -> Self {
        let server = server();
        let mut conn = server.connect().await.unwrap();
        Self::clone_of(server, &mut conn, "template0").await
    }

    async fn clone_of(server: DatabaseSource, conn: &mut AsyncPgConnection, template: &str) -> Self {
        // The id begins with the time, so that old ones can be recognised.
        let name = format!("t_{}", Clock::system().row_id().simple());
        run(conn, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { name, server }
    }

    pub(crate) fn source(&self) -> DatabaseSource {
        self.server.clone().with_database(&self.name)
    }

    /// The URL by which the built program reaches it.
    pub(crate) fn url(&self) -> String {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(url) if !url.is_empty() => {
                let mut url = url::Url::parse(&url).unwrap();
                url.set_path(&self.name);
                url.into()
            }
            _ => {
                let socket = super::served::encoded(&super::cluster::socket_dir());
                format!("postgres://rollbook@/{}?host={socket}", self.name)
            }
        }
    }

    /// A small pool on the database.
    pub(crate) async fn connect(&self) -> Database {
        Database::connect(self.source(), PoolSettings { size: 4, ..PoolSettings::default() }).await.unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the test's database is kept: {} on {}", self.name, self.server.place());
            return;
        }
        let server = self.server.clone();
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // A thread with a runtime of its own: the test's runtime cannot be waited for from within itself.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { run(&mut server.connect().await.unwrap(), &statement).await });
        });
        dropping.join().unwrap();
    }
}

/// Drops the databases of tests that failed before `oldest`, and the templates of other migrations.
pub(crate) async fn drop_older_than(server: &DatabaseSource, oldest: DateTime<Utc>) {
    let mut conn = server.connect().await.unwrap();
    let all: Vec<Name> =
        sql_query("SELECT datname::text AS name FROM pg_database").get_results(&mut conn).await.unwrap();
    for Name { name } in all {
        let made_at = name.strip_prefix("t_").and_then(|id| i64::from_str_radix(id.get(..12)?, 16).ok());
        let outdated = made_at.is_some_and(|made_at| made_at < oldest.timestamp_millis());
        if outdated || (name.starts_with("template_") && name != format!("template_{HASH}")) {
            run(&mut conn, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

fn server() -> DatabaseSource {
    match std::env::var("TEST_DATABASE_URL") {
        Ok(url) if !url.is_empty() => DatabaseSource::parse(&url.into()).unwrap(),
        _ => super::cluster::shared(),
    }
}

async fn ensure_template(conn: &mut AsyncPgConnection, server: &DatabaseSource, template: &str) {
    if exists(conn, template).await {
        return;
    }
    run(conn, &format!("SELECT pg_advisory_lock({LOCK})")).await;
    if !exists(conn, template).await {
        // Under another name until it is whole.
        let draft = format!("{template}_draft");
        run(conn, &format!("DROP DATABASE IF EXISTS {draft}")).await;
        run(conn, &format!("CREATE DATABASE {draft} TEMPLATE template0")).await;
        let source = server.clone().with_database(&draft);
        let database = Database::connect(source, PoolSettings { size: 1, ..PoolSettings::default() }).await.unwrap();
        database.migrate().await.unwrap();
        database.close();
        drop(database);
        run(conn, &format!("ALTER DATABASE {draft} RENAME TO {template}")).await;
    }
    run(conn, &format!("SELECT pg_advisory_unlock({LOCK})")).await;
}

async fn exists(conn: &mut AsyncPgConnection, database: &str) -> bool {
    let query = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') AS answer");
    sql_query(query).get_result::<Answer>(conn).await.unwrap().answer
}

async fn run(conn: &mut AsyncPgConnection, statement: &str) {
    sql_query(statement).execute(conn).await.unwrap();
}
