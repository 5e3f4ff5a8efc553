//! A person: the merged human that SCIM calls a User.

pub mod diff;
mod provenance;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::attribute::{Attributes, Unit};
use super::email::Email;
use super::ids::{ConnectionId, PersonId, RunId, SourceId, WorkerKey};
use super::worker::ManagerRef;
use super::worker::mapping::EmploymentType;

/// One human as the directory shows them. The value depends on the instant it was merged for; [`next_due`] is the
/// instant at which it has to be merged again even without a new statement of an HR system.
///
/// [`next_due`]: Person::next_due
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// `userName`, and the work address.
    pub work_email: Email,
    pub active: bool,
    pub employment: PrimaryEmployment,
    /// Sensitive: kept for matching, released only by scope and policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    #[serde(default, skip_serializing_if = "ManagerLink::is_none")]
    pub manager: ManagerLink,
    /// The primary employment's worker.
    pub source: Source,
    pub zone: ZoneUsed,
    /// The next instant at which time alone changes this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<DateTime<Utc>>,
    /// Where each unit's value comes from, since when (law 5). It moves only when the unit's value or winner does.
    #[serde(default, with = "provenance")]
    pub provenance: BTreeMap<Unit, Provenance>,
}

/// Type, status and dates of the primary employment at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrimaryEmployment {
    pub employment_type: EmploymentType,
    /// The HR system's own value.
    pub worker_type: String,
    pub status: Status,
    /// The HR system's own value.
    pub status_raw: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_start: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_end: Option<NaiveDate>,
    /// Last day of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_day: Option<NaiveDate>,
}

/// The normalised employment status (extension.md section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    Pending,
    Active,
    OnLeave,
    Suspended,
    Terminated,
    Unknown,
}

impl Status {
    /// Whether a person with this status has access (extension.md section 4).
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::OnLeave)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::OnLeave => "OnLeave",
            Self::Suspended => "Suspended",
            Self::Terminated => "Terminated",
            Self::Unknown => "Unknown",
        }
    }
}

/// The manager of a person, as far as the directory knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum ManagerLink {
    #[default]
    None,
    /// The manager is a person of the directory.
    Person { id: PersonId, via: ManagerVia },
    /// The HR system names a manager who is no person of the directory, or not yet (story 20).
    Pending { via: ManagerVia },
    /// The edge would close a cycle; it waits until the cycle is gone (story 20).
    Suspended { id: PersonId, via: ManagerVia },
}

/// The HR system's statement behind a manager edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagerVia {
    pub connection: ConnectionId,
    #[serde(flatten)]
    pub manager: ManagerRef,
}

impl ManagerLink {
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The manager that is shown: only a resolved edge that is not suspended.
    #[must_use]
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            _ => None,
        }
    }

    #[must_use]
    pub fn via(&self) -> Option<&ManagerVia> {
        match self {
            Self::None => None,
            Self::Person { via, .. } | Self::Pending { via } | Self::Suspended { via, .. } => Some(via),
        }
    }
}

/// Where the primary employment is maintained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Kind of connector, such as `remote`.
    pub system: String,
    pub connection: ConnectionId,
    /// The connection's name.
    pub instance: String,
    pub source_id: SourceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<DateTime<Utc>>,
}

impl Source {
    #[must_use]
    pub fn key(&self) -> WorkerKey {
        WorkerKey { connection: self.connection, source_id: self.source_id.clone() }
    }
}

/// The time zone in which the dates of a person were read (law 10), and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ZoneUsed {
    /// An IANA name; for a country with several zones the one that decided.
    pub zone: String,
    pub origin: ZoneOrigin,
}

/// Which fact a zone was taken from, best first (design section 5, "Zones").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ZoneOrigin {
    /// The HR system names the worker's zone.
    Worker,
    /// The place of work: its city or its region has one zone.
    Office,
    LegalEntity,
    /// The country of work has one zone.
    Country,
    /// The connection's `defaultTimezone`.
    ConnectionDefault,
    /// The country has several zones and none is known: starts at the easternmost, ends at the westernmost.
    CountryRange,
    /// Nothing is known.
    Utc,
}

/// Where a unit's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    pub connection: ConnectionId,
    pub source_id: SourceId,
    /// The run that brought the value; absent when a change of configuration did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    pub since: DateTime<Utc>,
}
