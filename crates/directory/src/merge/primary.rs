//! Explains which employment of a person leads and what decided it: an admin can see why the title of one job shows and
//! not that of the other (story 11).

use chrono::{DateTime, Utc};

use super::EffectiveRecord;
use super::effective::PrimaryReason;
use super::effective::Rank;
use crate::ids::WorkerKey;
use crate::person::Person;
use crate::plan::{ConnectionFacts, KnownWorker};

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
