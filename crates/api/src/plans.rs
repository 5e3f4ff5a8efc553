//! Plans: the changes of people that a plan would make, or has made.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::events::PersonEventKind;
use crate::mapping::{EmploymentType, ValueMap};
use crate::person::EmploymentStatus;

closed_set! {
    /// How far a plan is.
    PlanState {
        Building = "building",
        Ready = "ready",
        Applying = "applying",
        Applied = "applied",
        /// It waits for the decision about a hold.
        Held = "held",
        Rejected = "rejected",
        /// Another plan has replaced it.
        Superseded = "superseded",
    }
}

closed_set! {
    /// What a plan was made for: as of a run; or `authority` for an order of connections, `staleItems`, `timer`,
    /// `configuration`.
    PlanCause {
        Preview = "preview",
        Finish = "finish",
        Sync = "sync",
        Schedule = "schedule",
        Mapping = "mapping",
        Hold = "hold",
        Window = "window",
        Authority = "authority",
        StaleItems = "staleItems",
        Timer = "timer",
        Configuration = "configuration",
    }
}

closed_set! {
    /// What became of an item of a plan.
    ItemState {
        Planned = "planned",
        Applied = "applied",
        /// The person changed after the plan was made.
        Stale = "stale",
        Rejected = "rejected",
    }
}

closed_set! {
    /// Whether the person is new.
    ItemKind {
        Create = "create",
        Update = "update",
    }
}

/// A plan: its state, and how much it would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub id: Uuid,
    /// None for a plan about all connections.
    pub connection_id: Option<Uuid>,
    /// None for what was only tried out.
    pub run_id: Option<Uuid>,
    pub cause: PlanCause,
    pub state: PlanState,
    pub created_at: DateTime<Utc>,
    pub applied_at: Option<DateTime<Utc>>,
    pub counts: PlanCounts,
    /// Another connection has changed people since it was made: applying it may do something else. `finish` makes it
    /// again.
    pub stale: bool,
    /// What has changed people since.
    pub stale_since: Option<PublishedSince>,
    /// The connection's mapping; none for a plan that tries another one.
    pub value_map: Option<ValueMap>,
}

/// How many people and workers a plan would do something to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanCounts {
    #[schema(minimum = 0)]
    pub created: i64,
    #[schema(minimum = 0)]
    pub updated: i64,
    #[schema(minimum = 0)]
    pub deactivated: i64,
    /// People who would be deactivated, or whose end would lie in the next 30 days.
    #[schema(minimum = 0)]
    pub leavers: i64,
    #[schema(minimum = 0)]
    pub withheld: i64,
    #[schema(minimum = 0)]
    pub excluded: i64,
    /// People who changed since, and are planned again.
    #[schema(minimum = 0)]
    pub stale: i64,
}

/// The counts of a plan that was seen, and of the one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanDifference {
    pub seen: PlanCounts,
    pub now: PlanCounts,
}

/// What has changed people since a plan was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishedSince {
    pub connection_id: Option<Uuid>,
    pub connection_name: Option<String>,
    pub run_id: Option<Uuid>,
    /// None while it is being applied.
    pub at: Option<DateTime<Utc>>,
}

/// What a plan would change of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    pub person_id: Uuid,
    pub kind: ItemKind,
    pub state: ItemState,
    /// The type of the event that it is, or would be.
    pub event: Option<PersonEventKind>,
    pub effective_at: Option<DateTime<Utc>>,
    pub leaver: bool,
    pub display_name: Option<String>,
    pub user_name: Option<String>,
    /// What a person who would be created is like.
    pub person: Option<Newcomer>,
    pub changes: Vec<PlannedValue>,
}

/// A value before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedValue {
    pub attribute: String,
    pub old: Value,
    pub new: Value,
}

/// What a person who would be created is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Newcomer {
    pub user_name: String,
    pub display_name: String,
    pub active: bool,
    pub employment_type: EmploymentType,
    pub worker_type: String,
    pub employment_status: EmploymentStatus,
    pub start_date: Option<NaiveDate>,
    pub termination_date: Option<NaiveDate>,
    pub manager_id: Option<Uuid>,
    pub source_id: String,
    pub attributes: BTreeMap<String, String>,
}
