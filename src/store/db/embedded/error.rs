//! Why a private cluster could not be had: each variant is one line that says what to do.

use std::io;
use std::path::PathBuf;

/// Why the embedded database could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL was found to run the embedded database (looked on PATH and in the usual places): install it \
         (Debian, Ubuntu: apt install postgresql; Red Hat, Fedora: dnf install postgresql-server; macOS: brew install \
         postgresql@17), or set ROLLBOOK_DATABASE_URL to a database of your own"
    )]
    NoBinaries,
    #[error(
        "the embedded database in {} was made by PostgreSQL {wanted}, but found is only {found}: install PostgreSQL \
         {wanted} beside it, or move the data with pg_upgrade", data.display()
    )]
    MajorVersion { data: PathBuf, wanted: u32, found: String },
    #[error("the data directory {} cannot be {action}: {source}; set ROLLBOOK_DATA_DIR to a directory that can be written", path.display())]
    DataDir { path: PathBuf, action: &'static str, source: io::Error },
    #[error("the data directory {} is in use by another Rollbook{}", path.display(), holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked { path: PathBuf, holder: Option<i32> },
    #[error(
        "the embedded database runs as user {user}, who may not enter {}: choose a ROLLBOOK_DATA_DIR outside of it, such \
         as /var/lib/rollbook, or allow entering with: chmod o+x {0}", blocked.display()
    )]
    NotEnterable { user: String, blocked: PathBuf },
    #[error(
        "Postgres refuses to run as root, and this machine has neither a user postgres nor a user nobody to run it as: make one, or start Rollbook as an ordinary user"
    )]
    NoAccount,
    #[error("the embedded database in {} belongs to user {owner}: start Rollbook as that user or as root, or give the directory away with chown -R", data.display())]
    ForeignOwner { data: PathBuf, owner: String },
    #[error("the embedded database in {} belongs to root, as whom Postgres refuses to run: give it to an ordinary user with chown -R", data.display())]
    OwnedByRoot { data: PathBuf },
    #[error("{} exists but is no database: move it away", data.display())]
    NoCluster { data: PathBuf },
    #[error("no directory for the database's socket could be made at {}: {source}", path.display())]
    SocketDir { path: PathBuf, source: io::Error },
    #[error("{program} could not be run: {source}", program = program.display())]
    Run { program: PathBuf, source: io::Error },
    #[error("the embedded database could not be made: {reason}")]
    Init { reason: String },
    #[error("the embedded database did not start: {reason} (its log: {})", log.display())]
    Start { reason: String, log: PathBuf },
    #[error("a Postgres left behind by an earlier Rollbook (process {pid}) still runs on {} and does not stop: stop it by hand", data.display())]
    LeftBehind { pid: i32, data: PathBuf },
    #[error("the embedded database could not be prepared: {reason}")]
    Prepare { reason: String },
    #[error("the embedded database ended by itself ({status}); its log: {}", log.display())]
    Ended { status: String, log: PathBuf },
}
