//! A private Postgres cluster for those who have no database: made in the data directory at the first start, run from
//! the installed binaries as a child of the server, reachable through a Unix socket only, stopped with the server.
//!
//! ```text
//! <data_dir>/lock            held while a Rollbook runs on the directory
//! <data_dir>/postgres/       the cluster; belongs to its account
//! <data_dir>/postgres.log    its log since the last start (the one before: postgres.log.old)
//! ```
//!
//! A kill of this process at any point leaves nothing that the next start does not clear away; see
//! `docs/decisions/0002-embedded-cluster.md`.

mod account;
mod binaries;
pub mod error;
mod leftover;
mod postmaster;
mod socket;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio_postgres::{Config, NoTls};
use tracing::info;

use crate::clock::Clock;
use account::Account;
use binaries::Binaries;
use error::EmbeddedError;
pub use postmaster::Options;
use postmaster::ROLE;
use postmaster::{Postmaster, complaint_in, superuser};

/// The database that is made in it.
const DATABASE: &str = "rollbook";
/// Character classes for `lower()` and the like, in the order of preference: the first is missing on macOS, the second
/// elsewhere. Order of strings is by bytes everywhere: it changes with no update of the system.
const CHARACTER_TYPES: [&str; 3] = ["C.UTF-8", "UTF-8", "C"];

/// A private cluster that runs. [`stop`](Self::stop) it at the end; if it is dropped instead, it stops by itself a
/// moment later.
#[derive(Debug)]
pub struct Embedded {
    postmaster: Postmaster,
    socket_dir: PathBuf,
    port: u16,
    /// Unlocked when it is closed: after the cluster was stopped.
    _lock: File,
}

/// What there is at a data directory.
#[derive(Debug)]
pub enum Found {
    /// No cluster; one would be made with this major version of Postgres.
    Nothing { major: u32 },
    /// A cluster that no Rollbook runs.
    Stopped { major: u32 },
    /// A cluster that a Rollbook runs, and how to connect to it.
    Running(Box<Config>),
}

impl Embedded {
    /// Starts the cluster of a data directory; makes both when they do not exist. Returns when the database
    /// [`url_config`](Self::url_config) names can be used.
    pub async fn start(data_dir: &Path, options: &Options, clock: &Clock) -> Result<Self, EmbeddedError> {
        let data_dir = open_data_dir(data_dir)?;
        let lock = lock(&data_dir)?;
        let data = data_dir.join("postgres");
        let made_by = made_by(&data)?;
        let account = Account::choose(&data)?;
        account.check_entry(&data_dir)?;
        let installed = Binaries::installed(&account, std::env::var_os("PATH").as_deref());
        let binaries = Binaries::choose(&installed, &data, made_by)?;
        if made_by.is_none() {
            info!("making the embedded database in {} with PostgreSQL {}", data.display(), binaries.major);
            init(&binaries, &account, &data).await?;
        }
        leftover::clear(&data, clock).await?;
        let socket_dir = socket::choose(&data_dir, &data, &account, clock)?;
        let log = data_dir.join("postgres.log");
        let postmaster = Postmaster::start(&binaries, &account, &data, &socket_dir, &log, options, clock).await?;
        let embedded = Self { postmaster, socket_dir, port: options.port(), _lock: lock };
        match ensure_database(&superuser(&embedded.socket_dir, embedded.port, "postgres")).await {
            Ok(()) => Ok(embedded),
            Err(error) => {
                // The first error says more than that of the stop.
                let _ = embedded.stop().await;
                Err(EmbeddedError::Prepare { reason: super::error::plain(&error) })
            }
        }
    }

    /// Makes the data directory, if there is none.
    pub fn make_data_dir(data_dir: &Path) -> Result<(), EmbeddedError> {
        open_data_dir(data_dir).map(drop)
    }

    /// Whether a cluster was made in the data directory.
    #[must_use]
    pub fn exists(data_dir: &Path) -> bool {
        data_dir.join("postgres").exists()
    }

    /// What there is at a data directory. Changes nothing.
    pub fn look(data_dir: &Path) -> Result<Found, EmbeddedError> {
        let data = data_dir.join("postgres");
        let Some(major) = made_by(&data)? else {
            let account = Account::choose(&data)?;
            let installed = Binaries::installed(&account, std::env::var_os("PATH").as_deref());
            return Ok(Found::Nothing { major: Binaries::choose(&installed, &data, None)?.major });
        };
        let is_held = File::open(data_dir.join("lock"))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
        if !is_held {
            return Ok(Found::Stopped { major });
        }
        // Its lines are: process, data directory, start, port, socket directory.
        let pid_file = data.join("postmaster.pid");
        let failed = |source| EmbeddedError::DataDir { path: pid_file.clone(), action: "read", source };
        let text = fs::read_to_string(&pid_file).map_err(failed)?;
        let line = |number: usize| text.lines().nth(number).map(str::trim).unwrap_or_default();
        let port = line(3).parse().map_err(|_| failed(io::Error::other("it is not complete yet; try again")))?;
        Ok(Found::Running(Box::new(superuser(Path::new(line(4)), port, DATABASE))))
    }

    /// How to connect to it. There is no password: the socket's directory is closed to everybody else.
    #[must_use]
    pub fn url_config(&self) -> Config {
        superuser(&self.socket_dir, self.port, DATABASE)
    }

    /// Waits until the cluster ends by itself (killed, out of memory). Safe to drop and call again.
    pub async fn ended(&mut self) -> EmbeddedError {
        self.postmaster.ended().await
    }

    /// Stops the cluster in order and frees the data directory.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        let Self { postmaster, socket_dir, _lock, .. } = self;
        let stopped = postmaster.stop().await;
        // It is empty now. If not, it will be used again.
        let _ = fs::remove_dir(socket_dir);
        stopped
    }

    /// The id of the Postgres process, as long as it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.postmaster.pid()
    }
}

fn open_data_dir(path: &Path) -> Result<PathBuf, EmbeddedError> {
    let failed = |action| move |source| EmbeddedError::DataDir { path: path.to_owned(), action, source };
    // The cluster's own user has to pass through; what lies inside is closed by its own modes.
    let mode = if account::is_root() { 0o711 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed("made"))?;
    fs::canonicalize(path).map_err(failed("opened"))
}

fn lock(data_dir: &Path) -> Result<File, EmbeddedError> {
    let path = data_dir.join("lock");
    let failed = |source| EmbeddedError::DataDir { path: data_dir.to_owned(), action: "written", source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let holder = io::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
            Err(EmbeddedError::Locked { path: data_dir.to_owned(), holder })
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The major version of an existing cluster.
fn made_by(data: &Path) -> Result<Option<u32>, EmbeddedError> {
    match fs::read_to_string(data.join("PG_VERSION")) {
        Ok(text) => {
            binaries::major_in(&text).map(Some).ok_or_else(|| EmbeddedError::NoCluster { data: data.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !data.exists() => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Closed to us: it belongs to another account, and the error says so.
            Account::choose(data)?;
            Err(EmbeddedError::DataDir { path: data.to_owned(), action: "read", source: error })
        }
        Err(_) => Err(EmbeddedError::NoCluster { data: data.to_owned() }),
    }
}

/// Makes a cluster beside its place and moves it there when it is whole, so that a kill half-way leaves no half
/// cluster.
async fn init(binaries: &Binaries, account: &Account, data: &Path) -> Result<(), EmbeddedError> {
    let draft = data.with_extension("new");
    let failed = |source| EmbeddedError::DataDir { path: draft.clone(), action: "written", source };
    let mut reason = String::new();
    for character_type in CHARACTER_TYPES {
        match fs::remove_dir_all(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&draft).map_err(failed)?;
        account.give(&draft).map_err(failed)?;
        let mut command = account.command(binaries.initdb());
        command.arg("-D").arg(&draft).args(["-U", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        command.arg(format!("--lc-ctype={character_type}"));
        let output = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| EmbeddedError::Run { program: binaries.initdb(), source })?;
        if output.status.success() {
            fs::rename(&draft, data).map_err(failed)?;
            let parent = data.parent().unwrap_or(Path::new("/"));
            return File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        reason = complaint_in(&text).unwrap_or_else(|| output.status.to_string());
        if !text.contains("invalid locale") {
            break;
        }
    }
    let _ = fs::remove_dir_all(&draft);
    Err(EmbeddedError::Init { reason })
}

async fn ensure_database(config: &Config) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let known = client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&DATABASE]).await?;
    if known.is_none() {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await?;
    }
    drop(client);
    // The connection's own end says nothing that the statements have not said.
    let _ = driver.await;
    Ok(())
}
