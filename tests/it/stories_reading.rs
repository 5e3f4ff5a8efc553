//! Tests real clients that read (story 22) and Okta's import of a large directory. Also tests requests that try to
//! break the reader.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::support::people::{crowd, fold, insert, person, remove, update};
use crate::support::served::{Served, encoded};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Story 22, the part about reading: Entra's probe, Okta's first request, and writes that a reader's token may not
/// make.
#[tokio::test]
async fn story_22_clients_read_and_writes_of_a_reader_are_refused_whole() {
    let served = Served::start().await;
    let ids = insert(&mut *served.conn().await, &crowd(3), served.now()).await;
    for probe in ["userName", "externalId"] {
        let filter = encoded(&format!("{probe} eq \"5d3f1c0e-8a4d-4d8f-9c57-0d8f6f6d2a11\""));
        let answer = served.get(&format!("/scim/v2/Users?filter={filter}&aadOptscim062020=true")).await;
        assert_eq!((answer.list()["totalResults"].as_u64(), answer.ids().len()), (Some(0), 0));
        assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    }
    let okta = served.get("/scim/v2/Users?startIndex=1&count=2").await;
    assert_eq!((okta.ids(), okta.header("content-type")), (ids[..2].to_vec(), Some("application/scim+json")));
    let patch = |operations: serde_json::Value| {
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations }).to_string()
    };
    let before = served.get(&format!("/scim/v2/Users/{}", ids[0])).await.text;
    for (method, path, body) in [
        ("PATCH", format!("/Users/{}", ids[0]), patch(json!([{"op": "Replace", "path": "active", "value": "False"}]))),
        (
            "PATCH",
            format!("/Groups/{}", ids[0]),
            patch(json!([{"op": "remove", "path": "members", "value": [{"value": ids[0]}]}])),
        ),
        (
            "PATCH",
            format!("/Users/{}", ids[0]),
            patch(json!([{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
                "value": ids[1]}])),
        ),
        ("POST", "/Users".to_owned(), json!({"userName": "x@acme.com"}).to_string()),
        ("PUT", format!("/Users/{}", ids[0]), json!({"userName": "x@acme.com"}).to_string()),
        ("DELETE", format!("/Users/{}", ids[0]), String::new()),
        ("POST", "/Bulk".to_owned(), json!({"Operations": []}).to_string()),
    ] {
        served.send_text(method, &path, "application/scim+json", &body).await.refusal(403, None);
    }
    assert_eq!(served.get(&format!("/scim/v2/Users/{}", ids[0])).await.text, before);
    served.stop().await;
}

/// Okta's import of 10,000 people by `startIndex=1&count=100`, 101, … while people are added, changed and
/// aged out.
#[tokio::test]
async fn an_import_of_ten_thousand_people_reads_everybody_else_exactly_once() {
    let served = Served::start().await;
    let mut people = crowd(10_000);
    let ids: Vec<Uuid> = insert(&mut *served.conn().await, &people, served.now()).await;
    fold(&mut *served.conn().await).await;
    let (mut seen, mut start, mut page) = (Vec::new(), 1_usize, 0_usize);
    let mut gone = BTreeSet::new();
    loop {
        let list = served.get(&format!("/scim/v2/Users?startIndex={start}&count=100")).await;
        let got = list.ids();
        seen.extend_from_slice(&got);
        start += 100;
        page += 1;
        if got.len() < 100 {
            break;
        }
        if page > 100 {
            continue;
        }
        let mut conn = served.conn().await;
        // One person that was read ages out, and one that was not; one changes, two come.
        for n in [page * 50, 9_999 - page * 7] {
            if gone.insert(n) {
                remove(&mut conn, ids[n], served.now()).await;
            }
        }
        let n = (page * 37) % 10_000;
        if !gone.contains(&n) {
            people[n].active = false;
            update(&mut conn, ids[n], &people[n], served.now()).await;
        }
        let new = [0, 1].map(|n| person(&format!("new{page}-{n}@acme.com"), "New", "Comer"));
        insert(&mut conn, &new, served.now()).await;
        if page % 3 == 0 {
            fold(&mut conn).await;
        }
        served.clock.advance(TimeDelta::seconds(30));
    }
    let distinct: BTreeSet<&Uuid> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "nobody is read twice");
    let missing = (0..10_000).filter(|n| !gone.contains(n) && !distinct.contains(&ids[*n])).count();
    assert_eq!(missing, 0, "nobody who stayed is missing");
    served.stop().await;
}

/// filters that are made to break the server are refused, in bounded time. The next caller gets an
/// answer.
#[tokio::test]
async fn a_filter_that_is_made_to_break_the_server_is_refused() {
    let served = Served::start().await;
    insert(&mut *served.conn().await, &crowd(2), served.now()).await;
    let nested = format!("{}userName pr{}", "(".repeat(200), ")".repeat(200));
    let negated = format!("{}userName pr{}", "not (".repeat(200), ")".repeat(200));
    let terms = vec!["userName eq \"x\""; 10_000].join(" or ");
    let long = format!("userName eq \"{}\"", "x".repeat(900_000));
    let brackets = format!("emails[{}", "type pr and ".repeat(60));
    for filter in [&nested, &negated, &terms, &long, &brackets] {
        let body = json!({"schemas": [SEARCH], "filter": filter});
        served.post_as(&served.token, "/Users/.search", &body).await.refusal(400, Some("invalidFilter"));
        // Longer ones the client itself refuses to send.
        if filter.len() < 10_000 {
            served.filter(filter).await.refusal(400, Some("invalidFilter"));
        }
    }
    for query in ["filter=%FF%FE", "filter=userName%20eq%20%22%C3%28%22", "filter=%ED%A0%80"] {
        served.get(&format!("/scim/v2/Users?{query}")).await.refusal(400, Some("invalidSyntax"));
    }
    let nul = encoded("userName eq \"a\\u0000b\"");
    assert_eq!(served.get(&format!("/scim/v2/Users?filter={nul}")).await.ids().len(), 0, "nobody has such a name");
    assert_eq!(served.get("/scim/v2/Users").await.ids().len(), 2);
    served.stop().await;
}
