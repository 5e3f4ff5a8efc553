//! Circles among people of whom each points to at most one other: reporting lines, and emails that are exchanged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ids::PersonId;

/// Every circle, each beginning with its least person, ordered by that person. Time grows with the number of arrows
/// alone, and a chain of any length needs no more stack.
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
