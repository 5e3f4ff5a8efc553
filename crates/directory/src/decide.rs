//! This module turns a `PlanInput` into decisions. It decides for every worker whether it is linked, published,
//! withheld or excluded, and which people change.
//!
//! The steps run in this order:
//!
//! 1. Published workers stay with their person, whatever they state (law 4). A part that only a human can settle keeps
//!    its last good value.
//! 2. A worker without a person is excluded if it is a vendor, has left, or starts too far ahead. This step comes
//!    before every question: a leaver without email is nothing to ask a human about.
//! 3. A worker without a person is withheld if its type, status or email raises a question.
//! 4. The other workers are matched by email: with the person who has it, or with one another (`links`). Workers that
//!    step 2 excluded are matched too, except vendors, since they were excluded from publication alone: the earlier
//!    contract of a person who works here belongs to that person. Such workers never raise a question and never make a
//!    person.
//! 5. Work emails are assigned to people (`emails`), and every person concerned is merged.
//!
//! The result does not depend on the order of workers or people in the plan input. A second decision on the result of
//! the first changes nothing (law 7).

mod emails;
mod index;
mod linked;
mod links;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Days, Utc};

use self::emails::EmailPlan;
use self::linked::Links;
use super::email::EmailKey;
use super::ids::PersonId;
use super::matching::Agreement;
use super::merge::Employed;
use super::merge::{EmailChoice, is_same, merge};
use super::person::Status;
use super::plan::{
    Decisions, Exclusion, HolderKind, KnownPerson, Outcome, PlanInput, PlannedPerson, Review, WorkerDecision,
};
use super::worker::mapping::Include;
use index::{InputIndex, WorkerIdx};

/// Decides a plan input. `fresh` gives ids for new people; the order of its calls depends only on the content of the
/// plan input.
///
/// People appear in the decisions when anything that is stored of them changes; where
/// [`diff`](super::person::diff::diff()) is empty, that is bookkeeping which makes no change, no event and no version.
#[must_use]
pub fn decide(input: &PlanInput, fresh: &mut dyn FnMut() -> PersonId) -> Decisions {
    let mut index = InputIndex::of(input);
    let exclusions: Vec<Option<(Exclusion, Option<DateTime<Utc>>)>> =
        index.workers().map(|place| exclusion(&index, place)).collect();
    let mut links = Links::of(&index);

    let emails = links.join_published(&index);
    let founders = links.found_people(&index, &emails, |place| exclusions[place.0].is_none(), fresh);

    let mut questions: BTreeMap<WorkerIdx, Vec<Review>> = BTreeMap::new();
    for (place, review) in &emails.refused {
        index.taken[place.0].refuse_email(index.known[place.0], review.clone());
    }
    for place in index.workers() {
        let asked = match links.person_of(place) {
            Some(_) => index.taken[place.0].reviews.clone(),
            None if exclusions[place.0].is_some() => Vec::new(),
            None => question(&index, &links, &emails, &founders, place),
        };
        questions.insert(place, asked);
    }

    let mut decisions = Decisions { workers: Vec::new(), people: people(&index, &links, &emails) };
    for place in index.workers() {
        let known = index.known[place.0];
        let mut reviews = questions.remove(&place).unwrap_or_default();
        reviews.sort();
        reviews.dedup();
        let outcome = match (links.person_of(place), exclusions[place.0]) {
            (Some(person), _) => {
                let accepted = match &index.taken[place.0].worker {
                    Cow::Owned(taken) if *taken != known.statement => Some(Box::new(taken.clone())),
                    _ => None,
                };
                Outcome::Published { person, link: links.reason_of(place), accepted }
            }
            (None, Some((reason, recheck))) => Outcome::Excluded { reason, recheck },
            (None, None) => Outcome::Withheld,
        };
        decisions.workers.push(WorkerDecision { key: known.key.clone(), outcome, reviews });
    }
    decisions
}

/// Why a worker without a person is not to be published, if there is a reason.
fn exclusion(index: &InputIndex, place: WorkerIdx) -> Option<(Exclusion, Option<DateTime<Utc>>)> {
    let known = index.known[place.0];
    let facts = index.facts(place)?;
    if known.link.is_some() {
        return None;
    }
    if index.is_vendor(place) {
        return Some((Exclusion::Vendor, None));
    }
    let moment = index.taken[place.0].moment;
    let include: &Include = &facts.rules.include;
    match moment.status {
        Status::Terminated if include.leavers => None,
        Status::Terminated if facts.first_import => Some((Exclusion::LeaverOfFirstImport, None)),
        Status::Terminated => Some((Exclusion::NeverPublished, None)),
        Status::Pending => {
            let start = known.statement.employment.start?;
            let opens = start.checked_sub_days(Days::new(include.upcoming_days.into()))?;
            let opens = moment.zone.start_of_day(opens);
            (index.input.now < opens).then_some((Exclusion::TooFarAhead, Some(opens)))
        }
        _ => None,
    }
}

/// Why a worker that could be published has no person: the question that a human has to answer.
fn question(
    index: &InputIndex,
    links: &Links,
    emails: &EmailPlan,
    founders: &BTreeMap<EmailKey, WorkerIdx>,
    place: WorkerIdx,
) -> Vec<Review> {
    let taken = &index.taken[place.0];
    let Some(email) = taken.email.as_ref().filter(|_| taken.reviews.is_empty()) else {
        return taken.reviews.clone();
    };
    let conflicts = |person| match links.agreement(index, place, person) {
        Agreement::Conflict(fields) => fields,
        _ => Vec::new(),
    };
    if let Some(founder) = founders.get(email.key()) {
        let conflicts = links.person_of(*founder).map(conflicts).unwrap_or_default();
        return vec![Review::EmailClaimedTwice { other: index.known[founder.0].key.clone(), conflicts }];
    }
    match emails.holder_after(index, email.key()) {
        Some(holder) if holder.kind == HolderKind::Reserved => vec![Review::EmailReserved { person: holder.person }],
        Some(holder) => {
            vec![Review::EmailHeldByAnother { person: holder.person, conflicts: conflicts(holder.person) }]
        }
        // Only a connection without facts leads here: none of its values is mapped.
        None => vec![Review::UnmappedWorkerType { word: taken.worker.employment.worker_type.clone() }],
    }
}

/// All people whose stored value changes.
fn people(index: &InputIndex, links: &Links, emails: &EmailPlan) -> Vec<PlannedPerson> {
    let mut planned = Vec::new();
    for (id, workers_of) in links.workers_by_person() {
        let present: Option<&KnownPerson> = index.people.get(&id).copied();
        let before = present.map(|present| &present.person);
        let employments: Option<Vec<Employed>> = workers_of.iter().map(|place| index.employed(*place)).collect();
        // A person cannot be decided if the plan input lacks a part of them (a connection, or the person).
        let Some(employments) = employments.filter(|_| present.is_some() || links.is_new(id)) else { continue };
        let Some(email) = email_choice(index, emails, id, workers_of) else { continue };
        let Some(after) = merge(&employments, &index.input.authority, email, before, index.input.run, index.input.now)
        else {
            continue;
        };
        if before.is_some_and(|before| is_same(before, &after)) {
            continue;
        }
        planned.push(PlannedPerson {
            id,
            base: present.map(|present| present.version),
            before: before.cloned().map(Box::new),
            after: Box::new(after),
            swap_group: emails.swap_group.get(&id).copied(),
        });
    }
    planned
}

fn email_choice<'a>(
    index: &'a InputIndex,
    emails: &EmailPlan,
    id: PersonId,
    workers_of: &[WorkerIdx],
) -> Option<EmailChoice<'a>> {
    if let Some((email, from)) = emails.given.get(&id) {
        return Some(EmailChoice { email: email.clone(), from: from.map(|place| &index.known[place.0].key) });
    }
    // A new person has the email by which its workers were matched.
    let (place, email) = index.leading(workers_of).into_iter().find_map(|place| {
        let email = index.taken[place.0].email.clone()?;
        Some((place, email))
    })?;
    Some(EmailChoice { email, from: Some(&index.known[place.0].key) })
}

#[cfg(test)]
mod tests;
