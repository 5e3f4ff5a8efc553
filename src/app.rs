//! Builds the running program in one place: database, keys, use cases, jobs, server.

mod check;
mod demo;
pub mod jobs;
mod program;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use diesel_async::AsyncConnection;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::crypto::seal::Keys;
use super::crypto::token::Token;
use super::flows::access::callers;
use super::flows::server::key_check;
use super::jobs::Runner;
use super::jobs::Wake;
use super::store::db::embedded::Embedded;
use super::store::db::embedded::Options;
use super::store::db::lanes::{LaneSettings, Lanes};
use super::store::db::pool::{Database, PoolSettings};
use super::store::db::source::DatabaseSource;
use crate::clock::Clock;
use crate::config::{Config, DatabaseChoice};
use crate::flows::context::{Context, VENDOR_WAIT};
use crate::http::server::{self, Workers};
use crate::http::state::State;
use crate::outbound::Outbound;

pub use check::check;
pub use demo::{DemoArgs, demo};
pub use program::program;

/// Connections for reads that are divided among the workers, if there is one for each. At least a third of all stay
/// shared, for requests of a worker whose own are all taken.
const OWN_CONNECTIONS: usize = 8;
/// The key of a private cluster, in the data directory.
const KEY_FILE: &str = "key";
/// How long work that must not be broken off may take after the jobs have stopped.
const UNBROKEN_AT_MOST: std::time::Duration = std::time::Duration::from_secs(90);

/// Everything that a running Rollbook holds.
pub struct App {
    pub context: Context,
    pub state: State,
    runner: Runner,
    workers: Workers,
    embedded: Option<Embedded>,
    listener: TcpListener,
    address: SocketAddr,
    /// Made at this start, to be shown once.
    pub new_admin_token: Option<Token>,
}

impl App {
    /// Opens the port, starts or reaches the database, brings it into shape and prepares everything else.
    ///
    /// # Errors
    /// One line that states what cannot be used and what to do about it.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<Self> {
        // First, since nothing has to be undone when the port is taken.
        let listener = TcpListener::bind(config.listen).with_context(|| {
            format!("cannot listen on {}: choose another address with --listen or ROLLBOOK_LISTEN", config.listen)
        })?;
        let address = listener.local_addr()?;
        let config = with_keys(config)?;
        let Opened { embedded, source } = open_database(&config, &clock).await?;
        let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let workers = workers(&config.lanes);
        let callers = config.callers;
        match Self::build(config, source, embedded.is_some(), clock).await {
            Ok((context, lanes, new_admin_token)) => {
                let state = State::with(lanes, callers, context.clock.clone(), context.keys.clone(), &public_url);
                let runner = jobs::runner(&context);
                Ok(Self { context, state, runner, workers, embedded, listener, address, new_admin_token })
            }
            Err(error) => {
                if let Some(embedded) = embedded {
                    embedded.stop().await.unwrap_or_else(|problem| warn!("{problem}"));
                }
                Err(error)
            }
        }
    }

    async fn build(
        mut config: Config,
        source: DatabaseSource,
        alone: bool,
        clock: Clock,
    ) -> anyhow::Result<(Context, Lanes, Option<Token>)> {
        let admin_token = config.admin_token.take();
        let (context, lanes) = connect(config, source, clock).await?;
        // Before anything is stored: from here on the clock is the database's.
        jobs::look(&context).await?;
        key_check::recognise(&context).await?;
        let mut conn = context.db.get().await?;
        let now = context.clock.now();
        conn.transaction(async |conn| crate::store::changes::make_partitions(conn, now).await).await?;
        drop(conn);
        if alone {
            // The lock on the data directory proves it: every process that held a lease is gone.
            callers::take_over(&context).await?;
        }
        let new = callers::settle_admin_token(&context, admin_token).await?;
        Ok((context, lanes, new))
    }

    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves and works until `stop` is cancelled or the private cluster is gone; then ends in order: no new requests,
    /// jobs at their next pause, leases given back, database last.
    ///
    /// # Errors
    /// When the server or the cluster failed.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { context, state, runner, workers, mut embedded, listener, .. } = self;
        let lanes = state.lanes.clone();
        let (server, handle) = server::serve(state, context.clone(), listener, workers)?;
        let tracker = TaskTracker::new();
        let jobs_stop = CancellationToken::new();
        runner.start(&tracker, &jobs_stop);
        let stopped = jobs_stop.clone();
        tracker.spawn(async move { stopped.run_until_cancelled(keep_metrics()).await });
        tracker.spawn(jobs::watch(context.clone(), jobs_stop.clone()));
        let mut serving = tokio::spawn(server);
        let cluster_gone = async {
            match embedded.as_mut() {
                Some(embedded) => embedded.ended().await.to_string(),
                None => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            reason = cluster_gone => Err(anyhow::anyhow!(reason)),
            ended = &mut serving => {
                let reason = ended.map_or_else(|error| error.to_string(), |ended| format!("{ended:?}"));
                Err(anyhow::anyhow!("the server ended by itself: {reason}"))
            }
        };
        info!("stopping");
        handle.stop(true).await;
        jobs_stop.cancel();
        tracker.close();
        tracker.wait().await;
        context.unbroken.close();
        if tokio::time::timeout(UNBROKEN_AT_MOST, context.unbroken.wait()).await.is_err() {
            warn!("an HR system has not answered a token refresh yet; its answer will be missing");
        }
        if !serving.is_finished()
            && let Err(error) = serving.await?
        {
            warn!("the server ended with: {error}");
        }
        if outcome.is_ok() {
            callers::give_back(&context).await.unwrap_or_else(|error| warn!("leases end by themselves: {error}"));
        }
        lanes.close();
        if let Some(embedded) = embedded {
            embedded.stop().await?;
        }
        outcome
    }
}

/// Puts together what was counted, every few seconds.
async fn keep_metrics() {
    let mut time = tokio::time::interval(super::http::counters::UPKEEP);
    loop {
        time.tick().await;
        super::http::counters::keep_up();
    }
}

/// One worker a processor.
fn workers(lanes: &LaneSettings) -> Workers {
    workers_of(std::thread::available_parallelism().map_or(2, usize::from), lanes.reads)
}

/// So many workers; as far as it goes, each with connections of its own.
fn workers_of(number: usize, reads: usize) -> Workers {
    Workers { number, connections: OWN_CONNECTIONS.min(reads * 2 / 3) / number.max(1) }
}

/// The settings with the key of the data directory, where none is given: made before a new private cluster is, so that
/// there is never a cluster without its key.
fn with_keys(config: Config) -> anyhow::Result<Config> {
    if config.keys.is_some() {
        return Ok(config);
    }
    let path = config.data_dir.join(KEY_FILE);
    if !path.exists() && Embedded::exists(&config.data_dir) {
        bail!(key_is_missing(&path));
    }
    Embedded::make_data_dir(&config.data_dir)?;
    Ok(Config { keys: Some(Keys::load_or_create(&path)?), ..config })
}

/// What to do about a cluster whose key is gone. A new key in its place would open nothing that is stored.
fn key_is_missing(path: &Path) -> String {
    format!(
        "the key file {0} is missing beside an existing database: put it back (from the backup), or give the key as \
         ROLLBOOK_KEY. If it is lost, make a new one with `(umask 077; openssl rand -base64 32 > {0})`, and give the \
         credentials of all connections again",
        path.display()
    )
}

/// A database that can be connected to.
struct Opened {
    /// To be stopped at the end.
    embedded: Option<Embedded>,
    source: DatabaseSource,
}

async fn open_database(config: &Config, clock: &Clock) -> anyhow::Result<Opened> {
    match &config.database {
        DatabaseChoice::Embedded => {
            let embedded = Embedded::start(&config.data_dir, &Options::default(), clock).await?;
            let source = DatabaseSource::local(embedded.url_config());
            Ok(Opened { embedded: Some(embedded), source })
        }
        DatabaseChoice::External(source) => Ok(Opened { embedded: None, source: (**source).clone() }),
    }
}

/// Connects, and brings the database into shape.
async fn connect(config: Config, source: DatabaseSource, clock: Clock) -> anyhow::Result<(Context, Lanes)> {
    let (context, lanes) = reach(config, source, clock).await?;
    let done = context.db.migrate().await?;
    if !done.is_empty() {
        info!("the database was brought into shape: {}", done.join(", "));
    }
    Ok((context, lanes))
}

/// Connects, and changes nothing.
async fn reach(config: Config, source: DatabaseSource, clock: Clock) -> anyhow::Result<(Context, Lanes)> {
    let keys = config.keys.context("there is no key")?;
    let own = workers(&config.lanes);
    let lanes = Lanes::connect(source, &config.lanes, own.number * own.connections).await?;
    let (total, most) = (config.lanes.total(), lanes.server_limit().await?);
    if total > most {
        bail!(
            "the connections that are set for reads, queries, admin and jobs are {total} in all with those for health, but \
             the database takes {most}: lower ROLLBOOK_READ_CONNECTIONS, ROLLBOOK_QUERY_CONNECTIONS, \
             ROLLBOOK_ADMIN_CONNECTIONS or ROLLBOOK_JOB_CONNECTIONS, or raise max_connections of Postgres"
        );
    }
    if total * 2 > most {
        info!("this process opens up to {total} connections to the database, which takes {most} from all processes");
    }
    let db = lanes.jobs.clone();
    let context = Context {
        outbound: Outbound::new(clock.clone(), config.allow_private_vendors)?,
        limits: config.limits,
        vendor_wait: VENDOR_WAIT,
        node: clock.row_id(),
        keys: Arc::new(keys),
        wake: Wake::default(),
        unbroken: TaskTracker::new(),
        db,
        clock,
    };
    Ok((context, lanes))
}

/// Brings the database into shape and ends.
///
/// # Errors
/// As [`App::start`].
pub async fn migrate(config: Config, clock: Clock) -> anyhow::Result<()> {
    let config = with_keys(config)?;
    let Opened { embedded, source } = open_database(&config, &clock).await?;
    let result = async {
        let db = Database::connect(source, PoolSettings { size: 2, ..PoolSettings::default() }).await?;
        anyhow::Ok(db.migrate().await?)
    }
    .await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    match result?.as_slice() {
        [] => println!("the database is in shape: nothing to do"),
        done => println!("migrations run: {}", done.join(", ")),
    }
    Ok(())
}

/// Runs the server until a signal.
///
/// # Errors
/// As [`App::start`] and [`App::run`].
pub async fn serve(config: Config, clock: Clock) -> anyhow::Result<()> {
    let app = App::start(config, clock).await?;
    info!("listening on http://{}", app.address());
    if let Some(token) = &app.new_admin_token {
        println!("admin token (shown this once, keep it): {}", token.reveal());
    }
    let stop = CancellationToken::new();
    stop_at_signal(&stop)?;
    app.run(stop).await
}

/// Cancels at SIGINT or SIGTERM.
fn stop_at_signal(stop: &CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// Refuses a configuration that the command cannot use.
fn only_embedded(config: &Config) -> anyhow::Result<()> {
    match config.database {
        DatabaseChoice::Embedded => Ok(()),
        DatabaseChoice::External(_) => {
            bail!(
                "the demo runs on a database of its own; unset ROLLBOOK_DATABASE_URL and DATABASE_URL, or use `rollbook serve`"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_divide_what_is_theirs_and_leave_a_third_of_all_connections_to_everybody() {
        for (number, reads) in (1..=64).flat_map(|number| [2, 3, 12, 100].map(|reads| (number, reads))) {
            let Workers { number, connections } = workers_of(number, reads);
            assert!(number * connections <= OWN_CONNECTIONS && number * connections < reads, "{number} {reads}");
        }
        assert_eq!(workers_of(2, 12), Workers { number: 2, connections: 4 });
        assert_eq!(workers_of(64, 12), Workers { number: 64, connections: 0 });
    }
}
