use serde_json::json;

use super::super::Mode;
use super::*;
use crate::filter::check::read;
use crate::schema::{Hidden, ResourceType};

fn ines() -> Map<String, Value> {
    let resource = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:worker:2.0:User"],
        "id": "7c1e94d2-5b08-4f63-a2d7-0a6f2f1f7a11",
        "externalId": "Ext-1",
        "userName": "ines.moreau@example.com",
        "name": {"givenName": "In\u{e8}s", "familyName": "Moreau", "middleName": ""},
        "displayName": "Straße 5",
        "nickName": null,
        "ims": [],
        "active": true,
        "profileUrl": "https://example.com/Ines",
        "emails": [
            {"value": "ines.moreau@example.com", "type": "work", "primary": true},
            {"value": "ines@home.example", "type": "home"},
        ],
        "phoneNumbers": [{"value": "+33 1"}],
        "x509Certificates": [{"value": "QQ=="}],
        "groups": [{"value": "g1", "display": "Department: Data"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "00417", "manager": {"value": "m1", "displayName": "Kofi"}},
        "urn:ietf:params:scim:schemas:extension:worker:2.0:User": {
            "startDate": "2024-03-04",
            "managerChain": [{"value": "m1", "level": 1}, {"value": "m2", "level": 2}],
            "sourceUpdated": "2026-10-02T09:30:11.512+02:00"},
        "meta": {"resourceType": "User", "created": "2024-02-20T09:14:03.000Z", "lastModified": "2026-10-02T07:30:11.512Z"},
    });
    resource.as_object().unwrap().clone()
}

fn matches(filter: &str) -> bool {
    let checked = read(filter, Mode::Strict, ResourceType::User.shape(), &Hidden::nothing());
    checked.unwrap_or_else(|error| panic!("{filter}: {error}")).matches(&ines())
}

#[test]
fn filters_that_hold() {
    for filter in [
        // caseExact false and true
        "userName eq \"INES.Moreau@Example.com\"",
        "userName sw \"ines.\" and userName ew \".COM\" and userName co \"MOREAU\"",
        "displayName eq \"STRASSE 5\"",
        "name.givenName eq \"INE\u{300}S\"",
        "externalId eq \"Ext-1\" and externalId ne \"ext-1\"",
        "id sw \"7c1e\"",
        "profileUrl ew \"Ines\" and not (profileUrl ew \"ines\")",
        // order
        "startDate gt \"2024\" and startDate le \"2024-03-04\" and startDate lt \"2024-03-05\" and startDate sw \"2024-03\"",
        "name.familyName gt \"moreaT\" and name.familyName lt \"MOREAV\"",
        "managerChain.level gt 1 and managerChain.level le 1 and managerChain.level eq 2.0",
        // instants
        "meta.lastModified eq \"2026-10-02T09:30:11.512+02:00\"",
        "meta.lastModified eq \"2026-10-02T07:30:11.512\"",
        "sourceUpdated ge \"2026-10-02T07:30:11.512Z\" and sourceUpdated sw \"2026-10-02T07\"",
        "meta.created sw \"2024-02\" and meta.created ew \"Z\"",
        // presence
        "active pr and name pr and emails pr and manager pr and groups pr",
        "not (nickName pr) and not (ims pr) and not (name.middleName pr) and not (title pr)",
        "nickName eq null and name.middleName eq null and title eq null and emails ne null and addresses eq null",
        "name[familyName eq \"moreau\"]",
        // booleans
        "active eq true and active ne false",
        // absent values and ne
        "title ne \"x\" and addresses.country ne \"FR\"",
        // any value
        "emails.type eq \"work\" and emails.value ew \"home.example\"",
        "emails.type ne \"work\"",
        "emails co \"@home\" and groups eq \"g1\" and manager eq \"m1\"",
        "emails[type eq \"work\" and value co \"moreau\"]",
        "emails[type eq \"home\"].value eq \"ines@home.example\"",
        "emails[not (type eq \"work\")]",
        "emails[primary eq false].type eq \"home\"",
        "emails[type eq \"home\" and not (primary pr)]",
        "phoneNumbers[type ne \"work\"]",
        "phoneNumbers.primary eq false",
        // simple multi-valued
        "schemas eq \"URN:ietf:params:scim:schemas:core:2.0:User\"",
        "schemas[value ew \"worker:2.0:user\"]",
        "x509Certificates eq \"QQ\"",
        // precedence
        "title pr and active eq true or active eq true",
        "active eq true or active eq true and title pr",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq \"00417\"",
        "displayName co \"\"",
    ] {
        assert!(matches(filter), "{filter}");
    }
}

#[test]
fn filters_that_do_not_hold() {
    for filter in [
        "externalId eq \"ext-1\"",
        "emails[type eq \"work\" and value co \"home\"]",
        "emails[type eq \"work\"].value eq \"ines@home.example\"",
        "emails[type eq \"other\"].value ne \"x\"",
        "phoneNumbers[primary eq true]",
        "phoneNumbers.primary pr",
        "title co \"\"",
        "title eq \"\"",
        "title gt \"a\" or title lt \"z\"",
        "not (emails.type eq \"work\")",
        "title pr and (active eq true or active eq true)",
        "employeeNumber eq \"417\"",
        "meta.lastModified gt \"2026-10-02T07:30:11.512Z\"",
        "x509Certificates eq \"qq\"",
        "groups ne \"g1\"",
        "managerChain[level eq 1 and value eq \"m2\"]",
    ] {
        assert!(!matches(filter), "{filter}");
    }
}

#[test]
fn not_equal_and_not_of_equal_differ_on_many_values() {
    assert!(matches("emails.type ne \"work\""));
    assert!(!matches("not (emails.type eq \"work\")"));
}

#[test]
fn large_integers_are_compared_exactly() {
    let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
    assert_eq!(compare_numbers(&number("9007199254740993"), &number("9007199254740992")), Some(Ordering::Greater));
    assert_eq!(compare_numbers(&number("-1"), &number("18446744073709551615")), Some(Ordering::Less));
    assert_eq!(compare_numbers(&number("1.5"), &number("1")), Some(Ordering::Greater));
}
