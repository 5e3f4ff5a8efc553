//! Tests of the token endpoint with simulated answers in all shapes, and of what follows from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::{body_string, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::clock::Clock;

const SECRET: &str = "cl1ent-s3cret";
const REFRESH: &str = "r3fresh";

fn noon() -> DateTime<Utc> {
    "2026-11-20T20:00:00Z".parse().unwrap()
}

fn client(base: &str) -> OAuthClient {
    let url = |path: &str| Url::parse(base).unwrap().join(path).unwrap();
    OAuthClient {
        system: "Justworks",
        authorize_url: url("/oauth/authorize"),
        token_url: url("/oauth/token"),
        client_id: "app 1".to_owned(),
        client_secret: SecretString::from(SECRET),
        scopes: vec!["company.basic:read".to_owned(), "member.detail:read".to_owned()],
        grantable: &["a:read", "b:read", "member.employment:read"],
        pkce: true,
        outbound: Outbound::new(Clock::manual(noon()), true).unwrap(),
    }
}

/// What a refresh comes to when the endpoint says this, once and for ever.
async fn refreshed(answer: ResponseTemplate) -> Result<Grant, GrantError> {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/oauth/token")).respond_with(answer).expect(1).mount(&server).await;
    let outcome = client(&server.uri()).refresh(&SecretString::from(REFRESH)).await;
    let shown = format!("{outcome:?} {}", outcome.as_ref().err().map(ToString::to_string).unwrap_or_default());
    assert!(!shown.contains(REFRESH) && !shown.contains(SECRET) && !shown.contains("made-up"), "{shown}");
    outcome
}

async fn granted(answer: Value) -> Grant {
    refreshed(ResponseTemplate::new(200).set_body_json(answer)).await.unwrap()
}

#[test]
fn consent_is_asked_for_with_state_scopes_and_a_challenge() {
    // The verifier and challenge of RFC 7636 appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let mut client = client("https://vendor.example");
    let url = client.authorization_url("https://bridge.example/oauth/callback", "st&te", Some(verifier));
    assert_eq!(
        url.as_str(),
        "https://vendor.example/oauth/authorize?response_type=code&client_id=app+1\
         &redirect_uri=https%3A%2F%2Fbridge.example%2Foauth%2Fcallback\
         &scope=company.basic%3Aread+member.detail%3Aread&state=st%26te\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    client.pkce = false;
    let url = client.authorization_url("https://bridge.example/oauth/callback", "s", Some(verifier));
    assert!(!url.as_str().contains("code_challenge") && !client.wants_verifier());
    assert!(!format!("{client:?}").contains(SECRET));
}

#[tokio::test]
async fn a_code_is_exchanged_with_all_that_its_consent_was_asked_with() {
    let server = MockServer::start().await;
    let body = "grant_type=authorization_code&code=c0de&redirect_uri=https%3A%2F%2Fb.example%2Fcb&code_verifier=verif\
                &client_id=app+1&client_secret=cl1ent-s3cret";
    let recorded: Value =
        serde_json::from_str(include_str!("../../../tests/data/justworks/oauth_token_with_expires_at.json")).unwrap();
    let answer = ResponseTemplate::new(200).set_body_json(recorded);
    Mock::given(method("POST")).and(body_string(body)).respond_with(answer).expect(1).mount(&server).await;
    let grant = client(&server.uri()).exchange("c0de", "https://b.example/cb", Some("verif")).await.unwrap();
    assert_eq!(grant.access_token.expose_secret(), "made-up-access");
    assert_eq!(grant.refresh_token.as_ref().unwrap().expose_secret(), "made-up-refresh-1");
    assert_eq!(grant.expires_at, "2026-11-21T20:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(grant.scope.as_deref(), Some("company.basic:read member.detail:read member.employment:read"));
    assert!(!format!("{grant:?}").contains("made-up"), "{grant:?}");
}

#[tokio::test]
async fn a_refresh_sends_its_token_and_reads_the_other_expiry_shape() {
    let server = MockServer::start().await;
    let body = "grant_type=refresh_token&refresh_token=r3fresh&client_id=app+1&client_secret=cl1ent-s3cret";
    let recorded: Value =
        serde_json::from_str(include_str!("../../../tests/data/justworks/oauth_token_with_expires_in.json")).unwrap();
    let answer = ResponseTemplate::new(200).set_body_json(recorded);
    Mock::given(method("POST")).and(body_string(body)).respond_with(answer).expect(1).mount(&server).await;
    let grant = client(&server.uri()).refresh(&SecretString::from(REFRESH)).await.unwrap();
    assert_eq!(grant.expires_at, noon() + chrono::TimeDelta::days(1));
    assert_eq!(grant.refresh_token.unwrap().expose_secret(), "made-up-refresh-2");
}

#[tokio::test]
async fn an_end_is_read_in_every_shape_and_guessed_low_when_it_cannot_be_true() {
    let hour = 3_600;
    for (expiry, seconds) in [
        (json!({"expires_in": "7200"}), 7_200),
        (json!({"expires_in": 7200.9}), 7_200),
        (json!({"expires_in": 7200, "expires_at": "2026-11-20T21:30:00Z"}), 5_400),
        (json!({"expires_in": 600, "expires_at": "2026-11-20T21:30:00Z"}), 600),
        (json!({"expires_at": "2026-11-20T23:00:00+01:00"}), 7_200),
        (json!({}), hour),
        (json!({"expires_in": null, "expires_at": ""}), hour),
        (json!({"expires_in": -5}), hour),
        (json!({"expires_in": 0}), hour),
        (json!({"expires_in": 9_223_372_036_854_775_807_i64}), hour),
        (json!({"expires_in": 1e300}), hour),
        (json!({"expires_in": {"seconds": 5}}), hour),
        (json!({"expires_at": "2026-11-20T19:59:59Z"}), hour),
        (json!({"expires_at": "9999-12-31T00:00:00Z"}), hour),
        (json!({"expires_at": "tomorrow"}), hour),
    ] {
        let mut answer = expiry.clone();
        answer["access_token"] = json!("made-up-access");
        let grant = granted(answer).await;
        assert_eq!((grant.expires_at - noon()).num_seconds(), seconds, "{expiry}");
    }
}

#[tokio::test]
async fn a_missing_refresh_token_or_scope_is_not_an_empty_one() {
    let grant = granted(json!({"access_token": "made-up-access", "expires_in": 60})).await;
    assert!(grant.refresh_token.is_none() && grant.scope.is_none());
    let odd = json!({"access_token": "made-up-access", "refresh_token": "", "scope": " ", "token_type": "bearer"});
    let grant = granted(odd).await;
    assert!(grant.refresh_token.is_none() && grant.scope.is_none());
    let listed = json!({"access_token": "made-up-access", "scope": ["a:read", "b:read"]});
    assert_eq!(granted(listed).await.scope.as_deref(), Some("a:read b:read"));
    let strange = json!({"access_token": "made-up-access", "scope": "b:read Zoe salary:90000,a:read"});
    assert_eq!(granted(strange).await.scope.as_deref(), Some("a:read b:read other"), "other words are not kept");
}

#[tokio::test]
async fn a_refused_grant_asks_for_consent_again() {
    let recorded: Value = serde_json::from_str(include_str!("../../../tests/data/justworks/errors.json")).unwrap();
    let case = "refresh token revoked or idle too long (OAuth standard)";
    let case = recorded.as_array().unwrap().iter().find(|known| known["case"] == case).unwrap();
    let error = refreshed(ResponseTemplate::new(400).set_body_json(&case["body"])).await.unwrap_err();
    assert!(matches!(&error, GrantError::Denied { code, status: 400, .. } if code == "invalid_grant"), "{error:?}");
    let error = refreshed(ResponseTemplate::new(400).set_body_json(json!({"error": "zoe_is_ill"}))).await.unwrap_err();
    assert!(matches!(&error, GrantError::Denied { code, .. } if code == "unknown"), "{error:?}");
    assert!(!format!("{error}{error:?}").contains("zoe"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_refuses_says_nothing_about_the_grant() {
    let html = |status| ResponseTemplate::new(status).set_body_raw("<html>Zoe must log in</html>", "text/html");
    for (answer, wanted) in [
        (html(400), 400),
        (html(401), 401),
        (html(403), 403),
        (ResponseTemplate::new(400), 400),
        (ResponseTemplate::new(401).set_body_json(json!({"message": "Zoe"})), 401),
    ] {
        let error = refreshed(answer).await.unwrap_err();
        assert!(matches!(&error, GrantError::Blocked { status, .. } if *status == wanted), "{error:?}");
        assert!(!format!("{error}{error:?}").contains("Zoe"), "{error}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_known_or_a_wrong_address_says_nothing_about_the_grant() {
    for (status, body) in [
        (401, json!({"error": "invalid_client", "error_description": "Client authentication failed"})),
        (400, json!({"error": "unauthorized_client"})),
        (400, json!({"error": "invalid_request"})),
        (404, json!({})),
        (302, json!({})),
    ] {
        let error = refreshed(ResponseTemplate::new(status).set_body_json(&body)).await.unwrap_err();
        assert!(matches!(&error, GrantError::Misconfigured { status: s, .. } if *s == status), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_may_have_spent_the_token() {
    let json = |answer: Value| ResponseTemplate::new(200).set_body_json(answer);
    let grant = json(json!({"access_token": "made-up-access", "refresh_token": "made-up"}));
    assert!(refreshed(grant).await.is_ok());
    for answer in [
        ResponseTemplate::new(200),
        ResponseTemplate::new(200).set_body_raw("<html>made-up</html>", "text/html"),
        ResponseTemplate::new(200).set_body_raw("{\"access_token\": \"made-up", "application/json"),
        json(json!({})),
        json(json!({"access_token": ""})),
        json(json!({"access_token": {"made-up": 1}})),
        json(json!({"access_token": "made-up\nsplit"})),
        json(json!({"access_token": "made-up", "refresh_token": 7})),
        json(json!({"access_token": "made-up", "token_type": "mac"})),
        ResponseTemplate::new(500),
        ResponseTemplate::new(503).set_body_raw("<html></html>", "text/html"),
        ResponseTemplate::new(408),
        ResponseTemplate::new(200).set_body_bytes(vec![b' '; LARGEST_ANSWER + 1]),
    ] {
        let error = refreshed(answer).await.unwrap_err();
        assert!(matches!(&error, GrantError::Lost { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    for (answer, seconds) in [
        (ResponseTemplate::new(429).insert_header("retry-after", "30"), 30),
        (ResponseTemplate::new(429).insert_header("retry-after", "Fri, 20 Nov 2026 20:02:00 GMT"), 120),
        (ResponseTemplate::new(429), 60),
    ] {
        let error = refreshed(answer).await.unwrap_err();
        let GrantError::RateLimited { retry_after, .. } = error else { panic!("{error:?}") };
        assert_eq!(retry_after.as_secs(), seconds);
    }
}

#[tokio::test]
async fn a_message_is_not_repeated() {
    for body in [
        json!({"error": "invalid_grant", "error_description": format!("token {REFRESH} is spent")}),
        json!({"error": "invalid_client", "error_description": format!("{SECRET} is wrong")}),
        json!({"error": "invalid_grant", "error_description": "made-up", "error_uri": "https://made-up.example"}),
    ] {
        let error = refreshed(ResponseTemplate::new(400).set_body_json(&body)).await.unwrap_err();
        assert!(error.to_string().contains(body["error"].as_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_request_that_never_left_is_told_from_one_whose_answer_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&base).refresh(&SecretString::from(REFRESH)).await.unwrap_err();
    assert!(matches!(&error, GrantError::NotSent { .. }), "{error:?}");

    let mut strict = client("https://localhost:1");
    strict.outbound = Outbound::new(Clock::manual(noon()), false).unwrap();
    let error = strict.refresh(&SecretString::from(REFRESH)).await.unwrap_err();
    assert!(matches!(&error, GrantError::NotSent { .. }), "the guard refuses the address: {error:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let visits = Arc::new(AtomicUsize::new(0));
    let count = visits.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_tok").await;
        }
    });
    let error = client(&base).refresh(&SecretString::from(REFRESH)).await.unwrap_err();
    assert!(matches!(&error, GrantError::Lost { .. }), "{error:?}");
    assert_eq!(visits.load(Ordering::SeqCst), 1, "a token request is made once");
}
