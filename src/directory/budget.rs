//! Which planned changes are dangerous, and how many are too many (law 3, design section 7).

use chrono::{DateTime, TimeDelta, Utc};

use super::lifecycle::END_HORIZON_DAYS;
use super::person::{Person, Status};
use super::zone::Zone;

/// Fewer leavers than this are never held: a small company loses two people without asking.
const LEAVERS_AT_LEAST: usize = 3;
/// More leavers than this share of the active people, in percent, are held.
const LEAVERS_SHARE: u128 = 5;
/// More leavers than this are held whatever their share.
const LEAVERS_AT_MOST: usize = 25;

/// Whether so many leavers are to be held for an admin. `active_before` counts the connection's active people before
/// the first of them left.
#[must_use]
pub fn danger(leavers: usize, active_before: usize) -> bool {
    leavers >= LEAVERS_AT_LEAST
        && (leavers as u128 * 100 > LEAVERS_SHARE * active_before as u128 || leavers > LEAVERS_AT_MOST)
}

/// Whether a change counts against the budget of leavers: it deactivates an active person, or sets or moves an end into
/// the next 30 days.
///
/// An end is charged once, when it enters: neither when it moves within the 30 days, nor when it comes true as planned.
/// What is looked at is the primary employment's end, so that somebody with a second job is counted too: rather held
/// once too often.
#[must_use]
pub fn is_leaver(before: Option<&Person>, after: &Person, now: DateTime<Utc>) -> bool {
    let Some(before) = before.filter(|before| before.active) else {
        return false;
    };
    let end_of = |person: &Person| person.employment.last_day.map(|day| Zone::of_person(person).end_of_day(day));
    if !after.active {
        let as_planned = before.source.key() == after.source.key()
            && before.employment.last_day == after.employment.last_day
            && after.employment.status == Status::Terminated
            && end_of(after).is_some_and(|end| end <= now);
        return !as_planned;
    }
    let near = now + TimeDelta::days(END_HORIZON_DAYS);
    let is_near = |end: Option<DateTime<Utc>>| end.is_some_and(|end| end <= near);
    is_near(end_of(after)) && !is_near(end_of(before))
}
