//! Decides which planned changes are dangerous, and how many are too many (law 3, design section 7).

use chrono::{DateTime, TimeDelta, Utc};

use crate::dates::lifecycle::END_HORIZON_DAYS;
use crate::dates::zone::Zone;
use crate::person::{Person, Status};

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
/// An end counts once, when it enters the 30 days: neither when it moves within them, nor when it comes true as
/// planned. The end of the primary employment counts, so a person with a second job is counted too: one hold too many
/// is better than one too few.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, at, worker};

    #[test]
    fn few_leavers_pass_and_many_are_held() {
        assert!(danger(6, 24), "story 16: a quarter of the company");
        assert!(!danger(2, 3), "two may always leave");
        assert!(danger(3, 59) && !danger(3, 60), "more than 5 %");
        assert!(!danger(25, 500) && danger(26, 10_000), "more than 25 people");
        assert!(danger(usize::MAX, usize::MAX));
    }

    /// Whether it is a leaver when the status that Remote states for an active person changes.
    fn leaves(first: &str, then: &str, now: &str) -> bool {
        let said = |last: &str| {
            let known = worker("1", "a@acme.com");
            if last.is_empty() { known } else { known.ends(last) }
        };
        let mut world = World::of("2026-11-20T12:00:00Z", [said(first)]);
        world.change("1", |_| said(then));
        world.input.now = at(now);
        let decisions = world.decide();
        let (before, after) = decisions.only();
        is_leaver(before, after, at(now))
    }

    #[test]
    fn an_end_is_charged_when_it_enters_the_next_thirty_days() {
        let now = "2026-11-20T12:00:00Z";
        assert!(leaves("", "2026-12-19", now), "over at 23:00 on the thirtieth day, but an hour before noon");
        assert!(!leaves("", "2026-12-20", now));
        assert!(leaves("2027-03-31", "2026-11-30", now));
        assert!(!leaves("2026-11-30", "2026-11-25", now), "charged before");
        assert!(!leaves("2026-11-30", "", now));
        assert!(leaves("", "2026-11-18", now), "late, and at once");
    }

    #[test]
    fn an_end_that_comes_true_is_not_charged_again() {
        assert!(!leaves("2026-11-30", "2026-11-30", "2026-12-01T00:00:00Z"));
        let mut world = World::of("2026-11-20T12:00:00Z", [worker("1", "a@acme.com").ends("2026-11-30")]);
        world.change("1", |known| known.status("archived"));
        let decisions = world.decide();
        let (before, after) = decisions.only();
        assert!(is_leaver(before, after, world.input.now), "earlier than planned");
    }

    #[test]
    fn joiners_and_people_without_access_are_no_leavers() {
        let mut world = World::new("2026-11-20T12:00:00Z");
        world.say(crate::testing::REMOTE, worker("1", "a@acme.com").ends("2026-11-30"));
        let decisions = world.settle();
        assert!(!is_leaver(None, decisions.only().1, world.input.now));
        let mut world = World::of("2026-11-20T12:00:00Z", [worker("1", "a@acme.com").status("blocked")]);
        world.change("1", |known| known.status("archived"));
        let decisions = world.decide();
        let (before, after) = decisions.only();
        assert!(!is_leaver(before, after, world.input.now));
    }
}
