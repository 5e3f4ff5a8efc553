use super::*;
use crate::ids::{ConnectionId, RunId};
use crate::person::diff::diff;
use crate::person::{ManagerLink, Status};
use crate::testing::{JUSTWORKS, REMOTE, World, at, worker};

const NOON: &str = "2026-11-20T12:00:00Z";
const DOB: &str = "1990-02-11";

/// One human that both HR systems employ.
fn employed_twice(remote: Worker, justworks: Worker) -> World {
    let mut world = World::new(NOON);
    world.say(REMOTE, remote.born(DOB));
    world.say(JUSTWORKS, justworks.born(DOB));
    world.settle();
    assert_eq!(world.input.people.len(), 1);
    world
}

fn merged(remote: Worker, justworks: Worker) -> Person {
    employed_twice(remote, justworks).input.people[0].person.clone()
}

fn ana(id: &str) -> Worker {
    worker(id, "ana@acme.com").named("Ana Silva")
}

#[test]
fn a_unit_is_taken_as_a_whole() {
    let remote = ana("R").with("givenName", "Ana").with("familyName", "Silva").with("department", "Data");
    let justworks = ana("J").with("nickName", "Nana").with("departmentId", "d-7").with("title", "Engineer");
    let person = merged(remote, justworks);
    assert_eq!(person.attributes["familyName"], "Silva");
    assert_eq!(person.attributes.get("nickName"), None, "names of two statements never mix");
    assert_eq!(person.attributes.get("departmentId"), None);
    assert_eq!(person.attributes["title"], "Engineer", "what one leaves out the other may say");
    assert_eq!(person.provenance[&Unit::named("title")].connection, JUSTWORKS);
    assert_eq!(person.provenance[&Unit::named("department")].connection, REMOTE);
}

#[test]
fn an_ended_contract_never_overrules_a_current_job() {
    let ended = ana("R").ends("2026-03-31").with("title", "Freelancer").with("nickName", "Old").with("costCenter", "1");
    let person = merged(ended, ana("J").with("title", "Engineer").with("displayName", "Ana S."));
    assert_eq!(person.source.connection, JUSTWORKS);
    assert!(person.active);
    assert_eq!(person.attributes["title"], "Engineer");
    assert_eq!(person.attributes.get("costCenter"), None);
    assert_eq!(person.attributes["displayName"], "Ana S.");
}

#[test]
fn what_only_an_ended_contract_says_of_the_human_stays() {
    let person = merged(ana("R").ends("2026-03-31").with("locale", "pt-PT"), ana("J"));
    assert_eq!(person.attributes["locale"], "pt-PT");
}

#[test]
fn of_ended_employments_the_last_one_speaks() {
    let mut world = employed_twice(ana("R").with("title", "First"), ana("J").with("title", "Second"));
    world.say(REMOTE, ana("R").born(DOB).ends("2026-10-31").with("title", "First"));
    world.say(JUSTWORKS, ana("J").born(DOB).ends("2026-09-30").with("title", "Second"));
    let decisions = world.settle();
    let (_, after) = decisions.only();
    assert_eq!((after.source.connection, after.attributes["title"].as_str(), after.active), (REMOTE, "First", false));
}

#[test]
fn suspended_people_have_no_access_and_an_active_job_leads() {
    let person = merged(ana("R").status("blocked"), ana("J").share(10));
    assert_eq!((person.source.connection, person.active), (JUSTWORKS, true));
    let person = merged(ana("R").status("blocked"), ana("J").starts("2026-12-01"));
    assert_eq!((person.source.connection, person.active, person.employment.status), (REMOTE, false, Status::Suspended));
    let person = merged(ana("R").status("leave"), ana("J").status("archived"));
    assert_eq!((person.active, person.employment.status), (true, Status::OnLeave));
}

#[test]
fn names_of_departments_and_legal_entities_come_from_the_mapping() {
    let known =
        ana("R").with("department", "R and D").with("legalEntityId", "le-1").with("country", " fr ").with("team", " ");
    let person = World::of(NOON, [known]).person("R").person.clone();
    assert_eq!(person.attributes["department"], "Engineering");
    assert_eq!(person.attributes["legalEntity"], "Acme SAS");
    assert_eq!(person.attributes["country"], "FR");
    assert_eq!(person.attributes.get("team"), None, "blank is no value");
    assert_eq!(person.attributes["formattedName"], "Ana Silva");
    assert_eq!(person.attributes.get("givenName"), None, "no parts are invented");
}

#[test]
fn provenance_moves_only_with_the_value_or_its_winner() {
    let mut world = employed_twice(ana("R").with("title", "Clerk"), ana("R").with("title", "Engineer"));
    let title = Unit::named("title");
    let first = world.input.people[0].person.provenance.clone();
    assert_eq!(first[&title].since, at(NOON));
    let run = Some(RunId(uuid::Uuid::from_u128(9)));
    world.input.run = run;
    world.say(REMOTE, ana("R").born(DOB).with("title", "Head Clerk"));
    let decisions = world.settle_at("2026-11-21T12:00:00Z");
    let (_, after) = decisions.only();
    let moved = after.provenance[&title].clone();
    assert_eq!((moved.since, moved.run), (at("2026-11-21T12:00:00Z"), run));
    assert!(first.iter().filter(|(unit, _)| **unit != title).all(|(unit, kept)| after.provenance[unit] == *kept));
    // The same value from another winner changes its source and nothing visible.
    world.say(REMOTE, ana("R").born(DOB));
    world.say(JUSTWORKS, ana("R").born(DOB).with("title", "Head Clerk"));
    let decisions = world.settle_at("2026-11-22T12:00:00Z");
    let (before, after) = decisions.only();
    assert!(diff(before, after).is_empty());
    assert_eq!(after.provenance[&title].connection, JUSTWORKS);
}

#[test]
fn a_resolved_manager_stays_resolved_while_the_same_one_is_named() {
    let mut world = World::of(NOON, [ana("R").reports_to("M")]);
    let person = &mut world.input.people[0].person;
    let via = person.manager.via().unwrap().clone();
    assert_eq!(person.manager, ManagerLink::Pending { via: via.clone() });
    let boss = crate::ids::PersonId(uuid::Uuid::from_u128(77));
    person.manager = ManagerLink::Person { id: boss, via };
    assert!(world.decide().people.is_empty());
    world.change("R", |known| known.with("title", "Clerk"));
    assert_eq!(world.settle().only().1.manager.person(), Some(boss));
    world.change("R", |known| known.reports_to("N"));
    let decisions = world.settle();
    let (before, after) = decisions.only();
    assert_eq!(after.manager.person(), None);
    let changes = diff(before, after);
    assert_eq!((changes[0].attribute.as_str(), &changes[0].new), ("manager", &None));
}

#[test]
fn a_birth_date_is_kept_and_never_shown() {
    let world = World::of(NOON, [ana("R").born(DOB).with("legalName", "Ana Maria Silva")]);
    let person = &world.person("R").person;
    assert_eq!(person.birth_date.unwrap().to_string(), DOB);
    let text = serde_json::to_string(&diff(None, person)).unwrap();
    assert!(!text.contains("1990") && !text.contains("Maria"), "{text}");
    let said = candidates(person, &world.input.workers, &world.input.connections, &world.input.authority, at(NOON));
    let text = serde_json::to_string(&said).unwrap();
    assert!(!text.contains("1990") && !text.contains("Maria"), "{text}");
    assert!(said.iter().any(|one| one.unit.0 == Unit::BIRTH_DATE && one.winner.is_some()));
}

#[test]
fn every_value_says_who_won_and_who_lost() {
    let world = employed_twice(
        ana("R").with("title", "Clerk").reports_to("M"),
        worker("J", "ANA@acme.com").named("Ana Silva").with("title", "Engineer"),
    );
    let person = &world.input.people[0].person;
    let said = candidates(person, &world.input.workers, &world.input.connections, &world.input.authority, at(NOON));
    let of = |unit: &str| said.iter().find(|one| one.unit.0 == unit).unwrap();
    let title = of("title");
    assert_eq!(title.winner.as_ref().unwrap().values["title"], "Clerk");
    assert_eq!(title.losers[0].values["title"], "Engineer");
    assert_eq!(title.losers[0].worker.connection, JUSTWORKS);
    assert_eq!(of(Unit::WORK_EMAIL).losers[0].values["workEmail"], "ANA@acme.com");
    assert!(of(Unit::MANAGER).losers.is_empty());
    for one in &said {
        let winner = one.winner.as_ref().unwrap();
        let from = &person.provenance[&one.unit];
        assert_eq!((winner.worker.connection, &winner.worker.source_id), (from.connection, &from.source_id));
    }
    assert_eq!(said.len(), person.provenance.len());
}

fn ordered(mut world: World, orders: &[(&str, &[ConnectionId])]) -> Person {
    world.order(orders);
    world.settle();
    world.input.people[0].person.clone()
}

#[test]
fn an_admin_says_whose_word_counts_for_a_unit() {
    let remote = ana("R").with("title", "Staff Engineer").with("team", "Core").with("nickName", "Nana").reports_to("M");
    let justworks = ana("J").with("title", "Engineer").with("teamId", "t-1").with("givenName", "Ana").reports_to("N");
    let world = employed_twice(remote, justworks);
    let person = ordered(world, &[("title", &[JUSTWORKS]), ("name", &[JUSTWORKS, REMOTE]), ("manager", &[JUSTWORKS])]);
    assert_eq!(person.attributes["title"], "Engineer");
    assert_eq!(person.attributes["givenName"], "Ana");
    assert_eq!(person.attributes.get("nickName"), None, "a unit is taken as a whole");
    assert_eq!(person.manager.via().unwrap().manager.source_id.as_ref().unwrap().0, "N");
    assert_eq!(person.attributes["team"], "Core", "nobody ordered it");
    assert_eq!(person.source.connection, REMOTE, "which employment leads is another matter");
    assert_eq!(person.provenance[&Unit::named("title")].connection, JUSTWORKS);
    assert_eq!(person.provenance[&Unit::named(Unit::STATUS)].connection, REMOTE);
}

#[test]
fn an_order_comes_before_the_leading_employment_and_after_its_phase() {
    let part_time = ana("R").share(20).with("title", "Adviser").with("costCenter", "1");
    let world = employed_twice(part_time.clone(), ana("J").with("title", "Engineer").with("costCenter", "2"));
    assert_eq!(world.input.people[0].person.source.connection, JUSTWORKS);
    assert_eq!(world.input.people[0].person.attributes["costCenter"], "2");
    let person = ordered(world, &[("title", &[REMOTE])]);
    assert_eq!(person.attributes["title"], "Adviser", "the default order, once it is given, goes before who leads");
    assert_eq!(person.attributes["costCenter"], "2", "and only for its unit");
    let ended = employed_twice(
        ana("R").with("title", "Adviser"),
        ana("J").ends("2026-03-31").with("title", "Engineer").with("costCenter", "2").with("locale", "en-US"),
    );
    let person = ordered(ended, &[("title", &[JUSTWORKS]), ("costCenter", &[JUSTWORKS]), ("locale", &[JUSTWORKS])]);
    assert_eq!(person.attributes["title"], "Adviser", "a contract that ended never overrules a current job");
    assert_eq!(person.attributes.get("costCenter"), None);
    assert_eq!(person.attributes["locale"], "en-US");
    // Remote leads, and the title of Justworks comes before that of Remote.
    let mut world = employed_twice(part_time.starts("2019-01-01").share(100), ana("J").with("title", "Engineer"));
    assert_eq!(world.input.people[0].person.source.connection, REMOTE);
    world.order(&[("title", &[JUSTWORKS])]);
    world.settle();
    assert_eq!(world.input.people[0].person.attributes["title"], "Engineer");
    // Back to the default.
    world.order(&[("title", &[])]);
    world.settle();
    assert_eq!(world.input.people[0].person.attributes["title"], "Adviser");
}

#[test]
fn who_would_win_is_told_by_the_order() {
    let mut world = employed_twice(ana("R").with("title", "Clerk"), ana("J").with("title", "Engineer"));
    world.order(&[("title", &[JUSTWORKS])]);
    world.settle();
    let person = &world.input.people[0].person;
    let said = candidates(person, &world.input.workers, &world.input.connections, &world.input.authority, at(NOON));
    let title = said.iter().find(|one| one.unit.0 == "title").unwrap();
    assert_eq!(title.winner.as_ref().unwrap().values["title"], "Engineer");
    assert_eq!(title.losers[0].worker.connection, REMOTE);
    for one in &said {
        let winner = one.winner.as_ref().unwrap();
        assert_eq!(winner.worker.connection, person.provenance[&one.unit].connection, "{:?}", one.unit);
    }
}
