use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::testing::{World, worker};

fn person() -> Person {
    let mut world = World::of("2026-11-20T12:00:00Z", [worker("w-1", "ana@acme.com")]);
    world.change("w-1", |worker| {
        worker.with("department", "Engineering").with("departmentId", "d-1").with("legalEntity", "Acme SAS")
    });
    world.settle();
    world.person("w-1").person.clone()
}

fn found(claims: &[Claim], kind: Kind) -> Option<(&str, &str)> {
    claims.iter().find(|claim| claim.kind == kind).map(|claim| (claim.key.as_str(), claim.name.as_str()))
}

#[test]
fn a_person_is_in_one_group_of_each_kind_that_says_something() {
    let claims = claims(&person());
    assert_eq!(found(&claims, Kind::Department), Some(("engineering", "Engineering")));
    assert_eq!(found(&claims, Kind::LegalEntity), Some(("acme sas", "Acme SAS")));
    assert_eq!(found(&claims, Kind::Country), Some(("FR", "FR")));
    assert_eq!(found(&claims, Kind::EmploymentType), Some(("Employee", "Employee")));
    assert_eq!(found(&claims, Kind::WorkerType), Some(("direct employee", "Direct Employee")));
    assert_eq!(found(&claims, Kind::All), Some(("all", "Everyone")));
    assert_eq!(found(&claims, Kind::Team), None);
    assert_eq!(found(&claims, Kind::Manager), None);
    let department = claims.iter().find(|claim| claim.kind == Kind::Department).unwrap();
    assert_eq!(department.source.as_ref().and_then(|source| source.id.as_deref()), Some("d-1"));
}

#[test]
fn only_active_people_are_in_groups() {
    let mut person = person();
    person.employment.last_day = NaiveDate::from_ymd_opt(2026, 1, 1);
    person.active = false;
    assert!(claims(&person).is_empty());
}

#[test]
fn accents_and_odd_spaces_make_one_key() {
    let department = |name| key(Kind::Department, name);
    let expected = department("recherche et développement");
    for name in [
        "Recherche et De\u{301}veloppement",
        " RECHERCHE  ET\u{a0}DÉVELOPPEMENT\t",
        "Recherche\u{2003}et\u{3000}Développement",
        "Recherche\u{200b} et Développe\u{ad}ment",
        "Ｒecherche et Développement",
    ] {
        assert_eq!(department(name), expected, "{name:?}");
    }
    assert_eq!(department("Straße"), department("STRASSE"));
    assert_ne!(department("Data"), department("Date"));
    assert_eq!(department(" \u{a0}\u{200b}"), None);
    assert_eq!(key(Kind::Country, "fr"), Some("FR".to_owned()));
    assert_eq!(key(Kind::Country, "France"), None);
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(&kind.as_str().to_uppercase()), Some(kind));
        assert_eq!(Kind::ALL[kind.place()], kind);
        let others = Kind::ALL.into_iter().filter(|other| other.label() == kind.label());
        assert_eq!(others.count(), 1);
    }
    assert_eq!(Kind::parse("shoeSize"), None);
}

#[test]
fn a_name_that_is_taken_gets_a_mark() {
    let id = Uuid::from_u128(0x2205_c7c5_0000_0000_0000_0000_0000_0001);
    let names = display_names(Kind::Manager, "Ana Silva", Some("remote"), id);
    assert_eq!(names[..3], ["Manager: Ana Silva", "Manager: Ana Silva (remote)", "Manager: Ana Silva (2205c7c5)"]);
    assert_eq!(names[3], format!("Manager: Ana Silva ({id})"));
}

fn source(id: &str) -> Source {
    Source { connection: ConnectionId(Uuid::from_u128(1)), id: Some(id.to_owned()) }
}

fn carried(key: Option<&str>, id: Option<&str>) -> Carried {
    Carried { key: key.map(str::to_owned), source: id.map(source) }
}

#[test]
fn a_group_is_renamed_only_when_every_source_id_behind_it_carries_the_new_name() {
    let (old, sources) = (BTreeSet::from(["old".to_owned()]), BTreeSet::from([source("d-1"), source("d-2")]));
    for (members, expected) in [
        (&[][..], true),
        (&[carried(Some("new"), Some("d-1")), carried(Some("new"), Some("d-2"))], true),
        // One person left, one person moved away to another id.
        (&[carried(Some("new"), Some("d-1")), carried(None, None), carried(Some("sales"), Some("d-9"))], true),
        // The other HR system still has the old name.
        (&[carried(Some("new"), Some("d-1")), carried(Some("old"), Some("d-2"))], false),
        (&[carried(Some("new"), Some("d-1")), carried(Some("old"), None)], false),
        // It was split.
        (&[carried(Some("new"), Some("d-1")), carried(Some("other"), Some("d-2"))], false),
    ] {
        assert_eq!(is_renamed(&old, "new", &sources, members), expected, "{members:?}");
    }
}

proptest! {
    #[test]
    fn a_key_is_its_own_key_and_fits_an_index(name in any::<String>()) {
        if let Some(found) = key(Kind::Department, &name) {
            prop_assert_eq!(key(Kind::Department, &found), Some(found.clone()));
            prop_assert!(!found.contains('\0') && found.trim() == found && !found.is_empty());
        }
    }

    #[test]
    fn spelling_does_not_make_another_group(words in prop::collection::vec("[a-zA-Zéüßñø]{1,8}", 1..4)) {
        let plain = key(Kind::Team, &words.join(" "));
        let odd = format!("\u{a0} {}  ", words.join(" \u{2003}")).to_uppercase().nfd().collect::<String>();
        prop_assert_eq!(key(Kind::Team, &odd), plain);
    }

    #[test]
    fn the_order_of_people_does_not_matter(names in prop::collection::vec("[a-cA-C ]{0,3}", 0..12), turn in 0..12_usize) {
        let all = |names: &[String]| -> BTreeSet<(Kind, String)> {
            let mut person = person();
            names.iter().flat_map(|name| {
                person.attributes.insert("department".to_owned(), name.clone());
                claims(&person)
            }).map(|claim| (claim.kind, claim.key)).collect()
        };
        let mut turned = names.clone();
        turned.rotate_left(turn.min(names.len()));
        prop_assert_eq!(all(&names), all(&turned));
        turned.reverse();
        prop_assert_eq!(all(&names), all(&turned));
    }

    #[test]
    fn whether_a_group_is_renamed_does_not_depend_on_the_order_of_its_members(
        members in prop::collection::vec((prop::option::of("(old|new|other)"), prop::option::of("d-[1-3]")), 0..8),
    ) {
        let (old, sources) = (BTreeSet::from(["old".to_owned()]), BTreeSet::from([source("d-1"), source("d-2")]));
        let mut members: Vec<Carried> =
            members.iter().map(|(key, id)| carried(key.as_deref(), id.as_deref())).collect();
        let answer = is_renamed(&old, "new", &sources, &members);
        members.reverse();
        prop_assert_eq!(is_renamed(&old, "new", &sources, &members), answer);
        if answer {
            prop_assert!(members.iter().all(|member| member.key.as_deref() != Some("old")));
        }
    }
}
