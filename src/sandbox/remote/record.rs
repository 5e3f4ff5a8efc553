//! Writes a person as Remote does (remote.md section 4), with everything that Remote would send. That includes what a
//! directory must never keep, marked with [`NEVER_STORE`](crate::sandbox::NEVER_STORE) so that a search finds it.

use serde_json::{Map, Value, json};

use super::company::Company;
use super::draft::{Boss, Draft, State, Workplace};
use crate::sandbox::forbidden::{NEVER_STORE_AMOUNT, never};
use crate::sandbox::places::{COUNTRIES, Country};

/// The keys of a row of the list (remote.md 3.1), all of them.
const THIN: [&str; 16] = [
    "id",
    "short_id",
    "external_id",
    "full_name",
    "job_title",
    "work_email",
    "login_email",
    "personal_email",
    "status",
    "employment_lifecycle_stage",
    "type",
    "employment_model",
    "country",
    "department",
    "department_id",
    "work_address_details",
];

/// The full record, as *show* has it: with `termination_date`, and without files.
pub(super) fn full(draft: &Draft, company: &Company) -> Value {
    let mut record = Map::new();
    for part in [identity(draft, company), work(draft, company), life(draft, company), private(draft)] {
        if let Value::Object(part) = part {
            record.extend(part);
        }
    }
    Value::Object(record)
}

/// A row of the list.
pub(super) fn thin(full: &Value) -> Value {
    THIN.iter().map(|key| ((*key).to_owned(), full.get(key).cloned().unwrap_or_default())).collect()
}

/// An element of the bulk answer: no `termination_date`, and `files` is null (remote.md 3.3).
pub(super) fn bulk(mut full: Value) -> Value {
    if let Some(record) = full.as_object_mut() {
        record.remove("termination_date");
        record.insert("files".to_owned(), Value::Null);
    }
    full
}

pub(super) fn country(country: &Country) -> Value {
    let subdivisions =
        country.subdivision.map(|(code, name, kind)| json!([{"code": code, "name": name, "subdivision_type": kind}]));
    json!({
        "alpha_2_code": country.alpha_2,
        "code": country.alpha_3,
        "contractor_products_available": ["standard", "plus", "cor"],
        "country_subdivisions": subdivisions,
        "employment_agreement_preview_available": true,
        "eor_onboarding": true,
        "locked_benefits": "after_first_hire",
        "name": country.name,
        "region": country.region,
        "subregion": country.subregion,
        "supported_json_schemas": [
            "additional_documents",
            "address_details",
            "administrative_details",
            "employment-basic-information",
            "bank_account_details",
            "contract_details",
            "emergency_contact",
        ],
    })
}

fn identity(draft: &Draft, company: &Company) -> Value {
    json!({
        "id": company.employment_id(draft.index),
        "short_id": short_id(draft.index),
        "external_id": draft.external_id,
        "company_id": company.id(),
        "type": draft.work.kind,
        "employment_model": draft.work.model,
        "contractor_type": draft.work.contractor,
        "status": draft.state.status,
        "employment_lifecycle_stage": draft.state.stage,
        "user_status": draft.state.user,
        "user_id": company.user_id(draft.index),
        "full_name": draft.name.full,
        "job_title": draft.title,
        "work_email": draft.work_email,
        "personal_email": draft.personal_email,
        "login_email": draft.login_email,
        "personal_details": details(draft, json!({
            "given_name": draft.name.given,
            "surname": draft.name.surname,
            "full_preferred_name": null,
            "birthdate": draft.birth,
            "gender": null,
            "nationality": [never("nationality", draft.index)],
            "mobile_number": format!("+{:011}", draft.index + 1),
        })),
    })
}

fn work(draft: &Draft, company: &Company) -> Value {
    let department = draft.department.map(|place| company.department(place));
    let (department_id, department) = department.unzip();
    let boss = boss(draft, company);
    let start = draft.dates.start;
    json!({
        "department": department,
        "department_id": department_id,
        "manager": boss.name,
        "manager_email": boss.email,
        "manager_employment_id": boss.employment_id,
        "manager_id": boss.user_id,
        "country": draft.country.map(|place| country(&COUNTRIES[place])),
        "work_address_details": work_address(draft),
        "bill_to_legal_entity_id": company.legal_entity_id(0),
        "engaged_by_legal_entity_id": company.legal_entity_id(draft.entity),
        "basic_information": details(draft, json!({
            "name": draft.name.full,
            "email": draft.personal_email,
            "job_title": draft.title,
            "manager": boss.name,
            "provisional_start_date": start,
            "has_seniority_date": if draft.dates.seniority < start && draft.dates.seniority.is_some() { "yes" } else { "no" },
            "seniority_date": draft.dates.seniority,
            "work_email": draft.work_email,
            "personal_email": draft.personal_email,
            "tax_servicing_countries": [],
        })),
    })
}

fn life(draft: &Draft, company: &Company) -> Value {
    let upcoming = draft.state.is_upcoming();
    json!({
        "provisional_start_date": draft.dates.start,
        "seniority_date": draft.dates.seniority,
        "probation_period_end_date": draft.dates.probation_end,
        "expiration_date": draft.dates.expiration,
        "termination_date": draft.dates.termination,
        "created_at": draft.created,
        "updated_at": draft.updated,
        "active_contract_id": (!upcoming).then(|| company.contract_id(draft.index)),
        "contractor_settings": draft.work.is_contract().then(|| json!({"requires_work_confirmation": draft.confirms_work})),
        "onboarding_tasks": tasks(upcoming),
        "eligible_for_onboarding_cancellation": upcoming,
        "files": [],
    })
}

/// The values that a directory has no business with.
fn private(draft: &Draft) -> Value {
    let index = draft.index;
    let upcoming = draft.state.is_upcoming();
    let currency = draft.country.map_or("EUR", |place| COUNTRIES[place].currency);
    let rate = (draft.work.is_contract() && draft.state.status != State::ARCHIVED.status).then(|| {
        json!({
            "amount": {"amount": NEVER_STORE_AMOUNT, "currency": {"code": currency}},
            "pay_frequency": "monthly",
            "slug": never("rate", index),
            "type": "monthly",
        })
    });
    let salaried = !draft.work.is_contract() && !draft.sparse;
    let contract = salaried.then(|| {
        json!({
            "contract_duration_type": "indefinite",
            "contract_end_date": null,
            "work_schedule": "full_time",
            "work_hours_per_week": 40,
            "experience_level": "Level 3 - Associate",
            "role_description": "Made-up description.",
            "annual_gross_salary": NEVER_STORE_AMOUNT,
        })
    });
    let known = !draft.sparse && !upcoming;
    json!({
        "contractor_rate": rate,
        "contract_details": contract,
        "address_details": (known && draft.workplace != Workplace::Unknown).then(|| home(draft)),
        "administrative_details": details(draft, json!({"tax_id": never("tax-id", index), "social_security_number": never("social-security", index)})),
        "billing_address_details": details(draft, json!({"address": never("billing", index), "postal_code": never("billing-code", index)})),
        "emergency_contact_details": details(draft, json!({"name": never("emergency-name", index), "phone": never("emergency-phone", index), "relationship": never("emergency-relation", index)})),
        "bank_account_details": if known { json!([{"account_number": never("account", index), "iban": never("iban", index)}]) } else { json!([]) },
        "pricing_plan_details": known.then(|| json!({"frequency": "monthly"})),
    })
}

/// Nested objects are null before onboarding.
fn details(draft: &Draft, object: Value) -> Value {
    if draft.sparse { Value::Null } else { object }
}

#[derive(Default)]
struct BossKeys {
    name: Option<String>,
    email: Option<String>,
    employment_id: Option<String>,
    user_id: Option<String>,
}

fn boss(draft: &Draft, company: &Company) -> BossKeys {
    match &draft.boss {
        None => BossKeys::default(),
        Some(Boss::Inside(index)) => {
            let (name, email) = company.contact(*index);
            BossKeys {
                name: Some(name),
                email,
                employment_id: Some(company.employment_id(*index)),
                user_id: Some(company.user_id(*index)),
            }
        }
        Some(Boss::Outside { name, email, index }) => BossKeys {
            name: Some(name.clone()),
            email: Some(email.clone()),
            employment_id: index.map(|index| company.employment_id(index)),
            user_id: index.map(|index| company.user_id(index)),
        },
    }
}

fn work_address(draft: &Draft) -> Value {
    let Some(country) = draft.country.map(|place| &COUNTRIES[place]) else { return json!({}) };
    match draft.workplace {
        Workplace::Unknown => json!({}),
        Workplace::Home => home(draft),
        Workplace::Office => {
            let (street, code, city, state) = country.office;
            address(street, code, city, state, country.alpha_3, "no")
        }
    }
}

/// State and country are real: a time zone may be found from them. The rest shows where a person lives.
fn home(draft: &Draft) -> Value {
    let country = draft.country.map(|place| &COUNTRIES[place]);
    let [street, code, city] = ["home-street", "home-code", "home-city"].map(|what| never(what, draft.index));
    let (state, alpha_3) = country.map_or((None, ""), |country| (country.office.3, country.alpha_3));
    address(&street, &code, &city, state, alpha_3, "yes")
}

fn address(street: &str, code: &str, city: &str, state: Option<&str>, country: &str, home: &str) -> Value {
    json!({
        "address": street,
        "address_line_2": null,
        "city": city,
        "postal_code": code,
        "state": state,
        "country": country,
        "is_home_address": home,
    })
}

fn tasks(upcoming: bool) -> Value {
    let status = if upcoming { "pending" } else { "completed" };
    [
        ("address_details", "Home address."),
        ("administrative_details", "Tax identifiers."),
        ("bank_account_details", "Account for salary payments."),
        ("billing_address_details", "Address of the account holder."),
        ("contract_details", "Terms of the agreement."),
        ("emergency_contact_details", "Emergency contact."),
        ("employment_document_details", "Supporting documents."),
        ("personal_details", "Legal name and birth date."),
        ("pricing_plan_details", "Billing frequency."),
    ]
    .into_iter()
    .map(|(task, description)| (task.to_owned(), json!({"status": status, "description": description})))
    .collect()
}

/// What Remote's console shows instead of the id.
pub(super) fn short_id(index: u32) -> String {
    format!("RB{}", 7013 + 13 * u64::from(index))
}
