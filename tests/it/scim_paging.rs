//! Tests paging by index: exact while people come, change and go (story 23, R-098 to R-103).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use diesel_async::SimpleAsyncConnection;
use rollbook::directory::attribute::name;
use rollbook::scim::schema::Hidden;
use rollbook::store::paging;
use rollbook::store::paging::types::{PageRequest, Start};
use rollbook::store::visibility::Visibility;
use uuid::Uuid;

use crate::support::people::{crowd, fold, insert, leads, number, person, remove, update};
use crate::support::served::{Served, encoded};

/// Okta's connection test (consumers.md 1.1), and the shape of a page.
#[tokio::test]
async fn a_page_says_where_it_is_and_how_many_there_are() {
    let served = Served::start().await;
    let ids = insert(&mut *served.conn().await, &crowd(5), served.now()).await;
    let answer = served.get("/scim/v2/Users?startIndex=1&count=2").await;
    assert_eq!(answer.ids(), ids[..2]);
    let list = answer.list();
    assert_eq!(list["schemas"], serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    assert_eq!((&list["totalResults"], &list["startIndex"], &list["itemsPerPage"]), (&5.into(), &1.into(), &2.into()));
    served.stop().await;
}

///
#[tokio::test]
async fn odd_numbers_are_read_as_the_rfc_has_them() {
    let served = Served::start().await;
    let ids = insert(&mut *served.conn().await, &crowd(5), served.now()).await;
    for (query, expected, start) in [
        ("startIndex=0", &ids[..], 1_u64),
        ("startIndex=-7&count=1", &ids[..1], 1),
        ("count=0", &ids[..0], 1),
        ("count=-3", &ids[..0], 1),
        ("startIndex=4", &ids[3..], 4),
        ("startIndex=5&count=100000", &ids[4..], 5),
        ("startIndex=6", &ids[..0], 6),
        ("startIndex=99999999999999999999999", &ids[..0], i64::MAX.cast_unsigned()),
        ("STARTINDEX=2&Count=2", &ids[1..3], 2),
    ] {
        let answer = served.get(&format!("/scim/v2/Users?{query}")).await;
        assert_eq!(answer.ids(), expected, "{query}");
        let list = answer.list();
        assert_eq!(list["totalResults"], 5, "{query}");
        assert_eq!(list["startIndex"], start, "{query}");
        assert_eq!(list["itemsPerPage"], expected.len(), "{query}");
        assert!(list["Resources"].is_array());
    }
    for query in ["count=many", "startIndex=one", "count=1.5"] {
        served.get(&format!("/scim/v2/Users?{query}")).await.refusal(400, Some("invalidValue"));
    }
    served.get("/scim/v2/Users?count=1&count=2").await.refusal(400, Some("invalidSyntax"));
    served.stop().await;
}

/// 100 by default, 500 at most.
#[tokio::test]
async fn pages_have_a_default_and_a_largest_size() {
    let served = Served::start().await;
    insert(&mut *served.conn().await, &crowd(520), served.now()).await;
    assert_eq!(served.get("/scim/v2/Users").await.ids().len(), 100);
    assert_eq!(served.get("/scim/v2/Users?count=5000").await.ids().len(), 500);
    served.stop().await;
}

/// Story 1: a directory that has not had people yet truly is empty.
#[tokio::test]
async fn an_empty_directory_is_an_empty_list() {
    let served = Served::start().await;
    let list = served.get("/scim/v2/Users").await.list();
    assert_eq!((&list["totalResults"], &list["Resources"]), (&0.into(), &serde_json::json!([])));
    served.stop().await;
}

/// Story 23, the part about paging by index, with people who age out as well.
#[tokio::test]
async fn a_walk_by_index_reads_everybody_exactly_once_while_people_change() {
    let served = Served::start().await;
    let mut people = crowd(1250);
    let ids = insert(&mut *served.conn().await, &people, served.now()).await;
    fold(&mut *served.conn().await).await;
    let (mut seen, mut start, mut page) = (Vec::new(), 1_usize, 0_usize);
    let mut gone = BTreeSet::new();
    loop {
        let answer = served.get(&format!("/scim/v2/Users?startIndex={start}&count=100")).await;
        let got = answer.ids();
        // What was read counts as it was, also after it went.
        let there = 1250 + 2 * page.min(10) - gone.iter().filter(|id| !seen.contains(*id)).count();
        assert_eq!(answer.list()["totalResults"], there, "page {page}");
        seen.extend_from_slice(&got);
        start += got.len();
        page += 1;
        if got.len() < 100 {
            break;
        }
        if page > 10 {
            continue;
        }
        // Between pages: five people change, among them one that was read and one that was not. Two come, and one that
        // was read goes.
        let mut conn = served.conn().await;
        for n in (0..5).map(|n| (page * 7 + n * 250) % 1250) {
            if gone.contains(&ids[n]) {
                continue;
            }
            people[n].active = false;
            update(&mut conn, ids[n], &people[n], served.now()).await;
        }
        let new = [0, 1].map(|n| person(&format!("new{page}-{n}@acme.com"), "New", "Comer"));
        insert(&mut conn, &new, served.now()).await;
        remove(&mut conn, ids[page * 3], served.now()).await;
        gone.insert(ids[page * 3]);
        if page % 2 == 0 {
            fold(&mut conn).await;
        }
        served.clock.advance(TimeDelta::minutes(5));
    }
    let distinct: BTreeSet<&Uuid> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "nobody is read twice");
    assert!(ids.iter().all(|id| distinct.contains(id)), "nobody who was there is missing");
    served.stop().await;
}

/// the walk is remembered for an hour, for all tokens of a consumer, and for no other consumer.
#[tokio::test]
async fn a_walk_goes_on_by_key_within_an_hour_and_by_counting_afterwards() {
    let served = Served::start().await;
    let ids = insert(&mut *served.conn().await, &crowd(30), served.now()).await;
    let consumer = served.consumer("idp", &["scim:read"], false).await;
    let (first, second) = (served.token_of(&consumer).await, served.token_of(&consumer).await);
    assert_eq!(served.get_as(&first, "/scim/v2/Users?count=10").await.ids(), ids[..10]);
    remove(&mut *served.conn().await, ids[3], served.now()).await;
    served.clock.advance(TimeDelta::minutes(59));
    let next = "/scim/v2/Users?startIndex=11&count=10";
    assert_eq!(served.get_as(&second, next).await.ids(), ids[10..20], "the walk goes on behind the last page");
    assert_eq!(served.get_as(&second, next).await.ids(), ids[10..20], "a page can be asked for again");
    assert_eq!(served.get(next).await.ids(), ids[11..21], "another consumer has no walk: the eleventh there is");
    let filtered = format!("{next}&filter=active%20eq%20true");
    assert_eq!(served.get_as(&first, &filtered).await.ids(), ids[11..21], "nor has another query");
    served.clock.advance(TimeDelta::minutes(61));
    assert_eq!(served.get_as(&first, next).await.ids(), ids[11..21], "after an hour it is forgotten");
    served.clock.advance(TimeDelta::minutes(61));
    let forgotten = rollbook::store::paging::people::forget(&mut *served.conn().await, served.now()).await.unwrap();
    assert!(forgotten >= 2);
    for left in ["page_positions", "page_walks"] {
        let count = format!("SELECT count(*) AS number FROM {left}");
        assert_eq!(number(&mut *served.conn().await, &count).await, 0, "{left}");
    }
    served.stop().await;
}

/// Jumps count people per block of positions, folded or not, and find every index.
#[tokio::test]
async fn a_jump_lands_on_the_right_person_whatever_is_folded() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut ids = insert(&mut conn, &crowd(2500), served.now()).await;
    fold(&mut conn).await;
    // Holes in the first block, folded; holes in the second and people in the third, not folded.
    for n in [2, 700, 1] {
        remove(&mut conn, ids.remove(n), served.now()).await;
    }
    fold(&mut conn).await;
    for n in [1500, 1100] {
        remove(&mut conn, ids.remove(n), served.now()).await;
    }
    let late: Vec<_> = (0..700).map(|n| person(&format!("late{n}@acme.com"), "Late", "Comer")).collect();
    ids.extend(insert(&mut conn, &late, served.now()).await);
    drop(conn);
    for start in [2_usize, 3, 1020, 1021, 1022, 1023, 1024, 1025, 2040, 2041, 2495, 2496, 3000, 3194, 3195] {
        let answer = served.get(&format!("/scim/v2/Users?startIndex={start}&count=3")).await;
        let expected: Vec<Uuid> = ids.iter().skip(start - 1).take(3).copied().collect();
        assert_eq!(answer.ids(), expected, "startIndex {start}");
        assert_eq!(answer.list()["totalResults"], 3195);
    }
    assert!(served.get("/scim/v2/Users?startIndex=3196").await.ids().is_empty());
    served.stop().await;
}

/// the union of the pages is the whole, for any count, with a filter too.
#[tokio::test]
async fn the_union_of_the_pages_is_the_whole() {
    let served = Served::start().await;
    let mut people = crowd(60);
    people.iter_mut().step_by(3).for_each(|person| person.active = false);
    let ids = insert(&mut *served.conn().await, &people, served.now()).await;
    let inactive: Vec<Uuid> = ids.iter().step_by(3).copied().collect();
    let selected = format!("id eq \"{}\" or id eq \"{}\" or id eq \"{}\"", ids[40], ids[2], ids[9]);
    for (filter, whole) in [
        (None, ids.clone()),
        (Some("active eq false".to_owned()), inactive),
        (Some(selected), vec![ids[2], ids[9], ids[40]]),
    ] {
        let filter = filter.map(|filter| format!("&filter={}", crate::support::served::encoded(&filter)));
        let filter = filter.unwrap_or_default();
        for count in [1, 2, 7, 20, 100] {
            let (mut union, mut start) = (Vec::new(), 1);
            loop {
                let answer = served.get(&format!("/scim/v2/Users?startIndex={start}&count={count}{filter}")).await;
                assert_eq!(answer.list()["totalResults"], whole.len());
                let got = answer.ids();
                start += got.len();
                union.extend(got);
                if start > whole.len() {
                    break;
                }
            }
            assert_eq!(union, whole, "count {count} {filter}");
        }
        // And by jumps alone: from the last index to the first.
        for start in (1..=whole.len()).rev() {
            let answer = served.get(&format!("/scim/v2/Users?startIndex={start}&count=1{filter}")).await;
            assert_eq!(answer.ids(), [whole[start - 1]]);
        }
    }
    served.stop().await;
}

/// R-102, of a list of some people who are named one by one.
#[tokio::test]
async fn a_walk_through_people_who_are_named_goes_on_behind_who_is_not_among_them_any_more() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = crowd(8);
    let ids = insert(&mut conn, &people, served.now()).await;
    let named: Vec<String> = (0..6).map(|n| format!("userName eq \"p{n}@acme.com\"")).collect();
    let filter = encoded(&format!("active eq true and ({})", named.join(" or ")));
    let page =
        async |start: usize| served.get(&format!("/scim/v2/Users?filter={filter}&startIndex={start}&count=2")).await;
    assert_eq!(page(1).await.ids(), ids[..2]);
    people[0].active = false;
    served.clock.advance(TimeDelta::seconds(1));
    update(&mut conn, ids[0], &people[0], served.now()).await;
    let second = page(3).await;
    assert_eq!((second.ids(), &second.list()["totalResults"]), (ids[2..4].to_vec(), &6.into()));
    remove(&mut conn, ids[3], served.now()).await;
    assert_eq!(page(5).await.ids(), ids[4..6]);
    assert_eq!(page(7).await.ids(), [] as [Uuid; 0]);
    assert_eq!(page(2).await.ids(), [ids[2], ids[4]], "nobody walked there: counted");
    served.stop().await;
}

/// R-102 and law 8: people come inside a policy and leave it while a consumer walks; each of the others is there once.
#[tokio::test]
async fn a_walk_under_a_policy_is_exact_while_people_enter_and_leave() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = crowd(60);
    for (n, one) in people.iter_mut().enumerate() {
        let title = if n % 3 == 0 { "Outside" } else { "Inside" };
        one.attributes.insert(name::TITLE.to_owned(), title.to_owned());
    }
    let ids = insert(&mut conn, &people, served.now()).await;
    let desk = served.released("desk", &["scim:read"], Some("title eq \"Inside\""), None, None).await;
    for query in ["", "&sortBy=displayName&sortOrder=descending", "&sortBy=title"] {
        let (mut walked, mut moved) = (Vec::new(), BTreeSet::new());
        for step in 0..100 {
            let start = walked.len() + 1;
            let answer = served.get_as(&desk, &format!("/scim/v2/Users?startIndex={start}&count=4{query}")).await;
            let page = answer.ids();
            if page.is_empty() {
                break;
            }
            walked.extend(page);
            // Some people come in and some leave: before the place and behind it.
            for n in [step * 7 % 60, step * 11 % 60, (step * 13 + 30) % 60] {
                let title = if people[n].attributes[name::TITLE] == "Inside" { "Outside" } else { "Inside" };
                people[n].attributes.insert(name::TITLE.to_owned(), title.to_owned());
                update(&mut conn, ids[n], &people[n], served.now()).await;
                moved.insert(ids[n]);
            }
        }
        let stayed = |id: &Uuid| !moved.contains(id);
        let inside = (0..60).filter(|n| people[*n].attributes[name::TITLE] == "Inside").map(|n| ids[n]).filter(stayed);
        let mut expected: Vec<Uuid> = inside.collect();
        let mut others: Vec<Uuid> = walked.iter().copied().filter(stayed).collect();
        expected.sort_unstable();
        others.sort_unstable();
        assert!(!expected.is_empty());
        assert_eq!(others, expected, "{query}");
    }
    served.stop().await;
}

/// what was remembered of an earlier walk is no answer to a jump.
#[tokio::test]
async fn pages_of_people_who_stand_still_add_up_in_any_order() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = leads(40);
    people[0].attributes.remove(name::TITLE);
    let ids = insert(&mut conn, &people, served.now()).await;
    let desk = served.released("desk", &["scim:read"], Some("title pr"), None, None).await;
    let lists =
        [(&desk, ""), (&served.token, "&filter=title%20pr"), (&desk, "&sortBy=displayName"), (&desk, "&sortBy=title")];
    for (token, query) in lists {
        people[0].attributes.remove(name::TITLE);
        update(&mut conn, ids[0], &people[0], served.now()).await;
        let page = async |start: usize| {
            served.get_as(token, &format!("/scim/v2/Users?startIndex={start}&count=10{query}")).await.ids()
        };
        for start in [1, 11, 21, 31] {
            page(start).await;
        }
        // A person comes in who is sorted before all others; from now on nothing changes.
        people[0].attributes.insert(name::TITLE.to_owned(), "Lead".to_owned());
        update(&mut conn, ids[0], &people[0], served.now()).await;
        for orders in [[1, 31, 11, 21], [31, 21, 11, 1]] {
            if orders[0] == 31 {
                // No walk has started again: a page that was given may be requested once more, but not for long.
                served.clock.advance(TimeDelta::minutes(4));
            }
            let mut union = Vec::new();
            for start in orders {
                union.extend(page(start).await);
            }
            union.sort_unstable();
            let mut all = ids.clone();
            all.sort_unstable();
            assert_eq!(union, all, "{query} {orders:?}");
        }
        // A client that lost an answer requests the page again.
        let first = page(1).await;
        let second = page(11).await;
        assert_eq!((page(11).await, first.len()), (second, 10), "{query}");
    }
    served.stop().await;
}

/// of two overlapping walks of one consumer, none misses a person who was there all the time.
#[tokio::test]
async fn a_walk_beside_another_misses_nobody() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = leads(40);
    let ids = insert(&mut conn, &people, served.now()).await;
    let desk = served.released("desk", &["scim:read"], Some("title pr"), None, None).await;
    for (token, query) in [(&desk, ""), (&served.token, "&filter=title%20pr")] {
        for enters in [false, true] {
            let page = async |start: usize| {
                served.get_as(token, &format!("/scim/v2/Users?startIndex={start}&count=10{query}")).await.ids()
            };
            let (mut one, mut other) = (page(1).await, Vec::new());
            if enters {
                people[3].attributes.insert(name::TITLE.to_owned(), "Lead".to_owned());
            } else {
                people[3].attributes.remove(name::TITLE);
            }
            update(&mut conn, ids[3], &people[3], served.now()).await;
            other.extend(page(1).await);
            for start in [11, 21, 31] {
                one.extend(page(start).await);
                other.extend(page(start).await);
            }
            for (walk, walked) in [("one", &one), ("other", &other)] {
                let missing: Vec<&Uuid> = ids.iter().filter(|id| **id != ids[3] && !walked.contains(id)).collect();
                assert_eq!(missing, [] as [&Uuid; 0], "{walk} {query} {enters}");
            }
            served.clock.advance(TimeDelta::minutes(11));
        }
    }
    served.stop().await;
}

/// Reads from index 1 until `startIndex` is greater than `totalResults`, or with `to_empty` until a page is empty.
async fn walk(served: &Served, token: &str, query: &str, count: usize, to_empty: bool) -> Vec<Uuid> {
    let mut seen = Vec::new();
    loop {
        let start = seen.len() + 1;
        let answer = served.get_as(token, &format!("/scim/v2/Users?startIndex={start}&count={count}{query}")).await;
        let ids = answer.ids();
        seen.extend_from_slice(&ids);
        let total = usize::try_from(answer.list()["totalResults"].as_u64().unwrap()).unwrap();
        let is_done = if to_empty { ids.is_empty() } else { seen.len() >= total };
        if is_done {
            return seen;
        }
    }
}

/// what was read before a walk, by a probe, a HEAD, or a walk that was broken off or finished.
#[tokio::test]
async fn what_was_read_before_a_walk_hides_nobody_from_it() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = leads(60);
    let ids = insert(&mut conn, &people, served.now()).await;
    let desk = served.released("desk", &["scim:read"], Some("active eq true"), None, None).await;
    let mut gone = 0;
    for (token, query) in [(&desk, ""), (&served.token, "&filter=active%20eq%20true"), (&desk, "&sortBy=title")] {
        for before in ["probe", "HEAD", "broken off", "finished"] {
            let first = format!("/scim/v2/Users?startIndex=1&count=9{query}");
            let bearer = format!("Bearer {token}");
            let headers = [("authorization", bearer.as_str())];
            match before {
                "probe" => drop(served.get_as(token, &first).await.ids()),
                "HEAD" => assert_eq!(served.send("HEAD", &first, &headers).await.status, 200),
                "broken off" => {
                    for start in [1, 10, 19] {
                        let path = format!("/scim/v2/Users?startIndex={start}&count=9{query}");
                        assert_eq!(served.get_as(token, &path).await.ids().len(), 9);
                    }
                }
                _ => drop(walk(&served, token, query, 9, false).await),
            }
            // Some people that were read leave; from now on nothing changes.
            served.clock.advance(TimeDelta::seconds(1));
            for n in gone..gone + 2 {
                people[n].active = false;
                update(&mut conn, ids[n], &people[n], served.now()).await;
            }
            gone += 2;
            for to_empty in [false, true] {
                let seen = walk(&served, token, query, 9, to_empty).await;
                let distinct: BTreeSet<&Uuid> = seen.iter().collect();
                assert_eq!(distinct, ids[gone..].iter().collect(), "{query} {before} {to_empty}");
                if ["HEAD", "finished"].contains(&before) {
                    assert_eq!(seen.len(), distinct.len(), "{query} {before} {to_empty}");
                }
            }
            served.clock.advance(TimeDelta::minutes(61));
        }
    }
    served.stop().await;
}

/// people that leave in the middle of a walk do not end it.
#[tokio::test]
async fn a_walk_ends_where_the_list_ends_however_many_leave() {
    let served = Served::start().await;
    let mut conn = served.conn().await;
    let mut people = leads(40);
    let ids = insert(&mut conn, &people, served.now()).await;
    let desk = served.released("desk", &["scim:read"], Some("title pr"), None, None).await;
    for (token, query) in [
        (&served.token, "&filter=active%20eq%20true"),
        (&served.token, "&filter=active%20eq%20true&sortBy=title"),
        (&desk, "&filter=active%20eq%20true&sortBy=displayName"),
    ] {
        let page = async |start: usize| {
            let path = format!("/scim/v2/Users?startIndex={start}&count=8{query}");
            let answer = served.get_as(token, &path).await;
            (answer.ids(), answer.list()["totalResults"].as_u64().unwrap())
        };
        let mut seen = page(1).await.0;
        seen.extend(page(9).await.0);
        served.clock.advance(TimeDelta::seconds(1));
        for id in &seen[..13] {
            let n = ids.iter().position(|other| other == id).unwrap();
            people[n].active = false;
            update(&mut conn, *id, &people[n], served.now()).await;
        }
        let (third, total) = page(17).await;
        assert_eq!((third.len(), total), (8, 40), "startIndex − 1 and all that follow: {query}");
        assert_eq!(page(41).await, (Vec::new(), 27), "a jump is counted: {query}");
        seen.extend(third);
        for start in [25, 33] {
            let (ids, total) = page(start).await;
            assert_eq!((ids.len(), total), (8, 40), "{query}");
            seen.extend(ids);
        }
        assert_eq!(page(41).await, (Vec::new(), 40), "behind the last page: {query}");
        seen.sort_unstable();
        let mut all = ids.clone();
        all.sort_unstable();
        assert_eq!(seen, all, "{query}");
        served.clock.advance(TimeDelta::seconds(1));
        for (n, one) in people.iter_mut().enumerate() {
            one.active = true;
            update(&mut conn, ids[n], one, served.now()).await;
        }
        served.clock.advance(TimeDelta::minutes(61));
    }
    served.stop().await;
}

/// A database that takes no writes serves pages; where they ended cannot be saved.
#[tokio::test]
async fn pages_are_served_by_a_database_that_takes_no_writes() {
    let served = Served::start().await;
    let ids = insert(&mut *served.conn().await, &crowd(12), served.now()).await;
    let mut conn = served.conn().await;
    conn.batch_execute("SET default_transaction_read_only = on").await.unwrap();
    let visibility = Visibility::unrestricted("", false, Hidden::sensitive());
    for index in [1, 5, 9, 13] {
        let request = PageRequest {
            caller: Uuid::from_u128(7),
            query: b"everybody",
            start: Start::Index(index),
            count: 4,
            now: served.now(),
        };
        let page = paging::people::page(&mut conn, &visibility, &request, None, None).await.unwrap();
        let first = usize::try_from(index).unwrap() - 1;
        let found: Vec<Uuid> = page.items.iter().map(|one| one.id).collect();
        assert_eq!(found, ids.iter().skip(first).take(4).copied().collect::<Vec<_>>());
        assert_eq!(page.total, 12);
    }
    conn.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    drop(conn);
    served.stop().await;
}
