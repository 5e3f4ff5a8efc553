//! Compares envelopes and keys with the example bodies.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Bench, everything, example, today};
use crate::sandbox::{NEVER_STORE, SandboxConfig};

const SHOWS: [&str; 16] = [
    "employment_show_01_ceo_no_manager",
    "employment_show_02_eor_employee_full",
    "employment_show_03_direct_employee_non_ascii",
    "employment_show_04_contractor_external_manager",
    "employment_show_05_global_payroll_no_work_email",
    "employment_show_06_upcoming_hire_invited",
    "employment_show_07_terminated_archived",
    "employment_show_08_active_status_but_offboarded",
    "employment_show_09_manager_cycle_a",
    "employment_show_10_manager_cycle_b",
    "employment_show_11_earlier_employment_same_emails",
    "employment_show_12_pre_hire_sparse",
    "employment_show_13_unknown_enum_values",
    "employment_show_14_offboarding_future_last_day",
    "employment_show_15_cor_contractor_mononym",
    "employment_show_16_manager_outside_visible_set",
];

/// The keys where the sandbox has more than the examples: what a directory must not keep.
const PRIVATE: [&str; 5] = [
    "administrative_details",
    "billing_address_details",
    "emergency_contact_details",
    "bank_account_details",
    "contract_details",
];

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

/// Same keys and same kinds of values, all the way down, where the example has more than null or nothing.
fn assert_same_shape(ours: &Value, theirs: &Value, at: &str) {
    match (ours, theirs) {
        (_, Value::Null) | (Value::Null, _) => assert_eq!(ours, theirs, "{at}"),
        (Value::Object(_), Value::Object(fields)) => {
            assert_eq!(keys(ours), keys(theirs), "{at}");
            for (key, field) in fields {
                assert_same_shape(&ours[key], field, &format!("{at}.{key}"));
            }
        }
        (Value::Array(_), Value::Array(rows)) => {
            if let (Some(our), Some(their)) = (ours.get(0), rows.first()) {
                assert_same_shape(our, their, &format!("{at}[0]"));
            }
        }
        _ => assert_eq!(std::mem::discriminant(ours), std::mem::discriminant(theirs), "{at}"),
    }
}

/// The record as the example has it, but for what is made up each time: ids of others, addresses, pay.
fn without_private(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    for key in PRIVATE {
        fields.remove(key);
    }
    record
}

#[tokio::test]
async fn the_example_people_are_those_of_the_page() {
    let bench = Bench::new(everything(16));
    for (index, name) in SHOWS.iter().enumerate() {
        let theirs = example(name)["data"]["employment"].clone();
        let path = format!("/v1/employments/{}?exclude_files=true", theirs["id"].as_str().unwrap());
        let reply = bench.get(&path).await;
        assert_eq!(reply.status, 200, "{name}");
        let ours = reply.json()["data"]["employment"].clone();
        assert_eq!(keys(&ours), keys(&theirs), "{name}");
        assert_same_shape(&without_private(&ours), &without_private(&theirs), name);
        for key in [
            "id",
            "short_id",
            "type",
            "employment_model",
            "contractor_type",
            "status",
            "employment_lifecycle_stage",
            "user_status",
            "full_name",
            "job_title",
            "work_email",
            "personal_email",
            "login_email",
            "department",
            "manager",
            "manager_email",
            "manager_employment_id",
            "country",
            "provisional_start_date",
            "seniority_date",
            "probation_period_end_date",
            "expiration_date",
            "termination_date",
            "created_at",
            "updated_at",
            "contractor_settings",
            "basic_information",
            "onboarding_tasks",
            "eligible_for_onboarding_cancellation",
            "files",
            "company_id",
        ] {
            if !(name.ends_with("manager_outside_visible_set") && key == "manager_employment_id") {
                assert_eq!(ours[key], theirs[key], "{name}: {key}");
            }
        }
        assert_eq!(ours["personal_details"]["birthdate"], theirs["personal_details"]["birthdate"], "{name}");
        assert_eq!(bench.sandbox.employment_id(u32::try_from(index).unwrap()), theirs["id"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_generated_record_has_exactly_the_keys_of_the_examples() {
    let bench = Bench::new(SandboxConfig { rate_limit_per_minute: 0, ..everything(200) });
    let show = keys(&example(SHOWS[0])["data"]["employment"]);
    let bulk = keys(&example("employments_bulk_page1")["data"][0]);
    let list = keys(&example("employments_list_page1")["data"]["employments"][0]);
    assert_eq!(list.len(), 16);
    for record in bench.bulk(100).await {
        assert_eq!(keys(&record), bulk);
        assert!(record["files"].is_null());
    }
    for page in 1..=2 {
        let body = bench.get(&format!("/v1/employments?page_size=100&page={page}")).await.json();
        for row in body["data"]["employments"].as_array().unwrap() {
            assert_eq!(keys(row), list);
            let full = bench.sandbox.employment(super::id(row)).unwrap();
            assert_eq!(keys(&full), show);
            assert_eq!(row["work_address_details"], full["work_address_details"]);
        }
    }
}

#[tokio::test]
async fn every_small_answer_has_the_shape_of_its_example() {
    let bench = Bench::new(everything(40));
    let company = bench.sandbox.company_id();
    let id = bench.sandbox.employment_id(1);
    for (name, path) in [
        ("company_departments", format!("/v1/company-departments?company_id={company}&paginate=true")),
        ("company_managers", "/v1/company-managers".to_owned()),
        ("countries", "/v1/countries".to_owned()),
        ("custom_fields", "/v1/custom-fields".to_owned()),
        ("employment_custom_field_values", format!("/v1/employments/{id}/custom-fields")),
        ("employment_job", format!("/v1/employments/{id}/job")),
        ("employment_structure_nodes", format!("/v1/employments/{id}/company-structure-nodes")),
        ("employment_contracts", format!("/v1/employment-contracts?employment_id={id}")),
        ("employments_list_page1", "/v1/employments?page_size=10".to_owned()),
    ] {
        let reply = bench.get(&path).await;
        assert_eq!(reply.status, 200, "{path}");
        let (mut ours, mut theirs) = (reply.json(), example(name));
        // Rows of different people and countries: null in one and not in the other is no difference of shape.
        match name {
            "countries" => {
                let portugal = |value: &Value| {
                    let mut rows = value["data"].as_array().unwrap().iter();
                    rows.find(|row| row["code"] == "PRT").unwrap().clone()
                };
                (ours, theirs) = (portugal(&ours), portugal(&theirs));
            }
            "employments_list_page1" => {
                let ana = |value: &Value| {
                    let mut rows = value["data"]["employments"].as_array().unwrap().iter();
                    rows.find(|row| row["external_id"] == "E-0102").unwrap().clone()
                };
                assert_eq!(keys(&ours["data"]), keys(&theirs["data"]));
                (ours, theirs) = (ana(&ours), ana(&theirs));
            }
            _ => {}
        }
        if name == "company_managers" || name == "employment_custom_field_values" {
            assert_eq!(ours["data"]["total_count"], theirs["data"]["total_count"]);
        }
        assert_same_shape(&ours, &theirs, name);
    }
}

#[tokio::test]
async fn the_identity_is_answered_with_201() {
    let bench = Bench::new(everything(16));
    let reply = bench.get("/v1/identity/current").await;
    assert_eq!(reply.status, 201);
    assert_same_shape(&reply.json(), &example("identity_current_customer_token"), "identity");
    assert_eq!(reply.json()["data"]["company"], example("identity_current_customer_token")["data"]["company"]);
}

#[tokio::test]
async fn an_empty_list_looks_like_the_empty_example() {
    let bench = Bench::new(everything(16));
    let reply = bench.get("/v1/employments?email=nobody@mail.example").await;
    assert_eq!(reply.json(), example("employments_list_empty"));
}

#[tokio::test]
async fn offboardings_have_the_old_and_the_new_shape() {
    let bench = Bench::new(everything(16));
    let old = bench.get("/v1/offboardings").await.json();
    let rows = old["data"]["offboardings"].as_array().unwrap();
    let theirs = example("offboardings_v1");
    assert_eq!(rows.len(), 3);
    for their in theirs["data"]["offboardings"].as_array().unwrap() {
        let our = rows.iter().find(|row| row["employment_id"] == their["employment_id"]).unwrap();
        assert_eq!(keys(our), keys(their));
        for key in ["type", "status", "termination_date"] {
            assert_eq!(our[key], their[key], "{key}");
        }
        let shown = bench.get(&format!("/v1/offboardings/{}", super::id(our))).await.json();
        assert_eq!(shown["data"]["offboarding"], *our);
    }
    let new = bench.get("/v2/offboardings").await.json();
    let rows = new["data"]["offboardings"].as_array().unwrap();
    let theirs = example("offboardings_v2");
    assert_eq!(rows.len(), 2);
    for their in theirs["data"]["offboardings"].as_array().unwrap() {
        let our = rows.iter().find(|row| row["employment_id"] == their["employment_id"]).unwrap();
        assert_eq!(keys(our), keys(their));
        for key in ["type", "status", "termination_date"] {
            assert_eq!(our[key], their[key], "{key}");
        }
        let path = format!("/v1/offboardings/employments/{}", our["employment_id"].as_str().unwrap());
        assert_eq!(bench.get(&path).await.json()["data"]["offboardings"][0], *our);
    }
}

#[tokio::test]
async fn every_leaver_of_a_company_has_an_offboarding_that_agrees_with_the_record() {
    let bench = Bench::new(SandboxConfig { rate_limit_per_minute: 0, ..everything(600) });
    let mut offboardings = Vec::new();
    for page in 1.. {
        let body = bench.get(&format!("/v1/offboardings?page_size=20&page={page}")).await.json();
        offboardings.extend(body["data"]["offboardings"].as_array().unwrap().iter().cloned());
        if body["data"]["total_pages"] == page {
            assert_eq!(body["data"]["total_count"], offboardings.len());
            break;
        }
    }
    assert!(offboardings.len() > 20, "{}", offboardings.len());
    for offboarding in &offboardings[3..] {
        let record = bench.sandbox.employment(offboarding["employment_id"].as_str().unwrap()).unwrap();
        let ends = [&offboarding["termination_date"], &offboarding["proposed_last_working_day"]];
        assert!(ends.contains(&&record["termination_date"]));
        if record["status"] == "archived" {
            assert!(record["termination_date"].as_str().unwrap() < today().to_string().as_str());
        }
    }
}

#[tokio::test]
async fn errors_have_the_bodies_of_the_page() {
    let bench = Bench::new(everything(16));
    let wanted = |case: &str| {
        let errors = example("errors");
        let error = errors.as_array().unwrap().iter().find(|error| error["case"] == case).unwrap().clone();
        (error["http_status"].as_u64().unwrap(), error["body"].clone())
    };
    for (path, case) in [
        ("/v1/company-departments", "bad request, plain"),
        ("/v1/companies", "token lacks the scope"),
        ("/v1/companies/5f0c2a7e-6b1d-4c52-9a31-8d2f7b0e4c10/legal-entities", "token lacks the scope"),
        ("/v1/employments/7a1fffff-0000-4000-8000-0000000fffff", "unknown id"),
        ("/v1/employments?page_size=101", "validation, map of arrays"),
        ("/v1/employments/bob", "validation, plain"),
        ("/v1/employments?status=gone", "validation, structured"),
    ] {
        let reply = bench.get(path).await;
        assert_eq!((u64::from(reply.status), reply.json()), wanted(case), "{path}");
    }
    bench.sandbox.revoke_token();
    let reply = bench.get("/v1/employments").await;
    assert_eq!((u64::from(reply.status), reply.json()), wanted("missing, revoked or wrong-environment token"));
    assert!(reply.header("x-ratelimit-count").is_none());
}

#[test]
fn every_record_carries_something_that_must_never_be_stored() {
    let (sandbox, _) = super::sandbox(everything(300));
    let marked = |value: &Value| value.to_string().contains(NEVER_STORE);
    for index in (0..300).filter(|index| *index != 11) {
        let record = sandbox.employment(index).unwrap();
        if record["personal_details"].is_null() {
            continue;
        }
        for key in ["administrative_details", "emergency_contact_details", "billing_address_details"] {
            assert!(marked(&record[key]), "{index}: {key}");
        }
        assert!(marked(&record["personal_details"]["nationality"]));
        if !record["address_details"].is_null() {
            assert!(marked(&record["address_details"]));
        }
        let at_home = record["work_address_details"]["is_home_address"] == "yes";
        assert_eq!(marked(&record["work_address_details"]), at_home);
        for key in ["full_name", "work_email", "manager", "job_title", "country", "basic_information"] {
            assert!(!marked(&record[key]), "{index}: {key}");
        }
    }
}
