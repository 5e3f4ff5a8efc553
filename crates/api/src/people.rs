//! People as they appear in lists.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::mapping::EmploymentType;
use crate::person::EmploymentStatus;

closed_set! {
    /// Whether an email is still the person's.
    EmailIs {
        Current = "current",
        Former = "former",
    }
}

/// A person in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonSummary {
    pub id: Uuid,
    pub user_name: String,
    pub display_name: Option<String>,
    pub active: bool,
    pub employment_type: Option<EmploymentType>,
    pub employment_status: Option<EmploymentStatus>,
    pub start_date: Option<NaiveDate>,
    pub termination_date: Option<NaiveDate>,
    pub manager_id: Option<Uuid>,
    #[schema(minimum = 1)]
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    /// With `email`: whether it is still the person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email_is: Option<EmailIs>,
}
