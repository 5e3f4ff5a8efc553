//! Tests the simulated Justworks against the example bodies of its page, and through a real socket.

mod faults;
mod lists;
mod oauth;
mod overlap;
mod people;
mod shapes;
mod steering;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use url::Url;

use super::{Justworks, JustworksConfig};
use crate::sandbox::Running;

/// What the examples of the page were read with, as far as lists go.
const USUAL: &str = "company.basic:read member.detail:read member.employment:read member.dob:read";

const BACK: &str = "http://127.0.0.1:8080/oauth/callback";

/// A simulated Justworks on a socket, with a clock that the test moves.
struct Bench {
    vendor: Justworks,
    running: Running,
    now: Arc<Mutex<DateTime<Utc>>>,
    http: reqwest::Client,
    access: String,
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
fn vendor(config: JustworksConfig) -> (Justworks, Arc<Mutex<DateTime<Utc>>>) {
    let now = Arc::new(Mutex::new("2026-11-20T12:00:00Z".parse().unwrap()));
    let time = Arc::clone(&now);
    (Justworks::new(config, Arc::new(move || *time.lock().unwrap())), now)
}

fn everything(members: u32) -> JustworksConfig {
    JustworksConfig { members, ..JustworksConfig::examples() }
}

impl Bench {
    /// A bench whose app may read these scopes already.
    async fn with(config: JustworksConfig, scopes: &str) -> Self {
        let mut bench = Self::new(config);
        let tokens = bench.connect(scopes).await;
        bench.access = tokens["access_token"].as_str().unwrap().to_owned();
        bench
    }

    fn new(config: JustworksConfig) -> Self {
        let (vendor, now) = vendor(config);
        let running = vendor.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(redirect).build().unwrap();
        Self { vendor, running, now, http, access: String::new() }
    }

    fn advance(&self, by: TimeDelta) {
        *self.now.lock().unwrap() += by;
    }

    /// An authorization URL with these parameters besides the usual ones.
    fn authorization(&self, scopes: &str, more: &[(&str, &str)]) -> String {
        let usual = [("response_type", "code"), ("client_id", "rollbook-sandbox"), ("redirect_uri", BACK)];
        let usual = usual.iter().filter(|(name, _)| more.iter().all(|(other, _)| name != other));
        let mut url = Url::parse(&format!("{}/oauth/authorize", self.running.base_url())).unwrap();
        url.query_pairs_mut().extend_pairs(usual.chain(more)).append_pair("scope", scopes).append_pair("state", "s-1");
        url.into()
    }

    /// Consents and answers the code.
    fn code(&self, scopes: &str) -> String {
        code_of(&self.vendor.consent(&self.authorization(scopes, &[])).unwrap())
    }

    /// Consents, exchanges the code and answers the body with the tokens.
    async fn connect(&self, scopes: &str) -> Value {
        let code = self.code(scopes);
        let reply = self.exchange(&code, &[]).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    async fn exchange(&self, code: &str, more: &[(&str, &str)]) -> Reply {
        let form = [&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)], more].concat();
        self.token(&form).await
    }

    async fn refresh(&self, token: &Value) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())]).await
    }

    /// A token request of the right client; what comes first counts.
    async fn token(&self, form: &[(&str, &str)]) -> Reply {
        let config = self.vendor.config();
        let client = [("client_id", &*config.client_id), ("client_secret", &*config.client_secret)];
        self.post("/oauth/token", &[form, &client].concat()).await.unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Result<Reply> {
        let url = format!("{}{path}", self.running.base_url());
        reply(self.http.post(url).form(form).send().await?).await
    }

    async fn try_get(&self, path: &str, access: &str) -> reqwest::Result<Reply> {
        let url = format!("{}{path}", self.running.base_url());
        reply(self.http.get(url).bearer_auth(access).send().await?).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.try_get(path, &self.access).await.unwrap()
    }

    /// The status of the company's answer to an access token.
    async fn opens(&self, access: &Value) -> u16 {
        self.try_get("/v1/company", access.as_str().unwrap()).await.unwrap().status
    }

    async fn steer(&self, method: reqwest::Method, path: &str, body: &str) -> Reply {
        let url = format!("{}/_control{path}", self.running.base_url());
        // What `curl -d` sends as the type of every body.
        let form = "application/x-www-form-urlencoded";
        let request = self.http.request(method, url).header("content-type", form).body(body.to_owned());
        reply(request.send().await.unwrap()).await.unwrap()
    }

    /// All members of a list, page by page.
    async fn listed(&self, query: &str) -> Vec<Value> {
        let mut members = Vec::new();
        let mut cursor = String::new();
        loop {
            let body = self.get(&format!("/v1/members?{query}{cursor}")).await.json();
            members.extend(body["items"].as_array().unwrap().iter().cloned());
            match body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return members,
            }
        }
    }
}

async fn reply(response: reqwest::Response) -> reqwest::Result<Reply> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply { status, headers, text: response.text().await? })
}

fn code_of(callback: &str) -> String {
    parameter(callback, "code").unwrap()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A body of the vendor's page.
fn example(name: &str) -> Value {
    let path = format!("{}/tests/data/justworks/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The body of an error of the vendor's page.
fn error(case: &str) -> Value {
    let errors = example("errors");
    errors.as_array().unwrap().iter().find(|error| error["case"].as_str().unwrap().starts_with(case)).unwrap()["body"]
        .clone()
}

fn ids(members: &[Value]) -> Vec<&str> {
    members.iter().map(|member| member["id"].as_str().unwrap()).collect()
}

fn work_email(member: &Value) -> Option<&str> {
    member["emails"].as_array()?.iter().find(|email| email["type"] == "WORK")?["address"].as_str()
}

fn refused(error: &str) -> Value {
    json!({"error": error})
}
