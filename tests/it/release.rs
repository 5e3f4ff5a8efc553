//! Tests release policies as consumers meet them (law 8, R-089, R-180, R-187, story 21): what is outside does not
//! exist.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rollbook::directory::attribute::name;
use rollbook::directory::person::Person;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::groups::department;
use crate::support::people::{crowd, insert};
use crate::support::served::{Answer, Served, encoded};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const WORKER: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:User";
const DERIVED: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:Group";

/// Six people: 0 to 3 are engineers, 4 and 5 are not. Person 4 is the manager of all others, and 3 is the manager of 4.
struct Company {
    served: Served,
    ids: Vec<Uuid>,
    engineering: Uuid,
    art: Uuid,
    empty: Uuid,
}

impl Company {
    async fn start() -> Self {
        let served = Served::start().await;
        let mut people: Vec<Person> = crowd(6);
        for (n, person) in people.iter_mut().enumerate() {
            let title = if n < 4 { "Engineer" } else { "Artist" };
            person.attributes.insert(name::TITLE.to_owned(), title.to_owned());
            person.attributes.insert(name::EMPLOYEE_NUMBER.to_owned(), format!("E-{n}"));
        }
        let mut conn = served.conn().await;
        let ids = insert(&mut conn, &people, served.now()).await;
        let engineering = department(&mut conn, "Engineering", &ids[..4], served.now()).await;
        let art = department(&mut conn, "Art", &ids[4..], served.now()).await;
        let empty = department(&mut conn, "Empty", &[], served.now()).await;
        for n in [0, 1, 2, 3, 5] {
            managed(&mut conn, ids[n], ids[4]).await;
        }
        drop(conn);
        Self { served, ids, engineering, art, empty }
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.served.get_as(token, &format!("/scim/v2{path}")).await
    }

    async fn find(&self, token: &str, endpoint: &str, filter: &str) -> Vec<Uuid> {
        let answer = self.get(token, &format!("{endpoint}?filter={}", encoded(filter))).await;
        assert_eq!(answer.list()["totalResults"], answer.ids().len(), "{filter}");
        answer.ids()
    }
}

async fn managed(conn: &mut AsyncPgConnection, id: Uuid, manager: Uuid) {
    let set = format!("UPDATE people SET manager_target = '{manager}', manager_state = 'person' WHERE id = '{id}'");
    conn.batch_execute(&set).await.unwrap();
}

/// outside is a 404 by whatever way it is asked. It is not in lists, not counted, not in members, and not
/// a manager of any person.
#[tokio::test]
async fn people_outside_the_filter_do_not_exist() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let desk = served.released("desk", &["scim:read"], Some("title eq \"engineer\""), None, None).await;
    let outside = company.get(&desk, &format!("/Users/{}", ids[4])).await;
    let nobody = company.get(&desk, "/Users/00000000-0000-4000-8000-000000000000").await;
    assert_eq!((outside.status, &outside.text), (404, &nobody.text));
    let seen = company.get(&desk, &format!("/Users/{}", ids[0])).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    let user = seen.body();
    assert!(user[ENTERPRISE].get("manager").is_none() && user[WORKER].get("managerEmail").is_none(), "{user}");
    assert!(user[WORKER].get("managerEmployeeNumber").is_none());
    assert!(!seen.text.contains(&ids[4].to_string()) && !seen.text.contains("p4@") && !seen.text.contains("E-4"));
    for path in ["/Users", "/Users?sortBy=userName", "/Users?cursor=", "/Users?startIndex=1&count=100"] {
        let list = company.get(&desk, path).await;
        assert_eq!((list.ids(), &list.list()["totalResults"]), (ids[..4].to_vec(), &json!(4)), "{path}");
    }
    assert_eq!(company.get(&desk, "/Users?count=0").await.list()["totalResults"], 4);
    assert_eq!(company.get(&desk, "/Users?startIndex=3&count=1").await.ids(), ids[2..3]);
    for (filter, expected) in [
        ("userName sw \"p\"".to_owned(), &ids[..4]),
        ("userName eq \"p4@acme.com\"".to_owned(), &ids[..0]),
        (format!("id eq \"{}\"", ids[4]), &ids[..0]),
        (format!("id eq \"{}\" or userName eq \"p1@acme.com\"", ids[4]), &ids[1..2]),
        (format!("manager.value eq \"{}\"", ids[4]), &ids[..0]),
        ("manager pr".to_owned(), &ids[..0]),
        ("not (manager pr)".to_owned(), &ids[..4]),
        ("manager.displayName co \"Number4\"".to_owned(), &ids[..0]),
        (format!("{WORKER}:managerEmail pr"), &ids[..0]),
        (format!("{WORKER}:managerEmployeeNumber eq \"E-4\""), &ids[..0]),
        ("managerChain pr".to_owned(), &ids[..0]),
        (format!("managerChain.value eq \"{}\"", ids[4]), &ids[..0]),
        (format!("groups.value eq \"{}\"", company.engineering), &ids[..4]),
        (format!("groups.value eq \"{}\"", company.art), &ids[..0]),
    ] {
        assert_eq!(company.find(&desk, "/Users", &filter).await, expected, "{filter}");
    }
    assert_eq!(company.get(&desk, "/Users?sortBy=manager.displayName").await.ids(), ids[..4]);
    // Groups have those members who exist.
    let members = async |group: Uuid| {
        let group = company.get(&desk, &format!("/Groups/{group}")).await.body();
        group["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["value"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(members(company.engineering).await, ids[..4].iter().map(Uuid::to_string).collect::<Vec<_>>());
    assert_eq!(members(company.art).await, Vec::<String>::new());
    for (filter, expected) in [
        ("members pr".to_owned(), vec![company.engineering]),
        (format!("members.value eq \"{}\"", ids[4]), vec![]),
        (format!("members eq \"{}\"", ids[0]), vec![company.engineering]),
        ("members.display co \"Number5\"".to_owned(), vec![]),
        ("not (members pr)".to_owned(), vec![company.art, company.empty]),
    ] {
        assert_eq!(company.find(&desk, "/Groups", &filter).await, expected, "{filter}");
    }
    let everything = company.get(&desk, "").await;
    assert_eq!(everything.list()["totalResults"], 4 + 3);
    assert!(!everything.text.contains("p4@") && !everything.text.contains(&ids[5].to_string()));
    company.served.stop().await;
}

/// the same of groups, in `groups` of users as well.
#[tokio::test]
async fn groups_outside_the_filter_do_not_exist() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let filter = "displayName sw \"department: e\"";
    let desk = served.released("desk", &["scim:read"], None, Some(filter), None).await;
    let outside = company.get(&desk, &format!("/Groups/{}", company.art)).await;
    assert_eq!((outside.status, outside.text), (404, company.get(&desk, "/Groups/x").await.text));
    for path in ["/Groups", "/Groups?sortBy=displayName&sortOrder=descending", "/Groups?cursor="] {
        assert_eq!(company.get(&desk, path).await.ids(), [company.engineering, company.empty], "{path}");
    }
    assert_eq!(company.get(&desk, "/Groups?count=0").await.list()["totalResults"], 2);
    let user = async |n: usize| company.get(&desk, &format!("/Users/{}", ids[n])).await.body();
    assert_eq!(user(0).await["groups"][0]["value"], company.engineering.to_string());
    assert!(user(4).await.get("groups").is_none());
    for (filter, expected) in [
        ("groups pr".to_owned(), &ids[..4]),
        (format!("groups.value eq \"{}\"", company.art), &ids[..0]),
        ("groups.display eq \"Department: Art\"".to_owned(), &ids[..0]),
        ("not (groups pr)".to_owned(), &ids[4..]),
    ] {
        assert_eq!(company.find(&desk, "/Users", &filter).await, expected, "{filter}");
    }
    let by_group = company.get(&desk, "/Users?sortBy=groups.display").await.ids();
    assert_eq!(by_group, *ids, "who is in no group that exists comes last");
    company.served.stop().await;
}

/// A filter of a policy may refer to groups, managers and members: it is evaluated on everything there is.
#[tokio::test]
async fn filters_of_policies_are_asked_of_everything() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let of_art = format!("groups.value eq \"{}\"", company.art);
    for (n, (users, groups, people, expected)) in [
        (of_art.as_str(), "displayName co \"engineering\"", &ids[4..], &[company.engineering][..]),
        ("manager pr and title eq \"Artist\"", "key sw \"e\"", &ids[5..], &[company.engineering, company.empty]),
        ("not (title eq \"Artist\")", "not (name eq \"art\")", &ids[..4], &[company.engineering, company.empty]),
    ]
    .into_iter()
    .enumerate()
    {
        let token = served.released(&format!("c{n}"), &["scim:read"], Some(users), Some(groups), None).await;
        assert_eq!(company.get(&token, "/Users").await.ids(), people, "{users}");
        assert_eq!(company.get(&token, "/Groups").await.ids(), expected, "{groups}");
    }
    company.served.stop().await;
}

/// what is not in the list of attributes is unknown, everywhere and with the same message.
#[tokio::test]
async fn a_hidden_attribute_is_an_unknown_one() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let names = ["userName", "emails", "displayName", "active", "members"];
    let desk = served.released("desk", &["scim:read"], None, None, Some(&names)).await;
    let user = company.get(&desk, &format!("/Users/{}", ids[0])).await.body();
    let members: Vec<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["active", "displayName", "emails", "id", "meta", "schemas", "userName"]);
    assert_eq!(user["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
    let group = company.get(&desk, &format!("/Groups/{}", company.engineering)).await.body();
    assert_eq!(group["members"].as_array().unwrap().len(), 4);
    assert!(group.get(DERIVED).is_none() && group["schemas"].as_array().unwrap().len() == 1, "{group}");
    let ask = async |path: String| {
        let answer = company.get(&desk, &path).await;
        (answer.status, answer.text)
    };
    for hidden in ["title", "name.givenName", "manager.value", "groups.value", "externalId", "department", "birthday"] {
        let unknown = "shoeSize";
        for template in [
            "/Users?filter=NAME%20pr",
            "/Users?filter=not%20(NAME%20eq%20%22x%22)",
            "/Users?sortBy=NAME",
            "/Users?attributes=NAME",
            "/Users?excludedAttributes=NAME",
            "?filter=NAME%20pr",
        ] {
            let (found, expected) =
                (ask(template.replace("NAME", hidden)).await, ask(template.replace("NAME", unknown)).await);
            assert_eq!((found.0, found.1.replace(hidden, unknown)), expected, "{template} {hidden}");
        }
        let search = async |name: &str| {
            served.search_as(&desk, "/Users", json!({"filter": format!("{name} pr")})).await.text.replace(name, unknown)
        };
        assert_eq!(search(hidden).await, search(unknown).await, "{hidden}");
    }
    let urn = async |urn: &str| company.find(&desk, "/Users", &format!("schemas eq \"{urn}\"")).await.len();
    assert_eq!((urn(ENTERPRISE).await, urn(WORKER).await), (0, 0), "nobody has what is hidden");
    assert_eq!(urn("urn:ietf:params:scim:schemas:core:2.0:User").await, 6);
    //
    let schemas = company.get(&desk, "/Schemas").await;
    assert!(!schemas.text.contains("birth") && !schemas.text.contains("department") && !schemas.text.contains("title"));
    assert_eq!(company.get(&desk, &format!("/Schemas/{WORKER}")).await.status, 404);
    let types = company.get(&desk, "/ResourceTypes/User").await.body();
    assert_eq!(types["schemaExtensions"], json!([]));
    company.served.stop().await;
}

/// a person's name is not shown by those whose manager or member the person is. A search there does not
/// find it.
#[tokio::test]
async fn a_hidden_name_is_shown_nowhere() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let names = ["userName", "manager", "managerChain", "groups", "members"];
    let desk = served.released("desk", &["scim:read"], None, None, Some(&names)).await;
    let user = format!("/Users/{}", ids[0]);
    let group = format!("/Groups/{}", company.engineering);
    let chain = company.get(&desk, &format!("{user}?attributes=managerChain")).await;
    assert_eq!(chain.body()[WORKER]["managerChain"][0]["value"], json!(ids[4]));
    for answer in [company.get(&desk, &user).await, company.get(&desk, &group).await, chain] {
        assert!(!answer.text.contains("Pat Number") && !answer.text.contains("Engineering"), "{}", answer.text);
    }
    assert_eq!(company.get(&desk, &user).await.body()[ENTERPRISE]["manager"]["value"], json!(ids[4]));
    for (endpoint, path, unknown) in [
        ("/Users", "manager.displayName", "manager.shoeSize"),
        ("/Users", "managerChain.display", "managerChain.shoeSize"),
        ("/Users", "groups.display", "groups.shoeSize"),
        ("/Groups", "members.display", "members.shoeSize"),
    ] {
        let sub = path.rsplit('.').next().unwrap();
        let attribute = path.split('.').next().unwrap();
        let ask = async |filter: &str| {
            let answer = served.search_as(&desk, endpoint, json!({ "filter": filter })).await;
            (answer.status, answer.text)
        };
        for template in ["{} co \"a\"", "not ({} pr)"] {
            let (found, expected) =
                (ask(&template.replace("{}", path)).await, ask(&template.replace("{}", unknown)).await);
            assert_eq!((found.0, found.1.replace(path, unknown)), expected, "{template} {path}");
            assert_eq!(found.0, 400);
        }
        let within = ask(&format!("{attribute}[{sub} pr]")).await;
        let expected = ask(&format!("{attribute}[shoeSize pr]")).await;
        assert_eq!((within.0, within.1.replace(&format!(".{sub}"), ".shoeSize")), expected, "{path}");
    }
    let schemas = company.get(&desk, "/Schemas").await.list();
    let has_part = |value: &Value, names: &[&str]| {
        let parts = value["subAttributes"].as_array();
        parts.is_some_and(|parts| parts.iter().any(|part| names.contains(&part["name"].as_str().unwrap())))
    };
    let shown = ["manager", "managerChain", "groups", "members"];
    let attributes = schemas["Resources"].as_array().unwrap().iter().flat_map(|s| s["attributes"].as_array().unwrap());
    let found: Vec<&Value> = attributes.filter(|a| shown.contains(&a["name"].as_str().unwrap())).collect();
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|a| has_part(a, &["value"]) && !has_part(a, &["display", "displayName"])), "{found:?}");
    // nor does a version reveal that a person has another name.
    let before = company.get(&desk, &group).await.header("etag").unwrap().to_owned();
    let mut conn = served.conn().await;
    conn.batch_execute(&format!("UPDATE people SET display_name = 'Else' WHERE id = '{}'", ids[1])).await.unwrap();
    conn.batch_execute("UPDATE groups SET version = version + 1").await.unwrap();
    drop(conn);
    assert_eq!(company.get(&desk, &group).await.header("etag"), Some(before.as_str()));
    company.served.stop().await;
}

/// only a consumer that sees all of it, or is meant to know, learns that something changed.
#[tokio::test]
async fn when_something_was_changed_last_is_hidden_with_what_is_hidden() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let filter = Some("title eq \"engineer\"");
    let narrow = served.released("narrow", &["scim:read"], filter, None, None).await;
    let short = served.released("short", &["scim:read"], None, None, Some(&["userName", "displayName"])).await;
    let named =
        served.released("named", &["scim:read"], filter, None, Some(&["*", "meta.lastModified", "retired"])).await;
    let paths = [format!("/Users/{}", ids[0]), format!("/Groups/{}", company.engineering)];
    for path in &paths {
        for token in [&narrow, &short] {
            let meta = company.get(token, path).await.body()["meta"].take();
            assert!(meta.get("lastModified").is_none() && meta.get("created").is_some(), "{meta}");
            let asked = company.get(token, &format!("{path}?attributes=meta.lastModified")).await;
            assert!(!asked.text.contains("lastModified"), "{}", asked.text);
        }
        for token in [&named, &served.token] {
            assert!(company.get(token, path).await.body()["meta"].get("lastModified").is_some(), "{path}");
        }
    }
    for endpoint in ["/Users", "/Groups", ""] {
        for (found, unknown) in [
            (
                "filter=meta.lastModified%20gt%20%222020-01-01T00:00:00Z%22",
                "filter=meta.shoeSize%20gt%20%222020-01-01T00:00:00Z%22",
            ),
            ("sortBy=meta.lastModified", "sortBy=meta.shoeSize"),
        ] {
            for token in [&narrow, &short] {
                let (found, unknown) = (
                    company.get(token, &format!("{endpoint}?{found}")).await,
                    company.get(token, &format!("{endpoint}?{unknown}")).await,
                );
                assert_eq!((found.status, found.text.replace("lastModified", "shoeSize")), (400, unknown.text));
            }
            assert_eq!(company.get(&named, &format!("{endpoint}?{found}")).await.status, 200);
        }
    }
    // Whether a group has any member reveals something about people outside, too.
    let retired = async |token: &str| {
        let shown = company.get(token, &format!("/Groups/{}", company.empty)).await.body();
        shown[DERIVED].get("retired").is_some()
    };
    assert_eq!((retired(&narrow).await, retired(&named).await, retired(&served.token).await), (false, true, true));
    company.get(&narrow, "/Groups?filter=retired%20eq%20true").await.refusal(400, Some("invalidFilter"));
    company.served.stop().await;
}

/// what types are made of is there, whatever of it is released.
#[tokio::test]
async fn a_base_schema_is_listed_also_when_nothing_of_it_is_released() {
    let company = Company::start().await;
    let desk = company.served.released("desk", &["scim:read"], None, None, Some(&["department"])).await;
    for kind in ["User", "Group"] {
        let base = company.get(&desk, &format!("/ResourceTypes/{kind}")).await.body()["schema"].take();
        let schema = company.get(&desk, &format!("/Schemas/{}", base.as_str().unwrap())).await;
        assert_eq!((schema.status, schema.body()["attributes"].take()), (200, json!([])), "{kind}");
    }
    company.served.stop().await;
}

/// a version is that of what this consumer sees: nothing hidden changes it, and everything shown does.
#[tokio::test]
async fn versions_tell_nothing_of_what_is_hidden() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let (users, names) = (Some("title eq \"engineer\""), &["userName", "displayName", "members", "title"][..]);
    let desk = served.released("desk", &["scim:read"], users, None, Some(names)).await;
    let version = async |path: &str| company.get(&desk, path).await.header("etag").unwrap().to_owned();
    let user = format!("/Users/{}", ids[0]);
    let (art, engineering) = (format!("/Groups/{}", company.art), format!("/Groups/{}", company.engineering));
    let before = [version(&user).await, version(&art).await, version(&engineering).await];
    let mut conn = served.conn().await;
    // The phone of 0 changes. A hidden person goes from art to engineering, and is renamed.
    let mut shown = crowd(6);
    for person in &mut shown[..4] {
        person.attributes.insert(name::TITLE.to_owned(), "Engineer".to_owned());
    }
    shown[0].attributes.insert(name::WORK_PHONE.to_owned(), "+1 555".to_owned());
    crate::support::people::update(&mut conn, ids[0], &shown[0], served.now()).await;
    conn.batch_execute(&format!(
        "UPDATE people SET department_group = '{}', display_name = 'Else' WHERE id = '{}'",
        company.engineering, ids[5]
    ))
    .await
    .unwrap();
    assert_eq!([version(&user).await, version(&art).await, version(&engineering).await], before);
    // A person that is seen leaves the filter: the group is another one to this consumer.
    shown[1].attributes.insert(name::TITLE.to_owned(), "Artist".to_owned());
    crate::support::people::update(&mut conn, ids[1], &shown[1], served.now()).await;
    assert_ne!(version(&engineering).await, before[2]);
    assert_eq!(version(&user).await, before[0]);
    drop(conn);
    company.served.stop().await;
}

/// Story 21, R-090, R-119, R-185: sensitive data is seen only where the policy and the scope allow it. It is unknown to
/// all others.
#[tokio::test]
async fn story_21_a_birthday_is_seen_by_the_calendar_alone() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let birthday = format!("{WORKER}:birthday");
    let named = ["*", birthday.as_str()];
    let desk = served.released("desk", &["scim:read"], None, None, None).await;
    let calendar = served.released("hr-cal", &["scim:read", "people:sensitive"], None, None, Some(&named)).await;
    let scope_alone = served.released("scope", &["scim:read", "people:sensitive"], None, None, None).await;
    let line_alone = served.released("line", &["scim:read"], None, None, Some(&named)).await;
    for token in [&desk, &scope_alone, &line_alone] {
        for path in [
            "/Users".to_owned(),
            format!("/Users?attributes={birthday},dateOfBirth,personalEmail,legalName"),
            format!("/Users/{}?attributes={birthday}", ids[0]),
            "/Schemas".to_owned(),
        ] {
            let answer = company.get(token, &path).await;
            assert_eq!(answer.status, 200);
            for word in ["02-11", "1990", "irthday", "dateOfBirth", "personalEmail", "legalName"] {
                assert!(!answer.text.contains(word), "{path}: {word}");
            }
        }
        for (hidden, unknown) in [(birthday.as_str(), &*format!("{WORKER}:shoeSize")), ("dateOfBirth", "shoeSize")] {
            for template in ["/Users?filter=NAME%20eq%20%22--02-11%22", "/Users?sortBy=NAME"] {
                let answer = company.get(token, &template.replace("NAME", hidden)).await;
                let other = company.get(token, &template.replace("NAME", unknown)).await;
                assert_eq!((answer.status, answer.text.replace(hidden, unknown)), (other.status, other.text));
            }
        }
    }
    // The calendar sees month and day, on request only, and not the year.
    assert!(!company.get(&calendar, "/Users").await.text.contains("02-11"));
    let shown = company.get(&calendar, &format!("/Users?attributes=userName,{birthday},dateOfBirth")).await;
    assert_eq!(shown.list()["Resources"][0][WORKER], json!({"birthday": "--02-11"}));
    assert!(!shown.text.contains("1990"));
    let schemas = company.get(&calendar, "/Schemas").await.text;
    assert!(schemas.contains("\"birthday\"") && !schemas.contains("dateOfBirth"));
    // In a URL it is refused; a search takes it; it is no sort key.
    let filter = encoded(&format!("{birthday} eq \"--02-11\""));
    company.get(&calendar, &format!("/Users?filter={filter}")).await.refusal(403, Some("sensitive"));
    company.get(&calendar, "/Users?sortBy=birthday").await.refusal(403, Some("sensitive"));
    let search = async |filter: &str| served.search_as(&calendar, "/Users", json!({"filter": filter})).await;
    assert_eq!(search("birthday eq \"--02-11\"").await.ids(), *ids);
    assert_eq!(search("birthday sw \"--03\"").await.ids(), ids[..0]);
    assert_eq!(search("not (birthday pr)").await.ids(), ids[..0]);
    search("dateOfBirth pr").await.refusal(400, Some("invalidFilter"));
    let sorted = served.search_as(&calendar, "/Users", json!({"sortBy": "birthday"})).await;
    sorted.refusal(400, Some("invalidValue"));
    // each read is written down, without values.
    let rows = rollbook::store::audit::page(&mut *served.conn().await, None, 100).await.unwrap();
    let read: Vec<(&str, &str, &Value)> =
        rows.iter().map(|row| (row.action.as_str(), row.target.as_str(), &row.detail)).collect();
    assert!(read.iter().all(|(action, ..)| *action == "sensitive.read"));
    assert!(
        read.contains(&("sensitive.read", "people", &json!({"attributes": ["birthday"], "resources": 6}))),
        "{read:?}"
    );
    let by_filter = json!({"attributes": [birthday], "resources": 6});
    assert!(read.contains(&("sensitive.read", "people by filter", &by_filter)), "{read:?}");
    company.served.stop().await;
}

/// everything that a filtered consumer asks about ids outside its filter.
#[tokio::test]
async fn nothing_outside_a_policy_is_told_by_any_endpoint() {
    let company = Company::start().await;
    let (served, ids) = (&company.served, &company.ids);
    let (users, groups) = ("userName eq \"p0@acme.com\"", "displayName eq \"Department: Empty\"");
    let narrow = served.released("narrow", &["scim:read"], Some(users), Some(groups), None).await;
    let hidden: Vec<String> = ids[1..]
        .iter()
        .map(Uuid::to_string)
        .chain([company.art.to_string(), company.engineering.to_string()])
        .collect();
    let mut texts = Vec::new();
    for path in [
        "",
        "/Users",
        "/Groups",
        "?sortBy=displayName",
        "?cursor=&count=1",
        "/Users?attributes=managerChain,groups,manager",
    ] {
        texts.push(company.get(&narrow, path).await.text);
    }
    for path in ["", "/Users", "/Groups"] {
        texts.push(served.search_as(&narrow, path, json!({})).await.text);
    }
    for id in &hidden {
        for endpoint in ["Users", "Groups"] {
            let answer = company.get(&narrow, &format!("/{endpoint}/{id}")).await;
            let expected = company.get(&narrow, &format!("/{endpoint}/00000000-0000-4000-8000-000000000000")).await;
            assert_eq!((answer.status, answer.text), (404, expected.text));
        }
    }
    for text in texts {
        assert!(hidden.iter().all(|id| !text.contains(id.as_str())), "{text}");
        assert!(!text.contains("p4@") && !text.contains("Engineering") && !text.contains("Art\""), "{text}");
    }
    company.served.stop().await;
}
