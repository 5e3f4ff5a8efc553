//! Connections to the database: a pool for requests and jobs, single ones for what holds a connection for long.

use std::time::Duration;

use deadpool::managed::{Hook, HookError, PoolError, TimeoutType, Timeouts};
use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError as OpenError, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use super::error::{DatabaseError, plain};
use super::migrations;
use super::source::DatabaseSource;

/// A connection of the pool; goes back to it when dropped.
pub type Connection = Object<AsyncPgConnection>;

/// How long a request waits for a free connection.
const WAIT: Duration = Duration::from_secs(10);
/// How long opening a connection may take in all: look-up, TLS, log-in.
const CREATE: Duration = Duration::from_secs(15);
/// How long one address of the host may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// After this age a connection is not used again, so that a balanced or moved database gets new ones.
const MAX_AGE: Duration = Duration::from_mins(30);
/// A transaction that stands still this long is ended by Postgres: somebody forgot it, and it holds locks.
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

/// The database of this deployment. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Database {
    pool: Pool<AsyncPgConnection>,
    /// Connections that one thread has to itself, taken before those of the pool.
    own: Option<Pool<AsyncPgConnection>>,
    settings: PoolSettings,
    source: DatabaseSource,
}

impl Database {
    /// Opens the pool and proves it with one connection.
    pub async fn connect(source: DatabaseSource, settings: PoolSettings) -> Result<Self, DatabaseError> {
        let database = Self { pool: pool(&source, settings)?, own: None, settings, source };
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
        let own = if size > 0 { Some(pool(&self.source, PoolSettings { size, ..self.settings })?) } else { None };
        Ok(Self { own, ..self.clone() })
    }

    /// A connection; waits for a free one, but not for ever.
    pub async fn get(&self) -> Result<Connection, DatabaseError> {
        let got = match &self.own {
            Some(own) => match own.timeout_get(&Timeouts { wait: Some(Duration::ZERO), ..own.timeouts() }).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => self.pool.get().await,
                got => got,
            },
            None => self.pool.get().await,
        };
        got.map_err(|error| match error {
            PoolError::Backend(OpenError::ConnectionError(ConnectionError::BadConnection(reason))) => {
                self.unreachable(reason)
            }
            PoolError::Backend(error) => self.unreachable(error.to_string()),
            PoolError::Timeout(TimeoutType::Wait) => DatabaseError::Busy(WAIT),
            PoolError::Timeout(_) => self.unreachable(no_answer()),
            PoolError::Closed => DatabaseError::Closed,
            error => self.unreachable(error.to_string()),
        })
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

    /// Closes the pool: whoever asks it for a connection from now on is refused.
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
        match timeout(CREATE, self.open(Duration::ZERO)).await {
            Ok(opened) => opened.map_err(unreachable),
            Err(_) => Err(unreachable(no_answer())),
        }
    }

    async fn open(&self, statement_timeout: Duration) -> Result<AsyncPgConnection, String> {
        let config = with_defaults(self.config.clone());
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
        let mut connection = opened.map_err(|error| error.to_string())?;
        // After the log-in and not with it: poolers such as PgBouncer refuse unknown start parameters.
        let settings = format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            statement_timeout.as_millis(),
            IDLE_IN_TRANSACTION.as_millis(),
        );
        connection.batch_execute(&settings).await.map_err(|error| error.to_string())?;
        Ok(connection)
    }
}

fn pool(source: &DatabaseSource, settings: PoolSettings) -> Result<Pool<AsyncPgConnection>, DatabaseError> {
    let mut config = ManagerConfig::default();
    // A closed connection is noticed without a question; `Verified` costs a round trip for each request.
    config.recycling_method = RecyclingMethod::Fast;
    let opener = source.clone();
    config.custom_setup = Box::new(move |_| {
        let source = opener.clone();
        async move { source.open(settings.statement_timeout).await.map_err(ConnectionError::BadConnection) }.boxed()
    });
    // The address is in `opener`: the text that the manager keeps would show in its errors.
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", config))
        .max_size(settings.size.max(1))
        .runtime(deadpool_runtime::Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(CREATE))
        .recycle_timeout(Some(CONNECT))
        .pre_recycle(Hook::sync_fn(|_, metrics| {
            if metrics.age() > MAX_AGE { Err(HookError::message("the connection is old")) } else { Ok(()) }
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
