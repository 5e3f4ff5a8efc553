//! The interface that every connector offers to a pull: an identity check, a reading in pages, records by id.
//!
//! The interface fits the weakest and the most unusual HR systems we know of. Paging state is opaque and belongs to the
//! connector. An incremental mark may not exist. Full records may need a second request by id. A read states explicitly
//! that it was complete, because only that allows a conclusion from absence (law 2).

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::directory::ids::SourceId;
use crate::directory::worker::mapping::{EmploymentType, Mapping};
use crate::directory::worker::{Part, Rejected, Worker};
use crate::outbound::limits::Limits;

static NOTHING: BTreeSet<Part> = BTreeSet::new();

/// One configured account of one kind of HR system.
pub trait Connector: Send + Sync + fmt::Debug {
    fn capabilities(&self) -> Capabilities;

    /// The value map that an admin is offered for this kind of HR system before the first values were seen.
    fn default_mapping(&self) -> Mapping;

    /// Requests our identity from the HR system: proves the credential and names the account.
    fn identify(&self) -> BoxFuture<'_, Result<Account, ConnectorError>>;

    /// Begins a reading: reads what every record needs (departments, ends of employment, countries).
    fn begin(&self, request: ReadRequest) -> BoxFuture<'_, Result<Box<dyn Reading>, ConnectorError>>;
}

/// A reading that is going on. Pages are requested one after the other; details may be requested in parallel.
pub trait Reading: Send + Sync {
    /// How records are being read; evidence of absence holds only among readings with the same method.
    fn method(&self) -> String;

    /// What of the HR system this reading covers. Asked for a part, a connector may still have to read the whole; so
    /// this is known when the reading has begun.
    fn coverage(&self) -> Coverage {
        Coverage::Full
    }

    /// The parts of a worker that we are not allowed to see: where one is missing in a statement of this reading, it
    /// was not cleared. See [`Worker::keep_hidden`].
    fn hidden(&self) -> &BTreeSet<Part> {
        &NOTHING
    }

    fn next_page(&mut self) -> BoxFuture<'_, Result<Page, ConnectorError>>;

    /// The full record of one id. Used for the second request of a record, and to refute an absence (law 2).
    fn detail<'a>(&'a self, id: &'a SourceId) -> BoxFuture<'a, Result<Detail, ConnectorError>>;

    /// Derives again the values that depend on parts of a record, after hidden ones were filled from an earlier
    /// statement.
    fn conclude(&self, _worker: &mut Worker) {}

    /// What the connector wants to remember for its next reading; opaque to all other code.
    fn memory(&self) -> serde_json::Value;
}

/// What a reading covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All workers. Only such a reading, and only a complete one, says anything about workers that it does not name
    /// (law 2).
    Full,
    /// Workers that changed since the mark. A worker that is not named is unchanged.
    Changed,
}

/// The probable meaning of a value for a kind of work relation; an admin decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    pub employment_type: EmploymentType,
    /// It is a vendor's or a third-party admin's ([`Mapping::vendors`]).
    pub vendor: bool,
}

/// What a connector can do, so that a pull need not guess.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Whether a reading can be limited to what changed since a mark.
    pub incremental: bool,
    /// How many details may be requested at once, where a full record needs a second request.
    pub detail_concurrency: usize,
    /// Whether the HR system says how many records there are.
    pub counts: bool,
}

/// The account behind a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadRequest {
    /// The result of [`Reading::memory`] at the end of the last reading.
    pub memory: Option<serde_json::Value>,
    /// Read only what changed since this mark, where the connector can.
    pub since: Option<serde_json::Value>,
    pub limits: Limits,
}

/// Some records, and whether there are more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub items: Vec<Item>,
    /// How many records the HR system says there are in all.
    pub expected: Option<u64>,
    /// Set on the last page, and only when the HR system signalled the end.
    pub end: Option<End>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Worker(Box<Worker>),
    /// The record is known by id alone; its detail has to be requested.
    Thin(SourceId),
    Rejected(Rejected),
}

/// The explicit end of a complete read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    /// How many distinct records a complete read has, where the HR system says so; if fewer were seen, rows shifted
    /// between pages and the reading has to be repeated.
    pub distinct: Option<u64>,
    /// Where an incremental reading would go on.
    pub mark: Option<serde_json::Value>,
    /// A list of the people who work there now was empty, whatever the other lists had.
    pub is_hollow: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    Found(Box<Worker>),
    Rejected(Rejected),
    /// The HR system says that there is no such record. No proof of absence by itself.
    Gone,
}

/// Why a connector could not go on, for an admin: in plain language, without credentials or personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum ConnectorError {
    /// The credential is not, or no longer, accepted (401, or 403 on what cannot be done without).
    #[error("{system} refused the credential with status {status}: {detail}")]
    Unauthorized { system: String, status: u16, detail: String },
    /// A 401, 403 or 404 that is not the HR system's own: a proxy or a firewall is in the way. Says nothing about the
    /// credential or the record.
    #[error(
        "{request} was answered with status {status}, but not as {system} refuses: {detail}; a proxy or a firewall is probably in the way"
    )]
    Blocked { system: String, request: String, status: u16, detail: String },
    /// There is no credential for the HR system.
    #[error("there is no credential to use: {detail}")]
    NoCredential { detail: String },
    /// The stored credential is sealed with a key that this server does not have. The right key solves it.
    #[error("the stored credential cannot be opened: {detail}")]
    KeyMissing { detail: String },
    /// The HR system is reachable and refuses for a reason that another try does not solve.
    #[error("{system} refused {request} with status {status}: {detail}")]
    Refused { system: String, request: String, status: u16, detail: String },
    /// Too many failures in a row: network, time-outs, 5xx, rate limits.
    #[error("{system} could not be reached for {request} after {tries} tries: {detail}")]
    Unavailable {
        system: String,
        request: String,
        tries: u32,
        detail: String,
        /// The time that the HR system gave for the next try, in seconds from the last try.
        retry_after: Option<Duration>,
    },
    /// An answer that we cannot read: HTML, truncated JSON, an undocumented shape.
    #[error("{system} answered {request} with something that is no such answer: {detail}")]
    Malformed { system: String, request: String, detail: String },
    /// An answer, or a list without end, that goes beyond what is read.
    #[error("the answer of {system} to {request} is too large: {detail}")]
    TooLarge { system: String, request: String, detail: String },
    /// The settings of the connection cannot work.
    #[error("the connection's settings cannot work: {detail}")]
    Settings { detail: String },
}

impl ConnectorError {
    /// Whether the credential has to be renewed before another try makes sense.
    #[must_use]
    pub fn needs_reauthorization(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::NoCredential { .. })
    }

    /// Whether a token that was granted may have ended: a fresh one is worth a try.
    #[must_use]
    pub fn may_be_the_token(&self) -> bool {
        self.needs_reauthorization() || matches!(self, Self::Blocked { status: 401, .. })
    }
}
