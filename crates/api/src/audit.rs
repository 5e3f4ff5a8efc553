//! Entries of the audit: writes through the admin API and reads of sensitive attributes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// One write through the admin API, or one reading of sensitive attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub token_name: String,
    /// Such as `connection.finish` or `consumer.delete`.
    pub action: String,
    /// What it was done to.
    pub target: String,
    pub reason: Option<String>,
    pub detail: BTreeMap<String, Value>,
}
