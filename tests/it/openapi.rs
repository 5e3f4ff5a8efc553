//! Tests that the description of the admin API is true: its routes, its answers, its own examples.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rollbook::http::admin::document;
use rollbook::sandbox::{JustworksConfig, SandboxConfig};
use serde_json::{Value, json};

use crate::support::admin::Desk;
use crate::support::contract;
use crate::support::pair::Pair;
use crate::support::served::{Answer, encoded};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

const REMOTE: &str = "01a200af-4a16-7322-892c-37d9008a5a4c";
const JUSTWORKS: &str = "01a2016f-f0a7-701f-a73b-ad87ed66e694";
const RUN: &str = "01a200b2-947a-760f-a846-0b1ce13b2899";
const PLAN: &str = "01a200b5-3127-7003-9e4f-53d688f272a4";
const HOLD: &str = "01a200a5-eca2-754e-8d5d-3f4ac2dbbf0f";
const REVIEW: &str = "22766187-2e7c-4212-ab7d-d38faf72caac";
const PERSON: &str = "9f86d3e0-bcea-4bfc-b314-aa5dd871e6b1";
const GROUP: &str = "e35a0b6f-91c4-4d7a-8d0a-6a9f4d1f2c33";
const CONSUMER: &str = "01a200b5-3525-7721-a4af-315ac7e0bdc9";
const TOKEN: &str = "01a200b5-3616-701f-bf8e-e3b791336cb0";
const EMAIL: &str = "tom.baker@acme-robotics.example";

#[tokio::test(flavor = "multi_thread")]
async fn the_description_and_its_page_are_for_everybody() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let described = desk.call("GET", "/openapi.json", "", None).await;
    assert_eq!((described.status, &described.body()), (200, document()));
    let page = desk.call("GET", "/docs", "", None).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'; style-src 'sha256-"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.text.contains("API=https://dir.example.com/api/v1"));
    for path in ["/openapi.json", "/docs"] {
        assert_eq!(desk.call("HEAD", path, "", None).await.status, 200);
        desk.call("POST", path, "", None).await.problem(405, "methodNotAllowed");
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_every_described_route_is_there() {
    let source = include_str!("../../src/http/admin.rs");
    let routes: BTreeSet<String> = source
        .split("at(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|path| format!("/api/v1{path}"))
        .collect();
    let paths = document()["paths"].as_object().unwrap();
    let described: BTreeSet<String> = paths.keys().filter(|path| path.starts_with("/api/")).cloned().collect();
    assert_eq!(routes, described);

    let desk = Desk::with(SandboxConfig::plain(1)).await;
    for path in described {
        let has = |method: &&&str| paths[&path].get(**method).is_some();
        let mut methods: Vec<String> = METHODS.iter().filter(has).map(|method| method.to_uppercase()).collect();
        if methods.contains(&"GET".to_owned()) {
            methods.insert(1, "HEAD".to_owned());
        }
        let some: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let url = some.join("/").replacen("/api/v1", "", 1);
        let answer = desk.call("BREW", &url, &desk.token, None).await;
        answer.problem(405, "methodNotAllowed");
        assert_eq!(answer.header("allow"), Some(methods.join(", ").as_str()), "{path}");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let status = desk.call(method, &url, "", None).await.status;
            assert_eq!(status == 405, !methods.iter().any(|one| one == method), "{method} {path}: {status}");
        }
    }
    desk.stop().await;
}

/// What docs/security.md states of scopes is so for every operation; and `Allow` names what is not refused with 403.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_open_to_the_scopes_that_the_table_names_and_to_no_other() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let scopes = ["scim:read", "people:sensitive", "events:read", "admin:read", "admin"];
    for scope in scopes {
        let (_, token) = desk.consumer(scope, &[scope]).await;
        for (path, item) in document()["paths"].as_object().unwrap() {
            let Some(url) = path.strip_prefix("/api/v1") else { continue };
            let some: Vec<&str> = url.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
            let url = some.join("/");
            let mut allowed = Vec::new();
            for method in METHODS.iter().filter(|method| item.get(**method).is_some()) {
                let is_open = match (url.as_str(), *method) {
                    ("/openapi.json" | "/docs", _) => true,
                    ("/events", _) => ["events:read", "admin:read", "admin"].contains(&scope),
                    (_, "get") => ["admin:read", "admin"].contains(&scope),
                    _ => scope == "admin",
                };
                let answer = desk.call(&method.to_uppercase(), &url, &token, None).await;
                assert_eq!(answer.status != 403, is_open, "{scope}: {method} {url}: {}", answer.text);
                if is_open {
                    allowed.push(method.to_uppercase());
                } else {
                    answer.problem(403, "scopeMissing");
                }
            }
            if allowed.first().is_some_and(|method| method == "GET") {
                allowed.insert(1, "HEAD".to_owned());
            }
            let refused = desk.call("BREW", &url, &token, None).await;
            refused.problem(405, "methodNotAllowed");
            assert_eq!(refused.header("allow"), Some(allowed.join(", ").as_str()), "{scope}: {url}");
        }
    }
    desk.stop().await;
}

/// `admin:read` reads the whole directory, and so the whole feed, by numbers.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_the_admin_api_reads_the_whole_feed() {
    let desk = Desk::with(SandboxConfig::plain(2)).await;
    desk.publish().await;
    let (_, token) = desk.consumer("auditor", &["admin:read"]).await;
    let feed = desk.call("GET", "/events", &token, None).await;
    assert_eq!(feed.status, 200, "{}", feed.text);
    assert_eq!(feed.body()["items"], desk.get("/events").await.body()["items"]);
    assert!(feed.body()["items"][0]["sequence"].is_number());
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_read_and_nothing_else() {
    let pair = Pair::with(SandboxConfig::plain(1), JustworksConfig::plain(1)).await;
    for path in ["/healthz", "/readyz"] {
        for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 405), ("TRACE", 405)] {
            let answer = pair.live.call(method, path, "", None).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        }
    }
}

#[test]
fn every_example_of_the_description_is_as_its_schema_says() {
    let mut seen = 0;
    for (name, schema) in contract::strict("/components/schemas").as_object().unwrap() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            seen += 1;
            contract::valid(name, schema, example, name);
        }
    }
    for (name, response) in contract::strict("/components/responses").as_object().unwrap() {
        let media = &response["content"]["application/problem+json"];
        contract::valid(name, &media["schema"], &media["example"], name);
    }
    for request in requests() {
        if let Some(body) = &request.body {
            seen += 1;
            contract::valid(&request.name, &request.schema, body, &request.name);
        }
    }
    assert!(seen > 30, "{seen}");
}

/// An example request of the description.
struct Request {
    /// The operation's id, and that of the example where there is a body.
    name: String,
    method: &'static str,
    /// With the ids of the example.
    url: String,
    body: Option<Value>,
    schema: Value,
}

fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for (path, item) in contract::strict("/paths").as_object().unwrap() {
        for (method, operation) in METHODS.iter().filter_map(|method| Some((*method, item.get(*method)?))) {
            let id = operation["operationId"].as_str().unwrap();
            let media = &operation["requestBody"]["content"]["application/json"];
            let mut add = |name: String, example: Option<&Value>| {
                requests.push(Request {
                    name,
                    method,
                    url: url(path, item, operation, example.unwrap_or(&Value::Null)),
                    body: example.map(|example| example["value"].clone()),
                    schema: media["schema"].clone(),
                });
            };
            match media["examples"].as_object() {
                Some(examples) => {
                    examples.iter().for_each(|(name, example)| add(format!("{id}/{name}"), Some(example)));
                }
                None => add(id.to_owned(), None),
            }
        }
    }
    requests
}

fn url(path: &str, item: &Value, operation: &Value, example: &Value) -> String {
    let mut url = path.to_owned();
    let mut query: Vec<String> = Vec::new();
    let all = [&item["parameters"], &operation["parameters"]].into_iter().filter_map(Value::as_array).flatten();
    for parameter in all {
        let target = parameter["$ref"].as_str().map(|target| contract::strict(target.trim_start_matches('#')));
        let parameter = target.unwrap_or(parameter);
        let name = parameter["name"].as_str().unwrap();
        let Some(value) = example["x-path"].get(name).or(parameter.get("example")) else {
            assert_ne!(parameter["in"], "path", "{path}: {name} has no example");
            continue;
        };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if parameter["in"] == "path" {
            url = url.replace(&format!("{{{name}}}"), &value);
        } else {
            query.push(format!("{name}={value}"));
        }
    }
    query.extend(example["x-query"].as_str().map(str::to_owned));
    if query.is_empty() { url } else { format!("{url}?{}", query.join("&")) }
}

/// Sends the examples, with what really is there in place of what they name.
struct Tour {
    pair: Pair,
    requests: BTreeMap<String, Request>,
    /// What the examples name → what it is here.
    real: BTreeMap<&'static str, String>,
}

impl Tour {
    async fn begin() -> Self {
        let justworks = JustworksConfig { seed: 9, ..JustworksConfig::plain(5) };
        let pair = Pair::with(SandboxConfig::plain(24), justworks).await;
        let requests = requests().into_iter().map(|request| (request.name.clone(), request)).collect();
        Self { pair, requests, real: BTreeMap::new() }
    }

    fn know(&mut self, example: &'static str, value: &Value) {
        self.real.insert(example, value.as_str().unwrap_or_else(|| panic!("{example} is {value}")).to_owned());
    }

    fn translated(&self, text: &str) -> String {
        self.real.iter().fold(text.to_owned(), |text, (example, value)| text.replace(example, value))
    }

    /// Sends an example that was not sent yet, and does all work that it makes. The client that sends it compares the
    /// answer with the description.
    async fn send(&mut self, name: &str, status: u16) -> Value {
        self.send_with(name, status, |body| body).await
    }

    async fn send_with(&mut self, name: &str, status: u16, adapt: impl FnOnce(Value) -> Value) -> Value {
        let request = self.requests.remove(name).unwrap_or_else(|| panic!("{name} is no example, or was sent already"));
        let url = self.translated(&request.url);
        let url = match url.split_once('?') {
            Some((path, query)) => {
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
                format!("{path}?{}", pairs.join("&"))
            }
            None => url,
        };
        let body = request.body.map(|body| adapt(serde_json::from_str(&self.translated(&body.to_string())).unwrap()));
        let live = &self.pair.live;
        let answer: Answer = live.call(&request.method.to_uppercase(), &url, &live.admin, body.as_ref()).await;
        assert_eq!(answer.status, status, "{name}: {url}: {}", answer.text);
        live.world.work().await;
        if answer.text.is_empty() || !answer.header("content-type").unwrap().contains("json") {
            return Value::Null;
        }
        let body = answer.body();
        // An empty list shows nothing about its items.
        assert!(body.get("items").is_none_or(|items| items[0].is_object()), "{name}: {url} is empty");
        body
    }

    async fn sync_later(&self, minutes: i64) {
        self.pair.live.world.advance(TimeDelta::minutes(minutes));
        self.pair.live.sync(self.real[REMOTE].parse().unwrap()).await;
    }
}

/// Sends all examples in one story, since most need what another makes.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_request_is_answered_as_the_description_says() {
    let mut tour = Tour::begin().await;
    for name in ["healthz", "readyz", "openapi", "docs"] {
        tour.send(name, 200).await;
    }
    connections(&mut tour).await;
    people_and_groups(&mut tour).await;
    reviews_and_holds(&mut tour).await;
    consumers(&mut tour).await;
    tour.send("listEvents", 200).await;
    tour.send("listAudit", 200).await;
    assert!(tour.requests.is_empty(), "not sent: {:?}", tour.requests.keys());
}

async fn connections(tour: &mut Tour) {
    let base_url = tour.pair.live.world.running.base_url();
    let api_token = tour.pair.live.world.vendor.token();
    let credentials = json!({ "apiToken": api_token });
    let order = json!({ "settings": { "baseUrl": base_url }, "credentials": credentials });
    let made = tour.send_with("createConnection/remote", 201, |body| merged(body, &order)).await;
    tour.know(REMOTE, &made["id"]);
    tour.send("listConnections", 200).await;
    tour.send("showMapping", 200).await;
    let run = tour.send("previewConnection/reason", 202).await;
    tour.know(RUN, &run["runId"]);
    let run = tour.send("showRun", 200).await;
    tour.know(PLAN, &run["planId"]);
    tour.send("showPlan", 200).await;
    tour.send("listPlanChanges", 200).await;
    let run = tour.send("finishConnection/seen", 200).await;
    tour.know(RUN, &run["runId"]);
    tour.send("showConnection", 200).await;
    tour.send("listRuns", 200).await;
    tour.send("listRunChanges", 200).await;

    let order = json!({ "settings": tour.pair.settings(), "credentials": tour.pair.app() });
    let made = tour.send_with("createConnection/justworks", 201, |body| merged(body, &order)).await;
    tour.know(JUSTWORKS, &made["id"]);
    let page = tour.send("authorizeConnection/consent", 200).await;
    let callback = tour.pair.justworks.consent(page["authorizationUrl"].as_str().unwrap()).unwrap();
    assert_eq!(tour.pair.come_back(&callback).await.status, 200);
    tour.pair.live.finish(made["id"].as_str().unwrap().parse().unwrap()).await;

    tour.send("putMapping/preview", 200).await;
    tour.send("putMapping/apply", 202).await;
    tour.send("syncConnection/reason", 202).await;
    // One that waits in the queue.
    let live = &tour.pair.live;
    let path = format!("/api/v1/connections/{}/sync", tour.real[REMOTE]);
    let queued = live.call("POST", &path, &live.admin, Some(&json!({}))).await.body();
    tour.know(RUN, &queued["runId"]);
    tour.send("cancelRun/reason", 200).await;
    tour.send("pauseConnection/reason", 200).await;
    let credentials = json!({ "credentials": credentials });
    tour.send_with("reauthorizeConnection/paused", 200, |body| merged(body, &credentials)).await;
    tour.send("resumeConnection/reason", 200).await;
    tour.send_with("reauthorizeConnection/token", 202, |body| merged(body, &credentials)).await;
    tour.send("reauthorizeConnection/consent", 200).await;
    tour.send("listFields", 200).await;
    tour.send("putField/preview", 200).await;
    tour.send("putField/order", 202).await;
}

async fn people_and_groups(tour: &mut Tour) {
    let somebody = tour.pair.live.email_of(3);
    tour.know(EMAIL, &json!(somebody));
    let people = tour.send("listPeople", 200).await;
    tour.know(PERSON, &people["items"][0]["id"]);
    tour.send("showPerson", 200).await;
    tour.send("listPersonHistory", 200).await;
    tour.send("listGroupKinds", 200).await;
    tour.send("putGroupKind/on", 200).await;
    let groups = tour.send("listGroups", 200).await;
    tour.know(GROUP, &groups["items"][0]["id"]);
    tour.send("showGroup", 200).await;
    tour.send("addGroupAlias/alias", 202).await;
}

async fn reviews_and_holds(tour: &mut Tour) {
    for name in ["Ida Tern", "Ira Tern"] {
        let intern = json!({ "employment_model": "intern", "type": "intern", "full_name": name });
        tour.pair.live.world.vendor.add(&intern).unwrap();
    }
    tour.sync_later(60).await;
    tour.send("listWorkers", 200).await;
    let reviews = tour.send("listReviews", 200).await;
    let unmapped = reviews["items"].as_array().unwrap().iter().filter(|one| one["reason"] == "unmappedWorkerType");
    let unmapped: Vec<Value> = unmapped.map(|review| review["id"].clone()).collect();
    tour.know(REVIEW, &unmapped[0]);
    tour.send("showReview", 200).await;
    tour.send("resolveReview/wait", 200).await;
    tour.know(REVIEW, &unmapped[1]);
    tour.send("resolveReview/map", 202).await;

    for (gone, decision) in [(4..10, "rejectHold/reason"), (10..16, "approveHold/reason")] {
        for who in gone {
            tour.pair.live.world.vendor.remove(who, false).unwrap();
        }
        tour.sync_later(60).await;
        tour.sync_later(60).await;
        let open = tour.pair.live.api("/holds?state=open").await;
        tour.know(HOLD, &open["items"][0]["id"]);
        if decision.starts_with("reject") {
            let missing = tour.pair.live.api(&format!("/connections/{}/workers", tour.real[REMOTE])).await;
            assert!(missing["items"].as_array().unwrap().iter().any(|worker| worker["disposition"] == "missing"));
            tour.send("listHolds", 200).await;
            tour.send("showHold", 200).await;
        }
        tour.send(decision, 202).await;
    }
}

async fn consumers(tour: &mut Tour) {
    let made = tour.send("createConsumer/helpdesk", 201).await;
    tour.know(CONSUMER, &made["id"]);
    tour.send("listConsumers", 200).await;
    tour.send("showConsumer", 200).await;
    tour.send("replaceConsumer/whole", 200).await;
    tour.send("changeConsumer/scopes", 200).await;
    tour.send("changeConsumer/policy", 200).await;
    let made = tour.send("createToken/quarter", 201).await;
    tour.know(TOKEN, &made["id"]);
    tour.send("listTokens", 200).await;
    tour.send("removeToken/reason", 204).await;
    tour.send("removeConsumer/reason", 204).await;
}

/// A body with some members as they are here.
fn merged(mut body: Value, real: &Value) -> Value {
    for (name, value) in real.as_object().unwrap() {
        match (body.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
            (Some(given), Some(value)) => given.extend(value.clone()),
            _ => body[name] = value.clone(),
        }
    }
    body
}
