//! Finds cycles in reporting lines, and which line is suspended so that no person reports to themselves (story 20).
//! `store/people/manager_links.rs` finds the person that a manager reference means, for a whole plan at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};

use super::ids::PersonId;

/// One resolved reporting line, suspended or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    pub person: PersonId,
    pub manager: PersonId,
    /// Since when the HR system states this line.
    pub since: DateTime<Utc>,
    /// Start of the person's employment.
    pub start: Option<NaiveDate>,
    /// Decides where all else is equal, such as the source id.
    pub tie: String,
}

/// A cycle of reporting lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// From the least id upwards along the line: each reports to the next, the last to the first.
    pub people: Vec<PersonId>,
    /// The person whose edge is suspended.
    pub suspended: PersonId,
}

/// The cycles of a graph, and the youngest edge of each: the latest `since`, then the latest start, then the greatest
/// `tie`. Without these edges no person reports to themselves. If a person has several edges, the oldest counts.
#[must_use]
pub fn suspend_cycles(edges: &[Edge]) -> Vec<Cycle> {
    let mut of: BTreeMap<PersonId, &Edge> = BTreeMap::new();
    for edge in edges {
        of.entry(edge.person).and_modify(|kept| *kept = (*kept).min_by_age(edge)).or_insert(edge);
    }
    let arrows = of.iter().map(|(person, edge)| (*person, edge.manager)).collect();
    cycles(&arrows)
        .into_iter()
        .filter_map(|people| {
            let youngest = people.iter().filter_map(|person| of.get(person)).max_by_key(|edge| edge.age())?;
            Some(Cycle { suspended: youngest.person, people })
        })
        .collect()
}

impl Edge {
    fn age(&self) -> (DateTime<Utc>, Option<NaiveDate>, &str, PersonId, PersonId) {
        (self.since, self.start, &self.tie, self.person, self.manager)
    }

    fn min_by_age<'a>(&'a self, other: &'a Self) -> &'a Self {
        if other.age() < self.age() { other } else { self }
    }
}

/// Every cycle, each beginning with its least person, ordered by that person. The time grows only with the number of
/// edges, and a chain of any length needs no more stack.
#[must_use]
pub(crate) fn cycles(arrows: &BTreeMap<PersonId, PersonId>) -> Vec<Vec<PersonId>> {
    let mut found = Vec::new();
    let mut done: BTreeSet<PersonId> = BTreeSet::new();
    for start in arrows.keys() {
        let mut path = Vec::new();
        let mut place = HashMap::new();
        let mut here = *start;
        loop {
            if done.contains(&here) {
                break;
            }
            if let Some(first) = place.get(&here).copied() {
                let mut circle: Vec<PersonId> = path[first..].to_vec();
                let least = circle.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(at, _)| at);
                circle.rotate_left(least);
                found.push(circle);
                break;
            }
            place.insert(here, path.len());
            path.push(here);
            let Some(next) = arrows.get(&here) else { break };
            here = *next;
        }
        done.extend(path);
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> PersonId {
        PersonId(Uuid::from_u128(number))
    }

    fn edge(person: u128, manager: u128, since: &str) -> Edge {
        let since = since.parse().unwrap();
        Edge { person: id(person), manager: id(manager), since, start: None, tie: person.to_string() }
    }

    #[test]
    fn the_youngest_edge_of_a_circle_is_suspended() {
        let (old, new) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let found = suspend_cycles(&[edge(1, 2, new), edge(2, 1, old), edge(3, 1, new)]);
        assert_eq!(found, [Cycle { people: vec![id(1), id(2)], suspended: id(1) }]);
    }

    #[test]
    fn edges_of_one_age_are_told_apart_by_start_and_then_by_tie() {
        let old = "2026-01-01T00:00:00Z";
        let mut edges = [edge(1, 2, old), edge(2, 1, old)];
        assert_eq!(suspend_cycles(&edges)[0].suspended, id(2));
        edges[0].start = Some("2021-06-01".parse().unwrap());
        edges[1].start = Some("2021-01-11".parse().unwrap());
        assert_eq!(suspend_cycles(&edges)[0].suspended, id(1));
    }

    #[test]
    fn who_reports_to_themselves_has_no_manager() {
        assert_eq!(suspend_cycles(&[edge(1, 1, "2026-01-01T00:00:00Z")])[0].suspended, id(1));
    }

    #[test]
    fn a_line_of_a_hundred_thousand_needs_no_deep_stack() {
        let edges: Vec<Edge> = (0..100_000).map(|n| edge(n, (n + 1) % 100_000, "2026-01-01T00:00:00Z")).collect();
        let found = suspend_cycles(&edges);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].people.len(), 100_000);
    }

    fn graph() -> impl Strategy<Value = Vec<Edge>> {
        let one = (0..12_u128, 0..12_u128, 0..3_i64, 0..3_u64);
        prop::collection::vec(one, 0..14).prop_map(|edges| {
            edges
                .into_iter()
                .map(|(person, manager, since, start)| Edge {
                    person: id(person),
                    manager: id(manager),
                    since: DateTime::from_timestamp(since, 0).unwrap(),
                    start: (start > 0).then(|| NaiveDate::default() + chrono::Days::new(start)),
                    tie: person.to_string(),
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn without_suspended_edges_no_line_returns_to_its_beginning(edges in graph()) {
            let found = suspend_cycles(&edges);
            let mut arrows: BTreeMap<PersonId, &Edge> = BTreeMap::new();
            for edge in &edges {
                arrows.entry(edge.person).and_modify(|kept| *kept = (*kept).min_by_age(edge)).or_insert(edge);
            }
            for cycle in &found {
                prop_assert!(cycle.people.contains(&cycle.suspended));
                for (at, person) in cycle.people.iter().enumerate() {
                    prop_assert_eq!(arrows[person].manager, cycle.people[(at + 1) % cycle.people.len()]);
                }
            }
            for cycle in &found {
                arrows.remove(&cycle.suspended);
            }
            for start in arrows.keys() {
                let mut here = *start;
                for _ in 0..=arrows.len() {
                    match arrows.get(&here) {
                        Some(edge) => here = edge.manager,
                        None => break,
                    }
                }
                prop_assert!(!arrows.contains_key(&here));
            }
        }

        #[test]
        fn the_order_of_edges_does_not_matter(edges in graph(), by in 0..14_usize) {
            let mut turned = edges.clone();
            turned.reverse();
            let middle = by.min(turned.len());
            turned.rotate_left(middle);
            prop_assert_eq!(suspend_cycles(&edges), suspend_cycles(&turned));
        }
    }
}
