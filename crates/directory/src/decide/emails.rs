//! Decides which work email each published person has after this plan input. An email belongs to one person at a time.
//! An email that a person gives up is reserved for that person, except when people exchange emails in a cycle: then
//! each takes what another gives up, and all of them change at once.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{InputIndex, WorkerIdx};
use super::linked::{Links, has_left};
use crate::attribute::Unit;
use crate::email::{Email, EmailKey};
use crate::ids::PersonId;
use crate::managers::cycles;
use crate::matching::Agreement;
use crate::plan::{Holder, HolderKind, KnownPerson, Review};

/// The emails of all published people of a plan input.
#[derive(Debug, Default)]
pub(super) struct EmailPlan {
    /// The email of each person afterwards, and the worker who states it. There is no worker where the last good email
    /// is kept.
    pub(super) given: BTreeMap<PersonId, (Email, Option<WorkerIdx>)>,
    /// The workers whose statement was not accepted, and why.
    pub(super) refused: Vec<(WorkerIdx, Review)>,
    /// People who exchange emails, by the number of their cycle.
    pub(super) swap_group: BTreeMap<PersonId, u32>,
    takers: BTreeMap<EmailKey, Holder>,
}

impl EmailPlan {
    /// The published person who has an email afterwards.
    pub(super) fn taker(&self, key: &EmailKey) -> Option<PersonId> {
        self.takers.get(key).map(|holder| holder.person)
    }

    /// The person who has or reserves an email afterwards.
    pub(super) fn holder_after(&self, index: &InputIndex, key: &EmailKey) -> Option<Holder> {
        self.takers.get(key).cloned().or_else(|| {
            let mut holder = index.holder(key)?;
            if self.given.contains_key(&holder.person) {
                holder.kind = HolderKind::Reserved;
            }
            Some(holder)
        })
    }
}

/// A request of a person for an email other than the present one.
struct EmailRequest {
    place: WorkerIdx,
    email: Email,
}

/// Assigns emails to the people who are published.
pub(super) fn plan_emails(index: &InputIndex, links: &Links) -> EmailPlan {
    let mut plan = EmailPlan::default();
    let mut requests: BTreeMap<PersonId, EmailRequest> = BTreeMap::new();
    for (id, workers_of) in links.workers_by_person() {
        let Some(present) = index.people.get(&id) else { continue };
        let last_good = &present.person.work_email;
        let leading = index.leading(workers_of);
        let wanted = leading.iter().find_map(|place| Some((*place, index.taken[place.0].email.clone()?)));
        match wanted {
            Some((place, email)) if email.key() == last_good.key() => {
                plan.given.insert(id, same_email(index, present, workers_of, place, email));
            }
            Some((place, email)) => {
                plan.given.insert(id, (last_good.clone(), None));
                requests.insert(id, EmailRequest { place, email });
            }
            None => {
                plan.given.insert(id, (last_good.clone(), None));
                // No worker states an email any more. That is a question, except about a person who left.
                if let Some(place) = leading.first().filter(|_| !has_left(index, workers_of)) {
                    let problem = index.taken[place.0].email_problem.clone();
                    plan.refused.extend(problem.map(|problem| (*place, problem)));
                }
            }
        }
    }
    grant(index, links, &mut plan, requests);
    for (id, (email, _)) in &plan.given {
        let left = has_left(index, links.workers_of(*id));
        let kind = if left { HolderKind::Reserved } else { HolderKind::Current };
        plan.takers.insert(email.key().clone(), Holder { person: *id, kind });
    }
    plan
}

/// The email that a person has already. It keeps the letter case that it is stored in, unless the worker who stated it
/// spells it otherwise now: a second HR system that spells it otherwise renames no person (story 5).
fn same_email(
    index: &InputIndex,
    present: &KnownPerson,
    workers_of: &[WorkerIdx],
    leading: WorkerIdx,
    email: Email,
) -> (Email, Option<WorkerIdx>) {
    let origin = present.person.provenance.get(&Unit::named(Unit::WORK_EMAIL));
    let is_origin = |place: &WorkerIdx| {
        let key = &index.known[place.0].key;
        origin.is_some_and(|origin| origin.connection == key.connection && origin.source_id == key.source_id)
    };
    if origin.is_none() || is_origin(&leading) {
        return (email, Some(leading));
    }
    let still = |place: &WorkerIdx| {
        let said = index.taken[place.0].email.clone().filter(|said| said.key() == email.key())?;
        Some((said, Some(*place)))
    };
    match workers_of.iter().find(|place| is_origin(place)).and_then(still) {
        Some(said) => said,
        None => (present.person.work_email.clone(), None),
    }
}

fn grant(index: &InputIndex, links: &Links, plan: &mut EmailPlan, requests: BTreeMap<PersonId, EmailRequest>) {
    let mut granted: BTreeSet<PersonId> = BTreeSet::new();
    let mut free: BTreeMap<&EmailKey, Vec<PersonId>> = BTreeMap::new();
    let mut held: BTreeMap<PersonId, PersonId> = BTreeMap::new();
    let mut refused: Vec<(PersonId, Review)> = Vec::new();
    let held_by = |person: PersonId, holder: PersonId| {
        let conflicts = requests.get(&person).map(|request| links.agreement(index, request.place, holder));
        let conflicts = match conflicts {
            Some(Agreement::Conflict(fields)) => fields,
            _ => Vec::new(),
        };
        Review::EmailHeldByAnother { person: holder, conflicts }
    };
    for (person, request) in &requests {
        match holder_now(index, links, request.email.key()) {
            None => free.entry(request.email.key()).or_default().push(*person),
            // The former email of a person is reserved for that person alone.
            Some(holder) if holder.person == *person => {
                granted.insert(*person);
            }
            Some(holder) if holder.kind == HolderKind::Reserved => {
                refused.push((*person, Review::EmailReserved { person: holder.person }));
            }
            Some(holder) => {
                held.insert(*person, holder.person);
            }
        }
    }
    for mut people in free.into_values() {
        people.sort_by_key(|person| seniority(index, links.workers_of(*person)));
        let mut people = people.into_iter();
        if let Some(first) = people.next() {
            granted.insert(first);
            refused.extend(people.map(|person| (person, held_by(person, first))));
        }
    }
    let mut taken_over: BTreeMap<PersonId, PersonId> = BTreeMap::new();
    for (number, circle) in (0..).zip(cycles(&held)) {
        for person in circle {
            plan.swap_group.insert(person, number);
            granted.insert(person);
            taken_over.extend(held.get(&person).map(|giver| (*giver, person)));
        }
    }
    for (person, holder) in &held {
        if !plan.swap_group.contains_key(person) {
            let review = match taken_over.get(holder) {
                Some(taker) => held_by(*person, *taker),
                None if granted.contains(holder) => Review::EmailReserved { person: *holder },
                None => held_by(*person, *holder),
            };
            refused.push((*person, review));
        }
    }
    for (person, review) in refused {
        plan.refused.extend(requests.get(&person).map(|request| (request.place, review)));
    }
    for (person, request) in requests {
        if granted.contains(&person) {
            plan.given.insert(person, (request.email, Some(request.place)));
        }
    }
}

/// The person who has or reserves an email; a person who had left and is back counts as having theirs.
fn holder_now(index: &InputIndex, links: &Links, key: &EmailKey) -> Option<Holder> {
    let mut holder = index.holder(key)?;
    let own = index.people.get(&holder.person).is_some_and(|present| present.person.work_email.key() == key);
    if own && !has_left(index, links.workers_of(holder.person)) {
        holder.kind = HolderKind::Current;
    }
    Some(holder)
}

/// The precedence where two people request one free email: the one linked earlier, then the earlier start, then the
/// least source id.
fn seniority<'a>(index: &InputIndex<'a>, workers_of: &[WorkerIdx]) -> impl Ord + use<'a> {
    let oldest = workers_of.iter().map(|place| {
        let known = index.known[place.0];
        let linked = known.link.as_ref().map(|link| link.linked_at);
        let start = known.statement.employment.start;
        (linked.is_none(), linked, start.is_none(), start, &known.key.source_id, *place)
    });
    oldest.min()
}
