//! Which worker is whose: links that hold, links that an email and a birth date or name prove, and new people.

use std::collections::{BTreeMap, BTreeSet};

use super::emails::{EmailPlan, plan_emails};
use super::index::{Place, Stage};
use super::{is_settled, link_reason};
use crate::email::EmailKey;
use crate::ids::PersonId;
use crate::matching::{Agreement, Reach, agreement_with};
use crate::person::Status;
use crate::plan::{HolderKind, LinkReason};

/// Who is whose, as far as it is decided.
pub(super) struct Links {
    person: Vec<Option<PersonId>>,
    reason: Vec<Option<LinkReason>>,
    casts: BTreeMap<PersonId, Vec<Place>>,
    new: BTreeSet<PersonId>,
}

impl Links {
    /// The links that exist.
    pub(super) fn of(stage: &Stage) -> Self {
        let mut links = Self {
            person: vec![None; stage.known.len()],
            reason: vec![None; stage.known.len()],
            casts: BTreeMap::new(),
            new: BTreeSet::new(),
        };
        for place in stage.places() {
            if let Some(link) = &stage.known[place.0].link {
                links.put(place, link.person, None);
            }
        }
        links
    }

    pub(super) fn person_of(&self, place: Place) -> Option<PersonId> {
        self.person[place.0]
    }

    pub(super) fn reason_of(&self, place: Place) -> Option<LinkReason> {
        self.reason[place.0]
    }

    pub(super) fn casts(&self) -> impl Iterator<Item = (PersonId, &[Place])> {
        self.casts.iter().map(|(person, cast)| (*person, cast.as_slice()))
    }

    pub(super) fn cast(&self, person: PersonId) -> &[Place] {
        self.casts.get(&person).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_new(&self, person: PersonId) -> bool {
        self.new.contains(&person)
    }

    /// What a worker and a person say about each other.
    pub(super) fn agreement(&self, stage: &Stage, place: Place, person: PersonId) -> Agreement {
        let connection = stage.known[place.0].key.connection;
        let others = self.cast(person).iter().filter(|other| **other != place).map(|other| {
            let known = stage.known[other.0];
            let reach =
                if known.key.connection == connection { Reach::OneConnection } else { Reach::AcrossConnections };
            // What is taken: a birth date that cannot be read any more still tells who somebody is.
            (stage.taken[other.0].worker.as_ref(), reach)
        });
        agreement_with(&stage.taken[place.0].worker, others)
    }

    /// Links workers to the people who have their email, or are about to take it, until nobody is left to link: a worker
    /// that joins may prove that another belongs to the same human, and may bring another email to the person.
    pub(super) fn join_published(&mut self, stage: &Stage) -> EmailPlan {
        loop {
            let emails = plan_emails(stage, self);
            let mut grew = false;
            for place in self.strangers(stage) {
                let Some(email) = &stage.taken[place.0].email else { continue };
                let now = stage.holder(email.key()).filter(|holder| holder.kind == HolderKind::Current);
                let then = emails.taker(email.key()).filter(|person| !has_left(stage, self.cast(*person)));
                for person in now.map(|holder| holder.person).into_iter().chain(then) {
                    if self.join(stage, place, person) {
                        grew = true;
                        break;
                    }
                }
            }
            if !grew {
                return emails;
            }
        }
    }

    /// Makes people of workers whose email nobody has or reserves. Of several workers with one email the one that has not
    /// left, starts first, and has the least source id makes the person; the others join if they are the same human.
    pub(super) fn found_people(
        &mut self,
        stage: &Stage,
        emails: &EmailPlan,
        publishable: impl Fn(Place) -> bool,
        fresh: &mut dyn FnMut() -> PersonId,
    ) -> BTreeMap<EmailKey, Place> {
        let mut founders: BTreeMap<EmailKey, Place> = BTreeMap::new();
        for place in self.strangers(stage).into_iter().filter(|place| publishable(*place)) {
            let Some(email) = &stage.taken[place.0].email else { continue };
            if emails.holder_after(stage, email.key()).is_none() {
                founders.entry(email.key().clone()).or_insert(place);
            }
        }
        let mut in_order: Vec<Place> = founders.values().copied().collect();
        in_order.sort();
        for place in in_order {
            let person = fresh();
            self.new.insert(person);
            self.put(place, person, Some(LinkReason::New));
        }
        loop {
            let mut grew = false;
            for place in self.strangers(stage) {
                let founder = stage.taken[place.0].email.as_ref().and_then(|email| founders.get(email.key()));
                let person = founder.and_then(|founder| self.person_of(*founder));
                grew |= person.is_some_and(|person| self.join(stage, place, person));
            }
            if !grew {
                return founders;
            }
        }
    }

    /// The workers that are nobody's and could be somebody's, those with the better claim first.
    fn strangers(&self, stage: &Stage) -> Vec<Place> {
        let mut strangers: Vec<Place> = stage
            .places()
            .filter(|place| self.person_of(*place).is_none() && is_settled(&stage.taken[place.0]))
            // A vendor's record would keep a person here who has left.
            .filter(|place| stage.facts(*place).is_some() && !stage.is_vendor(*place))
            .collect();
        strangers.sort_by_key(|place| {
            let known = stage.known[place.0];
            let start = known.statement.employment.start;
            let left = stage.taken[place.0].moment.status == Status::Terminated;
            (left, start.is_none(), start, &known.key.source_id, *place)
        });
        strangers
    }

    fn join(&mut self, stage: &Stage, place: Place, person: PersonId) -> bool {
        if self.cast(person).is_empty() {
            return false;
        }
        let Some(reason) = link_reason(&self.agreement(stage, place, person)) else { return false };
        self.put(place, person, Some(reason));
        true
    }

    fn put(&mut self, place: Place, person: PersonId, reason: Option<LinkReason>) {
        self.person[place.0] = Some(person);
        self.reason[place.0] = reason;
        self.casts.entry(person).or_default().push(place);
    }
}

/// Whether all employments of a person are over.
pub(super) fn has_left(stage: &Stage, cast: &[Place]) -> bool {
    cast.iter().all(|place| stage.taken[place.0].moment.status == Status::Terminated)
}
