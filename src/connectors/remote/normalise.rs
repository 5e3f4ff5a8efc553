//! From one employment of Remote to a [`Worker`]. Pure, and an allow-list: what is not named here does not get through
//! (law 9), whatever it is and wherever it lies.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::Value;

use crate::connectors::country::alpha_2;
use crate::connectors::field::{code, date, instant, is_in, source_id, text, unreadable_date};
use crate::directory::attribute::{Attributes, name};
use crate::directory::ids::SourceId;
use crate::directory::worker::{Employment, ManagerRef, Rejected, Worker};

/// What a record cannot say by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Department id → name.
    pub departments: BTreeMap<String, String>,
    /// Employment id → last day, from the offboardings.
    pub last_days: BTreeMap<String, NaiveDate>,
    /// Offboardings are not shown to us: an end that is not in the record is not known.
    pub ends_hidden: bool,
    /// In lower-case ASCII: domains for which a login counts as work email.
    pub login_email_domains: BTreeSet<String>,
}

/// Reads one full employment (page sections 4 and 11).
///
/// # Errors
/// [`Rejected`] when the record is no object or has no usable id. Everything else may be missing, null or of another
/// type and is then unassigned.
pub fn normalise(record: &Value, facts: &Facts) -> Result<Worker, Rejected> {
    let source_id = source_id(record)?;
    if let Some(reason) = unreadable_date(record, &["provisional_start_date", "termination_date"]) {
        return Err(Rejected { source_id: Some(source_id), reason });
    }
    let given = |path: &str| record.pointer(path);
    let read_text = |path: &str| given(path).and_then(text);
    let full_name = read_text("/full_name");
    Ok(Worker {
        work_email: read_text("/work_email"),
        login_email: read_text("/login_email").filter(|email| is_in(email, &facts.login_email_domains)),
        full_name,
        birth_date: given("/personal_details/birthdate").and_then(date),
        employment: employment(record, facts.last_days.get(&source_id.0).copied()),
        manager: manager(record),
        attributes: attributes(record, &facts.departments),
        source_updated: given("/updated_at").and_then(instant),
        source_id,
    })
}

fn employment(record: &Value, offboarding: Option<NaiveDate>) -> Employment {
    let day = |path: &str| record.pointer(path).and_then(date);
    let start = day("/provisional_start_date");
    let stage = record.get("employment_lifecycle_stage").and_then(text);
    Employment {
        worker_type: worker_type(record),
        status: record.get("status").and_then(text).unwrap_or_default(),
        ended: stage.as_deref() == Some("offboarded"),
        start,
        original_start: [start, day("/seniority_date")].into_iter().flatten().min(),
        planned_end: day("/expiration_date").or_else(|| day("/contract_details/contract_end_date")),
        last_day: last_day(start, day("/termination_date"), offboarding),
        ..Employment::default()
    }
}

/// The end of the employment: the record's own, else that of its offboarding. A date of the record from before the start
/// is one of an earlier employment, and yields to an offboarding of this one.
fn last_day(start: Option<NaiveDate>, own: Option<NaiveDate>, offboarding: Option<NaiveDate>) -> Option<NaiveDate> {
    let is_earlier = |end: NaiveDate| start.is_some_and(|start| end < start);
    match (own, offboarding) {
        (Some(own), Some(offboarding)) if is_earlier(own) && !is_earlier(offboarding) => Some(offboarding),
        (own, offboarding) => own.or(offboarding),
    }
}

/// The raw word for the kind of work relation (page section 11). A type, model or kind of contractor that nobody
/// documented gives the type as it is, so that an admin is asked what it means.
fn worker_type(record: &Value) -> String {
    let word = |key: &str| record.get(key).and_then(text);
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

/// `manager_id` is a console user's and joins nothing: it is not read.
fn manager(record: &Value) -> Option<ManagerRef> {
    let manager = ManagerRef {
        source_id: record.get("manager_employment_id").and_then(code).map(SourceId),
        email: record.get("manager_email").and_then(text),
        name: record.get("manager").and_then(text),
    };
    (manager != ManagerRef::default()).then_some(manager)
}

fn attributes(record: &Value, departments: &BTreeMap<String, String>) -> Attributes {
    let read_text = |path: &str| record.pointer(path).and_then(text);
    let read_code = |path: &str| record.pointer(path).and_then(code);
    let full_name = read_text("/full_name");
    // A name is never split by spaces: mononyms, and orders other than ours (page section 4.2).
    let (given, family) = read_text("/personal_details/given_name").zip(read_text("/personal_details/surname")).unzip();
    let department_id = read_code("/department_id");
    let department =
        read_text("/department").or_else(|| department_id.as_ref().and_then(|id| departments.get(id).cloned()));
    let mut all = vec![
        (name::GIVEN_NAME, given),
        (name::FAMILY_NAME, family),
        (name::DISPLAY_NAME, read_text("/personal_details/full_preferred_name").or_else(|| full_name.clone())),
        (name::FORMATTED_NAME, full_name),
        (name::NICK_NAME, read_text("/personal_details/preferred_name")),
        (name::TITLE, read_text("/job_title")),
        (name::DEPARTMENT, department),
        (name::DEPARTMENT_ID, department_id),
        (
            name::LEGAL_ENTITY_ID,
            read_code("/engaged_by_legal_entity_id").or_else(|| read_code("/bill_to_legal_entity_id")),
        ),
        (name::COUNTRY, country(record.get("country"))),
        (name::EMPLOYEE_NUMBER, read_code("/external_id").or_else(|| read_code("/short_id"))),
        (name::SENIORITY, read_text("/experience_level").or_else(|| read_text("/contract_details/experience_level"))),
    ];
    if let Some(address) = record.get("work_address_details").filter(|address| !is_home(address)) {
        let street = [address.get("address").and_then(text), address.get("address_line_2").and_then(text)];
        let street: Vec<String> = street.into_iter().flatten().collect();
        let two_letters = |value: &Value| value.as_str().and_then(alpha_2).map(str::to_owned);
        all.extend([
            (name::WORK_STREET, Some(street.join("\n")).filter(|street| !street.is_empty())),
            (name::WORK_LOCALITY, address.get("city").and_then(text)),
            (name::WORK_REGION, address.get("state").and_then(text)),
            (name::WORK_POSTAL_CODE, address.get("postal_code").and_then(code)),
            (name::WORK_ADDRESS_COUNTRY, address.get("country").and_then(two_letters)),
        ]);
    }
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Country of work, from Remote's country object or a bare code.
fn country(value: Option<&Value>) -> Option<String> {
    let value = value?;
    [value.get("alpha_2_code"), value.get("code"), Some(value)]
        .into_iter()
        .flatten()
        .find_map(|code| code.as_str().and_then(alpha_2))
        .map(str::to_owned)
}

/// Whether somebody works at home. A home address has no place here, so that an unclear answer counts as yes.
fn is_home(address: &Value) -> bool {
    match address.get("is_home_address") {
        None | Some(Value::Null) => false,
        Some(Value::String(word)) => !matches!(word.trim().to_ascii_lowercase().as_str(), "" | "no" | "false"),
        Some(flag) => flag != &Value::Bool(false),
    }
}
