//! A worker: what one connection says about one employment of one human, in our words.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::attribute::Attributes;
use super::ids::SourceId;

/// What an HR system says about one employment of one human.
///
/// This is a statement, not yet a truth: words of type and status are the HR system's own and are mapped when a plan
/// is made, so that a change of the mapping needs no new pull. Nothing here depends on the clock. Pay, bank, tax,
/// emergency contacts, nationality and home addresses have no place in it (law 9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    pub source_id: SourceId,
    /// The work email as served, also when it is no usable address; never a personal one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_email: Option<String>,
    /// The vendor login, kept only when its domain is one of the connection's `loginEmailDomains`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_email: Option<String>,
    /// The whole name as the HR system shows it; compared when no birth date is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Sensitive: for matching only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<NaiveDate>,
    pub employment: Employment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerRef>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// When the HR system last changed the record. Not compared: it moves without a change that we can see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_updated: Option<DateTime<Utc>>,
}

/// The work relation of a worker, with the HR system's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Employment {
    /// The HR system's word for the kind of work relation, such as `EOR Employee`.
    pub worker_type: String,
    /// The HR system's word for the status, such as `active`.
    pub status: String,
    /// The HR system says by other means than the status that this employment is over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<NaiveDate>,
    /// First day with the company, also under an earlier employment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_start: Option<NaiveDate>,
    /// Planned end of a contract; it ends nothing by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_end: Option<NaiveDate>,
    /// The last day of work; the employment ends when this day has ended where the worker is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_day: Option<NaiveDate>,
    /// The end counts at once instead of at the end of the last day.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub immediate: bool,
    /// Share of a full-time job, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<u8>,
}

/// Whom a worker reports to, as the HR system says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagerRef {
    /// The manager's worker in the same HR system: the join key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<SourceId>,
    /// Tried only where there is no `source_id`, or one that the HR system does not show us; a current email is one
    /// person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// For display; never a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One record of an HR system that could not be read as a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// Absent when the record has no id either.
    pub source_id: Option<SourceId>,
    /// What is wrong, with field names and without personal values.
    pub reason: String,
}
