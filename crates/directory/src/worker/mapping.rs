//! The value map of a connection: what the values of the HR system mean. An admin reviews it as data; it is not code.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The normalised kind of work relation (extension.md section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EmploymentType {
    Employee,
    Contractor,
    Intern,
    Temporary,
    Other,
    Unknown,
}

impl EmploymentType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Employee => "Employee",
            Self::Contractor => "Contractor",
            Self::Intern => "Intern",
            Self::Temporary => "Temporary",
            Self::Other => "Other",
            Self::Unknown => "Unknown",
        }
    }
}

/// The meaning of an HR system's status value for an employment, before dates are considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StatusClass {
    /// Not begun, whatever the start date is.
    Upcoming,
    Current,
    /// Current, and away for a while.
    OnLeave,
    /// Current, but access is withdrawn.
    Suspended,
    /// Over.
    Former,
    /// The admin has decided that the value means nothing.
    Unknown,
}

/// How the values and settings of one connection turn a worker into a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mapping {
    /// Raw worker type → normalised type. A worker whose value is missing here is withheld.
    pub worker_types: BTreeMap<String, EmploymentType>,
    /// Raw worker types of vendors and third-party admins. Their workers are excluded before any question about them,
    /// unless `include.vendors` is set; then the type above counts as for all other workers.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub vendors: BTreeSet<String>,
    /// Raw status → class. A new worker with a value that is missing here is withheld; a known one keeps its class.
    pub statuses: BTreeMap<String, StatusClass>,
    /// Legal entity id → name, where the HR system shows only ids.
    pub legal_entities: BTreeMap<String, String>,
    /// Department name at the HR system → name in the directory.
    pub departments: BTreeMap<String, String>,
}

/// Settings of a connection that steer merging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Include {
    /// Publish workers who had left when they were first seen.
    pub leavers: bool,
    /// Publish upcoming workers who start within this many days.
    pub upcoming_days: u16,
    /// Publish vendors and third-party admins.
    pub vendors: bool,
}

impl Rules {
    /// Whether a raw worker type is one that is excluded as a vendor's or a third-party admin's.
    #[must_use]
    pub fn leaves_out(&self, worker_type: &str) -> bool {
        !self.include.vendors && self.mapping.vendors.contains(worker_type)
    }
}

impl Default for Include {
    fn default() -> Self {
        Self { leavers: false, upcoming_days: 90, vendors: false }
    }
}

/// What merging needs to know of a connection's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rules {
    pub mapping: Mapping,
    /// IANA zone for workers without any other known zone.
    pub default_timezone: Option<String>,
    /// Domains, in lower-case ASCII, for which a vendor login counts as work email.
    pub login_email_domains: BTreeSet<String>,
    pub include: Include,
}
