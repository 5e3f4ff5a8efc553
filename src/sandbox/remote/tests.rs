//! Tests the simulated Remote against the example bodies of its page, and through a real socket.

mod control;
mod faults;
mod people;
mod shapes;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::Value;

use super::{Running, Sandbox, SandboxConfig};

/// What `curl -d` sends as the type of every body.
const FORM: &str = "application/x-www-form-urlencoded";

/// A sandbox on a socket, with a clock that the test moves.
struct Bench {
    sandbox: Sandbox,
    running: Running,
    now: Arc<Mutex<DateTime<Utc>>>,
    http: reqwest::Client,
}

/// A response that the test received.
struct Reply {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn today() -> NaiveDate {
    "2026-11-20".parse().unwrap()
}

/// The day of the examples, so that also dates can be compared with them.
fn sandbox(config: SandboxConfig) -> (Sandbox, Arc<Mutex<DateTime<Utc>>>) {
    let now = Arc::new(Mutex::new("2026-11-20T12:00:00Z".parse().unwrap()));
    let time = Arc::clone(&now);
    (Sandbox::new(config, Arc::new(move || *time.lock().unwrap())), now)
}

fn everything(workers: u32) -> SandboxConfig {
    SandboxConfig { workers, seed: 0, ..SandboxConfig::default() }
}

impl Bench {
    fn new(config: SandboxConfig) -> Self {
        let (sandbox, now) = sandbox(config);
        let running = sandbox.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sandbox, running, now, http }
    }

    fn advance(&self, by: TimeDelta) {
        *self.now.lock().unwrap() += by;
    }

    async fn try_get(&self, path: &str) -> reqwest::Result<Reply> {
        let url = format!("{}{path}", self.running.base_url());
        let response = self.http.get(url).bearer_auth(self.sandbox.token()).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, text: response.text().await? })
    }

    async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap()
    }

    async fn steer(&self, method: reqwest::Method, path: &str, body: &str) -> Reply {
        let url = format!("{}/_control{path}", self.running.base_url());
        let response =
            self.http.request(method, url).header("content-type", FORM).body(body.to_owned()).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    /// All ids of the list, page by page, until a page is the last.
    async fn listed(&self, size: u32) -> Vec<String> {
        let mut ids = Vec::new();
        for page in 1.. {
            let body = self.get(&format!("/v1/employments?page={page}&page_size={size}")).await.json();
            let rows = body["data"]["employments"].as_array().unwrap();
            ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            if body["data"]["total_pages"] == page {
                break;
            }
        }
        ids
    }

    /// All records of the bulk reading.
    async fn bulk(&self, limit: u32) -> Vec<Value> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let body = self.get(&format!("/v1/employments/bulk?limit={limit}{cursor}")).await.json();
            records.extend(body["data"].as_array().unwrap().iter().cloned());
            match body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return records,
            }
        }
    }
}

/// A body of the vendor's page.
fn example(name: &str) -> Value {
    let path = format!("{}/tests/data/remote/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}
