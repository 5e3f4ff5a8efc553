//! A worker: the statement of one connection about one employment of one human, in the terms of the directory.

mod keep;
pub mod mapping;
pub mod unreadable;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::attribute::{Attributes, unit_of};
use super::ids::SourceId;
use unreadable::{Gap, Unreadable};

/// The statement of an HR system about one employment of one human.
///
/// A statement is not yet a truth: type and status have the HR system's own values and are mapped when a plan is made,
/// so that a change of the mapping needs no new pull. Nothing here depends on the clock. Pay, bank, tax, emergency
/// contacts, nationality and home addresses have no place in it (law 9).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    pub source_id: SourceId,
    /// The work email as served, also when it is no usable address; never a personal one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_email: Option<String>,
    /// The vendor login, kept only when its domain is one of the connection's `loginEmailDomains`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_email: Option<String>,
    /// The whole name as the HR system shows it; compared when no birth date is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Sensitive: for matching only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<NaiveDate>,
    pub employment: Employment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerRef>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// When the HR system last changed the record. Not compared: it moves without a change that we can see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_updated: Option<DateTime<Utc>>,
    /// Fields of the record that hold something that cannot be read; what they would have filled is unset here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Fields whose keys the record does not have. Known while a read goes on, and not kept.
    #[serde(skip)]
    pub missing: Vec<Gap>,
}

/// The work relation of a worker, with the HR system's own values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Employment {
    /// The HR system's value for the kind of work relation, such as `EOR Employee`.
    pub worker_type: String,
    /// The HR system's value for the status, such as `active`.
    pub status: String,
    /// The HR system states by other means than the status that this employment is over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<NaiveDate>,
    /// First day with the company, also under an earlier employment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_start: Option<NaiveDate>,
    /// Planned end of a contract; it ends nothing by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_end: Option<NaiveDate>,
    /// The last day of work; the employment ends when this day has ended where the worker is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_day: Option<NaiveDate>,
    /// The end counts at once instead of at the end of the last day.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub immediate: bool,
    /// The HR system does not show us when this employment begins and ends, and never did: it is unknown whether it is
    /// current.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dates_hidden: bool,
    /// Share of a full-time job, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<u8>,
    /// Whether the record states the end a second time, in the object of the employment itself.
    #[serde(skip_serializing_if = "JobEnd::is_not_shown")]
    pub job_end: JobEnd,
    /// An end that the record still names although its employment, which stated it before, is open-ended again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retracted_end: Option<NaiveDate>,
}

/// How the object of an employment states its end, where an HR system states ends in two places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobEnd {
    /// The object is missing, or states no dates.
    #[default]
    NotShown,
    /// The object has an end.
    Stated,
    /// The object shows a start and no end, and the HR system calls the worker active.
    Open,
    /// The object shows a start and no end, but the worker is not called active.
    OpenInactive,
}

impl JobEnd {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_not_shown(&self) -> bool {
        *self == Self::NotShown
    }
}

impl Employment {
    /// Whether [`Self::retract_end`] may have something to do.
    #[must_use]
    pub fn may_be_retracted(&self) -> bool {
        self.last_day.is_some() && matches!(self.job_end, JobEnd::Open | JobEnd::OpenInactive)
    }

    /// Drops an end that was retracted in one of the two places that state it, once the worker is active again.
    ///
    /// The employment stated the end in an earlier statement and no longer does, although its object is shown: an
    /// absent key in an object that is there is a cleared value. An end that was never stated twice is not affected.
    pub fn retract_end(&mut self, previous: &Self) {
        let Some(end) = self.last_day.filter(|_| self.may_be_retracted()) else { return };
        let was_stated = previous.job_end == JobEnd::Stated && previous.last_day == Some(end);
        if was_stated || previous.retracted_end == Some(end) {
            self.retracted_end = Some(end);
            self.last_day = self.last_day.filter(|_| self.job_end != JobEnd::Open);
        }
    }
}

/// The manager of a worker, as the HR system states it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagerRef {
    /// The manager's worker in the same HR system: the join key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<SourceId>,
    /// Used only where there is no `source_id`, or one that the HR system does not show us. A current email belongs to
    /// one person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// For display; never a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One record of an HR system that could not be read as a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// Absent when the record has no id either.
    pub source_id: Option<SourceId>,
    /// The place of the record on its page, from 1, where it came on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The name in a record without an id, where it can be read: an admin has nothing else to find the record by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is wrong, with field names and without personal values.
    pub reason: String,
}

/// A part of a worker that an HR system may not show us, although it has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    BirthDate,
    /// The first day, of this employment and with the company.
    Start,
    LastDay,
    Manager,
    /// One of [`Worker::attributes`], by its name.
    Attribute(String),
}

impl Part {
    /// The part as the admin API names it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::BirthDate => "birthDate",
            Self::Start => "startDate",
            Self::LastDay => "terminationDate",
            Self::Manager => "manager",
            Self::Attribute(name) => name,
        }
    }
}

impl Worker {
    /// Fills what an HR system does not show us from its previous statement about the same worker. A key that is
    /// missing because we may not see it was not cleared.
    ///
    /// What the statement does contain is never replaced, hidden or not. Of a unit of attributes that it contains in
    /// part, nothing is filled, so that values of two times do not mix.
    pub fn keep_hidden(&mut self, previous: Option<&Self>, hidden: &BTreeSet<Part>) {
        let never_shown = previous.is_none_or(|previous| previous.employment.dates_hidden);
        let hides_dates = hidden.contains(&Part::Start) || hidden.contains(&Part::LastDay);
        self.employment.dates_hidden = hides_dates && never_shown && self.employment.start.is_none();
        let Some(previous) = previous else { return };
        let said: BTreeSet<_> = self.attributes.keys().map(|name| unit_of(name)).collect();
        for part in hidden {
            match part {
                Part::BirthDate => self.birth_date = self.birth_date.or(previous.birth_date),
                Part::Start => {
                    let (own, old) = (&mut self.employment, &previous.employment);
                    own.start = own.start.or(old.start);
                    own.original_start = own.original_start.or(old.original_start);
                }
                Part::LastDay => {
                    let (own, old) = (&mut self.employment, &previous.employment);
                    // A job that is shown without an end has none, whatever the scopes were reported to be.
                    if own.last_day.is_none() && own.job_end == JobEnd::NotShown {
                        own.last_day = old.last_day;
                        own.immediate |= old.immediate;
                    }
                    if own.job_end == JobEnd::NotShown {
                        own.job_end = old.job_end;
                        own.retracted_end = own.retracted_end.or(old.retracted_end);
                    }
                }
                Part::Manager => {
                    if self.manager.is_none() {
                        self.manager.clone_from(&previous.manager);
                    }
                }
                Part::Attribute(name) => {
                    if let Some(value) = previous.attributes.get(name).filter(|_| !said.contains(&unit_of(name))) {
                        self.attributes.insert(name.clone(), value.clone());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::attribute::name;
    use crate::testing::{day, worker};

    fn all() -> BTreeSet<Part> {
        let attributes = [name::TITLE, name::DEPARTMENT, name::DEPARTMENT_ID];
        let attributes = attributes.map(|name| Part::Attribute(name.to_owned()));
        [Part::BirthDate, Part::Start, Part::LastDay, Part::Manager].into_iter().chain(attributes).collect()
    }

    fn full() -> Worker {
        let worker = worker("1", "a@acme.com").born("1990-02-11").ends("2026-12-31").reports_to("2");
        worker.with(name::TITLE, "Engineer").with(name::DEPARTMENT, "Research").with(name::DEPARTMENT_ID, "d1")
    }

    fn bare() -> Worker {
        let mut bare = worker("1", "new@acme.com");
        bare.employment.start = None;
        bare
    }

    #[test]
    fn a_hidden_part_keeps_its_last_value_and_a_cleared_one_is_cleared() {
        let mut kept = bare();
        kept.keep_hidden(Some(&full()), &all());
        assert_eq!(kept, Worker { work_email: Some("new@acme.com".to_owned()), ..full() });
        let mut cleared = bare();
        cleared.keep_hidden(Some(&full()), &BTreeSet::new());
        assert_eq!(cleared, bare());
        cleared.keep_hidden(None, &all());
        let never_shown = Employment { dates_hidden: true, ..bare().employment };
        assert_eq!(cleared, Worker { employment: never_shown, ..bare() }, "whether it is current cannot be told");
    }

    #[test]
    fn an_end_is_taken_back_where_its_employment_stated_it_and_no_longer_does() {
        let end = Some(day("2026-11-10"));
        let said = |job_end| Employment { last_day: end, job_end, ..Employment::default() };
        let after = |previous: &Employment, job_end| {
            let mut now = said(job_end);
            now.retract_end(previous);
            now
        };
        let reopened = after(&said(JobEnd::Stated), JobEnd::Open);
        assert_eq!((reopened.last_day, reopened.retracted_end), (None, end));
        assert_eq!(after(&reopened, JobEnd::Open), reopened, "the same record again says the same");
        let waiting = after(&said(JobEnd::Stated), JobEnd::OpenInactive);
        assert_eq!((waiting.last_day, waiting.retracted_end), (end, end), "not active yet");
        assert_eq!(after(&waiting, JobEnd::Open), reopened);
        assert_eq!(after(&reopened, JobEnd::Stated), said(JobEnd::Stated), "stated again");
        for never_twice in [JobEnd::NotShown, JobEnd::Open, JobEnd::OpenInactive] {
            assert_eq!(after(&said(never_twice), JobEnd::Open), said(JobEnd::Open), "the record's date decides");
        }
        let moved = Employment { last_day: Some(day("2027-01-31")), ..said(JobEnd::Open) };
        let mut later = moved.clone();
        later.retract_end(&reopened);
        assert_eq!(later, moved, "another end is a new one");
    }

    #[test]
    fn a_job_that_is_shown_without_an_end_keeps_no_hidden_one() {
        let mut open = bare();
        open.employment.job_end = JobEnd::Open;
        open.keep_hidden(Some(&full()), &all());
        assert_eq!(open.employment.last_day, None);
    }

    #[test]
    fn what_is_said_counts_also_where_it_is_hidden_and_units_do_not_mix() {
        let mut said = bare().born("1971-09-30").with(name::DEPARTMENT, "Sales");
        said.keep_hidden(Some(&full()), &all());
        assert_eq!(said.birth_date, Some(day("1971-09-30")));
        assert_eq!(said.attributes.get(name::DEPARTMENT).map(String::as_str), Some("Sales"));
        assert_eq!(said.attributes.get(name::DEPARTMENT_ID), None, "the id is that of another department");
        assert_eq!(said.attributes.get(name::TITLE).map(String::as_str), Some("Engineer"));
    }

    fn workers() -> impl Strategy<Value = Worker> {
        let flag = any::<bool>;
        (flag(), flag(), flag(), flag(), proptest::collection::vec(0..5_usize, 0..5), "[a-c]").prop_map(
            |(born, starts, ends, managed, names, value)| {
                let mut made = bare();
                made.birth_date = born.then(|| day("1990-02-11"));
                made.employment.start = starts.then(|| day("2020-01-01"));
                made.employment.last_day = ends.then(|| day("2026-12-31"));
                made.manager = managed.then(|| ManagerRef { name: Some(value.clone()), ..ManagerRef::default() });
                let known = [name::TITLE, name::DEPARTMENT, name::DEPARTMENT_ID, name::COUNTRY, name::GIVEN_NAME];
                made.attributes = names.into_iter().map(|n| (known[n].to_owned(), value.clone())).collect();
                made
            },
        )
    }

    proptest! {
        #[test]
        fn only_hidden_parts_that_are_not_said_are_filled_and_only_once(
            stated in workers(),
            previous in workers(),
            hidden in proptest::sample::subsequence(all().into_iter().collect::<Vec<_>>(), 0..=7),
        ) {
            let hidden: BTreeSet<Part> = hidden.into_iter().collect();
            let mut kept = stated.clone();
            kept.keep_hidden(Some(&previous), &hidden);
            let mut again = kept.clone();
            again.keep_hidden(Some(&previous), &hidden);
            prop_assert_eq!(&again, &kept);

            let is_hidden = |part: Part| hidden.contains(&part);
            prop_assert!(kept.birth_date == stated.birth_date || is_hidden(Part::BirthDate) && stated.birth_date.is_none());
            let (own, old) = (&kept.employment, &stated.employment);
            prop_assert!(own.start == old.start || is_hidden(Part::Start) && old.start.is_none());
            prop_assert!(own.last_day == old.last_day || is_hidden(Part::LastDay) && old.last_day.is_none());
            prop_assert!(kept.manager == stated.manager || is_hidden(Part::Manager) && stated.manager.is_none());
            for (name, value) in &kept.attributes {
                let filled = is_hidden(Part::Attribute(name.clone())) && !stated.attributes.contains_key(name);
                prop_assert!(stated.attributes.get(name) == Some(value) || filled, "{}", name);
            }
            prop_assert!(stated.attributes.keys().all(|name| kept.attributes.contains_key(name)));
        }
    }
}
