//! Defines why a read is not complete. An incomplete run changes no person.

use crate::store::connections::{ConnectionRow, ConnectionState};

/// Why a read is incomplete. Nothing is concluded from an incomplete read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IncompleteRead {
    /// 200 with an empty list where people were.
    #[error("the HR system answered with an empty list, but {known} workers are known")]
    EmptyAnswer { known: u64 },
    #[error("the HR system counts {expected} records, but {seen} distinct ones were seen in each of {reads} reads")]
    CountMismatch { expected: u64, seen: u64, reads: u8 },
    #[error("{failed} of {all} records could not be fetched, more than {TOLERATED_PERCENT} %; the first: {first}")]
    TooManyFailed { failed: u64, all: u64, first: String },
    #[error("after {minutes} minutes the records were not all read (setting ROLLBOOK_READ_MAX_MINUTES)")]
    TooLong { minutes: i64 },
    /// A field that could be read before now cannot, for too many: the HR system, or what lies in between, has changed.
    #[error("the shape of the records has changed: `{field}` {how} for {lost} of {had} workers")]
    ShapeChanged { field: String, how: &'static str, lost: u64, had: u64 },
}

impl IncompleteRead {
    /// The stable code of the problem.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::EmptyAnswer { .. } => "emptyAnswer",
            Self::CountMismatch { .. } => "countMismatch",
            Self::TooManyFailed { .. } => "tooManyFailed",
            Self::TooLong { .. } => "tooLarge",
            Self::ShapeChanged { .. } => "shapeChanged",
        }
    }

    /// What an admin can do besides waiting. No pull does without the ids of records.
    pub(crate) fn remedy(&self, connection: &ConnectionRow) -> Option<String> {
        match self {
            Self::ShapeChanged { field, .. } if field != RECORD_ID => {
                let step = if connection.state == ConnectionState::Review { "preview" } else { "sync" };
                let id = connection.id;
                Some(format!(
                    "if HR does without `{field}` on purpose: rollbook connection {step} {id} --accept-shape {field}"
                ))
            }
            _ => None,
        }
    }
}

/// Whether so many of so many are more than chance.
pub(crate) fn is_too_many(failed: u64, all: u64) -> bool {
    failed >= TOLERATED_BELOW && failed * 100 > all.max(1) * TOLERATED_PERCENT
}

/// Above this share, and from this number on, failures make a read incomplete (law 2).
pub(crate) const TOLERATED_PERCENT: u64 = 5;

pub(crate) const TOLERATED_BELOW: u64 = 3;

/// The field with the id of a record, which no read can do without.
pub const RECORD_ID: &str = "id";
