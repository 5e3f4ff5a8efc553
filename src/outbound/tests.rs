//! Tests of the client against a server, with a clock that skips every wait.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;

/// A vendor that describes its rate window.
static COUNTING: Dialect = Dialect {
    rate: Some(dialect::RateHeaders {
        count: Some("x-ratelimit-count"),
        remaining: "x-ratelimit-remaining",
        reset: "x-ratelimit-reset",
        reset_unit: dialect::ResetUnit::Milliseconds,
    }),
    error_keys: &["message"],
    keys: &[],
    known: &[],
};

fn noon() -> DateTime<Utc> {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn outbound() -> Outbound {
    Outbound::new(Clock::manual(noon()), true).unwrap()
}

fn call(base: &str) -> Call {
    Call::get(Url::parse(base).unwrap().join("/v1/things?email=ana@acme.com").unwrap()).dialect(&COUNTING)
}

async fn fetch(outbound: &Outbound, base: &str) -> Result<HttpAnswer, OutboundError> {
    outbound.fetch(&call(base), &outbound.pace("test", 240), &Retry::default()).await
}

/// Answers `first` times with one template, then with another.
async fn server(first: ResponseTemplate, times: u64, then: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(first).up_to_n_times(times).mount(&server).await;
    Mock::given(method("GET")).respond_with(then).mount(&server).await;
    server
}

/// A server that sends the same bytes to every client and closes the connection.
async fn raw_server(answer: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let visits = Arc::new(AtomicUsize::new(0));
    let count = visits.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer).await;
        }
    });
    (base, visits)
}

#[tokio::test]
async fn a_call_carries_its_token_and_names_us_and_shows_neither_token_nor_query() {
    let server = MockServer::start().await;
    Mock::given(path("/v1/things"))
        .and(header("authorization", "Bearer ra_live_secret"))
        .and(header("user-agent", USER_AGENT))
        .and(header("accept", "application/json"))
        .respond_with(ResponseTemplate::new(201).set_body_string("{}"))
        .mount(&server)
        .await;
    let outbound = outbound();
    let call = call(&server.uri()).bearer(SecretString::from("ra_live_secret"));
    assert_eq!(outbound.send(&call).await.unwrap().status, 201);
    let shown = format!("{call:?} {} {outbound:?}", call.label());
    assert!(shown.contains("GET /v1/things") && !shown.contains("secret") && !shown.contains("ana"), "{shown}");
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_without_being_shown() {
    let call = call("http://127.0.0.1:9").bearer(SecretString::from("sec\nret"));
    let error = outbound().send(&call).await.unwrap_err();
    assert!(matches!(&error, OutboundError::Request { detail } if !detail.contains("ret\n")), "{error:?}");
    assert!(!format!("{error:?}{error}").contains("sec"), "{error:?}");
}

#[tokio::test]
async fn private_addresses_and_plain_http_need_the_setting() {
    let server = MockServer::start().await;
    let strict = Outbound::new(Clock::manual(noon()), false).unwrap();
    for base in [server.uri(), server.uri().replace("http:", "https:"), "https://localhost:1".to_owned()] {
        let error = fetch(&strict, &base).await.unwrap_err();
        assert!(matches!(error, OutboundError::Address { .. }), "{base}: {error:?}");
    }
    assert_eq!(strict.clock().paused(), Duration::ZERO, "what is refused is not tried again");
    assert!(server.received_requests().await.unwrap().is_empty());
    assert_eq!(fetch(&outbound(), &server.uri().replace("127.0.0.1", "localhost")).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = MockServer::start().await;
    let home = ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/");
    Mock::given(method("GET")).respond_with(home).expect(1).mount(&server).await;
    let answer = fetch(&outbound(), &server.uri()).await.unwrap();
    assert_eq!(answer.status, 302);
    assert!(answer.error_detail().contains("redirect"));
}

#[tokio::test]
async fn an_answer_above_its_limit_is_not_read_to_the_end() {
    let server =
        server(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1001]), 9, ResponseTemplate::new(500)).await;
    let error = outbound().send(&call(&server.uri()).at_most(1000)).await.unwrap_err();
    assert_eq!(error, OutboundError::TooLarge { limit: 1000 });
    assert_eq!(outbound().send(&call(&server.uri()).at_most(1001)).await.unwrap().body.len(), 1001);

    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nxxxxxxxx\r\n8\r\nxxxxxxxx\r\n0\r\n\r\n";
    let (base, _) = raw_server(chunked).await;
    assert_eq!(outbound().send(&call(&base).at_most(15)).await.unwrap_err(), OutboundError::TooLarge { limit: 15 });
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_as_long_as_the_vendor_says() {
    let ok = || ResponseTemplate::new(200).set_body_string("{}");
    for (limited, seconds) in [
        (
            ResponseTemplate::new(429)
                .insert_header("x-ratelimit-remaining", "0")
                .insert_header("x-ratelimit-reset", "41250"),
            41.25,
        ),
        (ResponseTemplate::new(429).insert_header("retry-after", "7"), 7.0),
        (ResponseTemplate::new(429).insert_header("retry-after", "Fri, 20 Nov 2026 12:02:00 GMT"), 120.0),
        (ResponseTemplate::new(429), 60.0),
    ] {
        let (outbound, server) = (outbound(), server(limited, 1, ok()).await);
        assert_eq!(fetch(&outbound, &server.uri()).await.unwrap().status, 200);
        let waited = outbound.clock().paused().as_secs_f64();
        assert!((waited - seconds).abs() < 1e-6, "{waited} instead of {seconds}");
    }
}

#[tokio::test]
async fn a_rate_limit_stops_everybody_who_asks_the_account() {
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "30");
    let (outbound, server) = (outbound(), server(limited, 1, ResponseTemplate::new(200)).await);
    let once = Retry { tries: 1, ..Retry::default() };
    let failed = outbound.fetch(&call(&server.uri()), &outbound.pace("test", 240), &once).await;
    assert!(matches!(failed, Err(OutboundError::GaveUp { tries: 1, .. })), "{failed:?}");
    assert_eq!(outbound.clock().paused(), Duration::ZERO);
    assert_eq!(fetch(&outbound, &server.uri()).await.unwrap().status, 200);
    assert_eq!(outbound.clock().now(), noon() + TimeDelta::seconds(30));
}

#[tokio::test]
async fn a_vendor_that_asks_for_more_patience_than_we_have_ends_the_attempt() {
    let away = ResponseTemplate::new(503).insert_header("retry-after", "901");
    let (outbound, server) = (outbound(), server(away, 9, ResponseTemplate::new(200)).await);
    let error = fetch(&outbound, &server.uri()).await.unwrap_err();
    let OutboundError::GaveUp { tries: 1, retry_after: Some(wait), .. } = error else { panic!("{error:?}") };
    assert_eq!(wait, Duration::from_secs(901));
    assert_eq!(outbound.clock().paused(), Duration::ZERO);
}

#[tokio::test]
async fn failures_that_pass_are_tried_five_times_with_growing_waits() {
    let html = ResponseTemplate::new(502).set_body_raw("<html><body>Bad gateway</body></html>", "text/html");
    let (recovering, outbound_one) = (server(html.clone(), 4, ResponseTemplate::new(200)).await, outbound());
    assert_eq!(fetch(&outbound_one, &recovering.uri()).await.unwrap().status, 200);
    let waited = outbound_one.clock().paused();
    assert!(waited >= Duration::from_millis(7_500) && waited <= Duration::from_secs(15), "1 + 2 + 4 + 8 s: {waited:?}");

    let (dead, outbound_two) = (server(html, 99, ResponseTemplate::new(200)).await, outbound());
    let error = fetch(&outbound_two, &dead.uri()).await.unwrap_err();
    let OutboundError::GaveUp { tries: 5, detail, retry_after: None } = error else { panic!("{error:?}") };
    assert_eq!(detail, "status 502: an HTML page");
    assert_eq!(dead.received_requests().await.unwrap().len(), 5);
}

#[tokio::test]
async fn other_refusals_are_answers_and_are_not_tried_again() {
    for status in [400, 401, 403, 404, 409, 422] {
        let (outbound, server) =
            (outbound(), server(ResponseTemplate::new(status), 1, ResponseTemplate::new(200)).await);
        assert_eq!(fetch(&outbound, &server.uri()).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable_after_five_tries() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outbound = outbound();
    let error = fetch(&outbound, &base).await.unwrap_err();
    let OutboundError::GaveUp { tries: 5, detail, retry_after: None } = error else { panic!("{error:?}") };
    assert!(detail.starts_with("no connection: ") && !detail.contains("ana"), "{detail}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_tried_again() {
    let (base, visits) = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\": [").await;
    let error = fetch(&outbound(), &base).await.unwrap_err();
    assert!(matches!(error, OutboundError::GaveUp { tries: 5, .. }), "{error:?}");
    assert_eq!(visits.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn https_to_a_server_without_tls_is_no_connection() {
    let server = MockServer::start().await;
    let error = outbound().send(&call(&server.uri().replace("http:", "https:"))).await.unwrap_err();
    assert!(matches!(error, OutboundError::Unreachable { .. }), "{error:?}");
}

/// A vendor with a fixed window of a minute that begins with a request.
struct FixedWindow {
    clock: Clock,
    limit: usize,
    window: Mutex<(DateTime<Utc>, usize)>,
}

impl Respond for FixedWindow {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut window = self.window.lock().unwrap();
        if self.clock.now() >= window.0 + TimeDelta::minutes(1) {
            *window = (self.clock.now(), 0);
        }
        window.1 += 1;
        ResponseTemplate::new(if window.1 > self.limit { 429 } else { 200 })
    }
}

#[tokio::test]
async fn parallel_calls_keep_the_pace_of_their_account() {
    let (server, outbound) = (MockServer::start().await, outbound());
    let window = Mutex::new((noon() - TimeDelta::days(1), 0));
    let vendor = FixedWindow { clock: outbound.clock().clone(), limit: 10, window };
    Mock::given(method("GET")).respond_with(vendor).mount(&server).await;
    let calls = (0..35).map(|_| async {
        // Each gets the pace by name, as separate connectors of one account would.
        let pace = outbound.pace("acme", 10);
        outbound.fetch(&call(&server.uri()), &pace, &Retry { tries: 1, ..Retry::default() }).await
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    // At least, because this clock jumps while calls are in flight, which makes their answers late.
    assert!(outbound.clock().now() >= noon() + TimeDelta::minutes(3), "35 calls at 10 a minute");
}

#[tokio::test]
async fn a_form_is_posted_once_and_shown_nowhere() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(header("accept", "application/json"))
        .and(body_string("grant_type=refresh_token&refresh_token=s3cret%26+%2B"))
        .respond_with(ResponseTemplate::new(503))
        .expect(1)
        .mount(&server)
        .await;
    let url = Url::parse(&server.uri()).unwrap().join("/oauth/token").unwrap();
    let call = Call::post_form(url, &[("grant_type", "refresh_token"), ("refresh_token", "s3cret& +")]).at_most(100);
    let outbound = outbound();
    assert_eq!(outbound.send(&call).await.unwrap().status, 503, "any status is an answer");
    let shown = format!("{call:?} {}", call.label());
    assert!(shown.contains("POST /oauth/token") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_request_that_nobody_can_have_read_is_told_from_one_that_somebody_may_have() {
    let sent = |outcome: Result<HttpAnswer, OutboundError>| match outcome {
        Err(OutboundError::Unreachable { sent, .. }) => sent,
        other => panic!("{other:?}"),
    };
    let form = |base: &str| Call::post_form(Url::parse(base).unwrap(), &[("a", "b")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(!sent(outbound().send(&form(&nobody)).await), "nobody listens");
    let server = MockServer::start().await;
    assert!(!sent(outbound().send(&form(&server.uri().replace("http:", "https:"))).await), "no TLS there");

    let (hangs_up, visits) = raw_server(b"").await;
    assert!(sent(outbound().send(&form(&hangs_up)).await), "read, and no answer");
    let (breaks_off, _) = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await;
    assert!(sent(outbound().send(&form(&breaks_off)).await), "the answer breaks off");
    assert_eq!(visits.load(Ordering::SeqCst), 1, "never a second time");

    let late = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(method("POST")).respond_with(never).mount(&late).await;
    let hasty = Outbound::within(Duration::from_millis(300), Clock::manual(noon()), true).unwrap();
    assert!(sent(hasty.send(&form(&late.uri())).await), "no answer in time");
}

#[tokio::test]
async fn a_form_does_not_ride_on_a_connection_that_stood_idle() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                }
            });
        }
    });
    let outbound = outbound();
    let mut seen = Vec::new();
    for call in [Call::get(url.clone()), Call::get(url.clone()), Call::post_form(url.clone(), &[("a", "b")])] {
        assert_eq!(outbound.send(&call).await.unwrap().status, 200);
        seen.push(connections.load(Ordering::SeqCst));
    }
    assert_eq!(seen, [1, 1, 2]);
}
