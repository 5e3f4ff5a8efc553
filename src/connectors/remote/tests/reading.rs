//! Tests of readings that reach their end.

use chrono::TimeDelta;

use super::*;
use crate::connectors::connector::{Detail, End};
use crate::directory::worker::Part;

/// The requests that a reading has learnt not to make.
fn denials(mut memory: Value) -> Value {
    let learnt = memory.as_object_mut().unwrap();
    learnt.retain(|name, _| name != "departments" && name != "offboardingsShown");
    memory
}

#[tokio::test]
async fn the_company_behind_a_token_is_named() {
    let company = Company::whole().await;
    let account = company.remote().identify().await.unwrap();
    assert_eq!((account.id.as_str(), account.name.as_str()), (COMPANY, "Acme Robotics Ltd"));
}

#[tokio::test]
async fn a_bulk_read_gives_everybody_and_asks_again_only_for_a_missing_last_day() {
    let company = Company::whole().await;
    let mut reading = company.begin().await.unwrap();
    assert_eq!(reading.method(), "bulk");
    let pages = read(reading.as_mut()).await.unwrap();
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [8, 8]);
    assert_eq!((pages[0].end.clone(), pages[1].end.clone()), (None, Some(End::default())));
    assert_eq!(thin(&pages), [source_id(14).0], "offboarding, and no final date is known");
    let known = items(&pages).find_map(|item| match item {
        Item::Worker(worker) if worker.source_id == source_id(7) => Some(worker.employment.last_day),
        _ => None,
    });
    assert_eq!(known.unwrap(), "2026-08-31".parse().ok(), "from the offboardings");
    assert_eq!(denials(reading.memory()), json!({}));
    assert_eq!(reading.next_page().await.unwrap().end, Some(End::default()), "the end stays the end");
}

#[tokio::test]
async fn without_bulk_the_list_is_read_and_that_is_remembered_for_a_week() {
    let company = Company::new().await;
    company.says(BULK, error("unknown id")).await;
    company.facts().await;
    company.list().await;
    let mut reading = company.begin().await.unwrap();
    assert_eq!(reading.method(), "list");
    let pages = read(reading.as_mut()).await.unwrap();
    assert_eq!(thin(&pages).len(), 16);
    assert_eq!(items(&pages).count(), 16);
    assert!(pages.iter().all(|page| page.expected == Some(16)));
    assert_eq!(pages[1].end, Some(End { distinct: Some(16), ..End::default() }));
    let memory = reading.memory();
    assert_eq!(denials(memory.clone()), json!({"bulkMissingSince": "2026-11-20T12:00:00Z"}));

    company.clock.advance(TimeDelta::days(6));
    let again = company.begin_with(Some(memory.clone())).await.unwrap();
    assert_eq!((again.method().as_str(), again.memory()), ("list", memory.clone()));
    assert_eq!(company.visits(BULK).await, 1);

    company.clock.advance(TimeDelta::days(1));
    let later = company.begin_with(Some(memory)).await.unwrap();
    assert_eq!(denials(later.memory()), json!({"bulkMissingSince": "2026-11-27T12:00:00Z"}));
    assert_eq!(company.visits(BULK).await, 2);
}

#[tokio::test]
async fn a_server_that_takes_bulk_for_an_id_has_no_bulk() {
    for case in ["token lacks the scope", "validation, plain", "bad request, plain"] {
        let company = Company::new().await;
        company.says(BULK, error(case)).await;
        company.facts().await;
        assert_eq!(company.begin().await.unwrap().method(), "list", "{case}");
    }
}

#[tokio::test]
async fn a_memory_that_nobody_can_read_is_forgotten() {
    let company = Company::whole().await;
    for memory in [json!("x"), json!({"bulkMissingSince": 7}), json!({"bulkMissingSince": "2031-01-01T00:00:00Z"})] {
        assert_eq!(company.begin_with(Some(memory)).await.unwrap().method(), "bulk");
    }
}

#[tokio::test]
async fn an_empty_company_is_a_complete_read_of_nobody() {
    let company = Company::new().await;
    company.says(BULK, error("unknown id")).await;
    company.says_json(EMPLOYMENTS, recorded("employments_list_empty")).await;
    company.facts().await;
    let pages = read(company.begin().await.unwrap().as_mut()).await.unwrap();
    assert_eq!((items(&pages).count(), pages[0].end.clone()), (0, Some(End { distinct: Some(0), ..End::default() })));
}

#[tokio::test]
async fn an_employment_is_shown_in_full_without_its_files() {
    let company = Company::new().await;
    let shown = Mock::given(path(format!("{EMPLOYMENTS}/{}", source_id(14)))).and(query_param("exclude_files", "true"));
    let record = recorded("employment_show_14_offboarding_future_last_day");
    shown.respond_with(ResponseTemplate::new(200).set_body_json(record)).mount(&company.server).await;
    company.says(&format!("{EMPLOYMENTS}/{}", source_id(99)), error("unknown id")).await;
    company.facts().await;
    company.bulk().await;
    let reading = company.begin().await.unwrap();
    let Detail::Found(worker) = reading.detail(&source_id(14)).await.unwrap() else { panic!("not found") };
    assert_eq!(worker.employment.last_day, "2026-12-31".parse().ok());
    assert_eq!(reading.detail(&source_id(99)).await.unwrap(), Detail::Gone);
}

#[tokio::test]
async fn rows_that_come_twice_are_given_once() {
    let company = Company::new().await;
    company.says(BULK, error("unknown id")).await;
    let page = |number: u64, ids: [u32; 2]| {
        let rows = ids.map(|id| json!({"id": id, "full_name": "x"}));
        json!({"data": {"employments": rows, "current_page": number, "total_pages": 2, "total_count": 4}})
    };
    for (number, ids) in [(1, [1, 2]), (2, [2, 3])] {
        let list = Mock::given(path(EMPLOYMENTS)).and(query_param("page", number.to_string()));
        list.respond_with(ResponseTemplate::new(200).set_body_json(page(number, ids))).mount(&company.server).await;
    }
    company.facts().await;
    let pages = read(company.begin().await.unwrap().as_mut()).await.unwrap();
    assert_eq!(thin(&pages), ["1", "2", "3"]);
    assert_eq!(pages[1].end.as_ref().unwrap().distinct, Some(4), "one is missing: the pull can see it");
}

#[tokio::test]
async fn answers_without_envelope_and_counters_are_read_too() {
    let company = Company::new().await;
    company.says_json("/v1/identity/current", json!({"company": {"id": COMPANY}})).await;
    company.says_json(OFFBOARDINGS, json!({"offboardings": []})).await;
    company.says_json(DEPARTMENTS, json!([])).await;
    company.says(BULK, error("unknown id")).await;
    company.says_json(EMPLOYMENTS, json!({"employments": [{"id": "a"}, {"name": "no id"}]})).await;
    company.says_json(&format!("{EMPLOYMENTS}/a"), json!({"employment": {"id": "a"}})).await;
    let mut reading = company.begin().await.unwrap();
    let pages = read(reading.as_mut()).await.unwrap();
    assert_eq!((thin(&pages), items(&pages).count()), (vec!["a"], 2), "a row without id is rejected, not dropped");
    assert_eq!(pages[0].end, Some(End::default()));
    assert!(matches!(reading.detail(&SourceId("a".to_owned())).await.unwrap(), Detail::Found(_)));
}

#[tokio::test]
async fn offboardings_that_may_not_be_seen_are_done_without_and_asked_for_a_day_later() {
    let company = Company::new().await;
    company.says(OFFBOARDINGS, error("token lacks the scope")).await;
    company.says(DEPARTMENTS, error("token lacks the scope")).await;
    company.facts().await;
    company.bulk().await;
    let mut reading = company.begin().await.unwrap();
    assert_eq!(items(&read(reading.as_mut()).await.unwrap()).count(), 16);
    let memory = reading.memory();
    assert_eq!(memory, json!({"offboardingsDeniedSince": "2026-11-20T12:00:00Z"}));
    company.clock.advance(TimeDelta::hours(23));
    company.begin_with(Some(memory.clone())).await.unwrap();
    assert_eq!(company.visits(OFFBOARDINGS).await, 1);
    company.clock.advance(TimeDelta::hours(1));
    company.begin_with(Some(memory)).await.unwrap();
    assert_eq!(company.visits(OFFBOARDINGS).await, 2);
}

#[tokio::test]
async fn lists_that_were_shown_and_are_denied_at_once_are_hidden_and_not_empty() {
    let whole = Company::whole().await;
    let reading = whole.begin().await.unwrap();
    assert!(reading.hidden().is_empty());
    let mut memory = reading.memory();
    assert_eq!((&memory["offboardingsShown"], memory["departments"].as_object().is_some()), (&json!(true), true));
    let (department, name) = memory["departments"].as_object().unwrap().iter().next().unwrap();
    let (department, name) = (department.clone(), name.as_str().unwrap().to_owned());

    let company = Company::new().await;
    company.says(OFFBOARDINGS, error("unknown id")).await;
    company.says(DEPARTMENTS, error("unknown id")).await;
    company.facts().await;
    company.bulk().await;
    let record = json!({ "data": { "employment": { "id": "a", "department_id": department } } });
    company.says_json(&format!("{EMPLOYMENTS}/a"), record).await;
    for hours in [0, 1, 22] {
        company.clock.advance(TimeDelta::hours(hours));
        let reading = company.begin_with(Some(memory)).await.unwrap();
        assert_eq!(reading.hidden(), &[Part::LastDay].into(), "no end is taken back");
        let Detail::Found(worker) = reading.detail(&SourceId("a".to_owned())).await.unwrap() else { panic!() };
        assert_eq!(worker.attributes["department"], name, "nobody loses a department");
        memory = reading.memory();
    }
    assert_eq!(company.visits(OFFBOARDINGS).await, 3, "asked for each time, since it may be over");
    company.clock.advance(TimeDelta::hours(2));
    let reading = company.begin_with(Some(memory)).await.unwrap();
    assert!(reading.hidden().is_empty(), "denied for a day, the full records alone say who leaves");
    assert_eq!(reading.memory()["offboardingsShown"], Value::Null);
}

#[tokio::test]
async fn offboardings_are_read_on_all_pages_and_again_if_rows_shifted() {
    let company = Company::new().await;
    let row = |id: u32| {
        json!({"id": id, "employment_id": source_id(id), "status": "done", "submitted_at": "2026-01-01T00:00:00Z",
            "termination_date": "2026-12-31"})
    };
    let page = |number: u32, ids: [u32; 2]| {
        let rows = ids.map(row);
        json!({"data": {"offboardings": rows, "current_page": number, "total_pages": 2, "total_count": 4}})
    };
    let answers = [(1, [14, 2], 9), (2, [2, 3], 1), (2, [3, 4], 9)];
    for (number, ids, times) in answers {
        let list = Mock::given(path(OFFBOARDINGS)).and(query_param("page", number.to_string()));
        let answer = ResponseTemplate::new(200).set_body_json(page(number, ids));
        list.respond_with(answer).up_to_n_times(times).mount(&company.server).await;
    }
    company.facts().await;
    company.bulk().await;
    let pages = read(company.begin().await.unwrap().as_mut()).await.unwrap();
    assert_eq!(thin(&pages), Vec::<&str>::new(), "the last day of 14 is known");
    assert_eq!(company.visits(OFFBOARDINGS).await, 4);
    let day_of_4 = items(&pages).find_map(|item| match item {
        Item::Worker(worker) if worker.source_id == source_id(4) => worker.employment.last_day,
        _ => None,
    });
    assert_eq!(day_of_4, "2026-12-31".parse().ok(), "the row that had shifted out of sight");
}
