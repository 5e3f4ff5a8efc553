//! Tests the requirements about reading, on a directory that shows most of what a schema has.

use std::collections::{BTreeMap, BTreeSet};

use rollbook::directory::attribute::name;
use rollbook::directory::person::Person;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::groups::department;
use crate::support::people::{insert, person};
use crate::support::served::{Served, encoded};

const BASE: &str = "https://dir.example.com/scim/v2";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const WORKER: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:User";

fn rich() -> Person {
    let mut zoe = person("Zoë.Müller@ACME.com", "Zoë", "Müller");
    for (attribute, value) in [
        (name::TITLE, "Ingénieure"),
        (name::NICK_NAME, "Zo"),
        (name::DEPARTMENT, "R&D"),
        (name::LEGAL_ENTITY, "Acme \"SAS\""),
        (name::EMPLOYEE_NUMBER, "0007"),
        (name::COST_CENTER, "C-1"),
        (name::COUNTRY, "fr"),
        (name::WORK_STREET, "1 rue X"),
        (name::WORK_LOCALITY, "Paris"),
        (name::WORK_ADDRESS_COUNTRY, "fr"),
        (name::WORK_PHONE, "+33 1"),
        (name::MOBILE_PHONE, "+33 6"),
        (name::TIMEZONE, "Europe/Paris"),
        (name::LOCALE, "fr-FR"),
    ] {
        zoe.attributes.insert(attribute.to_owned(), value.to_owned());
    }
    zoe.source.updated = "2026-11-01T10:00:00.123456Z".parse().ok();
    zoe
}

struct Directory {
    served: Served,
    ids: Vec<Uuid>,
    group: Uuid,
}

/// One with everything, whose manager is the second; one with little; and a group of both, beside an empty one.
async fn directory() -> Directory {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut single = person("solo@acme.com", "Solo", "");
    single.attributes.remove(name::FAMILY_NAME);
    let ids = insert(&mut conn, &[rich(), single], served.now()).await;
    let group = department(&mut conn, "R&D", &ids, served.now()).await;
    department(&mut conn, "Empty", &[], served.now()).await;
    diesel_async::SimpleAsyncConnection::batch_execute(
        &mut *conn,
        &format!("UPDATE people SET manager_target = '{}', manager_state = 'person' WHERE id = '{}'", ids[1], ids[0]),
    )
    .await
    .unwrap();
    drop(conn);
    Directory { served, ids, group }
}

impl Directory {
    async fn resources(&self, path: &str) -> Vec<Map<String, Value>> {
        let list = self.served.get(&format!("/scim/v2{path}")).await.list();
        list["Resources"].as_array().unwrap().iter().map(|one| one.as_object().unwrap().clone()).collect()
    }

    /// The definitions of `/Schemas`, by URN.
    async fn schemas(&self) -> BTreeMap<String, Vec<Value>> {
        let all = self.resources("/Schemas").await;
        let of = |one: Map<String, Value>| {
            (one["id"].as_str().unwrap().to_owned(), one["attributes"].as_array().unwrap().clone())
        };
        all.into_iter().map(of).collect()
    }
}

/// JSON in UTF-8, as SCIM calls it, errors too.
#[tokio::test]
async fn every_answer_is_scim_in_utf_8() {
    let Directory { served, ids, group } = directory().await;
    for path in [
        "/Users".to_owned(),
        format!("/Users/{}", ids[0]),
        format!("/Groups/{group}"),
        "/Schemas".to_owned(),
        "/ResourceTypes".to_owned(),
        "/ServiceProviderConfig".to_owned(),
        "/Users?filter=(".to_owned(),
        "/Nothing".to_owned(),
        "/Me".to_owned(),
    ] {
        let answer = served.get(&format!("/scim/v2{path}")).await;
        assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{path}");
        answer.body();
    }
    assert!(served.get(&format!("/scim/v2/Users/{}", ids[0])).await.text.contains("Zoë Müller"));
    served.stop().await;
}

///
#[tokio::test]
async fn parameters_that_nobody_knows_are_ignored_and_known_ones_come_once() {
    let Directory { served, ids, .. } = directory().await;
    let get = async |query: &str| served.get(&format!("/scim/v2/Users?{query}")).await;
    for query in ["aadOptscim062020", "x=1&x=2", "FILTER=active%20eq%20true", "attributes=&excludedAttributes=&sortBy="]
    {
        assert_eq!(get(query).await.ids(), ids, "{query}");
    }
    assert_eq!(get("cursor=").await.ids(), ids, "an empty cursor begins a walk");
    get("filter=").await.refusal(400, Some("invalidFilter"));
    for name in ["filter=active%20pr", "count=1", "attributes=id", "cursor=", "sortBy=id"] {
        get(&format!("{name}&{name}")).await.refusal(400, Some("invalidSyntax"));
    }
    served.stop().await;
}

/// status, keyword, and a detail that names what is wrong and repeats no value.
#[tokio::test]
async fn an_error_names_what_is_wrong_and_nobody() {
    let Directory { served, .. } = directory().await;
    for (path, status, keyword, named) in [
        ("/Users?filter=shoeSize%20eq%20%22secret%22", 400, Some("invalidFilter"), "shoeSize"),
        ("/Users?filter=userName%20is%20%22secret%22", 400, Some("invalidFilter"), "is"),
        ("/Users?filter=active%20gt%20true", 400, Some("invalidFilter"), "gt"),
        ("/Users?filter=meta.created%20gt%20%22secret%22", 400, Some("invalidFilter"), "meta.created"),
        ("/Users?sortBy=shoeSize", 400, Some("invalidValue"), "shoeSize"),
        ("/Users?count=many", 400, Some("invalidValue"), "count"),
        ("/Users?attributes=emails[type%20eq%20%22secret%22]", 400, Some("invalidPath"), "attributes"),
        ("/Users?cursor=secret", 400, Some("invalidCursor"), "cursor"),
        ("/Users?cursor=&count=x", 400, Some("invalidCount"), "count"),
        ("/Users/secret", 404, None, "user"),
        ("/Groups/secret", 404, None, "group"),
        ("/Schemas/secret", 404, None, "schema"),
        ("/ResourceTypes?filter=id%20pr", 403, None, "filter"),
    ] {
        let detail = served.get(&format!("/scim/v2{path}")).await.refusal(status, keyword);
        assert!(detail.contains(named) && !detail.contains("secret"), "{path}: {detail}");
    }
    served.get("/scim/v1/Users").await.refusal(400, Some("invalidVers"));
    served.stop().await;
}

///
#[tokio::test]
async fn resources_have_the_form_that_all_resources_have() {
    let directory = directory().await;
    for (endpoint, base, kind) in [("Users", USER, "User"), ("Groups", GROUP, "Group")] {
        for resource in directory.resources(&format!("/{endpoint}")).await {
            let id = resource["id"].as_str().unwrap();
            let parsed: Uuid = id.parse().unwrap();
            assert_eq!((parsed.get_version_num(), parsed.to_string().as_str()), (4, id));
            let urns: Vec<&str> =
                resource["schemas"].as_array().unwrap().iter().map(|urn| urn.as_str().unwrap()).collect();
            let distinct: BTreeSet<&str> = urns.iter().copied().collect();
            assert!(distinct.len() == urns.len() && distinct.contains(base), "{urns:?}");
            let extensions: BTreeSet<&str> =
                resource.keys().map(String::as_str).filter(|name| name.starts_with("urn:")).collect();
            assert_eq!(extensions, distinct.iter().copied().filter(|urn| *urn != base).collect());
            let meta = &resource["meta"];
            assert_eq!(meta["resourceType"], kind);
            assert_eq!(meta["location"], format!("{BASE}/{endpoint}/{id}"));
            for instant in ["created", "lastModified"] {
                let text = meta[instant].as_str().unwrap();
                assert!(text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.', "{text}");
            }
            check_nothing_is_unassigned(&Value::Object(resource.clone()), "");
            let alone = directory.served.get(&format!("/scim/v2/{endpoint}/{id}")).await;
            assert_eq!(alone.body(), Value::Object(resource.clone()));
            assert_eq!(alone.header("location"), meta["location"].as_str());
        }
    }
    let zoe = directory.served.get(&format!("/scim/v2/Users/{}", directory.ids[0])).await.body();
    assert_eq!(zoe[WORKER]["sourceUpdated"], "2026-11-01T10:00:00.123Z");
    // Links lead to the named resources.
    for link in [&zoe["groups"][0]["$ref"], &zoe[ENTERPRISE]["manager"]["$ref"]] {
        let path = link.as_str().unwrap().strip_prefix("https://dir.example.com").unwrap();
        assert_eq!(directory.served.get(path).await.status, 200);
    }
    directory.served.stop().await;
}

/// Nothing is null or empty, but the members of a group without any.
fn check_nothing_is_unassigned(value: &Value, at: &str) {
    match value {
        Value::Null => panic!("{at} is null"),
        Value::String(text) => assert!(!text.is_empty(), "{at} is empty"),
        Value::Array(all) => {
            assert!(!all.is_empty() || at == ".members", "{at} is empty");
            for one in all {
                check_nothing_is_unassigned(one, at);
            }
        }
        Value::Object(all) => {
            assert!(!all.is_empty(), "{at} is empty");
            all.iter().for_each(|(name, one)| check_nothing_is_unassigned(one, &format!("{at}.{name}")));
        }
        _ => {}
    }
}

/// values have the names and types that `/Schemas` states, and at most one is primary.
#[tokio::test]
async fn values_are_what_the_schemas_say() {
    let directory = directory().await;
    let schemas = directory.schemas().await;
    let mut seen = BTreeSet::new();
    for resource in [directory.resources("/Users").await, directory.resources("/Groups").await].concat() {
        let base = resource["schemas"][0].as_str().unwrap().to_owned();
        for (name, value) in &resource {
            if let Some(attributes) = schemas.get(name) {
                for (name, value) in value.as_object().unwrap() {
                    check_type(attributes, name, value);
                    seen.insert(name.clone());
                }
            } else if !["schemas", "id", "meta", "externalId"].contains(&name.as_str()) {
                check_type(&schemas[&base], name, value);
                seen.insert(name.clone());
            }
        }
    }
    assert!(seen.len() > 25, "{seen:?}");
    directory.served.stop().await;
}

fn check_type(attributes: &[Value], name: &str, value: &Value) {
    let found = attributes.iter().find(|attribute| attribute["name"] == name);
    let attribute = found.unwrap_or_else(|| panic!("{name} is in no schema"));
    assert_eq!(attribute["multiValued"], value.is_array(), "{name}");
    let elements = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let primary = elements.iter().filter(|element| element["primary"] == true).count();
    assert!(primary <= 1, "{name} has {primary} primary values");
    for element in elements {
        match attribute["type"].as_str().unwrap() {
            "string" | "reference" | "binary" => assert!(element.is_string(), "{name}: {element}"),
            "dateTime" => assert!(element.as_str().unwrap().ends_with('Z'), "{name}: {element}"),
            "boolean" => assert!(element.is_boolean(), "{name}: {element}"),
            "integer" => assert!(element.is_i64(), "{name}: {element}"),
            "complex" => {
                let subs = attribute["subAttributes"].as_array().unwrap();
                element.as_object().unwrap().iter().for_each(|(sub, value)| check_type(subs, sub, value));
            }
            other => panic!("{name} is of type {other}"),
        }
    }
}

///
#[tokio::test]
async fn schemas_and_resource_types_describe_what_is_served() {
    let directory = directory().await;
    let schemas = directory.schemas().await;
    let core: BTreeSet<&str> = schemas[USER].iter().map(|attribute| attribute["name"].as_str().unwrap()).collect();
    for attribute in schemas[ENTERPRISE].iter().chain(&schemas[WORKER]) {
        assert!(!core.contains(attribute["name"].as_str().unwrap()), "{attribute}");
    }
    for attribute in schemas.values().flatten() {
        check_definition(attribute);
    }
    let types = directory.resources("/ResourceTypes").await;
    let described: Vec<Value> = types
        .iter()
        .map(|one| {
            json!([one["id"], one["endpoint"], one["schema"], one["schemaExtensions"].as_array().unwrap().len()])
        })
        .collect();
    assert_eq!(json!(described), json!([["User", "/Users", USER, 2], ["Group", "/Groups", GROUP, 1]]));
    for one in &types {
        assert!(one["schemaExtensions"].as_array().unwrap().iter().all(|extension| extension["required"] == false));
        let path = format!("/scim/v2{}", one["endpoint"].as_str().unwrap());
        assert_eq!(directory.served.get(&path).await.status, 200);
    }
    // a configuration without events means that there are none.
    let config = directory.served.get("/scim/v2/ServiceProviderConfig").await.body();
    assert!(config.get("securityEvents").is_none());
    directory.served.stop().await;
}

fn check_definition(attribute: &Value) {
    for (member, words) in [
        ("mutability", &["readOnly", "readWrite", "immutable", "writeOnly"][..]),
        ("returned", &["always", "never", "default", "request"]),
        ("uniqueness", &["none", "server", "global"]),
    ] {
        assert!(words.contains(&attribute[member].as_str().unwrap()), "{attribute}");
    }
    for member in ["multiValued", "required", "caseExact"] {
        assert!(attribute[member].is_boolean(), "{attribute}");
    }
    assert_eq!(attribute["type"] == "reference", attribute.get("referenceTypes").is_some(), "{attribute}");
    assert_eq!(attribute["type"] == "complex", attribute.get("subAttributes").is_some(), "{attribute}");
    attribute["subAttributes"].as_array().into_iter().flatten().for_each(check_definition);
}

///
#[tokio::test]
async fn a_user_is_shown_as_clients_need_it() {
    let Directory { served, ids, group } = directory().await;
    let zoe = served.get(&format!("/scim/v2/Users/{}", ids[0])).await.body();
    assert_eq!(zoe["userName"], "Zoë.Müller@ACME.com", "the case is kept");
    assert_eq!(zoe["emails"], json!([{"value": "Zoë.Müller@acme.com", "type": "work", "primary": true}]));
    assert_eq!(zoe["phoneNumbers"][1]["type"], "mobile");
    assert_eq!((&zoe["addresses"][0]["country"], &zoe[WORKER]["country"]), (&json!("FR"), &json!("FR")));
    assert_eq!(zoe["active"], true);
    assert_eq!(zoe[ENTERPRISE]["employeeNumber"], "0007");
    assert_eq!(
        zoe[ENTERPRISE]["manager"],
        json!({"value": ids[1], "$ref": format!("{BASE}/Users/{}", ids[1]), "displayName": "Solo"})
    );
    assert_eq!(zoe["groups"].as_array().unwrap().len(), 1);
    assert_eq!(zoe["groups"][0]["value"], json!(group));
    let without = served.get(&format!("/scim/v2/Users/{}?excludedAttributes=groups", ids[0])).await.body();
    assert!(without.get("groups").is_none());
    let solo = served.get(&format!("/scim/v2/Users/{}", ids[1])).await.body();
    assert_eq!((&solo["name"]["givenName"], &solo["name"]["familyName"]), (&json!("Solo"), &json!("Solo")));
    assert!(solo[ENTERPRISE].get("manager").is_none());
    for query in ["attributes=password", "attributes=*"] {
        let shown = served.get(&format!("/scim/v2/Users/{}?{query}", ids[0])).await;
        assert!(!shown.text.contains("password"), "{query}");
    }
    served.stop().await;
}

/// how texts are compared.
#[tokio::test]
async fn texts_are_compared_by_the_rule_of_their_attribute() {
    let Directory { served, ids, .. } = directory().await;
    let upper = ids[0].to_string().to_uppercase();
    for (filter, found) in [
        ("userName eq \"ZOË.MÜLLER@acme.COM\"".to_owned(), 1),
        ("userName eq \"zoe\u{308}.mu\u{308}ller@acme.com\"".to_owned(), 1),
        ("userName eq \"ｚoë.müller@acme.com\"".to_owned(), 1),
        ("title eq \"INGÉNIEURE\"".to_owned(), 1),
        ("title eq \"ingenieure\"".to_owned(), 0),
        (format!("id eq \"{}\"", ids[0]), 1),
        (format!("id eq \"{upper}\""), 0),
    ] {
        assert_eq!(served.filter(&filter).await.ids().len(), found, "{filter}");
    }
    served.stop().await;
}

///
#[tokio::test]
async fn what_has_no_place_in_a_request_does_nothing() {
    let Directory { served, ids, group } = directory().await;
    let path = format!("/scim/v2/Users/{}", ids[0]);
    assert_eq!(served.get(&format!("{path}?filter=(&count=x&sortBy=none")).await.text, served.get(&path).await.text);
    assert!(served.get(&path).await.header("etag").unwrap().starts_with("W/\""));
    let other = rollbook::crypto::token::Token::random();
    for path in
        [path.as_str(), "/scim/v2/Users", &format!("/scim/v2/Groups/{group}"), "/scim/v2/Schemas", "/scim/v2/Me"]
    {
        served.send("GET", path, &[]).await.refusal(401, None);
        served.get_as(other.reveal(), path).await.refusal(401, None);
        served.send("GET", &format!("{path}?access_token={}", served.token), &[]).await.refusal(401, None);
    }
    for text in ["'; DROP TABLE people; --", "\\'); SELECT 1; --", "$1", "%", "_", "\\", "{}"] {
        for operator in ["eq", "co", "sw", "ew", "ge"] {
            let filter = format!("displayName {operator} {} and title eq \"nobody's\"", json!(text));
            assert_eq!(served.filter(&filter).await.ids().len(), 0, "{filter}");
        }
        let answer = served.get(&format!("/scim/v2/Users?sortBy={}", encoded(text))).await;
        answer.refusal(400, Some("invalidValue"));
    }
    assert_eq!(served.get("/scim/v2/Users").await.ids(), ids);
    served.stop().await;
}
