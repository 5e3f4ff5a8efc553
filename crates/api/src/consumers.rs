//! Consumers: the systems that read the directory, with their release policies.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Given;
use crate::tokens::Warning;

closed_set! {
    /// What a token allows.
    Scope {
        ScimRead = "scim:read",
        PeopleSensitive = "people:sensitive",
        EventsRead = "events:read",
        Admin = "admin",
        AdminRead = "admin:read",
        MetricsRead = "metrics:read",
    }
}

/// A consumer with its release policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consumer {
    pub id: Uuid,
    pub name: String,
    #[schema(min_items = 1)]
    pub scopes: Vec<Scope>,
    pub external_id_from_source: bool,
    /// A SCIM filter: which people there are for it; `null`: all.
    pub user_filter: Option<String>,
    /// A SCIM filter: which groups there are for it; `null`: all.
    pub group_filter: Option<String>,
    /// Names of whole attributes, URNs of schemas, `*` for all but the sensitive ones; `null` is `["*"]`.
    #[schema(max_items = 500)]
    pub attributes: Option<Vec<String>>,
    pub tokens: TokenCounts,
    pub warnings: Vec<Warning>,
    pub created_at: DateTime<Utc>,
}

/// How many tokens a consumer has, when one was used last, and when the next one ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenCounts {
    pub live: usize,
    pub expired: usize,
    /// Written once a minute at most.
    pub last_used_at: Option<DateTime<Utc>>,
    pub next_expires_at: Option<DateTime<Utc>>,
}

/// A consumer as it is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerOrder {
    /// No two consumers have the same.
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub name: String,
    #[schema(min_items = 1)]
    pub scopes: Vec<Scope>,
    /// Show the worker's id at the HR system as `externalId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = false)]
    pub external_id_from_source: Option<bool>,
    /// A SCIM filter: which people there are for it; `null`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_filter: Option<String>,
    /// A SCIM filter: which groups there are for it; `null`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_filter: Option<String>,
    /// Names of whole attributes, URNs of schemas, `*` for all but the sensitive ones; `null` is `["*"]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 500)]
    pub attributes: Option<Vec<String>>,
}

/// What is to change of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub scopes: Option<Vec<Scope>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id_from_source: Option<bool>,
    /// `null` takes it away.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<String>)]
    pub user_filter: Given<String>,
    /// `null` takes it away.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<String>)]
    pub group_filter: Given<String>,
    /// `null` takes it away.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<Vec<String>>, max_items = 500)]
    pub attributes: Given<Vec<String>>,
}
