//! One person, with an explanation of where each value comes from.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::mapping::EmploymentType;
use crate::reviews::Review;

closed_set! {
    /// The status of a person's employment.
    EmploymentStatus {
        Pending = "Pending",
        Active = "Active",
        OnLeave = "OnLeave",
        Suspended = "Suspended",
        Terminated = "Terminated",
        Unknown = "Unknown",
    }
}

closed_set! {
    /// What is known of a person's manager.
    ManagerState {
        /// HR names no manager.
        None = "none",
        /// The manager is a person of the directory.
        Person = "person",
        /// The manager that HR names is not in the directory.
        Pending = "pending",
        /// The link would close a cycle, and is not served.
        Suspended = "suspended",
    }
}

closed_set! {
    /// Why an employment is the primary one.
    PrimaryReason {
        /// There is no other.
        Only = "only",
        Status = "status",
        EndedLater = "endedLater",
        LargerShare = "largerShare",
        EarlierStart = "earlierStart",
        Connection = "connection",
        SourceId = "sourceId",
    }
}

closed_set! {
    /// The fact that a zone was taken from.
    ZoneOrigin {
        Worker = "worker",
        Office = "office",
        LegalEntity = "legalEntity",
        Country = "country",
        ConnectionDefault = "connectionDefault",
        CountryRange = "countryRange",
        Utc = "utc",
    }
}

closed_set! {
    /// Why a worker belongs to its person.
    LinkReason {
        New = "new",
        WorkEmailAndBirthDate = "workEmailAndBirthDate",
        WorkEmailAndFullName = "workEmailAndFullName",
        WorkEmail = "workEmail",
    }
}

closed_set! {
    /// What became of a worker.
    Disposition {
        Published = "published",
        Withheld = "withheld",
        Excluded = "excluded",
        Undecided = "undecided",
        /// Complete reads no longer contain it.
        Missing = "missing",
    }
}

/// A person with where each value comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub id: Uuid,
    #[schema(minimum = 1)]
    pub version: i64,
    pub user_name: String,
    pub display_name: String,
    pub active: bool,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    pub employment: Employment,
    pub attributes: BTreeMap<String, String>,
    pub birth_date: BirthDate,
    pub manager: Manager,
    pub source: Source,
    /// The leading employment, and why it leads.
    pub primary: Option<PrimaryEmployment>,
    pub zone: Zone,
    /// When a date that is known takes effect next.
    pub next_due_at: Option<DateTime<Utc>>,
    pub units: Vec<UnitSources>,
    pub workers: Vec<PersonWorker>,
    pub former_emails: Vec<FormerEmail>,
    pub reviews: Vec<Review>,
}

/// The employment of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Employment {
    pub employment_type: EmploymentType,
    pub worker_type: String,
    pub employment_status: EmploymentStatus,
    pub employment_status_raw: String,
    pub start_date: Option<NaiveDate>,
    pub original_start_date: Option<NaiveDate>,
    pub end_date: Option<NaiveDate>,
    pub termination_date: Option<NaiveDate>,
}

/// Whether the birth date is known. The date itself is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BirthDate {
    pub known: bool,
}

/// The manager of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manager {
    pub state: ManagerState,
    pub person_id: Option<Uuid>,
    pub display_name: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// The manager that the HR system names.
    pub stated: Option<StatedManager>,
}

/// The manager that an HR system names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatedManager {
    pub connection_id: Uuid,
    pub connection: Option<String>,
    pub source_id: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
}

/// The worker that a person is shown by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub connection_id: Uuid,
    pub connection: Option<String>,
    pub system: String,
    pub source_id: String,
}

/// The leading employment of a person, and why it leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrimaryEmployment {
    pub connection_id: Uuid,
    pub source_id: String,
    pub because: PrimaryReason,
    pub reason: String,
}

/// The zone in which the dates are read, and which fact it was taken from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Zone {
    pub name: String,
    pub origin: ZoneOrigin,
}

/// A field of a person, with the candidates for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnitSources {
    pub unit: String,
    pub values: Option<BTreeMap<String, Value>>,
    pub from: Option<Origin>,
    pub winner: Option<Candidate>,
    pub losers: Vec<Candidate>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub connection_id: Uuid,
    /// Its name.
    pub connection: Option<String>,
    pub source_id: String,
    /// None when a change of configuration brought the value.
    pub run_id: Option<Uuid>,
    pub since: DateTime<Utc>,
}

/// The values that one worker states for a unit. The values of sensitive units are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub connection_id: Uuid,
    pub connection: Option<String>,
    pub source_id: String,
    pub values: BTreeMap<String, Value>,
}

/// A worker of a person, with why it belongs to the person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonWorker {
    pub connection_id: Uuid,
    pub connection: Option<String>,
    pub source_id: String,
    pub disposition: Disposition,
    pub worker_type: String,
    /// The HR system's own value.
    pub status: String,
    pub start_date: Option<NaiveDate>,
    pub original_start_date: Option<NaiveDate>,
    pub end_date: Option<NaiveDate>,
    pub termination_date: Option<NaiveDate>,
    /// Why it belongs to the person.
    pub link: Option<Link>,
    pub linked_at: Option<DateTime<Utc>>,
    pub first_seen_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    pub missing_since: Option<DateTime<Utc>>,
    pub absence_proven: bool,
}

/// Why a worker belongs to its person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    pub code: LinkReason,
    pub reason: String,
}

/// A former email of a person, and until when no other person gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FormerEmail {
    pub email: String,
    pub reserved_until: DateTime<Utc>,
}
