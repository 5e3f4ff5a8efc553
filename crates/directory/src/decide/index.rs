//! The index of a plan input: its workers in order, with the lookups that the steps of a decision share.

use std::collections::{BTreeMap, HashMap};

use crate::email::EmailKey;
use crate::ids::{ConnectionId, PersonId};
use crate::matching::Agreement;
use crate::merge::Employed;
use crate::merge::{EffectiveRecord, Rank};
use crate::person::Status;
use crate::plan::{ConnectionFacts, Holder, HolderKind, KnownPerson, KnownWorker, LinkReason, PlanInput};
use crate::worker::mapping::Rules;

/// A worker's place in the order of authority and source id, in which everything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WorkerIdx(pub(super) usize);

pub(super) struct InputIndex<'a> {
    pub(super) input: &'a PlanInput,
    /// The workers, by [`WorkerIdx`].
    pub(super) known: Vec<&'a KnownWorker>,
    /// The effective record of each, by [`WorkerIdx`].
    pub(super) taken: Vec<EffectiveRecord<'a>>,
    pub(super) people: BTreeMap<PersonId, &'a KnownPerson>,
    facts: HashMap<ConnectionId, (usize, &'a ConnectionFacts)>,
    /// The people of the plan input who have an email now, for keys that its holders leave out.
    having: HashMap<&'a EmailKey, Holder>,
}

impl<'a> InputIndex<'a> {
    pub(super) fn of(input: &'a PlanInput) -> Self {
        let facts: HashMap<ConnectionId, (usize, &ConnectionFacts)> =
            input.connections.iter().enumerate().map(|(place, facts)| (facts.id, (place, facts))).collect();
        let people: BTreeMap<PersonId, &KnownPerson> = input.people.iter().map(|person| (person.id, person)).collect();
        let mut known: Vec<&KnownWorker> = input.workers.iter().collect();
        known.sort_by_key(|known| {
            (facts.get(&known.key.connection).map_or(usize::MAX, |(place, _)| *place), &known.key)
        });
        known.dedup_by_key(|known| &known.key);
        let no_rules = Rules::default();
        let taken = known
            .iter()
            .map(|known| {
                let rules = facts.get(&known.key.connection).map_or(&no_rules, |(_, facts)| &facts.rules);
                match &known.link {
                    Some(link) => {
                        let before = people.get(&link.person).map(|present| &present.person);
                        EffectiveRecord::for_published(known, rules, before, input.now)
                    }
                    None => EffectiveRecord::for_unlinked(known, rules, input.now),
                }
            })
            .collect();
        let having = people
            .values()
            .map(|present| {
                let left = present.person.employment.status == Status::Terminated;
                let kind = if left { HolderKind::Reserved } else { HolderKind::Current };
                (present.person.work_email.key(), Holder { person: present.id, kind })
            })
            .collect();
        Self { input, known, taken, people, facts, having }
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = WorkerIdx> + use<> {
        (0..self.known.len()).map(WorkerIdx)
    }

    pub(super) fn facts(&self, place: WorkerIdx) -> Option<&'a ConnectionFacts> {
        self.facts.get(&self.known[place.0].key.connection).map(|(_, facts)| *facts)
    }

    /// A worker as an employment; `None` when nothing is known of its connection.
    pub(super) fn employed(&self, place: WorkerIdx) -> Option<Employed<'_>> {
        let (authority, facts) = *self.facts.get(&self.known[place.0].key.connection)?;
        Some(Employed::of(self.known[place.0], &self.taken[place.0], facts, authority))
    }

    /// Whether a worker is a vendor or third-party admin that its connection excludes.
    pub(super) fn is_vendor(&self, place: WorkerIdx) -> bool {
        let word = &self.known[place.0].statement.employment.worker_type;
        self.facts(place).is_some_and(|facts| facts.rules.leaves_out(word))
    }

    /// The workers of one person, the leading one first.
    pub(super) fn leading(&self, workers_of: &[WorkerIdx]) -> Vec<WorkerIdx> {
        let mut ordered = workers_of.to_vec();
        ordered.sort_by_cached_key(|place| {
            let authority = self.facts.get(&self.known[place.0].key.connection).map_or(usize::MAX, |(place, _)| *place);
            let taken = &self.taken[place.0];
            (Rank::of(&taken.worker, taken.moment.status, authority), *place)
        });
        ordered
    }

    /// The person who has or reserves an email before anything is decided.
    pub(super) fn holder(&self, key: &EmailKey) -> Option<Holder> {
        self.input.holders.get(key).or_else(|| self.having.get(key)).cloned()
    }
}

/// Why a worker belongs to its person, where this decision makes the link.
pub(crate) fn link_reason(agreement: &Agreement) -> Option<LinkReason> {
    match agreement {
        Agreement::SameHuman(reason) => Some(*reason),
        Agreement::Conflict(_) | Agreement::Unproven => None,
    }
}

/// Whether a worker can be matched: it has no open question, and it has an email to match by.
pub(crate) fn is_settled(taken: &EffectiveRecord<'_>) -> bool {
    taken.reviews.is_empty() && taken.email.is_some()
}
