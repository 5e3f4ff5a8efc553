//! Computes the status of an employment at one instant, and the next instant at which time alone changes it. It also
//! names the kind of a change of a person.
//!
//! An end is never drawn forward: a future last day leaves the status as it is until that day is over where the worker
//! is (law 10). And no date is invented: a person who left without a known last day has none.

use chrono::{DateTime, Utc};

use super::zone::Zone;
use crate::event::{Event, EventKind};
use crate::person::diff::diff;
use crate::person::{Person, Status};
use crate::worker::Worker;
use crate::worker::mapping::{Rules, StatusClass};

/// An end further ahead than this many days is not yet shown as one (design section 7, "leaver").
pub const END_HORIZON_DAYS: i64 = 30;

/// The status of one employment at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusAt {
    pub status: Status,
    /// The next instant at which time alone changes the status.
    pub next_due: Option<DateTime<Utc>>,
    /// Where its days begin and end.
    pub zone: Zone,
}

/// The class that a connection's mapping gives to a status value; `None` for a value that it lacks.
#[must_use]
pub fn class_of(word: &str, rules: &Rules) -> Option<StatusClass> {
    rules.mapping.statuses.get(word).copied()
}

/// The status of an employment now (hris/remote.md 5.7).
///
/// The first of these decides: ended, a status of the class `Former`, or proven absence; a last day that is over (or,
/// where the end counts at once, has begun); a status of the class `Upcoming`, or a start that is still ahead; then the
/// status itself. A status value that the mapping lacks counts as `previous_class`, the class of the value that was
/// accepted last. `None` means that nothing decides: the value is unknown and so is its predecessor.
#[must_use]
pub fn status_at(
    worker: &Worker,
    rules: &Rules,
    previous_class: Option<StatusClass>,
    absent: bool,
    now: DateTime<Utc>,
) -> Option<StatusAt> {
    let zone = Zone::of(worker, rules);
    let employment = &worker.employment;
    let class = class_of(&employment.status, rules).or(previous_class);
    let over =
        employment.last_day.map(|day| if employment.immediate { zone.start_of_day(day) } else { zone.end_of_day(day) });
    if employment.ended || absent || class == Some(StatusClass::Former) || over.is_some_and(|over| over <= now) {
        return Some(StatusAt { status: Status::Terminated, next_due: None, zone });
    }
    let begins = employment.start.map(|day| zone.start_of_day(day)).filter(|begins| *begins > now);
    let (status, begins) = match class? {
        // The HR system has not yet confirmed this employment: its start day alone begins nothing.
        StatusClass::Upcoming => (Status::Pending, None),
        _ if begins.is_some() => (Status::Pending, begins),
        StatusClass::Current => (Status::Active, None),
        StatusClass::OnLeave => (Status::OnLeave, None),
        StatusClass::Suspended => (Status::Suspended, None),
        StatusClass::Former | StatusClass::Unknown => (Status::Unknown, None),
    };
    Some(StatusAt { status, next_due: begins.into_iter().chain(over).min(), zone })
}

/// The kind of a change of a person, as the change log names it, and since when it counts.
///
/// It is `None` when nothing visible has changed ([`diff`] is empty): such a step is written without a change.
/// `effective_at` is the local instant of a start or an end, which lies in the past when it is noticed late, else
/// `now`.
#[must_use]
pub fn event_of(before: Option<&Person>, after: &Person, now: DateTime<Utc>) -> Option<Event> {
    let Some(before) = before else {
        return Some(Event { kind: EventKind::PersonCreated, effective_at: now });
    };
    if diff(Some(before), after).is_empty() {
        return None;
    }
    let past = |instant: Option<DateTime<Utc>>| instant.filter(|instant| *instant <= now).unwrap_or(now);
    let start = || past(after.employment.start.map(|day| Zone::of_person(after).start_of_day(day)));
    let end_of = |person: &Person| person.employment.last_day.map(|day| Zone::of_person(person).end_of_day(day));
    let (kind, effective_at) = match (before.active, after.active) {
        (false, true) if before.employment.status == Status::Pending => (EventKind::PersonStarted, start()),
        (false, true) => (EventKind::PersonActivated, now),
        (true, false) if after.employment.status == Status::Terminated => {
            (EventKind::PersonDeactivated, past(end_of(after)))
        }
        (true, false) => (EventKind::PersonDeactivated, now),
        (true, true) if before.source.key() != after.source.key() => {
            // Another employment leads because the old one is over: it counts since that end.
            (EventKind::EmploymentChanged, past(end_of(before)))
        }
        (true, true) if kind_of_work(before) != kind_of_work(after) => (EventKind::EmploymentChanged, now),
        (true, true) if is_cancelled(before, after, now) => (EventKind::TerminationCancelled, now),
        _ => (EventKind::PersonUpdated, now),
    };
    Some(Event { kind, effective_at })
}

fn kind_of_work(person: &Person) -> (crate::worker::mapping::EmploymentType, &str) {
    (person.employment.employment_type, &person.employment.worker_type)
}

/// Whether an end that was ahead is gone: cleared, or moved later than the horizon. A delay within it is an update.
fn is_cancelled(before: &Person, after: &Person, now: DateTime<Utc>) -> bool {
    let horizon = now + chrono::TimeDelta::days(END_HORIZON_DAYS);
    match (before.employment.last_day, after.employment.last_day) {
        (Some(_), None) => true,
        (Some(old), Some(new)) => {
            new > old
                && Zone::of_person(before).end_of_day(old) <= horizon
                && Zone::of_person(after).end_of_day(new) > horizon
        }
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, rules, worker};

    fn now(worker: &Worker, now: &str) -> (Status, Option<DateTime<Utc>>) {
        let moment = status_at(worker, &rules(), None, false, at(now)).unwrap();
        (moment.status, moment.next_due)
    }

    const NOON: &str = "2026-11-20T12:00:00Z";

    #[test]
    fn words_and_dates_contradict_each_other_and_the_end_wins() {
        // The classes that hris/remote.md section 12 expects of its examples.
        let hire = worker("06", "").status("invited").starts("2027-01-04");
        assert_eq!(now(&hire, NOON).0, Status::Pending);
        assert_eq!(
            now(&hire, "2027-02-01T12:00:00Z").0,
            Status::Pending,
            "the HR system has yet to say that it is real"
        );
        assert_eq!(now(&worker("07", "").status("archived").ends("2026-08-31"), NOON).0, Status::Terminated);
        let mut offboarded = worker("08", "").ends("2026-10-15");
        assert_eq!(now(&offboarded, NOON).0, Status::Terminated);
        offboarded = worker("08", "");
        offboarded.employment.ended = true;
        assert_eq!(now(&offboarded, NOON), (Status::Terminated, None));
        let leaving = worker("14", "").status("offboarding").ends("2026-12-31");
        assert_eq!(now(&leaving, NOON), (Status::Active, Some(at("2026-12-31T23:00:00Z"))));
    }

    #[test]
    fn the_last_day_is_worked_to_its_end_unless_the_end_is_immediate() {
        let mut leaver = worker("1", "").ends("2026-11-20");
        assert_eq!(now(&leaver, "2026-11-20T22:59:59Z").0, Status::Active);
        assert_eq!(now(&leaver, "2026-11-20T23:00:00Z").0, Status::Terminated);
        leaver.employment.immediate = true;
        assert_eq!(now(&leaver, "2026-11-19T22:59:59Z"), (Status::Active, Some(at("2026-11-19T23:00:00Z"))));
        assert_eq!(now(&leaver, "2026-11-19T23:00:00Z"), (Status::Terminated, None));
    }

    #[test]
    fn both_ends_of_a_fixed_term_fall_due() {
        let term = worker("1", "").starts("2026-12-01").ends("2026-12-31");
        assert_eq!(now(&term, NOON), (Status::Pending, Some(at("2026-11-30T23:00:00Z"))));
        assert_eq!(now(&term, "2026-11-30T23:00:00Z"), (Status::Active, Some(at("2026-12-31T23:00:00Z"))));
        assert_eq!(now(&term, "2026-12-31T23:00:00Z"), (Status::Terminated, None));
    }

    #[test]
    fn an_unknown_word_counts_as_the_one_before() {
        let garden = worker("13", "").status("on_garden_leave");
        let class = |class| status_at(&garden, &rules(), class, false, at(NOON)).map(|moment| moment.status);
        assert_eq!(class(None), None);
        assert_eq!(class(Some(StatusClass::OnLeave)), Some(Status::OnLeave));
        assert_eq!(class(Some(StatusClass::Unknown)), Some(Status::Unknown));
        let absent = status_at(&garden, &rules(), None, true, at(NOON)).unwrap();
        assert_eq!((absent.status, absent.next_due), (Status::Terminated, None));
    }
}
