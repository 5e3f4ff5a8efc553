//! Tests of readings that must not reach their end, and of waits.

use std::sync::Mutex;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use wiremock::{Request, Respond};

use super::*;
use crate::connectors::connector::Detail;

/// The error of a company whose only special answer is this one.
async fn fails(at: &str, answer: ResponseTemplate) -> ConnectorError {
    let company = Company::new().await;
    company.says(at, answer).await;
    company.facts().await;
    if at == EMPLOYMENTS {
        company.says(BULK, error("unknown id")).await;
    }
    company.bulk().await;
    let failed = match company.begin().await {
        Ok(mut reading) => read(reading.as_mut()).await.map(|_| ()).unwrap_err(),
        Err(error) => error,
    };
    assert!(!format!("{failed} {failed:?}").contains("5ecret"), "{failed:?}");
    failed
}

#[track_caller]
fn assert_malformed(error: &ConnectorError, part: &str) {
    let ConnectorError::Malformed { request, detail, .. } = error else { panic!("{error:?}") };
    assert!(request.starts_with("GET /v1/") && !request.contains('?'), "{request}");
    assert!(detail.contains(part), "{detail}");
}

#[tokio::test]
async fn a_token_that_is_not_accepted_needs_a_new_one() {
    for at in ["/v1/identity/current", OFFBOARDINGS, DEPARTMENTS, BULK, EMPLOYMENTS] {
        let failed = fails(at, error("missing, revoked or wrong-environment token")).await;
        assert!(matches!(failed, ConnectorError::Unauthorized { status: 401, .. }), "{at}: {failed:?}");
        assert!(failed.needs_reauthorization());
    }
}

#[tokio::test]
async fn a_token_that_does_not_reach_the_employments_needs_a_new_one() {
    for at in ["/v1/identity/current", EMPLOYMENTS] {
        let failed = fails(at, error("token lacks the scope")).await;
        assert!(matches!(failed, ConnectorError::Unauthorized { status: 403, .. }), "{at}: {failed:?}");
    }
}

#[tokio::test]
async fn a_company_that_is_not_active_is_not_an_empty_one() {
    for at in [BULK, EMPLOYMENTS] {
        let failed = fails(at, error("company not active")).await;
        let ConnectorError::Refused { status: 409, detail, .. } = failed else { panic!("{failed:?}") };
        assert_eq!(detail, "the company has to be in the status active at Remote");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_not_an_empty_list() {
    for at in [BULK, EMPLOYMENTS, OFFBOARDINGS, DEPARTMENTS] {
        for answer in [json!({}), json!({"data": null}), json!({"message": "hello"})] {
            assert_malformed(&fails(at, ResponseTemplate::new(200).set_body_json(answer)).await, "no list");
        }
    }
    assert_malformed(
        &fails("/v1/identity/current", ResponseTemplate::new(200).set_body_json(json!({}))).await,
        "company",
    );
}

#[tokio::test]
async fn html_truncated_json_and_an_empty_body_are_described() {
    let html = ResponseTemplate::new(200).set_body_raw("<html>Sign in, Ana</html>", "text/html");
    let failed = fails(EMPLOYMENTS, html).await;
    assert_malformed(&failed, "an HTML page; status 200, content type text/html, 25 bytes");
    let half = recorded("employments_bulk_page1").to_string();
    let half = ResponseTemplate::new(200).set_body_raw(&half[..half.len() / 2], "application/json");
    assert_malformed(&fails(BULK, half).await, "JSON that ends too early");
    assert_malformed(&fails(BULK, ResponseTemplate::new(200)).await, "an empty body");
}

#[tokio::test]
async fn a_cursor_that_comes_again_is_no_end() {
    let company = Company::new().await;
    // Every page, the first and the one behind the cursor, names the same cursor.
    company.says_json(BULK, recorded("employments_bulk_page1")).await;
    company.facts().await;
    let mut reading = company.begin().await.unwrap();
    assert_eq!(reading.next_page().await.unwrap().end, None);
    assert_malformed(&reading.next_page().await.unwrap_err(), "cursor");
}

/// A list that never ends and never has any employment: each page has another cursor.
struct Circles;

impl Respond for Circles {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let cursor =
            request.url.query_pairs().find(|(name, _)| name == "cursor").map_or(0, |(_, n)| n.parse().unwrap());
        ResponseTemplate::new(200).set_body_json(json!({"data": [], "next_cursor": (cursor + 1).to_string()}))
    }
}

#[tokio::test]
async fn pages_without_end_and_without_people_are_given_up() {
    let company = Company::new().await;
    Mock::given(path(BULK)).respond_with(Circles).mount(&company.server).await;
    company.facts().await;
    assert_malformed(&read(company.begin().await.unwrap().as_mut()).await.unwrap_err(), "nothing new");
}

#[tokio::test]
async fn a_list_that_breaks_off_or_repeats_has_no_end() {
    let list = |rows: Value, page: Value, pages: Value| {
        let answer =
            json!({"data": {"employments": rows, "current_page": page, "total_pages": pages, "total_count": 16}});
        ResponseTemplate::new(200).set_body_json(answer)
    };
    assert_malformed(&fails(EMPLOYMENTS, list(json!([]), json!(1), json!(2))).await, "page 1 of 2 is empty");
    assert_malformed(&fails(EMPLOYMENTS, list(json!([{"id": "a"}]), json!(1), json!(3))).await, "page 1 came");
    assert_malformed(&fails(EMPLOYMENTS, list(json!([{"id": "a"}]), json!(null), json!(3))).await, "nothing new");
    let full: Vec<Value> = (0..100).map(|id| json!({"id": id})).collect();
    let uncounted = ResponseTemplate::new(200).set_body_json(json!({"data": {"employments": full}}));
    assert_malformed(&fails(EMPLOYMENTS, uncounted).await, "nothing new");
}

#[tokio::test]
async fn a_detail_that_is_somebody_elses_is_refused_and_one_that_is_forbidden_is_only_that() {
    let company = Company::whole().await;
    let shown = |id: &str| format!("{EMPLOYMENTS}/{id}");
    company.says_json(&shown("a"), json!({"data": {"employment": {"id": "b"}}})).await;
    company.says(&shown("c"), error("token lacks the scope")).await;
    let reading = company.begin().await.unwrap();
    let detail = async |id: &str| reading.detail(&SourceId(id.to_owned())).await.unwrap_err();
    assert_malformed(&detail("a").await, "another employment");
    assert!(matches!(detail("c").await, ConnectorError::Refused { status: 403, .. }));
}

#[tokio::test]
async fn a_page_that_could_not_be_had_can_be_asked_for_again() {
    let company = Company::new().await;
    let cursor = recorded("employments_bulk_page1")["next_cursor"].as_str().unwrap().to_owned();
    let second = Mock::given(path(BULK)).and(query_param("cursor", cursor));
    second.respond_with(error("gateway failure, not JSON")).up_to_n_times(5).mount(&company.server).await;
    company.facts().await;
    company.bulk().await;
    let mut reading = company.begin().await.unwrap();
    assert_eq!(reading.next_page().await.unwrap().items.len(), 8);
    let failed = reading.next_page().await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Unavailable { tries: 5, retry_after: None, .. }), "{failed:?}");
    assert_eq!(reading.next_page().await.unwrap().items.len(), 8);
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_and_the_reading_goes_on() {
    let company = Company::new().await;
    let limited = Mock::given(path(BULK)).respond_with(error("rate limited")).up_to_n_times(1);
    limited.mount(&company.server).await;
    company.facts().await;
    company.bulk().await;
    assert_eq!(items(&read(company.begin().await.unwrap().as_mut()).await.unwrap()).count(), 16);
    assert_eq!(company.clock.paused(), Duration::from_millis(41_250));
}

#[tokio::test]
async fn a_vendor_that_is_away_for_long_ends_the_reading_and_says_when_to_come_back() {
    let failed = fails(BULK, ResponseTemplate::new(503).insert_header("retry-after", "3600")).await;
    let ConnectorError::Unavailable { tries: 1, retry_after, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(retry_after, Some(Duration::from_hours(1)));
}

#[tokio::test]
async fn a_vendor_that_is_not_there_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings =
        RemoteSettings::parse(&json!({"baseUrl": format!("http://{}", listener.local_addr().unwrap())})).unwrap();
    drop(listener);
    let outbound = Outbound::new(Clock::manual(noon()), true).unwrap();
    let remote = Remote::new(&settings, &SecretString::from(TOKEN), outbound).unwrap();
    let failed = remote.identify().await.unwrap_err();
    let ConnectorError::Unavailable { tries: 5, request, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(request, "GET /v1/identity/current");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anybody_is_asked() {
    for (base_url, token, allow_private, word) in [
        ("https://gateway.remote.com", "ra_test_5ecret", false, "sandbox"),
        ("https://gateway.remote-sandbox.com", TOKEN, false, "sandbox"),
        ("http://gateway.remote.com", TOKEN, false, "https"),
        ("https://127.0.0.1", TOKEN, false, "127.0.0.1"),
        ("https://169.254.169.254", TOKEN, true, "169.254.169.254"),
        ("file:///etc/passwd", TOKEN, true, "scheme"),
    ] {
        let settings = RemoteSettings { base_url: base_url.to_owned(), ..RemoteSettings::default() };
        let outbound = Outbound::new(Clock::manual(noon()), allow_private).unwrap();
        let error = Remote::new(&settings, &SecretString::from(token), outbound).unwrap_err();
        let ConnectorError::Settings { detail } = error else { panic!("{error:?}") };
        assert!(detail.contains(word) && !detail.contains("5ecret"), "{detail}");
    }
}

#[tokio::test]
async fn nothing_that_can_be_printed_shows_the_token() {
    let company = Company::whole().await;
    let shown = format!("{:?}", company.remote());
    assert!(shown.contains("REDACTED") && !shown.contains("5ecret"), "{shown}");
}

/// A vendor that allows so many requests in a minute that begins with a request, and counts refusals.
struct FixedWindow {
    clock: Clock,
    limit: usize,
    window: Mutex<(DateTime<Utc>, usize)>,
}

impl Respond for FixedWindow {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut window = self.window.lock().unwrap();
        if self.clock.now() >= window.0 + TimeDelta::minutes(1) {
            *window = (self.clock.now(), 0);
        }
        window.1 += 1;
        if window.1 > self.limit {
            return error("rate limited");
        }
        let id = request.url.path_segments().unwrap().next_back().unwrap();
        ResponseTemplate::new(200).set_body_json(json!({"data": {"employment": {"id": id}}}))
    }
}

#[tokio::test]
async fn parallel_details_keep_the_pace_so_that_the_vendor_never_says_stop() {
    let company = Company::whole().await;
    let begun = company.clock.now() - TimeDelta::days(1);
    let vendor = FixedWindow { clock: company.clock.clone(), limit: 10, window: Mutex::new((begun, 0)) };
    Mock::given(path(BULK)).respond_with(ResponseTemplate::new(404)).with_priority(1).mount(&company.server).await;
    Mock::given(wiremock::matchers::path_regex("^/v1/employments/d")).respond_with(vendor).mount(&company.server).await;
    let remote = company.remote_with(json!({"requestsPerMinute": 10}));
    let reading = remote.begin(ReadRequest::default()).await.unwrap();
    let ids: Vec<SourceId> = (0..40).map(|number| SourceId(format!("d{number}"))).collect();
    let details = futures_util::stream::iter(&ids).map(|id| reading.detail(id));
    let parallel = remote.capabilities().detail_concurrency;
    let found =
        details.buffer_unordered(parallel).filter(|detail| std::future::ready(matches!(detail, Ok(Detail::Found(_)))));
    assert_eq!(found.count().await, 40);
    let asked = company.server.received_requests().await.unwrap().len();
    assert_eq!(asked, 4 + 40, "nothing had to be asked twice");
    assert!(company.clock.now() >= noon() + TimeDelta::minutes(4), "44 requests at 10 a minute");
}

#[tokio::test]
async fn two_connectors_of_one_account_share_its_pace() {
    let company = Company::whole().await;
    let outbound = Outbound::new(company.clock.clone(), true).unwrap();
    let settings = json!({"baseUrl": company.server.uri(), "requestsPerMinute": 1});
    let settings = RemoteSettings::parse(&settings).unwrap();
    for _ in 0..2 {
        let remote = Remote::new(&settings, &SecretString::from(TOKEN), outbound.clone()).unwrap();
        remote.identify().await.unwrap();
    }
    assert_eq!(company.clock.paused(), Duration::from_mins(1));
}
