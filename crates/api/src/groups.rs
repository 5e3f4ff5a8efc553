//! Groups that are derived from people, and their kinds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

closed_set! {
    /// What the people of a group have in common.
    GroupKindName {
        Department = "department",
        LegalEntity = "legalEntity",
        Country = "country",
        EmploymentType = "employmentType",
        Team = "team",
        WorkLocation = "workLocation",
        WorkerType = "workerType",
        /// The direct reports of one person.
        Manager = "manager",
        /// All people who are active.
        All = "all",
    }
}

/// A kind of groups, and whether it is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupKind {
    pub kind: GroupKindName,
    pub enabled: bool,
    /// The groups of all people match the switch.
    pub settled: bool,
    #[schema(minimum = 0)]
    pub groups: i64,
    pub changed_at: Option<DateTime<Utc>>,
}

/// Switches a kind of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupKindSwitch {
    pub enabled: bool,
}

/// A group that is derived from people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub id: Uuid,
    pub kind: GroupKindName,
    pub key: String,
    pub name: String,
    pub display_name: String,
    #[schema(minimum = 0)]
    pub members: i64,
    /// Counts the changes, those of who is in it included.
    #[schema(minimum = 1)]
    pub version: i64,
    /// The kind of HR system, where the group is known from one alone.
    pub system: Option<String>,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    /// It has no members.
    pub retired: bool,
    pub retired_since: Option<DateTime<Utc>>,
    /// Of one group: the source ids behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sources: Option<Vec<GroupSource>>,
    /// Of one group: the keys that lead to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub keys: Option<Vec<String>>,
}

/// An id at an HR system that is behind a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupSource {
    pub connection_id: Uuid,
    /// Its name.
    pub connection: Option<String>,
    /// None where the HR system has names only.
    pub source_id: Option<String>,
}

/// A further name that leads to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupAlias {
    #[schema(min_length = 1)]
    pub name: String,
}
