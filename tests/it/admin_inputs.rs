//! Tests how the admin API answers wrong requests. The answer is always a problem, never a 500, and names everything
//! wrong at once.

use rollbook::sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::support::admin::Desk;

const NOBODY: &str = "0198c0de-0000-7000-8000-000000000000";

fn fields(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bodies_are_refused_with_every_wrong_member_by_its_path() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    let id = desk.connect().await;
    let mapping = format!("/connections/{id}/mapping");
    let finish = format!("/connections/{id}/finish");
    let table: [(&str, &str, Value, &[&str]); 14] = [
        ("POST", "/connections", json!({}), &["kind", "name"]),
        ("POST", "/connections", json!({ "kind": 7, "name": ["x"], "settings": 1 }), &["kind", "name", "settings"]),
        ("POST", "/connections", json!({ "kind": "remote", "name": "x", "colour": "red" }), &["colour"]),
        ("POST", "/connections", json!({ "kind": "sap", "name": "x" }), &["kind"]),
        ("POST", "/connections", json!({ "kind": "remote", "name": " " }), &["name"]),
        (
            "POST",
            "/connections",
            json!({ "kind": "remote", "name": "x", "settings": { "intervalMinutes": "soon" } }),
            &["settings.intervalMinutes"],
        ),
        ("POST", "/connections", json!({ "kind": "remote", "name": "a\u{0}b" }), &["name"]),
        (
            "PUT",
            &mapping,
            json!({ "workerTypes": { "Intern": "Trainee", "X": 1 }, "statuses": [], "departments": { "A": "" } }),
            &["workerTypes.Intern", "workerTypes.X", "statuses", "departments.A"],
        ),
        ("POST", &finish, json!({ "planId": "the last one" }), &["planId"]),
        ("POST", &finish, json!({ "reason": 7 }), &["reason"]),
        ("POST", &finish, json!({ "reason": "x".repeat(1_001) }), &["reason"]),
        ("POST", "/consumers", json!({ "name": "x", "scopes": ["root", 3] }), &["scopes[1]", "scopes[0]"]),
        ("POST", "/consumers", json!({ "name": "x", "scopes": [] }), &["scopes"]),
        (
            "POST",
            "/consumers/0198c0de-0000-7000-8000-000000000000/tokens",
            json!({ "expiresInDays": 0 }),
            &["expiresInDays"],
        ),
    ];
    for (method, path, body, expected) in table {
        let answer = desk.call(method, path, &desk.token, Some(body.to_string())).await;
        let problem = answer.problem(422, "invalid");
        assert_eq!(fields(&problem), expected, "{method} {path} {body}: {problem}");
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_object_too_large_or_too_deep_are_refused() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    let post = async |body: String| desk.call("POST", "/consumers", &desk.token, Some(body)).await;
    for body in ["{", "[]", "7", "\"x\"", "{\"a\":1}x", "{'a': 1}", "\u{1}"] {
        post(body.to_owned()).await.problem(400, "malformed");
    }
    // Neither of two policies is the one that was meant.
    let twice = r#"{"name":"twice","scopes":["scim:read"],"userFilter":"active eq true","userFilter":null}"#;
    post(twice.to_owned()).await.problem(400, "malformed");
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    post(deep).await.problem(400, "malformed");
    let large = json!({ "name": "x".repeat(1024 * 1024) }).to_string();
    post(large).await.problem(413, "tooLarge");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = Some("name=x".to_owned());
    desk.send("POST", "/consumers", &desk.token, &form, body).await.problem(415, "unsupportedMediaType");
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let body = Some("{}".to_owned());
    desk.send("POST", "/consumers", &desk.token, &packed, body).await.problem(415, "unsupportedMediaType");
    let typed = [("content-type", "application/json; charset=utf-8")];
    let body = Some(json!({ "name": "ok", "scopes": ["scim:read"] }).to_string());
    assert_eq!(desk.send("POST", "/consumers", &desk.token, &typed, body).await.status, 201);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_paths_methods_ids_and_parameters_are_problems() {
    let desk = Desk::with(SandboxConfig::plain(3)).await;
    for path in ["/", "/nothing", "/connections/x/y", "/people/", "/runs/7", "/runs/%00", "/runs/%ff", "/holds/..%2f"] {
        desk.get(path).await.problem(404, "notFound");
    }
    for what in ["runs", "plans", "holds", "reviews", "people", "consumers", "connections"] {
        let problem = desk.get(&format!("/{what}/{NOBODY}")).await.problem(404, "notFound");
        assert!(problem["detail"].as_str().unwrap().contains(NOBODY), "{problem}");
    }
    for (method, path, allowed) in [
        ("DELETE", "/connections", "GET, HEAD, POST"),
        ("DELETE", "/connections/x", "GET, HEAD"),
        ("GET", "/connections/x/sync", "POST"),
        ("POST", "/runs", "GET, HEAD"),
        ("PATCH", "/connections/x/mapping", "GET, HEAD, PUT"),
        ("GET", "/consumers/x/tokens/y", "DELETE"),
    ] {
        let answer = desk.call(method, path, &desk.token, None).await;
        answer.problem(405, "methodNotAllowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("connectionId=Acme", "connectionId"),
        ("conectionId=1", "conectionId"),
    ] {
        let problem = desk.get(&format!("/runs?{query}")).await.problem(422, "invalid");
        assert_eq!(fields(&problem), [field], "{query}");
    }
    for query in [
        "/reviews?state=shut",
        "/holds?state=x",
        "/events?after=-1",
        "/events?after=1&cursor=bjE",
        "/people?email=a&filter=b",
    ] {
        desk.get(query).await.problem(422, "invalid");
    }
    desk.get("/runs?limit=%ff").await.problem(400, "malformed");
    for cursor in ["x", "bjE", "", "c2E", "dDE"] {
        desk.get(&format!("/runs?cursor={cursor}")).await.problem(400, "invalidCursor");
    }
    assert_eq!(desk.get("/people?email=nobody").await.body(), json!({ "items": [], "nextCursor": null }));
    assert_eq!(desk.call("HEAD", "/runs", &desk.token, None).await.status, 200);
    desk.stop().await;
}
