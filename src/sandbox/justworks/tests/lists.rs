//! Tests the list of members: filters, cursors, and companies of any size.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Bench, USUAL, error, everything, ids};
use crate::sandbox::justworks::list;
use crate::sandbox::{JustworksConfig, MAX_MEMBERS};

#[tokio::test]
async fn pages_add_up_to_the_company_and_the_two_statuses_share_nobody() {
    let bench = Bench::with(everything(237), USUAL).await;
    let all = bench.listed("limit=20").await;
    assert_eq!(all.len(), 237);
    let (active, gone) = (bench.listed("status=active").await, bench.listed("status=terminated&limit=3").await);
    let names: BTreeSet<_> = ids(&active).into_iter().chain(ids(&gone)).map(str::to_owned).collect();
    assert_eq!((names.len(), active.len() + gone.len()), (237, 237));
    assert!(gone.len() > 3 && gone.iter().all(|member| member["active"] == false));
    assert!(gone.iter().all(|member| member["employment_termination_date"].as_str().unwrap() < "2026-11-20"));
    let first = bench.get("/v1/members").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 100, "a hundred when nothing is said");
}

#[tokio::test]
async fn times_are_compared_by_the_end_of_the_parameters_name() {
    let bench = Bench::with(everything(16), USUAL).await;
    let count = async |query: &str| bench.listed(query).await.len();
    let instant = "2026-11-12T15:04:05Z";
    assert_eq!(count(&format!("updated_at={instant}")).await, 12);
    assert_eq!(count(&format!("updated_at_ne={instant}")).await, 4);
    assert_eq!(count(&format!("updated_at_gt={instant}")).await, 3);
    assert_eq!(count(&format!("updated_at_gte={instant}&limit=4")).await, 15);
    assert_eq!(count(&format!("updated_at_lt={instant}")).await, 1);
    assert_eq!(count(&format!("updated_at_lte={instant}")).await, 13);
    assert_eq!(count("updated_at_gte=2026-11-17T00:00:00Z&updated_at_lt=2026-11-18T00:00:00Z").await, 1);
    assert_eq!(count(&format!("updated_at_gte={instant}&status=terminated")).await, 0);
    assert_eq!(count("updated_at_gte=2026-11-12T16:04:05%2B01:00").await, 15);
}

#[tokio::test]
async fn wrong_parameters_are_told_as_the_page_has_it() {
    let bench = Bench::with(everything(30), USUAL).await;
    for limit in ["0", "101", "-1", "many"] {
        let reply = bench.get(&format!("/v1/members?limit={limit}")).await;
        assert_eq!((reply.status, reply.json()), (400, error("bad parameter")));
    }
    let other = Bench::with(JustworksConfig { seed: 9, ..everything(30) }, USUAL).await;
    let foreign = other.get("/v1/members?limit=4").await.json()["next_cursor"].clone();
    for cursor in ["x", "%00", "bnVsbA", foreign.as_str().unwrap()] {
        let reply = bench.get(&format!("/v1/members?cursor={cursor}")).await;
        assert_eq!((reply.status, reply.json()), (400, error("cursor no longer valid")));
    }
    for query in ["status=gone", "updated_at_gte=yesterday", "updated_at=2026-11-12"] {
        assert_eq!(bench.get(&format!("/v1/members?{query}")).await.status, 400, "{query}");
    }
    let missing = bench.get("/v1/members/mem_9999").await;
    assert_eq!((missing.status, missing.json()), (404, error("unknown member")));
    assert_eq!(bench.get("/v1/departments").await.status, 404);
}

#[tokio::test]
async fn a_cursor_holds_while_members_come_and_go() {
    let bench = Bench::with(everything(30), USUAL).await;
    let first = bench.get("/v1/members?limit=10").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    bench.vendor.remove(3, false).unwrap();
    bench.vendor.remove(9, false).unwrap();
    bench.vendor.add(&json!({"id": "mem_new"})).unwrap();
    let rest = bench.get(&format!("/v1/members?cursor={cursor}")).await.json();
    let rest = rest["items"].as_array().unwrap().clone();
    let wanted: Vec<_> = (10..30).map(|index| bench.vendor.member_id(index)).chain(["mem_new".to_owned()]).collect();
    assert_eq!(ids(&rest), wanted);
    assert_eq!(bench.listed("limit=7").await.len(), 29);
}

#[tokio::test]
async fn the_largest_company_is_read_at_both_ends_and_nothing_is_kept() {
    let bench = Bench::with(everything(MAX_MEMBERS), USUAL).await;
    let first = bench.get("/v1/members").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 100);
    let cursor = list::cursor(&bench.vendor.people(), MAX_MEMBERS - 41);
    let end = bench.get(&format!("/v1/members?limit=100&cursor={cursor}")).await.json();
    let rows = end["items"].as_array().unwrap();
    assert_eq!((rows.len(), end["next_cursor"].clone()), (40, Value::Null));
    assert_eq!(rows[39]["id"], bench.vendor.member_id(MAX_MEMBERS - 1));
    assert_eq!(bench.vendor.people().kept(), 0);
}
