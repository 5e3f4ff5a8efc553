//! Tests which people work at a simulated company.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Bench, everything, id, sandbox, today};
use crate::sandbox::{Kind, MAX_WORKERS, Sandbox, SandboxConfig};

fn all(sandbox: &Sandbox) -> Vec<Value> {
    (0..sandbox.config().workers).map(|index| sandbox.employment(index).unwrap()).collect()
}

#[test]
fn the_same_set_up_is_the_same_company_and_another_seed_is_another() {
    let records = |seed| all(&sandbox(SandboxConfig { seed, ..everything(60) }).0);
    assert_eq!(records(5), records(5));
    let ids = |seed| records(seed).iter().map(|record| id(record).to_owned()).collect::<BTreeSet<_>>();
    assert!(ids(5).is_disjoint(&ids(6)));
    assert_ne!(records(5)[20]["full_name"], records(6)[20]["full_name"]);
}

#[test]
fn a_mix_has_exactly_its_kinds() {
    let parts =
        [(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4), (Kind::Archived, 2), (Kind::NoWorkEmail, 1)];
    let (sandbox, _) = sandbox(SandboxConfig::mix(&parts));
    let mut seen = BTreeMap::new();
    for record in all(&sandbox) {
        let word = |key: &str| record[key].as_str().unwrap_or("-").to_owned();
        let relation = format!("{}/{}/{}", word("type"), word("employment_model"), word("contractor_type"));
        *seen.entry((relation, word("status"), record["work_email"].is_string())).or_insert(0) += 1;
    }
    let kind = |work: &str, status: &str, email| (work.to_owned(), status.to_owned(), email);
    let wanted = BTreeMap::from([
        (kind("direct_employee/-/-", "active", true), 30),
        (kind("employee/eor/-", "active", true), 8),
        (kind("contractor/-/standard", "active", true), 4),
        (kind("employee/eor/-", "archived", true), 2),
        (kind("employee/eor/-", "active", false), 1),
    ]);
    assert_eq!(seen, wanted);
}

#[test]
fn a_plain_company_has_only_active_people_with_distinct_work_emails() {
    let (sandbox, _) = sandbox(SandboxConfig::plain(12_000));
    let mut emails = BTreeSet::new();
    let mut countries = BTreeSet::new();
    let mut departments = BTreeSet::new();
    for index in (0..12_000).step_by(11) {
        let record = sandbox.employment(index).unwrap();
        assert_eq!(record["status"], "active");
        assert!(record["termination_date"].is_null());
        assert!(record["provisional_start_date"].as_str().unwrap() < today().to_string().as_str());
        assert!(emails.insert(record["work_email"].as_str().unwrap().to_lowercase()), "{}", record["work_email"]);
        countries.insert(record["country"]["code"].to_string());
        departments.insert(record["department_id"].to_string());
    }
    assert_eq!(countries.len(), 20);
    assert!((50..=60).contains(&departments.len()), "{}", departments.len());
}

#[test]
fn a_company_with_everything_has_leavers_upcoming_hires_and_gaps_after_the_examples() {
    let (sandbox, _) = sandbox(everything(1000));
    let records = &all(&sandbox)[16..];
    let count = |accepts: &dyn Fn(&Value) -> bool| records.iter().filter(|record| accepts(record)).count();
    assert!(count(&|record| record["status"] == "archived") > 20);
    assert!(count(&|record| record["status"] == "offboarding") > 8);
    assert!(count(&|record| record["employment_lifecycle_stage"] != "onboarded") > 40);
    assert!(count(&|record| record["work_email"].is_null()) > 4);
    assert!(count(&|record| record["contract_details"].is_null() && record["type"] != "contractor") > 0);
    assert!(count(&|record| record["contractor_type"] == "cor") > 8);
    let emails: Vec<_> = records.iter().filter_map(|record| record["work_email"].as_str()).collect();
    assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len());
    for record in records.iter().filter(|record| record["employment_lifecycle_stage"] == "onboarded") {
        if let Some(start) = record["provisional_start_date"].as_str() {
            assert!(start <= today().to_string().as_str());
        }
    }
}

#[test]
fn managers_form_a_tree_of_people_who_work_here_and_are_told_right() {
    for config in
        [SandboxConfig::plain(500), everything(500), SandboxConfig::mix(&[(Kind::Archived, 9), (Kind::Eor, 90)])]
    {
        let examples = if config.kinds == crate::sandbox::Kinds::Everything { 16 } else { 1 };
        let (sandbox, _) = sandbox(config);
        let records = all(&sandbox);
        let ids: Vec<_> = records.iter().map(id).collect();
        for (index, record) in records.iter().enumerate().skip(examples) {
            let Some(manager) = record["manager_employment_id"].as_str() else {
                assert_eq!(record["status"], "archived");
                continue;
            };
            let place = ids.iter().position(|id| *id == manager).unwrap();
            assert!(place < index);
            let boss = &records[place];
            assert!(place == 0 || boss["status"] == "active");
            assert_eq!((&record["manager"], &record["manager_email"]), (&boss["full_name"], &boss["work_email"]));
        }
    }
}

#[tokio::test]
async fn pages_add_up_to_the_company_and_overlap_nowhere() {
    let bench = Bench::new(SandboxConfig { rate_limit_per_minute: 0, ..everything(137) });
    let listed = bench.listed(20).await;
    assert_eq!(listed.len(), 137);
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), 137);
    let first = bench.get("/v1/employments").await.json();
    assert_eq!(first["data"]["employments"].as_array().unwrap().len(), 20);
    assert_eq!((&first["data"]["total_pages"], &first["data"]["total_count"]), (&json!(7), &json!(137)));
    let beyond = bench.get("/v1/employments?page=9").await.json();
    assert_eq!(beyond["data"]["employments"], json!([]));
    let bulk: Vec<_> = bench.bulk(50).await.iter().map(|record| id(record).to_owned()).collect();
    assert_eq!(bulk, listed);
}

#[tokio::test]
async fn filters_choose_rows_and_count_them() {
    let bench = Bench::new(SandboxConfig { rate_limit_per_minute: 0, ..everything(300) });
    let records = all(&bench.sandbox);
    let count = |accepts: &dyn Fn(&Value) -> bool| records.iter().filter(|record| accepts(record)).count();
    let login = records[40]["login_email"].as_str().unwrap().to_uppercase();
    let short = records[41]["short_id"].as_str().unwrap();
    for (query, wanted) in [
        ("status=archived,offboarding", count(&|r| r["status"] == "archived" || r["status"] == "offboarding")),
        ("status=incomplete", count(&|r| r["eligible_for_onboarding_cancellation"] == true)),
        ("employment_type=contractor", count(&|r| r["type"] == "contractor")),
        ("employment_model=peo", count(&|r| r["employment_model"] == "peo")),
        (&format!("email={login}"), 1),
        (&format!("short_id={short}&status=active"), count(&|r| r["short_id"] == short && r["status"] == "active")),
    ] {
        let body = bench.get(&format!("/v1/employments?page_size=5&{query}")).await.json();
        assert_eq!(body["data"]["total_count"], wanted, "{query}");
        assert_eq!(body["data"]["employments"].as_array().unwrap().len(), wanted.min(5), "{query}");
    }
}

#[tokio::test]
async fn the_largest_company_is_read_at_both_ends_and_nothing_is_kept() {
    let bench = Bench::new(everything(MAX_WORKERS));
    let first = bench.get("/v1/employments/bulk?limit=100").await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 100);
    let last = bench.get("/v1/employments?page=1000&page_size=100").await.json();
    assert_eq!(last["data"]["employments"][99]["id"], bench.sandbox.employment_id(MAX_WORKERS - 1));
    let cursor = crate::sandbox::remote::employments::cursor(&bench.sandbox.people(), MAX_WORKERS - 40);
    let end = bench.get(&format!("/v1/employments/bulk?limit=100&cursor={cursor}")).await.json();
    assert_eq!(end["data"].as_array().unwrap().len(), 40);
    assert!(end["next_cursor"].is_null());
    assert_eq!(bench.sandbox.people().kept(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_id_leads_back_to_its_index_and_no_other_company_knows_it(seed: u64, index in 0..MAX_WORKERS) {
        let (here, _) = sandbox(SandboxConfig { seed, ..everything(MAX_WORKERS) });
        let own = here.employment_id(index);
        prop_assert_eq!(&here.employment(own.as_str()).unwrap()["id"], &json!(own));
        let (other, _) = sandbox(SandboxConfig { seed: seed ^ 1, ..everything(MAX_WORKERS) });
        prop_assert!(other.employment(own.as_str()).is_err());
    }

    #[test]
    fn a_list_with_removed_people_shows_the_others_in_order(
        removed in proptest::collection::btree_set(0_u32..60, 0..30),
        size in 1_u32..40,
    ) {
        let (company, _) = sandbox(SandboxConfig::plain(60));
        for index in &removed {
            company.remove(*index, false).unwrap();
        }
        let people = company.people();
        let wanted: Vec<_> = (0..60).filter(|index| !removed.contains(index)).collect();
        prop_assert_eq!(people.count() as usize, wanted.len());
        let mut seen = Vec::new();
        while let Some(first) = people.at(seen.len() as u64) {
            seen.extend(people.listed_from(first).take(size as usize));
        }
        prop_assert_eq!(seen, wanted);
    }
}
