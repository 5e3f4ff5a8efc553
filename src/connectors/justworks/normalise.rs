//! Converts one member of Justworks to a [`Worker`]. The code is pure, and an allow-list: what is not named here does
//! not get through (law 9), whatever it is and wherever it is. Addresses of members may be their homes and are not read
//! at all.
//!
//! The inner shapes of most objects are published nowhere, so that each is read in the shapes of page section 4.1.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::company::Company;
use super::notes::Notes;
use super::words;
use crate::connectors::country::alpha_2;
use crate::connectors::field::{
    LONGEST_TEXT, Read, instant, is_in, read_country, read_date, read_exact, read_text, source_id,
};
use crate::connectors::fields::{A_COUNTRY, A_TEXT, Fields};
use crate::directory::attribute::{Attributes, name};
use crate::directory::email::Email;
use crate::directory::ids::SourceId;
use crate::directory::worker::unreadable::Slot;
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

/// The facts that a record does not contain.
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

const MANAGER: &[Slot] = &[Slot::Manager];
const EMAIL: &[Slot] = &[Slot::WorkEmail];
const PHONE: &[Slot] = &[Slot::attribute(name::WORK_PHONE)];
const COUNTRY: &[Slot] = &[Slot::attribute(name::COUNTRY)];
const DEPARTMENT: &[Slot] = &[Slot::attribute(name::DEPARTMENT), Slot::attribute(name::DEPARTMENT_ID)];
/// The office also gives the country, where no nearer source gives it.
const OFFICE: &[Slot] =
    &[Slot::attribute(name::WORK_LOCATION), Slot::attribute(name::WORK_LOCATION_ID), Slot::attribute(name::COUNTRY)];
const NAME: &[Slot] = &[
    Slot::FullName,
    Slot::attribute(name::GIVEN_NAME),
    Slot::attribute(name::FAMILY_NAME),
    Slot::attribute(name::FORMATTED_NAME),
    Slot::attribute(name::DISPLAY_NAME),
];

/// Reads one full member (page sections 4, 5 and 10). What is there and cannot be read is noted in the worker.
///
/// # Errors
/// [`Rejected`] when the record is no object or has no usable id.
pub fn normalise(record: &Value, facts: &Facts, notes: &mut Notes) -> Result<Worker, Rejected> {
    let source_id = source_id(record).map_err(|rejected| {
        let name = Names::read(&mut Fields::of(record, true), &mut Notes::default()).display();
        Rejected { name, ..rejected }
    })?;
    for key in record.as_object().into_iter().flat_map(Map::keys) {
        if !KNOWN_KEYS.contains(&key.as_str()) {
            notes.unknown("", key);
        }
    }
    // Justworks leaves out keys without a value; lists and `active` are always there (page sections 2 and 4).
    let mut fields = Fields::of(record, true);
    let (work_email, login_email) = emails(&mut fields, facts, notes);
    let names = Names::read(&mut fields, notes);
    // Without consent a birth date is dropped, whatever it is.
    let birth_slots: &[Slot] = if facts.birth_dates { &[Slot::BirthDate] } else { &[] };
    let birth_date = fields.date("date_of_birth", birth_slots);
    let mut worker = Worker {
        work_email,
        login_email,
        full_name: names.legal(),
        birth_date: birth_date.filter(|_| facts.birth_dates),
        employment: employment(&mut fields),
        manager: manager(&mut fields, notes),
        attributes: attributes(&mut fields, &names, facts, notes),
        source_updated: updated(record),
        source_id,
        ..Worker::default()
    };
    fields.require(&["active", "emails", "phones"]);
    fields.conclude(&mut worker);
    Ok(worker)
}

/// When Justworks last changed a record; of two statements about one member the newer counts.
pub(super) fn updated(record: &Value) -> Option<DateTime<Utc>> {
    record.get("updated_at").and_then(instant)
}

fn employment(fields: &mut Fields<'_>) -> Employment {
    let last_day = fields.date("employment_termination_date", &[Slot::LastDay]);
    let active = fields.flag("active", &[Slot::Status]);
    let status = match (active, last_day) {
        (Some(true), _) => words::ACTIVE,
        (Some(false), Some(_)) => words::INACTIVE_BY_DATE,
        (Some(false), None) => words::INACTIVE,
        // Required, and missing: no status is better than a guessed one, since a known worker then keeps its class.
        (None, _) => "",
    };
    Employment {
        worker_type: fields.text("type", &[Slot::WorkerType]).unwrap_or_default(),
        status: status.to_owned(),
        start: fields.date("employment_start_date", &[Slot::Start]),
        last_day,
        job_end: job_end(fields, active),
        ..Employment::default()
    }
}

/// Whether `current_employment` states an end too. Its entries are keyed by country; of several, one without an end is
/// open.
fn job_end(fields: &mut Fields<'_>, active: Option<bool>) -> JobEnd {
    let Some(Value::Object(jobs)) = fields.at("current_employment", &[]) else { return JobEnd::NotShown };
    let dated = |job: &&Value| job.get("start_date").is_some_and(|date| matches!(read_date(date), Ok(Some(_))));
    let shown: Vec<&Value> = jobs.values().filter(dated).collect();
    let is_open = |job: &&Value| job.get("end_date").is_none_or(Value::is_null);
    if shown.is_empty() {
        JobEnd::NotShown
    } else if !shown.iter().any(is_open) {
        JobEnd::Stated
    } else if active == Some(true) {
        JobEnd::Open
    } else {
        JobEnd::OpenInactive
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
    fn read(fields: &mut Fields<'_>, notes: &mut Notes) -> Self {
        let Some(names) = fields.object("name", NAME, &KNOWN_NAME_KEYS) else { return Self::default() };
        for key in names.as_object().into_iter().flat_map(Map::keys) {
            if !KNOWN_NAME_KEYS.contains(&key.as_str()) {
                notes.unknown("name.", key);
            }
        }
        let to = Slot::attribute;
        let middle_slots = [to(name::MIDDLE_NAME)];
        let middle = match fields.at("name.additional_names", &middle_slots) {
            Some(Value::Array(parts)) => {
                let mut part = |(at, part)| {
                    let field = format!("name.additional_names[{at}]");
                    fields.value(&field, part, &middle_slots, A_TEXT, read_text)
                };
                joined(parts.iter().enumerate().map(&mut part).collect::<Vec<_>>())
            }
            Some(_) => fields.text("name.additional_names", &middle_slots),
            None => None,
        };
        Self {
            given: fields.text("name.given_name", &[to(name::GIVEN_NAME)]),
            family: fields.text("name.family_name", &[to(name::FAMILY_NAME)]),
            middle,
            preferred: fields.text("name.preferred_name", &[to(name::NICK_NAME)]),
            full_preferred: fields.text("name.full_preferred_name", &[to(name::DISPLAY_NAME)]),
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

/// Parts of a name as one text, which is no longer than any text.
fn joined(parts: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let all: Vec<String> = parts.into_iter().flatten().collect();
    let whole: String = all.join(" ").chars().take(LONGEST_TEXT).collect();
    Some(whole.trim().to_owned()).filter(|whole| !whole.is_empty())
}

/// An email or a phone, and what is said about its kind.
struct Contact {
    value: String,
    kind: Option<String>,
}

/// The possible forms of the items of a list of contacts.
struct Contacts {
    list: &'static str,
    /// The keys that a value may have, and the name of the shape beside each.
    keys: [(&'static str, &'static str); 3],
    /// The name of the shape of a bare text.
    bare: &'static str,
    slots: &'static [Slot],
    read: fn(&Value) -> Read<String>,
}

const EMAILS: Contacts = Contacts {
    list: "emails",
    keys: [("address", "emails[].address"), ("email", "emails[].email"), ("value", "emails[].value")],
    bare: "emails[]",
    slots: EMAIL,
    read: read_exact,
};
const PHONES: Contacts = Contacts {
    list: "phones",
    keys: [("number", "phones[].number"), ("value", "phones[].value"), ("phone", "phones[].phone")],
    bare: "phones[]",
    slots: PHONE,
    read: read_text,
};

impl Contacts {
    fn of(&self, fields: &mut Fields<'_>, notes: &mut Notes) -> Vec<Contact> {
        let items = fields.list(self.list, self.slots).iter().enumerate();
        items.filter_map(|(at, item)| self.one(&format!("{}[{at}]", self.list), item, fields, notes)).collect()
    }

    /// One item: a text, or an object with the value under one of the keys. An own one is of no interest here, so that
    /// it may hold anything.
    fn one(&self, field: &str, item: &Value, fields: &mut Fields<'_>, notes: &mut Notes) -> Option<Contact> {
        let Value::Object(members) = item else {
            let value = fields.value(field, item, self.slots, "a text or an object", self.read)?;
            notes.shape(self.bare);
            return Some(Contact { value, kind: None });
        };
        let stated = |key: &str| members.get(key).filter(|value| !value.is_null());
        let kind = ["type", "label", "kind"].into_iter().find_map(|key| Some((key, stated(key)?)));
        let kind = match kind {
            Some((key, kind)) => {
                let Ok(kind) = read_text(kind) else {
                    fields.refuse(&format!("{field}.{key}"), self.slots, kind, A_TEXT);
                    return None;
                };
                kind.map(|kind| kind.to_lowercase())
            }
            None => None,
        };
        let slots: &[Slot] = if kind.as_deref().is_none_or(|kind| kind == WORK) { self.slots } else { &[] };
        let found = self.keys.iter().find_map(|(key, shape)| Some((*key, *shape, stated(key)?)));
        let Some((key, shape, value)) = found else {
            if self.keys.iter().all(|(key, _)| !members.contains_key(*key)) {
                let names = self.keys.map(|(key, _)| key).join("` or `");
                fields.refuse(field, slots, item, &format!("an object with `{names}`"));
            }
            return None;
        };
        let value = fields.value(&format!("{field}.{key}"), value, slots, A_TEXT, self.read)?;
        notes.shape(shape);
        Some(Contact { value, kind })
    }
}

/// The kind of a contact that the company gave.
const WORK: &str = "work";

impl Contact {
    fn is_work(&self) -> bool {
        self.kind.as_deref() == Some(WORK)
    }
}

/// The work email, and an email that may replace it: the only one, of no kind, of a domain that was listed.
fn emails(fields: &mut Fields<'_>, facts: &Facts, notes: &mut Notes) -> (Option<String>, Option<String>) {
    let found = EMAILS.of(fields, notes);
    let work: Vec<&Contact> = found.iter().filter(|contact| contact.is_work()).collect();
    // A usable one has precedence over an unusable one. The latter is kept so that an admin can see its mistake.
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
fn named(
    fields: &mut Fields<'_>,
    field: &str,
    slots: &[Slot],
    shapes: [&'static str; 2],
    notes: &mut Notes,
) -> (Option<String>, Option<String>) {
    if let Some(Value::String(_)) = fields.at(field, slots) {
        notes.shape(shapes[1]);
        return (None, fields.text(field, slots));
    }
    if fields.object(field, slots, &["id", "name"]).is_none() {
        return (None, None);
    }
    let found = (fields.code(&format!("{field}.id"), slots), fields.text(&format!("{field}.name"), slots));
    if found != (None, None) {
        notes.shape(shapes[0]);
    }
    found
}

/// An id is kept as it is, even if no member has it: the person behind it is known after the whole read.
fn manager(fields: &mut Fields<'_>, notes: &mut Notes) -> Option<ManagerRef> {
    if let Value::String(_) | Value::Number(_) = fields.at("manager", MANAGER)? {
        let id = fields.code("manager", MANAGER)?;
        notes.shape("manager");
        return Some(ManagerRef { source_id: Some(SourceId(id)), ..ManagerRef::default() });
    }
    let keys = ["id", "member_id", "name", "email", "work_email"];
    let given = fields.object("manager", MANAGER, &keys)?;
    let id = fields.code("manager.id", MANAGER).inspect(|_| notes.shape("manager.id"));
    let id = id.or_else(|| fields.code("manager.member_id", MANAGER).inspect(|_| notes.shape("manager.member_id")));
    let email = fields
        .manager_address("manager.work_email", id.is_some())
        .or_else(|| fields.manager_address("manager.email", id.is_some()));
    // A name is shown and links nothing: where an id or an address names the manager, it makes no worker wait.
    let name_slots = if id.is_some() || email.is_some() { &[] } else { MANAGER };
    let named = match given.get("name") {
        Some(Value::Object(_)) => {
            joined(["given_name", "family_name"].map(|part| fields.text(&format!("manager.name.{part}"), name_slots)))
        }
        _ => fields.text("manager.name", name_slots),
    };
    let manager = ManagerRef { source_id: id.map(SourceId), email, name: named };
    (manager != ManagerRef::default()).then_some(manager)
}

/// The country of work: the key of the current employment, else the office's. Keys are country codes in upper case;
/// others, such as `id`, are fields of an employment that is not keyed.
fn country(fields: &mut Fields<'_>, office: Option<String>, notes: &mut Notes) -> Option<String> {
    let current = fields.object("current_employment", COUNTRY, &[]);
    let Some(given @ Value::Object(employments)) = current else { return office };
    let is_code = |key: &str| key.len() == 2 && key.bytes().all(|b| b.is_ascii_uppercase());
    let keyed: BTreeSet<&str> = employments.keys().filter(|key| is_code(key)).filter_map(|key| alpha_2(key)).collect();
    if !keyed.is_empty() {
        notes.shape("current_employment{country}");
    } else if employments.keys().any(|key| is_code(key)) {
        fields.refuse("current_employment", COUNTRY, given, "an object with country codes as its keys");
    }
    match (keyed.len(), office) {
        (0, office) => office,
        (1, _) => keyed.first().map(|code| (*code).to_owned()),
        // If there are several countries, only the office can decide.
        (_, office) => office.filter(|code| keyed.contains(code.as_str())),
    }
}

/// The country in a member's own office, in the shapes in which the company's offices have it.
fn office_country(fields: &mut Fields<'_>) -> Option<String> {
    let Some(Value::Object(office)) = fields.at("office", &[]) else { return None };
    let own = fields.country("office.country", COUNTRY);
    let address = office.get("address").filter(|address| address.is_object());
    let of_address = address.and_then(|_| fields.country("office.address.country", COUNTRY));
    let first = office.get("addresses").and_then(|list| list.get(0)).and_then(|first| first.get("country"));
    let of_first =
        first.and_then(|code| fields.value("office.addresses[0].country", code, COUNTRY, A_COUNTRY, read_country));
    own.or(of_address).or(of_first)
}

fn attributes(fields: &mut Fields<'_>, names: &Names, facts: &Facts, notes: &mut Notes) -> Attributes {
    let company = &facts.company;
    let shapes = ["department{id,name}", "department"];
    let (department_id, department) = named(fields, "department", DEPARTMENT, shapes, notes);
    let current = department_id.as_ref().and_then(|id| company.departments.get(id).cloned());
    let (office_id, office) = named(fields, "office", OFFICE, ["office{id,name}", "office"], notes);
    let known_office = office_id.as_ref().and_then(|id| company.offices.get(id).cloned()).unwrap_or_default();
    let own_country = office_country(fields);
    let country = country(fields, known_office.country.or(own_country), notes);
    let display = names.display();
    let work_phone = PHONES
        .of(fields, notes)
        .into_iter()
        // A mobile number in a payroll system is as a rule the member's own, and own numbers stay there.
        .find(Contact::is_work)
        .map(|contact| contact.value);
    let by_work_id = facts.employee_number_from_work_id;
    let number_slots: &[Slot] = if by_work_id { &[Slot::attribute(name::EMPLOYEE_NUMBER)] } else { &[] };
    let number = fields.code("work_id", number_slots).filter(|_| by_work_id);
    let all = [
        (name::GIVEN_NAME, names.served_given()),
        (name::FAMILY_NAME, names.family.clone()),
        (name::MIDDLE_NAME, names.middle.clone()),
        (name::FORMATTED_NAME, display.clone()),
        (name::DISPLAY_NAME, display),
        (name::NICK_NAME, names.preferred.clone()),
        (name::TITLE, fields.text("job_title", &[Slot::attribute(name::TITLE)])),
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
