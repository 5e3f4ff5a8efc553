//! Which SCIM attributes a change of a person touches, so that an event can name them.

use crate::directory::attribute::name;

/// The SCIM attributes, as paths, that show the directory's `attribute` (the names in
/// [`ValueChange`](crate::directory::plan::ValueChange)). An attribute that no User shows touches none.
#[must_use]
pub fn scim_paths(attribute: &str) -> &'static [&'static str] {
    ROWS.iter().find(|(name, _)| *name == attribute).map_or(&[], |(_, paths)| paths)
}

macro_rules! enterprise {
    ($name:literal) => {
        concat!("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:", $name)
    };
}

macro_rules! worker {
    ($name:literal) => {
        concat!("urn:ietf:params:scim:schemas:extension:worker:2.0:User:", $name)
    };
}

const ROWS: &[(&str, &[&str])] = &[
    ("workEmail", &["userName", "emails"]),
    ("active", &["active"]),
    ("employmentType", &["userType", worker!("employmentType")]),
    ("workerType", &[worker!("workerType")]),
    ("employmentStatus", &[worker!("employmentStatus")]),
    ("employmentStatusRaw", &[worker!("employmentStatusRaw")]),
    ("startDate", &[worker!("startDate")]),
    ("originalStartDate", &[worker!("originalStartDate")]),
    ("endDate", &[worker!("endDate")]),
    ("terminationDate", &[worker!("terminationDate")]),
    ("manager", &[enterprise!("manager"), worker!("managerEmail"), worker!("managerEmployeeNumber")]),
    ("managerEmail", &[worker!("managerEmail")]),
    ("managerEmployeeNumber", &[worker!("managerEmployeeNumber")]),
    ("sourceSystem", &[worker!("sourceSystem")]),
    ("sourceInstance", &[worker!("sourceInstance")]),
    ("sourceWorkerId", &[worker!("sourceWorkerId")]),
    ("sourceUpdated", &[worker!("sourceUpdated")]),
    (name::GIVEN_NAME, &["name", "displayName"]),
    (name::FAMILY_NAME, &["name", "displayName"]),
    (name::FORMATTED_NAME, &["name", "displayName"]),
    (name::DISPLAY_NAME, &["name", "displayName"]),
    (name::MIDDLE_NAME, &["name"]),
    (name::HONORIFIC_PREFIX, &["name"]),
    (name::HONORIFIC_SUFFIX, &["name"]),
    (name::NICK_NAME, &["nickName"]),
    (name::TITLE, &["title"]),
    (name::DEPARTMENT, &[enterprise!("department")]),
    (name::DEPARTMENT_ID, &[worker!("departmentId")]),
    (name::TEAM, &[worker!("team")]),
    (name::TEAM_ID, &[worker!("teamId")]),
    (name::LEGAL_ENTITY, &[enterprise!("organization"), worker!("legalEntity")]),
    (name::LEGAL_ENTITY_ID, &[worker!("legalEntityId")]),
    (name::WORK_LOCATION, &["addresses", worker!("workLocation")]),
    (name::WORK_LOCATION_ID, &[worker!("workLocationId")]),
    (name::COUNTRY, &["addresses", worker!("country")]),
    (name::EMPLOYEE_NUMBER, &[enterprise!("employeeNumber")]),
    (name::COST_CENTER, &[enterprise!("costCenter")]),
    (name::DIVISION, &[enterprise!("division")]),
    (name::SENIORITY, &[worker!("seniority")]),
    (name::TIMEZONE, &["timezone"]),
    (name::PREFERRED_LANGUAGE, &["preferredLanguage"]),
    (name::LOCALE, &["locale"]),
    (name::WORK_STREET, &["addresses"]),
    (name::WORK_LOCALITY, &["addresses"]),
    (name::WORK_REGION, &["addresses"]),
    (name::WORK_POSTAL_CODE, &["addresses"]),
    (name::WORK_ADDRESS_COUNTRY, &["addresses"]),
    (name::WORK_PHONE, &["phoneNumbers"]),
    (name::MOBILE_PHONE, &["phoneNumbers"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, Value};

    use super::*;
    use crate::directory::attribute::Attributes;
    use crate::directory::email::Email;
    use crate::directory::ids::{PersonId, SourceId};
    use crate::directory::mapping::EmploymentType;
    use crate::directory::person::{Person, Status};
    use crate::render::user::tests::{full_person, shown};
    use crate::scim::path::AttrPath;
    use crate::scim::schema::{Hidden, ResourceType, USER_URN};

    #[test]
    fn every_path_exists_in_the_schemas() {
        for path in ROWS.iter().flat_map(|(_, paths)| *paths) {
            let path = AttrPath::parse(path).unwrap();
            assert!(ResourceType::User.shape().resolve(&path, &Hidden::nothing()).is_some(), "{path}");
        }
    }

    #[test]
    fn an_attribute_that_no_user_shows_touches_nothing() {
        assert!(scim_paths("birthDate").is_empty());
        assert!(scim_paths("shoeSize").is_empty());
    }

    /// Changing one value changes, in the resource, what its row says. Some rows say more than every person shows:
    /// a display name of the HR system's own hides the parts.
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
        let rows: BTreeSet<&str> =
            ROWS.iter().map(|(name, _)| *name).filter(|name| !name.starts_with("manager")).collect();
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
