//! Newtypes for ids, so that a person's id and a worker's source id cannot be mixed up.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A person's id: the SCIM `id` of the User. Random, never changed, never given to another person.
    PersonId
);
uuid_id!(
    /// One configured account of an HR system.
    ConnectionId
);
uuid_id!(
    /// One pull of one connection.
    RunId
);
uuid_id!(
    /// The stored changes that a run, or a change of configuration, would make.
    PlanId
);
uuid_id!(
    /// The part of a plan that waits for an admin.
    HoldId
);
uuid_id!(
    /// A client of the directory.
    ConsumerId
);

/// A worker's id at the HR system, unique within one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(pub String);

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The key of a worker: the connection, and the id of the worker there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerKey {
    pub connection: ConnectionId,
    pub source_id: SourceId,
}
