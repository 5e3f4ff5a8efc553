//! Finds which SCIM attributes a change of a person touches, so that an event can name them.

use crate::directory::attribute::find;

/// The SCIM attributes, as paths, that show the directory's `attribute` (the names in
/// [`ValueChange`](crate::directory::plan::ValueChange)). An attribute that no User shows touches none.
#[must_use]
pub fn scim_paths(attribute: &str) -> &'static [&'static str] {
    find(attribute).map_or(&[], |row| row.paths)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value};

    use super::*;
    use crate::directory::attribute::{Attributes, all, name};
    use crate::directory::email::Email;
    use crate::directory::ids::{PersonId, SourceId};
    use crate::directory::person::{Person, Status};
    use crate::directory::worker::mapping::EmploymentType;
    use crate::render::user::tests::{full_person, shown};
    use crate::scim::path::AttrPath;
    use crate::scim::schema::{Hidden, ResourceType, USER_URN};

    #[test]
    fn every_path_exists_in_the_schemas() {
        for path in all().flat_map(|row| row.paths) {
            let path = AttrPath::parse(path).unwrap();
            assert!(ResourceType::User.shape().resolve(&path, &Hidden::nothing()).is_some(), "{path}");
        }
    }

    /// Attributes of a User that no change of a value alters, with the reason.
    const WITHOUT_EVENTS: [(&str, &str); 17] = [
        ("id", "never changes"),
        ("externalId", "is each consumer's own"),
        ("schemas", "follows from the attributes that are there"),
        ("meta", "follows from the rest"),
        ("groups", "is said by groupsJoined and groupsLeft"),
        ("password", "is never returned"),
        ("profileUrl", "has no source"),
        ("ims", "has no source"),
        ("photos", "has no source"),
        ("entitlements", "has no source"),
        ("roles", "has no source"),
        ("x509Certificates", "has no source"),
        ("managerChain", "follows from the managers of others"),
        ("dateOfBirth", "is sensitive"),
        ("birthday", "is sensitive"),
        ("personalEmail", "is sensitive"),
        ("legalName", "is sensitive"),
    ];

    /// Law 6: a consumer gets a change of everything that a User shows.
    #[test]
    fn every_attribute_of_the_schemas_is_named_by_the_event_of_its_change() {
        let named: BTreeSet<&str> = all().flat_map(|row| row.paths).copied().collect();
        for found in ResourceType::User.shape().attributes() {
            let (urn, name) = (found.schema.id.as_str(), found.attribute.name.as_str());
            let path = if urn == USER_URN { name.to_owned() } else { format!("{urn}:{name}") };
            let silent = WITHOUT_EVENTS.iter().any(|(silent, _)| *silent == name);
            assert!(named.contains(path.as_str()) != silent, "{path} has a row with its path, or a reason for none");
        }
        for row in all() {
            assert!(row.sensitive == row.paths.is_empty(), "{} is sensitive, or shown somewhere", row.name);
        }
    }

    #[test]
    fn an_attribute_that_no_user_shows_touches_nothing() {
        assert!(scim_paths("birthDate").is_empty());
        assert!(scim_paths("shoeSize").is_empty());
    }

    /// Changing one value changes, in the resource, what its row lists. Some rows list more than every person shows: a
    /// display name of the HR system's own hides the parts.
    #[test]
    fn what_a_change_touches_is_what_the_rows_say() {
        let before = full_person();
        let mut people: Vec<(&str, Person)> = Vec::new();
        for attribute in before.attributes.keys() {
            let mut after = before.clone();
            let changed = if attribute.to_lowercase().contains("country") { "NO" } else { "changed" };
            after.attributes.insert(attribute.clone(), changed.to_owned());
            people.push((attribute, after));
        }
        let mut change = |name: &'static str, set: &dyn Fn(&mut Person)| {
            let mut after = before.clone();
            set(&mut after);
            people.push((name, after));
        };
        let day = "2031-01-31".parse().ok();
        change("workEmail", &|p| p.work_email = Email::parse("other@acme.com").unwrap());
        change("active", &|p| p.active = !p.active);
        change("employmentType", &|p| p.employment.employment_type = EmploymentType::Intern);
        change("workerType", &|p| "Other".clone_into(&mut p.employment.worker_type));
        change("employmentStatus", &|p| p.employment.status = Status::OnLeave);
        change("employmentStatusRaw", &|p| "else".clone_into(&mut p.employment.status_raw));
        change("startDate", &|p| p.employment.start = day);
        change("originalStartDate", &|p| p.employment.original_start = day);
        change("endDate", &|p| p.employment.planned_end = day);
        change("terminationDate", &|p| p.employment.last_day = day);
        change("sourceSystem", &|p| "file".clone_into(&mut p.source.system));
        change("sourceInstance", &|p| "other".clone_into(&mut p.source.instance));
        change("sourceWorkerId", &|p| p.source.source_id = SourceId("w-2".to_owned()));
        change("sourceUpdated", &|p| p.source.updated = "2026-11-01T00:00:00Z".parse().ok());
        let mut seen = BTreeSet::new();
        for (name, after) in &people {
            seen.insert(*name);
            let touched = touched(&before, after);
            let row: BTreeSet<String> = scim_paths(name).iter().map(|path| (*path).to_owned()).collect();
            assert!(touched.is_subset(&row), "{name}: {touched:?} is not within {row:?}");
            // The whole name does not show where the parts are known.
            assert!(*name == name::FORMATTED_NAME || !touched.is_empty(), "{name}");
        }
        // What is of the manager is another person's.
        let rows = all().filter(|row| !row.paths.is_empty() && !row.name.starts_with("manager"));
        let rows: BTreeSet<&str> = rows.map(|row| row.name).collect();
        assert_eq!(seen, rows, "the full person has every attribute that a row speaks of");
    }

    fn touched(before: &Person, after: &Person) -> BTreeSet<String> {
        let id = PersonId(uuid::Uuid::nil());
        let (before, after) = (flat(&shown(id, before)), flat(&shown(id, after)));
        before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
    }

    /// Attributes by path; those of extensions with their URN.
    fn flat(user: &Map<String, Value>) -> std::collections::BTreeMap<String, Value> {
        let mut flat = std::collections::BTreeMap::new();
        for (name, value) in user.iter().filter(|(name, _)| *name != "meta" && *name != USER_URN) {
            match value {
                Value::Object(extension) if name.starts_with("urn:") => {
                    flat.extend(extension.iter().map(|(sub, value)| (format!("{name}:{sub}"), value.clone())));
                }
                _ => {
                    flat.insert(name.clone(), value.clone());
                }
            }
        }
        flat
    }

    #[test]
    fn attributes_are_rendered_only_where_a_row_says_so() {
        let mut person = full_person();
        person.attributes = Attributes::from([("shoeSize".to_owned(), "43".to_owned())]);
        let text = crate::render::user::document(PersonId(uuid::Uuid::nil()), &person, date(), date());
        assert!(!text.contains("43"));
    }

    fn date() -> chrono::DateTime<chrono::Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }
}
