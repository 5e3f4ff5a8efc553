//! Tests versions of resources, methods that endpoints take, and what is answered on request
//! only.

use rollbook::directory::attribute::name;
use serde_json::json;

use crate::support::groups::department;
use crate::support::people::{crowd, insert, number_changes, person, update};
use crate::support::served::{Answer, Served};

fn version(answer: &Answer) -> String {
    let tag = answer.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "R-174: {tag}");
    tag
}

async fn get_unless(served: &Served, path: &str, tags: &str) -> Answer {
    let bearer = format!("Bearer {}", served.token);
    served.send("GET", path, &[("authorization", &bearer), ("if-none-match", tags)]).await
}

///
#[tokio::test]
async fn a_user_that_did_not_change_is_not_sent_again() {
    let served = Served::start().await;
    let mut people = crowd(2);
    let ids = insert(&mut *served.conn().await, &people, served.now()).await;
    let path = format!("/scim/v2/Users/{}", ids[0]);
    let first = served.get(&path).await;
    let tag = version(&first);
    assert_eq!(first.body()["meta"]["version"], tag);
    for tags in [tag.clone(), "*".to_owned(), format!("\"x\", {tag}"), tag.trim_start_matches("W/").to_owned()] {
        let answer = get_unless(&served, &path, &tags).await;
        assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{tags}");
        assert_eq!(version(&answer), tag);
    }
    assert_eq!(get_unless(&served, &path, "W/\"other\"").await.status, 200);
    // It is that of the whole, however much of it is asked for; and that in the list.
    for projection in ["attributes=userName,meta", "excludedAttributes=emails"] {
        let part = served.get(&format!("{path}?{projection}")).await;
        assert_eq!((version(&part), &part.body()["meta"]["version"]), (tag.clone(), &json!(tag)), "{projection}");
    }
    assert_eq!(served.get("/scim/v2/Users").await.list()["Resources"][0]["meta"]["version"], tag);
    let head = served.send("HEAD", &path, &[("authorization", &format!("Bearer {}", served.token))]).await;
    assert_eq!((head.status, head.text.as_str(), version(&head)), (200, "", tag.clone()));
    // Another value is another version; the old value again the old one.
    served.clock.advance(chrono::TimeDelta::hours(1));
    people[0].attributes.insert(name::TITLE.to_owned(), "Boss".to_owned());
    update(&mut *served.conn().await, ids[0], &people[0], served.now()).await;
    let changed = get_unless(&served, &path, &tag).await;
    assert_eq!(changed.status, 200);
    assert_ne!(version(&changed), tag);
    people[0].attributes.remove(name::TITLE);
    update(&mut *served.conn().await, ids[0], &people[0], served.now()).await;
    assert_eq!(get_unless(&served, &path, &tag).await.status, 304, "meta is no part of it");
    served.get("/scim/v2/Users?filter=meta.version%20pr").await.refusal(400, Some("invalidFilter"));
    served.stop().await;
}

/// what is derived counts: the groups, and the manager's name.
#[tokio::test]
async fn a_user_has_another_version_when_a_group_or_the_manager_is_shown_otherwise() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let boss = person("boss@acme.com", "Bo", "Ss");
    let boss_id = insert(&mut conn, std::slice::from_ref(&boss), served.now()).await[0];
    let ids = insert(&mut conn, &crowd(1), served.now()).await;
    managed(&mut conn, ids[0], boss_id).await;
    let path = format!("/scim/v2/Users/{}", ids[0]);
    let first = version(&served.get(&path).await);
    department(&mut conn, "Data", &ids, served.now()).await;
    let second = version(&served.get(&path).await);
    assert_ne!(first, second);
    let mut renamed = boss;
    renamed.attributes.insert(name::GIVEN_NAME.to_owned(), "Bob".to_owned());
    update(&mut conn, boss_id, &renamed, served.now()).await;
    let third = served.get(&path).await;
    assert_eq!(
        third.body()["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]["displayName"],
        "Bob Ss"
    );
    assert_ne!(version(&third), second);
    served.stop().await;
}

/// the version of a group covers its members too, and is computed without reading them.
#[tokio::test]
async fn a_group_has_another_version_when_its_members_are_others() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &crowd(3), served.now()).await;
    let group = department(&mut conn, "Data", &ids[..2], served.now()).await;
    let path = format!("/scim/v2/Groups/{group}");
    let first = served.get(&path).await;
    let tag = version(&first);
    assert_eq!(first.body()["meta"]["version"], tag);
    assert_eq!(version(&served.get(&format!("{path}?excludedAttributes=members")).await), tag);
    assert_eq!(
        served.get("/scim/v2/Groups?excludedAttributes=members").await.list()["Resources"][0]["meta"]["version"],
        tag
    );
    assert_eq!(get_unless(&served, &path, &tag).await.status, 304);
    number_changes(&mut conn).await;
    assert_eq!(get_unless(&served, &path, &tag).await.status, 304, "numbering changes nothing");
    diesel_async::SimpleAsyncConnection::batch_execute(
        &mut *conn,
        &format!(
            "UPDATE people SET department_group = '{group}' WHERE id = '{id}';
             INSERT INTO changes (at, kind, person_id, person_version, cause, diff, position, people_delta, groups_joined)
             VALUES (now(), 'person.updated', '{id}', 2, 'test', '[]', 0, 0, ARRAY['{group}'::uuid])",
            id = ids[2]
        ),
    )
    .await
    .unwrap();
    let changed = get_unless(&served, &path, &tag).await;
    assert_eq!(changed.status, 200);
    assert_ne!(version(&changed), tag);
    served.stop().await;
}

/// Gives a person a manager.
async fn managed(conn: &mut diesel_async::AsyncPgConnection, id: uuid::Uuid, manager: uuid::Uuid) {
    diesel_async::SimpleAsyncConnection::batch_execute(
        conn,
        &format!("UPDATE people SET manager_target = '{manager}', manager_state = 'person' WHERE id = '{id}'"),
    )
    .await
    .unwrap();
}

/// only a request that names it gets it.
#[tokio::test]
async fn the_chain_of_managers_is_answered_on_request() {
    const WORKER: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:User";
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &crowd(4), served.now()).await;
    for n in 0..3 {
        managed(&mut conn, ids[n], ids[n + 1]).await;
    }
    let path = format!("/scim/v2/Users/{}", ids[0]);
    assert!(served.get(&path).await.body()[WORKER].get("managerChain").is_none());
    let superior = |n: usize| {
        json!({"value": ids[n], "$ref": format!("https://dir.example.com/scim/v2/Users/{}", ids[n]),
            "display": format!("Pat Number{n}"), "level": n})
    };
    for attributes in ["managerChain", &format!("{WORKER}:managerChain")] {
        let whole = served.get(&format!("{path}?attributes={attributes}")).await.body();
        assert_eq!(whole[WORKER], json!({"managerChain": [superior(1), superior(2), superior(3)]}));
        assert_eq!(whole["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User", WORKER]));
    }
    // the version is that of an answer without it, and so reveals nothing of it.
    let known = version(&served.get(&path).await);
    for (asked, status) in [("managerChain", 200), (WORKER, 200), ("userName", 304), ("manager", 304)] {
        let answer = get_unless(&served, &format!("{path}?attributes={asked}"), &known).await;
        assert_eq!(answer.status, status, "{asked}");
    }
    let levels = served.get(&format!("/scim/v2/Users?attributes={WORKER}:managerChain.level")).await.list();
    assert_eq!(levels["Resources"][1][WORKER], json!({"managerChain": [{"level": 1}, {"level": 2}]}));
    assert!(levels["Resources"][3].get(WORKER).is_none(), "nobody is above the last");
    for (filter, expected) in [
        (format!("managerChain.value eq \"{}\"", ids[2]), &ids[..2]),
        (format!("managerChain[value eq \"{}\" and level eq 1]", ids[2]), &ids[1..2]),
        ("managerChain.level ge 3".to_owned(), &ids[..1]),
        ("managerChain pr".to_owned(), &ids[..3]),
        ("managerChain.display co \"number3\" and managerChain.level gt 1".to_owned(), &ids[..2]),
        ("not (managerChain pr)".to_owned(), &ids[3..]),
        ("managerChain.value eq \"nobody\"".to_owned(), &ids[..0]),
    ] {
        assert_eq!(served.filter(&filter).await.ids(), expected, "{filter}");
    }
    served.stop().await;
}

/// What `Allow` names is done for this caller, and what it does not name is refused with 403, 405 or 501.
#[tokio::test]
async fn allow_tells_the_truth_to_readers_to_writers_and_to_others() {
    let served = Served::start().await;
    let id = insert(&mut *served.conn().await, &crowd(1), served.now()).await[0];
    let token = async |name: &str, scope: &str| served.token_of(&served.consumer(name, &[scope], false).await).await;
    let tokens = [served.token.clone(), token("writer", "scim:write").await, token("other", "events:read").await];
    let user = format!("/scim/v2/Users/{id}");
    for (n, token) in tokens.iter().enumerate() {
        let bearer = format!("Bearer {token}");
        for path in
            ["/scim/v2/Users", &user, "/scim/v2/Groups", "/scim/v2/Schemas", "/scim/v2/Bulk", "/scim/v2/Me", "/scim/v2"]
        {
            let told = served.send("BREW", path, &[("authorization", &bearer)]).await;
            let allowed = told.header("allow").unwrap().to_owned();
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let status = served.send(method, path, &[("authorization", &bearer)]).await.status;
                let is_told = allowed.split(", ").any(|one| one == method);
                assert_eq!(is_told, (200..300).contains(&status), "{n}: {method} {path}: {status}, {allowed}");
            }
        }
        //
        let schemas = served.get_as(token, "/scim/v2/Schemas").await;
        assert!(
            n == 2
                || !schemas.text.contains("\"mutability\":\"readWrite\"")
                    && schemas.text.contains("\"mutability\":\"readOnly\""),
            "{n}"
        );
    }
    served.stop().await;
}

/// R-173, RFC 9110 section 13: a precondition comes first, whatever else is asked.
#[tokio::test]
async fn a_read_whose_precondition_fails_is_412() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &crowd(2), served.now()).await;
    let group = department(&mut conn, "Data", &ids, served.now()).await;
    let bearer = format!("Bearer {}", served.token);
    for path in [format!("/scim/v2/Users/{}", ids[0]), format!("/scim/v2/Groups/{group}")] {
        let tag = version(&served.get(&path).await);
        let strong = tag.trim_start_matches("W/").to_owned();
        let ask = async |method: &str, headers: &[(&str, &str)]| {
            let headers: Vec<(&str, &str)> =
                [("authorization", bearer.as_str())].iter().chain(headers).copied().collect();
            served.send(method, &path, &headers).await
        };
        for method in ["GET", "HEAD"] {
            for matching in ["*", &tag, &strong, &format!("\"x\", {tag}")] {
                assert_eq!(ask(method, &[("if-match", matching)]).await.status, 200, "{method} {path} {matching}");
            }
            for other in ["\"x\"", "W/\"x\"", "\"x\", \"y\"", "x", ""] {
                let answer = ask(method, &[("if-match", other)]).await;
                assert_eq!(answer.status, 412, "{method} {path} {other}");
                assert!(answer.header("x-request-id").is_some());
            }
            for (matching, known, status) in [
                ("\"x\"", tag.as_str(), 412),
                (&tag, &tag, 304),
                (&tag, "\"x\"", 200),
                ("*", "*", 304),
                ("\"x\"", "*", 412),
            ] {
                let answer = ask(method, &[("if-match", matching), ("if-none-match", known)]).await;
                assert_eq!(answer.status, status, "{method} {path} {matching} {known}");
            }
        }
        ask("GET", &[("if-match", "\"x\"")]).await.refusal(412, None);
        assert_eq!(
            ask("GET", &[("if-match", "\"x\""), ("if-match", &tag)]).await.status,
            200,
            "two headers are one list"
        );
    }
    // What is not there, or may not be read, is refused for that.
    let nobody = [("authorization", bearer.as_str()), ("if-match", "\"x\"")];
    served.send("GET", "/scim/v2/Users/nobody", &nobody).await.refusal(404, None);
    served.send("GET", &format!("/scim/v2/Users/{}", ids[0]), &nobody[1..]).await.refusal(401, None);
    // A list has no version: it is none of those that are named.
    for path in ["/scim/v2/Users", "/scim/v2/Groups", "/scim/v2/Schemas"] {
        served.send("GET", path, &nobody).await.refusal(412, None);
        assert_eq!(served.send("GET", path, &[nobody[0], ("if-match", "*")]).await.status, 200, "{path}");
    }
    served.stop().await;
}

///
#[tokio::test]
async fn endpoints_tell_their_methods() {
    let served = Served::start().await;
    let bearer = format!("Bearer {}", served.token);
    for (path, allowed) in [
        ("/scim/v2/Users", "GET, HEAD, OPTIONS"),
        ("/scim/v2/Users/x", "GET, HEAD, OPTIONS"),
        ("/scim/v2/Groups", "GET, HEAD, OPTIONS"),
        ("/scim/v2/Groups/x", "GET, HEAD, OPTIONS"),
        ("/scim/v2/Bulk", "OPTIONS"),
        ("/scim/v2/.search", "POST, OPTIONS"),
        ("/scim/v2/Users/.search", "POST, OPTIONS"),
        ("/scim/v2/Schemas", "GET, HEAD, OPTIONS"),
        ("/scim/v2/Me", "OPTIONS"),
        ("/scim/v2", "GET, HEAD, OPTIONS"),
    ] {
        let told = served.send("OPTIONS", path, &[("authorization", &bearer)]).await;
        assert_eq!((told.status, told.header("allow"), told.text.as_str()), (204, Some(allowed), ""), "{path}");
        let refused = served.send("TRACE", path, &[("authorization", &bearer)]).await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allowed)), "{path}");
        assert!(refused.refusal(405, None).contains("methods"));
        assert_eq!(served.send("OPTIONS", path, &[]).await.status, 401, "{path}");
    }
    served.stop().await;
}
