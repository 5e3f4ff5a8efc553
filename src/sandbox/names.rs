//! Makes the names of made-up humans, and the mailboxes that go with them.

use super::dice::Dice;
use super::words;

/// The purpose of [`Dice`].
const NAMES: u64 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) full: String,
    pub(super) given: String,
    pub(super) surname: Option<String>,
}

impl Name {
    pub(super) fn new(given: &str, surname: &str) -> Self {
        Self { full: format!("{given} {surname}"), given: given.to_owned(), surname: Some(surname.to_owned()) }
    }
}

/// The `index`th human of a seed: the name, and a mailbox that no other of these humans has.
pub(super) fn human(seed: u64, index: u32) -> (Name, String) {
    named(place(seed, u64::from(index)), index / pairs(), ".")
}

/// The `index`th of the humans of a seed that only the second vendor knows. They take their names from the other end of
/// the walk through all names, and no mailbox of theirs is one of [`human`]'s.
pub(super) fn stranger(seed: u64, index: u32) -> (Name, String) {
    let from_the_end = u64::from(pairs() - 1 - index % pairs());
    named(place(seed, from_the_end), index / pairs(), "-")
}

/// How many pairs of a given name and a surname there are.
fn pairs() -> u32 {
    u32::try_from(words::GIVEN.len() * words::SURNAMES.len()).expect("the lists of names are short")
}

/// The pair of names at a step of the walk. 7919 shares no factor with the number of pairs: a walk of that stride meets
/// every pair once.
fn place(seed: u64, step: u64) -> usize {
    let start = u64::from(Dice::of(seed, 0, NAMES).below(pairs()));
    usize::try_from((step * 7919 + start) % u64::from(pairs())).expect("smaller than the number of pairs")
}

/// A human of a later `round` has a number in the mailbox.
fn named(pair: usize, round: u32, joint: &str) -> (Name, String) {
    let (given, surname) = (words::GIVEN[pair % words::GIVEN.len()], words::SURNAMES[pair / words::GIVEN.len()]);
    let mut mailbox = format!("{}{joint}{}", words::slug(given), words::slug(surname));
    if round > 0 {
        mailbox.push_str(&(round + 1).to_string());
    }
    (Name::new(given, surname), mailbox)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_humans_of_a_seed_have_the_same_mailbox() {
        let humans = (0..30_000).map(|index| human(7, index).1);
        let strangers = (0..30_000).map(|index| stranger(7, index).1);
        assert_eq!(humans.chain(strangers).collect::<BTreeSet<_>>().len(), 60_000);
    }

    #[test]
    fn a_small_company_shares_no_name_with_its_strangers() {
        let humans: BTreeSet<_> = (0..2000).map(|index| human(1, index).0.full).collect();
        assert_eq!(humans.len(), 2000);
        assert!((0..2000).all(|index| !humans.contains(&stranger(1, index).0.full)));
    }
}
