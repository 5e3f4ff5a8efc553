//! Tests of readings that must not reach their end, and of waits.

use std::time::Duration;

use wiremock::{Request, Respond};

use super::*;

/// The error of a company whose only special answer is this one.
async fn fails(at: &str, answer: ResponseTemplate) -> ConnectorError {
    let vendor = Vendor::new().await;
    vendor.says(at, answer).await;
    vendor.company().await;
    let failed = match vendor.begin().await {
        Ok(mut reading) => pages(reading.as_mut()).await.map(|_| ()).unwrap_err(),
        Err(error) => error,
    };
    let shown = format!("{failed} {failed:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains("s3cret"), "{shown}");
    failed
}

#[track_caller]
fn assert_malformed(error: &ConnectorError, part: &str) {
    let ConnectorError::Malformed { request, detail, .. } = error else { panic!("{error:?}") };
    assert!(request.starts_with("GET /v1/") && !request.contains('?'), "{request}");
    assert!(detail.contains(part), "{detail}");
}

#[tokio::test]
async fn a_bad_token_and_a_missing_scope_need_consent_and_are_no_empty_company() {
    for at in [COMPANY, MEMBERS] {
        for (case, expected) in [("token invalid", 401), ("scope missing", 403)] {
            let failed = fails(at, error(case)).await;
            assert!(matches!(failed, ConnectorError::Unauthorized { status, .. } if status == expected), "{failed:?}");
            assert!(failed.needs_reauthorization());
        }
        let vendor = Vendor::new().await;
        vendor.says(COMPANY, error("scope missing")).await;
        assert!(vendor.open(None).identify().await.unwrap_err().needs_reauthorization());
    }
}

#[tokio::test]
async fn other_refusals_are_told_as_they_are() {
    for at in [COMPANY, MEMBERS] {
        let failed = fails(at, error("bad parameter")).await;
        let ConnectorError::Refused { status: 400, detail, .. } = failed else { panic!("{failed:?}") };
        assert_eq!(detail, "the parameter limit has to be from 1 to 100");
        assert!(matches!(fails(at, error("unknown member")).await, ConnectorError::Refused { status: 404, .. }));
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_not_an_empty_list() {
    for answer in [json!({}), json!({"items": null}), json!({"members": []}), json!([]), json!({"message": "hello"})] {
        assert_malformed(&fails(MEMBERS, ok(answer)).await, "no list");
    }
    assert_malformed(&fails(COMPANY, ok(json!({}))).await, "no company");
    let html = ResponseTemplate::new(200).set_body_raw("<html>Sign in, Ana</html>", "text/html");
    assert_malformed(&fails(MEMBERS, html).await, "an HTML page; status 200, content type text/html, 25 bytes");
    let half = read("members_page1").to_string();
    let half = ResponseTemplate::new(200).set_body_raw(&half[..half.len() / 2], "application/json");
    assert_malformed(&fails(MEMBERS, half).await, "JSON that ends too early");
}

#[tokio::test]
async fn a_cursor_that_comes_again_is_no_end() {
    // Every page, the first and the one behind the cursor, names the same cursor.
    assert_malformed(&fails(MEMBERS, ok(read("members_page1"))).await, "cursor");
}

/// A list that never ends and never has any member: each page has another cursor.
struct Circles;

impl Respond for Circles {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let cursor =
            request.url.query_pairs().find(|(name, _)| name == "cursor").map_or(0, |(_, n)| n.parse().unwrap());
        ok(json!({"items": [], "next_cursor": (cursor + 1).to_string()}))
    }
}

#[tokio::test]
async fn pages_without_end_and_without_people_are_given_up() {
    let vendor = Vendor::new().await;
    vendor.company().await;
    Mock::given(path(MEMBERS)).respond_with(Circles).mount(&vendor.server).await;
    assert_malformed(&pages(vendor.begin().await.unwrap().as_mut()).await.unwrap_err(), "nothing new");
}

#[tokio::test]
async fn a_failure_in_the_second_list_is_no_end_either() {
    let vendor = Vendor::new().await;
    vendor.company().await;
    vendor.page("active", None, read("members_page2")).await;
    vendor.page_once("terminated", None, error("gateway failure"), 99).await;
    let mut reading = vendor.begin().await.unwrap();
    assert_eq!(reading.next_page().await.unwrap().end, None);
    let failed = reading.next_page().await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Unavailable { tries: 5, .. }), "{failed:?}");
}

#[tokio::test]
async fn rate_limits_are_waited_out() {
    for (case, seconds) in [("rate limited, seconds", 30), ("rate limited, no header", 60)] {
        let vendor = Vendor::new().await;
        vendor.company().await;
        vendor.page_once("active", None, error(case), 1).await;
        vendor.page("active", None, read("members_page2")).await;
        vendor.page("terminated", None, json!({"items": []})).await;
        pages(vendor.begin().await.unwrap().as_mut()).await.unwrap();
        assert_eq!(vendor.clock.paused(), Duration::from_secs(seconds), "{case}");
    }
}

#[tokio::test]
async fn the_pace_is_kept_before_anybody_complains() {
    let vendor = Vendor::whole().await;
    for _ in 0..40 {
        pages(vendor.begin().await.unwrap().as_mut()).await.unwrap();
    }
    // Four requests a reading, each with the pace of a connector that was opened for it alone.
    assert_eq!(vendor.clock.paused(), Duration::ZERO);
    let connector = vendor.open(None);
    for _ in 0..40 {
        pages(connector.begin(ReadRequest::default()).await.unwrap().as_mut()).await.unwrap();
    }
    assert!(vendor.clock.now() >= noon() + chrono::TimeDelta::minutes(1), "160 requests at 120 a minute");
}
