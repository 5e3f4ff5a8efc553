//! Connections: accounts of HR systems, their settings, and their workers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Given;
use crate::person::Disposition;
use crate::problems::Problem;
use crate::reviews::ReviewReason;
use crate::runs::RunState;

closed_set! {
    /// A kind of HR system.
    SystemKind {
        Remote = "remote",
        Justworks = "justworks",
    }
}

closed_set! {
    /// What a connection does.
    ConnectionState {
        /// It waits for the consent of an admin of the HR system.
        Authorizing = "authorizing",
        /// Its set-up is not finished: previews only, nothing is published.
        Review = "review",
        Active = "active",
        /// An admin has stopped its pulls.
        Paused = "paused",
        /// The HR system takes its credential no longer.
        NeedsReauthorization = "needsReauthorization",
        /// The last pull failed; it is tried again.
        Failing = "failing",
    }
}

closed_set! {
    /// What to think of the age of the data.
    FreshnessLevel {
        Ok = "ok",
        Warning = "warning",
        Critical = "critical",
    }
}

/// Settings as an admin wrote them; what they may hold is in [`Settings`].
pub type StoredSettings = BTreeMap<String, Value>;

/// A connection, with its state and what is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub id: Uuid,
    pub kind: SystemKind,
    pub name: String,
    pub state: ConnectionState,
    pub state_since: DateTime<Utc>,
    pub account: Account,
    #[schema(value_type = Settings)]
    pub settings: StoredSettings,
    pub created_at: DateTime<Utc>,
    pub last_run: Option<LastRun>,
    pub next_run_at: Option<DateTime<Utc>>,
    pub problems: Vec<Problem>,
    pub freshness: Freshness,
    pub tally: Tally,
    /// In the answer to a POST that made it: the run of the first preview.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<Uuid>, extensions(("x-optional" = json!(true))))]
    pub run_id: Given<Uuid>,
}

/// Whose account it is; not known before consent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    pub id: Option<String>,
    pub name: Option<String>,
}

/// The last run of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    pub id: Uuid,
    pub state: RunState,
    pub ended_at: Option<DateTime<Utc>>,
}

/// How old the last good read is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    pub last_good_at: Option<DateTime<Utc>>,
    #[schema(minimum = 0)]
    pub age_seconds: Option<i64>,
    pub level: FreshnessLevel,
}

/// Each worker once: `published`, `withheld`, `excluded` and `undecided` add up to `vendor`. `missing` counts beside
/// them the workers that complete reads no longer contain, `unreadable` those of them with fields that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    #[schema(minimum = 0)]
    pub vendor: i64,
    #[schema(minimum = 0)]
    pub published: i64,
    #[schema(minimum = 0)]
    pub withheld: i64,
    #[schema(minimum = 0)]
    pub excluded: i64,
    #[schema(minimum = 0)]
    pub undecided: i64,
    #[schema(minimum = 0)]
    pub missing: i64,
    #[schema(minimum = 0)]
    pub unreadable: i64,
    /// Before `finish`: the numbers are what the plan would do.
    pub planned: bool,
}

/// A connection that is to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewConnection {
    pub kind: SystemKind,
    /// Yours to choose; no two connections have the same.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Settings>)]
    pub settings: Option<StoredSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Credentials>)]
    pub credentials: Option<BTreeMap<String, Value>>,
}

/// What is left out has its default. `baseUrl` is for `remote`; the addresses, `scopes`, `pkce` and
/// `employeeNumberFromWorkId` are for `justworks`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Minutes between two pulls, ± 10 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 5, maximum = 10080, default = 180)]
    pub interval_minutes: Option<u32>,
    /// How far apart two complete reads without a worker have to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 10080, default = 30)]
    pub absence_confirm_minutes: Option<u32>,
    /// An IANA zone for workers without another known zone.
    #[serde(default, skip_serializing_if = "Given::is_absent")]
    #[schema(value_type = Option<String>, extensions(("x-optional" = json!(true))))]
    pub default_timezone: Given<String>,
    /// Domains for which a login at the HR system counts as work email.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub login_email_domains: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub include: Option<Include>,
    /// How often the HR system is called at most: `remote` 240, `justworks` 120.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 4_294_967_295_i64)]
    pub requests_per_minute: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = "https://gateway.remote.com")]
    pub base_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = "https://public-api.justworks.com")]
    pub api_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = "https://payroll.justworks.com/oauth/authorize")]
    pub authorize_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = "https://public-api.justworks.com/oauth/token")]
    pub token_url: Option<String>,
    /// The scopes for which consent is requested. Scopes of pay, tax, sex and bank accounts are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = true)]
    pub pkce: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = false)]
    pub employee_number_from_work_id: Option<bool>,
}

/// Which workers a connection publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Include {
    /// Publish who had left before the first import.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = false)]
    pub leavers: Option<bool>,
    /// Publish upcoming workers so many days ahead, as inactive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 65535, default = 90)]
    pub upcoming_days: Option<u16>,
    /// Publish vendors and third-party admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, default = false)]
    pub vendors: Option<bool>,
}

/// `remote`: `apiToken`. `justworks`: `clientId` and `clientSecret`. Stored sealed, and shown by no answer.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, format = Password)]
    pub api_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1)]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, format = Password)]
    pub client_secret: Option<String>,
}

/// The plan that is to be applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finish {
    /// The plan that you saw. It is refused when there is a later one, and with `planChanged` when other connections
    /// have changed people since and it would do something else now. Without it the plan is made again in that case,
    /// and `difference` shows how it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<Uuid>,
}

/// The options of a requested pull.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// Fields that HR does without on purpose, as the problem `shapeChanged` names them. The run does not stop because
    /// many workers lost them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 20)]
    pub accept_shape: Option<Vec<FieldName>>,
}

/// A field of a record, as the HR system names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(min_length = 1, max_length = 200)]
pub struct FieldName(pub String);

/// A new credential of the same account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reauthorize {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Credentials>)]
    pub credentials: Option<BTreeMap<String, Value>>,
}

/// The page where an admin of the HR system gives consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    #[schema(format = "uri")]
    pub authorization_url: String,
}

/// A worker of a connection, with what became of it and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    /// Its id at the HR system.
    pub source_id: String,
    pub disposition: Disposition,
    /// Why, as a keyword; `reviews` has all of them.
    pub reason: Option<String>,
    /// The reason for people.
    pub title: Option<String>,
    /// The reasons of its open review items.
    pub reviews: Vec<ReviewReason>,
    pub person_id: Option<Uuid>,
    pub worker_type: Option<String>,
    /// The HR system's own value.
    pub status: Option<String>,
    pub first_seen_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    /// The first complete read that did not contain it.
    pub missing_since: Option<DateTime<Utc>>,
}
