//! Tests users as consumers read them.

use rollbook::directory::attribute::name;
use serde_json::json;

use crate::support::people::{insert, lead, person, update};
use crate::support::served::Served;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const WORKER: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:User";

/// one person, with the manager as the directory knows them and URLs from the configuration.
#[tokio::test]
async fn a_person_is_read_by_id_with_their_manager() {
    let served = Served::start().await;
    let mut ana = person("Ana.Silva@Acme.com", "Ana", "Silva");
    ana.attributes.insert(name::DEPARTMENT.to_owned(), "Data".to_owned());
    let mut kofi = person("kofi@acme.com", "Kofi", "Mensah");
    kofi.attributes.insert(name::EMPLOYEE_NUMBER.to_owned(), "00007".to_owned());
    let ids = insert(&mut *served.conn().await, &[ana, kofi], served.now()).await;
    lead(&mut *served.conn().await, ids[1], ids[0]).await;

    let answer = served.get(&format!("/scim/v2/Users/{}", ids[0])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    let location = format!("https://dir.example.com/scim/v2/Users/{}", ids[0]);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    let user = answer.body();
    assert_eq!(user["meta"]["location"], location);
    assert_eq!(user["userName"], "Ana.Silva@Acme.com");
    assert_eq!(user["emails"], json!([{"value": "Ana.Silva@acme.com", "type": "work", "primary": true}]));
    let manager = json!({
        "value": ids[1].to_string(),
        "$ref": format!("https://dir.example.com/scim/v2/Users/{}", ids[1]),
        "displayName": "Kofi Mensah"
    });
    assert_eq!(user[ENTERPRISE], json!({"department": "Data", "manager": manager}));
    assert_eq!(user[WORKER]["managerEmail"], "kofi@acme.com");
    assert_eq!(user[WORKER]["managerEmployeeNumber"], "00007");
    assert!(user.get("externalId").is_none());
    assert!(!answer.text.contains("1990-02-11"), "a birth date is nobody's to see");
    served.stop().await;
}

/// 404 with a detail, the same for what is no id at all.
#[tokio::test]
async fn an_unknown_id_is_404_and_ids_match_exactly() {
    let served = Served::start().await;
    let id = insert(&mut *served.conn().await, &[person("ana@acme.com", "Ana", "Silva")], served.now()).await[0];
    let upper = id.to_string().to_uppercase();
    for other in ["00000000-0000-4000-8000-000000000000", "nobody", &upper, &id.simple().to_string(), "%00", "a%2Fb"] {
        let answer = served.get(&format!("/scim/v2/Users/{other}")).await;
        assert_eq!(answer.refusal(404, None), "no user has this id", "{other}");
    }
    assert_eq!(served.get(&format!("/scim/v2/Users/{id}/")).await.status, 200);
    served.stop().await;
}

///
#[tokio::test]
async fn attributes_and_excluded_attributes_choose_what_is_in_the_answer() {
    let served = Served::start().await;
    let id = insert(&mut *served.conn().await, &[person("ana@acme.com", "Ana", "Silva")], served.now()).await[0];
    let user = |query: &str| {
        let path = format!("/scim/v2/Users/{id}?{query}");
        let served = &served;
        async move { served.get(&path).await.body() }
    };
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    assert_eq!(
        user("attributes=userName,NAME.givenname,unknown,birthday").await,
        json!({"schemas": [core], "id": id, "userName": "ana@acme.com", "name": {"givenName": "Ana"}})
    );
    assert_eq!(
        user(&format!("attributes={WORKER}:employmentType")).await,
        json!({"schemas": [core, WORKER], "id": id, WORKER: {"employmentType": "Employee"}})
    );
    let less = user("excludedAttributes=name,emails.type,meta").await;
    assert!(less.get("name").is_none() && less.get("meta").is_none());
    assert_eq!(less["emails"], json!([{"value": "ana@acme.com", "primary": true}]));
    let both = served.get(&format!("/scim/v2/Users/{id}?attributes=id&excludedAttributes=name")).await;
    both.refusal(400, Some("invalidValue"));
    let listed = served.get("/scim/v2/Users?attributes=userName").await.list();
    assert_eq!(listed["Resources"], json!([{"schemas": [core], "id": id, "userName": "ana@acme.com"}]));
    served.stop().await;
}

/// the source id is shown as externalId only to consumers that ask for it. Only they can search for it.
#[tokio::test]
async fn the_source_id_is_an_external_id_for_those_who_want_it() {
    let served = Served::start().await;
    let id = insert(&mut *served.conn().await, &[person("ana@acme.com", "Ana", "Silva")], served.now()).await[0];
    let wants = served.token_of(&served.consumer("okta", &["scim:read"], true).await).await;
    let path = format!("/scim/v2/Users/{id}");
    assert_eq!(served.get_as(&wants, &path).await.body()["externalId"], "w-ana@acme.com");
    assert!(served.get(&path).await.body().get("externalId").is_none());
    let look_up = "/scim/v2/Users?filter=externalId%20eq%20%22w-ana%40acme.com%22";
    assert_eq!(served.get_as(&wants, look_up).await.ids(), [id]);
    assert_eq!(served.get(look_up).await.list()["totalResults"], 0);
    let other_case = "/scim/v2/Users?filter=externalId%20eq%20%22W-ANA%40acme.com%22";
    assert_eq!(served.get_as(&wants, other_case).await.list()["totalResults"], 0, "externalId is case exact");
    served.stop().await;
}

/// leavers are in lists and by id like all other people (law 12).
#[tokio::test]
async fn inactive_people_are_listed() {
    let served = Served::start().await;
    let mut ana = person("ana@acme.com", "Ana", "Silva");
    let id = insert(&mut *served.conn().await, std::slice::from_ref(&ana), served.now()).await[0];
    ana.active = false;
    update(&mut *served.conn().await, id, &ana, served.now()).await;
    assert_eq!(served.get(&format!("/scim/v2/Users/{id}")).await.body()["active"], false);
    let list = served.get("/scim/v2/Users").await.list();
    assert_eq!((&list["totalResults"], &list["Resources"][0]["active"]), (&json!(1), &json!(false)));
    served.stop().await;
}
