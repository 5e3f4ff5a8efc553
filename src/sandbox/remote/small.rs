//! Answers the small endpoints: the identity of the token, departments, console managers, countries. It also answers
//! what hangs below one employment (remote.md 3.5, 3.6, 3.8).

use serde_json::{Value, json};

use super::examples;
use super::population::Population;
use super::record;
use super::surface::{Answer, employment, own_company};
use crate::sandbox::forbidden::NEVER_STORE_AMOUNT;
use crate::sandbox::places::COUNTRIES;
use crate::sandbox::query::Query;

/// 201, as the vendor's own description declares for this reading.
pub(super) fn identity(people: &Population) -> Answer {
    let owner = people.record(0);
    let body = json!({"data": {
        "company": {"id": people.company().id(), "name": "Acme Robotics Ltd"},
        "user": {
            "id": owner["user_id"],
            "name": owner["full_name"],
            "email": owner["login_email"],
            "status": "active",
        },
    }});
    Answer { status: 201, body }
}

/// The counters lie outside `data`, unlike everywhere else.
pub(super) fn departments(people: &Population, query: &Query) -> Result<Answer, Answer> {
    if query.get("company_id").is_none() {
        return Err(Answer::message(400, "company_id is required"));
    }
    own_company(people, query)?;
    let mut paging = query.page()?;
    let company = people.company();
    let total = company.departments();
    if !query.is_true("paginate") {
        (paging.page, paging.size) = (1, total);
    }
    let places: Vec<_> = (0..total).collect();
    let row = |place: u32| {
        let (id, name) = company.department(place);
        json!({"id": id, "company_id": company.id(), "name": name})
    };
    let rows: Vec<_> = paging.take(&places).into_iter().map(row).collect();
    Ok(Answer::ok(json!({
        "data": {"company_departments": rows},
        "current_page": paging.page,
        "total_pages": paging.pages(u64::from(total)),
        "total_count": total,
    })))
}

/// Users of the vendor's console: no reporting lines.
pub(super) fn managers(people: &Population, query: &Query) -> Result<Answer, Answer> {
    own_company(people, query)?;
    let paging = query.page()?;
    let company = people.company();
    let owner = people.record(0);
    let rows = [
        json!({
            "company_id": company.id(),
            "user_id": owner["user_id"],
            "user_name": owner["full_name"],
            "user_email": owner["login_email"],
            "role": "owner",
        }),
        json!({
            "company_id": company.id(),
            "user_id": company.user_id(examples::FORMER_BOSS),
            "user_name": "Pat Former",
            "user_email": format!("former.boss@{}", company.domain()),
            "role": "admin",
        }),
    ];
    Ok(Answer::ok(paging.envelope("company_managers", &paging.take(&rows), 2)))
}

pub(super) fn countries() -> Answer {
    Answer::ok(json!({"data": COUNTRIES.iter().map(record::country).collect::<Vec<_>>()}))
}

pub(super) fn custom_fields(people: &Population, query: &Query) -> Result<Answer, Answer> {
    own_company(people, query)?;
    let paging = query.page()?;
    let field = |(id, name, kind, required, metadata): (&str, &str, &str, bool, Value)| {
        json!({
            "id": id,
            "name": name,
            "type": kind,
            "required": required,
            "visibility_scope": "everyone",
            "data_entry_access": "company_admin_only",
            "metadata": metadata,
        })
    };
    let rows = [
        field((COST_CENTER, "Cost center", "single_select", false, json!({"options": ["CC-100", "CC-200"]}))),
        field((EMPLOYEE_NUMBER, "Employee number", "string", true, Value::Null)),
    ];
    Ok(Answer::ok(paging.envelope("custom_fields", &paging.take(&rows), 2)))
}

const COST_CENTER: &str = "cf000001-6666-4666-8666-666666666601";
const EMPLOYEE_NUMBER: &str = "cf000002-6666-4666-8666-666666666602";

/// What hangs below one employment: its job, its custom field values, its place in the company's structures.
pub(super) fn below(people: &Population, index: u32, what: &str, query: &Query) -> Result<Answer, Answer> {
    let record = people.record(index);
    let cost_center = if index.is_multiple_of(2) { "CC-100" } else { "CC-200" };
    match what {
        "job" => Ok(Answer::ok(json!({"data": job(&record)}))),
        "custom-fields" => {
            let paging = query.page()?;
            let rows = [
                json!({"custom_field_id": COST_CENTER, "name": "Cost center", "type": "single_select", "value": cost_center}),
                json!({"custom_field_id": EMPLOYEE_NUMBER, "name": "Employee number", "type": "string", "value": record["external_id"]}),
            ];
            Ok(Answer::ok(paging.envelope("custom_field_values", &paging.take(&rows), 2)))
        }
        _ => {
            let node = json!({
                "id": format!("5e00000{}-8888-4888-8888-888888888801", index % 2 + 1),
                "attributes": {"name": cost_center},
                "company_structure": {"id": "5e0000aa-8888-4888-8888-8888888888aa", "name": "Cost center"},
                "parent": {
                    "id": "5e000000-8888-4888-8888-888888888800",
                    "name": "CC-1 Technology",
                    "attributes": {"name": "CC-1 Technology"},
                },
            });
            Ok(Answer::ok(json!({"data": {"company_structure_nodes": [node]}})))
        }
    }
}

fn job(record: &Value) -> Value {
    let title = record["job_title"].as_str().unwrap_or_default();
    let level =
        ["Senior", "Staff", "Junior"].into_iter().find(|level| title.starts_with(level)).unwrap_or("Professional");
    let named = |id: &str, label: &str| json!({"id": format!("{id}-7777-4777-8777-777777777703"), "label": label});
    json!({
        "id": "8a04f015-7777-4777-8777-777777777702",
        "identifier": title.to_lowercase().replace(' ', "-"),
        "code": title.to_uppercase().replace(' ', "-"),
        "label": title,
        "description": "Made-up description.",
        "job_family": named("7a5e5e1c", record["department"].as_str().unwrap_or("None")),
        "job_sub_family": named("4d971d1f", "General"),
        "career_track": named("64a686dd", "Technical"),
        "job_level": named("bafb8c40", level),
        "custom_field_values": [],
    })
}

/// The contracts of one employment; they have no paging keys.
pub(super) fn contracts(people: &Population, query: &Query) -> Result<Answer, Answer> {
    let id = query.get("employment_id").ok_or_else(|| Answer::message(400, "employment_id is required"))?;
    let record = people.record(employment(people, id)?);
    let ended = record["status"] == "archived";
    let mut rows = Vec::new();
    if record["active_contract_id"].is_string() && !(ended && query.is_true("only_active")) {
        let since = record["provisional_start_date"].as_str().map(|day| format!("{day}T00:00:00Z"));
        rows.push(json!({
            "contract_id": record["active_contract_id"],
            "amendment_contract_id": null,
            "status": if ended { "inactive" } else { "active" },
            "activated_at": since,
            "effective_at": since,
            "job_title": record["job_title"],
            "compensation": {"amount": NEVER_STORE_AMOUNT, "currency_code": "EUR", "wage_type": "salary"},
            "contract_details": {},
            "country": record["country"],
        }));
    }
    Ok(Answer::ok(json!({"data": {"employment_contracts": rows}})))
}
