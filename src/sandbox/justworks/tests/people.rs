//! Tests which people work at a simulated company.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{everything, ids, today, vendor, work_email};
use crate::sandbox::{Justworks, JustworksConfig, MAX_MEMBERS, MemberKind};

fn all(vendor: &Justworks) -> Vec<Value> {
    (0..vendor.config().members).map(|index| vendor.member(index).unwrap()).collect()
}

#[test]
fn the_same_set_up_is_the_same_company_and_another_seed_is_another() {
    let records = |seed| all(&vendor(JustworksConfig { seed, ..everything(60) }).0);
    assert_eq!(records(5), records(5));
    let (five, six) = (records(5), records(6));
    assert!(ids(&five).iter().all(|id| !ids(&six).contains(id)));
    assert_ne!(five[0]["company_id"], six[0]["company_id"]);
    assert_ne!(five[20]["name"], six[20]["name"]);
}

#[test]
fn a_mix_has_exactly_its_kinds() {
    let parts = [
        (MemberKind::Employee, 12),
        (MemberKind::Contractor, 2),
        (MemberKind::InternationalContractor, 2),
        (MemberKind::EmployeeEor, 2),
        (MemberKind::InternationalEmployee, 2),
        (MemberKind::Intern, 1),
        (MemberKind::Vendor, 1),
        (MemberKind::ThirdPartyAdmin, 1),
        (MemberKind::Upcoming, 3),
        (MemberKind::Terminated, 4),
        (MemberKind::Leaving, 5),
        (MemberKind::NoWorkEmail, 1),
    ];
    let mut seen = BTreeMap::new();
    let today = today().to_string();
    for member in all(&vendor(JustworksConfig::mix(&parts)).0) {
        let day = |key: &str| match member[key].as_str() {
            None => "never",
            Some(day) if day < today.as_str() => "past",
            Some(_) => "ahead",
        };
        let word = member["type"].as_str().unwrap().to_owned();
        let active = member["active"].as_bool().unwrap();
        let key = (
            word,
            active,
            day("employment_start_date"),
            day("employment_termination_date"),
            work_email(&member).is_some(),
        );
        *seen.entry(key).or_insert(0) += 1;
    }
    let kind = |word: &str, active, start, end, email| (word.to_owned(), active, start, end, email);
    let wanted = BTreeMap::from([
        (kind("employee", true, "past", "never", true), 12),
        (kind("contractor", true, "past", "never", true), 2),
        (kind("international_contractor", true, "past", "never", true), 2),
        (kind("employee_eor", true, "past", "never", true), 2),
        (kind("international_employee", true, "past", "never", true), 2),
        (kind("intern", true, "past", "never", true), 1),
        (kind("vendor", true, "past", "never", false), 1),
        (kind("third_party_admin", true, "past", "never", true), 1),
        (kind("employee", true, "ahead", "never", true), 3),
        (kind("employee", false, "past", "past", true), 4),
        (kind("employee", true, "past", "ahead", true), 5),
        (kind("employee", true, "past", "never", false), 1),
    ]);
    assert_eq!(seen, wanted);
}

#[test]
fn a_plain_company_has_only_active_people_with_distinct_work_emails() {
    let (vendor, _) = vendor(JustworksConfig::plain(12_000));
    let (mut emails, mut countries, mut departments) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for index in (0..12_000).step_by(11) {
        let member = vendor.member(index).unwrap();
        assert_eq!(member["active"], true);
        assert!(member.get("employment_termination_date").is_none());
        assert!(member["employment_start_date"].as_str().unwrap() < today().to_string().as_str());
        assert!(emails.insert(work_email(&member).unwrap().to_lowercase()));
        countries.extend(member["current_employment"].as_object().unwrap().keys().cloned());
        departments.insert(member["department"]["id"].to_string());
    }
    assert!(countries.len() > 12 && countries.contains("US") && countries.contains("FR"), "{countries:?}");
    assert!((50..=60).contains(&departments.len()), "{}", departments.len());
}

#[test]
fn a_company_with_everything_has_its_share_of_each_case_after_the_examples() {
    let records = all(&vendor(everything(1500)).0);
    let count = |accepts: &dyn Fn(&Value) -> bool| records[16..].iter().filter(|record| accepts(record)).count();
    let today = today().to_string();
    assert!(count(&|member| member["active"] == false && member["employment_termination_date"].is_string()) > 30);
    let ahead = |member: &Value, key: &str| member[key].as_str().is_some_and(|day| day > today.as_str());
    assert!(count(&|member| ahead(member, "employment_termination_date")) > 15);
    assert!(count(&|member| ahead(member, "employment_start_date")) > 20);
    for (word, least) in [("vendor", 5), ("third_party_admin", 2), ("intern", 20), ("employee_eor", 40)] {
        assert!(count(&|member| member["type"] == word) > least, "{word}");
    }
    assert!(count(&|member| work_email(member).is_none()) > 20);
    let emails: Vec<_> = records[16..].iter().filter_map(work_email).map(str::to_lowercase).collect();
    assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len());
}

#[test]
fn managers_form_a_tree_of_people_who_work_here() {
    for config in [
        JustworksConfig::plain(500),
        everything(500),
        JustworksConfig::mix(&[(MemberKind::Terminated, 9), (MemberKind::Employee, 90)]),
    ] {
        let first = if config.kinds == crate::sandbox::MemberKinds::Everything { 16 } else { 1 };
        let records = all(&vendor(config).0);
        let ids = ids(&records);
        for (index, member) in records.iter().enumerate().skip(first) {
            let Some(manager) = member["manager"]["id"].as_str() else {
                assert!(["vendor", "third_party_admin"].contains(&member["type"].as_str().unwrap()));
                continue;
            };
            let place = ids.iter().position(|id| *id == manager).unwrap();
            assert!(place < index);
            assert!(place == 0 || (records[place]["active"] == true && work_email(&records[place]).is_some()));
        }
    }
}

#[test]
fn departments_and_offices_of_members_are_those_of_the_company() {
    let (vendor, _) = vendor(everything(400));
    let departments: BTreeMap<_, _> = vendor.departments().into_iter().collect();
    assert_eq!(departments.len(), 16, "each has an id of its own");
    for member in all(&vendor) {
        if let Some(id) = member["department"]["id"].as_str() {
            assert_eq!(member["department"]["name"], json!(departments[id]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_id_leads_back_to_its_index_and_no_other_company_knows_it(seed: u64, index in 0..MAX_MEMBERS) {
        let (here, _) = vendor(JustworksConfig { seed, ..everything(MAX_MEMBERS) });
        let own = here.member_id(index);
        prop_assert_eq!(&here.member(own.as_str()).unwrap()["id"], &json!(own));
        let (other, _) = vendor(JustworksConfig { seed: seed ^ 1, ..everything(MAX_MEMBERS) });
        prop_assert!(other.member(own.as_str()).is_err());
    }
}
