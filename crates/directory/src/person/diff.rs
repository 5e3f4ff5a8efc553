//! The changes of a person, value by value, as the change log keeps them and events show them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Person;
pub use crate::attribute::is_sensitive;
use crate::attribute::{Unit, unit_of};
use crate::plan::ValueChange;

/// The values that differ, by the directory's attribute names in alphabetical order.
///
/// Sensitive values are left out, and so is bookkeeping that no consumer sees (the zone, the next due instant, where
/// values come from, an unresolved manager). A [`PlannedPerson`](crate::plan::PlannedPerson) with an empty diff is
/// therefore to be stored without a change, an event or a new version.
#[must_use]
pub fn diff(before: Option<&Person>, after: &Person) -> Vec<ValueChange> {
    let old = before.map(visible).unwrap_or_default();
    let new = visible(after);
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name).map(|(_, value)| value) != new.get(*name).map(|(_, value)| value))
        .filter_map(|name| {
            let unit = new.get(name).or(old.get(name)).map(|(unit, _)| unit.clone())?;
            let value = |map: &Values| map.get(name).map(|(_, value)| value.clone());
            Some(ValueChange { attribute: name.clone(), unit, old: value(&old), new: value(&new) })
        })
        .collect()
}

type Values = BTreeMap<String, (Unit, Value)>;

fn visible(person: &Person) -> Values {
    let mut values = Values::new();
    let mut put = |name: &str, unit: Unit, value: Option<Value>| {
        if let Some(value) = value.filter(|_| !is_sensitive(name)) {
            values.insert(name.to_owned(), (unit, value));
        }
    };
    let status = || Unit::named(Unit::STATUS);
    let kind = || Unit::named(Unit::TYPE);
    let source = || Unit::named("source");
    let employment = &person.employment;
    let date = |date: Option<chrono::NaiveDate>| date.map(|date| Value::from(date.to_string()));
    put("workEmail", Unit::named(Unit::WORK_EMAIL), Some(person.work_email.as_str().into()));
    put("active", status(), Some(person.active.into()));
    put("employmentType", kind(), Some(employment.employment_type.as_str().into()));
    put("workerType", kind(), Some(employment.worker_type.as_str().into()));
    put("employmentStatus", status(), Some(employment.status.as_str().into()));
    put("employmentStatusRaw", status(), Some(employment.status_raw.as_str().into()));
    put("startDate", status(), date(employment.start));
    put("originalStartDate", status(), date(employment.original_start));
    put("endDate", status(), date(employment.planned_end));
    put("terminationDate", status(), date(employment.last_day));
    put("manager", Unit::named(Unit::MANAGER), person.manager.person().map(|id| id.to_string().into()));
    put("sourceSystem", source(), Some(person.source.system.as_str().into()));
    put("sourceInstance", source(), Some(person.source.instance.as_str().into()));
    put("sourceWorkerId", source(), Some(person.source.source_id.0.as_str().into()));
    for (name, value) in &person.attributes {
        put(name, unit_of(name), Some(value.as_str().into()));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, worker};

    #[test]
    fn a_new_person_is_all_new() {
        let world =
            World::of("2026-11-20T12:00:00Z", [worker("1", "a@acme.com").with("title", "Clerk").ends("2026-12-31")]);
        let changes = diff(None, &world.person("1").person);
        let names: Vec<_> = changes.iter().map(|change| change.attribute.as_str()).collect();
        let expected = "active country employmentStatus employmentStatusRaw employmentType formattedName sourceInstance \
                        sourceSystem sourceWorkerId startDate terminationDate title workEmail workerType";
        assert_eq!(names.join(" "), expected);
        assert!(changes.iter().all(|change| change.old.is_none() && change.new.is_some()));
    }

    #[test]
    fn nothing_differs_from_itself() {
        let world = World::of("2026-11-20T12:00:00Z", [worker("1", "a@acme.com")]);
        let person = &world.person("1").person;
        assert!(diff(Some(person), person).is_empty());
    }
}
