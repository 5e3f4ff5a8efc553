use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::{ENTERPRISE_URN, ResourceType, USER_URN, WORKER_URN};

fn ines() -> Map<String, Value> {
    let resource = json!({
        "schemas": [USER_URN, ENTERPRISE_URN, WORKER_URN],
        "id": "7c1e",
        "externalId": "x1",
        "userName": "ines@example.com",
        "name": {"givenName": "Inès", "familyName": "Moreau"},
        "active": true,
        "emails": [{"value": "ines@example.com", "type": "work", "primary": true}, {"value": "i@home.example"}],
        "password": "secret",
        "madeUp": 1,
        ENTERPRISE_URN: {"department": "Data", "manager": {"value": "m1", "displayName": "Kofi"}},
        WORKER_URN: {"team": "Platform", "birthday": "--02-11", "managerChain": [{"value": "m1", "level": 1}]},
        "meta": {"resourceType": "User", "location": "https://x/Users/7c1e"},
    });
    resource.as_object().unwrap().clone()
}

fn parse(attributes: &str, excluded: &str, hidden: &Hidden) -> Result<Projection, ScimError> {
    Projection::parse(Some(attributes), Some(excluded), ResourceType::User.shape(), hidden)
}

fn seen(attributes: &str, excluded: &str, hidden: &Hidden) -> Value {
    let mut resource = ines();
    parse(attributes, excluded, hidden).unwrap().apply(&mut resource);
    resource.into()
}

#[test]
fn by_default_an_answer_has_what_is_returned_by_default() {
    let mut expected = ines();
    expected.remove("password");
    expected.remove("madeUp");
    expected[WORKER_URN] = json!({"team": "Platform"});
    assert_eq!(seen("", " ", &Hidden::nothing()), Value::Object(expected));
}

#[test]
fn attributes_give_what_is_named_and_what_is_always_there() {
    for (attributes, expected) in [
        ("userName", json!({"schemas": [USER_URN], "id": "7c1e", "userName": "ines@example.com"})),
        (
            " USERNAME ,, shoeSize , name.shoeSize, 1x",
            json!({"schemas": [USER_URN], "id": "7c1e", "userName": "ines@example.com"}),
        ),
        ("shoeSize", json!({"schemas": [USER_URN], "id": "7c1e"})),
        ("password,madeUp", json!({"schemas": [USER_URN], "id": "7c1e"})),
        (
            "name.familyName,emails.value",
            json!({"schemas": [USER_URN], "id": "7c1e", "name": {"familyName": "Moreau"},
            "emails": [{"value": "ines@example.com"}, {"value": "i@home.example"}]}),
        ),
        ("emails.primary", json!({"schemas": [USER_URN], "id": "7c1e", "emails": [{"primary": true}]})),
        ("emails.display", json!({"schemas": [USER_URN], "id": "7c1e"})),
        (
            "name,name.familyName",
            json!({"schemas": [USER_URN], "id": "7c1e", "name": {"givenName": "Inès", "familyName": "Moreau"}}),
        ),
        (
            "name.familyName,name",
            json!({"schemas": [USER_URN], "id": "7c1e", "name": {"givenName": "Inès", "familyName": "Moreau"}}),
        ),
        ("meta.location", json!({"schemas": [USER_URN], "id": "7c1e", "meta": {"location": "https://x/Users/7c1e"}})),
        (
            "department",
            json!({"schemas": [USER_URN, ENTERPRISE_URN], "id": "7c1e", ENTERPRISE_URN: {"department": "Data"}}),
        ),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:MANAGER.value",
            json!({"schemas": [USER_URN, ENTERPRISE_URN], "id": "7c1e", ENTERPRISE_URN: {"manager": {"value": "m1"}}}),
        ),
        (
            ENTERPRISE_URN,
            json!({"schemas": [USER_URN, ENTERPRISE_URN], "id": "7c1e",
            ENTERPRISE_URN: {"department": "Data", "manager": {"value": "m1", "displayName": "Kofi"}}}),
        ),
        (
            "managerChain",
            json!({"schemas": [USER_URN, WORKER_URN], "id": "7c1e",
            WORKER_URN: {"managerChain": [{"value": "m1", "level": 1}]}}),
        ),
        (
            "managerChain.level",
            json!({"schemas": [USER_URN, WORKER_URN], "id": "7c1e",
            WORKER_URN: {"managerChain": [{"level": 1}]}}),
        ),
    ] {
        assert_eq!(seen(attributes, "", &Hidden::nothing()), expected, "{attributes}");
    }
}

#[test]
fn excluded_attributes_take_away_what_is_named_but_never_what_is_always_there() {
    let default = ines_by_default();
    let without = |change: fn(&mut Map<String, Value>)| {
        let mut expected = default.clone();
        change(&mut expected);
        Value::Object(expected)
    };
    for (excluded, expected) in [
        ("shoeSize", without(|_| {})),
        ("id,schemas", without(|_| {})),
        ("META", without(|user| drop(user.remove("meta")))),
        (
            "emails.type,emails.primary",
            without(|user| {
                user["emails"] = json!([{"value": "ines@example.com"}, {"value": "i@home.example"}]);
            }),
        ),
        ("emails.value,emails.type,emails.primary", without(|user| drop(user.remove("emails")))),
        (
            "team",
            without(|user| {
                user.remove(WORKER_URN);
                user["schemas"] = json!([USER_URN, ENTERPRISE_URN]);
            }),
        ),
        (
            WORKER_URN,
            without(|user| {
                user.remove(WORKER_URN);
                user["schemas"] = json!([USER_URN, ENTERPRISE_URN]);
            }),
        ),
        (
            "manager.displayName",
            without(|user| {
                user[ENTERPRISE_URN] = json!({"department": "Data", "manager": {"value": "m1"}});
            }),
        ),
    ] {
        assert_eq!(seen("", excluded, &Hidden::nothing()), expected, "{excluded}");
    }
}

fn ines_by_default() -> Map<String, Value> {
    seen("", "", &Hidden::nothing()).as_object().unwrap().clone()
}

#[test]
fn what_is_returned_on_request_is_there_when_named_and_visible() {
    let expected = json!({"schemas": [USER_URN, WORKER_URN], "id": "7c1e", WORKER_URN: {"birthday": "--02-11"}});
    assert_eq!(seen("birthday", "", &Hidden::nothing()), expected);
    let minimum = json!({"schemas": [USER_URN], "id": "7c1e"});
    assert_eq!(seen("birthday", "", &Hidden::sensitive()), minimum);
    let whole = seen(WORKER_URN, "", &Hidden::sensitive());
    assert_eq!(whole[WORKER_URN], json!({"team": "Platform", "managerChain": [{"value": "m1", "level": 1}]}));
}

#[test]
fn a_release_policy_takes_attributes_out_of_every_answer() {
    let hidden = Hidden::of([(USER_URN, "name"), (USER_URN, "externalId"), (WORKER_URN, "team")]);
    let all = seen("", "", &hidden);
    assert_eq!((all.get("name"), all.get("externalId"), all.get(WORKER_URN)), (None, None, None));
    assert_eq!(all["schemas"], json!([USER_URN, ENTERPRISE_URN]));
    assert_eq!(seen("name,externalId", "", &hidden), json!({"schemas": [USER_URN], "id": "7c1e"}));
}

#[test]
fn a_request_that_cannot_be_meant_is_refused() {
    let refused = |attributes, excluded| parse(attributes, excluded, &Hidden::nothing()).unwrap_err().body();
    assert_eq!(refused("userName", "name")["scimType"], "invalidValue");
    assert_eq!(refused("emails[type eq \"work\"]", "")["scimType"], "invalidPath");
    assert_eq!(refused("", "userName,emails[type eq \"a,b\"].value")["scimType"], "invalidPath");
}

#[test]
fn only_an_answer_that_everyone_gets_is_the_default() {
    let is_default = |attributes, excluded, hidden: &Hidden| parse(attributes, excluded, hidden).unwrap().is_default();
    assert!(is_default("", "", &Hidden::nothing()));
    assert!(is_default("", "", &Hidden::sensitive()), "sensitive attributes are not returned by default");
    assert!(!is_default("", "", &Hidden::of([(USER_URN, "title")])));
    assert!(!is_default("userName", "", &Hidden::nothing()));
    assert!(!is_default("", "groups", &Hidden::nothing()));
}

#[test]
fn one_can_ask_whether_an_attribute_would_be_returned() {
    let returns = |attributes, excluded, path| parse(attributes, excluded, &Hidden::sensitive()).unwrap().returns(path);
    assert!(returns("", "", "groups") && returns("groups.value", "", "groups") && returns("", "groups.type", "groups"));
    assert!(!returns("", "groups", "groups") && !returns("userName", "", "groups"));
    assert!(returns("groups.value", "", "groups.value") && !returns("groups.value", "", "groups.display"));
    assert!(returns("", "", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"));
    assert!(returns("id", "", "id") && returns("title", "", "schemas") && returns("", "id", "id"));
    assert!(!returns("", "", "managerChain") && returns("managerChain", "", "managerChain"));
    assert!(!returns("birthday", "", "birthday") && !returns("", "", "shoeSize"));
}

#[test]
fn an_empty_group_shows_its_empty_list_of_members() {
    let mut group = json!({"schemas": [], "id": "g", "displayName": "x", "members": []}).as_object().unwrap().clone();
    let shape = ResourceType::Group.shape();
    Projection::parse(Some("members"), None, shape, &Hidden::nothing()).unwrap().apply(&mut group);
    assert_eq!(Value::Object(group), json!({"schemas": [], "id": "g", "members": []}));
}

/// All paths that the schemas of a user define, and some that they do not.
fn paths() -> Vec<String> {
    let mut paths = vec![ENTERPRISE_URN.to_owned(), WORKER_URN.to_owned(), "shoeSize".to_owned(), "a..b".to_owned()];
    for found in ResourceType::User.shape().attributes() {
        paths.push(found.to_string());
        paths.extend(found.attribute.sub_attributes.iter().map(|sub| found.with_sub(Some(sub)).to_string()));
    }
    paths
}

proptest! {
    #[test]
    fn projecting_twice_is_projecting_once_and_adds_nothing(
        names in prop::collection::vec(prop::sample::select(paths()), 0..6),
        only in any::<bool>(),
    ) {
        let list = names.join(",");
        let (attributes, excluded) = if only { (list.as_str(), "") } else { ("", list.as_str()) };
        let projection = parse(attributes, excluded, &Hidden::sensitive()).unwrap();
        let original = ines();
        let mut once = original.clone();
        projection.apply(&mut once);
        prop_assert!(once.contains_key("id") && once.contains_key("schemas"));
        let mut twice = once.clone();
        projection.apply(&mut twice);
        prop_assert_eq!(&once, &twice);
        for (name, value) in &once {
            if !value.is_array() && !value.is_object() {
                prop_assert_eq!(Some(value), original.get(name));
            }
            if !name.starts_with("urn:") {
                prop_assert!(projection.returns(name), "{}", name);
            }
        }
        prop_assert!(!serde_json::to_string(&once).unwrap().contains("--02-11"));
    }

    #[test]
    fn what_is_asked_for_and_what_is_excluded_complement_each_other(name in prop::sample::select(paths())) {
        let only = parse(&name, "", &Hidden::nothing()).unwrap();
        let except = parse("", &name, &Hidden::nothing()).unwrap();
        for found in ResourceType::User.shape().attributes() {
            if found.attribute.returned == Returned::Default && found.attribute.sub_attributes.is_empty() {
                let path = found.to_string();
                prop_assert!(only.returns(&path) != except.returns(&path), "{}", path);
            }
        }
    }

    #[test]
    fn no_list_of_names_panics(list in "[a-z.,: $\\[\"é]{0,40}") {
        let _ = parse(&list, "", &Hidden::nothing());
    }
}

/// a URN alone names all attributes of its schema, whichever it is and however it is spelled.
#[test]
fn a_urn_alone_names_all_attributes_of_its_schema() {
    use crate::schema::{ENTERPRISE_URN, ResourceType, USER_URN, WORKER_URN};
    let shape = ResourceType::User.shape();
    let user = serde_json::json!({
        "schemas": [USER_URN, ENTERPRISE_URN, WORKER_URN], "id": "1", "externalId": "x", "userName": "a@b.example",
        "emails": [{"value": "a@b.example"}], "meta": {"resourceType": "User"},
        ENTERPRISE_URN: {"department": "Data"}, WORKER_URN: {"team": "Blue"},
    });
    let names = |attributes: Option<&str>, excluded: Option<&str>| -> Vec<String> {
        let projection = Projection::parse(attributes, excluded, shape, &Hidden::nothing()).unwrap();
        let mut left = user.as_object().unwrap().clone();
        projection.apply(&mut left);
        left.keys().cloned().collect()
    };
    for spell in
        [str::to_owned, str::to_ascii_uppercase, |urn: &str| format!(" {urn}: "), |urn: &str| format!("{urn},nothing")]
    {
        assert_eq!(names(Some(&spell(USER_URN)), None), ["emails", "id", "schemas", "userName"]);
        for urn in [ENTERPRISE_URN, WORKER_URN] {
            assert_eq!(names(Some(&spell(urn)), None), ["id", "schemas", urn]);
            let left = names(None, Some(&spell(urn)));
            assert!(left.contains(&"userName".to_owned()) && !left.contains(&urn.to_owned()), "{left:?}");
        }
        let left = names(None, Some(&spell(USER_URN)));
        assert_eq!(left, ["externalId", "id", "meta", "schemas", ENTERPRISE_URN, WORKER_URN]);
    }
}
