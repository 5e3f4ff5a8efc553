//! Attributes by name, and the units in which they are merged.
//!
//! What is not part of the typed core (identity, employment, dates, manager) is text under a name, so that a new
//! attribute needs a row here and a line where it is rendered, and no new field anywhere.

use std::collections::BTreeMap;

/// Attribute names to values. Values are text; an attribute that is not there is unassigned, and no value is empty.
pub type Attributes = BTreeMap<String, String>;

/// A set of attributes that is taken from one worker as a whole (design section 5). The admin API uses its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Unit(pub String);

/// What an attribute describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The human: taken from any employment.
    Human,
    /// The employment: taken from current employments only, else from upcoming ones, else from the last that ended.
    Employment,
}

/// One attribute of a person: the row from which merging, changes, events and sensitivity are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The directory's name, as in changes and in the admin API.
    pub name: &'static str,
    pub unit: &'static str,
    pub of: Of,
    /// Released only by scope and policy (extension.md section 2); its values never appear in a change.
    pub sensitive: bool,
    /// The SCIM attributes that show it, as paths: what an event names when it changes.
    pub paths: &'static [&'static str],
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

/// Makes the constant and the row of an attribute from one line, so that neither can be forgotten.
macro_rules! attributes {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $unit:literal, $of:ident, [$($path:expr),*];)*) => {
        /// The names of the attributes that connectors fill. A connector may add others; each of those is a unit of its
        /// own, and no User shows it.
        pub mod name {
            $($(#[$doc])* pub const $constant: &str = $name;)*
        }

        /// The attributes that connectors fill, by name.
        pub const NAMED: &[Attribute] = &[
            $(Attribute { name: $name, unit: $unit, of: Of::$of, sensitive: false, paths: &[$($path),*] },)*
        ];
    };
}

attributes! {
    GIVEN_NAME = "givenName", "name", Human, ["name", "displayName"];
    FAMILY_NAME = "familyName", "name", Human, ["name", "displayName"];
    MIDDLE_NAME = "middleName", "name", Human, ["name"];
    HONORIFIC_PREFIX = "honorificPrefix", "name", Human, ["name"];
    HONORIFIC_SUFFIX = "honorificSuffix", "name", Human, ["name"];
    /// The whole name as one text, where the HR system has it.
    FORMATTED_NAME = "formattedName", "name", Human, ["name", "displayName"];
    DISPLAY_NAME = "displayName", "name", Human, ["name", "displayName"];
    NICK_NAME = "nickName", "name", Human, ["nickName"];
    TITLE = "title", "title", Employment, ["title"];
    DEPARTMENT = "department", "department", Employment, [enterprise!("department")];
    DEPARTMENT_ID = "departmentId", "department", Employment, [worker!("departmentId")];
    TEAM = "team", "team", Employment, [worker!("team")];
    TEAM_ID = "teamId", "team", Employment, [worker!("teamId")];
    LEGAL_ENTITY = "legalEntity", "legalEntity", Employment, [enterprise!("organization"), worker!("legalEntity")];
    LEGAL_ENTITY_ID = "legalEntityId", "legalEntity", Employment, [worker!("legalEntityId")];
    WORK_LOCATION = "workLocation", "workLocation", Employment, ["addresses", worker!("workLocation")];
    WORK_LOCATION_ID = "workLocationId", "workLocation", Employment, [worker!("workLocationId")];
    /// Country of work, ISO 3166-1 alpha-2 in upper case.
    COUNTRY = "country", "country", Employment, ["addresses", worker!("country")];
    EMPLOYEE_NUMBER = "employeeNumber", "employeeNumber", Employment, [enterprise!("employeeNumber")];
    COST_CENTER = "costCenter", "costCenter", Employment, [enterprise!("costCenter")];
    DIVISION = "division", "division", Employment, [enterprise!("division")];
    SENIORITY = "seniority", "seniority", Employment, [worker!("seniority")];
    /// IANA time zone of the worker.
    TIMEZONE = "timezone", "timezone", Employment, ["timezone"];
    PREFERRED_LANGUAGE = "preferredLanguage", "preferredLanguage", Human, ["preferredLanguage"];
    LOCALE = "locale", "locale", Human, ["locale"];
    /// Parts of the work address; never of a home address.
    WORK_STREET = "address.work.streetAddress", "address.work", Employment, ["addresses"];
    WORK_LOCALITY = "address.work.locality", "address.work", Employment, ["addresses"];
    WORK_REGION = "address.work.region", "address.work", Employment, ["addresses"];
    WORK_POSTAL_CODE = "address.work.postalCode", "address.work", Employment, ["addresses"];
    WORK_ADDRESS_COUNTRY = "address.work.country", "address.work", Employment, ["addresses"];
    WORK_PHONE = "phone.work", "phone.work", Employment, ["phoneNumbers"];
    MOBILE_PHONE = "phone.mobile", "phone.mobile", Human, ["phoneNumbers"];
}

/// The attributes that are typed fields of a person.
pub const CORE: &[Attribute] = &[
    core("workEmail", Unit::WORK_EMAIL, Of::Employment, &["userName", "emails"]),
    core("active", Unit::STATUS, Of::Employment, &["active"]),
    core("employmentType", Unit::TYPE, Of::Employment, &["userType", worker!("employmentType")]),
    core("workerType", Unit::TYPE, Of::Employment, &[worker!("workerType")]),
    core("employmentStatus", Unit::STATUS, Of::Employment, &[worker!("employmentStatus")]),
    core("employmentStatusRaw", Unit::STATUS, Of::Employment, &[worker!("employmentStatusRaw")]),
    core("startDate", Unit::STATUS, Of::Employment, &[worker!("startDate")]),
    core("originalStartDate", Unit::STATUS, Of::Employment, &[worker!("originalStartDate")]),
    core("endDate", Unit::STATUS, Of::Employment, &[worker!("endDate")]),
    core("terminationDate", Unit::STATUS, Of::Employment, &[worker!("terminationDate")]),
    core(
        "manager",
        Unit::MANAGER,
        Of::Employment,
        &[enterprise!("manager"), worker!("managerEmail"), worker!("managerEmployeeNumber")],
    ),
    // Copies of the manager's own values; they change with the manager.
    core("managerEmail", Unit::MANAGER, Of::Employment, &[worker!("managerEmail")]),
    core("managerEmployeeNumber", Unit::MANAGER, Of::Employment, &[worker!("managerEmployeeNumber")]),
    core("sourceSystem", "source", Of::Employment, &[worker!("sourceSystem")]),
    core("sourceInstance", "source", Of::Employment, &[worker!("sourceInstance")]),
    core("sourceWorkerId", "source", Of::Employment, &[worker!("sourceWorkerId")]),
    core("sourceUpdated", "source", Of::Employment, &[worker!("sourceUpdated")]),
    Attribute { name: "birthDate", unit: "birthDate", of: Of::Human, sensitive: true, paths: &[] },
    Attribute { name: "dateOfBirth", unit: "birthDate", of: Of::Human, sensitive: true, paths: &[] },
    Attribute { name: "birthday", unit: "birthDate", of: Of::Human, sensitive: true, paths: &[] },
    Attribute { name: "personalEmail", unit: "personalEmail", of: Of::Human, sensitive: true, paths: &[] },
    Attribute { name: "legalName", unit: "legalName", of: Of::Human, sensitive: true, paths: &[] },
];

const fn core(name: &'static str, unit: &'static str, of: Of, paths: &'static [&'static str]) -> Attribute {
    Attribute { name, unit, of, sensitive: false, paths }
}

/// All rows.
pub fn all() -> impl Iterator<Item = &'static Attribute> {
    NAMED.iter().chain(CORE)
}

/// The row of an attribute; `None` for one that only its connector knows.
#[must_use]
pub fn find(name: &str) -> Option<&'static Attribute> {
    all().find(|row| row.name == name)
}

/// The unit that an attribute belongs to. Unknown attributes are units of their own, parts of one address share one.
#[must_use]
pub fn unit_of(attribute: &str) -> Unit {
    let unit = match (find(attribute), attribute.split_once('.')) {
        (Some(row), _) => row.unit,
        (None, Some(("address", rest))) => {
            return Unit(format!("address.{}", rest.split_once('.').map_or(rest, |(kind, _)| kind)));
        }
        (None, _) => attribute,
    };
    Unit(unit.to_owned())
}

/// Whether a unit describes the employment rather than the human: such units come only from current employments
/// (else upcoming, else the last ended).
#[must_use]
pub fn is_employment_unit(unit: &Unit) -> bool {
    all().find(|row| row.unit == unit.0).is_none_or(|row| row.of == Of::Employment)
}

/// Whether an attribute is sensitive.
#[must_use]
pub fn is_sensitive(attribute: &str) -> bool {
    find(attribute).is_some_and(|row| row.sensitive)
}

impl Unit {
    pub const NAME: &'static str = "name";
    /// `userName` and the work address.
    pub const WORK_EMAIL: &'static str = "email.work";
    pub const MANAGER: &'static str = "manager";
    /// Normalised and raw kind of work relation.
    pub const TYPE: &'static str = "type";
    /// Status with its dates.
    pub const STATUS: &'static str = "status";
    pub const BIRTH_DATE: &'static str = "birthDate";

    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_thing_share_a_unit_and_strangers_have_their_own() {
        assert_eq!(unit_of(name::GIVEN_NAME), unit_of(name::NICK_NAME));
        assert_eq!(unit_of(name::DEPARTMENT), unit_of(name::DEPARTMENT_ID));
        assert_eq!(unit_of(name::WORK_STREET).0, "address.work");
        assert_eq!(unit_of("shoeSize").0, "shoeSize");
        assert_eq!(unit_of("address.home.street").0, "address.home");
    }

    #[test]
    fn each_attribute_has_one_row_and_a_unit_is_of_one_thing() {
        let names: std::collections::BTreeSet<_> = all().map(|row| row.name).collect();
        assert_eq!(names.len(), all().count());
        for row in all() {
            for other in all().filter(|other| other.unit == row.unit) {
                assert_eq!(other.of, row.of, "{} and {}", row.name, other.name);
            }
        }
    }
}
