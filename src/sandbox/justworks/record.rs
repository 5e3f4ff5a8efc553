//! Writes a member and the company as Justworks does (justworks.md sections 2 and 4). It makes the whole record in the
//! shapes of the page's examples, and the view that scopes and set-up leave of it.

use serde_json::{Map, Value, json};

use super::company::Company;
use super::config::{DepartmentShape, EmailShape, ManagerShape, Shapes};
use super::draft::{Address, Draft, Manager, Pay};
use super::scopes::Scopes;
use crate::sandbox::forbidden::{NEVER_STORE_AMOUNT, never};
use crate::sandbox::places;

/// The keys that come with `member.employment:read`; the page has only the scope's name, the rest is read off the
/// example with few scopes.
const EMPLOYMENT: [&str; 9] = [
    "department",
    "office",
    "manager",
    "job_title",
    "employment_start_date",
    "employment_termination_date",
    "current_employment",
    "employment_history",
    "pay_history",
];

/// Everything the vendor knows about a member.
pub(super) fn full(draft: &Draft, company: &Company) -> Value {
    let mut record = json!({
        "id": company.member_id(draft.index),
        "company_id": company.id(),
        "work_id": draft.work_id,
        "name": {
            "given_name": draft.given,
            "family_name": draft.surname,
            "preferred_name": draft.preferred,
            "full_preferred_name": draft.preferred.as_ref().zip(draft.surname.as_ref()).map(|(given, surname)| format!("{given} {surname}")),
            "additional_names": draft.additional,
        },
        "active": draft.active,
        "type": draft.kind,
        "employment_location_type": draft.location_type,
        "addresses": draft.address.map(|place| address(place, draft)).into_iter().collect::<Vec<_>>(),
        "emails": emails(draft),
        "phones": phones(draft),
        "department": draft.department.map(|place| named(company.department(place))),
        "office": draft.office.map(|place| named(company.office(place))),
        "manager": draft.manager.as_ref().map(|manager| manager_of(manager, company)),
        "job_title": draft.title,
        "employment_start_date": draft.start,
        "employment_termination_date": draft.end,
        "employment_history": history(draft),
        "date_added_to_justworks": draft.added,
        "date_of_birth": draft.birth,
        "created_at": draft.created,
        "updated_at": draft.updated,
    });
    if let Some(fields) = record.as_object_mut() {
        if let Some(country) = draft.country {
            let job = json!({"start_date": draft.start, "end_date": draft.end, "job_title": draft.title});
            fields.insert("current_employment".to_owned(), json!({country: job}));
        }
        fields.extend(private(draft));
    }
    pruned(&mut record);
    record
}

/// The values that a directory has no business with.
fn private(draft: &Draft) -> Map<String, Value> {
    let known = match draft.pay {
        Pay::Unknown => json!({"pay_history": []}),
        Pay::Example => {
            json!({"pay_history": [], "current_pay_frequency": "semi_monthly", "sex_assigned_at_birth": "M"})
        }
        Pay::Forbidden => {
            let pay = json!({"amount": NEVER_STORE_AMOUNT, "currency": never("currency", draft.index), "effective_date": draft.start});
            json!({
                "current_pay": pay,
                "pay_history": [pay],
                "current_pay_frequency": never("frequency", draft.index),
                "sex_assigned_at_birth": never("sex", draft.index),
            })
        }
    };
    let Value::Object(known) = known else { return Map::new() };
    known
}

/// What a reader with these scopes is shown of a whole record, in the shapes of the set-up.
pub(super) fn view(mut record: Value, scopes: Scopes, shapes: Shapes) -> Value {
    pruned(&mut record);
    let Some(fields) = record.as_object_mut() else { return record };
    if !scopes.has("member.pay:read") {
        fields.remove("current_pay");
        fields.remove("current_pay_frequency");
        fields.insert("pay_history".to_owned(), json!([]));
    }
    for key in EMPLOYMENT.iter().filter(|_| !scopes.has("member.employment:read")) {
        if *key != "pay_history" || !scopes.has("member.pay:read") {
            fields.remove(*key);
        }
    }
    for (scope, key) in [("member.dob:read", "date_of_birth"), ("member.sex:read", "sex_assigned_at_birth")] {
        if !scopes.has(scope) {
            fields.remove(key);
        }
    }
    if let Some(Value::Array(emails)) = fields.get_mut("emails") {
        for email in emails {
            reshape_email(email, shapes.emails);
        }
    }
    if shapes.department == DepartmentShape::Name {
        replace(fields, "department", "name");
    }
    if shapes.manager == ManagerShape::Id {
        replace(fields, "manager", "id");
    }
    record
}

/// `GET /v1/company`. `departments` are the ids and names as they are now.
pub(super) fn company(company: &Company, departments: &[(String, String)], scopes: Scopes) -> Value {
    let day = |year, month, day| super::examples::day(company, year, month, day);
    let mut answer = json!({
        "id": company.id(),
        "display_name": company.name(),
        "legal_name": format!("{} Inc.", company.name()),
        "addresses": [headquarters()],
        "departments": departments.iter().cloned().map(named).collect::<Vec<_>>(),
        "offices": (0..company.offices()).map(|place| named(company.office(place))).collect::<Vec<_>>(),
        "phones": [],
        "country_data": {"US": {}},
        "created_at": format!("{}T12:00:00Z", day(2017, 2, 1)),
        "updated_at": format!("{}T12:00:00Z", day(2026, 10, 30)),
    });
    // Which scope shows the tax id is not known; the example has none.
    if scopes.has("company.detail:read") {
        answer["tax_id"] = json!(never("company-tax-id", 0));
    }
    answer
}

fn replace(fields: &mut Map<String, Value>, key: &str, part: &str) {
    if let Some(part) = fields.get(key).map(|object| object[part].clone()) {
        if part.is_null() {
            fields.remove(key);
        } else {
            fields.insert(key.to_owned(), part);
        }
    }
}

fn reshape_email(email: &mut Value, shape: EmailShape) {
    *email = match shape {
        EmailShape::TypeAddress => return,
        EmailShape::Plain => email["address"].clone(),
        EmailShape::LabelEmail => {
            let label = email["type"].as_str().unwrap_or_default().to_lowercase();
            json!({"label": label, "email": email["address"]})
        }
    };
}

fn named<N: Into<Value>>((id, name): (String, N)) -> Value {
    json!({"id": id, "name": name.into()})
}

fn emails(draft: &Draft) -> Value {
    let of = |kind: &str, address: &Option<String>| {
        address.as_ref().map(|address| json!({"type": kind, "address": address}))
    };
    [of("WORK", &draft.work_email), of("PERSONAL", &draft.personal_email)].into_iter().flatten().collect()
}

fn phones(draft: &Draft) -> Value {
    let number = format!("+1555{:07}", 100_001 + u64::from(draft.index));
    if draft.has_phone { json!([{"type": "MOBILE", "number": number}]) } else { json!([]) }
}

fn history(draft: &Draft) -> Value {
    let country = draft.country.unwrap_or("US");
    draft.history.iter().map(|(since, title)| json!({country: {"start_date": since, "job_title": title}})).collect()
}

fn manager_of(manager: &Manager, company: &Company) -> Value {
    match manager {
        Manager::Member(index) => json!({"id": company.member_id(*index)}),
        Manager::Elsewhere { place, email } => json!({"id": company.elsewhere_id(*place), "email": email}),
    }
}

fn headquarters() -> Value {
    json!({
        "line1": "214 Grand St",
        "line2": "Fl 3",
        "city": "New York",
        "state": "NY",
        "postal_code": "10013",
        "country": "US",
    })
}

/// State and country are real: a time zone may be found from them. The rest of a home shows where a person lives.
fn address(place: Address, draft: &Draft) -> Value {
    match place {
        Address::Company => headquarters(),
        Address::Lyon => {
            json!({"line1": "5 rue des Lilas", "city": "Lyon", "postal_code": "69003", "country": "FR"})
        }
        Address::Home => {
            let country = draft.country.unwrap_or("US");
            let state = places::country(country).and_then(|place| places::COUNTRIES[place].office.3);
            let [line1, city, code] = ["home-street", "home-city", "home-code"].map(|what| never(what, draft.index));
            json!({"line1": line1, "city": city, "state": state, "postal_code": code, "country": country})
        }
    }
}

/// Leaves out what is empty, as the vendor does: null, "" and {} go, arrays stay.
fn pruned(value: &mut Value) {
    if let Value::Array(items) = value {
        items.iter_mut().for_each(pruned);
    }
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(pruned);
        fields.retain(|_, field| match field {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Object(object) => !object.is_empty(),
            _ => true,
        });
    }
}
