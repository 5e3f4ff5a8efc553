//! Tests faults on demand, and the rate limit.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Bench, everything, id};
use crate::sandbox::{Effect, Fault, SandboxConfig};

const LIST: &str = "/v1/employments";

fn bench() -> Bench {
    Bench::new(SandboxConfig { rate_limit_per_minute: 0, ..everything(40) })
}

#[tokio::test]
async fn a_status_comes_as_often_as_asked_and_then_all_is_well() {
    let bench = bench();
    bench.sandbox.fault(Fault::on(LIST, Effect::status(503)).exactly().page(2).times(2)).unwrap();
    let mut statuses = Vec::new();
    for page in [1, 2, 2, 2] {
        statuses.push(bench.get(&format!("{LIST}?page={page}&page_size=10")).await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    assert_eq!((bench.sandbox.faults()[0].seen, bench.sandbox.faults()[0].met), (3, 2));
    assert_eq!(bench.sandbox.statistics().faulted, 2);
}

#[tokio::test]
async fn a_gateway_answers_html_and_a_company_that_is_not_active_409() {
    let bench = bench();
    bench.sandbox.fault(Fault::on(LIST, Effect::html(502)).times(1)).unwrap();
    bench.sandbox.fault(Fault::on(LIST, Effect::status(409))).unwrap();
    let reply = bench.get(LIST).await;
    assert_eq!(reply.status, 502);
    assert!(reply.header("content-type").unwrap().starts_with("text/html"));
    let reply = bench.get(LIST).await;
    assert_eq!(reply.status, 409);
    assert_eq!(reply.json()["message"], "Company needs to be in status active to manage employments");
}

#[tokio::test]
async fn a_token_can_die_in_the_middle_of_a_read() {
    let bench = bench();
    bench.sandbox.fault(Fault::on("/", Effect::status(401)).from(3)).unwrap();
    let mut statuses = Vec::new();
    for page in 1..=4 {
        statuses.push(bench.get(&format!("{LIST}?page={page}&page_size=10")).await.status);
    }
    assert_eq!(statuses, [200, 200, 401, 401]);
}

#[tokio::test]
async fn a_wait_can_be_asked_for_in_seconds_and_in_milliseconds() {
    let bench = bench();
    bench.sandbox.fault(Fault::on(LIST, Effect::too_many(Some(7), Some(41_250))).times(1)).unwrap();
    let reply = bench.get(LIST).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("7"));
    assert_eq!(reply.header("x-ratelimit-reset"), Some("41250"));
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(bench.sandbox.statistics().rate_limited, 0);
}

#[tokio::test]
async fn truncated_json_is_no_json_and_an_empty_list_is_a_right_answer() {
    let bench = bench();
    bench.sandbox.fault(Fault::on(LIST, Effect::Truncated).times(1)).unwrap();
    bench.sandbox.fault(Fault::on(LIST, Effect::Empty).times(1)).unwrap();
    let reply = bench.get(LIST).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text.len() > 100 && serde_json::from_str::<Value>(&reply.text).is_err());
    let reply = bench.get(LIST).await;
    assert_eq!((reply.status, reply.json()), (200, super::example("employments_list_empty")));
    assert_eq!(bench.get(LIST).await.json()["data"]["total_count"], 40);
}

#[tokio::test]
async fn a_connection_can_be_closed_without_an_answer() {
    let bench = bench();
    bench.sandbox.fault(Fault::on(LIST, Effect::Close)).unwrap();
    let error = bench.try_get(LIST).await.err().unwrap();
    assert!(error.is_request() && !error.is_status() && !error.is_body(), "{error:?}");
    bench.sandbox.clear_faults();
    assert_eq!(bench.get(LIST).await.status, 200);
}

#[tokio::test]
async fn a_hanging_request_ends_with_the_sandbox() {
    let bench = bench();
    bench.sandbox.fault(Fault::on(LIST, Effect::Hang)).unwrap();
    let url = format!("{}{LIST}", bench.running.base_url());
    let hanging = tokio::spawn(bench.http.get(url).bearer_auth(bench.sandbox.token()).send());
    while bench.sandbox.statistics().faulted == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    let address = bench.running.address();
    bench.running.stop().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(std::net::TcpListener::bind(address).is_ok());
}

#[tokio::test]
async fn a_slow_answer_is_the_right_answer_after_a_while() {
    let bench = bench();
    bench.sandbox.fault(Fault::on(LIST, Effect::Slow { ms: 50 })).unwrap();
    let begin = std::time::Instant::now();
    assert_eq!(bench.get(LIST).await.json()["data"]["total_count"], 40);
    assert!(begin.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_bulk_cursor_can_repeat() {
    let bench = bench();
    let next = bench.get("/v1/employments/bulk?limit=10").await.json()["next_cursor"].clone();
    let path = format!("/v1/employments/bulk?limit=10&cursor={}", next.as_str().unwrap());
    assert_ne!(bench.get(&path).await.json()["next_cursor"], next);
    bench.sandbox.fault(Fault::on("/v1/employments/bulk", Effect::SameCursor)).unwrap();
    assert_eq!(bench.get(&path).await.json()["next_cursor"], next);
}

#[tokio::test]
async fn a_cursor_of_nobody_is_refused() {
    let bench = bench();
    let other = Bench::new(SandboxConfig { seed: 77, ..everything(40) });
    let foreign = other.get("/v1/employments/bulk?limit=10").await.json()["next_cursor"].clone();
    for cursor in ["x", "%00", "AAAA", foreign.as_str().unwrap()] {
        assert_eq!(bench.get(&format!("/v1/employments/bulk?cursor={cursor}")).await.status, 422);
    }
}

#[tokio::test]
async fn rows_can_move_between_pages_while_the_total_stays() {
    let bench = bench();
    let whole: BTreeSet<_> = bench.listed(10).await.into_iter().collect();
    bench.sandbox.fault(Fault::on(LIST, Effect::Shift { by: -1 }).exactly().page(2).times(1)).unwrap();
    let twice = bench.listed(10).await;
    assert_eq!(twice.len(), 40);
    assert_eq!(twice[9], twice[10]);
    assert_eq!(twice.iter().collect::<BTreeSet<_>>().len(), 39);
    bench.sandbox.fault(Fault::on(LIST, Effect::Shift { by: 1 }).exactly().page(2).times(1)).unwrap();
    let missed: BTreeSet<_> = bench.listed(10).await.into_iter().collect();
    assert_eq!(whole.difference(&missed).count(), 1);
    assert_eq!(bench.listed(10).await.into_iter().collect::<BTreeSet<_>>(), whole);
}

#[tokio::test]
async fn the_rate_limit_holds_for_a_minute_from_the_first_request() {
    let bench = Bench::new(SandboxConfig { rate_limit_per_minute: 3, ..everything(16) });
    let reply = bench.get("/v1/countries").await;
    assert_eq!(reply.header("x-ratelimit-count"), Some("1"));
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("2"));
    assert_eq!(reply.header("x-ratelimit-reset"), Some("60000"));
    bench.advance(TimeDelta::milliseconds(18_750));
    bench.get("/v1/countries").await;
    assert_eq!(bench.get("/v1/countries").await.header("x-ratelimit-remaining"), Some("0"));
    let refused = bench.get("/v1/countries").await;
    let errors = super::example("errors");
    let wanted = errors.as_array().unwrap().iter().find(|error| error["case"] == "rate limited").unwrap();
    assert_eq!((u64::from(refused.status), &refused.json()), (429, &wanted["body"]));
    assert_eq!(refused.header("x-ratelimit-reset"), wanted["headers"]["x-ratelimit-reset"].as_str());
    assert!(refused.header("retry-after").is_none());
    bench.advance(TimeDelta::milliseconds(41_250));
    assert_eq!(bench.get("/v1/countries").await.status, 200);
    let statistics = bench.sandbox.statistics();
    assert_eq!((statistics.rate_limited, statistics.busiest_window, statistics.total), (1, 4, 5));
    assert_eq!(statistics.statuses, [(200, 4), (429, 1)].into());
}

#[tokio::test]
async fn without_the_bulk_endpoint_it_answers_404() {
    let bench = Bench::new(SandboxConfig { bulk: false, ..everything(16) });
    assert_eq!(bench.get("/v1/employments/bulk").await.status, 404);
    bench.sandbox.set_bulk(true);
    assert_eq!(bench.get("/v1/employments/bulk").await.status, 200);
}

#[tokio::test]
async fn only_the_token_opens_and_a_rotated_one_replaces_it() {
    let bench = bench();
    let old = bench.sandbox.token();
    let url = format!("{}{LIST}", bench.running.base_url());
    let asked = async |token: &str| bench.http.get(&url).bearer_auth(token).send().await.unwrap().status().as_u16();
    assert_eq!(bench.http.get(&url).send().await.unwrap().status().as_u16(), 401);
    assert_eq!((asked("wrong").await, asked(&old).await), (401, 200));
    let new = bench.sandbox.rotate_token();
    assert!(new.starts_with("ra_test_") && new.len() >= 32);
    assert_eq!((asked(&old).await, asked(&new).await), (401, 200));
    assert_eq!(bench.sandbox.statistics().unauthorized, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sandboxes_in_one_process_do_not_know_each_other() {
    let (one, two) = (bench(), Bench::new(SandboxConfig { seed: 9, ..everything(40) }));
    one.sandbox.fault(Fault::on("/", Effect::status(500))).unwrap();
    assert_eq!((one.get(LIST).await.status, two.get(LIST).await.status), (500, 200));
    let foreign = two.sandbox.employment(3).unwrap();
    one.sandbox.clear_faults();
    assert_eq!(one.get(&format!("{LIST}/{}", id(&foreign))).await.status, 404);
    assert_eq!(one.sandbox.statistics().requests, [(LIST.to_owned(), 1), (format!("{LIST}/{{id}}"), 1)].into());
    assert_eq!(one.get("/v1/nowhere").await.json(), json!({"message": "Not found"}));
}
