//! Tests that law 8 costs nothing per page. The number of people for a consumer is kept, not counted each time.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use rollbook::flows::{feed, runs};
use rollbook::store::changes::sequence::{WhileBusy, sequence};
use serde_json::{Value, json};

use crate::support::follower::{company, follower, hear, later, person_of, put, set_policy, total};
use crate::support::live::types;

const DATA: &str = "department eq \"Data\"";

/// What is kept, in order of the filters.
async fn kept(live: &crate::support::live::Live) -> i64 {
    live.world.number("SELECT coalesce(max(people_total), -1) FROM policy_filters").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_people_of_a_policy_is_kept_and_counted_anew_each_day() {
    let (live, connection) = company().await;
    let desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    assert_eq!((kept(&live).await, total(&live, &desk).await), (6, json!(6)));
    let mut conn = live.world.conn().await;
    conn.batch_execute("UPDATE policy_filters SET people_total = NULL, counted_at = NULL").await.unwrap();
    assert_eq!((kept(&live).await, total(&live, &desk).await), (-1, json!(6)), "counted as long as nothing is kept");
    live.world.work().await;
    assert_eq!((kept(&live).await, total(&live, &desk).await), (6, json!(6)));
    // The kept number is the answered one: no query counts.
    conn.batch_execute("UPDATE policy_filters SET people_total = 60").await.unwrap();
    assert_eq!(total(&live, &desk).await, json!(60));
    let page = live.call("GET", "/scim/v2/Users?count=2", &desk.token, None).await;
    assert_eq!((&page.list()["totalResults"], page.ids().len()), (&json!(60), 2));
    live.world.work().await;
    assert_eq!(kept(&live).await, 60, "not due");
    live.world.advance(TimeDelta::hours(25));
    live.world.work().await;
    assert_eq!((kept(&live).await, total(&live, &desk).await), (6, json!(6)), "no mistake stays");
    // Another policy starts again, and none has nothing to keep.
    set_policy(&live, &desk, json!({ "userFilter": "department eq \"Sales\"" })).await;
    assert_eq!((kept(&live).await, total(&live, &desk).await), (-1, json!(4)));
    live.world.work().await;
    assert_eq!((kept(&live).await, total(&live, &desk).await), (4, json!(4)));
    set_policy(&live, &desk, json!({ "userFilter": null })).await;
    later(&live, connection).await;
    assert_eq!((kept(&live).await, total(&live, &desk).await), (-1, json!(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_inside_or_leaves_counts_at_once_whoever_folds_it_when() {
    let (live, connection) = company().await;
    let desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    // A consumer that only reads lists is known to the log as well.
    let scopes = json!({ "scopes": ["scim:read"] });
    set_policy(&live, &desk, scopes).await;
    live.world.work().await;
    assert_eq!(kept(&live).await, 6);
    put(&live.world.vendor, [6, 7, 8], "Data");
    put(&live.world.vendor, [0], "Legal");
    live.world.advance(TimeDelta::hours(1));
    let path = format!("/api/v1/connections/{connection}/sync");
    assert_eq!(live.call("POST", &path, &live.admin, Some(&json!({}))).await.status, 202);
    while runs::worker::work(&live.world.context).await.unwrap() {}
    assert!(live.world.number("SELECT count(*) FROM changes WHERE sequence IS NULL").await >= 4);
    assert_eq!((kept(&live).await, total(&live, &desk).await), (6, json!(8)), "not folded yet, and added");
    // In steps, as the sequencer takes them when there is much.
    loop {
        let mut conn = live.world.conn().await;
        let step = conn.transaction(async |conn| sequence(conn, 1, WhileBusy::Wait).await);
        let done = step.await.unwrap();
        assert_eq!(total(&live, &desk).await, json!(8));
        if done == 0 {
            break;
        }
    }
    assert_eq!(kept(&live).await, 8);
    while feed::sequence(&live.world.context).await.unwrap() {}
    put(&live.world.vendor, [9], "Data");
    later(&live, connection).await;
    assert_eq!((kept(&live).await, total(&live, &desk).await), (9, json!(9)));
}

/// A consumer whose row in `policy_filters` is missing or out of date gets the right one with its next change.
#[tokio::test(flavor = "multi_thread")]
async fn filters_that_the_log_does_not_know_are_made_known_with_the_next_change_of_the_consumer() {
    let (live, connection) = company().await;
    let mut desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    set_policy(&live, &desk, json!({ "scopes": ["scim:read"] })).await;
    for left in ["DELETE FROM policy_filters", "UPDATE policy_filters SET user_filter = 'title pr'"] {
        live.world.conn().await.batch_execute(left).await.unwrap();
        assert_eq!(total(&live, &desk).await, json!(6), "{left}");
        set_policy(&live, &desk, json!({ "scopes": ["scim:read", "events:read"] })).await;
        hear(&live, &mut desk).await;
        put(&live.world.vendor, [9], "Data");
        later(&live, connection).await;
        assert_eq!(types(&hear(&live, &mut desk).await), ["person.entered"], "{left}");
        assert_eq!((kept(&live).await, total(&live, &desk).await), (7, json!(7)), "{left}");
        put(&live.world.vendor, [9], "Sales");
        later(&live, connection).await;
        set_policy(&live, &desk, json!({ "scopes": ["scim:read"] })).await;
    }
}

/// what follows a page of a policy is kept with the saved position, and completed from the log.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_page_of_a_policy_is_kept_and_not_counted_for_each_page() {
    let (live, connection) = company().await;
    let desk = follower(&live, "desk", json!({ "userFilter": DATA })).await;
    live.world.work().await;
    assert_eq!(kept(&live).await, 6);
    let page = async |start: usize| {
        let path = format!("/scim/v2/Users?startIndex={start}&count=1");
        let answer = live.call("GET", &path, &desk.token, None).await;
        let list = answer.list();
        let ids: Vec<Value> = list["Resources"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        (ids, list["totalResults"].as_i64().unwrap())
    };
    let whole = live.call("GET", "/scim/v2/Users", &desk.token, None).await.list();
    let whole: Vec<Value> = whole["Resources"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    let mut workers = Vec::new();
    for id in &whole {
        for worker in 0..6 {
            if person_of(&live, worker).await == *id {
                workers.push(worker);
            }
        }
    }
    assert_eq!((page(1).await, page(2).await), ((vec![whole[0].clone()], 6), (vec![whole[1].clone()], 6)));
    // A hundred more show that nothing is counted again.
    let mut conn = live.world.conn().await;
    conn.batch_execute("UPDATE page_positions SET remaining = remaining + 100").await.unwrap();
    assert_eq!(page(3).await, (vec![whole[2].clone()], 106));
    // One person that was read leaves, and one that was not.
    put(&live.world.vendor, [workers[0], workers[4]], "Legal");
    live.world.advance(TimeDelta::minutes(10));
    let path = format!("/api/v1/connections/{connection}/sync");
    assert_eq!(live.call("POST", &path, &live.admin, Some(&json!({}))).await.status, 202);
    while runs::worker::work(&live.world.context).await.unwrap() {}
    assert!(live.world.number("SELECT count(*) FROM changes WHERE sequence IS NULL").await >= 2);
    assert_eq!(page(4).await, (vec![whole[3].clone()], 105), "before the changes have numbers");
    live.world.work().await;
    assert_eq!(page(5).await, (vec![whole[5].clone()], 5), "the last page is exact");
    assert_eq!(page(6).await, (Vec::new(), 5));
}
