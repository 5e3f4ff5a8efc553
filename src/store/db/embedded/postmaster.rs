//! The running cluster: a child process, and a watchdog that stops it should we die without being able to.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{fs, io};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};
use tracing::{info, warn};

use super::account::Account;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use crate::clock::Clock;

/// How often a starting cluster is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// After how long a start is worth a line in the log: the cluster is recovering from a crash.
const SLOW_START: Duration = Duration::from_secs(10);
/// How long a fast shutdown may take (it writes a checkpoint), then how long an immediate one.
const FAST_STOP: Duration = Duration::from_mins(1);
const IMMEDIATE_STOP: Duration = Duration::from_secs(15);

/// Reads until we are gone, then stops the cluster. It runs as the cluster's account, so it can hit no other account's
/// process, and it dies with us in an orderly stop before the number can be given to another.
const WATCHDOG: &str = "read -r _; kill -INT \"$1\" 2>/dev/null";

/// What every cluster of ours runs with. Given on the command line, so that they follow the program's version and not
/// the day on which the cluster was made.
const SETTINGS: [(&str, &str); 24] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("max_connections", "60"),
    ("superuser_reserved_connections", "2"),
    // Small machines: 128 MB of cache that fill up only as data is read, few helpers, no compiler in each backend.
    ("shared_buffers", "128MB"),
    ("work_mem", "8MB"),
    ("maintenance_work_mem", "64MB"),
    ("effective_cache_size", "512MB"),
    ("autovacuum_max_workers", "2"),
    ("max_logical_replication_workers", "0"),
    ("max_parallel_workers_per_gather", "0"),
    ("jit", "off"),
    ("random_page_cost", "1.1"),
    // Durable. There is no replica, so the log holds only what recovery needs.
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_wal_size", "512MB"),
    ("checkpoint_timeout", "10min"),
    // Errors go to us, who made them. In the log they would repeat values, and so people's data.
    ("log_min_messages", "log"),
    ("log_min_error_statement", "panic"),
    ("log_checkpoints", "off"),
    ("log_timezone", "UTC"),
    ("timezone", "UTC"),
];

/// A cluster that runs and answers.
#[derive(Debug)]
pub(crate) struct Postmaster {
    child: Child,
    /// Its standard input is the pipe that it watches.
    watchdog: Child,
    log: PathBuf,
}

impl Postmaster {
    /// Starts Postgres on `data` and waits until it answers, however long a recovery takes.
    pub(crate) async fn start(
        binaries: &Binaries,
        account: &Account,
        data: &Path,
        socket_dir: &Path,
        log: &Path,
        options: &Options,
        clock: &Clock,
    ) -> Result<Self, EmbeddedError> {
        let output = fresh_log(log).map_err(|source| EmbeddedError::DataDir {
            path: log.to_owned(),
            action: "written",
            source,
        })?;
        let mut command = account.command(binaries.postgres());
        command.arg("-D").arg(data).arg("-k").arg(socket_dir);
        command.arg("-p").arg(options.port().to_string());
        let given = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // The last one wins.
        for (name, value) in SETTINGS.into_iter().chain(given) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let failed = |source| EmbeddedError::Run { program: binaries.postgres(), source };
        command.stdout(output.try_clone().map_err(failed)?).stderr(output);
        let child = Command::from(command).spawn().map_err(failed)?;
        let pid = child.id().ok_or_else(|| failed(io::Error::other("it ended at once")))?;

        let mut watchdog = account.command("/bin/sh");
        watchdog.args(["-c", WATCHDOG, "rollbook-watchdog", &pid.to_string()]);
        watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = match Command::from(watchdog).spawn() {
            Ok(watchdog) => watchdog,
            Err(source) => {
                signal(&child, Signal::SIGINT);
                return Err(EmbeddedError::Run { program: PathBuf::from("/bin/sh"), source });
            }
        };
        let mut started = Self { child, watchdog, log: log.to_owned() };
        started.answer(&superuser(socket_dir, options.port(), "postgres"), clock).await?;
        Ok(started)
    }

    async fn answer(&mut self, config: &Config, clock: &Clock) -> Result<(), EmbeddedError> {
        let since = clock.now();
        let mut said = false;
        loop {
            let Err(reason) = config.connect(NoTls).await else { return Ok(()) };
            // Not listening yet, or recovering: only an end of the process is final. Any other refusal will not change.
            if reason.code().is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW) {
                let reason = crate::store::db::error::plain(&reason);
                return Err(EmbeddedError::Start { reason, log: self.log.clone() });
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let reason = complaint(&self.log).unwrap_or_else(|| status.to_string());
                return Err(EmbeddedError::Start { reason, log: self.log.clone() });
            }
            if !said && (clock.now() - since).to_std().is_ok_and(|waited| waited > SLOW_START) {
                said = true;
                info!("the embedded database was not stopped in order and is recovering; waiting for it");
            }
            clock.pause(ASK_EVERY).await;
        }
    }

    /// Waits until the cluster ends, which it should not do by itself.
    pub(crate) async fn ended(&mut self) -> EmbeddedError {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        EmbeddedError::Ended { status, log: self.log.clone() }
    }

    /// Fast shutdown; if that takes too long, an immediate one, from which the next start recovers.
    pub(crate) async fn stop(mut self) -> Result<(), EmbeddedError> {
        let mut status = None;
        for (how, patience) in [(Signal::SIGINT, FAST_STOP), (Signal::SIGQUIT, IMMEDIATE_STOP)] {
            signal(&self.child, how);
            if let Ok(ended) = timeout(patience, self.child.wait()).await {
                status = ended.ok();
                break;
            }
            warn!("the embedded database has not stopped within {} s", patience.as_secs());
        }
        // The watchdog must not outlive the cluster, whose number may be given to another process.
        let _ = self.watchdog.start_kill();
        let _ = self.watchdog.wait().await;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(EmbeddedError::Ended { status: status.to_string(), log: self.log.clone() }),
            None => Err(EmbeddedError::Ended { status: "it does not stop".to_owned(), log: self.log.clone() }),
        }
    }

    /// The process id, as long as it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }
}

impl Drop for Postmaster {
    /// A cluster that was not stopped (an error on the way, a panic) stops by itself.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(&self.child, Signal::SIGINT);
        } else {
            let _ = self.watchdog.start_kill();
        }
    }
}

/// How we connect: over the socket, as the one role of the cluster.
pub(crate) fn superuser(socket_dir: &Path, port: u16, dbname: &str) -> Config {
    let mut config = Config::new();
    config.host_path(socket_dir).port(port).user(ROLE).dbname(dbname).connect_timeout(Duration::from_secs(10));
    config
}

fn signal(child: &Child, signal: Signal) {
    // Without an id it has ended and was waited for.
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// A new log for this start; the one of the start before is kept beside it. So it stays small: in running order the
/// cluster writes a few lines a day.
fn fresh_log(log: &Path) -> io::Result<File> {
    match fs::rename(log, log.with_extension("log.old")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(log)
}

/// The line of the log that says why the cluster ended.
fn complaint(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let end = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(end.saturating_sub(16 * 1024))).ok()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    complaint_in(&String::from_utf8_lossy(&text))
}

pub(crate) fn complaint_in(text: &str) -> Option<String> {
    ["PANIC: ", "FATAL: ", "error: ", "could not "].iter().find_map(|word| {
        let line = text.lines().rfind(|line| line.contains(word))?;
        Some(line[line.find(word)?..].trim_end().to_owned())
    })
}

/// What differs from the ordinary, in tests.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Further settings of Postgres (`postgresql.conf` names and values); they win over ours.
    pub settings: Vec<(String, String)>,
    /// The port, where `listen_addresses` is set among the settings. It also names the socket.
    pub port: Option<u16>,
}

impl Options {
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(5432)
    }
}

/// The one role of the cluster.
pub(crate) const ROLE: &str = "rollbook";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failed_start_is_the_last_fatal_line() {
        let log = "2026-11-20 12:00:00.000 UTC [7] LOG:  starting PostgreSQL 15.18\n\
                   2026-11-20 12:00:00.001 UTC [7] FATAL:  could not map anonymous shared memory: Cannot allocate memory\n\
                   2026-11-20 12:00:00.001 UTC [7] HINT:  This error usually means …\n\
                   2026-11-20 12:00:00.002 UTC [7] LOG:  database system is shut down\n";
        let expected = "FATAL:  could not map anonymous shared memory: Cannot allocate memory";
        assert_eq!(complaint_in(log).as_deref(), Some(expected));
        assert_eq!(
            complaint_in("initdb: error: invalid locale name \"x\"\n").as_deref(),
            Some("error: invalid locale name \"x\"")
        );
        assert_eq!(complaint_in("all is well"), None);
    }

    #[test]
    fn each_start_has_a_log_of_its_own_and_the_last_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("postgres.log");
        for text in ["first", "second", "third"] {
            io::Write::write_all(&mut fresh_log(&log).unwrap(), text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&log).unwrap(), "third");
        assert_eq!(fs::read_to_string(folder.path().join("postgres.log.old")).unwrap(), "second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
