//! Tests faults on demand, and the rate limit.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Bench, USUAL, error, everything, ids, refused};
use crate::sandbox::{Effect, Envelope, Fault, JustworksConfig, Shapes};

const LIST: &str = "/v1/members";

async fn bench() -> Bench {
    Bench::with(everything(40), USUAL).await
}

#[tokio::test]
async fn a_status_comes_as_often_as_asked_and_then_all_is_well() {
    let bench = bench().await;
    bench.vendor.fault(Fault::on(LIST, Effect::status(503)).exactly().nth(2)).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(bench.get(LIST).await.status);
    }
    assert_eq!(statuses, [200, 503, 200]);
    bench.vendor.fault(Fault::on(LIST, Effect::html(502)).times(1)).unwrap();
    let reply = bench.get(LIST).await;
    assert!(reply.status == 502 && reply.header("content-type").unwrap().starts_with("text/html"));
    bench.vendor.fault(Fault::on(LIST, Effect::status(400)).times(1)).unwrap();
    assert_eq!(bench.get(LIST).await.json(), error("cursor no longer valid"));
    assert_eq!(bench.vendor.statistics().http.faulted, 3);
    assert_eq!(bench.vendor.faults()[0].met, 1);
    assert!(bench.vendor.fault(Fault::on("/", Effect::status(7))).is_err());
}

#[tokio::test]
async fn a_wait_can_be_asked_for_in_seconds_as_a_date_and_not_at_all() {
    let bench = bench().await;
    let until = "2026-11-20T12:00:30Z".parse().unwrap();
    for effect in [Effect::too_many(Some(30), None), Effect::too_many_until(until), Effect::too_many(None, None)] {
        bench.vendor.fault(Fault::on(LIST, effect).times(1)).unwrap();
    }
    let mut headers = Vec::new();
    for _ in 0..3 {
        let reply = bench.get(LIST).await;
        assert_eq!((reply.status, reply.json()), (429, error("rate limited, seconds")));
        headers.push(reply.header("retry-after").map(str::to_owned));
    }
    assert_eq!(headers, [Some("30".to_owned()), Some("Fri, 20 Nov 2026 12:00:30 GMT".to_owned()), None]);
    assert_eq!(bench.get(LIST).await.status, 200);
}

#[tokio::test]
async fn truncated_json_is_no_json_and_an_empty_list_is_a_right_answer() {
    let bench = bench().await;
    bench.vendor.fault(Fault::on(LIST, Effect::Truncated).times(1)).unwrap();
    bench.vendor.fault(Fault::on(LIST, Effect::Empty).times(2)).unwrap();
    let reply = bench.get(LIST).await;
    assert!(reply.status == 200 && reply.text.len() > 100 && serde_json::from_str::<Value>(&reply.text).is_err());
    assert_eq!(bench.get("/v1/members?limit=3").await.json(), json!({"items": [], "next_cursor": null}));
    bench.vendor.set_shapes(Shapes { envelope: Envelope::Data, ..Shapes::default() });
    let empty = json!({"data": [], "pagination": {"next_cursor": null}});
    assert_eq!(bench.get("/v1/members?limit=3").await.json(), empty);
}

#[tokio::test]
async fn a_cursor_can_repeat_and_rows_can_move_between_pages() {
    let bench = bench().await;
    let next = bench.get("/v1/members?limit=10").await.json()["next_cursor"].clone();
    let path = format!("/v1/members?limit=10&cursor={}", next.as_str().unwrap());
    let right = bench.get(&path).await.json();
    bench.vendor.fault(Fault::on(LIST, Effect::SameCursor).times(1)).unwrap();
    assert_eq!(bench.get(&path).await.json()["next_cursor"], next);
    bench.vendor.fault(Fault::on(LIST, Effect::Shift { by: -1 }).times(1)).unwrap();
    let twice = bench.get(&path).await.json();
    assert_eq!(twice["items"][1], right["items"][0]);
    assert_eq!(ids(&twice["items"].as_array().unwrap()[..1]), [bench.vendor.member_id(9)]);
    bench.vendor.fault(Fault::on(LIST, Effect::Shift { by: 1 }).times(1)).unwrap();
    assert_eq!(bench.get(&path).await.json()["items"][0], right["items"][1]);
}

#[tokio::test]
async fn answers_can_be_slow_or_fail_to_come() {
    let bench = bench().await;
    bench.vendor.fault(Fault::on(LIST, Effect::Close).times(1)).unwrap();
    let failed = bench.try_get(LIST, &bench.access).await.err().unwrap();
    assert!(failed.is_request() && !failed.is_status(), "{failed:?}");
    bench.vendor.fault(Fault::on(LIST, Effect::Slow { ms: 50 }).times(1)).unwrap();
    let begin = std::time::Instant::now();
    assert_eq!(bench.get(LIST).await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(50));
    bench.vendor.fault(Fault::on(LIST, Effect::Hang)).unwrap();
    let url = format!("{}{LIST}", bench.running.base_url());
    let hanging = tokio::spawn(bench.http.get(url).bearer_auth(&bench.access).send());
    while bench.vendor.statistics().http.faulted < 3 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    bench.running.stop().await;
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn the_token_endpoint_can_fail_without_having_done_anything() {
    let bench = bench().await;
    let tokens = bench.connect(USUAL).await;
    for (effect, status) in [(Effect::status(503), 503), (Effect::status(401), 401), (Effect::html(502), 502)] {
        bench.vendor.fault(Fault::on("/oauth/token", effect).times(1)).unwrap();
        assert_eq!(bench.refresh(&tokens["refresh_token"]).await.status, status);
    }
    bench.vendor.fault(Fault::on("/oauth/token", Effect::status(400)).times(1)).unwrap();
    assert_eq!(bench.refresh(&tokens["refresh_token"]).await.json(), refused("invalid_grant"));
    let refreshed = bench.refresh(&tokens["refresh_token"]).await;
    assert_eq!((refreshed.status, bench.vendor.statistics().refreshes), (200, 1));
    let recent = bench.vendor.statistics().http.recent;
    assert!(recent.iter().all(|request| !request.contains("jwr_") && !request.contains("jwc_")), "{recent:?}");
}

#[tokio::test]
async fn the_rate_limit_holds_for_a_minute_and_says_how_long() {
    let bench = Bench::with(JustworksConfig { rate_limit_per_minute: 2, ..everything(16) }, USUAL).await;
    assert_eq!((bench.get(LIST).await.status, bench.get("/v1/company").await.status), (200, 200));
    bench.advance(TimeDelta::milliseconds(29_500));
    let reply = bench.get(LIST).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("31")));
    assert_eq!(reply.json(), error("rate limited, seconds"));
    bench.advance(TimeDelta::seconds(31));
    assert_eq!(bench.get(LIST).await.status, 200);
    let statistics = bench.vendor.statistics().http;
    assert_eq!((statistics.rate_limited, statistics.busiest_window, statistics.requests[LIST]), (1, 3, 3));
    assert_eq!(statistics.requests["/oauth/token"], 1);
}

#[tokio::test]
async fn without_a_token_there_is_only_401_and_resources_are_only_read() {
    let bench = bench().await;
    let url = format!("{}{LIST}", bench.running.base_url());
    let plain = bench.http.get(&url).send().await.unwrap();
    assert_eq!(plain.status(), 401);
    let wrong = bench.try_get(LIST, "made-up-access").await.unwrap();
    assert_eq!((wrong.status, &wrong.json()["error"]), (401, &json!("invalid_token")));
    let refresh = bench.connect(USUAL).await["refresh_token"].clone();
    assert_eq!(bench.opens(&refresh).await, 401, "a refresh token is no access token");
    assert_eq!(bench.http.delete(&url).bearer_auth(&bench.access).send().await.unwrap().status(), 405);
    assert_eq!(bench.vendor.statistics().http.unauthorized, 3);
}
