//! Tests of normalising the recorded employments, with their difficult cases.

use std::fs;

use serde_json::{Map, Value, json};

use super::normalise::{Facts, normalise};
use crate::directory::attribute::name;
use crate::directory::worker::mapping::StatusClass;
use crate::directory::worker::{ManagerRef, Worker};

/// The recorded *show* answers 01 to 16, as their employments.
pub(super) fn recorded() -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/remote");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("employment_show_"))
        .collect();
    files.sort();
    let read = |path| serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap();
    let records: Vec<Value> = files.iter().map(|path| read(path)["data"]["employment"].clone()).collect();
    assert_eq!(records.len(), 16);
    records
}

/// Recorded employment number `number`, from 1, with a change.
fn changed(number: usize, change: impl FnOnce(&mut Map<String, Value>)) -> Worker {
    let mut record = recorded().swap_remove(number - 1);
    change(record.as_object_mut().unwrap());
    normalise(&record, &Facts::default()).unwrap()
}

fn worker(number: usize) -> Worker {
    changed(number, |_| {})
}

fn attribute(worker: &Worker, name: &str) -> Option<String> {
    worker.attributes.get(name).cloned()
}

fn id(number: u32) -> String {
    format!("7a1{number:05x}-0000-4000-8000-{number:012x}")
}

#[test]
fn the_recorded_employments_have_their_types_statuses_and_dates() {
    let rows: Vec<String> = recorded()
        .iter()
        .map(|record| {
            let employment = normalise(record, &Facts::default()).unwrap().employment;
            let day = |day: Option<chrono::NaiveDate>| day.map_or("-".to_owned(), |day| day.to_string());
            format!(
                "{} | {}{} | {} {} {} {}",
                employment.worker_type,
                employment.status,
                if employment.ended { " (ended)" } else { "" },
                day(employment.start),
                day(employment.original_start),
                day(employment.planned_end),
                day(employment.last_day),
            )
        })
        .collect();
    let expected = [
        "Direct Employee | active | 2019-01-07 2019-01-07 - -",
        "EOR Employee | active | 2025-06-16 2023-02-01 - -",
        "Direct Employee | active | 2020-09-01 2020-09-01 - -",
        "Contractor Plus | active | - - - -",
        "Global Payroll Employee | active | 2024-04-01 2021-10-01 - -",
        "EOR Employee | invited | 2027-01-04 2027-01-04 - -",
        "EOR Employee | archived (ended) | 2022-03-01 2022-03-01 - 2026-08-31",
        "EOR Employee | active (ended) | 2023-05-15 2023-05-15 - 2026-10-15",
        "Direct Employee | active | 2021-01-11 2021-01-11 - -",
        "EOR Employee | active | 2021-06-01 2021-06-01 - -",
        "Contractor | archived (ended) | 2023-02-01 2023-02-01 - 2025-06-13",
        "EOR Employee | pre_hire | 2027-02-15 2027-02-15 - -",
        "hris | on_garden_leave | 2018-10-01 2018-10-01 - -",
        "EOR Employee | offboarding | 2023-09-04 2023-09-04 - 2026-12-31",
        "Contractor of Record | active | 2025-11-01 2025-11-01 2026-12-31 -",
        "PEO Employee | active | 2024-11-11 2024-11-11 - -",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn the_default_map_knows_every_recorded_word_but_the_undocumented_ones() {
    let mapping = super::default_mapping();
    for (number, record) in recorded().iter().enumerate() {
        let employment = normalise(record, &Facts::default()).unwrap().employment;
        let known = number + 1 != 13;
        assert_eq!(mapping.worker_types.contains_key(&employment.worker_type), known, "{}", employment.worker_type);
        assert_eq!(mapping.statuses.contains_key(&employment.status), known, "{}", employment.status);
    }
    assert_eq!(mapping.statuses["review"], StatusClass::Upcoming);
    assert_eq!(mapping.statuses.len(), 14);
}

#[test]
fn a_full_employment_gives_all_that_a_directory_needs() {
    let worker = worker(2);
    assert_eq!(worker.source_id.0, id(2));
    assert_eq!(worker.work_email.as_deref(), Some("ana.marques@acme-robotics.example"));
    assert_eq!(worker.login_email, None, "a login of a domain that nobody listed");
    assert_eq!(worker.full_name.as_deref(), Some("Ana Sofia Marques"));
    assert_eq!(worker.birth_date, "1990-06-02".parse().ok());
    assert_eq!(worker.source_updated, "2026-11-02T09:12:41Z".parse().ok());
    let attributes: Vec<_> = worker.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        attributes,
        [
            ("country", "PT"),
            ("department", "Engineering"),
            ("departmentId", "d1e00001-2222-4222-8222-222222222201"),
            ("displayName", "Ana Sofia Marques"),
            ("employeeNumber", "E-0102"),
            ("familyName", "Marques"),
            ("formattedName", "Ana Sofia Marques"),
            ("givenName", "Ana Sofia"),
            ("legalEntityId", "0b7d9a52-3c14-4f0e-8b7a-1f2d3c4b5a60"),
            ("seniority", "Level 3 - Associate"),
            ("title", "Senior Backend Engineer"),
        ]
    );
}

#[test]
fn managers_are_joined_by_employment_and_else_by_what_is_known() {
    let manager = |number| worker(number).manager;
    assert_eq!(manager(1), None);
    let by_id = |number, of, email: &str, name: &str| {
        let expected = ManagerRef {
            source_id: Some(crate::directory::ids::SourceId(id(of))),
            email: Some(email.to_owned()),
            name: Some(name.to_owned()),
        };
        assert_eq!(manager(number), Some(expected));
    };
    by_id(2, 3, "bjorn.akesson@acme-robotics.example", "Björn Åkesson");
    by_id(9, 10, "meiling.chu@acme-robotics.example", "Mei-Ling Chu");
    by_id(10, 9, "tom.baker@acme-robotics.example", "Tom Baker");
    by_id(16, 99, "former.boss@acme-robotics.example", "Pat Former");
    let outside = manager(4).unwrap();
    assert_eq!((outside.source_id, outside.email.as_deref()), (None, Some("pm@partner-agency.example")));
    assert_eq!(manager(7), None);
}

#[test]
fn a_console_users_id_is_no_manager() {
    let worker = changed(1, |record| {
        record.insert("manager_id".to_owned(), json!("c3d40001-1111-4111-8111-111111110001"));
    });
    assert_eq!(worker.manager, None);
}

#[test]
fn a_mononym_keeps_its_parts_unset() {
    let suparman = worker(15);
    assert_eq!(attribute(&suparman, name::GIVEN_NAME), None);
    assert_eq!(attribute(&suparman, name::FAMILY_NAME), None);
    assert_eq!(attribute(&suparman, name::FORMATTED_NAME).as_deref(), Some("Suparman"));
    assert_eq!(attribute(&suparman, name::DISPLAY_NAME).as_deref(), Some("Suparman"));
}

#[test]
fn a_preferred_name_is_for_display() {
    let worker = changed(2, |record| {
        record["personal_details"]["full_preferred_name"] = json!("Sofia Marques");
        record["personal_details"]["preferred_name"] = json!("Sofia");
    });
    assert_eq!(attribute(&worker, name::DISPLAY_NAME).as_deref(), Some("Sofia Marques"));
    assert_eq!(attribute(&worker, name::NICK_NAME).as_deref(), Some("Sofia"));
    assert_eq!(attribute(&worker, name::FORMATTED_NAME).as_deref(), Some("Ana Sofia Marques"));
}

#[test]
fn an_empty_customers_reference_gives_way_to_the_short_id() {
    assert_eq!(attribute(&worker(15), name::EMPLOYEE_NUMBER).as_deref(), Some("RB7195"));
    assert_eq!(attribute(&worker(4), name::EMPLOYEE_NUMBER).as_deref(), Some("RB7052"));
}

#[test]
fn a_private_address_is_never_a_work_email() {
    for number in [5, 6, 12] {
        let worker = worker(number);
        assert_eq!((worker.work_email, worker.login_email), (None, None));
    }
}

#[test]
fn a_login_counts_only_for_listed_domains() {
    let facts = Facts { login_email_domains: ["acme-robotics.example".to_owned()].into(), ..Facts::default() };
    let login = |number: usize| normalise(&recorded()[number - 1], &facts).unwrap().login_email;
    assert_eq!(login(13).as_deref(), Some("juergen.weiss@acme-robotics.example"));
    assert_eq!(login(2), None);
}

#[test]
fn a_home_address_is_left_out_and_an_office_is_kept() {
    let address = |flag: Value| {
        let worker = changed(3, |record| record["work_address_details"]["is_home_address"] = flag);
        (attribute(&worker, name::WORK_LOCALITY), attribute(&worker, name::WORK_ADDRESS_COUNTRY))
    };
    for home in [json!("yes"), json!("YES "), json!(true), json!("true"), json!(1), json!("sometimes"), json!({})] {
        assert_eq!(address(home), (None, None));
    }
    for office in [json!("no"), json!(false), json!(null), json!("")] {
        assert_eq!(address(office), (Some("Göteborg".to_owned()), Some("SE".to_owned())));
    }
}

#[test]
fn a_country_is_found_in_either_code_and_any_case() {
    for country in [
        json!({"alpha_2_code": "pt"}),
        json!({"alpha_2_code": null, "code": "PRT"}),
        json!("prt"),
        json!({"alpha_2_code": "PRT"}),
    ] {
        let worker = changed(2, |record| record["country"] = country);
        assert_eq!(attribute(&worker, name::COUNTRY).as_deref(), Some("PT"));
    }
    assert_eq!(attribute(&changed(2, |record| record["country"] = json!({"name": "Portugal"})), name::COUNTRY), None);
}

#[test]
fn a_department_without_name_is_looked_up_by_id() {
    let departments = [("d1e00001-2222-4222-8222-222222222201".to_owned(), "Platform".to_owned())].into();
    let facts = Facts { departments, ..Facts::default() };
    let mut record = recorded().swap_remove(1);
    let department = |record: &Value| attribute(&normalise(record, &facts).unwrap(), name::DEPARTMENT);
    assert_eq!(department(&record).as_deref(), Some("Engineering"));
    record["department"] = json!(null);
    assert_eq!(department(&record).as_deref(), Some("Platform"));
}

#[test]
fn the_date_of_the_record_goes_before_that_of_the_offboardings() {
    let facts = Facts { last_days: [(id(14), "2026-11-30".parse().unwrap())].into(), ..Facts::default() };
    let mut record = recorded().swap_remove(13);
    let last_day = |record: &Value| normalise(record, &facts).unwrap().employment.last_day.unwrap().to_string();
    assert_eq!(last_day(&record), "2026-12-31");
    record["termination_date"] = json!(null);
    assert_eq!(last_day(&record), "2026-11-30");
    record["termination_date"] = json!("2020-01-31");
    record["provisional_start_date"] = json!("2026-01-01");
    assert_eq!(last_day(&record), "2026-11-30", "the record's own is one of an earlier employment");
    record["provisional_start_date"] = json!("2026-12-01");
    assert_eq!(last_day(&record), "2020-01-31", "both are");
}

#[test]
fn a_planned_end_comes_from_the_engagement_or_else_from_the_contract() {
    let worker = changed(2, |record| record["contract_details"]["contract_end_date"] = json!("2027-06-30"));
    assert_eq!(worker.employment.planned_end, "2027-06-30".parse().ok());
    let worker = changed(15, |record| record["contract_details"] = json!({"contract_end_date": "2027-06-30"}));
    assert_eq!(worker.employment.planned_end, "2026-12-31".parse().ok());
}

#[test]
fn words_that_nobody_documented_are_passed_on_for_an_admin_to_map() {
    let kind = |kind: Value, model: Value, contractor: Value| {
        let change = |record: &mut Map<String, Value>| {
            record.insert("type".to_owned(), kind);
            record.insert("employment_model".to_owned(), model);
            record.insert("contractor_type".to_owned(), contractor);
        };
        changed(1, change).employment.worker_type
    };
    assert_eq!(kind(json!("employee"), json!(null), json!(null)), "Employee");
    assert_eq!(kind(json!("employee"), json!("global_payroll"), json!(null)), "Employee");
    assert_eq!(kind(json!("employee"), json!("partner_of_record"), json!(null)), "employee");
    assert_eq!(kind(json!("contractor"), json!(null), json!(null)), "Contractor");
    assert_eq!(kind(json!("contractor"), json!(null), json!("agency")), "contractor");
    assert_eq!(kind(json!("hris"), json!("eor"), json!(null)), "hris");
    assert_eq!(kind(json!(null), json!(null), json!(null)), "");
}

#[test]
fn a_record_without_id_is_rejected_without_telling_whose_it_is() {
    for record in [
        json!({"full_name": "Ana"}),
        json!({"id": "", "full_name": "Ana"}),
        json!({"id": null}),
        json!({"id": {}}),
        json!({"id": ".."}),
        json!({"id": "a\u{0}b"}),
        json!("Ana"),
        json!(["Ana"]),
        json!(null),
    ] {
        let rejected = normalise(&record, &Facts::default()).unwrap_err();
        assert_eq!(rejected.source_id, None);
        assert!(!rejected.reason.contains("Ana"), "{}", rejected.reason);
    }
}

#[test]
fn bulk_and_show_say_the_same_but_for_the_last_day() {
    let shown = recorded();
    let pages = [
        include_str!("../../../tests/data/remote/employments_bulk_page1.json"),
        include_str!("../../../tests/data/remote/employments_bulk_page2.json"),
    ];
    let rows: Vec<Value> = pages
        .iter()
        .flat_map(|page| serde_json::from_str::<Value>(page).unwrap()["data"].as_array().unwrap().clone())
        .collect();
    assert_eq!(rows.len(), 16);
    for row in rows {
        let bulk = normalise(&row, &Facts::default()).unwrap();
        let shown = shown.iter().find(|record| record["id"] == row["id"]).unwrap();
        let mut shown = normalise(shown, &Facts::default()).unwrap();
        shown.employment.last_day = None;
        assert_eq!(bulk, shown);
    }
}

#[test]
fn a_value_that_cannot_be_read_is_noted_with_its_field() {
    let noted = |number: usize, key: &str, value: Value| -> Vec<String> {
        let worker = changed(number, |record| drop(record.insert(key.to_owned(), value)));
        worker.unreadable.into_iter().map(|one| one.field).collect()
    };
    for (key, value, field) in [
        ("full_name", json!(5), "full_name"),
        ("work_email", json!(["a@b.example"]), "work_email"),
        ("personal_details", json!("x"), "personal_details"),
        ("personal_details", json!({"birthdate": "1899-12-31"}), "personal_details.birthdate"),
        ("provisional_start_date", json!("0001-01-01"), "provisional_start_date"),
        ("seniority_date", json!("2020/03/04"), "seniority_date"),
        ("expiration_date", json!(7), "expiration_date"),
        ("termination_date", json!("2026-02-30"), "termination_date"),
        ("contract_details", json!({"contract_end_date": "30/11/2020"}), "contract_details.contract_end_date"),
        ("status", json!({}), "status"),
        ("type", json!(false), "type"),
        ("country", json!(5), "country"),
        ("country", json!({"a": 1}), "country"),
        ("country", json!({"alpha_2_code": "XX"}), "country.alpha_2_code"),
        ("department_id", json!(1.5), "department_id"),
        ("manager_employment_id", json!({}), "manager_employment_id"),
        ("external_id", json!("E\u{200b}1"), "external_id"),
        ("job_title", json!({"a": 1}), "job_title"),
        ("job_title", json!("Ana\u{fffd}"), "job_title"),
        ("work_address_details", json!({"city": 5}), "work_address_details.city"),
        ("work_address_details", json!({"is_home_address": "sometimes"}), "work_address_details.is_home_address"),
    ] {
        assert_eq!(noted(3, key, value.clone()), [field], "{key} {value}");
    }
    for (key, value) in
        [("updated_at", json!(5)), ("login_email", json!(5)), ("manager_id", json!({})), ("nobody", json!([]))]
    {
        assert_eq!(noted(3, key, value), Vec::<String>::new(), "{key}");
    }
    assert_eq!(noted(4, "manager_email", json!("mailto:x@y.example")), ["manager_email"]);
    assert_eq!(
        noted(2, "manager_email", json!("mailto:x@y.example")),
        Vec::<String>::new(),
        "the id names the manager"
    );
    let kosovo = changed(2, |record| record["country"] = json!({"alpha_2_code": "XK"}));
    assert_eq!((attribute(&kosovo, name::COUNTRY).as_deref(), kosovo.unreadable.len()), (Some("XK"), 0));
}
