//! The value map of a connection: what the values of the HR system mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

closed_set! {
    /// The type of an employment.
    EmploymentType {
        Employee = "Employee",
        Contractor = "Contractor",
        Intern = "Intern",
        Temporary = "Temporary",
        Other = "Other",
        Unknown = "Unknown",
    }
}

closed_set! {
    /// The meaning of a status at the HR system for an employment.
    StatusClass {
        /// Not begun, whatever the start date is.
        Upcoming = "Upcoming",
        Current = "Current",
        /// Current, and away for a while.
        OnLeave = "OnLeave",
        /// Current, but access is withdrawn.
        Suspended = "Suspended",
        /// Over.
        Former = "Former",
        /// The admin has decided that the value means nothing.
        Unknown = "Unknown",
    }
}

/// Worker type at the HR system → type of employment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerTypes(pub BTreeMap<String, EmploymentType>);

/// Status at the HR system → its meaning for an employment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statuses(pub BTreeMap<String, StatusClass>);

/// A text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(min_length = 1)]
pub struct NonEmptyText(pub String);

/// Id or name at the HR system → name in the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = BTreeMap<String, NonEmptyText>)]
pub struct Names(pub BTreeMap<String, String>);

/// The value map of a connection, with the values that the HR system uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    pub worker_types: WorkerTypes,
    /// Worker types that are left out unless the setting `include.vendors` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub vendors: Option<Vec<String>>,
    pub statuses: Statuses,
    pub legal_entities: Names,
    pub departments: Names,
    pub seen: SeenWords,
    pub unmapped: UnmappedWords,
}

/// The values that the HR system uses, the most frequent first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenWords {
    pub worker_types: Vec<SeenWord>,
    pub statuses: Vec<SeenWord>,
    pub legal_entities: Vec<SeenWord>,
    pub departments: Vec<SeenWord>,
}

/// A value that the HR system uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenWord {
    pub word: String,
    #[schema(minimum = 1)]
    pub workers: i64,
    pub mapped_to: Option<String>,
}

/// Values whose workers wait until they are mapped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmappedWords {
    pub worker_types: Vec<String>,
    pub statuses: Vec<String>,
}

/// A value map alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueMap {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worker_types: Option<WorkerTypes>,
    /// Worker types that are left out unless the setting `include.vendors` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub vendors: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub statuses: Option<Statuses>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub legal_entities: Option<Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub departments: Option<Names>,
}

/// The maps that are to be replaced, each whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MappingChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_types: Option<WorkerTypes>,
    /// Worker types that are left out unless the setting `include.vendors` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendors: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statuses: Option<Statuses>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_entities: Option<Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub departments: Option<Names>,
    /// Ignored: what GET adds may come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub seen: Option<Value>,
    /// Ignored: what GET adds may come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    pub unmapped: Option<Value>,
}
