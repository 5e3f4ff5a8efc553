//! Runs: the data that was pulled, the progress, and the problems met.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::plans::PlanDifference;
use crate::problems::Problem;

closed_set! {
    /// `queued`, `pulling`, `planning`, `applying`; at the end `succeeded`, or `incomplete`, `failed`, `interrupted`
    /// (its node died, and it is tried again), `cancelled` (an admin ended it; no person changed).
    RunState {
        Queued = "queued",
        Pulling = "pulling",
        Planning = "planning",
        Applying = "applying",
        Succeeded = "succeeded",
        /// The read cannot be relied on: it changed no person.
        Incomplete = "incomplete",
        Failed = "failed",
        /// Its node stopped; another run began in its place.
        Interrupted = "interrupted",
        /// An admin ended it before it applied anything.
        Cancelled = "cancelled",
    }
}

impl RunState {
    /// Whether the run has not ended.
    #[must_use]
    pub fn is_going(self) -> bool {
        match self {
            Self::Queued | Self::Pulling | Self::Planning | Self::Applying => true,
            Self::Succeeded | Self::Incomplete | Self::Failed | Self::Interrupted | Self::Cancelled => false,
        }
    }
}

closed_set! {
    /// What a run was begun for.
    RunCause {
        Preview = "preview",
        Finish = "finish",
        Sync = "sync",
        Schedule = "schedule",
        Mapping = "mapping",
        Hold = "hold",
        Window = "window",
    }
}

closed_set! {
    /// Which part of a pull is going on.
    RunStage {
        List = "list",
        Details = "details",
        Absences = "absences",
    }
}

closed_set! {
    /// `rateLimit`: the pace of the account. `retryAfter`: the HR system requested a later call. `backOff`: a call
    /// failed and is repeated.
    WaitingFor {
        RateLimit = "rateLimit",
        RetryAfter = "retryAfter",
        BackOff = "backOff",
    }
}

/// What a connection did once: a pull, a plan, its application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub id: Uuid,
    pub connection_id: Uuid,
    pub cause: RunCause,
    /// It only plans.
    pub preview: bool,
    pub state: RunState,
    pub plan_id: Option<Uuid>,
    /// The caller that requested it; none by schedule.
    pub token_name: Option<String>,
    pub queued_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub progress: RunProgress,
    pub counts: RunCounts,
    pub problems: Vec<Problem>,
    /// Until when the run waits for the HR system; null while it does not wait.
    pub waiting_until: Option<DateTime<Utc>>,
    /// What the run waits for.
    pub waiting_for: Option<WaitingFor>,
    /// When an admin cancelled it.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// Fields whose loss an admin has accepted for this run.
    pub accept_shape: Vec<String>,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunProgress {
    #[schema(minimum = 0)]
    pub pages: i32,
    #[schema(minimum = 0)]
    pub workers: i64,
    /// The number that the HR system reports.
    #[schema(minimum = 0)]
    pub expected: Option<i64>,
    pub stage: RunStage,
    #[schema(minimum = 0)]
    pub workers_per_second: Option<f64>,
    pub seconds_left: Option<u64>,
}

/// How many people and workers a run did something to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCounts {
    #[schema(minimum = 0)]
    pub created: i64,
    #[schema(minimum = 0)]
    pub updated: i64,
    #[schema(minimum = 0)]
    pub deactivated: i64,
    #[schema(minimum = 0)]
    pub unchanged: i64,
    #[schema(minimum = 0)]
    pub held: i64,
    #[schema(minimum = 0)]
    pub withheld: i64,
    #[schema(minimum = 0)]
    pub excluded: i64,
    /// Records that could not be fetched, or that have no usable id.
    #[schema(minimum = 0)]
    pub failed: i64,
    /// Workers with fields that cannot be read.
    #[schema(minimum = 0)]
    pub unreadable: i64,
    #[schema(minimum = 0)]
    pub leavers: i64,
}

/// A run that was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStarted {
    /// The run that does it, or that is going already.
    pub run_id: Uuid,
}

/// A plan that was made as a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanMade {
    /// The plan that shows what would change.
    pub plan_id: Uuid,
}

/// The set-up of a connection was finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    /// The run that applies the plan.
    pub run_id: Uuid,
    /// The plan that is applied.
    pub plan_id: Uuid,
    /// Set when no plan was named and the plan does something else than that of the last preview, since other
    /// connections have changed people.
    pub difference: Option<PlanDifference>,
}
