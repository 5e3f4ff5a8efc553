//! From one member of Justworks to a [`Worker`]. Pure, and an allow-list: what is not named here does not get through
//! (law 9), whatever it is and wherever it lies. Addresses of members may be their homes and are not read at all.
//!
//! The inner shapes of most objects are published nowhere, so that each is read in the shapes of page section 4.1.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::company::{Company, Office};
use super::notes::Notes;
use super::words;
use crate::connectors::country::alpha_2;
use crate::connectors::field::{code, date, instant, is_in, source_id, text, unreadable_date};
use crate::directory::attribute::{Attributes, name};
use crate::directory::email::Email;
use crate::directory::ids::SourceId;
use crate::directory::worker::{Employment, JobEnd, ManagerRef, Rejected, Worker};

/// All keys of a member that are documented, also those that are never read.
const KNOWN_KEYS: [&str; 29] = [
    "id",
    "company_id",
    "work_id",
    "name",
    "active",
    "type",
    "employment_location_type",
    "addresses",
    "emails",
    "phones",
    "department",
    "office",
    "manager",
    "job_title",
    "employment_start_date",
    "employment_termination_date",
    "current_employment",
    "employment_history",
    "date_added_to_justworks",
    "date_of_birth",
    "sex_assigned_at_birth",
    "current_pay",
    "pay_history",
    "current_pay_frequency",
    "partner_settings",
    "created_at",
    "updated_at",
    "tax_id",
    "custom_field_values",
];
const KNOWN_NAME_KEYS: [&str; 5] =
    ["given_name", "family_name", "preferred_name", "full_preferred_name", "additional_names"];

/// What a record cannot say by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub company: Company,
    /// Whether consent covers birth dates: one that comes without it is dropped.
    pub birth_dates: bool,
    /// `work_id` is the employee number.
    pub employee_number_from_work_id: bool,
    /// In lower-case ASCII: domains for which an only email without a kind counts as work email.
    pub login_email_domains: BTreeSet<String>,
}

/// Reads one full member (page sections 4, 5 and 10).
///
/// # Errors
/// [`Rejected`] when the record is no object, has no usable id, or has a start or an end that is no date. Everything else
/// may be missing, null or of another type and is then unassigned.
pub fn normalise(record: &Value, facts: &Facts, notes: &mut Notes) -> Result<Worker, Rejected> {
    let source_id = source_id(record)?;
    if let Some(reason) = unreadable_date(record, &["employment_start_date", "employment_termination_date"]) {
        return Err(Rejected { source_id: Some(source_id), reason });
    }
    for key in record.as_object().into_iter().flat_map(Map::keys) {
        if !KNOWN_KEYS.contains(&key.as_str()) {
            notes.unknown("", key);
        }
    }
    let (work_email, login_email) = emails(record, facts, notes);
    let names = Names::read(record, notes);
    Ok(Worker {
        work_email,
        login_email,
        full_name: names.legal(),
        birth_date: record.get("date_of_birth").and_then(date).filter(|_| facts.birth_dates),
        employment: employment(record),
        manager: manager(record, notes),
        attributes: attributes(record, &names, facts, notes),
        source_updated: updated(record),
        source_id,
    })
}

/// When Justworks last changed a record; of two statements about one member the newer counts.
pub(super) fn updated(record: &Value) -> Option<DateTime<Utc>> {
    record.get("updated_at").and_then(instant)
}

fn employment(record: &Value) -> Employment {
    let last_day = record.get("employment_termination_date").and_then(date);
    let status = match (is_active(record), last_day) {
        (Some(true), _) => words::ACTIVE,
        (Some(false), Some(_)) => words::INACTIVE_BY_DATE,
        (Some(false), None) => words::INACTIVE,
        // Required, and missing: no status is better than a guessed one, since a known worker then keeps its class.
        (None, _) => "",
    };
    Employment {
        worker_type: record.get("type").and_then(text).unwrap_or_default(),
        status: status.to_owned(),
        start: record.get("employment_start_date").and_then(date),
        last_day,
        job_end: job_end(record),
        ..Employment::default()
    }
}

/// Whether `current_employment` states an end too. Its entries are keyed by country; of several, one without an end is
/// open.
fn job_end(record: &Value) -> JobEnd {
    let Some(Value::Object(jobs)) = record.get("current_employment") else { return JobEnd::NotShown };
    let dated = |job: &&Value| job.get("start_date").and_then(date).is_some();
    let shown: Vec<&Value> = jobs.values().filter(dated).collect();
    let is_open = |job: &&Value| job.get("end_date").is_none_or(Value::is_null);
    if shown.is_empty() {
        JobEnd::NotShown
    } else if !shown.iter().any(is_open) {
        JobEnd::Stated
    } else if is_active(record) == Some(true) {
        JobEnd::Open
    } else {
        JobEnd::OpenInactive
    }
}

fn is_active(record: &Value) -> Option<bool> {
    match record.get("active")? {
        Value::Bool(active) => Some(*active),
        Value::String(word) if word.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(word) if word.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The parts of a name. `preferred_name` is the preferred given name; a preferred family name there is not.
#[derive(Debug, Default)]
struct Names {
    given: Option<String>,
    family: Option<String>,
    middle: Option<String>,
    preferred: Option<String>,
    full_preferred: Option<String>,
}

impl Names {
    fn read(record: &Value, notes: &mut Notes) -> Self {
        let Some(names) = record.get("name") else { return Self::default() };
        for key in names.as_object().into_iter().flat_map(Map::keys) {
            if !KNOWN_NAME_KEYS.contains(&key.as_str()) {
                notes.unknown("name.", key);
            }
        }
        let part = |key: &str| names.get(key).and_then(text);
        let middle = match names.get("additional_names") {
            Some(Value::Array(parts)) => joined(parts.iter().map(text)),
            Some(one) => text(one),
            None => None,
        };
        Self {
            given: part("given_name"),
            family: part("family_name"),
            middle,
            preferred: part("preferred_name"),
            full_preferred: part("full_preferred_name"),
        }
    }

    /// The given name that goes with the family name: the preferred one, unless it turns out to be a whole name.
    fn served_given(&self) -> Option<String> {
        let is_whole = self.family.is_some() && self.preferred.is_some() && self.preferred == self.full_preferred;
        self.preferred.clone().filter(|_| !is_whole).or_else(|| self.given.clone())
    }

    fn display(&self) -> Option<String> {
        self.full_preferred.clone().or_else(|| joined([self.served_given(), self.family.clone()]))
    }

    /// The name as in papers, for comparing with other HR systems.
    fn legal(&self) -> Option<String> {
        joined([self.given.clone(), self.middle.clone(), self.family.clone()]).or_else(|| self.display())
    }
}

fn joined(parts: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let all: Vec<String> = parts.into_iter().flatten().collect();
    // As a text of its own, so that many parts make none that is longer than any.
    text(&Value::String(all.join(" ")))
}

/// An email or a phone, and what is said about its kind.
struct Contact {
    value: String,
    kind: Option<String>,
}

/// Reads a list of contacts: texts, or objects with the value under one of `keys`, the name of the shape beside each.
fn contacts(
    list: Option<&Value>,
    keys: &[(&str, &'static str)],
    bare: &'static str,
    notes: &mut Notes,
) -> Vec<Contact> {
    let mut found = Vec::new();
    for item in list.and_then(Value::as_array).into_iter().flatten() {
        if let Some(value) = text(item) {
            notes.shape(bare);
            found.push(Contact { value, kind: None });
            continue;
        }
        let value = keys.iter().find_map(|(key, shape)| Some((item.get(*key).and_then(text)?, *shape)));
        let Some((value, shape)) = value else { continue };
        notes.shape(shape);
        let kind = ["type", "label", "kind"].into_iter().find_map(|key| item.get(key).and_then(text));
        found.push(Contact { value, kind: kind.map(|kind| kind.to_lowercase()) });
    }
    found
}

impl Contact {
    fn is_work(&self) -> bool {
        self.kind.as_deref() == Some("work")
    }
}

const EMAIL_KEYS: [(&str, &str); 3] =
    [("address", "emails[].address"), ("email", "emails[].email"), ("value", "emails[].value")];
const PHONE_KEYS: [(&str, &str); 3] =
    [("number", "phones[].number"), ("value", "phones[].value"), ("phone", "phones[].phone")];

/// The work email, and an email that may stand in for it: the only one, of no kind, of a domain that was listed.
fn emails(record: &Value, facts: &Facts, notes: &mut Notes) -> (Option<String>, Option<String>) {
    let found = contacts(record.get("emails"), &EMAIL_KEYS, "emails[]", notes);
    let work: Vec<&Contact> = found.iter().filter(|contact| contact.is_work()).collect();
    // One that can be used goes before one that cannot, which is kept so that an admin is told what is wrong with it.
    let usable = work.iter().find(|contact| Email::parse(&contact.value).is_ok());
    if let Some(contact) = usable.or(work.first()) {
        return (Some(contact.value.clone()), None);
    }
    let login = match found.as_slice() {
        [only] if only.kind.is_none() && is_in(&only.value, &facts.login_email_domains) => Some(only.value.clone()),
        _ => None,
    };
    (None, login)
}

/// A department or an office: an object with id and name, with either, or a text that is the name.
fn named(item: Option<&Value>, shapes: [&'static str; 2], notes: &mut Notes) -> (Option<String>, Option<String>) {
    match item {
        Some(Value::String(_)) => {
            notes.shape(shapes[1]);
            (None, item.and_then(text))
        }
        Some(item) => {
            let found = (item.get("id").and_then(code), item.get("name").and_then(text));
            if found != (None, None) {
                notes.shape(shapes[0]);
            }
            found
        }
        None => (None, None),
    }
}

/// An id is kept as it is, also where nobody has it: who it is shows after the whole read.
fn manager(record: &Value, notes: &mut Notes) -> Option<ManagerRef> {
    let given = record.get("manager")?;
    if let Some(id) = code(given) {
        notes.shape("manager");
        return Some(ManagerRef { source_id: Some(SourceId(id)), ..ManagerRef::default() });
    }
    let id = given.get("id").and_then(code).inspect(|_| notes.shape("manager.id"));
    let id = id.or_else(|| given.get("member_id").and_then(code).inspect(|_| notes.shape("manager.member_id")));
    let named = given.get("name").and_then(|named| {
        text(named).or_else(|| joined(["given_name", "family_name"].map(|part| named.get(part).and_then(text))))
    });
    let email = given.get("work_email").or_else(|| given.get("email")).and_then(text);
    let manager = ManagerRef { source_id: id.map(SourceId), email, name: named };
    (manager != ManagerRef::default()).then_some(manager)
}

/// The country of work: the key of the current employment, else the office's. Keys are country codes in upper case;
/// others, such as `id`, are fields of an employment that is not keyed.
fn country(record: &Value, office: Option<String>, notes: &mut Notes) -> Option<String> {
    let Some(Value::Object(employments)) = record.get("current_employment") else { return office };
    let is_code = |key: &str| key.len() == 2 && key.bytes().all(|b| b.is_ascii_uppercase());
    let keyed: BTreeSet<&str> = employments.keys().filter(|key| is_code(key)).filter_map(|key| alpha_2(key)).collect();
    if !keyed.is_empty() {
        notes.shape("current_employment{country}");
    }
    match (keyed.len(), office) {
        (0, office) => office,
        (1, _) => keyed.first().map(|code| (*code).to_owned()),
        // Which of several it is, the office tells, or nobody.
        (_, office) => office.filter(|code| keyed.contains(code.as_str())),
    }
}

fn attributes(record: &Value, names: &Names, facts: &Facts, notes: &mut Notes) -> Attributes {
    let company = &facts.company;
    let (department_id, department) = named(record.get("department"), ["department{id,name}", "department"], notes);
    let current = department_id.as_ref().and_then(|id| company.departments.get(id).cloned());
    let (office_id, office) = named(record.get("office"), ["office{id,name}", "office"], notes);
    let known_office = office_id.as_ref().and_then(|id| company.offices.get(id).cloned()).unwrap_or_default();
    let own_country = record.get("office").map(Office::read).and_then(|office| office.country);
    let country = country(record, known_office.country.or(own_country), notes);
    let display = names.display();
    let work_phone = contacts(record.get("phones"), &PHONE_KEYS, "phones[]", notes)
        .into_iter()
        // A mobile number in a payroll system is as a rule the member's own, and own numbers stay there.
        .find(Contact::is_work)
        .map(|contact| contact.value);
    let number = record.get("work_id").and_then(code).filter(|_| facts.employee_number_from_work_id);
    let all = [
        (name::GIVEN_NAME, names.served_given()),
        (name::FAMILY_NAME, names.family.clone()),
        (name::MIDDLE_NAME, names.middle.clone()),
        (name::FORMATTED_NAME, display.clone()),
        (name::DISPLAY_NAME, display),
        (name::NICK_NAME, names.preferred.clone()),
        (name::TITLE, record.get("job_title").and_then(text)),
        (name::DEPARTMENT, current.or(department)),
        (name::DEPARTMENT_ID, department_id),
        (name::LEGAL_ENTITY, company.legal_name.clone()),
        (name::LEGAL_ENTITY_ID, Some(company.id.clone()).filter(|id| !id.is_empty())),
        (name::WORK_LOCATION, known_office.name.or(office)),
        (name::WORK_LOCATION_ID, office_id),
        (name::COUNTRY, country),
        (name::EMPLOYEE_NUMBER, number),
        (name::WORK_PHONE, work_phone),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
