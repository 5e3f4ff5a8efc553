//! Review items: questions that an admin has to answer.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

closed_set! {
    /// The kind of the question, as a keyword.
    ReviewReason {
        MissingWorkEmail = "missingWorkEmail",
        InvalidWorkEmail = "invalidWorkEmail",
        UnreadableRecord = "unreadableRecord",
        UnmappedWorkerType = "unmappedWorkerType",
        UnmappedStatus = "unmappedStatus",
        EmailHeldByAnother = "emailHeldByAnother",
        EmailReserved = "emailReserved",
        EmailClaimedTwice = "emailClaimedTwice",
        DatesHidden = "datesHidden",
        StartMovedToFuture = "startMovedToFuture",
        ManagerCycle = "managerCycle",
    }
}

impl ReviewReason {
    /// The reason for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::MissingWorkEmail => "missing work email",
            Self::InvalidWorkEmail => "invalid work email",
            Self::UnreadableRecord => "record with unreadable values",
            Self::UnmappedWorkerType => "unmapped worker type",
            Self::UnmappedStatus => "unmapped status",
            Self::EmailHeldByAnother => "work email held by another person",
            Self::EmailReserved => "work email reserved for another person",
            Self::EmailClaimedTwice => "work email claimed by two workers",
            Self::DatesHidden => "employment dates not shown by the HR system",
            Self::StartMovedToFuture => "start moved to the future on an active person",
            Self::ManagerCycle => "manager cycle",
        }
    }
}

closed_set! {
    /// Whether a question is to be answered.
    ReviewState {
        Open = "open",
        /// An admin lets it wait.
        Waiting = "waiting",
        Closed = "closed",
    }
}

/// A question about a worker or a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    pub id: Uuid,
    pub reason: ReviewReason,
    /// The reason for people.
    pub title: String,
    pub state: ReviewState,
    pub connection_id: Option<Uuid>,
    /// The name of the connection. None in the answer about one person.
    pub connection: Option<String>,
    /// The worker that it is about.
    pub source_id: Option<String>,
    /// The name of that worker, where it can be read. None in the answer about one person.
    pub worker_name: Option<String>,
    pub person_id: Option<Uuid>,
    /// The details of the reason, such as the unmapped value. With `unreadableRecord` they are the `fields`, each with
    /// `field`, `units`, `found` and `expected`.
    pub detail: BTreeMap<String, Value>,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub waits_until: Option<DateTime<Utc>>,
    pub decision: Option<String>,
    /// The token.
    pub decided_by: Option<String>,
}

closed_set! {
    /// What an admin decides about a question.
    DecisionKind {
        /// The value has this meaning.
        Map = "map",
        /// The question waits.
        Wait = "wait",
    }
}

/// An admin's decision about a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    pub decision: DecisionKind,
    /// With `map`: a value of `workerTypes` or `statuses` of the mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// With `wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 365, default = 14)]
    pub days: Option<i64>,
}
