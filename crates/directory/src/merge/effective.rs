//! The effective record of a worker: its latest statement, except that a part which only a human can settle keeps its
//! last good value while the rest proceeds (design section 1, "withheld").

use std::borrow::Cow;
use std::cmp::Reverse;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::attribute::Unit;
use crate::dates::lifecycle::{StatusAt, class_of, status_at};
use crate::dates::zone::Zone;
use crate::email::Email;
use crate::ids::{SourceId, WorkerKey};
use crate::person::{Person, Status};
use crate::plan::{ConnectionFacts, KnownWorker, Review};
use crate::worker::mapping::{EmploymentType, Rules, StatusClass};
use crate::worker::{Employment, ManagerRef, Worker};

/// The effective record of a worker, and the open questions about it.
#[derive(Clone, Debug)]
pub(crate) struct EffectiveRecord<'a> {
    pub(crate) worker: Cow<'a, Worker>,
    pub(crate) employment_type: EmploymentType,
    pub(crate) moment: StatusAt,
    /// The usable work email of the effective record.
    pub(crate) email: Option<Email>,
    /// What is wrong with the email of the statement.
    pub(crate) email_problem: Option<Review>,
    /// Questions that only a human can answer. If a worker without a person has one, nothing of it is accepted.
    pub(crate) reviews: Vec<Review>,
}

impl<'a> EffectiveRecord<'a> {
    /// The effective record of a worker without a person: no accepted value exists that could be kept.
    pub(crate) fn for_unlinked(known: &'a KnownWorker, rules: &Rules, now: DateTime<Utc>) -> Self {
        let mut worker = Cow::Borrowed(&known.statement);
        drop_earlier_end(&mut worker);
        let mut reviews: Vec<Review> = Review::of_unreadable(&worker).into_iter().collect();
        let unreadable = worker.unreadable_units();
        let is_read = |unit: &str| !unreadable.contains(&Unit::named(unit));
        let employment_type = rules.mapping.worker_types.get(&worker.employment.worker_type).copied();
        if employment_type.is_none() && is_read(Unit::TYPE) {
            reviews.push(Review::UnmappedWorkerType { word: worker.employment.worker_type.clone() });
        }
        let moment = status_at(&worker, rules, None, known.absent, now);
        // This holds also where a date alone ends the employment: a linked worker has a status to fall back on.
        if class_of(&worker.employment.status, rules).is_none() && is_read(Unit::STATUS) {
            reviews.push(Review::UnmappedStatus { word: worker.employment.status.clone() });
        }
        if worker.employment.dates_hidden {
            reviews.push(Review::DatesHidden);
        }
        let (email, email_problem) = split(email_of(&worker, rules));
        reviews.extend(email_problem.clone().filter(|_| is_read(Unit::WORK_EMAIL)));
        Self {
            employment_type: employment_type.unwrap_or(EmploymentType::Unknown),
            moment: moment.unwrap_or_else(|| undecided(&worker, rules)),
            worker,
            email,
            email_problem,
            reviews,
        }
    }

    /// The effective record of a published worker, with the last good value for parts that cannot be accepted.
    pub(crate) fn for_published(
        known: &'a KnownWorker,
        rules: &Rules,
        before: Option<&Person>,
        now: DateTime<Utc>,
    ) -> Self {
        let last = known.accepted.as_ref();
        let before = before.filter(|before| before.source.key() == known.key);
        let mut reviews: Vec<Review> = Review::of_unreadable(&known.statement).into_iter().collect();
        let unreadable = known.statement.unreadable_units();
        let is_read = |unit: &str| !unreadable.contains(&Unit::named(unit));
        let mut worker = Cow::Borrowed(&known.statement);
        if let Some(last) = last.filter(|_| !unreadable.is_empty()) {
            worker.to_mut().keep_unreadable(last);
        }
        if let Some(last) = last {
            keep_manager(&mut worker, last);
        }
        let statement = worker.clone();

        let type_of = |worker: &Worker| rules.mapping.worker_types.get(&worker.employment.worker_type).copied();
        let mut employment_type = type_of(&statement);
        if employment_type.is_none() {
            if is_read(Unit::TYPE) {
                reviews.push(Review::UnmappedWorkerType { word: statement.employment.worker_type.clone() });
            }
            if let Some(last) = last {
                replace(&mut worker, &last.employment.worker_type, |worker| &mut worker.employment.worker_type);
                employment_type = type_of(last);
            }
            let published = before.map(|before| before.employment.employment_type);
            employment_type = employment_type.or(published);
        }

        let last_class = last.and_then(|last| class_of(&last.employment.status, rules));
        let last_class = last_class.or_else(|| before.and_then(class_behind));
        if class_of(&statement.employment.status, rules).is_none() {
            if is_read(Unit::STATUS) {
                reviews.push(Review::UnmappedStatus { word: statement.employment.status.clone() });
            }
            if let Some(last) = last {
                replace(&mut worker, &last.employment.status, |worker| &mut worker.employment.status);
            }
        }
        if let Some(last) = last
            && let Some(review) = moved_start(last, &worker, rules, last_class, now)
        {
            let employment = &mut worker.to_mut().employment;
            employment.start = last.employment.start;
            employment.original_start = last.employment.original_start;
            reviews.push(review);
        }
        // This runs after the start is settled: an end before a start that is not accepted yet belongs to the
        // employment as it was.
        drop_earlier_end(&mut worker);
        let moment = status_at(&worker, rules, last_class, known.absent, now);
        let moment = moment.unwrap_or_else(|| undecided(&worker, rules));

        let (mut email, mut email_problem) = split(email_of(&statement, rules));
        if !is_read(Unit::WORK_EMAIL) {
            // The question that it cannot be read exists already.
            email_problem = None;
        }
        if email.is_none()
            && let Some(last) = last
            && let Ok(kept) = email_of(last, rules)
        {
            keep_email(&mut worker, last);
            email = Some(kept);
            // Vendors blank the addresses of leavers; that is no question for a human.
            reviews.extend(email_problem.clone().filter(|_| moment.status != Status::Terminated));
        }
        let employment_type = employment_type.unwrap_or(EmploymentType::Unknown);
        Self { worker, employment_type, moment, email, email_problem, reviews }
    }

    /// The email of the statement is not available: the last good one stays.
    pub(crate) fn refuse_email(&mut self, known: &'a KnownWorker, review: Review) {
        if let Some(last) = &known.accepted {
            keep_email(&mut self.worker, last);
        }
        self.reviews.push(review);
    }
}

/// The question for a person who has begun and would begin later now: no person who works here loses access because a
/// start was moved (story 13). An end in the same statement raises no such question.
fn moved_start(
    last: &Worker,
    worker: &Worker,
    rules: &Rules,
    last_class: Option<StatusClass>,
    now: DateTime<Utc>,
) -> Option<Review> {
    let begun = |worker: &Worker| {
        status_at(worker, rules, last_class, false, now).is_some_and(|moment| moment.status.is_active())
    };
    let (from, to) = (last.employment.start?, worker.employment.start?);
    let kept = Worker { employment: Employment { start: Some(from), ..worker.employment.clone() }, ..worker.clone() };
    (to > from && begun(last) && begun(&kept) && !begun(worker)).then_some(Review::StartMovedToFuture { from, to })
}

/// Drops an end that lies before the start: it ended an earlier employment under the same record, such as that of a
/// person who was hired again. The status and the own end of this employment decide whether it is current. An end on
/// the first day is its own.
fn drop_earlier_end(worker: &mut Cow<'_, Worker>) {
    let employment = &worker.employment;
    if employment.last_day.zip(employment.start).is_some_and(|(end, start)| end < start) {
        let employment = &mut worker.to_mut().employment;
        employment.last_day = None;
        employment.immediate = false;
    }
}

/// Keeps the earlier statement about a manager who is still the same: a value beside the id that is missing or cannot
/// be read for once does not change the manager.
fn keep_manager(worker: &mut Cow<'_, Worker>, last: &Worker) {
    let (Some(now), Some(old)) = (&worker.manager, &last.manager) else { return };
    let is_same = now.source_id == old.source_id && (now.source_id.is_some() || now.email == old.email);
    if is_same && (now.name.is_none() && old.name.is_some() || now.email.is_none() && old.email.is_some()) {
        let kept = ManagerRef {
            source_id: now.source_id.clone(),
            email: now.email.clone().or_else(|| old.email.clone()),
            name: now.name.clone().or_else(|| old.name.clone()),
        };
        worker.to_mut().manager = Some(kept);
    }
}

/// An employment without a known status gives no access.
fn undecided(worker: &Worker, rules: &Rules) -> StatusAt {
    StatusAt { status: Status::Unknown, next_due: None, zone: Zone::of(worker, rules) }
}

fn replace(worker: &mut Cow<'_, Worker>, value: &str, field: fn(&mut Worker) -> &mut String) {
    value.clone_into(field(worker.to_mut()));
}

fn keep_email(worker: &mut Cow<'_, Worker>, last: &Worker) {
    let worker = worker.to_mut();
    worker.work_email.clone_from(&last.work_email);
    worker.login_email.clone_from(&last.login_email);
}

fn split(found: Result<Email, Review>) -> (Option<Email>, Option<Review>) {
    match found {
        Ok(email) => (Some(email), None),
        Err(problem) => (None, Some(problem)),
    }
}

/// The work email of a worker: the HR system's work email, else a login of a domain that the connection lists.
pub fn email_of(worker: &Worker, rules: &Rules) -> Result<Email, Review> {
    if let Some(text) = worker.work_email.as_deref().filter(|text| !text.trim().is_empty()) {
        return Email::parse(text).map_err(|problem| Review::InvalidWorkEmail { problem: problem.to_string() });
    }
    worker
        .login_email
        .as_deref()
        .and_then(|text| Email::parse(text).ok())
        .filter(|login| rules.login_email_domains.contains(login.domain()))
        .ok_or(Review::MissingWorkEmail)
}

/// The status class behind a person's status, for a worker whose last status value is no longer mapped.
fn class_behind(before: &Person) -> Option<StatusClass> {
    match before.employment.status {
        Status::Active => Some(StatusClass::Current),
        // Only a start that begins by itself is a due instant.
        Status::Pending if before.next_due.is_some() => Some(StatusClass::Current),
        Status::Pending => Some(StatusClass::Upcoming),
        Status::OnLeave => Some(StatusClass::OnLeave),
        Status::Suspended => Some(StatusClass::Suspended),
        Status::Terminated => Some(StatusClass::Former),
        Status::Unknown => None,
    }
}

/// One employment of a person, ready to be merged.
#[derive(Clone, Debug)]
pub struct Employed<'a> {
    pub key: &'a WorkerKey,
    /// The effective record of the worker.
    pub worker: &'a Worker,
    pub employment_type: EmploymentType,
    pub moment: StatusAt,
    pub connection: &'a ConnectionFacts,
    /// Place of the connection in the default order of authority; 0 comes first.
    pub place: usize,
}

impl<'a> Employed<'a> {
    /// An employment of a published worker, from its effective record.
    pub(crate) fn of(
        known: &'a KnownWorker,
        taken: &'a EffectiveRecord<'_>,
        connection: &'a ConnectionFacts,
        place: usize,
    ) -> Self {
        Self {
            key: &known.key,
            worker: &taken.worker,
            employment_type: taken.employment_type,
            moment: taken.moment,
            connection,
            place,
        }
    }
}

/// The place of an employment among the others of one human; the least leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) phase: u8,
    /// Of ended employments the one that ended last. Without a last day it ended no earlier than it began.
    pub(crate) ended: Reverse<Option<NaiveDate>>,
    pub(crate) share: Reverse<u8>,
    pub(crate) start: (bool, Option<NaiveDate>),
    pub(crate) place: usize,
    pub(crate) source_id: SourceId,
}

impl Rank {
    /// What puts this one before another: the first difference.
    pub(crate) fn before(&self, other: &Self) -> PrimaryReason {
        if self.phase != other.phase {
            PrimaryReason::Status
        } else if self.ended != other.ended {
            PrimaryReason::EndedLater
        } else if self.share != other.share {
            PrimaryReason::LargerShare
        } else if self.start != other.start {
            PrimaryReason::EarlierStart
        } else if self.place != other.place {
            PrimaryReason::Connection
        } else {
            PrimaryReason::SourceId
        }
    }

    pub(crate) fn of(worker: &Worker, status: Status, place: usize) -> Self {
        let employment = &worker.employment;
        let phase = match status {
            Status::Active | Status::OnLeave => 0,
            // Before an upcoming one, since it is going on; behind one that gives access.
            Status::Suspended => 1,
            Status::Pending => 2,
            Status::Unknown => 3,
            Status::Terminated => 4,
        };
        let ended = employment.last_day.or(employment.start).filter(|_| status == Status::Terminated);
        Self {
            phase,
            ended: Reverse(ended),
            // A job of which no share is known is a whole one.
            share: Reverse(employment.share.unwrap_or(100)),
            start: (employment.start.is_none(), employment.start),
            place,
            source_id: worker.source_id.clone(),
        }
    }
}

/// Why an employment leads before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PrimaryReason {
    /// There is no other.
    Only,
    /// It gives access, or is nearer to it: active before suspended, upcoming, unknown, ended.
    Status,
    /// Both are over, and it ended later.
    EndedLater,
    /// It is the larger share of a full-time job.
    LargerShare,
    EarlierStart,
    /// Its connection comes first in the default order.
    Connection,
    /// All else is equal.
    SourceId,
}
