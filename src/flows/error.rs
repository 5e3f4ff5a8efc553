//! Defines why a use case was not carried out. Each front turns this into its own format in one place.

pub use crate::connectors::connector::ConnectorError;
use crate::connectors::registry::Mistake;
use crate::store::db::error::{DatabaseError, Fault, classify};
use crate::store::runs::plans::PlanCounts;

/// Why a use case was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    #[error("there is no {what} with the id {id}")]
    NotFound { what: &'static str, id: String },
    /// The thing is there, and its present state does not allow what was asked.
    #[error("{0}")]
    Conflict(String),
    /// The plan that was to be applied is no longer what would happen; another was made, which does something else.
    #[error("{0}")]
    PlanChanged(Box<PlanChange>),
    /// The caller's input; `field` is the JSON path of what is wrong.
    #[error("{field}: {problem}")]
    Invalid { field: String, problem: String },
    /// Several members of the caller's input.
    #[error("{}", .0.iter().map(|one| format!("{}: {}", one.member, one.problem)).collect::<Vec<_>>().join("; "))]
    InvalidMembers(Vec<Mistake>),
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

/// How a plan differs from the one that an admin has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanChange {
    /// The plan as it is now.
    pub plan: uuid::Uuid,
    pub seen: PlanCounts,
    pub now: PlanCounts,
    /// What was published in between.
    pub because: String,
}

impl std::fmt::Display for PlanChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = |counts: &PlanCounts| {
            let PlanCounts { created, updated, deactivated, withheld, excluded, .. } = counts;
            format!(
                "{created} new, {updated} updated, {deactivated} deactivated, {withheld} withheld, {excluded} excluded"
            )
        };
        write!(
            f,
            "it differs from the plan that you saw: {} now, {} then, since {}; the plan now is {}",
            words(&self.now),
            words(&self.seen),
            self.because,
            self.plan
        )
    }
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

    /// Whether the database is away, busy, read-only or in the way of itself, rather than anything being wrong.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(_) => true,
            Self::Store(error) => classify(error).is_passing(),
            _ => false,
        }
    }

    /// Whether the database had no room to write.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Store(error) if classify(error) == Fault::DiskFull)
    }

    /// Whether another transaction was in the way (a deadlock, say): trying again helps at once.
    #[must_use]
    pub fn is_deadlock(&self) -> bool {
        matches!(self, Self::Store(error) if classify(error) == Fault::Conflict)
    }

    /// Whether the database takes no writes at present.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self, Self::Store(error) if classify(error) == Fault::ReadOnly)
    }

    /// A stored value that does not read back: a fault of ours, never of the caller.
    #[must_use]
    pub fn corrupt(what: &str, error: &serde_json::Error) -> Self {
        // The message of serde names the place, not the value.
        Self::Internal(format!("a stored {what} cannot be read: {:?} at column {}", error.classify(), error.column()))
    }
}
