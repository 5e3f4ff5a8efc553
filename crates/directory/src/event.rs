//! The names of events about people, as the feed, webhooks and rules show them.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a change of a person is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    #[serde(rename = "person.created")]
    PersonCreated,
    /// A pending person became active.
    #[serde(rename = "person.started")]
    PersonStarted,
    /// An inactive person who was not pending became active.
    #[serde(rename = "person.activated")]
    PersonActivated,
    #[serde(rename = "person.deactivated")]
    PersonDeactivated,
    /// The end of an active person was cleared or moved far away.
    #[serde(rename = "termination.cancelled")]
    TerminationCancelled,
    /// Another kind of work relation, or another primary employment, while the person stays active.
    #[serde(rename = "employment.changed")]
    EmploymentChanged,
    #[serde(rename = "person.updated")]
    PersonUpdated,
}

impl EventKind {
    pub const ALL: [Self; 7] = [
        Self::PersonCreated,
        Self::PersonStarted,
        Self::PersonActivated,
        Self::PersonDeactivated,
        Self::TerminationCancelled,
        Self::EmploymentChanged,
        Self::PersonUpdated,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PersonCreated => "person.created",
            Self::PersonStarted => "person.started",
            Self::PersonActivated => "person.activated",
            Self::PersonDeactivated => "person.deactivated",
            Self::TerminationCancelled => "termination.cancelled",
            Self::EmploymentChanged => "employment.changed",
            Self::PersonUpdated => "person.updated",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One change of a person, named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub kind: EventKind,
    /// Since when the change counts. Earlier than its detection by the lateness of a start or an end.
    pub effective_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_one_name_in_rust_and_in_json() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
