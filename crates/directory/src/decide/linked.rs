//! Holds which workers are linked to which person so far.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{InputIndex, WorkerIdx};
use crate::ids::PersonId;
use crate::person::Status;
use crate::plan::LinkReason;

/// The links between workers and people, as far as they are decided.
pub(super) struct Links {
    pub(super) person: Vec<Option<PersonId>>,
    pub(super) reason: Vec<Option<LinkReason>>,
    pub(super) workers_by_person: BTreeMap<PersonId, Vec<WorkerIdx>>,
    pub(super) new: BTreeSet<PersonId>,
}

impl Links {
    /// The links that exist.
    pub(super) fn of(index: &InputIndex) -> Self {
        let mut links = Self {
            person: vec![None; index.known.len()],
            reason: vec![None; index.known.len()],
            workers_by_person: BTreeMap::new(),
            new: BTreeSet::new(),
        };
        for place in index.workers() {
            if let Some(link) = &index.known[place.0].link {
                links.put(place, link.person, None);
            }
        }
        links
    }

    pub(super) fn person_of(&self, place: WorkerIdx) -> Option<PersonId> {
        self.person[place.0]
    }

    pub(super) fn reason_of(&self, place: WorkerIdx) -> Option<LinkReason> {
        self.reason[place.0]
    }

    pub(super) fn workers_by_person(&self) -> impl Iterator<Item = (PersonId, &[WorkerIdx])> {
        self.workers_by_person.iter().map(|(person, workers_of)| (*person, workers_of.as_slice()))
    }

    pub(super) fn workers_of(&self, person: PersonId) -> &[WorkerIdx] {
        self.workers_by_person.get(&person).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_new(&self, person: PersonId) -> bool {
        self.new.contains(&person)
    }

    pub(super) fn put(&mut self, place: WorkerIdx, person: PersonId, reason: Option<LinkReason>) {
        self.person[place.0] = Some(person);
        self.reason[place.0] = reason;
        self.workers_by_person.entry(person).or_default().push(place);
    }
}

/// Whether all employments of a person are over.
pub(super) fn has_left(index: &InputIndex, workers_of: &[WorkerIdx]) -> bool {
    workers_of.iter().all(|place| index.taken[place.0].moment.status == Status::Terminated)
}
