//! Tests consent, codes, tokens and scopes: each rule once.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{BACK, Bench, USUAL, code_of, error, everything, example, parameter, refused};
use crate::sandbox::justworks::oauth::challenge_of;
use crate::sandbox::{DEFAULT_CLIENT_SECRET, ExpiryShape, Justworks, JustworksConfig};

fn bench() -> Bench {
    Bench::new(everything(20))
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[tokio::test]
async fn the_consent_page_names_company_app_and_scopes_and_takes_yes_and_no() {
    let bench = bench();
    let reply = reqwest::get(bench.authorization("company.basic:read member.dob:read", &[])).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(reply.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = reply.text().await.unwrap();
    for word in ["Bluebird Goods", "rollbook-sandbox", "company.basic:read", "member.dob:read", ">Allow<", ">Deny<"] {
        assert!(page.contains(word), "{word} in {page}");
    }
    let hidden = |decision| {
        let mut form = Vec::new();
        let shown = page.split("<form").find(|form| form.contains(&format!("value=\"{decision}\""))).unwrap();
        for input in shown.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            form.push((name, rest.split_once('"').unwrap().0));
        }
        form
    };
    let yes = bench.post("/oauth/authorize", &hidden("allow")).await.unwrap();
    assert_eq!(yes.status, 303);
    let back = yes.header("location").unwrap();
    assert!(back.starts_with(BACK));
    assert_eq!(parameter(back, "state").unwrap(), "s-1");
    assert_eq!(bench.exchange(&code_of(back), &[]).await.status, 200);
    let no = bench.post("/oauth/authorize", &hidden("deny")).await.unwrap();
    assert_eq!((no.status, no.header("location")), (303, Some(&*format!("{BACK}?error=access_denied&state=s-1"))));
    let neither = [&hidden("allow")[..hidden("allow").len() - 1], &[("decision", "maybe")]].concat();
    assert_eq!(bench.post("/oauth/authorize", &neither).await.unwrap().status, 400);
}

#[tokio::test]
async fn a_wrong_client_or_address_is_an_error_page_and_never_a_redirect() {
    let bench = bench();
    for more in [
        ("client_id", "somebody"),
        ("redirect_uri", "http://evil.example/"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "https://bridge.example/callback#there"),
        ("redirect_uri", ""),
    ] {
        let url = bench.authorization(USUAL, &[more]);
        let reply = super::reply(bench.http.get(&url).send().await.unwrap()).await.unwrap();
        assert_eq!((reply.status, reply.header("location")), (400, None), "{more:?}");
        assert!(reply.header("content-type").unwrap().starts_with("text/html"));
        assert!(bench.vendor.consent(&url).is_err() && bench.vendor.deny(&url).is_err());
    }
    let wild = bench.authorization("company.basic:read", &[("redirect_uri", "https://b.example/?a=\"><script>")]);
    let page = bench.http.get(&wild).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("<script>") && page.contains("&quot;&gt;&lt;script&gt;"));
}

#[tokio::test]
async fn where_addresses_are_registered_no_other_is_taken() {
    let uri = "http://[::1]:9/back".to_owned();
    let bench = Bench::new(JustworksConfig { redirect_uris: vec![uri.clone()], ..everything(20) });
    assert!(bench.vendor.consent(&bench.authorization(USUAL, &[])).is_err());
    let known = bench.authorization(USUAL, &[("redirect_uri", &uri)]);
    assert!(bench.vendor.consent(&known).unwrap().starts_with(&uri));
}

#[tokio::test]
async fn what_else_is_wrong_goes_back_to_the_app() {
    let bench = bench();
    for (scopes, more, wanted) in [
        (USUAL, ("response_type", "token"), "unsupported_response_type"),
        ("member.everything:read", ("x", "y"), "invalid_scope"),
        ("", ("x", "y"), "invalid_scope"),
        (USUAL, ("code_challenge", "short"), "invalid_request"),
    ] {
        let url = bench.authorization(scopes, &[more]);
        let reply = super::reply(bench.http.get(&url).send().await.unwrap()).await.unwrap();
        let back = reply.header("location").unwrap();
        assert_eq!((reply.status, parameter(back, "error").unwrap()), (303, wanted.to_owned()));
        assert_eq!(parameter(back, "state").unwrap(), "s-1");
        assert_eq!(bench.vendor.consent(&url).unwrap(), back);
    }
    let denied = bench.vendor.deny(&bench.authorization(USUAL, &[])).unwrap();
    assert_eq!(parameter(&denied, "error").unwrap(), "access_denied");
    assert_eq!(bench.vendor.statistics().consents, 0);
}

#[tokio::test]
async fn tokens_come_in_both_shapes_of_the_page() {
    for (shape, name) in [
        (ExpiryShape::ExpiresAt, "oauth_token_with_expires_at"),
        (ExpiryShape::ExpiresIn, "oauth_token_with_expires_in"),
    ] {
        let bench = Bench::new(JustworksConfig { expiry_shape: shape, ..everything(20) });
        let example = example(name);
        let tokens = bench.connect(example["scope"].as_str().unwrap()).await;
        assert_eq!(keys(&tokens), keys(&example));
        assert_eq!((&tokens["scope"], &tokens["token_type"]), (&example["scope"], &json!("Bearer")));
        match shape {
            ExpiryShape::ExpiresIn => assert_eq!(tokens["expires_in"], 86_400),
            ExpiryShape::ExpiresAt => {
                assert_eq!(tokens["expires_at"], "2026-11-21T12:00:00Z");
                assert!(tokens["expires_at"].as_str().unwrap().parse::<DateTime<Utc>>().is_ok());
            }
        }
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_ten_minutes_at_its_address() {
    let bench = bench();
    let code = bench.code(USUAL);
    let elsewhere = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", "https://b.example/")];
    let reply = bench.token(&elsewhere).await;
    assert_eq!((reply.status, reply.json()), (400, refused("invalid_grant")));
    let tokens = bench.exchange(&code, &[]).await.json();
    assert_eq!(bench.opens(&tokens["access_token"]).await, 200);
    let again = bench.exchange(&code, &[]).await;
    assert_eq!((again.status, again.json()), (400, refused("invalid_grant")));
    assert_eq!(bench.opens(&tokens["access_token"]).await, 401, "a code that comes twice was stolen");
    let late = bench.code(USUAL);
    bench.advance(TimeDelta::minutes(10));
    assert_eq!(bench.exchange(&late, &[]).await.json(), refused("invalid_grant"));
    assert_eq!(bench.exchange("jwc_made_up", &[]).await.json(), refused("invalid_grant"));
}

#[tokio::test]
async fn a_challenge_wants_its_verifier_and_a_verifier_its_challenge() {
    let bench = bench();
    // The pair of RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert_eq!(challenge_of(verifier), challenge);
    let more = [("code_challenge", challenge), ("code_challenge_method", "S256")];
    let code = || code_of(&bench.vendor.consent(&bench.authorization(USUAL, &more)).unwrap());
    for wrong in [&[][..], &[("code_verifier", "another-verifier-another-verifier-another-v")]] {
        assert_eq!(bench.exchange(&code(), wrong).await.json(), refused("invalid_grant"));
    }
    assert_eq!(bench.exchange(&code(), &[("code_verifier", verifier)]).await.status, 200);
    let without = bench.code(USUAL);
    assert_eq!(bench.exchange(&without, &[("code_verifier", verifier)]).await.json(), refused("invalid_grant"));
}

#[tokio::test]
async fn a_client_shows_its_secret_in_the_body() {
    let bench = bench();
    let code = bench.code(USUAL);
    let form = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", BACK)];
    for client in [
        &[("client_id", "rollbook-sandbox"), ("client_secret", "wrong")][..],
        &[("client_id", "another"), ("client_secret", DEFAULT_CLIENT_SECRET)],
        &[("client_id", "rollbook-sandbox")],
    ] {
        let reply = bench.post("/oauth/token", &[&form, client].concat()).await.unwrap();
        assert_eq!((reply.status, reply.json()), (401, refused("invalid_client")));
        let reply = bench.post("/v1/oauth/revoke", &[&[("token", "x")], client].concat()).await.unwrap();
        assert_eq!((reply.status, reply.json()), (401, refused("invalid_client")));
    }
    let url = format!("{}/oauth/token", bench.running.base_url());
    let basic = bench.http.post(url).basic_auth("rollbook-sandbox", Some(DEFAULT_CLIENT_SECRET)).form(&form);
    assert_eq!(basic.send().await.unwrap().status(), 401);
    assert_eq!(bench.exchange(&code, &[]).await.status, 200, "the code has not been used up");
}

#[tokio::test]
async fn a_token_request_is_a_form_that_is_posted_and_names_what_it_wants() {
    let bench = bench();
    assert_eq!(bench.try_get("/oauth/token", "").await.unwrap().status, 405);
    let url = format!("{}/oauth/token", bench.running.base_url());
    let json = bench.http.post(url).json(&json!({"grant_type": "refresh_token"})).send().await.unwrap();
    assert_eq!(json.status(), 400);
    assert_eq!(bench.token(&[]).await.json(), refused("invalid_request"));
    assert_eq!(bench.token(&[("grant_type", "refresh_token")]).await.json(), refused("invalid_request"));
    assert_eq!(bench.token(&[("grant_type", "authorization_code")]).await.json(), refused("invalid_request"));
    let reply = bench.token(&[("grant_type", "password")]).await;
    assert_eq!((reply.status, reply.json()), (400, refused("unsupported_grant_type")));
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_a_replaced_token_burns_the_grant() {
    let bench = bench();
    let first = bench.connect(USUAL).await;
    let second = bench.refresh(&first["refresh_token"]).await.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!(second["scope"], first["scope"]);
    assert_eq!((bench.opens(&first["access_token"]).await, bench.opens(&second["access_token"]).await), (200, 200));
    let reply = bench.refresh(&first["refresh_token"]).await;
    assert_eq!((reply.status, reply.json()), (400, error("refresh token revoked")));
    assert_eq!(bench.opens(&second["access_token"]).await, 401);
    assert_eq!(bench.refresh(&second["refresh_token"]).await.json(), refused("invalid_grant"));
    let statistics = bench.vendor.statistics();
    assert_eq!((statistics.exchanges, statistics.refreshes, statistics.refused_refreshes), (1, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_refresh_one_token_at_once_one_is_too_late() {
    let bench = bench();
    let tokens = bench.connect(USUAL).await;
    let (one, two) = tokio::join!(bench.refresh(&tokens["refresh_token"]), bench.refresh(&tokens["refresh_token"]));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    let winner = if one.status == 200 { one.json() } else { two.json() };
    assert_eq!(bench.opens(&winner["access_token"]).await, 401, "the second burnt the grant");
}

#[tokio::test]
async fn without_rotation_the_answer_names_no_refresh_token_and_the_old_one_stays() {
    let bench = Bench::new(JustworksConfig { rotate_refresh_tokens: false, ..everything(20) });
    let first = bench.connect(USUAL).await;
    for _ in 0..3 {
        bench.advance(TimeDelta::days(29));
        let next = bench.refresh(&first["refresh_token"]).await.json();
        assert!(next.get("refresh_token").is_none());
        assert_eq!(bench.opens(&next["access_token"]).await, 200);
    }
}

#[tokio::test]
async fn an_access_token_lives_a_day_and_a_refresh_token_thirty_idle_days() {
    let bench = bench();
    let tokens = bench.connect(USUAL).await;
    bench.advance(TimeDelta::seconds(86_399));
    assert_eq!(bench.opens(&tokens["access_token"]).await, 200);
    bench.advance(TimeDelta::seconds(1));
    let reply = bench.try_get("/v1/company", tokens["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!((reply.status, reply.json()), (401, error("token invalid")));
    bench.advance(TimeDelta::days(29) - TimeDelta::seconds(1));
    let next = bench.refresh(&tokens["refresh_token"]).await.json();
    assert_eq!(bench.opens(&next["access_token"]).await, 200);
    bench.advance(TimeDelta::days(30));
    assert_eq!(bench.refresh(&next["refresh_token"]).await.json(), refused("invalid_grant"));
}

#[tokio::test]
async fn a_revoked_token_takes_its_grant_along_and_no_other() {
    let bench = bench();
    let (mine, other) = (bench.connect(USUAL).await, bench.connect(USUAL).await);
    let client = [("client_id", "rollbook-sandbox"), ("client_secret", DEFAULT_CLIENT_SECRET)];
    for token in ["unknown", mine["refresh_token"].as_str().unwrap()] {
        let form = [&[("token", token), ("token_type_hint", "refresh_token")], &client[..]].concat();
        assert_eq!(bench.post("/v1/oauth/revoke", &form).await.unwrap().status, 200);
    }
    assert_eq!(bench.opens(&mine["access_token"]).await, 401);
    assert_eq!(bench.refresh(&mine["refresh_token"]).await.json(), refused("invalid_grant"));
    assert_eq!(bench.opens(&other["access_token"]).await, 200);
    assert_eq!(bench.vendor.statistics().revocations, 2);
}

#[tokio::test]
async fn a_grant_that_is_revoked_by_hand_is_dead_and_a_new_consent_lives() {
    let bench = bench();
    let tokens = bench.connect(USUAL).await;
    let code = bench.code(USUAL);
    bench.vendor.revoke_grant();
    assert_eq!(bench.opens(&tokens["access_token"]).await, 401);
    assert_eq!(bench.refresh(&tokens["refresh_token"]).await.json(), refused("invalid_grant"));
    assert_eq!(bench.exchange(&code, &[]).await.json(), refused("invalid_grant"));
    assert_eq!(bench.opens(&bench.connect(USUAL).await["access_token"]).await, 200);
}

#[tokio::test]
async fn access_tokens_that_expire_by_hand_are_cured_by_a_refresh() {
    let bench = bench();
    let tokens = bench.connect(USUAL).await;
    bench.vendor.expire_access_tokens();
    let reply = bench.try_get("/v1/company", tokens["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!((reply.status, reply.json()), (401, error("token invalid")));
    let next = bench.refresh(&tokens["refresh_token"]).await.json();
    assert_eq!((bench.opens(&next["access_token"]).await, bench.opens(&tokens["access_token"]).await), (200, 401));
    assert_eq!(bench.opens(&bench.connect(USUAL).await["access_token"]).await, 200);
}

#[tokio::test]
async fn a_lost_answer_has_been_carried_out() {
    let bench = bench();
    let tokens = bench.connect(USUAL).await;
    bench.vendor.lose_next_token_answer();
    let lost = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("client_id", "rollbook-sandbox"),
        ("client_secret", DEFAULT_CLIENT_SECRET),
    ];
    let failed = bench.post("/oauth/token", &lost).await.err().unwrap();
    assert!(failed.is_request() && !failed.is_status(), "{failed:?}");
    assert_eq!(bench.vendor.statistics().refreshes, 1);
    assert_eq!(bench.refresh(&tokens["refresh_token"]).await.json(), refused("invalid_grant"));
    assert_eq!(bench.connect(USUAL).await["token_type"], "Bearer", "only one answer is lost");
}

#[tokio::test]
async fn scopes_can_be_other_than_asked_and_change_with_a_refresh() {
    let bench = bench();
    bench.vendor.set_granted_scopes(&["company.basic:read"]).unwrap();
    let tokens = bench.connect(USUAL).await;
    assert_eq!(tokens["scope"], "company.basic:read");
    let access = tokens["access_token"].as_str().unwrap();
    let members = bench.try_get("/v1/members", access).await.unwrap();
    assert_eq!(members.status, 403);
    assert!(members.json()["errors"][0]["message"].as_str().unwrap().ends_with("member.basic:read"));
    bench.vendor.set_granted_scopes(&["company.basic:read", "member.basic:read"]).unwrap();
    let tokens = bench.refresh(&tokens["refresh_token"]).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(bench.try_get("/v1/members", access).await.unwrap().status, 200);
    let values = bench.try_get("/v1/members/mem_0001/custom-field-values", access).await.unwrap();
    assert_eq!((values.status, values.json()), (403, error("scope missing")));
    for path in ["/v1/company/custom-fields", "/v1/members/mem_0001/tax-id"] {
        assert_eq!(bench.try_get(path, access).await.unwrap().status, 403, "{path}");
    }
    bench.vendor.grant_what_is_asked();
    let tokens = bench.refresh(&tokens["refresh_token"]).await.json();
    assert_eq!(tokens["scope"], "company.basic:read member.basic:read");
    assert!(bench.vendor.set_granted_scopes(&["member.all:read"]).is_err());
}

#[tokio::test]
async fn a_consent_can_be_for_another_company() {
    let bench = bench();
    let other = bench.vendor.another_company();
    assert_ne!(other, bench.vendor.company_id());
    let tokens = bench.connect(USUAL).await;
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(bench.try_get("/v1/company", access).await.unwrap().json()["id"], other);
    let rows = bench.try_get("/v1/members", access).await.unwrap().json();
    assert_eq!((rows["items"].as_array().unwrap().len(), &rows["items"][3]["company_id"]), (20, &json!(other)));
    assert_ne!(rows["items"][3]["id"], bench.vendor.member_id(3));
    let tokens = bench.refresh(&tokens["refresh_token"]).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(bench.try_get("/v1/company", access).await.unwrap().json()["id"], other);
    let own = bench.connect(USUAL).await;
    let own = bench.try_get("/v1/company", own["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(own.json()["id"], bench.vendor.company_id());
}

#[tokio::test]
async fn a_vendor_that_is_started_anew_knows_the_tokens_it_gave() {
    let before = bench();
    let tokens = before.connect(USUAL).await;
    let newest = before.refresh(&tokens["refresh_token"]).await.json();
    let after = bench();
    assert_eq!(after.opens(&newest["access_token"]).await, 200);
    let next = after.refresh(&newest["refresh_token"]).await.json();
    assert_eq!(after.refresh(&newest["refresh_token"]).await.json(), refused("invalid_grant"));
    assert_eq!(after.opens(&next["access_token"]).await, 401);
    let stranger = Bench::new(JustworksConfig { seed: 5, ..everything(20) });
    assert_eq!(stranger.opens(&newest["access_token"]).await, 401);
}

#[test]
fn a_reset_forgets_all_grants() {
    let bench = super::vendor(everything(20)).0;
    let url = format!(
        "http://h/oauth/authorize?response_type=code&client_id=rollbook-sandbox&redirect_uri={BACK}&scope=payroll:read"
    );
    let consents = |vendor: &Justworks| vendor.consent(&url).is_ok();
    assert!(consents(&bench));
    bench.reset(JustworksConfig { client_id: "other".to_owned(), ..everything(20) });
    assert!(!consents(&bench));
    assert_eq!(bench.statistics().consents, 0);
    assert!(bench.consent("http://h/elsewhere").is_err() && bench.consent("no url").is_err());
}
