//! Tokens of consumers, and warnings about them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

closed_set! {
    /// What a warning is about.
    WarningCode {
        LeaversVanish = "leaversVanish",
        SensitiveWithoutScope = "sensitiveWithoutScope",
        ScopeWithoutSensitive = "scopeWithoutSensitive",
        LastModifiedTells = "lastModifiedTells",
        TokenExpiresSoon = "tokenExpiresSoon",
        NoLiveToken = "noLiveToken",
    }
}

/// It is so, and may not be meant so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    pub code: WarningCode,
    pub field: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token_id: Option<Uuid>,
}

/// A token of a consumer, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    pub id: Uuid,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub expired: bool,
    /// Written once a minute at most.
    pub last_used_at: Option<DateTime<Utc>>,
    pub warnings: Vec<Warning>,
}

/// The token that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenOrder {
    /// What the audit calls it; made from the consumer's name if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650, default = 365)]
    pub expires_in_days: Option<i64>,
}

/// A token that was made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    pub id: Uuid,
    pub name: String,
    /// Shown this once.
    pub token: String,
    pub expires_at: DateTime<Utc>,
}
