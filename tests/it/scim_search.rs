//! Tests POST .search, and queries on the base URL.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use rollbook::directory::attribute::name;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::groups::department;
use crate::support::people::{crowd, insert, leads, update};
use crate::support::served::{Served, encoded};

/// a search answers as the same query by GET does.
#[tokio::test]
async fn a_search_is_the_same_query_in_a_body() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &crowd(6), served.now()).await;
    department(&mut conn, "Data", &ids[..2], served.now()).await;
    drop(conn);
    for (path, query, search) in [
        ("/Users", String::new(), json!({})),
        (
            "/Users",
            format!("filter={}&startIndex=2&count=3", encoded("active eq true")),
            json!({"filter": "active eq true", "startIndex": 2, "count": 3}),
        ),
        ("/Users", "attributes=userName,emails.value".to_owned(), json!({"attributes": ["userName", "emails.value"]})),
        ("/Users", "excludedAttributes=name".to_owned(), json!({"ExcludedAttributes": ["name"], "filter": null})),
        (
            "/Users",
            "sortBy=userName&sortOrder=descending&count=2".to_owned(),
            json!({"sortBy": "userName", "sortOrder": "descending", "count": "2", "unknown": {"a": 1}}),
        ),
        ("/Groups", format!("filter={}", encoded("members pr")), json!({"filter": "members pr"})),
        ("", "count=4".to_owned(), json!({"count": 4})),
    ] {
        let got = served.get(&format!("/scim/v2{path}?{query}")).await.list();
        let found = served.search_as(&served.token, path, search).await.list();
        assert_eq!(found, got, "{path}?{query}");
    }
    // Parameters of the URL are ignored.
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 1});
    let answer = served.post_as(&served.token, "/Users/.search?count=5&filter=(", &body).await;
    assert_eq!(answer.ids(), ids[..1]);
    served.stop().await;
}

///
#[tokio::test]
async fn a_search_is_walked_by_cursor() {
    let served = Served::start().await;
    let ids = insert(&mut *served.conn().await, &crowd(5), served.now()).await;
    let first = served.search_as(&served.token, "/Users", json!({"cursor": "", "count": 3})).await;
    let cursor = first.list()["nextCursor"].clone();
    let second = served.search_as(&served.token, "/Users", json!({"cursor": cursor, "count": 3})).await;
    assert_eq!([first.ids(), second.ids()].concat(), ids);
    assert!(second.list().get("nextCursor").is_none());
    // It is the same walk as the one by GET.
    let by_get = served.get(&format!("/scim/v2/Users?count=3&cursor={}", cursor.as_str().unwrap())).await;
    assert_eq!(by_get.ids(), second.ids());
    served.stop().await;
}

///
#[tokio::test]
async fn a_search_that_is_none_is_refused() {
    let served = Served::start().await;
    let urn = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    for (body, keyword) in [
        (json!({}), "invalidSyntax"),
        (json!({"schemas": urn}), "invalidSyntax"),
        (json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
        (json!({"schemas": [urn], "filter": "("}), "invalidFilter"),
        (json!({"schemas": [urn], "filter": ""}), "invalidFilter"),
        (json!({"schemas": [urn], "filter": 7}), "invalidValue"),
        (json!({"schemas": [urn], "count": 1.5}), "invalidValue"),
        (json!({"schemas": [urn], "count": true}), "invalidValue"),
        (json!({"schemas": [urn], "attributes": ["userName", 7]}), "invalidValue"),
        (json!({"schemas": [urn], "attributes": ["userName"], "excludedAttributes": ["name"]}), "invalidValue"),
        (json!({"schemas": [urn], "sortBy": "shoeSize"}), "invalidValue"),
        (json!({"schemas": [urn], "cursor": "x"}), "invalidCursor"),
        (json!({"schemas": [urn], "cursor": "", "startIndex": 1}), "invalidCursor"),
    ] {
        served.post_as(&served.token, "/Users/.search", &body).await.refusal(400, Some(keyword));
    }
    let send = async |kind: &str, body: &str| served.post_text(&served.token, "/Users/.search", kind, body).await;
    let good = format!("{{\"schemas\": [\"{urn}\"]}}");
    for kind in ["application/scim+json", "application/json; charset=utf-8", "TEXT/JSON"] {
        assert_eq!(send(kind, &good).await.status, 200, "{kind}");
    }
    send("application/xml", &good).await.refusal(415, None);
    for body in ["", "{", "{\"a\": 1, \"A\": 2}", &"[".repeat(100_000)] {
        send("application/json", body).await.refusal(400, Some("invalidSyntax"));
    }
    let long = format!("{{\"schemas\": [\"{urn}\"], \"filter\": \"{}\"}}", "x".repeat(1024 * 1024));
    send("application/json", &long).await.refusal(413, None);
    for path in ["/User/.search", "/Schemas/.search"] {
        let answer = served.post_as(&served.token, path, &json!({"schemas": [urn]})).await;
        assert!(answer.status == 404 || answer.status == 405, "{path}: {}", answer.status);
    }
    served.stop().await;
}

fn displays(list: &Value) -> Vec<&str> {
    list["Resources"].as_array().unwrap().iter().map(|one| one["displayName"].as_str().unwrap()).collect()
}

/// Users first, then Groups; what a type does not define is absent there.
#[tokio::test]
async fn a_query_on_the_base_url_spans_the_types() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let people = insert(&mut conn, &crowd(5), served.now()).await;
    let mut groups = Vec::new();
    for (n, name) in ["Data", "Ops", "Art"].into_iter().enumerate() {
        groups.push(department(&mut conn, name, &people[n..=n], served.now()).await);
    }
    drop(conn);
    let all: Vec<Uuid> = people.iter().chain(&groups).copied().collect();
    for path in ["/scim/v2", "/scim/v2/", "/scim"] {
        assert_eq!(served.get(path).await.ids(), all, "{path}");
    }
    let find = async |filter: &str| served.get(&format!("/scim/v2?filter={}", encoded(filter))).await;
    for (filter, expected) in [
        ("userName eq \"p1@acme.com\"", vec![people[1]]),
        ("members pr", groups.clone()),
        ("not (members pr)", people.clone()),
        ("userName ne \"p1@acme.com\"", [&[people[0]], &people[2..], &groups].concat()),
        ("active eq null", groups.clone()),
        ("userName pr or displayName co \"ops\"", [&people[..], &groups[1..2]].concat()),
        ("meta.resourceType eq \"Group\" and displayName sw \"department: a\"", vec![groups[2]]),
        ("emails[type eq \"work\"] and members pr", vec![]),
        ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq \"Department: Art\"", vec![groups[2]]),
    ] {
        let answer = find(filter).await;
        assert_eq!(answer.ids(), expected, "{filter}");
        assert_eq!(answer.list()["totalResults"], expected.len(), "{filter}");
    }
    find("shoeSize pr").await.refusal(400, Some("invalidFilter"));
    find("userName gt 7").await.refusal(400, Some("invalidFilter"));
    served.get("/scim/v2?sortBy=shoeSize").await.refusal(400, Some("invalidValue"));
    let sorted = served.get("/scim/v2?sortBy=displayName").await.list();
    let expected =
        ["Department: Art", "Department: Data", "Department: Ops", "Pat Number0", "Pat Number1", "Pat Number2"];
    assert_eq!(displays(&sorted)[..6], expected);
    let by_user_name = served.get("/scim/v2?sortBy=userName&sortOrder=descending").await.ids();
    assert_eq!(by_user_name, all.iter().rev().copied().collect::<Vec<_>>(), "without a value first, R-095");
    served.stop().await;
}

/// across types: by index, by jumps and by cursor, sorted or not.
#[tokio::test]
async fn every_page_of_a_query_across_types_is_a_part_of_the_whole() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut crowd = crowd(9);
    for n in [2, 3] {
        crowd[n].active = false;
    }
    let people = insert(&mut conn, &crowd, served.now()).await;
    for name in ["Data", "Ops", "Art", "Zoo"] {
        department(&mut conn, name, &people[..2], served.now()).await;
    }
    drop(conn);
    for query in [
        "",
        "sortBy=displayName",
        "sortBy=displayName&sortOrder=descending",
        "sortBy=active",
        "sortBy=active&sortOrder=descending",
    ] {
        let whole = served.get(&format!("/scim/v2?{query}")).await.ids();
        assert_eq!(whole.len(), 13);
        for count in [1, 2, 5, 13] {
            let (mut by_index, mut by_cursor, mut cursor) = (Vec::new(), Vec::new(), String::new());
            for start in (1..=13).step_by(count) {
                by_index.extend(served.get(&format!("/scim/v2?{query}&count={count}&startIndex={start}")).await.ids());
            }
            assert_eq!(by_index, whole, "{query} count {count}");
            loop {
                let answer = served.get(&format!("/scim/v2?{query}&count={count}&cursor={cursor}")).await;
                by_cursor.extend(answer.ids());
                match answer.list().get("nextCursor") {
                    Some(next) => next.as_str().unwrap().clone_into(&mut cursor),
                    None => break,
                }
            }
            assert_eq!(by_cursor, whole, "{query} count {count} by cursor");
        }
        // Jumps to an index that no walk has reached.
        let stranger = served.token_of(&served.consumer(&format!("jumper {query}"), &["scim:read"], false).await).await;
        for start in [13, 4, 10, 9, 14] {
            let path = format!("/scim/v2?{query}&count=3&startIndex={start}");
            let page = served.get_as(&stranger, &path).await.ids();
            assert_eq!(page, whole[(start - 1).min(13)..(start + 2).min(13)], "{query} from {start}");
        }
    }
    served.stop().await;
}

/// R-102 across types: a change between the statements of a page is no reason to end the walk. Nor does the walk go on
/// with the groups because of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_through_both_types_loses_nobody_while_people_change() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = leads(24);
    let ids = insert(&mut conn, &people, served.now()).await;
    let group = department(&mut conn, "Data", &ids[..3], served.now()).await;
    let stays: BTreeSet<Uuid> = ids.iter().copied().skip(1).step_by(2).chain([group]).collect();
    let done = AtomicBool::new(false);
    let filter = encoded("title pr or displayName eq \"Department: Data\"");
    let walks = async {
        for round in 0..24 {
            let order = ["", "&sortBy=displayName", "&sortBy=title&sortOrder=descending"][round % 3];
            let (mut walked, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/scim/v2?filter={filter}&count=3&cursor={cursor}{order}");
                let page = served.get(&path).await;
                walked.extend(page.ids());
                match page.list()["nextCursor"].as_str() {
                    Some(next) => next.clone_into(&mut cursor),
                    None => break,
                }
            }
            let mut stayed: Vec<Uuid> = walked.into_iter().filter(|id| stays.contains(id)).collect();
            stayed.sort_unstable();
            assert_eq!(stayed, stays.iter().copied().collect::<Vec<_>>(), "round {round}{order}");
        }
        done.store(true, Ordering::Relaxed);
    };
    let changes = async {
        let mut n = 0;
        while !done.load(Ordering::Relaxed) {
            let one = &mut people[n];
            if one.attributes.remove(name::TITLE).is_none() {
                one.attributes.insert(name::TITLE.to_owned(), "Lead".to_owned());
            }
            update(&mut conn, ids[n], one, served.now()).await;
            n = (n + 2) % 24;
        }
    };
    tokio::join!(walks, changes);
    served.stop().await;
}
