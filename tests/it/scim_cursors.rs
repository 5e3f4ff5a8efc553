//! Tests paging by cursor (RFC 9865, R-104 to R-112).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::support::groups::department;
use crate::support::people::{crowd, fold, insert, person, remove, update};
use crate::support::served::{Answer, Served, encoded};

const USERS: &str = "/scim/v2/Users";

fn next(answer: &Answer) -> Option<String> {
    answer.list().get("nextCursor").map(|cursor| cursor.as_str().unwrap().to_owned())
}

/// All pages of a walk, from the path with its parameters but the cursor.
async fn walk(served: &Served, path: &str) -> Vec<Vec<Uuid>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = served.get(&format!("{path}&cursor={cursor}")).await;
        pages.push(answer.ids());
        assert!(answer.list().get("startIndex").is_none(), "R-106");
        match next(&answer) {
            Some(next) => {
                let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
                assert!(next.chars().all(unreserved), "R-104: {next}");
                cursor = next;
            }
            None => return pages,
        }
    }
}

///
#[tokio::test]
async fn a_walk_by_cursor_reads_everybody_and_ends_where_the_list_ends() {
    let served = Served::start().await;
    let ids = insert(&mut *served.conn().await, &crowd(7), served.now()).await;
    for (count, pages) in [(3, vec![3, 3, 1]), (7, vec![7]), (8, vec![7])] {
        let walked = walk(&served, &format!("{USERS}?count={count}")).await;
        assert_eq!(walked.iter().map(Vec::len).collect::<Vec<_>>(), pages, "count {count}");
        assert_eq!(walked.concat(), ids);
    }
    let first = served.get(&format!("{USERS}?cursor=&count=2")).await.list();
    assert_eq!((&first["totalResults"], &first["itemsPerPage"]), (&7.into(), &2.into()));
    let none = served.get(&format!("{USERS}?cursor=&count=0")).await.list();
    assert_eq!((&none["totalResults"], &none["Resources"]), (&7.into(), &json!([])));
    assert!(none.get("nextCursor").is_none());
    assert!(next(&served.get(&format!("{USERS}?count=2")).await).is_none(), "only who asks by cursor gets one");
    let config = served.get("/scim/v2/ServiceProviderConfig").await.body();
    assert_eq!((&config["pagination"]["cursor"], &config["pagination"]["cursorTimeout"]), (&true.into(), &3600.into()));
    served.stop().await;
}

/// also where a filter finds a handful, walks a group, or is sorted.
#[tokio::test]
async fn every_kind_of_list_is_walked_by_cursor() {
    let served = Served::start().await;
    let mut people = crowd(12);
    for n in [1, 4, 9] {
        people[n].active = false;
    }
    let mut conn = served.conn().await;
    let ids = insert(&mut conn, &people, served.now()).await;
    let group = department(&mut conn, "Data", &ids[2..], served.now()).await;
    for n in 0..4 {
        department(&mut conn, &format!("D{n}"), &[], served.now()).await;
    }
    drop(conn);
    let emails = [0, 3, 5].map(|n| format!("userName eq \"p{n}@acme.com\"")).join(" or ");
    for (filter, expected) in [
        (emails, [0, 3, 5].map(|n| ids[n]).to_vec()),
        (format!("groups.value eq \"{group}\""), ids[2..].to_vec()),
        ("active eq false".to_owned(), [1, 4, 9].map(|n| ids[n]).to_vec()),
        ("displayName co \"Number1\"".to_owned(), [1, 10, 11].map(|n| ids[n]).to_vec()),
        ("userName eq \"nobody\"".to_owned(), Vec::new()),
    ] {
        let pages = walk(&served, &format!("{USERS}?count=2&filter={}", encoded(&filter))).await;
        assert_eq!(pages.concat(), expected, "{filter}");
        assert_eq!(pages.len(), expected.len().div_ceil(2).max(1), "{filter}");
    }
    for order in ["ascending", "descending"] {
        let whole = served.get(&format!("{USERS}?sortBy=active&sortOrder={order}")).await.ids();
        let pages = walk(&served, &format!("{USERS}?count=5&sortBy=active&sortOrder={order}")).await;
        assert_eq!(pages.concat(), whole, "{order}");
    }
    for list in ["/scim/v2/Groups?", "/scim/v2/Groups?sortBy=displayName&sortOrder=descending"] {
        let whole = served.get(list).await.ids();
        assert_eq!(walk(&served, &format!("{list}&count=2")).await.concat(), whole, "{list}");
    }
    served.stop().await;
}

/// Story 23 by cursor, R-110.
#[tokio::test]
async fn story_23_a_walk_by_cursor_reads_everybody_exactly_once_while_people_change() {
    let served = Served::start().await;
    let mut people = crowd(1250);
    let ids = insert(&mut *served.conn().await, &people, served.now()).await;
    let (mut seen, mut cursor, mut page) = (Vec::new(), String::new(), 0_usize);
    let mut gone = BTreeSet::new();
    loop {
        let answer = served.get(&format!("{USERS}?count=100&cursor={cursor}")).await;
        seen.extend(answer.ids());
        let Some(next) = next(&answer) else { break };
        cursor = next;
        page += 1;
        if page > 10 {
            continue;
        }
        let mut conn = served.conn().await;
        for n in (0..5).map(|n| (page * 7 + n * 250) % 1250) {
            if !gone.contains(&n) {
                people[n].active = false;
                update(&mut conn, ids[n], &people[n], served.now()).await;
            }
        }
        insert(&mut conn, &[person(&format!("new{page}@acme.com"), "New", "Comer")], served.now()).await;
        remove(&mut conn, ids[page * 3], served.now()).await;
        gone.insert(page * 3);
        fold(&mut conn).await;
        served.clock.advance(TimeDelta::minutes(5));
    }
    let distinct: BTreeSet<&Uuid> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "nobody is read twice");
    let there = |n: &usize| !gone.contains(n);
    assert!((0..1250).filter(there).all(|n| distinct.contains(&ids[n])), "nobody who was there is missing");
    served.stop().await;
}

/// story 23: mixing, tampering, another query, another consumer, an old one.
#[tokio::test]
async fn a_cursor_counts_only_for_the_walk_it_was_given_to() {
    let served = Served::start().await;
    insert(&mut *served.conn().await, &crowd(9), served.now()).await;
    let path = format!("{USERS}?count=2&filter={}", encoded("active eq true"));
    let cursor = next(&served.get(&format!("{path}&cursor=")).await).unwrap();
    assert_eq!(served.get(&format!("{path}&cursor={cursor}")).await.ids().len(), 2);
    // The same query with another spelling is the same.
    let respelled = format!("{USERS}?count=2&filter={}", encoded("active  EQ  true"));
    assert_eq!(served.get(&format!("{respelled}&cursor={cursor}")).await.ids().len(), 2);
    served.get(&format!("{path}&startIndex=1&cursor={cursor}")).await.refusal(400, Some("invalidCursor"));
    let mut tampered = cursor.clone().into_bytes();
    let last = tampered.len() - 5;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let other = encoded("active eq false");
    for path in [
        format!("{path}&cursor={tampered}"),
        format!("{path}&cursor=abc"),
        format!("{path}&cursor=%00%FF"),
        format!("{path}&cursor={}", "a".repeat(20_000)),
        format!("{USERS}?count=2&cursor={cursor}"),
        format!("{USERS}?count=2&filter={other}&cursor={cursor}"),
        format!("{path}&sortBy=userName&cursor={cursor}"),
        format!("{path}&attributes=userName&cursor={cursor}"),
        format!("/scim/v2/Groups?count=2&cursor={cursor}"),
        format!("/scim/v2?count=2&cursor={cursor}"),
    ] {
        let answer = served.get(&path).await;
        assert!(answer.status == 400 || answer.status == 414, "{path}: {}", answer.text);
        if answer.status == 400 && !path.contains("%00") {
            answer.refusal(400, Some("invalidCursor"));
        }
    }
    served
        .get(&format!("{}&cursor={cursor}", path.replace("count=2", "count=3")))
        .await
        .refusal(400, Some("invalidCount"));
    served
        .get(&format!("{}&cursor={cursor}", path.replace("count=2", "count=x")))
        .await
        .refusal(400, Some("invalidCount"));
    let stranger = served.token_of(&served.consumer("stranger", &["scim:read"], false).await).await;
    served.get_as(&stranger, &format!("{path}&cursor={cursor}")).await.refusal(400, Some("invalidCursor"));
    served.clock.advance(TimeDelta::seconds(3601));
    served.get(&format!("{path}&cursor={cursor}")).await.refusal(400, Some("expiredCursor"));
    served.stop().await;
}

/// a cursor is nothing any more when what the consumer may see has changed.
#[tokio::test]
async fn a_cursor_of_an_older_policy_is_refused() {
    use rollbook::store::consumers::{ConsumerChange, update};
    let served = Served::start().await;
    insert(&mut *served.conn().await, &crowd(5), served.now()).await;
    let consumer = served.consumer("desk", &["scim:read"], false).await;
    let token = served.token_of(&consumer).await;
    let cursor = next(&served.get_as(&token, &format!("{USERS}?cursor=&count=2")).await).unwrap();
    let change = ConsumerChange { user_filter: Some(Some("title pr".to_owned())), ..ConsumerChange::default() };
    update(&mut *served.conn().await, consumer.id, &change).await.unwrap();
    let answer = served.get_as(&token, &format!("{USERS}?cursor={cursor}&count=2")).await;
    answer.refusal(400, Some("invalidCursor"));
    served.stop().await;
}
