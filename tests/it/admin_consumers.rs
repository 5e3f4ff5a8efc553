//! Tests consumers, their tokens, and the permissions of each kind of token.

use chrono::TimeDelta;
use rollbook::sandbox::SandboxConfig;
use serde_json::json;

use crate::support::admin::Desk;

/// Story 25 (ii).
#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_live_at_once_and_a_retired_one_is_refused() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    let (id, first) = desk.consumer("idp", &["scim:read"]).await;
    let made = desk.post(&format!("/consumers/{id}/tokens"), json!({ "expiresInDays": 30 })).await;
    let second = made.body()["token"].as_str().unwrap().to_owned();
    let read = async |token: &str| desk.send("GET", "/scim/v2/Users", token, &[], None).await.status;
    assert_eq!([read(&first).await, read(&second).await], [200, 200]);
    let path = format!("/consumers/{id}/tokens");
    let listed = desk.get(&path).await;
    assert!(!listed.text.contains(&first) && !listed.text.contains("rbk_"), "no secrets in the list");
    let tokens = listed.body()["items"].as_array().unwrap().clone();
    assert_eq!(tokens.len(), 2);
    let retired = tokens.iter().find(|token| token["name"] == "idp").unwrap()["id"].as_str().unwrap().to_owned();
    let gone = desk.call("DELETE", &format!("{path}/{retired}"), &desk.token, None).await;
    assert_eq!(gone.status, 204);
    assert_eq!([read(&first).await, read(&second).await], [401, 200]);
    desk.call("DELETE", &format!("{path}/{retired}"), &desk.token, None).await.problem(404, "notFound");
    desk.world.advance(TimeDelta::days(30));
    assert_eq!(read(&second).await, 401, "it has expired");
    let expired = desk.items(&path).await;
    assert_eq!(expired[0]["expired"], json!(true));
    let audit = desk.items("/audit").await;
    let of = |action: &str| audit.iter().filter(|entry| entry["action"] == action).count();
    assert_eq!([of("consumer.create"), of("token.create"), of("token.delete")], [1, 2, 1]);
    assert!(!json!(audit).to_string().contains("rbk_"));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_changed_and_removed_with_its_tokens() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    let (id, token) = desk.consumer("script", &["scim:read"]).await;
    let path = format!("/consumers/{id}");
    let change = async |body: serde_json::Value| desk.call("PATCH", &path, &desk.token, Some(body.to_string())).await;
    assert_eq!(desk.call("GET", "/runs", &token, None).await.status, 403);
    let changed = change(json!({ "scopes": ["admin:read"], "reason": "needs more" })).await;
    assert_eq!((changed.status, &changed.body()["name"]), (200, &json!("script")));
    assert_eq!(desk.call("GET", "/runs", &token, None).await.status, 200, "scopes count at once");
    desk.put(&path, json!({ "name": "script" })).await.problem(422, "invalid");
    let whole = desk.put(&path, json!({ "name": "Script 2", "scopes": ["events:read"] })).await;
    assert_eq!((&whole.body()["name"], &whole.body()["scopes"]), (&json!("Script 2"), &json!(["events:read"])));
    desk.consumer("other", &["scim:read"]).await;
    change(json!({ "name": "OTHER" })).await.problem(409, "conflict");
    assert_eq!(desk.walk("/consumers", 1).await.len(), 2);
    assert_eq!(desk.call("DELETE", &path, &desk.token, Some(r#"{"reason":"retired"}"#.into())).await.status, 204);
    assert_eq!(desk.call("GET", "/events", &token, None).await.status, 401);
    desk.get(&path).await.problem(404, "notFound");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_available_yet_is_refused_plainly() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    for (member, value) in
        [("writer", json!(true)), ("strict", json!(false)), ("scopes", json!(["scim:read", "scim:write"]))]
    {
        let mut body = json!({ "name": "x", "scopes": ["scim:read"] });
        body[member] = value;
        let problem = desk.post("/consumers", body).await.problem(422, "invalid");
        let error = &problem["errors"][0];
        assert!(error["field"].as_str().unwrap().starts_with(member), "{error}");
        assert!(error["message"].as_str().unwrap().contains("not available yet"), "{error}");
    }
    assert_eq!(desk.items("/consumers").await.len(), 0);
    desk.stop().await;
}

/// Every endpoint of the admin API, with the scope that it needs.
#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_asks_for_its_scope_before_it_looks_at_anything() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    let (_, scim) = desk.consumer("scim", &["scim:read", "metrics:read"]).await;
    let (_, reader) = desk.consumer("reader", &["admin:read"]).await;
    let (_, feed) = desk.consumer("feed", &["events:read"]).await;
    let some = "0198c0de-0000-7000-8000-000000000000";
    let reads = [
        "/connections",
        "/connections/{}",
        "/connections/{}/mapping",
        "/connections/{}/workers",
        "/runs",
        "/runs/{}",
        "/runs/{}/changes",
        "/plans/{}",
        "/plans/{}/changes",
        "/holds",
        "/holds/{}",
        "/reviews",
        "/reviews/{}",
        "/people",
        "/people/{}",
        "/people/{}/history",
        "/consumers",
        "/consumers/{}",
        "/consumers/{}/tokens",
        "/audit",
    ];
    for path in reads.map(|path| path.replace("{}", some)) {
        desk.call("GET", &path, "", None).await.problem(401, "tokenMissing");
        desk.call("GET", &path, &scim, None).await.problem(403, "scopeMissing");
        desk.call("GET", &path, &feed, None).await.problem(403, "scopeMissing");
        let read = desk.call("GET", &path, &reader, None).await;
        assert!(matches!(read.status, 200 | 404), "{path}: {}", read.text);
        assert_eq!(read.header("cache-control"), Some("no-store"), "{path}");
    }
    let writes = [
        ("POST", "/connections"),
        ("POST", "/connections/{}/preview"),
        ("POST", "/connections/{}/finish"),
        ("POST", "/connections/{}/sync"),
        ("POST", "/connections/{}/pause"),
        ("POST", "/connections/{}/resume"),
        ("POST", "/connections/{}/reauthorize"),
        ("PUT", "/connections/{}/mapping"),
        ("POST", "/holds/{}/approve"),
        ("POST", "/holds/{}/reject"),
        ("POST", "/consumers"),
        ("PUT", "/consumers/{}"),
        ("PATCH", "/consumers/{}"),
        ("DELETE", "/consumers/{}"),
        ("POST", "/consumers/{}/tokens"),
        ("DELETE", "/consumers/{}/tokens/{}"),
    ];
    for (method, path) in writes.map(|(method, path)| (method, path.replace("{}", some))) {
        desk.call(method, &path, "", Some("no json".into())).await.problem(401, "tokenMissing");
        desk.call(method, &path, &reader, Some("no json".into())).await.problem(403, "scopeMissing");
        let unknown = desk.call(method, &path, &desk.token, Some("{}".into())).await;
        assert!(matches!(unknown.status, 404 | 422), "{method} {path}: {}", unknown.text);
    }
    assert_eq!(desk.call("GET", "/events", &reader, None).await.status, 200, "`admin:read` reads the feed too");
    assert_eq!(desk.call("GET", "/events", &feed, None).await.status, 200);
    desk.stop().await;
}
