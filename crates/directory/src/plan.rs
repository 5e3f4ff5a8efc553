//! The input and the result of a plan: from workers and existing people to the changes that a run would make. The
//! computation is pure, so a preview and a real run share it.
//!
//! The caller loads a [`PlanInput`]: every worker and person that can affect one another (same email, same person), and
//! gets [`Decisions`] back. What is left out of a plan input cannot be affected by what is in it.

pub mod budget;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::attribute::Unit;
use super::authority::Authority;
use super::email::EmailKey;
use super::ids::{ConnectionId, PersonId, RunId, WorkerKey};
use super::person::Person;
use super::worker::Worker;
use super::worker::mapping::Rules;
use super::worker::unreadable::Unreadable;

/// All data that a decision depends on. A decision may read nothing else.
#[derive(Clone, Debug)]
pub struct PlanInput {
    pub now: DateTime<Utc>,
    /// The run that causes the plan, for provenance; absent for timers and changes of configuration.
    pub run: Option<RunId>,
    /// The connections whose workers appear, in the default order of authority (oldest first).
    pub connections: Vec<ConnectionFacts>,
    /// The units that an admin has ordered otherwise.
    pub authority: Authority,
    pub workers: Vec<KnownWorker>,
    pub people: Vec<KnownPerson>,
    /// The person who holds or reserves each email key that a worker of the plan input claims. Keys without a holder
    /// are absent.
    pub holders: BTreeMap<EmailKey, Holder>,
}

#[derive(Clone, Debug)]
pub struct ConnectionFacts {
    pub id: ConnectionId,
    /// Kind of connector, such as `remote`.
    pub kind: String,
    pub name: String,
    pub rules: Rules,
    /// Set until the connection's first plan was applied: leavers of the first import are not published.
    pub first_import: bool,
}

/// A worker as it is stored.
#[derive(Clone, Debug)]
pub struct KnownWorker {
    pub key: WorkerKey,
    /// The last statement of the HR system, from a complete read.
    pub statement: Worker,
    /// The last statement that the merge accepted; absent for a worker that was never published.
    pub accepted: Option<Worker>,
    pub link: Option<Link>,
    /// Absence is proven (law 2): the employment counts as over, with no date invented.
    pub absent: bool,
}

/// The link of a worker to a person (law 4): once made, it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub person: PersonId,
    pub linked_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct KnownPerson {
    pub id: PersonId,
    pub version: i64,
    pub person: Person,
}

/// The owner of an email key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub person: PersonId,
    pub kind: HolderKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HolderKind {
    /// The person's work email now.
    Current,
    /// A former email, or the email of a person who left: reserved for 365 days, never a match.
    Reserved,
}

/// The decisions about every worker and person of a plan input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// One for each worker of the plan input.
    pub workers: Vec<WorkerDecision>,
    /// People whose value would change, or who would be created. No other people.
    pub people: Vec<PlannedPerson>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WorkerDecision {
    pub key: WorkerKey,
    pub outcome: Outcome,
    /// Questions that only a human can answer. An outcome of `Withheld` has at least one; a published worker with a
    /// withheld part has them too.
    pub reviews: Vec<Review>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The worker is (part of) a person.
    Published {
        person: PersonId,
        /// Why the worker belongs to the person; set only when this decision makes the link.
        link: Option<LinkReason>,
        /// What the merge accepts, when it is not the whole statement because a part is withheld.
        accepted: Option<Box<Worker>>,
    },
    /// Not published; a human has to answer first.
    Withheld,
    /// Not published, and no question is open.
    Excluded {
        reason: Exclusion,
        /// When to decide again without a new statement (an upcoming worker comes into the window).
        recheck: Option<DateTime<Utc>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkReason {
    /// The worker is the first of a new person.
    New,
    /// The same work email (case-folded) and the same birth date.
    WorkEmailAndBirthDate,
    /// The same work email (case-folded) and, lacking a birth date, the same full name.
    WorkEmailAndFullName,
    /// The same work email (case-folded) across connections, with nothing that contradicts.
    WorkEmail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Exclusion {
    /// Had left before the first import; kept for matching.
    LeaverOfFirstImport,
    /// Starts later than `include.upcomingDays` ahead.
    TooFarAhead,
    /// Had left before ever being published.
    NeverPublished,
    /// A vendor or third-party admin; `include.vendors` excludes them.
    Vendor,
}

/// One question that only a human can answer, about one worker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Review {
    MissingWorkEmail,
    /// The work email is no address that a mail system would take, or has characters that cannot be seen.
    InvalidWorkEmail {
        problem: String,
    },
    /// Fields of the record hold something that cannot be read.
    UnreadableRecord {
        fields: Vec<UnreadableField>,
    },
    UnmappedWorkerType {
        word: String,
    },
    UnmappedStatus {
        word: String,
    },
    /// Another person holds the email and nothing proves that both are one human.
    EmailHeldByAnother {
        person: PersonId,
        conflicts: Vec<String>,
    },
    /// The email was another person's and is reserved.
    EmailReserved {
        person: PersonId,
    },
    /// Another worker that is not published claims the same email.
    EmailClaimedTwice {
        other: WorkerKey,
        conflicts: Vec<String>,
    },
    /// The HR system does not show when the employment begins and ends, so it is unknown whether it is current.
    DatesHidden,
    /// A person who has begun to work would begin later now. They stay active until an admin decides otherwise (story
    /// 13).
    StartMovedToFuture {
        from: NaiveDate,
        to: NaiveDate,
    },
    /// The manager edge would close a cycle of these people and is suspended.
    ManagerCycle {
        people: Vec<PersonId>,
    },
}

/// A field of a worker's record that cannot be read, as it is reported to an admin: never with its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableField {
    /// The field as the HR system names it.
    pub field: String,
    /// The units that keep their last good value, or that the worker waits for.
    pub units: BTreeSet<Unit>,
    /// What was found, by type and size.
    pub found: String,
    pub expected: String,
}

impl Review {
    /// The question about the parts of a worker that cannot be read, if there are any.
    #[must_use]
    pub fn of_unreadable(worker: &Worker) -> Option<Self> {
        let fields: Vec<UnreadableField> = worker.unreadable.iter().map(UnreadableField::of).collect();
        (!fields.is_empty()).then_some(Self::UnreadableRecord { fields })
    }
}

impl UnreadableField {
    #[must_use]
    pub fn of(unreadable: &Unreadable) -> Self {
        Self {
            field: unreadable.field.clone(),
            units: unreadable.units(),
            found: unreadable.found.clone(),
            expected: unreadable.expected.clone(),
        }
    }
}

/// The value that a plan gives to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedPerson {
    pub id: PersonId,
    /// The version that the decision is based on; absent for a person who would be created.
    pub base: Option<i64>,
    pub before: Option<Box<Person>>,
    pub after: Box<Person>,
    /// People with the same number must be written in one transaction, since they exchange an email.
    pub swap_group: Option<u32>,
}

/// One value of one attribute, before and after. Names are those of the directory; nothing sensitive appears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueChange {
    pub attribute: String,
    pub unit: Unit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<serde_json::Value>,
}
