//! Reads the fields of one record of a worker. The reader gets, for each field, a value or none. Fields that cannot be
//! read and keys that are missing are collected on the way (law 2).

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::Value;

use super::field::{Read, found, read_code, read_country, read_date, read_exact, read_flag, read_text};
use crate::directory::email::Email;
use crate::directory::worker::Worker;
use crate::directory::worker::unreadable::{Gap, Slot, Unreadable};

pub(super) const A_TEXT: &str = "a text of at most 1,000 characters";
pub(super) const A_CODE: &str = "a text of at most 1,000 characters, or a whole number";
pub(super) const A_DATE: &str = "a date (YYYY-MM-DD, from 1900 on)";
pub(super) const A_FLAG: &str = "true or false";
pub(super) const A_COUNTRY: &str = "a country code (ISO 3166-1, two letters or three)";
pub(super) const AN_ADDRESS: &str = "an email address";
pub(super) const AN_OBJECT: &str = "an object";
pub(super) const A_LIST: &str = "a list";

/// Reads the fields of one record and remembers what could not be read.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    record: &'a Value,
    unreadable: Vec<Unreadable>,
    missing: Vec<Gap>,
    /// The HR system leaves out a key that has no value.
    omits_empty: bool,
}

impl<'a> Fields<'a> {
    /// `omits_empty`: the HR system leaves out a key that has no value, so that a missing key is no change of shape by
    /// itself.
    pub(super) fn of(record: &'a Value, omits_empty: bool) -> Self {
        Self { record, unreadable: Vec::new(), missing: Vec::new(), omits_empty }
    }

    /// A text for people; see [`read_text`].
    pub(super) fn text(&mut self, path: &str, slots: &[Slot]) -> Option<String> {
        self.read(path, slots, A_TEXT, read_text)
    }

    /// An address of a mailbox as it is, usable or not; see [`read_exact`].
    pub(super) fn address(&mut self, path: &str, slots: &[Slot]) -> Option<String> {
        self.read(path, slots, A_TEXT, read_exact)
    }

    /// The address of a manager. An address that cannot be a mailbox's matches no person. It is ignored where an id
    /// names the manager, and else cannot be read.
    pub(super) fn manager_address(&mut self, path: &str, is_named: bool) -> Option<String> {
        let value = self.at(path, &[Slot::Manager])?;
        self.manager_address_in(path, value, is_named)
    }

    /// [`Self::manager_address`] of a value that was reached already.
    pub(super) fn manager_address_in(&mut self, field: &str, value: &Value, is_named: bool) -> Option<String> {
        let slots: &[Slot] = if is_named { &[] } else { &[Slot::Manager] };
        let address = self.value(field, value, slots, AN_ADDRESS, read_exact)?;
        if Email::parse(&address).is_ok() {
            return Some(address);
        }
        if !is_named {
            self.refuse(field, &[Slot::Manager], value, AN_ADDRESS);
        }
        None
    }

    pub(super) fn code(&mut self, path: &str, slots: &[Slot]) -> Option<String> {
        self.read(path, slots, A_CODE, read_code)
    }

    pub(super) fn date(&mut self, path: &str, slots: &[Slot]) -> Option<NaiveDate> {
        self.read(path, slots, A_DATE, read_date)
    }

    pub(super) fn flag(&mut self, path: &str, slots: &[Slot]) -> Option<bool> {
        self.read(path, slots, A_FLAG, read_flag)
    }

    pub(super) fn country(&mut self, path: &str, slots: &[Slot]) -> Option<String> {
        self.read(path, slots, A_COUNTRY, read_country)
    }

    /// An object that may hold fields; `None` where there is none. With `keys`, one of them has to be there: an object
    /// with other keys alone says something that we do not understand.
    pub(super) fn object(&mut self, path: &str, slots: &[Slot], keys: &[&str]) -> Option<&'a Value> {
        let value = self.at(path, slots)?;
        let is_known = |members: &serde_json::Map<String, Value>| {
            keys.is_empty() || keys.iter().any(|key| members.contains_key(*key))
        };
        match value {
            Value::Object(members) if is_known(members) => Some(value),
            Value::Object(_) => {
                self.refuse(path, slots, value, &format!("an object with `{}`", keys.join("` or `")));
                None
            }
            _ => {
                self.refuse(path, slots, value, AN_OBJECT);
                None
            }
        }
    }

    /// A list; none where there is none.
    pub(super) fn list(&mut self, path: &str, slots: &[Slot]) -> &'a [Value] {
        match self.at(path, slots) {
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.refuse(path, slots, other, A_LIST);
                &[]
            }
            None => &[],
        }
    }

    /// The value at a path of keys with dots between them. `None` where it is missing or null, and where something on
    /// the way is no object, which is then noted.
    pub(super) fn at(&mut self, path: &str, slots: &[Slot]) -> Option<&'a Value> {
        let mut value = self.record;
        let mut end = 0;
        for key in path.split('.') {
            match value {
                Value::Object(members) => {
                    end += key.len() + usize::from(end > 0);
                    let Some(inner) = members.get(key) else {
                        self.note_missing(&path[..end], slots);
                        return None;
                    };
                    value = inner;
                }
                Value::Null => return None,
                other => {
                    self.refuse(&path[..end], slots, other, AN_OBJECT);
                    return None;
                }
            }
        }
        Some(value).filter(|value| !value.is_null())
    }

    /// Notes that a field cannot be read. One that fills nothing is not noted: no worker's publication depends on it.
    pub(super) fn refuse(&mut self, field: &str, slots: &[Slot], value: &Value, expected: &str) {
        if slots.is_empty() {
            return;
        }
        if let Some(known) = self.unreadable.iter_mut().find(|known| known.field == field) {
            known.slots.extend(slots.iter().cloned());
            return;
        }
        self.unreadable.push(Unreadable {
            field: field.to_owned(),
            slots: slots.iter().cloned().collect(),
            found: found(value),
            expected: expected.to_owned(),
        });
    }

    /// Reads a value that was reached otherwise than by a path of keys, such as one in a list.
    pub(super) fn value<T>(
        &mut self,
        field: &str,
        value: &Value,
        slots: &[Slot],
        expected: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<T> {
        read(value).unwrap_or_else(|_| {
            self.refuse(field, slots, value, expected);
            None
        })
    }

    /// Gives a worker what was noted.
    pub(super) fn conclude(self, worker: &mut Worker) {
        worker.unreadable = self.unreadable;
        worker.unreadable.sort();
        worker.missing = self.missing;
    }

    /// Takes a missing key for one that may be missing in some answers and not in others.
    pub(super) fn forgive_missing(&mut self, field: &str) {
        self.missing.retain(|gap| gap.field != field);
    }

    /// Names the keys that the HR system never leaves out, also where it leaves out others.
    pub(super) fn require(&mut self, fields: &[&str]) {
        for gap in &mut self.missing {
            gap.optional &= !fields.contains(&gap.field.as_str());
        }
    }

    fn read<T>(
        &mut self,
        path: &str,
        slots: &[Slot],
        expected: &str,
        read: impl FnOnce(&Value) -> Read<T>,
    ) -> Option<T> {
        let value = self.at(path, slots)?;
        self.value(path, value, slots, expected, read)
    }

    fn note_missing(&mut self, field: &str, slots: &[Slot]) {
        if slots.is_empty() {
            return;
        }
        if let Some(known) = self.missing.iter_mut().find(|known| known.field == field) {
            known.slots.extend(slots.iter().cloned());
            return;
        }
        let slots: BTreeSet<Slot> = slots.iter().cloned().collect();
        self.missing.push(Gap { field: field.to_owned(), slots, optional: self.omits_empty });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::directory::attribute::name;

    const TITLE: Slot = Slot::attribute(name::TITLE);

    #[test]
    fn a_value_is_there_or_absent_or_noted() {
        let record = json!({"a": " x ", "b": null, "c": {"d": 5}, "e": "y", "f": 7});
        let mut fields = Fields::of(&record, false);
        assert_eq!(fields.text("a", &[TITLE]).as_deref(), Some("x"));
        for path in ["b", "z", "c.d", "c.z", "e.z.y", "b.z"] {
            assert_eq!(fields.text(path, &[TITLE]), None, "{path}");
        }
        assert_eq!(fields.text("f", &[]), None);
        assert_eq!(fields.date("e", &[Slot::Start]), None);
        let mut worker = Worker::default();
        fields.conclude(&mut worker);
        let noted: Vec<(&str, &str, usize)> =
            worker.unreadable.iter().map(|one| (&*one.field, &*one.found, one.slots.len())).collect();
        assert_eq!(noted, [("c.d", "a number", 1), ("e", "a text of 1 character", 2)]);
        let missing: Vec<&str> = worker.missing.iter().map(|gap| &*gap.field).collect();
        assert_eq!(missing, ["z", "c.z"]);
    }

    #[test]
    fn a_container_of_another_shape_is_noted_once_with_all_that_it_would_fill() {
        let record = json!({"name": 5, "department": {"a": 1}, "emails": "x"});
        let mut fields = Fields::of(&record, true);
        fields.text("name.given_name", &[Slot::attribute(name::GIVEN_NAME)]);
        fields.text("name.family_name", &[Slot::attribute(name::FAMILY_NAME)]);
        assert_eq!(fields.object("department", &[TITLE], &["id", "name"]), None);
        assert!(fields.list("emails", &[Slot::WorkEmail]).is_empty());
        let mut worker = Worker::default();
        fields.conclude(&mut worker);
        let noted: Vec<(&str, usize)> = worker.unreadable.iter().map(|one| (&*one.field, one.slots.len())).collect();
        assert_eq!(noted, [("department", 1), ("emails", 1), ("name", 2)]);
    }
}
