//! Why a use case was not carried out. Each front turns this into its own format in one place.

pub use crate::connectors::connector::ConnectorError;
use crate::store::error::DatabaseError;

/// Why a use case was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    #[error("there is no {what} with the id {id}")]
    NotFound { what: &'static str, id: String },
    /// The thing is there, and its present state does not allow what was asked.
    #[error("{0}")]
    Conflict(String),
    /// The caller's input; `field` is the JSON path of what is wrong.
    #[error("{field}: {problem}")]
    Invalid { field: String, problem: String },
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The database is away or busy: trying again helps.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the database refused a statement: {0}")]
    Store(#[from] diesel::result::Error),
    /// Something of ours is broken.
    #[error("{0}")]
    Internal(String),
}

impl FlowError {
    #[must_use]
    pub fn not_found(what: &'static str, id: impl std::fmt::Display) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    #[must_use]
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// Whether the database is away or busy, rather than anything being wrong.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        use diesel::result::{DatabaseErrorKind as Kind, Error};
        match self {
            Self::Database(_)
            | Self::Store(
                Error::BrokenTransactionManager
                | Error::DatabaseError(
                    Kind::ClosedConnection
                    | Kind::UnableToSendCommand
                    | Kind::SerializationFailure
                    | Kind::ReadOnlyTransaction,
                    _,
                ),
            ) => true,
            Self::Store(Error::DatabaseError(Kind::Unknown, information)) => {
                let words = ["terminating connection", "the database system is", "too many clients"];
                self.is_deadlock()
                    || self.is_disk_full()
                    || words.iter().any(|words| information.message().contains(words))
            }
            _ => false,
        }
    }

    /// Whether the database had no room to write: SQLSTATE 53100, which the driver hands on as its message alone.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error};
        let words = ["No space left on device", "Disk quota exceeded", "could not extend file"];
        matches!(self, Self::Store(Error::DatabaseError(DatabaseErrorKind::Unknown, information))
            if words.iter().any(|words| information.message().contains(words)))
    }

    /// Whether two transactions waited for each other and the database ended this one: trying again helps at once.
    #[must_use]
    pub fn is_deadlock(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error};
        // The driver hands the message on, and of SQLSTATEs only those that it has a kind for; 40P01 is none of them.
        matches!(self, Self::Store(Error::DatabaseError(DatabaseErrorKind::Unknown, information))
            if information.message().contains("deadlock detected"))
    }

    /// A stored value that does not read back: a fault of ours, never of the caller.
    #[must_use]
    pub fn corrupt(what: &str, error: &serde_json::Error) -> Self {
        // The message of serde names the place, not the value.
        Self::Internal(format!("a stored {what} cannot be read: {:?} at column {}", error.classify(), error.column()))
    }
}
