//! Runs a whole Rollbook without a socket of its own. It has a database, a clock that does not move, and a vendor on
//! loopback.

use std::net::TcpListener;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncPgConnection;
use rollbook::app::jobs;
use rollbook::clock::Clock;
use rollbook::crypto::seal::Keys;
use rollbook::flows::audit::Actor;
use rollbook::flows::connections;
use rollbook::flows::connections::lifecycle::NewConnectionOrder;
use rollbook::flows::context::{Context, VENDOR_WAIT};
use rollbook::jobs::Wake;
use rollbook::outbound::Outbound;
use rollbook::outbound::limits::Limits;
use rollbook::sandbox::{Running, Sandbox, SandboxConfig};
use rollbook::store;
use rollbook::store::db::pool::{Connection, Database, PoolSettings};
use serde_json::{Value, json};
use uuid::Uuid;

use super::database::TestDatabase;

/// What the tests' clock shows first.
pub(crate) const BEGIN: &str = "2026-11-20T12:00:00Z";

pub(crate) struct World {
    pub(crate) context: Context,
    pub(crate) vendor: Sandbox,
    pub(crate) running: Running,
    /// Dropped last, when all others have let go of it.
    pub(crate) database: TestDatabase,
}

impl World {
    pub(crate) async fn with(config: SandboxConfig) -> Self {
        let database = TestDatabase::migrated().await;
        Self::on(database, config).await
    }

    pub(crate) async fn on(database: TestDatabase, config: SandboxConfig) -> Self {
        Self::at(database, config, Clock::manual(BEGIN.parse().unwrap())).await
    }

    /// One whose clock is another than that which a test moves.
    pub(crate) async fn at(database: TestDatabase, config: SandboxConfig, clock: Clock) -> Self {
        let config = SandboxConfig { today: config.today.or(Some(clock.now().date_naive())), ..config };
        let time = clock.clone();
        let vendor = Sandbox::new(config, Arc::new(move || time.now()));
        let running = vendor.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let context = context(&database, clock).await;
        Self { context, vendor, running, database }
    }

    pub(crate) async fn conn(&self) -> Connection {
        self.context.db.get().await.unwrap()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.context.clock.now()
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        self.context.clock.advance(by);
    }

    /// Does all work that there is.
    pub(crate) async fn work(&self) {
        Box::pin(work(&self.context)).await;
    }

    /// Connects the vendor and pulls a preview.
    pub(crate) async fn connect(&self) -> Uuid {
        self.connect_with(json!({})).await
    }

    pub(crate) async fn connect_with(&self, settings: Value) -> Uuid {
        let mut settings = settings;
        settings["baseUrl"] = json!(self.running.base_url());
        let order = NewConnectionOrder {
            kind: "remote".into(),
            name: "Acme".into(),
            settings,
            credentials: json!({ "apiToken": self.vendor.token() }),
        };
        let (connection, _) = connections::lifecycle::create(&self.context, order, &admin()).await.unwrap();
        self.work().await;
        connection
    }

    /// Connects the vendor and publishes its people.
    pub(crate) async fn publish(&self) -> Uuid {
        let connection = self.connect().await;
        connections::lifecycle::finish(&self.context, connection, None, &admin()).await.unwrap();
        self.work().await;
        connection
    }

    /// Pulls once more and returns how the run ended.
    pub(crate) async fn sync(&self, connection: Uuid) -> store::runs::RunRow {
        let asked = connections::lifecycle::sync(&self.context, connection, Vec::new(), &admin()).await.unwrap();
        self.work().await;
        store::runs::find(&mut *self.conn().await, asked.run).await.unwrap().unwrap()
    }

    /// One value of one row.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        number(&mut *self.conn().await, sql).await
    }

    /// One text of one row.
    pub(crate) async fn text(&self, sql: &str) -> Option<String> {
        use diesel_async::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
            value: Option<String>,
        }
        let rows: Vec<Row> =
            diesel::sql_query(format!("SELECT ({sql})::text AS value")).load(&mut *self.conn().await).await.unwrap();
        rows.into_iter().next().and_then(|row| row.value)
    }
}

pub(crate) async fn number(conn: &mut AsyncPgConnection, sql: &str) -> i64 {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        value: i64,
    }
    let row: Row = diesel::sql_query(format!("SELECT ({sql})::bigint AS value")).get_result(conn).await.unwrap();
    row.value
}

/// A context on a test database, as one node of a deployment.
pub(crate) async fn context(database: &TestDatabase, clock: Clock) -> Context {
    let db = Database::connect(database.source(), PoolSettings { size: 8, ..PoolSettings::default() }).await.unwrap();
    let keys = Keys::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned().into()).unwrap();
    Context {
        db,
        outbound: Outbound::new(clock.clone(), true).unwrap(),
        limits: Limits::default(),
        vendor_wait: VENDOR_WAIT,
        node: clock.row_id(),
        clock,
        keys: Arc::new(keys),
        wake: Wake::default(),
        unbroken: tokio_util::task::TaskTracker::new(),
    }
}

pub(crate) async fn work(context: &Context) {
    jobs::run_until_idle(context).await.unwrap();
}

/// Waits until so many backends of the database wait for a lock. Ends also when `done` shows that there is nothing to
/// wait for.
pub(crate) async fn until_waiting(context: &Context, backends: i64, done: impl Fn() -> bool) {
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while number(&mut context.db.get().await.unwrap(), waits).await < backends && !done() {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn admin() -> Actor {
    Actor { token_name: "tester".into(), reason: None }
}
