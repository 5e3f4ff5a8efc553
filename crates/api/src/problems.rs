//! Problems that a run met, or that keep a connection from being well.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Given;

/// A problem that a run met, or that keeps a connection from being well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What it is, such as `unauthorized`, `hold`, `recordFailed` or the reason of review items.
    pub code: String,
    /// The same as a sentence.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub at: Option<DateTime<Utc>>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remedy: Option<String>,
    /// How many workers it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub count: Option<i64>,
    /// How often the run has waited for the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub times: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hold_id: Option<Uuid>,
    /// The worker whose record cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source_id: Option<String>,
    /// The name of that worker, or the one in a record without a usable id; only where one run is shown.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<String>, extensions(("x-optional" = json!(true))))]
    pub name: Given<String>,
    /// The place of a record without a usable id on its page.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<u64>, minimum = 1, extensions(("x-optional" = json!(true))))]
    pub row: Given<u64>,
    /// The fields of that record that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fields: Option<Vec<UnreadableField>>,
    /// What the HR system answered.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<i64>, extensions(("x-optional" = json!(true))))]
    pub status: Given<i64>,
}

/// A field that holds something that cannot be read. The value itself is shown nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableField {
    /// As the HR system names it.
    pub field: String,
    /// What keeps its last good value because of it; a worker who is not published waits.
    pub units: Vec<String>,
    /// What is there, by JSON type and size.
    pub found: String,
    pub expected: String,
}
