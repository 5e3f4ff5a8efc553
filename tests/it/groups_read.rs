//! Tests groups as consumers read them.

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::groups::department;
use crate::support::people::{crowd, insert, number_changes};
use crate::support::served::{Served, encoded};

const DERIVED: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:Group";

async fn groups(served: &Served, filter: &str) -> Vec<String> {
    let list = served.get(&format!("/scim/v2/Groups?filter={}", encoded(filter))).await.list();
    let all = list["Resources"].as_array().unwrap();
    assert_eq!(list["totalResults"], all.len(), "{filter}");
    all.iter().map(|group| group["displayName"].as_str().unwrap().to_owned()).collect()
}

///
#[tokio::test]
async fn a_group_is_read_with_its_members() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let people = insert(&mut conn, &crowd(3), served.now()).await;
    let id = department(&mut conn, "Data", &people[..2], served.now()).await;
    let answer = served.get(&format!("/scim/v2/Groups/{id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let location = format!("https://dir.example.com/scim/v2/Groups/{id}");
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    let member = |n: usize| {
        json!({
            "value": people[n], "$ref": format!("https://dir.example.com/scim/v2/Users/{}", people[n]),
            "display": format!("Pat Number{n}"), "type": "User",
        })
    };
    let version = answer.header("etag").unwrap();
    assert_eq!(
        answer.body(),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", DERIVED],
            "id": id, "displayName": "Department: Data", "members": [member(0), member(1)],
            DERIVED: {"kind": "department", "key": "data", "name": "Data", "retired": false},
            "meta": {"resourceType": "Group", "created": "2026-11-20T12:00:00.000Z",
                "lastModified": "2026-11-20T12:00:00.000Z", "version": version, "location": location},
        })
    );
    // the user shows the same.
    let user = served.get(&format!("/scim/v2/Users/{}", people[1])).await.body();
    assert_eq!(
        user["groups"],
        json!([{"value": id, "$ref": location, "display": "Department: Data", "type": "indirect"}])
    );
    assert!(served.get(&format!("/scim/v2/Users/{}", people[2])).await.body().get("groups").is_none());
    let without = served.get(&format!("/scim/v2/Users/{}?excludedAttributes=groups", people[1])).await.body();
    assert!(without.get("groups").is_none());
    for other in ["00000000-0000-4000-8000-000000000000", "nothing", &id.to_string().to_uppercase()] {
        let detail = served.get(&format!("/scim/v2/Groups/{other}")).await.refusal(404, None);
        assert_eq!(detail, "no group has this id");
    }
    served.stop().await;
}

///
#[tokio::test]
async fn an_answer_has_the_members_that_were_asked_for() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let people = insert(&mut conn, &crowd(1), served.now()).await;
    let id = department(&mut conn, "Data", &people, served.now()).await;
    let empty = department(&mut conn, "Empty", &[], served.now()).await;
    let group = |id: Uuid, query: &str| {
        let path = format!("/scim/v2/Groups/{id}?{query}");
        let served = &served;
        async move { served.get(&path).await.body() }
    };
    assert_eq!(group(empty, "").await["members"], json!([]));
    assert_eq!(group(empty, "attributes=members").await["members"], json!([]));
    assert!(group(id, "excludedAttributes=members").await.get("members").is_none());
    let core = "urn:ietf:params:scim:schemas:core:2.0:Group";
    assert_eq!(
        group(id, "attributes=displayName").await,
        json!({"schemas": [core], "id": id, "displayName": "Department: Data"})
    );
    assert_eq!(
        group(id, "attributes=MEMBERS.Value").await,
        json!({"schemas": [core], "id": id, "members": [{"value": people[0]}]})
    );
    assert_eq!(
        group(id, "excludedAttributes=members.$ref,members.type,meta").await["members"],
        json!([{"value": people[0], "display": "Pat Number0"}])
    );
    let listed = served.get("/scim/v2/Groups?attributes=displayName,members.value").await.list();
    assert_eq!(
        listed["Resources"][1],
        json!({"schemas": [core], "id": empty, "displayName": "Department: Empty", "members": []})
    );
    served.stop().await;
}

/// a request without members does not pay for them, and a request with members gets them in pieces.
#[tokio::test]
async fn a_large_group_is_written_piece_by_piece_and_without_members_none_is_read() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let people = insert(&mut conn, &crowd(2_500), served.now()).await;
    let small = department(&mut conn, "Small", &people[..2], served.now()).await;
    let id = department(&mut conn, "Large", &people[2..], served.now()).await;
    sql_query("ANALYZE people").execute(&mut conn).await.unwrap();
    let path = format!("/scim/v2/Groups/{id}");
    let answer = served.get(&path).await;
    assert_eq!(answer.header("content-length"), None, "it is streamed");
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    let members = answer.body()["members"].as_array().unwrap().clone();
    let ids: Vec<Uuid> = members.iter().map(|member| member["value"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(ids, people[2..], "each once, in order");
    // A list that holds it is streamed, too.
    let list = served.get("/scim/v2/Groups").await.list();
    assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(2), &json!(2)));
    assert_eq!(list["Resources"][0]["id"], json!(small));
    assert_eq!(list["Resources"][0]["members"].as_array().unwrap().len(), 2);
    assert_eq!(list["Resources"][1]["members"].as_array().unwrap().len(), 2_498);
    // The table of people is locked against all readers: without members the group is answered all the same.
    diesel_async::SimpleAsyncConnection::batch_execute(&mut *conn, "BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    for query in ["excludedAttributes=members", "attributes=displayName"] {
        assert_eq!(served.get(&format!("{path}?{query}")).await.body()["id"], json!(id));
        assert_eq!(served.get(&format!("/scim/v2/Groups?{query}")).await.list()["totalResults"], 2);
    }
    diesel_async::SimpleAsyncConnection::batch_execute(&mut *conn, "ROLLBACK").await.unwrap();
    served.stop().await;
}

async fn plan(conn: &mut AsyncPgConnection, statement: &str) -> String {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        #[diesel(column_name = "QUERY PLAN")]
        line: String,
    }
    let lines: Vec<Line> = sql_query(format!("EXPLAIN {statement}")).load(conn).await.unwrap();
    lines.into_iter().map(|line| line.line + "\n").collect()
}

#[tokio::test]
async fn members_are_found_by_the_index_of_their_kind() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let people = insert(&mut conn, &crowd(3_000), served.now()).await;
    let id = department(&mut conn, "Data", &people[500..1_500], served.now()).await;
    sql_query("ANALYZE people").execute(&mut conn).await.unwrap();
    for kind in ["department", "legal_entity", "country", "employment_type", "team", "work_location", "worker_type"] {
        let text = plan(
            &mut conn,
            &format!(
                "SELECT id, position, display_name FROM people
                 WHERE {kind}_group = '{id}' AND position > 100 ORDER BY position LIMIT 100"
            ),
        )
        .await;
        assert!(text.contains(&format!("people_in_{kind}")) && !text.contains("Seq Scan"), "{text}");
        assert!(!text.contains("Sort") || kind != "department", "{text}");
    }
    served.stop().await;
}

/// Story 23: the members of a large group, in pages.
#[tokio::test]
async fn members_can_be_read_as_users_in_pages() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let people = insert(&mut conn, &crowd(25), served.now()).await;
    let id = department(&mut conn, "Data", &people[3..23], served.now()).await;
    let mut seen = Vec::new();
    for start in [1, 8, 15] {
        let path = format!("/scim/v2/Users?count=7&startIndex={start}&filter=");
        let answer = served.get(&(path + &encoded(&format!("groups.value eq \"{id}\"")))).await;
        assert_eq!(answer.list()["totalResults"], 20);
        seen.extend(answer.ids());
    }
    assert_eq!(seen, people[3..23]);
    let both = format!("groups eq \"{id}\" and userName eq \"p4@acme.com\"");
    assert_eq!(served.filter(&both).await.ids(), people[4..5]);
    for nobody in ["00000000-0000-4000-8000-000000000000", "x"] {
        assert_eq!(served.filter(&format!("groups.value eq \"{nobody}\"")).await.list()["totalResults"], 0);
    }
    served.stop().await;
}

/// and what Entra asks (consumers.md 2.1).
#[tokio::test]
async fn groups_are_found_by_name_id_member_and_kind() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let people = insert(&mut conn, &crowd(3), served.now()).await;
    let data = department(&mut conn, "Data", &people[..2], served.now()).await;
    department(&mut conn, "Sales", &people[2..], served.now()).await;
    for (filter, expected) in [
        ("displayName eq \"DEPARTMENT: data\"".to_owned(), &["Department: Data"][..]),
        ("displayName eq \"Data\"".to_owned(), &[]),
        (format!("id eq \"{data}\""), &["Department: Data"]),
        (format!("id eq \"{}\"", data.to_string().to_uppercase()), &[]),
        (format!("members.value eq \"{}\"", people[1]), &["Department: Data"]),
        (format!("members eq \"{}\"", people[2]), &["Department: Sales"]),
        (format!("members[value eq \"{}\"]", people[2]), &["Department: Sales"]),
        (format!("id eq \"{data}\" and members eq \"{}\"", people[0]), &["Department: Data"]),
        (format!("id eq \"{data}\" and members eq \"{}\"", people[2]), &[]),
        (
            "displayName eq \"department: data\" or displayName eq \"department: sales\"".to_owned(),
            &["Department: Data", "Department: Sales"],
        ),
        ("externalId eq \"x\"".to_owned(), &[]),
        (format!("{DERIVED}:kind eq \"Department\""), &["Department: Data", "Department: Sales"]),
        ("kind eq \"country\"".to_owned(), &[]),
        ("kind eq \"shoeSize\"".to_owned(), &[]),
    ] {
        assert_eq!(groups(&served, &filter).await, expected, "{filter}");
    }
    let (both, none) = (&["Department: Data", "Department: Sales"][..], &[][..]);
    for (filter, expected) in [
        ("displayName sw \"department: d\"", &both[..1]),
        ("name co \"ALE\"", &both[1..]),
        ("name eq \"sales\" and not (members pr)", none),
        ("displayName pr and members pr and externalId eq null", both),
        ("not (displayName eq \"x\")", both),
        ("retired eq true", none),
        ("meta.lastModified eq \"2026-11-20T13:00:00+01:00\"", both),
        ("members[type eq \"User\" and display ew \"number2\"]", &both[1..]),
        ("members.display co \"number1\"", &both[..1]),
        ("members[value eq \"x\"] or key ne \"data\"", &both[1..]),
    ] {
        assert_eq!(groups(&served, filter).await, expected, "{filter}");
    }
    for query in ["filter=userName%20eq%20%22x%22", "filter=", "filter=displayName"] {
        served.get(&format!("/scim/v2/Groups?{query}")).await.refusal(400, Some("invalidFilter"));
    }
    let sorted = served.get("/scim/v2/Groups?sortBy=displayName&sortOrder=descending&attributes=displayName").await;
    let names: Vec<Value> =
        sorted.list()["Resources"].as_array().unwrap().iter().map(|g| g["displayName"].clone()).collect();
    assert_eq!(names, ["Department: Sales", "Department: Data"]);
    served.get("/scim/v2/Groups?sortBy=members.shoeSize").await.refusal(400, Some("invalidValue"));
    served.stop().await;
}

///
#[tokio::test]
async fn a_walk_through_groups_is_exact_while_groups_come_and_go() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut ids = Vec::new();
    for n in 0..25 {
        ids.push(department(&mut conn, &format!("D{n}"), &[], served.now()).await);
    }
    let page = |start: usize| format!("/scim/v2/Groups?count=10&startIndex={start}&excludedAttributes=members");
    let first = served.get(&page(1)).await;
    assert_eq!((first.ids(), &first.list()["totalResults"]), (ids[..10].to_vec(), &json!(25)));
    // Two of the first page go, one comes. What was served already counts as it was.
    for id in &ids[..2] {
        sql_query(format!(
            "WITH gone AS (UPDATE groups SET deleted_at = now() WHERE id = '{id}' RETURNING id)
             INSERT INTO changes (at, kind, person_version, cause, diff, position, people_delta, group_id)
             SELECT now(), 'group.deleted', 0, 'test', '[]', 0, 0, id FROM gone"
        ))
        .execute(&mut conn)
        .await
        .unwrap();
    }
    ids.push(department(&mut conn, "New", &[], served.now()).await);
    let second = served.get(&page(11)).await;
    assert_eq!((second.ids(), &second.list()["totalResults"]), (ids[10..20].to_vec(), &json!(26)));
    number_changes(&mut conn).await;
    let third = served.get(&page(21)).await;
    assert_eq!((third.ids(), &third.list()["totalResults"]), (ids[20..].to_vec(), &json!(26)));
    // A jump counts.
    assert_eq!(served.get("/scim/v2/Groups?count=3&startIndex=5&attributes=id").await.ids(), ids[6..9]);
    assert_eq!(served.get("/scim/v2/Groups?count=0").await.list()["totalResults"], 24);
    assert_eq!(served.get("/scim/v2/Groups?startIndex=99").await.list()["Resources"], json!([]));
    served.stop().await;
}

///
#[tokio::test]
async fn groups_are_discovered_and_cannot_be_written() {
    let served = Served::start().await;
    let id = department(&mut *served.conn().await, "Data", &[], served.now()).await;
    let bearer = format!("Bearer {}", served.token);
    for (method, path) in [
        ("POST", "/scim/v2/Groups".to_owned()),
        ("PUT", format!("/scim/v2/Groups/{id}")),
        ("PATCH", format!("/scim/v2/Groups/{id}")),
        ("DELETE", format!("/scim/v2/Groups/{id}")),
    ] {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
        let as_users = served.send(method, &path.replace("Groups", "Users"), &headers).await.refusal(403, None);
        assert_eq!(served.send(method, &path, &headers).await.refusal(403, None), as_users, "{method}");
    }
    served.send("PUT", "/scim/v2/Groups", &[("authorization", &bearer)]).await.refusal(405, None);
    served.send("GET", "/scim/v2/Groups", &[]).await.refusal(401, None);
    let types = served.get("/scim/v2/ResourceTypes").await.list();
    let ids: Vec<&Value> = types["Resources"].as_array().unwrap().iter().map(|found| &found["id"]).collect();
    assert_eq!(ids, ["User", "Group"]);
    let group = served.get("/scim/v2/ResourceTypes/Group").await.body();
    assert_eq!((&group["endpoint"], &group["schemaExtensions"][0]["schema"]), (&json!("/Groups"), &json!(DERIVED)));
    for urn in ["urn:ietf:params:scim:schemas:core:2.0:Group", DERIVED] {
        assert_eq!(served.get(&format!("/scim/v2/Schemas/{urn}")).await.body()["id"], urn);
    }
    let head = served.send("HEAD", &format!("/scim/v2/Groups/{id}"), &[("authorization", &bearer)]).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    served.stop().await;
}
