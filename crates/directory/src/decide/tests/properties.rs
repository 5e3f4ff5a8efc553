use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::attribute::Unit;
use crate::authority::Authority;
use crate::ids::{ConnectionId, SourceId};
use crate::merge::EffectiveRecord;
use crate::person::Person;
use crate::worker::Worker;

#[derive(Clone, Debug)]
struct Saying {
    connection: bool,
    id: u8,
    email: u8,
    name: u8,
    birth: u8,
    kind: u8,
    status: u8,
    start: u8,
    end: u8,
    absent: bool,
}

fn sayings(most: usize) -> impl Strategy<Value = Vec<Saying>> {
    let words = (any::<bool>(), 0..5_u8, 0..7_u8, 0..4_u8, 0..4_u8);
    let facts = (0..6_u8, 0..12_u8, 0..5_u8, 0..6_u8, 0..12_u8);
    let one = (words, facts).prop_map(|((connection, id, email, name, birth), (kind, status, start, end, absent))| {
        Saying { connection, id, email, name, birth, kind, status, start, end, absent: absent == 0 }
    });
    prop::collection::vec(one, 0..most)
}

impl Saying {
    fn worker(&self) -> Worker {
        let email = ["a@x.com", "A@X.com", "b@x.com", "c@x.com", "d@x.com", "", "bad"][usize::from(self.email)];
        let mut said = worker(&self.id.to_string(), email);
        said.full_name =
            [None, Some("Ana Silva"), Some("Ana Costa"), Some("Bo Lind")][usize::from(self.name)].map(str::to_owned);
        said.birth_date = [None, None, Some("1990-02-11"), Some("1971-09-30")][usize::from(self.birth)]
            .map(|date| date.parse().unwrap());
        said.employment.worker_type = if self.kind == 0 { "weird" } else { "Contractor" }.to_owned();
        let statuses = ["weird", "archived", "invited", "blocked", "leave"];
        said.employment.status = statuses.get(usize::from(self.status)).unwrap_or(&"active").to_string();
        said.employment.start = [None, Some("2020-01-01"), Some("2024-01-01"), Some("2026-12-01"), Some("2027-06-01")]
            [usize::from(self.start)]
        .map(|date| date.parse().unwrap());
        said.employment.last_day = [Some("2026-11-01"), Some("2026-11-25")]
            .get(usize::from(self.end))
            .copied()
            .flatten()
            .map(|date| date.parse().unwrap());
        // Two units of the employment and two of the human, of which each worker has some.
        let word = format!("{} of {}", self.id, if self.connection { "Remote" } else { "Justworks" });
        let units = [(self.start, "title"), (self.kind, "team"), (self.birth, "nickName"), (self.name, "locale")];
        for (_, unit) in units.into_iter().filter(|(dice, _)| *dice > 0) {
            said = said.with(unit, &word);
        }
        if self.email == 2 { said.reports_to("1") } else { said }
    }

    fn tell(&self, world: &mut World) {
        let connection = if self.connection { REMOTE } else { JUSTWORKS };
        world.say(connection, self.worker());
        let key = WorkerKey { connection, source_id: SourceId(self.id.to_string()) };
        let known = world.input.workers.iter_mut().find(|known| known.key == key).unwrap();
        known.absent = self.absent;
    }
}

/// Orders of some units, among them units that no worker has and units that have no order.
fn orders() -> impl Strategy<Value = Vec<(&'static str, Vec<ConnectionId>)>> {
    let units =
        vec!["title", "team", "name", "locale", "birthDate", "manager", "country", "shoeSize", "status", "type"];
    let named = prop::sample::select(vec![vec![], vec![REMOTE], vec![JUSTWORKS], vec![JUSTWORKS, REMOTE]]);
    prop::collection::vec((prop::sample::select(units), named), 0..4)
}

fn order(world: &mut World, orders: &[(&'static str, Vec<ConnectionId>)]) {
    let orders: Vec<(&str, &[ConnectionId])> = orders.iter().map(|(unit, named)| (*unit, named.as_slice())).collect();
    world.order(&orders);
}

/// A world after some rounds of statements, with the statements of one more round not yet decided.
fn worlds() -> impl Strategy<Value = World> {
    (prop::collection::vec(sayings(8), 1..5), orders(), orders()).prop_map(|(rounds, first, then)| {
        let mut world = World::new(NOON);
        order(&mut world, &first);
        let last = rounds.len() - 1;
        for (number, round) in rounds.iter().enumerate() {
            for saying in round {
                saying.tell(&mut world);
            }
            if number < last {
                world.settle();
                world.input.now += TimeDelta::days(2);
                order(&mut world, &then);
            }
        }
        world
    })
}

/// An outcome without what may differ between a first and a second decision: the ids of new people, the text of
/// reasons.
fn gist(decisions: &Decisions) -> Vec<(WorkerKey, u8)> {
    let number = |outcome: &Outcome| match outcome {
        Outcome::Published { .. } => 0,
        Outcome::Withheld => 1,
        Outcome::Excluded { .. } => 2,
    };
    decisions.workers.iter().map(|decision| (decision.key.clone(), number(&decision.outcome))).collect()
}

proptest! {
    #[test]
    fn deciding_twice_changes_nothing(mut world in worlds()) {
        let first = world.settle();
        let second = world.decide();
        prop_assert_eq!(&second.people, &Vec::new());
        prop_assert_eq!(gist(&first), gist(&second));
        let links = second.workers.iter().any(|decision| link_of(&second, &decision.key).is_some());
        prop_assert!(!links);
    }

    #[test]
    fn the_order_of_workers_and_people_does_not_matter(world in worlds(), by in 0..10_usize) {
        let mut turned = world.clone();
        turned.input.workers.reverse();
        let middle = by.min(turned.input.workers.len());
        turned.input.workers.rotate_left(middle);
        turned.input.people.reverse();
        prop_assert_eq!(world.decide(), turned.decide());
    }

    #[test]
    fn an_order_that_names_nobody_is_as_good_as_none_and_for_the_human_the_default_one_too(
        mut world in worlds(),
        (unit, named) in prop::sample::select(vec![
            ("title", vec![]), ("manager", vec![]), ("name", vec![]),
            ("name", vec![REMOTE]), ("locale", vec![REMOTE, JUSTWORKS]),
        ]),
    ) {
        world.input.authority = Authority::default();
        let without = world.decide();
        order(&mut world, &[(unit, named)]);
        prop_assert_eq!(without, world.decide());
    }

    #[test]
    fn an_order_touches_its_unit_alone_and_going_back_restores(mut world in worlds(), by in 0..2_usize) {
        world.input.authority = Authority::default();
        world.settle();
        let people = |world: &World| -> Vec<Person> {
            world.input.people.iter().map(|known| known.person.clone()).collect()
        };
        let before = people(&world);
        let unit = ["title", "locale"][by];
        order(&mut world, &[(unit, vec![JUSTWORKS])]);
        world.settle();
        for (before, after) in before.iter().zip(people(&world)) {
            let mut alike = after.clone();
            let put = |alike: &mut Person| {
                alike.attributes.remove(unit);
                alike.provenance.remove(&Unit::named(unit));
            };
            let mut before = before.clone();
            put(&mut before);
            put(&mut alike);
            prop_assert_eq!(before, alike);
        }
        order(&mut world, &[]);
        world.settle();
        let values = |people: Vec<Person>| people.into_iter().map(|person| person.attributes).collect::<Vec<_>>();
        prop_assert_eq!(values(before), values(people(&world)));
    }

    #[test]
    fn everybody_is_decided_once_and_every_question_is_said(world in worlds()) {
        let decisions = world.decide();
        let keys: BTreeSet<_> = decisions.workers.iter().map(|decision| &decision.key).collect();
        prop_assert_eq!(keys.len(), world.input.workers.len());
        prop_assert_eq!(decisions.workers.len(), world.input.workers.len());
        for decision in &decisions.workers {
            match &decision.outcome {
                Outcome::Withheld => prop_assert!(!decision.reviews.is_empty()),
                Outcome::Excluded { .. } => prop_assert!(decision.reviews.is_empty()),
                Outcome::Published { accepted, .. } => prop_assert!(accepted.is_none() || !decision.reviews.is_empty() || decision_left(&world, &decision.key) || ended_before(&world, &decision.key)),
            }
        }
    }

    #[test]
    fn nobody_loses_an_id_or_a_link_and_no_two_have_one_email(mut world in worlds()) {
        let links: Vec<_> = world.input.workers.iter().map(|known| (known.key.clone(), known.link.clone())).collect();
        let people: BTreeSet<PersonId> = world.input.people.iter().map(|known| known.id).collect();
        let decisions = world.settle();
        for (key, link) in links {
            if let Some(link) = link {
                let kept = matches!(decisions.outcome(&key), Outcome::Published { person, link: None, .. } if *person == link.person);
                prop_assert!(kept);
            }
        }
        let after: BTreeSet<PersonId> = world.input.people.iter().map(|known| known.id).collect();
        prop_assert!(people.is_subset(&after));
        let emails: BTreeSet<_> = world.input.people.iter().map(|known| known.person.work_email.key().clone()).collect();
        prop_assert_eq!(emails.len(), world.input.people.len());
    }

    #[test]
    fn no_person_ends_before_they_begin(world in worlds()) {
        for planned in &world.decide().people {
            let employment = &planned.after.employment;
            prop_assert!(employment.last_day.zip(employment.start).is_none_or(|(end, start)| end >= start));
        }
    }

    #[test]
    fn nobody_takes_an_email_that_was_another_persons(world in worlds()) {
        let decisions = world.decide();
        for planned in &decisions.people {
            if let Some(holder) = world.input.holders.get(planned.after.work_email.key()) {
                prop_assert!(holder.person == planned.id || planned.swap_group.is_some());
            }
        }
    }

    #[test]
    fn an_unrelated_worker_changes_nobody_else(mut world in worlds(), mut other in sayings(2)) {
        let alone = world.decide();
        for saying in &mut other {
            saying.id += 100;
            let mut said = saying.worker();
            said.work_email = Some("unrelated@x.com".to_owned());
            world.say(REMOTE, said);
        }
        let together = world.decide();
        let theirs = |(key, _): &(WorkerKey, u8)| key.source_id.0.len() < 3;
        prop_assert_eq!(gist(&alone), gist(&together).into_iter().filter(theirs).collect::<Vec<_>>());
        let changes = |decisions: &Decisions| -> Vec<_> {
            let people = decisions.people.iter().filter(|planned| planned.after.source.source_id.0.len() < 3);
            people.map(|planned| (planned.before.clone(), planned.after.clone())).collect::<Vec<_>>()
        };
        let (mut alone, mut together) = (changes(&alone), changes(&together));
        let order = |(_, after): &(Option<Box<crate::person::Person>>, Box<crate::person::Person>)| {
            after.work_email.key().clone()
        };
        alone.sort_by_key(order);
        together.sort_by_key(order);
        prop_assert_eq!(alone, together);
    }
}

/// An end from before the start is left out without a question.
fn ended_before(world: &World, key: &WorkerKey) -> bool {
    let known = world.input.workers.iter().find(|known| known.key == *key);
    let employment = known.map(|known| &known.statement.employment);
    employment.and_then(|own| own.last_day.zip(own.start)).is_some_and(|(end, start)| end < start)
}

fn decision_left(world: &World, key: &WorkerKey) -> bool {
    let known = world.input.workers.iter().find(|known| known.key == *key).unwrap();
    let rules = &world.input.connections[0].rules;
    let taken = EffectiveRecord::for_published(known, rules, None, world.input.now);
    taken.moment.status == Status::Terminated
}
