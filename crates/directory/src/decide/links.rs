//! Links workers to people: links that hold, links that an email and a birth date or name prove, and new people.

use std::collections::BTreeMap;

use super::emails::{EmailPlan, plan_emails};
use super::index::{InputIndex, WorkerIdx};
use super::index::{is_settled, link_reason};
use super::linked::{Links, has_left};
use crate::email::EmailKey;
use crate::ids::PersonId;
use crate::matching::{Agreement, Reach, agreement_with};
use crate::person::Status;
use crate::plan::{HolderKind, LinkReason};

impl Links {
    /// The result of a comparison of a worker with a person.
    pub(super) fn agreement(&self, index: &InputIndex, place: WorkerIdx, person: PersonId) -> Agreement {
        let connection = index.known[place.0].key.connection;
        let others = self.workers_of(person).iter().filter(|other| **other != place).map(|other| {
            let known = index.known[other.0];
            let reach =
                if known.key.connection == connection { Reach::OneConnection } else { Reach::AcrossConnections };
            // The effective record counts: a birth date that can no longer be read still identifies a person.
            (index.taken[other.0].worker.as_ref(), reach)
        });
        agreement_with(&index.taken[place.0].worker, others)
    }

    /// Links workers to the people who have their email, or are about to take it. It repeats until no worker is left to
    /// link: a worker that joins may prove that another belongs to the same human, and may bring another email to the
    /// person.
    pub(super) fn join_published(&mut self, index: &InputIndex) -> EmailPlan {
        loop {
            let emails = plan_emails(index, self);
            let mut grew = false;
            for place in self.strangers(index) {
                let Some(email) = &index.taken[place.0].email else { continue };
                let now = index.holder(email.key()).filter(|holder| holder.kind == HolderKind::Current);
                let then = emails.taker(email.key()).filter(|person| !has_left(index, self.workers_of(*person)));
                for person in now.map(|holder| holder.person).into_iter().chain(then) {
                    if self.join(index, place, person) {
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

    /// Makes people of workers whose email no person has or reserves. Of several workers with one email, the one that
    /// has not left, starts first, and has the least source id makes the person; the others join if they are the same
    /// human.
    pub(super) fn found_people(
        &mut self,
        index: &InputIndex,
        emails: &EmailPlan,
        publishable: impl Fn(WorkerIdx) -> bool,
        fresh: &mut dyn FnMut() -> PersonId,
    ) -> BTreeMap<EmailKey, WorkerIdx> {
        let mut founders: BTreeMap<EmailKey, WorkerIdx> = BTreeMap::new();
        for place in self.strangers(index).into_iter().filter(|place| publishable(*place)) {
            let Some(email) = &index.taken[place.0].email else { continue };
            if emails.holder_after(index, email.key()).is_none() {
                founders.entry(email.key().clone()).or_insert(place);
            }
        }
        let mut in_order: Vec<WorkerIdx> = founders.values().copied().collect();
        in_order.sort();
        for place in in_order {
            let person = fresh();
            self.new.insert(person);
            self.put(place, person, Some(LinkReason::New));
        }
        loop {
            let mut grew = false;
            for place in self.strangers(index) {
                let founder = index.taken[place.0].email.as_ref().and_then(|email| founders.get(email.key()));
                let person = founder.and_then(|founder| self.person_of(*founder));
                grew |= person.is_some_and(|person| self.join(index, place, person));
            }
            if !grew {
                return founders;
            }
        }
    }

    /// The workers without a person that could be linked, those with the better claim first.
    fn strangers(&self, index: &InputIndex) -> Vec<WorkerIdx> {
        let mut strangers: Vec<WorkerIdx> = index
            .workers()
            .filter(|place| self.person_of(*place).is_none() && is_settled(&index.taken[place.0]))
            // The record of a vendor would keep a person active who has left.
            .filter(|place| index.facts(*place).is_some() && !index.is_vendor(*place))
            .collect();
        strangers.sort_by_key(|place| {
            let known = index.known[place.0];
            let start = known.statement.employment.start;
            let left = index.taken[place.0].moment.status == Status::Terminated;
            (left, start.is_none(), start, &known.key.source_id, *place)
        });
        strangers
    }

    fn join(&mut self, index: &InputIndex, place: WorkerIdx, person: PersonId) -> bool {
        if self.workers_of(person).is_empty() {
            return false;
        }
        let Some(reason) = link_reason(&self.agreement(index, place, person)) else { return false };
        self.put(place, person, Some(reason));
        true
    }
}
