//! Why the database cannot be used, in one line each, without passwords and without anybody's data.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind as Kind, Error};

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The setting itself is wrong.
    #[error("the database URL cannot be used: {0}")]
    Url(String),
    #[error("the database URL's sslrootcert {} cannot be used: {reason}", path.display())]
    RootCertificate { path: PathBuf, reason: String },
    #[error("this machine's trusted certificates cannot be used: {0}; name your own with sslrootcert=<file>")]
    PlatformCertificates(String),
    #[error("the database at {place} cannot be reached: {reason}")]
    Unreachable { place: String, reason: String },
    #[error("no database connection became free within {} ms", .0.as_millis())]
    Busy(Duration),
    #[error("the pool of database connections was closed")]
    Closed,
    #[error(
        "the database has migrations that this Rollbook does not know ({0}): a newer Rollbook has used it; start that one"
    )]
    Newer(String),
    #[error("the database could not be migrated: {0}")]
    Migration(String),
}

/// An error of Postgres in one line: its message without the detail, which may quote a row.
pub(crate) fn plain(error: &tokio_postgres::Error) -> String {
    if let Some(answer) = error.as_db_error() {
        return answer.message().to_owned();
    }
    // The driver's own words ("error connecting to server") say less than the causes below them.
    let mut parts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    if parts.is_empty() {
        return error.to_string();
    }
    let reason = parts.join(": ");
    if ["UnknownIssuer", "BadSignature", "CaUsedAsEndEntity"].iter().any(|word| reason.contains(word)) {
        return format!(
            "its certificate is signed by an authority that is not trusted ({reason}); name that authority's certificate with sslrootcert=<file>"
        );
    }
    reason
}

/// What a failed statement says about the database: the one place that decides whether a fault is ours.
///
/// Diesel hands on the SQLSTATE of only a few errors, so the others are told apart by the English message of Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database is away, starting, stopping or out of connections: trying again later helps.
    Outage,
    /// The database has no room to write (SQLSTATE 53100): reads go on, and writes work again once there is room.
    DiskFull,
    /// The database takes no writes at present: a standby, or `default_transaction_read_only`.
    ReadOnly,
    /// Another transaction was in the way (deadlock, serialization, lock time-out): trying again at once helps.
    Conflict,
    /// The statement ran into its time limit.
    TimedOut,
    /// The statement was cancelled from outside: its client went away, or an operator ended it.
    Cancelled,
    /// A unique constraint refused the row.
    Duplicate,
    /// Everything else: the statement or the data is wrong, and trying again does not help.
    Bug,
}

impl Fault {
    /// Whether the state of the database is the cause, so that the same statement can succeed later.
    #[must_use]
    pub fn is_passing(self) -> bool {
        match self {
            Self::Outage | Self::DiskFull | Self::ReadOnly | Self::Conflict | Self::TimedOut | Self::Cancelled => true,
            Self::Duplicate | Self::Bug => false,
        }
    }
}

/// Classifies the error of a statement.
#[must_use]
pub fn classify(error: &Error) -> Fault {
    match error {
        Error::BrokenTransactionManager => Fault::Outage,
        // Both errors come from one statement that failed and a rollback that failed after it.
        Error::RollbackErrorOnCommit { rollback_error, commit_error } => match classify(commit_error) {
            Fault::Bug => classify(rollback_error),
            fault => fault,
        },
        Error::DatabaseError(kind, information) => match kind {
            Kind::ClosedConnection | Kind::UnableToSendCommand => Fault::Outage,
            Kind::ReadOnlyTransaction => Fault::ReadOnly,
            Kind::SerializationFailure => Fault::Conflict,
            Kind::UniqueViolation => Fault::Duplicate,
            Kind::Unknown => of_message(information.message()),
            _ => Fault::Bug,
        },
        _ => Fault::Bug,
    }
}

/// Messages of Postgres, by what they mean. The first that is contained counts.
const MESSAGES: [(&str, Fault); 23] = [
    ("deadlock detected", Fault::Conflict),
    ("canceling statement due to lock timeout", Fault::Conflict),
    ("could not obtain lock", Fault::Conflict),
    // A standby ends statements whose rows the primary has removed.
    ("due to conflict with recovery", Fault::Conflict),
    ("canceling statement due to statement timeout", Fault::TimedOut),
    ("canceling statement due to user request", Fault::Cancelled),
    ("canceling statement", Fault::Cancelled),
    ("terminating connection", Fault::Outage),
    ("the database system is", Fault::Outage),
    ("too many clients", Fault::Outage),
    ("too many connections", Fault::Outage),
    ("remaining connection slots are reserved", Fault::Outage),
    ("No space left on device", Fault::DiskFull),
    ("Disk quota exceeded", Fault::DiskFull),
    ("could not extend file", Fault::DiskFull),
    ("out of memory", Fault::Outage),
    ("out of shared memory", Fault::Outage),
    ("Input/output error", Fault::Outage),
    ("Read-only file system", Fault::ReadOnly),
    ("server conn crashed", Fault::Outage),
    ("pooler error", Fault::Outage),
    ("query_wait_timeout", Fault::Outage),
    ("during recovery", Fault::ReadOnly),
];

fn of_message(message: &str) -> Fault {
    MESSAGES.iter().find(|(words, _)| message.contains(words)).map_or(Fault::Bug, |(_, fault)| *fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: Kind, message: &str) -> Error {
        Error::DatabaseError(kind, Box::new(message.to_owned()))
    }

    #[test]
    fn every_kind_of_failure_has_one_class() {
        let unknown = |message| failed(Kind::Unknown, message);
        for (error, fault) in [
            (unknown("deadlock detected"), Fault::Conflict),
            (unknown("canceling statement due to lock timeout"), Fault::Conflict),
            (unknown("canceling statement due to conflict with recovery"), Fault::Conflict),
            (failed(Kind::SerializationFailure, "could not serialize access"), Fault::Conflict),
            (unknown("canceling statement due to statement timeout"), Fault::TimedOut),
            (unknown("canceling statement due to user request"), Fault::Cancelled),
            (unknown("terminating connection due to administrator command"), Fault::Outage),
            (unknown("the database system is starting up"), Fault::Outage),
            (unknown("sorry, too many clients already"), Fault::Outage),
            (unknown("could not extend file \"base/1\": No space left on device"), Fault::DiskFull),
            (failed(Kind::UnableToSendCommand, "connection closed"), Fault::Outage),
            (failed(Kind::ClosedConnection, "gone"), Fault::Outage),
            (Error::BrokenTransactionManager, Fault::Outage),
            (failed(Kind::ReadOnlyTransaction, "cannot execute UPDATE in a read-only transaction"), Fault::ReadOnly),
            (unknown("cannot access temporary or unlogged relations during recovery"), Fault::ReadOnly),
            (failed(Kind::UniqueViolation, "duplicate key"), Fault::Duplicate),
            (unknown("column \"x\" does not exist"), Fault::Bug),
            (failed(Kind::NotNullViolation, "null value"), Fault::Bug),
            (Error::NotFound, Fault::Bug),
        ] {
            assert_eq!(classify(&error), fault, "{error}");
            assert_eq!(fault.is_passing(), !matches!(fault, Fault::Bug | Fault::Duplicate));
        }
    }

    #[test]
    fn a_failed_commit_is_classified_by_what_it_hides() {
        let both = |commit, rollback| Error::RollbackErrorOnCommit {
            commit_error: Box::new(commit),
            rollback_error: Box::new(rollback),
        };
        let gone = || failed(Kind::UnableToSendCommand, "connection closed");
        assert_eq!(classify(&both(failed(Kind::SerializationFailure, ""), gone())), Fault::Conflict);
        assert_eq!(classify(&both(Error::NotFound, gone())), Fault::Outage);
    }
}
