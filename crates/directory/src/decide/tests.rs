use chrono::TimeDelta;

use super::*;
use crate::dates::lifecycle::event_of;
use crate::event::EventKind;
use crate::ids::WorkerKey;
use crate::person::diff::diff;
use crate::plan::LinkReason;
use crate::testing::{JUSTWORKS, REMOTE, World, at, day, key, worker};
use crate::worker::Employment;
use crate::worker::mapping::EmploymentType;
use crate::worker::unreadable::{Slot, Unreadable};

mod properties;

const NOON: &str = "2026-11-20T12:00:00Z";

fn remote(id: &str) -> WorkerKey {
    key(REMOTE, id)
}

fn is_published(decisions: &Decisions, key: &WorkerKey) -> bool {
    matches!(decisions.outcome(key), Outcome::Published { .. })
}

fn link_of(decisions: &Decisions, key: &WorkerKey) -> Option<LinkReason> {
    match decisions.outcome(key) {
        Outcome::Published { link, .. } => *link,
        _ => None,
    }
}

fn changed(decisions: &Decisions) -> Vec<String> {
    let (before, after) = decisions.only();
    diff(before, after).into_iter().map(|change| change.attribute).collect()
}

#[test]
fn story_2_an_unmapped_worker_type_waits_and_appears_once_it_is_mapped() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com"), worker("2", "i@acme.com").kind("Intern")]);
    let decisions = world.decide();
    assert_eq!(world.input.people.len(), 1);
    assert_eq!(decisions.reviews(&remote("2")), [Review::UnmappedWorkerType { word: "Intern".into() }]);
    world.input.connections[0].rules.mapping.worker_types.insert("Intern".into(), EmploymentType::Intern);
    let decisions = world.settle();
    assert_eq!(decisions.only().1.employment.employment_type, EmploymentType::Intern);
}

#[test]
fn story_5_two_hr_systems_speak_of_one_human() {
    let mut world = World::of(NOON, [worker("R-7", "Ana.Silva@acme.com").born("1990-02-11").with("country", "PT")]);
    let id = world.person("R-7").id;
    world.say(JUSTWORKS, worker("J-3", "ana.silva@ACME.com").born("1990-02-11").named("Ana Costa"));
    let decisions = world.settle();
    assert_eq!(link_of(&decisions, &key(JUSTWORKS, "J-3")), Some(LinkReason::WorkEmailAndBirthDate));
    assert_eq!(world.input.people.len(), 1);
    assert_eq!(world.person_of(&key(JUSTWORKS, "J-3")).unwrap().id, id);
    assert_eq!(world.person("R-7").person.work_email.as_str(), "Ana.Silva@acme.com");
}

#[test]
fn story_6_one_email_and_two_humans_is_a_question() {
    let mut world = World::of(NOON, [worker("R-7", "ana@acme.com").born("1990-02-11").named("Ana Silva")]);
    let id = world.person("R-7").id;
    world.say(JUSTWORKS, worker("J-3", "ana@acme.com").born("1971-09-30").named("Ana Costa"));
    let decisions = world.settle();
    let conflicts = vec!["birthDate".to_owned(), "name".to_owned()];
    assert_eq!(decisions.outcome(&key(JUSTWORKS, "J-3")), &Outcome::Withheld);
    assert_eq!(decisions.reviews(&key(JUSTWORKS, "J-3")), [Review::EmailHeldByAnother { person: id, conflicts }]);
    assert!(decisions.people.is_empty());
}

#[test]
fn story_7_blank_keys_never_match() {
    let hire = |id: &str, email: &str| worker(id, email).status("invited").starts("2026-12-01").named("Sam O’Neil");
    let mut world = World::of(NOON, [hire("1", ""), hire("2", ""), hire("3", " ")]);
    let decisions = world.decide();
    for id in ["1", "2", "3"] {
        assert_eq!(decisions.outcome(&remote(id)), &Outcome::Withheld);
        assert_eq!(decisions.reviews(&remote(id)), [Review::MissingWorkEmail]);
    }
    assert!(world.input.people.is_empty());
    world.change("2", |_| hire("2", "sam@acme.com"));
    let decisions = world.settle();
    assert_eq!(decisions.people.len(), 1);
    assert!(is_published(&decisions, &remote("2")));
}

#[test]
fn story_8_a_new_email_keeps_the_person() {
    let mut world =
        World::of(NOON, [worker("1", "maria.lopez@acme.com").named("Maria Lopez").with("familyName", "Lopez")]);
    let id = world.person("1").id;
    world.change("1", |_| worker("1", "maria.garcia@acme.com").named("Maria Garcia").with("familyName", "Garcia"));
    let decisions = world.settle();
    assert_eq!(decisions.people[0].id, id);
    assert_eq!(changed(&decisions), ["familyName", "workEmail"]);
    let (before, after) = decisions.only();
    assert_eq!(event_of(before, after, at(NOON)).unwrap().kind, EventKind::PersonUpdated);
    // Her former address is reserved for her.
    world.say(REMOTE, worker("2", "Maria.Lopez@acme.com").named("Maria Lopez"));
    assert_eq!(world.decide().reviews(&remote("2")), [Review::EmailReserved { person: id }]);
    // But it may be hers again.
    world.change("1", |_| worker("1", "maria.lopez@acme.com").named("Maria Lopez").with("familyName", "Lopez"));
    assert_eq!(changed(&world.settle()), ["familyName", "workEmail"]);
}

#[test]
fn story_10_a_contractor_becomes_an_employee_without_a_gap() {
    let contract = worker("1", "lu@acme.com").named("Lu Wei").kind("Contractor").ends("2026-11-30");
    let job = worker("2", "lu@acme.com").named("Lu Wei").starts("2026-12-01");
    let mut world = World::of(NOON, [contract, job]);
    let midnight = "2026-11-30T23:00:00Z";
    let person = world.person("1").person.clone();
    assert_eq!(world.input.people.len(), 1);
    assert!(person.active);
    assert_eq!(person.employment.employment_type, EmploymentType::Contractor);
    assert_eq!(person.next_due, Some(at(midnight)));
    assert!(world.settle_at("2026-11-30T22:59:59Z").people.is_empty());
    let decisions = world.settle_at(midnight);
    let (before, after) = decisions.only();
    assert!(after.active);
    assert_eq!(after.employment.employment_type, EmploymentType::Employee);
    let event = event_of(before, after, at(midnight)).unwrap();
    assert_eq!((event.kind, event.effective_at), (EventKind::EmploymentChanged, at(midnight)));
    assert_eq!(after.next_due, None);
}

#[test]
fn story_10_holds_for_one_worker_whose_type_changes() {
    let mut world = World::of(NOON, [worker("1", "lu@acme.com").kind("Contractor").ends("2026-11-30")]);
    world.change("1", |_| worker("1", "lu@acme.com").kind("EOR Employee"));
    let decisions = world.settle_at("2026-11-30T22:00:00Z");
    let (before, after) = decisions.only();
    assert_eq!(event_of(before, after, world.input.now).unwrap().kind, EventKind::EmploymentChanged);
    assert!(after.active);
}

#[test]
fn story_11_the_larger_share_leads_until_it_ends() {
    let large = worker("A", "kim@acme.com").born("1980-05-05").share(80).ends("2026-12-31").reports_to("M1");
    let small =
        worker("B", "kim@acme.com").born("1980-05-05").share(20).reports_to("M2").with("legalEntity", "Acme Inc");
    let mut world = World::of(NOON, [small, large.with("legalEntity", "Acme SAS")]);
    let manager =
        |person: &crate::person::Person| person.manager.via().unwrap().manager.source_id.as_ref().unwrap().0.clone();
    assert_eq!(world.input.people.len(), 1);
    let person = &world.person("A").person;
    assert_eq!(person.source.source_id.0, "A");
    assert_eq!((manager(person), person.attributes["legalEntity"].as_str()), ("M1".to_owned(), "Acme SAS"));
    assert_eq!(person.next_due, Some(at("2026-12-31T23:00:00Z")));
    let decisions = world.settle_at("2027-01-01T08:00:00Z");
    let (before, after) = decisions.only();
    assert_eq!((manager(after), after.attributes["legalEntity"].as_str()), ("M2".to_owned(), "Acme Inc"));
    assert!(after.active);
    let event = event_of(before, after, world.input.now).unwrap();
    assert_eq!((event.kind, event.effective_at), (EventKind::EmploymentChanged, at("2026-12-31T23:00:00Z")));
}

#[test]
fn story_12_days_begin_and_end_where_the_worker_is() {
    let start =
        worker("1", "syd@acme.com").starts("2026-12-01").with("country", "AU").with("address.work.region", "NSW");
    let end = worker("2", "la@acme.com")
        .ends("2026-12-04")
        .with("country", "US")
        .with("address.work.locality", "Los Angeles");
    let mut world = World::of(NOON, [start, end]);
    assert!(!world.person("1").person.active);
    assert_eq!(world.person("1").person.next_due, Some(at("2026-11-30T13:00:00Z")));
    assert!(world.settle_at("2026-11-30T12:59:59Z").people.is_empty());
    let started = world.settle_at("2026-11-30T13:00:00Z");
    let (before, after) = started.only();
    assert!(after.active);
    assert_eq!(after.zone.zone, "Australia/Sydney");
    assert_eq!(event_of(before, after, world.input.now).unwrap().kind, EventKind::PersonStarted);
    assert!(world.settle_at("2026-12-05T07:59:59Z").people.is_empty());
    assert!(!world.settle_at("2026-12-05T08:00:00Z").only().1.active);
}

#[test]
fn story_14_an_end_may_be_cleared_and_may_come_late() {
    let mut world = World::of("2026-11-20T15:00:00Z", [worker("1", "a@acme.com").ends("2026-11-28")]);
    world.change("1", |_| worker("1", "a@acme.com"));
    let decisions = world.settle_at("2026-11-27T09:00:00Z");
    let (before, after) = decisions.only();
    assert!(after.active);
    assert_eq!(event_of(before, after, world.input.now).unwrap().kind, EventKind::TerminationCancelled);

    let mut world = World::of("2026-11-20T15:00:00Z", [worker("1", "a@acme.com")]);
    world.change("1", |known| known.ends("2026-11-18"));
    let decisions = world.settle_at("2026-11-21T15:00:00Z");
    let (before, after) = decisions.only();
    let event = event_of(before, after, world.input.now).unwrap();
    assert_eq!((event.kind, event.effective_at), (EventKind::PersonDeactivated, at("2026-11-18T23:00:00Z")));
    assert_eq!(world.input.now - event.effective_at, TimeDelta::hours(2 * 24 + 16));
}

#[test]
fn story_27_an_upcoming_hire_is_listed_and_then_starts() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com").starts("2026-12-10")]);
    let person = &world.person("1").person;
    assert_eq!((person.active, person.employment.status), (false, Status::Pending));
    let decisions = world.settle_at("2026-12-09T23:00:00Z");
    let (before, after) = decisions.only();
    let event = event_of(before, after, world.input.now).unwrap();
    assert_eq!((event.kind, event.effective_at), (EventKind::PersonStarted, at("2026-12-09T23:00:00Z")));
    assert!(after.active);
}

#[test]
fn who_starts_too_far_ahead_is_looked_at_again_when_the_window_opens() {
    let mut world = World::of(NOON, [worker("1", "").starts("2027-03-31")]);
    let opens = at("2026-12-30T23:00:00Z");
    assert_eq!(
        world.decide().outcome(&remote("1")),
        &Outcome::Excluded { reason: Exclusion::TooFarAhead, recheck: Some(opens) }
    );
    world.input.now = opens;
    assert_eq!(world.decide().reviews(&remote("1")), [Review::MissingWorkEmail]);
}

#[test]
fn a_vendor_is_no_question_is_nobodys_and_is_published_only_if_wanted() {
    let left_out = Outcome::Excluded { reason: Exclusion::Vendor, recheck: None };
    let mut world = World::of(NOON, [worker("1", "a@acme.com")]);
    // One has no email and a type that the map does not translate; one has the email and name of a published person.
    world.say(REMOTE, worker("2", "").kind("vendor"));
    world.say(JUSTWORKS, worker("1", "a@acme.com").kind("vendor"));
    world.say(JUSTWORKS, worker("3", "c@acme.com").kind("vendor").ends("2026-11-01"));
    let decisions = world.settle();
    for key in [remote("2"), key(JUSTWORKS, "1"), key(JUSTWORKS, "3")] {
        assert_eq!((decisions.outcome(&key), decisions.reviews(&key)), (&left_out, &[][..]), "{key:?}");
    }
    assert!(decisions.people.is_empty());

    let rules = &mut world.input.connections[1].rules;
    rules.include.vendors = true;
    rules.mapping.worker_types.insert("vendor".to_owned(), EmploymentType::Contractor);
    let decisions = world.decide();
    let published = decisions.outcome(&key(JUSTWORKS, "1"));
    assert!(matches!(published, Outcome::Published { link: Some(_), .. }), "{published:?}");
    assert_eq!(decisions.outcome(&remote("2")), &left_out, "the other connection still leaves them out");
    assert_ne!(decisions.outcome(&key(JUSTWORKS, "3")), &left_out);
}

#[test]
fn who_is_published_stays_so_when_called_a_vendor() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com")]);
    world.change("1", |worker| worker.kind("vendor"));
    let decisions = world.settle();
    assert!(matches!(decisions.outcome(&remote("1")), Outcome::Published { .. }), "a link holds (law 4)");
    assert!(world.person("1").person.active);
}

#[test]
fn leavers_are_no_question_and_are_published_only_if_wanted() {
    let leaver = || worker("7", "").status("archived").kind("Intern");
    let mut world = World::new(NOON);
    world.say(REMOTE, leaver());
    let decisions = world.settle();
    let reason = |reason| Outcome::Excluded { reason, recheck: None };
    assert_eq!(decisions.outcome(&remote("7")), &reason(Exclusion::LeaverOfFirstImport));
    assert!(decisions.reviews(&remote("7")).is_empty());
    world.say(REMOTE, worker("8", "b@acme.com").ends("2026-11-01"));
    assert_eq!(world.decide().outcome(&remote("8")), &reason(Exclusion::NeverPublished));
    world.input.connections[0].rules.include.leavers = true;
    assert!(!world.settle().only().1.active);
}

#[test]
fn an_earlier_contract_belongs_to_whom_it_was_with() {
    let earlier = worker("11", "ana.marques@acme.example").kind("Contractor").status("archived").starts("2023-02-01");
    let now = worker("02", "ana.marques@acme.example").kind("EOR Employee").starts("2025-06-16");
    let name = "Ana Sofia Marques";
    let mut world = World::new(NOON);
    world.say(REMOTE, earlier.ends("2025-06-13").named(name).with("title", "Freelancer"));
    world.say(REMOTE, now.named(name));
    let decisions = world.settle();
    assert_eq!(link_of(&decisions, &remote("02")), Some(LinkReason::New));
    assert_eq!(link_of(&decisions, &remote("11")), Some(LinkReason::WorkEmailAndFullName));
    let person = decisions.only().1;
    assert_eq!(person.source.source_id.0, "02");
    assert!(person.active);
    assert_eq!(person.attributes.get("title"), None, "an ended contract does not speak of the present job");
}

#[test]
fn two_humans_of_one_connection_do_not_share_a_mailbox() {
    let first = worker("04", "devs@acme.example").named("Łukasz Żółkiewski").starts("2019-01-01");
    let second = worker("13", "Devs@acme.example").named("Jürgen Weiß").starts("2018-10-01");
    let mut world = World::new(NOON);
    world.say(REMOTE, first.clone());
    world.say(REMOTE, second.clone());
    let decisions = world.decide();
    assert!(is_published(&decisions, &remote("13")), "the earlier start has it");
    let other = remote("13");
    assert_eq!(decisions.reviews(&remote("04")), [Review::EmailClaimedTwice { other, conflicts: vec!["name".into()] }]);
    // The holder now has a type and a status that are not mapped, so the other worker gets the email.
    world.say(REMOTE, second.kind("hris").status("on_garden_leave"));
    let decisions = world.decide();
    assert!(is_published(&decisions, &remote("04")));
    let kind = Review::UnmappedWorkerType { word: "hris".to_owned() };
    let questions = [kind, Review::UnmappedStatus { word: "on_garden_leave".to_owned() }];
    assert_eq!(decisions.reviews(&remote("13")), questions);
}

#[test]
fn an_email_alone_proves_nothing_within_one_connection() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com")]);
    let mut second = worker("2", "a@acme.com");
    second.full_name = None;
    world.say(REMOTE, second.clone());
    let held = Review::EmailHeldByAnother { person: world.person("1").id, conflicts: Vec::new() };
    assert_eq!(world.decide().reviews(&remote("2")), [held]);
    world.say(JUSTWORKS, second);
    assert_eq!(link_of(&world.decide(), &key(JUSTWORKS, "2")), Some(LinkReason::WorkEmail));
}

#[test]
fn a_published_worker_keeps_its_last_good_part_while_the_rest_proceeds() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com").with("title", "Clerk")]);
    world.change("1", |_| worker("1", "").with("title", "Head Clerk").kind("hris").status("on_garden_leave"));
    let decisions = world.settle();
    assert_eq!(changed(&decisions), ["title"]);
    assert_eq!(decisions.reviews(&remote("1")).len(), 3);
    let Outcome::Published { accepted: Some(accepted), .. } = decisions.outcome(&remote("1")) else {
        panic!("a part is withheld")
    };
    assert_eq!(accepted.work_email.as_deref(), Some("a@acme.com"));
    assert_eq!(accepted.employment.status, "active");
    assert_eq!(accepted.employment.worker_type, "Direct Employee");
    assert!(world.settle().people.is_empty());
    world.change("1", |_| worker("1", "not an address"));
    let decisions = world.settle();
    assert!(matches!(decisions.reviews(&remote("1")), [Review::InvalidWorkEmail { .. }]));
    assert_eq!(changed(&decisions), ["title"]);
}

#[test]
fn an_end_before_the_start_is_one_of_an_earlier_employment() {
    let again = |status: &str| worker("1", "a@acme.com").status(status).starts("2026-10-01").ends("2026-06-30");
    for connection in [REMOTE, JUSTWORKS] {
        let mut fresh = World::new(NOON);
        fresh.say(connection, again("active"));
        let decisions = fresh.decide();
        let (_, person) = decisions.only();
        assert!(person.active && person.employment.last_day.is_none(), "{person:?}");
    }
    // A person who had left works again under the same record.
    let mut world = World::of(NOON, [worker("1", "a@acme.com").starts("2020-01-01")]);
    world.change("1", |worker| worker.ends("2026-06-30"));
    world.settle();
    assert!(!world.person("1").person.active);
    world.change("1", |_| again("active"));
    world.settle();
    let person = &world.person("1").person;
    assert_eq!(
        (person.active, person.employment.start, person.employment.last_day),
        (true, Some(day("2026-10-01")), None)
    );
    assert!(world.settle().people.is_empty());
    // A status value that ends the employment keeps its effect, without a date from before.
    world.change("1", |_| again("archived"));
    world.settle();
    let person = &world.person("1").person;
    assert_eq!((person.active, person.employment.last_day), (false, None));
    // The first day may be the last one.
    world.change("1", |worker| worker.status("active").ends("2026-10-01"));
    world.settle();
    assert_eq!(world.person("1").person.employment.last_day, Some(day("2026-10-01")));
    assert!(!world.person("1").person.active);
}

#[test]
fn an_end_stays_when_the_start_is_moved_behind_it_and_a_human_has_to_be_asked() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com").starts("2026-11-02").ends("2026-12-31")]);
    world.change("1", |worker| worker.starts("2027-01-15"));
    let decisions = world.settle();
    assert!(matches!(decisions.reviews(&remote("1")), [Review::StartMovedToFuture { .. }]));
    let person = &world.person("1").person;
    assert_eq!((person.active, person.employment.last_day), (true, Some(day("2026-12-31"))));
}

#[test]
fn words_that_the_mapping_loses_change_nobody() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com"), worker("2", "b@acme.com").status("leave")]);
    let mapping = &mut world.input.connections[0].rules.mapping;
    mapping.statuses.clear();
    mapping.worker_types.clear();
    let decisions = world.settle();
    assert!(decisions.people.is_empty());
    assert_eq!(decisions.reviews(&remote("1")).len(), 2);
}

#[test]
fn leavers_whose_email_is_blanked_are_no_question() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com")]);
    world.change("1", |_| worker("1", "").status("archived"));
    let decisions = world.settle();
    assert!(decisions.reviews(&remote("1")).is_empty());
    let (_, after) = decisions.only();
    assert_eq!((after.active, after.work_email.as_str()), (false, "a@acme.com"));
    assert_eq!(after.employment.last_day, None, "no date is invented");
}

#[test]
fn a_login_counts_only_for_listed_domains() {
    let mut known = worker("1", "");
    known.login_email = Some("kim@private.example".into());
    let mut world = World::of(NOON, [known.clone()]);
    assert_eq!(world.decide().reviews(&remote("1")), [Review::MissingWorkEmail]);
    known.login_email = Some("kim@Login.example".into());
    world.say(REMOTE, known);
    assert_eq!(world.settle().only().1.work_email.as_str(), "kim@Login.example");
}

#[test]
fn proven_absence_ends_an_employment_without_a_date() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com")]);
    world.input.workers[0].absent = true;
    let decisions = world.settle();
    let (_, after) = decisions.only();
    assert_eq!((after.active, after.employment.status), (false, Status::Terminated));
    assert_eq!(changed(&decisions), ["active", "employmentStatus"]);
    world.input.workers[0].absent = false;
    let decisions = world.settle();
    let (before, after) = decisions.only();
    assert_eq!(event_of(before, after, at(NOON)).unwrap().kind, EventKind::PersonActivated);
}

#[test]
fn people_may_exchange_emails_in_one_transaction() {
    let mut world = World::of(
        NOON,
        [worker("1", "a@x.com"), worker("2", "b@x.com"), worker("3", "c@x.com"), worker("4", "d@x.com")],
    );
    world.change("1", |_| worker("1", "b@x.com").named("Human 1"));
    world.change("2", |_| worker("2", "c@x.com").named("Human 2"));
    world.change("3", |_| worker("3", "a@x.com").named("Human 3"));
    world.change("4", |_| worker("4", "a@x.com").named("Human 4"));
    let third = world.person("3").id;
    let decisions = world.settle();
    assert_eq!(decisions.people.len(), 3);
    assert!(decisions.people.iter().all(|planned| planned.swap_group == Some(0)));
    assert_eq!(world.person("3").person.work_email.as_str(), "a@x.com");
    assert_eq!(world.person("4").person.work_email.as_str(), "d@x.com");
    let conflicts = vec!["name".to_owned()];
    assert_eq!(decisions.reviews(&remote("4")), [Review::EmailHeldByAnother { person: third, conflicts }]);
    assert!(world.settle().people.is_empty());
}

#[test]
fn who_had_left_and_is_back_exchanges_emails_like_anybody() {
    let mut world = World::of(NOON, [worker("1", "a@x.com"), worker("2", "b@x.com")]);
    world.change("1", |_| worker("1", "a@x.com").status("archived"));
    world.settle();
    world.change("1", |_| worker("1", "b@x.com"));
    world.change("2", |_| worker("2", "a@x.com"));
    world.settle();
    assert_eq!(world.person("1").person.work_email.as_str(), "b@x.com");
    assert_eq!(world.person("2").person.work_email.as_str(), "a@x.com");
}

#[test]
fn an_email_that_is_given_up_is_reserved_and_not_handed_on() {
    let mut world = World::of(NOON, [worker("1", "a@x.com"), worker("2", "b@x.com")]);
    world.change("1", |_| worker("1", "new@x.com"));
    world.change("2", |_| worker("2", "a@x.com").with("title", "Clerk"));
    world.say(REMOTE, worker("3", "a@x.com"));
    let first = world.person("1").id;
    let decisions = world.settle();
    let reserved = [Review::EmailReserved { person: first }];
    assert_eq!(decisions.reviews(&remote("2")), reserved);
    assert_eq!(decisions.reviews(&remote("3")), reserved);
    assert_eq!(world.person("1").person.work_email.as_str(), "new@x.com");
    assert_eq!(world.person("2").person.work_email.as_str(), "b@x.com");
    assert_eq!(world.person("2").person.attributes["title"], "Clerk", "the rest proceeds");
    let again = world.decide();
    assert!(again.people.is_empty());
    assert_eq!(again.reviews(&remote("2")), reserved);
}

#[test]
fn of_two_people_who_want_one_free_email_the_one_linked_earlier_has_it() {
    let mut world = World::of(NOON, [worker("9", "a@x.com")]);
    world.say(REMOTE, worker("1", "b@x.com"));
    world.settle_at("2026-11-20T15:00:00Z");
    for id in ["1", "9"] {
        world.change(id, |known| worker(id, "free@x.com").named(&known.full_name.unwrap()));
    }
    let decisions = world.settle();
    assert_eq!(world.person("9").person.work_email.as_str(), "free@x.com");
    assert!(matches!(decisions.reviews(&remote("1")), [Review::EmailHeldByAnother { .. }]));
}

#[test]
fn a_change_that_nobody_sees_is_stored_without_a_change() {
    let mut world = World::of(NOON, [worker("1", "a@acme.com")]);
    world.change("1", |known| known.born("1990-01-01").with("timezone", "Europe/Paris"));
    let decisions = world.settle();
    assert_eq!(changed(&decisions), ["timezone"]);
    world.change("1", |known| known.born("1990-01-02"));
    let decisions = world.settle();
    let (before, after) = decisions.only();
    assert!(diff(before, after).is_empty());
    assert_eq!(event_of(before, after, at(NOON)), None);
    world.change("1", |mut known| {
        known.source_updated = Some(at(NOON));
        known
    });
    assert!(world.settle().people.is_empty(), "a touched record is no change");
}

#[test]
fn story_13_a_start_that_moves_ahead_of_somebody_who_works_here_is_a_question() {
    let mut world = World::of(NOON, [worker("1", "lee@acme.com").starts("2026-11-02")]);
    world.change("1", |lee| lee.starts("2027-01-15").with("title", "Welder"));
    let decisions = world.settle();
    let (from, to) = ("2026-11-02".parse().unwrap(), "2027-01-15".parse().unwrap());
    assert_eq!(decisions.reviews(&remote("1")), [Review::StartMovedToFuture { from, to }]);
    let lee = &world.person("1").person;
    assert!(lee.active);
    assert_eq!(lee.employment.start, Some(from));
    assert_eq!(lee.attributes.get("title").map(String::as_str), Some("Welder"), "the rest proceeds");
    assert!(!world.decide().reviews(&remote("1")).is_empty(), "it stays a question");

    world.change("1", |lee| lee.starts("2026-11-03"));
    assert!(world.settle().reviews(&remote("1")).is_empty(), "a start in the past takes nobody's access");
    world.change("1", |lee| lee.starts("2027-01-15").ends("2026-11-10"));
    assert!(world.settle().reviews(&remote("1")).is_empty());
    assert!(!world.person("1").person.active, "an end is an end");
}

#[test]
fn a_hire_that_has_not_begun_may_be_moved() {
    let mut world = World::of(NOON, [worker("1", "lee@acme.com").starts("2026-12-01")]);
    world.change("1", |lee| lee.starts("2027-01-15"));
    assert!(world.settle().reviews(&remote("1")).is_empty());
    assert_eq!(world.person("1").person.employment.start, Some("2027-01-15".parse().unwrap()));
}

/// A field that cannot be read and fills these slots.
fn unreadable(slots: impl IntoIterator<Item = Slot>) -> Vec<Unreadable> {
    vec![Unreadable {
        field: "field".to_owned(),
        slots: slots.into_iter().collect(),
        found: "a number".to_owned(),
        expected: "a text".to_owned(),
    }]
}

fn is_asked(decisions: &Decisions, id: &str) -> bool {
    matches!(decisions.reviews(&remote(id)), [Review::UnreadableRecord { fields }] if fields[0].field == "field")
}

#[test]
fn a_stranger_of_whom_something_cannot_be_read_waits_and_nobody_else() {
    for slot in [Slot::WorkEmail, Slot::Status, Slot::WorkerType, Slot::Manager, Slot::attribute("title")] {
        let mut world = World::of(NOON, [worker("1", "a@acme.com")]);
        let mut broken = worker("2", "b@acme.com");
        broken.unreadable = unreadable([slot.clone()]);
        match slot {
            Slot::WorkEmail => broken.work_email = None,
            Slot::Status => broken.employment.status = String::new(),
            Slot::WorkerType => broken.employment.worker_type = String::new(),
            _ => {}
        }
        world.say(REMOTE, broken);
        world.say(REMOTE, worker("3", "c@acme.com"));
        let decisions = world.settle();
        assert_eq!(*decisions.outcome(&remote("2")), Outcome::Withheld, "{slot:?}");
        assert!(is_asked(&decisions, "2"), "{slot:?}: {:?}", decisions.reviews(&remote("2")));
        assert_eq!(world.input.people.len(), 2, "{slot:?}");
        // After the next read, the worker is published and no question is open.
        world.say(REMOTE, worker("2", "b@acme.com"));
        let decisions = world.settle();
        assert!(is_published(&decisions, &remote("2")) && decisions.reviews(&remote("2")).is_empty(), "{slot:?}");
    }
}

#[test]
fn a_published_worker_keeps_what_cannot_be_read_and_changes_in_all_else() {
    let full = || worker("1", "a@acme.com").born("1990-02-11").ends("2027-01-01").with("title", "Engineer");
    for (slot, kept) in [
        (Slot::WorkEmail, "workEmail"),
        (Slot::Status, "status"),
        (Slot::LastDay, "status"),
        (Slot::BirthDate, "birthDate"),
        (Slot::WorkerType, "type"),
        (Slot::FullName, "name"),
    ] {
        let mut world = World::of(NOON, [full()]);
        let before = world.person("1").person.clone();
        world.change("1", |_| {
            let mut now = worker("1", "a@acme.com").born("1990-02-11").ends("2027-01-01").with("title", "Lead");
            now.unreadable = unreadable([slot.clone()]);
            match kept {
                "workEmail" => now.work_email = None,
                "status" => {
                    now.employment = Employment { worker_type: now.employment.worker_type, ..Employment::default() }
                }
                "birthDate" => now.birth_date = None,
                "type" => now.employment.worker_type = String::new(),
                _ => now.full_name = None,
            }
            now
        });
        let decisions = world.settle();
        assert_eq!(changed(&decisions), ["title"], "{kept}");
        assert!(is_asked(&decisions, "1"), "{kept}");
        let after = &world.person("1").person;
        assert_eq!(
            (&after.work_email, &after.employment, after.birth_date),
            (&before.work_email, &before.employment, before.birth_date),
            "{kept}"
        );
        assert!(world.settle().people.is_empty(), "decided again nothing changes: {kept}");
    }
}
