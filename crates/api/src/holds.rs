//! Holds: plans that would make many leavers at once, and wait for an admin.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

closed_set! {
    /// What was decided about a hold.
    HoldState {
        Open = "open",
        Approved = "approved",
        Rejected = "rejected",
        /// It was not decided in time.
        Expired = "expired",
        /// A later run has other leavers, or none.
        Superseded = "superseded",
    }
}

/// The part of a plan that waits for an admin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    pub id: Uuid,
    pub state: HoldState,
    pub connection_id: Uuid,
    /// Its name.
    pub connection: Option<String>,
    pub plan_id: Option<Uuid>,
    /// The run that planned it.
    pub run_id: Option<Uuid>,
    pub leavers: Vec<Leaver>,
    /// Of the connection's active people.
    #[schema(minimum = 0)]
    pub percent: Option<f64>,
    #[schema(minimum = 0)]
    pub active_people: i64,
    pub raised_at: DateTime<Utc>,
    /// From then on it counts as rejected.
    pub expires_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decided_by: Option<String>,
    pub reason: Option<String>,
    pub decision_run_id: Option<Uuid>,
}

/// A person who would leave, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaver {
    pub person_id: Uuid,
    pub display_name: Option<String>,
    pub work_email: String,
    pub why: String,
}
