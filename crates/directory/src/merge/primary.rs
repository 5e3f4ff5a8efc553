//! Which employment of a person leads, and what decided it: for whoever asks why the title of one job shows and not that
//! of the other (story 11).

use std::cmp::Reverse;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::EffectiveRecord;
use crate::ids::{SourceId, WorkerKey};
use crate::person::{Person, Status};
use crate::plan::{ConnectionFacts, KnownWorker};
use crate::worker::Worker;

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

/// The leading employment of a person and why it leads. `workers` are the person's, `connections` in the default order.
#[must_use]
pub fn leading(
    person: &Person,
    workers: &[KnownWorker],
    connections: &[ConnectionFacts],
    now: DateTime<Utc>,
) -> Option<(WorkerKey, PrimaryReason)> {
    let mut ranked: Vec<(Rank, &WorkerKey)> = workers
        .iter()
        .filter_map(|known| {
            let (place, facts) = connections.iter().enumerate().find(|(_, facts)| facts.id == known.key.connection)?;
            let taken = EffectiveRecord::for_published(known, &facts.rules, Some(person), now);
            Some((Rank::of(&taken.worker, taken.moment.status, place), &known.key))
        })
        .collect();
    ranked.sort();
    let mut ranked = ranked.into_iter();
    let (first, key) = ranked.next()?;
    let because = ranked.next().map_or(PrimaryReason::Only, |(second, _)| first.before(&second));
    Some((key.clone(), because))
}

/// The place of an employment among the others of one human; the least leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    phase: u8,
    /// Of ended employments the one that ended last. Without a last day it ended no earlier than it began.
    ended: Reverse<Option<NaiveDate>>,
    share: Reverse<u8>,
    start: (bool, Option<NaiveDate>),
    place: usize,
    source_id: SourceId,
}

impl Rank {
    /// What puts this one before another: the first difference.
    pub(super) fn before(&self, other: &Self) -> PrimaryReason {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{JUSTWORKS, World, at, worker};

    const NOON: &str = "2026-11-20T12:00:00Z";

    fn why(world: &World) -> (String, PrimaryReason) {
        let person = &world.person("1").person;
        let (key, because) = leading(person, &world.input.workers, &world.input.connections, at(NOON)).unwrap();
        (key.source_id.0, because)
    }

    #[test]
    fn the_first_difference_in_the_order_of_story_11_is_the_reason() {
        let one = || worker("1", "a@acme.com").born("1990-02-11").starts("2024-01-01");
        let other = || worker("2", "a@acme.com").born("1990-02-11").starts("2024-01-01");
        let with = |other| {
            let mut world = World::of(NOON, [one()]);
            world.say(JUSTWORKS, other);
            world.settle();
            why(&world)
        };
        assert_eq!(why(&World::of(NOON, [one()])), ("1".to_owned(), PrimaryReason::Only));
        assert_eq!(with(other().ends("2026-11-01")), ("1".to_owned(), PrimaryReason::Status));
        assert_eq!(with(other().share(20)), ("1".to_owned(), PrimaryReason::LargerShare));
        assert_eq!(with(other().starts("2020-01-01")), ("2".to_owned(), PrimaryReason::EarlierStart));
        assert_eq!(with(other()), ("1".to_owned(), PrimaryReason::Connection));
    }
}
