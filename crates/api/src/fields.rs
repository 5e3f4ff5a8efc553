//! Fields of a person, and which connection each comes from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A field with its whole order of connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub unit: String,
    pub order: Vec<OrderedConnection>,
    pub is_default: bool,
    /// All people are merged by the current orders.
    pub settled: bool,
    pub changed_at: Option<DateTime<Utc>>,
    /// The token.
    pub changed_by: Option<String>,
}

/// A connection in the order of a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderedConnection {
    pub connection_id: Uuid,
    pub name: String,
}

/// The order of connections that a field is to have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldOrder {
    /// Ids of connections.
    #[schema(value_type = BTreeSet<Uuid>)]
    pub order: Vec<Uuid>,
}

/// How many people are merged again, in steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Merging {
    #[schema(minimum = 0)]
    pub people_to_merge: i64,
}
