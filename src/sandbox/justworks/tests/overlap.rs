//! Tests two HR systems of one organisation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{today, work_email};
use crate::sandbox::{Justworks, JustworksConfig, Kind, MemberKind, Sandbox, SandboxConfig, couple, pair, system_time};

fn made((remote, justworks): (SandboxConfig, JustworksConfig)) -> (Sandbox, Justworks) {
    (Sandbox::new(remote, Arc::new(system_time)), Justworks::new(justworks, Arc::new(system_time)))
}

fn employments(sandbox: &Sandbox) -> Vec<Value> {
    (0..sandbox.config().workers).map(|index| sandbox.employment(index).unwrap()).collect()
}

fn members(vendor: &Justworks) -> Vec<Value> {
    (0..vendor.config().members).map(|index| vendor.member(index).unwrap()).collect()
}

fn emails<'a>(records: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    records.flatten().map(str::to_lowercase).collect()
}

#[test]
fn who_is_in_both_has_the_same_name_and_birth_date_and_the_email_in_another_case() {
    let (remote, justworks) = made(pair(1, 250, 250, 60, today()));
    let (mut titles, mut departments) = (0, 0);
    for place in 0..60 {
        let index = 16 + place;
        let employment = remote.employment(justworks.worker_index(index).unwrap()).unwrap();
        let member = justworks.member(index).unwrap();
        let details = &employment["personal_details"];
        assert_eq!(member["name"]["given_name"], details["given_name"]);
        assert_eq!(member["name"]["family_name"], details["surname"]);
        assert_eq!(member["date_of_birth"], details["birthdate"]);
        let (here, there) = (work_email(&member).unwrap(), employment["work_email"].as_str().unwrap());
        assert_ne!(here, there);
        assert_eq!(here.to_lowercase(), there.to_lowercase());
        assert_eq!(member["active"], true);
        titles += u32::from(member["job_title"] == employment["job_title"]);
        departments += u32::from(member["department"]["name"] == employment["department"]);
    }
    assert!((30..50).contains(&titles), "{titles} have the same title in both");
    assert!((30..60).contains(&departments), "{departments} have the same department in both");
    assert!(justworks.worker_index(15).is_none() && justworks.worker_index(76).is_none());
}

#[test]
fn nobody_else_shares_an_email() {
    let (remote, justworks) = made(pair(3, 400, 300, 25, today()));
    let there: BTreeSet<_> =
        emails(employments(&remote).iter().map(|row| row["work_email"].as_str())).into_iter().collect();
    let here = emails(members(&justworks).iter().map(work_email));
    assert_eq!(here.iter().filter(|email| there.contains(*email)).count(), 25);
}

#[test]
fn managers_are_in_both_led_from_here_and_led_from_remote() {
    let (remote, justworks) = made(pair(1, 250, 250, 60, today()));
    let (workers, members) = (employments(&remote), members(&justworks));
    let there: BTreeSet<_> = emails(workers.iter().map(|row| row["work_email"].as_str())).into_iter().collect();
    let here: BTreeMap<_, _> =
        members.iter().filter_map(|row| Some((work_email(row)?.to_lowercase(), row["id"].as_str()?))).collect();

    let led: BTreeSet<_> = members.iter().filter_map(|row| row["manager"]["id"].as_str()).collect();
    let in_both = (16..76).filter(|index| led.contains(justworks.member_id(*index).as_str())).count();
    assert!(in_both >= 20, "{in_both} managers are people of both");

    let led_from_here = workers.iter().filter(|row| {
        let email = row["manager_email"].as_str().unwrap_or_default();
        row["manager_employment_id"].is_null() && here.contains_key(email) && !there.contains(email)
    });
    assert!(led_from_here.count() >= 5, "some people of Remote report to somebody who is only here");

    let led_from_remote: Vec<_> = members.iter().filter(|row| row["manager"]["email"].is_string()).collect();
    assert!(led_from_remote.len() >= 5, "some people here report to somebody who is only in Remote");
    for row in led_from_remote {
        let email = row["manager"]["email"].as_str().unwrap();
        assert!(there.contains(email) && !here.contains_key(email));
        assert!(justworks.member(row["manager"]["id"].as_str().unwrap()).is_err());
    }
}

#[test]
fn two_reporting_lines_put_together_have_no_cycle() {
    for (workers, size, overlap) in [(250, 250, 60), (60, 400, 40), (400, 60, 40), (100, 100, 84)] {
        let (remote, justworks) = made(pair(7, workers, size, overlap, today()));
        // Remote has precedence, as a person in both has one manager only.
        let mut boss: BTreeMap<String, String> = BTreeMap::new();
        let names: BTreeMap<_, _> = members(&justworks)
            .iter()
            .filter_map(|row| Some((row["id"].as_str()?.to_owned(), work_email(row)?.to_lowercase())))
            .collect();
        for row in &members(&justworks)[16..] {
            let manager = row["manager"]["email"].as_str().map(str::to_owned);
            let manager = manager.or_else(|| names.get(row["manager"]["id"].as_str()?).cloned());
            if let (Some(own), Some(manager)) = (work_email(row), manager) {
                boss.insert(own.to_lowercase(), manager);
            }
        }
        for row in &employments(&remote)[16..] {
            if let (Some(own), Some(manager)) = (row["work_email"].as_str(), row["manager_email"].as_str()) {
                boss.insert(own.to_owned(), manager.to_owned());
            }
        }
        for start in boss.keys() {
            let mut at = start;
            for _ in 0..20 {
                at = boss.get(at).unwrap_or(at);
            }
            assert!(!boss.contains_key(at), "{start} leads to nobody at the top");
        }
    }
}

#[test]
fn any_two_set_ups_can_be_coupled_and_the_overlap_is_never_larger_than_they_are() {
    let remote = SandboxConfig { today: Some(today()), ..SandboxConfig::mix(&[(Kind::Archived, 2), (Kind::Eor, 3)]) };
    let justworks = JustworksConfig::mix(&[(MemberKind::Employee, 4)]);
    let (remote, justworks) = made(couple(remote, justworks, 99));
    let employment = remote.employment(justworks.worker_index(0).unwrap()).unwrap();
    assert_eq!(employment["status"], "archived", "gone there, at work here");
    assert_eq!(justworks.member(0).unwrap()["active"], true);
    assert_eq!((0..4).filter(|index| justworks.worker_index(*index).is_some()).count(), 4);
    let (remote, justworks) = made(couple(SandboxConfig::plain(3), JustworksConfig::plain(50), 99));
    assert_eq!((0..50).filter(|index| justworks.worker_index(*index).is_some()).count(), 3);
    assert_eq!(remote.count(), 3);
}

#[test]
fn a_remote_that_knows_of_no_other_system_is_as_it_was() {
    let alone = Sandbox::new(SandboxConfig { today: Some(today()), ..SandboxConfig::default() }, Arc::new(system_time));
    let (coupled, _) = made(pair(1, 250, 250, 60, today()));
    let differing = (0..250).filter(|index| {
        let (mut one, mut two) = (alone.employment(*index).unwrap(), coupled.employment(*index).unwrap());
        let differs = one != two;
        for record in [&mut one, &mut two] {
            for key in ["manager", "manager_email", "manager_employment_id", "manager_id", "basic_information"] {
                record[key] = Value::Null;
            }
        }
        assert_eq!(one, two);
        differs
    });
    assert!((5..40).contains(&differing.count()), "only the managers of a few differ");
}
