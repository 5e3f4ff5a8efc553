//! Values of a record that are present and cannot be read. Such a value is neither absent nor a reason to stop others
//! (law 2): the unit that it feeds keeps its last good value, and a review item names the field, never the value.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::attribute::{Unit, unit_of};

/// A place of a [`Worker`](super::Worker) that a field of an HR system's record fills.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Slot {
    WorkEmail,
    LoginEmail,
    FullName,
    BirthDate,
    WorkerType,
    Status,
    Start,
    OriginalStart,
    PlannedEnd,
    LastDay,
    /// That the employment is over, without a date.
    Ended,
    Manager,
    /// One of [`Worker::attributes`](super::Worker::attributes), by its name.
    Attribute(Cow<'static, str>),
}

impl Slot {
    /// The slot of an attribute, by one of the names of [`crate::attribute::name`].
    #[must_use]
    pub const fn attribute(name: &'static str) -> Self {
        Self::Attribute(Cow::Borrowed(name))
    }

    /// The unit that is taken as a whole and that this slot is a part of.
    #[must_use]
    pub fn unit(&self) -> Unit {
        Unit::named(match self {
            Self::WorkEmail | Self::LoginEmail => Unit::WORK_EMAIL,
            Self::FullName => Unit::NAME,
            Self::BirthDate => Unit::BIRTH_DATE,
            Self::WorkerType => Unit::TYPE,
            Self::Status | Self::Start | Self::OriginalStart | Self::PlannedEnd | Self::LastDay | Self::Ended => {
                Unit::STATUS
            }
            Self::Manager => Unit::MANAGER,
            Self::Attribute(name) => return unit_of(name),
        })
    }
    /// Where a worker that is written as JSON has this slot, as the keys that lead there.
    #[must_use]
    pub fn path(&self) -> Vec<&str> {
        match self {
            Self::WorkEmail => vec!["workEmail"],
            Self::LoginEmail => vec!["loginEmail"],
            Self::FullName => vec!["fullName"],
            Self::BirthDate => vec!["birthDate"],
            Self::WorkerType => vec!["employment", "workerType"],
            Self::Status => vec!["employment", "status"],
            Self::Start => vec!["employment", "start"],
            Self::OriginalStart => vec!["employment", "originalStart"],
            Self::PlannedEnd => vec!["employment", "plannedEnd"],
            Self::LastDay => vec!["employment", "lastDay"],
            Self::Ended => vec!["employment", "ended"],
            Self::Manager => vec!["manager"],
            Self::Attribute(name) => vec!["attributes", name],
        }
    }
}

/// A field of a record that holds something that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unreadable {
    /// The field as the HR system names it, such as `personal_details.given_name` or `emails[0].address`.
    pub field: String,
    /// What the field would have filled.
    pub slots: BTreeSet<Slot>,
    /// What was found, by JSON type and size, such as `an object with 1 key`. Never the value.
    pub found: String,
    /// What was expected, such as `a date (YYYY-MM-DD, from 1900 on)`.
    pub expected: String,
}

impl Unreadable {
    /// The units that keep their last good value because of this field.
    #[must_use]
    pub fn units(&self) -> BTreeSet<Unit> {
        self.slots.iter().map(Slot::unit).collect()
    }
}

/// A field whose key a record does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The field as the HR system names it; where a container is missing, the container.
    pub field: String,
    /// What the field would have filled.
    pub slots: BTreeSet<Slot>,
    /// The HR system omits the key where it has no value, so one missing key means the same as a null.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::name;
    use crate::testing::{day, worker};
    use crate::worker::Worker;

    fn unreadable(slots: impl IntoIterator<Item = Slot>) -> Vec<Unreadable> {
        vec![Unreadable {
            field: "x".to_owned(),
            slots: slots.into_iter().collect(),
            found: "a number".to_owned(),
            expected: "a text".to_owned(),
        }]
    }

    #[test]
    fn every_slot_lies_where_its_path_says() {
        let mut full = worker("1", "a@acme.com").born("1990-02-11").ends("2026-12-31").reports_to("2");
        full.login_email = Some("l@acme.com".to_owned());
        full.employment.original_start = Some(day("2019-01-01"));
        full.employment.planned_end = Some(day("2027-01-01"));
        let json = serde_json::to_value(&full).unwrap();
        let bare = Worker { source_id: full.source_id.clone(), ..Worker::default() };
        let empty = serde_json::to_value(&bare).unwrap();
        for slot in [
            Slot::WorkEmail,
            Slot::LoginEmail,
            Slot::FullName,
            Slot::BirthDate,
            Slot::WorkerType,
            Slot::Status,
            Slot::Start,
            Slot::OriginalStart,
            Slot::PlannedEnd,
            Slot::LastDay,
            Slot::Manager,
            Slot::attribute(name::COUNTRY),
        ] {
            let pointer = format!("/{}", slot.path().join("/"));
            assert!(slot.is_said_by(&full) && !slot.is_said_by(&bare), "{slot:?}");
            assert!(json.pointer(&pointer).is_some(), "{slot:?}");
            assert!(empty.pointer(&pointer).is_none_or(|value| value == ""), "{slot:?}");
        }
    }

    #[test]
    fn an_unreadable_seniority_keeps_no_leaver_active() {
        let mut last = worker("1", "a@acme.com");
        last.employment.original_start = Some(day("2019-01-01"));
        let mut said = worker("1", "a@acme.com").ends("2026-11-25");
        said.employment.status = "archived".to_owned();
        said.unreadable = unreadable([Slot::OriginalStart]);
        said.keep_unreadable(&last);
        assert_eq!((said.employment.status.as_str(), said.employment.last_day), ("archived", Some(day("2026-11-25"))));
        assert_eq!(said.employment.original_start, Some(day("2019-01-01")));
    }

    #[test]
    fn an_unreadable_start_keeps_no_leaver_active_and_lets_nobody_in() {
        let last = worker("1", "a@acme.com");
        let began = last.employment.start;
        let mut left = worker("1", "a@acme.com").ends("2026-11-25");
        left.employment.start = None;
        left.employment.status = "archived".to_owned();
        left.unreadable = unreadable([Slot::Start, Slot::OriginalStart]);
        left.keep_unreadable(&last);
        assert_eq!((left.employment.start, left.employment.last_day), (began, Some(day("2026-11-25"))));
        assert_eq!(left.employment.status, "archived");

        // The start of an earlier employment gives no access to a person who is hired again from a day that cannot be
        // read.
        let gone = left;
        let mut again = worker("1", "a@acme.com");
        again.employment.start = None;
        again.unreadable = unreadable([Slot::Start]);
        again.keep_unreadable(&gone);
        assert_eq!(again.employment, gone.employment);
    }

    #[test]
    fn a_unit_is_kept_as_a_whole_and_the_rest_is_as_stated() {
        let last = worker("1", "a@acme.com")
            .with(name::GIVEN_NAME, "Ana")
            .with(name::NICK_NAME, "Annie")
            .with(name::TITLE, "Engineer")
            .ends("2026-12-31");
        let mut said = worker("1", "b@acme.com").with(name::FAMILY_NAME, "Silva").with(name::TITLE, "Lead");
        said.unreadable = unreadable([Slot::attribute(name::GIVEN_NAME), Slot::Start]);
        said.keep_unreadable(&last);
        assert_eq!(said.attributes.get(name::GIVEN_NAME).map(String::as_str), Some("Ana"));
        assert_eq!(said.attributes.get(name::NICK_NAME).map(String::as_str), Some("Annie"));
        assert_eq!(said.attributes.get(name::FAMILY_NAME), None, "two names do not mix");
        assert_eq!(said.attributes.get(name::TITLE).map(String::as_str), Some("Lead"));
        assert_eq!(
            (said.work_email.as_deref(), said.employment.last_day),
            (Some("b@acme.com"), Some(day("2026-12-31")))
        );
    }
}
