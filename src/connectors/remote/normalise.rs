//! Converts one employment of Remote to a [`Worker`]. The code is pure, and an allow-list: what is not named here does
//! not get through (law 9), whatever it is and wherever it is.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::Value;

use crate::connectors::field::{instant, is_in, source_id, text};
use crate::connectors::fields::{A_DATE, A_TEXT, Fields};
use crate::directory::attribute::{Attributes, name};
use crate::directory::ids::SourceId;
use crate::directory::text::clean;
use crate::directory::worker::unreadable::Slot;
use crate::directory::worker::{Employment, ManagerRef, Rejected, Worker};

/// The facts that a record does not contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Department id → name.
    pub departments: BTreeMap<String, String>,
    /// Employment id → last day, from the offboardings.
    pub last_days: BTreeMap<String, NaiveDate>,
    /// Employments whose offboarding cannot be read: with the field, and what was found in it.
    pub unreadable_ends: BTreeMap<String, Vec<(&'static str, Value)>>,
    /// Offboardings are not shown to us: an end that is not in the record is not known.
    pub ends_hidden: bool,
    /// In lower-case ASCII: domains for which a login counts as work email.
    pub login_email_domains: BTreeSet<String>,
}

const MANAGER: &[Slot] = &[Slot::Manager];
const TYPE: &[Slot] = &[Slot::WorkerType];
const STATUS: &[Slot] = &[Slot::Status];
const FULL_NAME: &[Slot] =
    &[Slot::FullName, Slot::attribute(name::FORMATTED_NAME), Slot::attribute(name::DISPLAY_NAME)];
const DEPARTMENT: &[Slot] = &[Slot::attribute(name::DEPARTMENT), Slot::attribute(name::DEPARTMENT_ID)];
const ADDRESS: &[Slot] = &[
    Slot::attribute(name::WORK_STREET),
    Slot::attribute(name::WORK_LOCALITY),
    Slot::attribute(name::WORK_REGION),
    Slot::attribute(name::WORK_POSTAL_CODE),
    Slot::attribute(name::WORK_ADDRESS_COUNTRY),
];

/// Reads one full employment (page sections 4 and 11). What is there and cannot be read is noted in the worker.
///
/// # Errors
/// [`Rejected`] when the record is no object or has no usable id.
pub fn normalise(record: &Value, facts: &Facts) -> Result<Worker, Rejected> {
    let source_id = source_id(record).map_err(|rejected| Rejected { name: full_name(record), ..rejected })?;
    let mut fields = Fields::of(record, false);
    let full_name = fields.text("full_name", FULL_NAME);
    // A login that cannot be read could count only where logins count.
    let login_slots: &[Slot] = if facts.login_email_domains.is_empty() { &[] } else { &[Slot::LoginEmail] };
    let login = fields.address("login_email", login_slots);
    let mut worker = Worker {
        work_email: fields.address("work_email", &[Slot::WorkEmail]),
        login_email: login.filter(|email| is_in(email, &facts.login_email_domains)),
        birth_date: fields.date("personal_details.birthdate", &[Slot::BirthDate]),
        employment: employment(&mut fields, &source_id, facts),
        manager: manager(&mut fields),
        attributes: attributes(&mut fields, full_name.as_ref(), &facts.departments),
        full_name,
        source_updated: record.get("updated_at").and_then(instant),
        source_id,
        ..Worker::default()
    };
    fields.conclude(&mut worker);
    Ok(worker)
}

/// The name in a record, if it is one.
pub(super) fn full_name(record: &Value) -> Option<String> {
    record.get("full_name").and_then(text)
}

fn employment(fields: &mut Fields<'_>, id: &SourceId, facts: &Facts) -> Employment {
    let start = fields.date("provisional_start_date", &[Slot::Start, Slot::OriginalStart]);
    let seniority = fields.date("seniority_date", &[Slot::OriginalStart]);
    let planned_end = fields.date("expiration_date", &[Slot::PlannedEnd]);
    let contract_end = fields.date("contract_details.contract_end_date", &[Slot::PlannedEnd]);
    let own_last_day = fields.date("termination_date", &[Slot::LastDay]);
    // Bulk records lack the key, and *show* has it.
    fields.forgive_missing("termination_date");
    if own_last_day.is_none() && !facts.last_days.contains_key(&id.0) {
        for (field, value) in facts.unreadable_ends.get(&id.0).into_iter().flatten() {
            let expected = if *field == "offboardings.status" { A_TEXT } else { A_DATE };
            fields.refuse(field, &[Slot::LastDay], value, expected);
        }
    }
    let stage = fields.text("employment_lifecycle_stage", &[Slot::Status, Slot::Ended]);
    Employment {
        worker_type: worker_type(fields),
        status: fields.text("status", STATUS).unwrap_or_default(),
        ended: stage.as_deref() == Some("offboarded"),
        start,
        original_start: [start, seniority].into_iter().flatten().min(),
        planned_end: planned_end.or(contract_end),
        last_day: last_day(start, own_last_day, facts.last_days.get(&id.0).copied()),
        ..Employment::default()
    }
}

/// The end of the employment: the record's own, else that of its offboarding. A date of the record from before the
/// start belongs to an earlier employment, and an offboarding of this one has precedence over it.
fn last_day(start: Option<NaiveDate>, own: Option<NaiveDate>, offboarding: Option<NaiveDate>) -> Option<NaiveDate> {
    let is_earlier = |end: NaiveDate| start.is_some_and(|start| end < start);
    match (own, offboarding) {
        (Some(own), Some(offboarding)) if is_earlier(own) && !is_earlier(offboarding) => Some(offboarding),
        (own, offboarding) => own.or(offboarding),
    }
}

/// The raw value for the kind of work relation (page section 11). An undocumented type, model or kind of contractor
/// gives the type as it is, so that an admin gets the question what it means.
fn worker_type(fields: &mut Fields<'_>) -> String {
    let mut word = |key: &str| fields.text(key, TYPE);
    let (kind, model, contractor) = (word("type"), word("employment_model"), word("contractor_type"));
    let known = match (kind.as_deref(), model.as_deref(), contractor.as_deref()) {
        (Some("employee"), Some("eor"), _) => "EOR Employee",
        (Some("employee"), Some("peo"), _) => "PEO Employee",
        (Some("employee"), None | Some("global_payroll"), _) => "Employee",
        (Some("direct_employee"), ..) => "Direct Employee",
        (Some("global_payroll_employee"), ..) => "Global Payroll Employee",
        (Some("contractor"), _, None | Some("standard")) => "Contractor",
        (Some("contractor"), _, Some("plus")) => "Contractor Plus",
        (Some("contractor"), _, Some("cor")) => "Contractor of Record",
        _ => return kind.unwrap_or_default(),
    };
    known.to_owned()
}

/// `manager_id` is a console user's and links nothing: it is not read.
fn manager(fields: &mut Fields<'_>) -> Option<ManagerRef> {
    let source_id = fields.code("manager_employment_id", MANAGER).map(SourceId);
    let email = fields.manager_address("manager_email", source_id.is_some());
    // A name is shown and links nothing: where an id or an address names the manager, it makes no worker wait.
    let name_slots = if source_id.is_some() || email.is_some() { &[] } else { MANAGER };
    let manager = ManagerRef { source_id, email, name: fields.text("manager", name_slots) };
    (manager != ManagerRef::default()).then_some(manager)
}

fn attributes(
    fields: &mut Fields<'_>,
    full_name: Option<&String>,
    departments: &BTreeMap<String, String>,
) -> Attributes {
    let to = Slot::attribute;
    // A name is never split by spaces: mononyms, and orders other than ours (page section 4.2).
    let given = fields.text("personal_details.given_name", &[to(name::GIVEN_NAME)]);
    let family = fields.text("personal_details.surname", &[to(name::FAMILY_NAME)]);
    let (given, family) = given.zip(family).unzip();
    let preferred = fields.text("personal_details.full_preferred_name", &[to(name::DISPLAY_NAME)]);
    let nick = fields.text("personal_details.preferred_name", &[to(name::NICK_NAME)]);
    let department_id = fields.code("department_id", DEPARTMENT);
    let department = fields
        .text("department", DEPARTMENT)
        .or_else(|| department_id.as_ref().and_then(|id| departments.get(id).cloned()));
    let entity = [to(name::LEGAL_ENTITY_ID)];
    let engaged_by = fields.code("engaged_by_legal_entity_id", &entity);
    let bill_to = fields.code("bill_to_legal_entity_id", &entity);
    let number = [to(name::EMPLOYEE_NUMBER)];
    let external = fields.code("external_id", &number);
    let short = fields.code("short_id", &number);
    let level = fields.text("experience_level", &[to(name::SENIORITY)]);
    let contract_level = fields.text("contract_details.experience_level", &[to(name::SENIORITY)]);
    let mut all = vec![
        (name::GIVEN_NAME, given),
        (name::FAMILY_NAME, family),
        (name::DISPLAY_NAME, preferred.or_else(|| full_name.cloned())),
        (name::FORMATTED_NAME, full_name.cloned()),
        (name::NICK_NAME, nick),
        (name::TITLE, fields.text("job_title", &[to(name::TITLE)])),
        (name::DEPARTMENT, department),
        (name::DEPARTMENT_ID, department_id),
        (name::LEGAL_ENTITY_ID, engaged_by.or(bill_to)),
        (name::COUNTRY, country(fields)),
        (name::EMPLOYEE_NUMBER, external.or(short)),
        (name::SENIORITY, level.or(contract_level)),
    ];
    all.extend(office(fields));
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Country of work, from Remote's country object or a bare code.
fn country(fields: &mut Fields<'_>) -> Option<String> {
    let slots = [Slot::attribute(name::COUNTRY)];
    if fields.at("country", &slots).is_some_and(|value| !value.is_object() && !value.is_array()) {
        return fields.country("country", &slots);
    }
    fields.object("country", &slots, &["alpha_2_code", "code"])?;
    let short = fields.country("country.alpha_2_code", &slots);
    let long = fields.country("country.code", &slots);
    fields.forgive_missing("country.alpha_2_code");
    fields.forgive_missing("country.code");
    short.or(long)
}

/// The parts of the work address. A home address does not belong here, so that an unclear answer counts as yes.
fn office(fields: &mut Fields<'_>) -> Vec<(&'static str, Option<String>)> {
    if fields.object("work_address_details", ADDRESS, &[]).is_none() {
        return Vec::new();
    }
    let is_stated = fields.at("work_address_details.is_home_address", &[]).is_some();
    let is_home = fields.flag("work_address_details.is_home_address", ADDRESS);
    fields.forgive_missing("work_address_details.is_home_address");
    let is_blank = |value: &Value| value.as_str().is_some_and(|word| clean(word).is_empty());
    let is_unclear =
        is_stated && is_home.is_none() && !fields.at("work_address_details.is_home_address", &[]).is_some_and(is_blank);
    if is_home == Some(true) || is_unclear {
        return Vec::new();
    }
    let to = Slot::attribute;
    let at = |key: &str| format!("work_address_details.{key}");
    let street = [
        fields.text(&at("address"), &[to(name::WORK_STREET)]),
        fields.text(&at("address_line_2"), &[to(name::WORK_STREET)]),
    ];
    let street: Vec<String> = street.into_iter().flatten().collect();
    vec![
        (name::WORK_STREET, Some(street.join("\n")).filter(|street| !street.is_empty())),
        (name::WORK_LOCALITY, fields.text(&at("city"), &[to(name::WORK_LOCALITY)])),
        (name::WORK_REGION, fields.text(&at("state"), &[to(name::WORK_REGION)])),
        (name::WORK_POSTAL_CODE, fields.code(&at("postal_code"), &[to(name::WORK_POSTAL_CODE)])),
        (name::WORK_ADDRESS_COUNTRY, fields.country(&at("country"), &[to(name::WORK_ADDRESS_COUNTRY)])),
    ]
}
