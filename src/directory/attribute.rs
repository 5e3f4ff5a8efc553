//! Attributes by name, and the units in which they are merged.
//!
//! What is not part of the typed core (identity, employment, dates, manager) is text under a name, so that a new
//! attribute needs a name here and a row in the rendering table, and no new field anywhere.

use std::collections::BTreeMap;

/// Attribute names to values. Values are text; an attribute that is not there is unassigned, and no value is empty.
pub type Attributes = BTreeMap<String, String>;

/// A set of attributes that is taken from one worker as a whole (design section 5), named as the admin API names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Unit(pub String);

/// The names of the attributes that connectors fill. A connector may add others; each of those is a unit of its own.
pub mod name {
    pub const GIVEN_NAME: &str = "givenName";
    pub const FAMILY_NAME: &str = "familyName";
    pub const MIDDLE_NAME: &str = "middleName";
    pub const HONORIFIC_PREFIX: &str = "honorificPrefix";
    pub const HONORIFIC_SUFFIX: &str = "honorificSuffix";
    /// The whole name as one text, where the HR system has it.
    pub const FORMATTED_NAME: &str = "formattedName";
    pub const DISPLAY_NAME: &str = "displayName";
    pub const NICK_NAME: &str = "nickName";
    pub const TITLE: &str = "title";
    pub const DEPARTMENT: &str = "department";
    pub const DEPARTMENT_ID: &str = "departmentId";
    pub const TEAM: &str = "team";
    pub const TEAM_ID: &str = "teamId";
    pub const LEGAL_ENTITY: &str = "legalEntity";
    pub const LEGAL_ENTITY_ID: &str = "legalEntityId";
    pub const WORK_LOCATION: &str = "workLocation";
    pub const WORK_LOCATION_ID: &str = "workLocationId";
    /// Country of work, ISO 3166-1 alpha-2 in upper case.
    pub const COUNTRY: &str = "country";
    pub const EMPLOYEE_NUMBER: &str = "employeeNumber";
    pub const COST_CENTER: &str = "costCenter";
    pub const DIVISION: &str = "division";
    pub const SENIORITY: &str = "seniority";
    /// IANA time zone of the worker.
    pub const TIMEZONE: &str = "timezone";
    pub const PREFERRED_LANGUAGE: &str = "preferredLanguage";
    pub const LOCALE: &str = "locale";
    /// Parts of the work address; never of a home address.
    pub const WORK_STREET: &str = "address.work.streetAddress";
    pub const WORK_LOCALITY: &str = "address.work.locality";
    pub const WORK_REGION: &str = "address.work.region";
    pub const WORK_POSTAL_CODE: &str = "address.work.postalCode";
    pub const WORK_ADDRESS_COUNTRY: &str = "address.work.country";
    pub const WORK_PHONE: &str = "phone.work";
    pub const MOBILE_PHONE: &str = "phone.mobile";

    /// All of these.
    pub const ALL: [&str; 32] = [
        GIVEN_NAME,
        FAMILY_NAME,
        MIDDLE_NAME,
        HONORIFIC_PREFIX,
        HONORIFIC_SUFFIX,
        FORMATTED_NAME,
        DISPLAY_NAME,
        NICK_NAME,
        TITLE,
        DEPARTMENT,
        DEPARTMENT_ID,
        TEAM,
        TEAM_ID,
        LEGAL_ENTITY,
        LEGAL_ENTITY_ID,
        WORK_LOCATION,
        WORK_LOCATION_ID,
        COUNTRY,
        EMPLOYEE_NUMBER,
        COST_CENTER,
        DIVISION,
        SENIORITY,
        TIMEZONE,
        PREFERRED_LANGUAGE,
        LOCALE,
        WORK_STREET,
        WORK_LOCALITY,
        WORK_REGION,
        WORK_POSTAL_CODE,
        WORK_ADDRESS_COUNTRY,
        WORK_PHONE,
        MOBILE_PHONE,
    ];
}

/// The unit that an attribute belongs to. Unknown attributes are units of their own.
#[must_use]
pub fn unit_of(attribute: &str) -> Unit {
    use name::{
        DEPARTMENT, DEPARTMENT_ID, DISPLAY_NAME, FAMILY_NAME, FORMATTED_NAME, GIVEN_NAME, HONORIFIC_PREFIX,
        HONORIFIC_SUFFIX, LEGAL_ENTITY, LEGAL_ENTITY_ID, MIDDLE_NAME, NICK_NAME, TEAM, TEAM_ID, WORK_LOCATION,
        WORK_LOCATION_ID,
    };
    let unit = match attribute {
        GIVEN_NAME | FAMILY_NAME | MIDDLE_NAME | HONORIFIC_PREFIX | HONORIFIC_SUFFIX | FORMATTED_NAME
        | DISPLAY_NAME | NICK_NAME => "name",
        DEPARTMENT | DEPARTMENT_ID => "department",
        TEAM | TEAM_ID => "team",
        LEGAL_ENTITY | LEGAL_ENTITY_ID => "legalEntity",
        WORK_LOCATION | WORK_LOCATION_ID => "workLocation",
        other => match other.split_once('.') {
            Some(("address", rest)) => {
                return Unit(format!("address.{}", rest.split_once('.').map_or(rest, |(kind, _)| kind)));
            }
            _ => other,
        },
    };
    Unit(unit.to_owned())
}

/// Whether a unit describes the employment rather than the human: such units come only from current employments
/// (else upcoming, else the last ended).
#[must_use]
pub fn is_employment_unit(unit: &Unit) -> bool {
    !matches!(
        unit.0.as_str(),
        "name" | "preferredLanguage" | "locale" | "phone.mobile" | "birthDate" | "personalEmail" | "legalName"
    )
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
    }
}
