//! Logs which of the possible shapes Justworks really uses. The shapes of many fields are published nowhere. The log
//! gets the shapes that we know of a first live connection, and the number of keys that we do not know. Names of
//! unknown keys are not logged, since a map can have names of people as its keys.

use std::collections::{BTreeMap, BTreeSet};

/// No log line gets longer than these many names.
const MOST_NAMES: usize = 50;
const LONGEST_NAME: usize = 40;

/// What was met while reading, without any value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The shapes that were met where there are several, such as `emails[].address`.
    pub(super) shapes: BTreeSet<&'static str>,
    /// Names of undocumented keys.
    pub(super) unknown_keys: BTreeSet<String>,
    /// There are more of them than are kept, or their names resemble values.
    pub(super) more_unknown_keys: bool,
}

impl Notes {
    pub(super) fn shape(&mut self, shape: &'static str) {
        self.shapes.insert(shape);
    }

    /// Notes a key below `path` (empty, or ending with a dot). A key that does not have the form of a field's name may
    /// be a value, such as an email address that is the key of a map.
    pub(super) fn unknown(&mut self, path: &str, key: &str) {
        let is_name = !key.is_empty()
            && key.len() <= LONGEST_NAME
            && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && key.bytes().any(|b| b.is_ascii_lowercase());
        if is_name && self.unknown_keys.len() < MOST_NAMES {
            self.unknown_keys.insert(format!("{path}{key}"));
        } else {
            self.more_unknown_keys = true;
        }
    }

    /// Writes the notes to the log, once for a reading.
    pub(super) fn tell(&self) {
        let list = |names: Vec<&str>| names.join(", ");
        let shapes = list(self.shapes.iter().copied().collect());
        tracing::info!(%shapes, "Justworks' records came in these shapes: {shapes}");
        if !self.unknown_keys.is_empty() || self.more_unknown_keys {
            let mut places: BTreeMap<&str, usize> = BTreeMap::new();
            for key in &self.unknown_keys {
                // The path in front of the key is ours.
                *places.entry(key.rsplit_once('.').map_or("the record", |(path, _)| path)).or_default() += 1;
            }
            let keys: Vec<String> = places.iter().map(|(place, keys)| format!("{keys} in {place}")).collect();
            let keys = keys.join(", ");
            let more = if self.more_unknown_keys { " and others" } else { "" };
            tracing::info!(%keys, "Justworks' records have keys that are not known and not read: {keys}{more}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_and_what_may_be_a_value_is_not() {
        let mut notes = Notes::default();
        for key in ["shoe_size", "ana@acme.com", "Ana", "1990-02-11", "", "_", &"x".repeat(41)] {
            notes.unknown("name.", key);
        }
        assert_eq!(notes.unknown_keys, ["name.shoe_size".to_owned()].into());
        assert!(notes.more_unknown_keys);
        let mut many = Notes::default();
        ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("{a}{b}"))).for_each(|key| many.unknown("", &key));
        assert_eq!(many.unknown_keys.len(), MOST_NAMES);
    }
}
