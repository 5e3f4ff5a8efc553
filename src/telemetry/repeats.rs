//! Counts faults that repeat. The log shows each kind once, and later how often it came again.
//!
//! ```text
//! first time ─► a line at once      again ─► counted      every minute, and when it stops ─► a line with the count
//! ```

use std::collections::BTreeMap;
use std::hash::Hash;

use chrono::{DateTime, TimeDelta, Utc};

/// How far apart the lines about a kind that goes on are.
pub(super) const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// A kind that has not come for so long has stopped.
pub(super) const QUIET: TimeDelta = TimeDelta::seconds(30);
/// How many different texts of one place in the code are kinds of their own. Further ones are counted together, so that
/// texts that differ each time (an id, a duration) cannot fill the log or the memory.
const TEXTS: usize = 64;

/// What is known of the faults of the last minute. `P` names a place in the code.
#[derive(Debug)]
pub(super) struct Repeats<P> {
    places: BTreeMap<P, BTreeMap<Text, Kind>>,
}

/// The text of the fault, or that it was one text too many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Text {
    This(String),
    Others,
}

#[derive(Clone, Debug)]
struct Kind {
    /// When a line last reported it.
    told: DateTime<Utc>,
    /// When it came last.
    last: DateTime<Utc>,
    /// How often it came since it was last reported.
    untold: u64,
    /// The text of its last occurrence.
    words: String,
}

/// A line about a kind that came again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary<P> {
    pub place: P,
    /// How often it came since the line before.
    pub times: u64,
    /// Seconds since the line before.
    pub seconds: i64,
    /// Whether it has stopped.
    pub has_stopped: bool,
    /// Its text; of several different texts, the last.
    pub words: String,
    /// Whether the texts differed.
    pub is_mixed: bool,
}

impl<P: Ord + Clone> Repeats<P> {
    pub(super) fn new() -> Self {
        Self { places: BTreeMap::new() }
    }

    /// Notes a fault. Returns whether it gets a line of its own now: the first of its kind does.
    pub(super) fn note(&mut self, place: &P, words: &str, now: DateTime<Utc>) -> bool {
        let texts = self.places.entry(place.clone()).or_default();
        let this = Text::This(words.to_owned());
        let text = if texts.contains_key(&this) || texts.len() < TEXTS { this } else { Text::Others };
        if let Some(kind) = texts.get_mut(&text) {
            kind.untold += 1;
            kind.last = now;
            words.clone_into(&mut kind.words);
            return false;
        }
        texts.insert(text, Kind { told: now, last: now, untold: 0, words: words.to_owned() });
        true
    }

    /// The lines that are due, in the order of places. What has stopped is forgotten a minute after it came last.
    pub(super) fn due(&mut self, now: DateTime<Utc>) -> Vec<Summary<P>> {
        let mut due = Vec::new();
        self.places.retain(|place, texts| {
            texts.retain(|text, kind| {
                // A clock that was set back would else keep a kind unreported until it is there again.
                kind.told = kind.told.min(now);
                kind.last = kind.last.min(now);
                let has_stopped = now - kind.last >= QUIET;
                if kind.untold > 0 && (has_stopped || now - kind.told >= WINDOW) {
                    due.push(kind.summary(place, *text == Text::Others, has_stopped, now));
                }
                now - kind.last < WINDOW
            });
            !texts.is_empty()
        });
        due
    }

    /// Everything that was not reported yet, for the end of the process.
    pub(super) fn rest(&mut self, now: DateTime<Utc>) -> Vec<Summary<P>> {
        let mut rest = Vec::new();
        for (place, texts) in &mut self.places {
            for (text, kind) in texts.iter_mut().filter(|(_, kind)| kind.untold > 0) {
                rest.push(kind.summary(place, *text == Text::Others, now - kind.last >= QUIET, now));
            }
        }
        rest
    }

    /// Whether nothing has to be reported or forgotten later.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl Kind {
    fn summary<P: Clone>(&mut self, place: &P, is_mixed: bool, has_stopped: bool, now: DateTime<Utc>) -> Summary<P> {
        let summary = Summary {
            place: place.clone(),
            times: self.untold,
            seconds: (now - self.told).num_seconds().max(0),
            has_stopped,
            words: self.words.clone(),
            is_mixed,
        };
        self.untold = 0;
        self.told = now;
        summary
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn the_first_of_a_kind_is_told_at_once_and_the_others_are_counted() {
        let mut repeats = Repeats::new();
        let told = (0..300).filter(|n| repeats.note(&"pool", "no connection", at(n / 10))).count();
        assert_eq!(told, 1);
        assert_eq!(repeats.due(at(58)), []);
        let summary = |times, seconds, has_stopped| Summary {
            place: "pool",
            times,
            seconds,
            has_stopped,
            words: "no connection".to_owned(),
            is_mixed: false,
        };
        // It came last at second 29.
        assert_eq!(repeats.due(at(60)), [summary(299, 60, true)]);
        assert_eq!(repeats.due(at(61)), []);
        assert!(!repeats.note(&"pool", "no connection", at(62)), "it is the same fault still");
        assert_eq!(repeats.due(at(91)), []);
        assert_eq!(repeats.due(at(92)), [summary(1, 32, true)]);
        assert_eq!(repeats.due(at(122)), []);
        assert!(repeats.is_empty() && repeats.note(&"pool", "no connection", at(123)), "it is a new fault");
    }

    #[test]
    fn a_fault_that_goes_on_is_told_every_minute() {
        let mut repeats = Repeats::new();
        let mut lines = 0;
        let mut times = 0;
        for second in 0..=600 {
            lines += usize::from(repeats.note(&1, "x", at(second)));
            for summary in repeats.due(at(second)) {
                assert!(!summary.has_stopped);
                lines += 1;
                times += summary.times;
            }
        }
        assert_eq!((lines, times), (11, 600));
    }

    #[test]
    fn other_faults_are_told_while_one_repeats() {
        let mut repeats = Repeats::new();
        for _ in 0..1000 {
            repeats.note(&"pool", "no connection", at(0));
        }
        assert!(repeats.note(&"pool", "the password is wrong", at(0)), "another text");
        assert!(repeats.note(&"job", "no connection", at(0)), "another place");
    }

    #[test]
    fn texts_that_differ_each_time_are_counted_together() {
        let mut repeats = Repeats::new();
        let told = (0..10_000).filter(|n| repeats.note(&"p", &format!("person {n}"), at(0))).count();
        assert_eq!(told, TEXTS + 1);
        let [summary] = repeats.due(at(60)).try_into().unwrap();
        assert!(summary.is_mixed && summary.times == 10_000 - told as u64 && summary.words == "person 9999");
    }

    #[test]
    fn what_was_not_told_is_told_at_the_end() {
        let mut repeats = Repeats::new();
        repeats.note(&1, "x", at(0));
        assert_eq!(repeats.rest(at(1)), []);
        repeats.note(&1, "x", at(1));
        assert_eq!(repeats.rest(at(2)).len(), 1);
        assert_eq!(repeats.rest(at(2)), []);
    }

    proptest! {
        /// Lines and counts together are as many as the faults were, whatever the clock does.
        #[test]
        fn every_fault_is_told_or_counted_once(
            faults in prop::collection::vec((0..3_u8, 0..3_u8, -20..90_i64), 0..60),
        ) {
            let mut repeats = Repeats::new();
            let (mut now, mut told) = (1_000, 0);
            for (place, words, wait) in &faults {
                now += wait;
                told += repeats.due(at(now)).iter().map(|summary| summary.times).sum::<u64>();
                told += u64::from(repeats.note(place, &words.to_string(), at(now)));
            }
            told += repeats.rest(at(now)).iter().map(|summary| summary.times).sum::<u64>();
            prop_assert_eq!(told, faults.len() as u64);
            repeats.due(at(now + 100));
            prop_assert!(repeats.is_empty());
        }
    }
}
