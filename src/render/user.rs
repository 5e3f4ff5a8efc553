//! Renders a person as a SCIM User (extension.md sections 3 and 4, R-050 to R-067).
//!
//! ```text
//! person ── document ──► text with slots, kept in the store ── write(slots) ──► what one consumer sees
//! ```
//!
//! Slots are control characters, which JSON text cannot hold unescaped, so that filling them needs no parsing. Filled
//! later are: `externalId` (the consumer's), the manager (another person), groups, sensitive attributes (by scope),
//! `meta.version`, and the base URL in `meta.location`. Sensitive attributes are not in the document at all.

mod keys;
mod slots;

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::json::{Object, quote};
use crate::directory::attribute::{Attributes, name};
use crate::directory::ids::PersonId;
use crate::directory::person::{ManagerLink, Person};
use crate::directory::worker::mapping::EmploymentType;
use crate::scim::schema::{ENTERPRISE_URN, USER_URN, WORKER_URN};

pub use keys::keys;
pub use slots::{InGroup, ManagerShown, Slots, shown_email, write};

/// The User that most consumers see, as JSON text with slots. The order of attributes is fixed, so that equal people
/// give equal texts.
#[must_use]
pub fn document(id: PersonId, person: &Person, created: DateTime<Utc>, modified: DateTime<Utc>) -> String {
    let values = &person.attributes;
    let id = id.to_string();
    let mut out = String::with_capacity(2048);
    let mut user = Object::begin(&mut out);
    user.raw("schemas", |out| schemas(person, out));
    user.text("id", Some(&id));
    user.slot(slots::EXTERNAL_ID);
    user.text("userName", Some(person.work_email.as_str()));
    let names = Names::of(person);
    user.object("name", |object| {
        object.text("formatted", Some(&names.display));
        object.text("familyName", Some(names.family));
        object.text("givenName", Some(names.given));
        object.text("middleName", get(values, name::MIDDLE_NAME));
        object.text("honorificPrefix", get(values, name::HONORIFIC_PREFIX));
        object.text("honorificSuffix", get(values, name::HONORIFIC_SUFFIX));
    });
    user.text("displayName", Some(&names.display));
    user.text("nickName", get(values, name::NICK_NAME));
    user.text("title", get(values, name::TITLE));
    user.text("userType", Some(user_type(person.employment.employment_type)));
    user.text("preferredLanguage", get(values, name::PREFERRED_LANGUAGE));
    user.text("locale", get(values, name::LOCALE));
    user.text("timezone", get(values, name::TIMEZONE));
    user.flag("active", person.active);
    user.raw("emails", |out| emails(person, out));
    phone_numbers(values, &mut user);
    addresses(values, &mut user);
    user.slot(slots::GROUPS);
    if has_enterprise_data(person) {
        user.object(ENTERPRISE_URN, |object| {
            enterprise(values, object);
            object.slot(slots::MANAGER);
        });
    } else {
        user.slot(slots::MANAGER_ALONE);
    }
    user.object(WORKER_URN, |object| worker(person, object));
    user.object("meta", |object| {
        object.text("resourceType", Some("User"));
        object.text("created", Some(&instant(created)));
        object.text("lastModified", Some(&instant(modified)));
        object.slot(slots::VERSION);
        object.raw("location", |out| {
            out.push('"');
            out.push(slots::BASE_URL);
            out.push_str("/Users/");
            out.push_str(&id);
            out.push('"');
        });
    });
    user.end();
    out
}

/// A document as it is with another `meta.lastModified`.
#[must_use]
pub fn modified(document: &str, at: DateTime<Utc>) -> String {
    const NAME: &str = ",\"lastModified\":\"";
    // Quotes within texts are escaped, and `meta` is the last member: this is its position.
    let Some(begin) = document.rfind(NAME).map(|at| at + NAME.len()) else { return document.to_owned() };
    let end = document[begin..].find('"').map_or(document.len(), |length| begin + length);
    format!("{}{}{}", &document[..begin], instant(at), &document[end..])
}

/// What a document itself has in the worker extension; what is filled in for a consumer is not there.
///
/// # Errors
/// The text is no document: it is no JSON once its slots are filled.
pub fn of_worker(document: &str) -> serde_json::Result<Map<String, Value>> {
    let mut whole = String::with_capacity(document.len());
    write(document, &Slots::default(), &mut whole);
    let mut user: Map<String, Value> = serde_json::from_str(&whole)?;
    Ok(match user.remove(WORKER_URN) {
        Some(Value::Object(worker)) => worker,
        _ => Map::new(),
    })
}

/// The name that is shown, and kept for lists and for the manager's `displayName`: the HR system's own display name,
/// else given and family name, else the whole name, else any part there is. A person without any name shows the
/// `userName`, since a User has to have a name (R-052).
#[must_use]
pub fn display_name(person: &Person) -> Cow<'_, str> {
    Names::of(person).display
}

/// The employee number that is shown.
#[must_use]
pub fn employee_number(person: &Person) -> Option<&str> {
    get(&person.attributes, name::EMPLOYEE_NUMBER)
}

/// `userType` of a kind of work relation, in the terms of RFC 7643 §4.1.1 (extension.md section 4).
#[must_use]
pub fn user_type(kind: EmploymentType) -> &'static str {
    match kind {
        EmploymentType::Temporary => "Temp",
        EmploymentType::Other => "External",
        same => same.as_str(),
    }
}

/// The names of a person. Given and family name are both there, always: Okta asks for both (R-052).
struct Names<'a> {
    given: &'a str,
    family: &'a str,
    display: Cow<'a, str>,
}

impl<'a> Names<'a> {
    fn of(person: &'a Person) -> Self {
        let values = &person.attributes;
        let (given, family) = (get(values, name::GIVEN_NAME), get(values, name::FAMILY_NAME));
        let (shown, whole) = (get(values, name::DISPLAY_NAME), get(values, name::FORMATTED_NAME));
        // One text that represents the whole name. It is never split: not every name is "given family".
        let single = whole.or(shown).unwrap_or(person.work_email.as_str());
        let display = match (shown, given, family, whole) {
            (Some(shown), ..) => Cow::Borrowed(shown),
            (None, Some(given), Some(family), _) => Cow::Owned(format!("{given} {family}")),
            (None, _, _, Some(whole)) => Cow::Borrowed(whole),
            (None, given, family, None) => Cow::Borrowed(given.or(family).unwrap_or(single)),
        };
        Self { given: given.or(family).unwrap_or(single), family: family.or(given).unwrap_or(single), display }
    }
}

/// A value that is there: blank is absent (R-031).
fn get<'a>(values: &'a Attributes, name: &str) -> Option<&'a str> {
    values.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
}

/// Whether anything but the manager is in the enterprise extension. The worker extension is never empty: type and
/// status are always known, if only as `Unknown`.
fn has_enterprise_data(person: &Person) -> bool {
    [name::EMPLOYEE_NUMBER, name::DEPARTMENT, name::LEGAL_ENTITY, name::COST_CENTER, name::DIVISION]
        .iter()
        .any(|name| get(&person.attributes, name).is_some())
}

fn schemas(person: &Person, out: &mut String) {
    out.push('[');
    quote(USER_URN, out);
    if has_enterprise_data(person) {
        out.push(',');
        quote(ENTERPRISE_URN, out);
    } else {
        out.push(slots::ENTERPRISE_SCHEMA);
    }
    out.push(',');
    quote(WORKER_URN, out);
    out.push(']');
}

fn emails(person: &Person, out: &mut String) {
    out.push('[');
    let mut email = Object::begin(out);
    email.text("value", Some(&shown_email(person.work_email.as_str())));
    email.text("type", Some("work"));
    email.flag("primary", true);
    email.end();
    out.push(']');
}

/// Work and mobile; the first that is there is primary.
fn phone_numbers(values: &Attributes, user: &mut Object<'_>) {
    let work = get(values, name::WORK_PHONE).map(|number| (number, "work"));
    let mobile = get(values, name::MOBILE_PHONE).map(|number| (number, "mobile"));
    if work.is_none() && mobile.is_none() {
        return;
    }
    user.raw("phoneNumbers", |out| {
        out.push('[');
        for (n, (number, kind)) in work.into_iter().chain(mobile).enumerate() {
            if n > 0 {
                out.push(',');
            }
            let mut phone = Object::begin(out);
            phone.text("value", Some(number));
            phone.text("type", Some(kind));
            if n == 0 {
                phone.flag("primary", true);
            }
            phone.end();
        }
        out.push(']');
    });
}

/// The work address: its parts, else what is known of the place of work.
fn addresses(values: &Attributes, user: &mut Object<'_>) {
    let (street, locality) = (get(values, name::WORK_STREET), get(values, name::WORK_LOCALITY));
    let (region, postal_code) = (get(values, name::WORK_REGION), get(values, name::WORK_POSTAL_CODE));
    let country = country(values, name::WORK_ADDRESS_COUNTRY).or_else(|| country(values, name::COUNTRY));
    let formatted = if [street, locality, region, postal_code].iter().all(Option::is_none) {
        get(values, name::WORK_LOCATION).map(Cow::Borrowed)
    } else {
        Some(Cow::Owned(formatted_address(street, locality, region, postal_code, country.as_deref())))
    };
    if formatted.is_none() && country.is_none() {
        return;
    }
    user.raw("addresses", |out| {
        out.push('[');
        let mut address = Object::begin(out);
        address.text("formatted", formatted.as_deref());
        address.text("streetAddress", street);
        address.text("locality", locality);
        address.text("region", region);
        address.text("postalCode", postal_code);
        address.text("country", country.as_deref());
        address.text("type", Some("work"));
        address.flag("primary", true);
        address.end();
        out.push(']');
    });
}

/// Street, then town with region and postal code, then country, a line each.
fn formatted_address(
    street: Option<&str>,
    locality: Option<&str>,
    region: Option<&str>,
    postal_code: Option<&str>,
    country: Option<&str>,
) -> String {
    let area = [region, postal_code].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let town = [locality.unwrap_or(""), &area].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let lines = [street.map(Cow::Borrowed), Some(Cow::Owned(town.join(", "))), country.map(Cow::Borrowed)];
    lines.into_iter().flatten().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A country as ISO 3166-1 alpha-2 in upper case; anything else is no country that SCIM allows (R-057).
fn country(values: &Attributes, name: &str) -> Option<String> {
    let code = get(values, name)?.trim();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
}

fn enterprise(values: &Attributes, object: &mut Object<'_>) {
    object.text("employeeNumber", get(values, name::EMPLOYEE_NUMBER));
    object.text("costCenter", get(values, name::COST_CENTER));
    object.text("organization", get(values, name::LEGAL_ENTITY));
    object.text("division", get(values, name::DIVISION));
    object.text("department", get(values, name::DEPARTMENT));
}

fn worker(person: &Person, object: &mut Object<'_>) {
    let (values, standing, source) = (&person.attributes, &person.employment, &person.source);
    object.text("employmentType", Some(standing.employment_type.as_str()));
    object.text("workerType", Some(&standing.worker_type));
    object.text("employmentStatus", Some(standing.status.as_str()));
    object.text("employmentStatusRaw", Some(&standing.status_raw));
    object.text("startDate", day(standing.start).as_deref());
    object.text("originalStartDate", day(standing.original_start).as_deref());
    object.text("endDate", day(standing.planned_end).as_deref());
    object.text("terminationDate", day(standing.last_day).as_deref());
    object.slot(slots::SENSITIVE);
    object.text("workLocation", get(values, name::WORK_LOCATION));
    object.text("workLocationId", get(values, name::WORK_LOCATION_ID));
    object.text("country", country(values, name::COUNTRY).as_deref());
    object.text("legalEntity", get(values, name::LEGAL_ENTITY));
    object.text("legalEntityId", get(values, name::LEGAL_ENTITY_ID));
    object.text("departmentId", get(values, name::DEPARTMENT_ID));
    object.text("team", get(values, name::TEAM));
    object.text("teamId", get(values, name::TEAM_ID));
    object.text("seniority", get(values, name::SENIORITY));
    // Of a manager who is a person of the directory, that person's own values are shown; of one who is not, what the HR
    // system states; of one whose edge would close a cycle, nothing.
    match &person.manager {
        ManagerLink::Pending { via } => {
            object.text("managerEmail", via.manager.email.as_deref().map(shown_email).as_deref());
        }
        ManagerLink::None | ManagerLink::Person { .. } | ManagerLink::Suspended { .. } => {
            object.slot(slots::MANAGER_CONTACT);
        }
    }
    object.text("sourceSystem", Some(&source.system));
    object.text("sourceInstance", Some(&source.instance));
    object.text("sourceWorkerId", Some(&source.source_id.0));
    object.text("sourceUpdated", source.updated.map(instant).as_deref());
}

/// Days are texts, not instants: a midnight in some zone would move them (extension.md section 2).
fn day(date: Option<NaiveDate>) -> Option<String> {
    date.map(|date| date.format("%Y-%m-%d").to_string())
}

/// R-034: UTC, milliseconds, `Z`.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
pub(super) mod tests;
