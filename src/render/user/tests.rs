use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::*;
use crate::directory::email::Email;
use crate::directory::ids::{ConnectionId, SourceId};
use crate::directory::person::{ManagerVia, PrimaryEmployment, Source, Status, ZoneOrigin, ZoneUsed};
use crate::directory::worker::ManagerRef;
use crate::scim::path::AttrPath;
use crate::scim::schema::{Hidden, ResourceType, SENSITIVE};

const BASE: &str = "https://dir.example.com/scim/v2";
const WORKER: &str = WORKER_URN;

/// A person with a value for everything that a User can show.
pub(in crate::render) fn full_person() -> Person {
    let mut person = bare_person("Ines.Moreau@Example.com");
    person.employment.start = "2024-03-04".parse().ok();
    person.employment.original_start = "2023-02-01".parse().ok();
    person.employment.planned_end = "2027-12-31".parse().ok();
    person.employment.last_day = "2027-06-30".parse().ok();
    person.source.updated = "2026-10-02T07:30:11.512Z".parse().ok();
    person.birth_date = "1990-02-11".parse().ok();
    for (name, value) in [
        (name::GIVEN_NAME, "Inès"),
        (name::FAMILY_NAME, "Moreau"),
        (name::MIDDLE_NAME, "Claire"),
        (name::HONORIFIC_PREFIX, "Dr"),
        (name::HONORIFIC_SUFFIX, "PhD"),
        (name::FORMATTED_NAME, "Inès Claire Moreau"),
        (name::DISPLAY_NAME, "Inès M."),
        (name::NICK_NAME, "Nès"),
        (name::TITLE, "Data Engineer"),
        (name::DEPARTMENT, "Data"),
        (name::DEPARTMENT_ID, "d-1"),
        (name::TEAM, "Platform"),
        (name::TEAM_ID, "t-1"),
        (name::LEGAL_ENTITY, "Example SAS"),
        (name::LEGAL_ENTITY_ID, "l-1"),
        (name::WORK_LOCATION, "Lyon office"),
        (name::WORK_LOCATION_ID, "o-1"),
        (name::COUNTRY, "fr"),
        (name::EMPLOYEE_NUMBER, "00417"),
        (name::COST_CENTER, "FR-210"),
        (name::DIVISION, "Technology"),
        (name::SENIORITY, "Senior"),
        (name::TIMEZONE, "Europe/Paris"),
        (name::PREFERRED_LANGUAGE, "fr-FR"),
        (name::LOCALE, "fr-FR"),
        (name::WORK_STREET, "1 rue de la Bourse"),
        (name::WORK_LOCALITY, "Lyon"),
        (name::WORK_REGION, "Rhône"),
        (name::WORK_POSTAL_CODE, "69002"),
        (name::WORK_ADDRESS_COUNTRY, "FR"),
        (name::WORK_PHONE, "+33 4 00 00 00 00"),
        (name::MOBILE_PHONE, "+33 6 00 00 00 00"),
    ] {
        person.attributes.insert(name.to_owned(), value.to_owned());
    }
    person
}

/// A person with nothing known but the work email and that they work.
pub(in crate::render) fn bare_person(email: &str) -> Person {
    Person {
        work_email: Email::parse(email).unwrap(),
        active: true,
        employment: PrimaryEmployment {
            employment_type: EmploymentType::Employee,
            worker_type: "EOR Employee".to_owned(),
            status: Status::Active,
            status_raw: "active".to_owned(),
            start: None,
            original_start: None,
            planned_end: None,
            last_day: None,
        },
        birth_date: None,
        attributes: Attributes::new(),
        manager: ManagerLink::None,
        source: Source {
            system: "remote".to_owned(),
            connection: ConnectionId(Uuid::nil()),
            instance: "acme-main".to_owned(),
            source_id: SourceId("wrk_8812".to_owned()),
            updated: None,
        },
        zone: ZoneUsed { zone: "UTC".to_owned(), origin: ZoneOrigin::Utc },
        next_due: None,
        provenance: std::collections::BTreeMap::new(),
    }
}

/// The User as a consumer sees it who set no `externalId`, without a manager.
pub(in crate::render) fn shown(id: PersonId, person: &Person) -> Map<String, Value> {
    filled(id, person, &Slots { base_url: BASE, ..Slots::default() })
}

fn filled(id: PersonId, person: &Person, slots: &Slots<'_>) -> Map<String, Value> {
    let mut out = String::new();
    write(&document(id, person, created(), modified()), slots, &mut out);
    assert_eq!(out.matches(|c: char| c < ' ').count(), 0, "every slot is filled");
    serde_json::from_str(&out).unwrap()
}

fn created() -> DateTime<Utc> {
    "2024-02-20T09:14:03Z".parse().unwrap()
}

fn modified() -> DateTime<Utc> {
    "2026-10-02T07:30:11.512999Z".parse().unwrap()
}

fn id() -> PersonId {
    PersonId("7c1e94d2-5b08-4f63-a2d7-0a6f2f1f7a11".parse().unwrap())
}

fn kofi() -> ManagerShown<'static> {
    ManagerShown {
        id: PersonId("29f7d840-c6ae-4b7e-9d61-2f3f7b0f1e90".parse().unwrap()),
        display_name: Some("Kofi \"K\" Mensah"),
        email: Some("Kofi.Mensah@Example.com"),
        employee_number: Some("00007"),
    }
}

#[test]
fn a_person_of_whom_all_is_known_shows_all_of_it() {
    let groups = [InGroup { id: "e35a0b6f-91c4-4d7a-8d0a-6a9f4d1f2c33", display: "Department: \"Data\"" }];
    let slots =
        Slots { base_url: BASE, external_id: Some("x-1"), manager: Some(kofi()), groups: &groups, versioned: false };
    let manager = json!({
        "value": "29f7d840-c6ae-4b7e-9d61-2f3f7b0f1e90",
        "$ref": "https://dir.example.com/scim/v2/Users/29f7d840-c6ae-4b7e-9d61-2f3f7b0f1e90",
        "displayName": "Kofi \"K\" Mensah"
    });
    let in_groups = json!([{"value": "e35a0b6f-91c4-4d7a-8d0a-6a9f4d1f2c33", "display": "Department: \"Data\"",
        "type": "indirect", "$ref": "https://dir.example.com/scim/v2/Groups/e35a0b6f-91c4-4d7a-8d0a-6a9f4d1f2c33"}]);
    let mut expected = json!({
        "schemas": [USER_URN, ENTERPRISE_URN, WORKER_URN],
        "id": "7c1e94d2-5b08-4f63-a2d7-0a6f2f1f7a11",
        "externalId": "x-1",
        "userName": "Ines.Moreau@Example.com",
        "name": {"formatted": "Inès M.", "familyName": "Moreau", "givenName": "Inès", "middleName": "Claire",
            "honorificPrefix": "Dr", "honorificSuffix": "PhD"},
        "displayName": "Inès M.",
        "nickName": "Nès",
        "title": "Data Engineer",
        "userType": "Employee",
        "preferredLanguage": "fr-FR",
        "locale": "fr-FR",
        "timezone": "Europe/Paris",
        "active": true,
        "emails": [{"value": "Ines.Moreau@example.com", "type": "work", "primary": true}],
        "phoneNumbers": [{"value": "+33 4 00 00 00 00", "type": "work", "primary": true},
            {"value": "+33 6 00 00 00 00", "type": "mobile"}],
        "addresses": [{"formatted": "1 rue de la Bourse\nLyon, Rhône 69002\nFR", "streetAddress": "1 rue de la Bourse",
            "locality": "Lyon", "region": "Rhône", "postalCode": "69002", "country": "FR", "type": "work",
            "primary": true}],
        ENTERPRISE_URN: {"employeeNumber": "00417", "costCenter": "FR-210", "organization": "Example SAS",
            "division": "Technology", "department": "Data", "manager": manager},
        WORKER: {"employmentType": "Employee", "workerType": "EOR Employee", "employmentStatus": "Active",
            "employmentStatusRaw": "active", "startDate": "2024-03-04", "originalStartDate": "2023-02-01",
            "endDate": "2027-12-31", "terminationDate": "2027-06-30", "workLocation": "Lyon office",
            "workLocationId": "o-1", "country": "FR", "legalEntity": "Example SAS", "legalEntityId": "l-1",
            "departmentId": "d-1", "team": "Platform", "teamId": "t-1", "seniority": "Senior",
            "managerEmail": "Kofi.Mensah@example.com", "managerEmployeeNumber": "00007", "sourceSystem": "remote",
            "sourceInstance": "acme-main", "sourceWorkerId": "wrk_8812", "sourceUpdated": "2026-10-02T07:30:11.512Z"},
        "meta": {"resourceType": "User", "created": "2024-02-20T09:14:03.000Z",
            "lastModified": "2026-10-02T07:30:11.512Z",
            "location": "https://dir.example.com/scim/v2/Users/7c1e94d2-5b08-4f63-a2d7-0a6f2f1f7a11"}
    });
    expected["groups"] = in_groups;
    assert_eq!(Value::Object(filled(id(), &full_person(), &slots)), expected);
}

#[test]
fn every_attribute_that_is_shown_is_in_the_schemas_and_none_is_sensitive() {
    let groups = [InGroup { id: "e35a0b6f-91c4-4d7a-8d0a-6a9f4d1f2c33", display: "Department: Data" }];
    let slots =
        Slots { base_url: BASE, external_id: Some("x-1"), manager: Some(kofi()), groups: &groups, versioned: false };
    let user = filled(id(), &full_person(), &slots);
    let mut paths = Vec::new();
    for (name, value) in &user {
        match value {
            Value::Object(extension) if name.starts_with("urn:") => {
                for (attribute, value) in extension {
                    collect(&format!("{name}:{attribute}"), value, &mut paths);
                }
            }
            _ => collect(name, value, &mut paths),
        }
    }
    assert!(paths.len() > 60);
    for path in paths {
        assert!(!SENSITIVE.iter().any(|name| path.contains(name)), "{path}");
        let parsed = AttrPath::parse(&path).unwrap();
        assert!(ResourceType::User.shape().resolve(&parsed, &Hidden::sensitive()).is_some(), "{path}");
    }
}

fn collect(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(object) => object.keys().for_each(|sub| paths.push(format!("{path}.{sub}"))),
        Value::Array(elements) => elements.iter().for_each(|element| collect(path, element, paths)),
        _ => paths.push(path.to_owned()),
    }
}

/// Okta asks for both names, and no name is split.
#[test]
fn a_name_without_parts_is_given_and_family_name_alike() {
    let names = |values: &[(&str, &str)]| {
        let mut person = bare_person("ana@acme.com");
        for (name, value) in values {
            person.attributes.insert((*name).to_owned(), (*value).to_owned());
        }
        let user = shown(id(), &person);
        assert_eq!(user["name"]["formatted"], user["displayName"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&user["name"]["givenName"]), text(&user["name"]["familyName"]), text(&user["displayName"]))
    };
    let of = |given: &str, family: &str, shown: &str| (given.to_owned(), family.to_owned(), shown.to_owned());
    assert_eq!(names(&[("formattedName", "Wang Xiu Ying")]), of("Wang Xiu Ying", "Wang Xiu Ying", "Wang Xiu Ying"));
    assert_eq!(names(&[("givenName", "Ana"), ("familyName", "Silva")]), of("Ana", "Silva", "Ana Silva"));
    assert_eq!(
        names(&[("givenName", "Ana"), ("familyName", "Silva"), ("formattedName", "Ana B. Silva")]),
        of("Ana", "Silva", "Ana Silva")
    );
    assert_eq!(
        names(&[("givenName", "Ana"), ("familyName", "Silva"), ("displayName", "Aninha")]),
        of("Ana", "Silva", "Aninha")
    );
    assert_eq!(names(&[("familyName", "Teller")]), of("Teller", "Teller", "Teller"));
    assert_eq!(names(&[("givenName", "Ana"), ("formattedName", "Ana Silva")]), of("Ana", "Ana", "Ana Silva"));
    assert_eq!(names(&[("givenName", " ")]), of("ana@acme.com", "ana@acme.com", "ana@acme.com"));
}

#[test]
fn a_manager_alone_brings_the_enterprise_extension_with_them() {
    let person = bare_person("ana@acme.com");
    let alone = shown(id(), &person);
    assert_eq!(alone["schemas"], json!([USER_URN, WORKER_URN]));
    assert!(!alone.contains_key(ENTERPRISE_URN) && !alone.contains_key("externalId"));
    let led = filled(id(), &person, &Slots { base_url: BASE, manager: Some(kofi()), ..Slots::default() });
    assert_eq!(led["schemas"], json!([USER_URN, ENTERPRISE_URN, WORKER_URN]));
    assert_eq!(led[ENTERPRISE_URN].as_object().unwrap().len(), 1);
}

#[test]
fn of_a_manager_outside_the_directory_only_the_email_shows_and_of_a_suspended_one_nothing() {
    let via = ManagerVia {
        connection: ConnectionId(Uuid::nil()),
        manager: ManagerRef {
            source_id: Some(SourceId("w-9".to_owned())),
            email: Some("Boss@ACME.com".to_owned()),
            name: Some("The Boss".to_owned()),
        },
    };
    let mut person = bare_person("ana@acme.com");
    person.manager = ManagerLink::Pending { via: via.clone() };
    let user = shown(id(), &person);
    assert_eq!(user[WORKER]["managerEmail"], "Boss@acme.com");
    assert!(!user.contains_key(ENTERPRISE_URN) && !Value::Object(user).to_string().contains("The Boss"));
    person.manager = ManagerLink::Suspended { id: id(), via };
    assert!(shown(id(), &person)[WORKER].get("managerEmail").is_none());
}

#[test]
fn an_address_needs_no_street_and_a_country_has_two_letters() {
    let mut person = bare_person("ana@acme.com");
    person.attributes.insert(name::COUNTRY.to_owned(), "pt".to_owned());
    assert_eq!(shown(id(), &person)["addresses"], json!([{"country": "PT", "type": "work", "primary": true}]));
    person.attributes.insert(name::WORK_LOCATION.to_owned(), "Porto".to_owned());
    assert_eq!(shown(id(), &person)["addresses"][0]["formatted"], "Porto");
    person.attributes.insert(name::COUNTRY.to_owned(), "Portugal".to_owned());
    let user = shown(id(), &person);
    assert!(user["addresses"][0].get("country").is_none() && user[WORKER].get("country").is_none());
}

fn any_person() -> impl Strategy<Value = Person> {
    let names: Vec<String> = full_person().attributes.keys().cloned().collect();
    let text = prop_oneof![Just(String::new()), Just(" ".to_owned()), any::<String>(), "[a-zA-Z]{1,8}"];
    let values = proptest::collection::btree_map(proptest::sample::select(names), text, 0..12);
    let manager = prop_oneof![
        Just(ManagerLink::None),
        any::<Option<String>>().prop_map(|email| ManagerLink::Pending {
            via: ManagerVia {
                connection: ConnectionId(Uuid::nil()),
                manager: ManagerRef { email, ..ManagerRef::default() },
            }
        }),
    ];
    (values, manager, any::<(bool, String, String, String)>()).prop_map(|(values, manager, (active, a, b, c))| {
        let mut person = bare_person("ana@acme.com");
        person.attributes = values;
        person.manager = manager;
        person.active = active;
        (person.employment.worker_type, person.employment.status_raw, person.source.instance) = (a, b, c);
        person
    })
}

/// neither null nor empty text, array or object.
fn assert_nothing_empty(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::String(text) => assert!(!text.is_empty()),
        Value::Array(elements) => {
            assert!(!elements.is_empty());
            elements.iter().for_each(assert_nothing_empty);
        }
        Value::Object(members) => {
            assert!(!members.is_empty());
            members.values().for_each(assert_nothing_empty);
        }
        Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn whoever_is_shown_is_json_without_empty_values_and_with_the_right_schemas(
        person in any_person(),
        external_id in any::<Option<String>>(),
        led in any::<bool>(),
        in_groups in 0..3_usize,
        manager in any::<(Option<String>, Option<String>, Option<String>)>(),
    ) {
        let shown = ManagerShown {
            id: id(),
            display_name: manager.0.as_deref(),
            email: manager.1.as_deref(),
            employee_number: manager.2.as_deref(),
        };
        let groups: Vec<InGroup<'_>> = (0..in_groups).map(|_| InGroup { id: "g", display: "Team: x" }).collect();
        let slots = Slots {
            base_url: BASE,
            external_id: external_id.as_deref(),
            manager: led.then_some(shown),
            groups: &groups,
            versioned: false,
        };
        let user = filled(id(), &person, &slots);
        assert_nothing_empty(&Value::Object(user.clone()));
        let mut schemas = vec![USER_URN];
        schemas.extend([ENTERPRISE_URN, WORKER_URN].into_iter().filter(|urn| user.contains_key(*urn)));
        prop_assert_eq!(&user["schemas"], &json!(schemas));
        prop_assert_eq!(&user["active"], &json!(person.active));
        prop_assert!(user["name"]["givenName"].is_string() && user["name"]["familyName"].is_string());
        if led {
            prop_assert!(user[ENTERPRISE_URN]["manager"]["value"].is_string());
        }
    }
}
