//! Why the database cannot be used, in one line each, without passwords and without anybody's data.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;

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
    #[error("no database connection became free within {} s", .0.as_secs())]
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
pub(super) fn plain(error: &tokio_postgres::Error) -> String {
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
