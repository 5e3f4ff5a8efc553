//! Connections to the database: a pool for requests and jobs, single ones for what holds a connection for long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{Hook, HookError, PoolError, TimeoutType, Timeouts};
use diesel::connection::InstrumentationEvent;
use diesel::sql_types::Bool;
use diesel::{ConnectionError, QueryableByName};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError as OpenError, RecyclingMethod,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Config, NoTls};

use super::connection::ReadOnly;
use super::error::{DatabaseError, Fault, classify, plain};
use super::migrations;
use super::source::DatabaseSource;
use crate::store::db;

pub use super::connection::{Connection, cancelled, watched};

/// How long a request waits for a free connection.
const WAIT: Duration = Duration::from_secs(10);
/// How long opening a connection may take in all: look-up, TLS, log-in.
const CREATE: Duration = Duration::from_secs(15);
/// How long one address of the host may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// After this age a connection is not used again, so that a balanced or moved database gets new ones.
const MAX_AGE: Duration = Duration::from_mins(30);
/// A transaction that is idle this long is ended by Postgres: it was forgotten, and it holds locks.
const IDLE_IN_TRANSACTION: Duration = Duration::from_mins(1);
/// What Postgres shows of us, unless the URL names something else.
const APPLICATION_NAME: &str = "rollbook";

/// How the pool behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// How many connections there are at most.
    pub size: usize,
    /// How long one statement may run; zero for ever.
    pub statement_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { size: 16, statement_timeout: Duration::from_secs(30) }
    }
}

/// What the connections of a pool are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Mostly reads: a connection to a read-only server serves for a moment.
    Reads,
    /// Writes, which a connection to a read-only server is of no use for.
    Writes,
}

impl Work {
    fn patience(self) -> Duration {
        match self {
            Self::Reads => db::connection::PATIENCE,
            Self::Writes => Duration::ZERO,
        }
    }
}

/// How a pool is used at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Connections that there are at most.
    pub most: usize,
    pub open: usize,
    pub in_use: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
}

/// The database of this deployment. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
    /// Connections that one thread has to itself, taken before those of the pool.
    own: Option<Pool<AsyncPgConnection>>,
    settings: PoolSettings,
    source: Arc<DatabaseSource>,
    read_only: Arc<ReadOnly>,
}

impl Database {
    /// Opens the pool and proves it with one connection.
    pub async fn connect(source: DatabaseSource, settings: PoolSettings) -> Result<Self, DatabaseError> {
        let (source, read_only) = (Arc::new(source), Arc::default());
        let database =
            Self { pool: pool(&source, &read_only, settings, Work::Writes)?, own: None, settings, source, read_only };
        drop(database.get().await?);
        Ok(database)
    }

    /// Brings the database to the shape that this program needs; returns the migrations that were run.
    pub async fn migrate(&self) -> Result<Vec<String>, DatabaseError> {
        let done = migrations::run(self.single().await?).await?;
        migrations::complete(self.single().await?).await?;
        Ok(done)
    }

    /// For a thread with a runtime of its own: with so many connections besides those of the pool, that are taken
    /// first. The runtime that opens a connection drives it, and a statement that is sent and answered on the thread
    /// that waits for it wakes no other.
    pub fn with_own(&self, size: usize) -> Result<Self, DatabaseError> {
        let settings = PoolSettings { size, ..self.settings };
        let own = if size > 0 { Some(pool(&self.source, &self.read_only, settings, Work::Reads)?) } else { None };
        Ok(Self { own, ..self.clone() })
    }

    /// The same database with a pool of its own. Connections are opened when they are needed.
    ///
    /// # Errors
    /// The pool cannot be built.
    pub fn beside(&self, settings: PoolSettings, work: Work) -> Result<Self, DatabaseError> {
        Ok(Self { pool: pool(&self.source, &self.read_only, settings, work)?, own: None, settings, ..self.clone() })
    }

    /// A connection; waits for a free one for at most ten seconds.
    pub async fn get(&self) -> Result<Connection, DatabaseError> {
        self.get_within(WAIT).await
    }

    /// A connection; waits for a free one for so long.
    ///
    /// # Errors
    /// [`DatabaseError::Busy`] when none became free; [`DatabaseError::Unreachable`] when none can be opened.
    pub async fn get_within(&self, wait: Duration) -> Result<Connection, DatabaseError> {
        let limits = |wait| Timeouts { wait: Some(wait), ..self.pool.timeouts() };
        let got = match &self.own {
            Some(own) => match own.timeout_get(&limits(Duration::ZERO)).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => self.pool.timeout_get(&limits(wait)).await,
                got => got,
            },
            None => self.pool.timeout_get(&limits(wait)).await,
        };
        let object = got.map_err(|error| match error {
            PoolError::Backend(OpenError::ConnectionError(ConnectionError::BadConnection(reason))) => {
                self.unreachable(reason)
            }
            PoolError::Backend(error) => self.unreachable(error.to_string()),
            PoolError::Timeout(TimeoutType::Wait) => DatabaseError::Busy(wait),
            PoolError::Timeout(_) => self.unreachable(no_answer()),
            PoolError::Closed => DatabaseError::Closed,
            error => self.unreachable(error.to_string()),
        })?;
        Ok(Connection::new(object, Arc::clone(&self.source)))
    }

    /// Whether the database was seen a moment ago to take no writes: what can be left out is then not written.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only.is_assumed()
    }

    /// Asks whether the database takes writes. If it does not, connections that are open now are given up.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn takes_writes(&self, conn: &mut AsyncPgConnection) -> diesel::QueryResult<bool> {
        let is_read_only = is_read_only(conn).await?;
        if is_read_only {
            self.read_only.note();
        }
        Ok(!is_read_only)
    }

    /// How the shared pool is used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let status = self.pool.status();
        let open = status.size;
        Usage { most: status.max_size, open, in_use: open.saturating_sub(status.available), waiting: status.waiting }
    }

    /// How long one statement may run; zero for ever.
    #[must_use]
    pub fn statement_timeout(&self) -> Duration {
        self.settings.statement_timeout
    }

    /// A connection outside of the pool, without a limit on its statements: for `LISTEN`, migrations and other work
    /// that keeps it.
    pub async fn single(&self) -> Result<AsyncPgConnection, DatabaseError> {
        self.source.connect().await
    }

    /// Where the database is.
    #[must_use]
    pub fn source(&self) -> &DatabaseSource {
        &self.source
    }

    /// Closes the pool: a request for a connection is refused from now on.
    pub fn close(&self) {
        self.pool.close();
    }

    fn unreachable(&self, reason: String) -> DatabaseError {
        DatabaseError::Unreachable { place: self.source.place().to_owned(), reason }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("source", &self.source)
            .field("pool", &self.pool.status())
            .finish_non_exhaustive()
    }
}

impl DatabaseSource {
    /// A single connection, without a limit on its statements.
    pub async fn connect(&self) -> Result<AsyncPgConnection, DatabaseError> {
        let unreachable = |reason| DatabaseError::Unreachable { place: self.place.clone(), reason };
        match timeout(CREATE, self.open(Duration::ZERO, &Arc::default())).await {
            Ok(opened) => opened.map_err(unreachable),
            Err(_) => Err(unreachable(no_answer())),
        }
    }

    /// Opens a connection. Of several hosts the one that takes writes is preferred, so that reads go on without it.
    async fn open(&self, statement_timeout: Duration, read_only: &Arc<ReadOnly>) -> Result<AsyncPgConnection, String> {
        let config = with_defaults(self.config.clone());
        let has_choice = config.get_hosts().len().max(config.get_hostaddrs().len()) > 1;
        let mut connection = if has_choice && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            let mut primary = config.clone();
            primary.target_session_attrs(TargetSessionAttrs::ReadWrite);
            match self.connect_by(&primary).await {
                Ok(connection) => connection,
                Err(_) => self.connect_by(&config).await?,
            }
        } else {
            self.connect_by(&config).await?
        };
        // After the log-in and not with it: poolers such as PgBouncer refuse unknown start parameters.
        let settings = format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            statement_timeout.as_millis(),
            IDLE_IN_TRANSACTION.as_millis(),
        );
        connection.batch_execute(&settings).await.map_err(|error| error.to_string())?;
        if is_read_only(&mut connection).await.map_err(|error| error.to_string())? {
            read_only.note();
        }
        let seen = Arc::clone(read_only);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event
                && classify(error) == Fault::ReadOnly
            {
                seen.note();
            }
        });
        Ok(connection)
    }

    async fn connect_by(&self, config: &Config) -> Result<AsyncPgConnection, String> {
        let opened = match self.tls.connector.clone() {
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(|error| plain(&error))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls).await.map_err(|error| plain(&error))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
        };
        opened.map_err(|error| error.to_string())
    }
}

/// Whether the server of a connection takes no writes: a standby, or a database whose transactions are read-only.
async fn is_read_only(conn: &mut AsyncPgConnection) -> diesel::QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        is_read_only: bool,
    }
    let query = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS is_read_only";
    let row: Row = diesel::sql_query(query).get_result(conn).await?;
    Ok(row.is_read_only)
}

fn pool(
    source: &Arc<DatabaseSource>,
    read_only: &Arc<ReadOnly>,
    settings: PoolSettings,
    work: Work,
) -> Result<Pool<AsyncPgConnection>, DatabaseError> {
    let mut config = ManagerConfig::default();
    // A closed connection is noticed without a question; `Verified` costs a round trip for each request.
    config.recycling_method = RecyclingMethod::Fast;
    let (opener, state) = (Arc::clone(source), Arc::clone(read_only));
    config.custom_setup = Box::new(move |_| {
        let (source, state) = (Arc::clone(&opener), Arc::clone(&state));
        async move { source.open(settings.statement_timeout, &state).await.map_err(ConnectionError::BadConnection) }
            .boxed()
    });
    let read_only = Arc::clone(read_only);
    // The address is in `opener`: the text that the manager keeps would show in its errors.
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", config))
        .max_size(settings.size.max(1))
        .runtime(deadpool_runtime::Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(CREATE))
        .recycle_timeout(Some(CONNECT))
        .pre_recycle(Hook::sync_fn(move |_, metrics| {
            if metrics.age() > MAX_AGE {
                Err(HookError::message("the connection is old"))
            } else if read_only.gives_up(metrics.created, Instant::now(), work.patience()) {
                Err(HookError::message("the server of the connection takes no writes"))
            } else {
                Ok(())
            }
        }))
        .build()
        .map_err(|error| DatabaseError::Url(error.to_string()))
}

fn with_defaults(mut config: Config) -> Config {
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION_NAME);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        // A database host that vanished is noticed in half a minute, not in a quarter of an hour.
        config.tcp_user_timeout(Duration::from_secs(30)).keepalives_idle(Duration::from_mins(1));
    }
    config
}

fn no_answer() -> String {
    format!("no answer within {} s", CREATE.as_secs())
}
