//! Provides the edge over real HTTP: a server on loopback with a database and a clock of its own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, Method};
use rollbook::clock::Clock;
use rollbook::crypto::seal::Keys;
use rollbook::crypto::token::Token;
use rollbook::http::state::State;
use rollbook::http::{malformed, ops, scim, server};
use rollbook::store::consumers::{self, ConsumerRow};
use rollbook::store::db::lanes::Lanes;
use rollbook::store::db::pool::{Connection, Database};
use rollbook::store::tokens::{self, NewToken};
use serde_json::Value;
use uuid::Uuid;

use super::database::TestDatabase;

/// The public URL is another than the one that requests go to: what answers show must not come from the request.
pub(crate) const PUBLIC_URL: &str = "https://dir.example.com";

pub(crate) struct Served {
    pub(crate) db: Database,
    pub(crate) lanes: Lanes,
    pub(crate) clock: Clock,
    pub(crate) url: String,
    /// Of a consumer with the scope `scim:read`.
    pub(crate) token: String,
    client: Client,
    server: ServerHandle,
    _database: TestDatabase,
}

/// A response that the test received.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Served {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::migrated().await;
        let db = database.connect().await;
        let clock = Clock::manual("2026-11-20T12:00:00Z".parse().unwrap());
        let state = web::Data::new(State::new(db.clone(), clock.clone(), keys(), &format!("{PUBLIC_URL}/")));
        let lanes = state.lanes.clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = move || {
            App::new()
                .wrap(from_fn(rollbook::http::server::mark))
                .app_data(state.clone())
                .configure(ops::routes)
                .configure(malformed::routes)
                .configure(scim::routes)
        };
        let (running, handle) = server::listen(app, listener, 1).unwrap();
        tokio::spawn(running);
        let client = Client::builder().build().unwrap();
        let mut started =
            Self { db, lanes, clock, url, token: String::new(), client, server: handle, _database: database };
        started.token = started.token_of(&started.consumer("reader", &["scim:read"], false).await).await;
        started
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) async fn conn(&self) -> Connection {
        self.db.get().await.unwrap()
    }

    pub(crate) async fn consumer(&self, name: &str, scopes: &[&str], external_id_from_source: bool) -> ConsumerRow {
        let row = ConsumerRow {
            id: self.clock.row_id(),
            name: name.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            external_id_from_source,
            created_at: self.now(),
            user_filter: None,
            group_filter: None,
            attributes: None,
        };
        consumers::insert(&mut *self.conn().await, &row).await.unwrap();
        row
    }

    /// The token of a new consumer with a release policy: which people, which groups, which attributes.
    pub(crate) async fn released(
        &self,
        name: &str,
        scopes: &[&str],
        user_filter: Option<&str>,
        group_filter: Option<&str>,
        attributes: Option<&[&str]>,
    ) -> String {
        let row = self.consumer(name, scopes, false).await;
        let change = consumers::ConsumerChange {
            user_filter: Some(user_filter.map(str::to_owned)),
            group_filter: Some(group_filter.map(str::to_owned)),
            attributes: Some(attributes.map(|names| names.iter().map(|&name| name.to_owned()).collect())),
            ..consumers::ConsumerChange::default()
        };
        assert!(consumers::update(&mut *self.conn().await, row.id, &change).await.unwrap());
        self.token_of(&row).await
    }

    /// A new token of a consumer, for a year.
    pub(crate) async fn token_of(&self, consumer: &ConsumerRow) -> String {
        self.issue(Some(consumer.id), Some(self.now() + TimeDelta::days(365))).await.1
    }

    /// A new token with its row's id.
    pub(crate) async fn issue(&self, consumer: Option<Uuid>, expires_at: Option<DateTime<Utc>>) -> (Uuid, String) {
        let token = Token::random();
        let new = NewToken {
            id: self.clock.row_id(),
            consumer_id: consumer,
            name: "test".to_owned(),
            digest: token.digest().as_bytes().to_vec(),
            created_at: self.now(),
            expires_at,
        };
        tokens::insert(&mut *self.conn().await, &new).await.unwrap();
        (new.id, token.reveal().to_owned())
    }

    /// GET below the server's root with the reader's token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(&self.token, path).await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send("GET", path, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Any request with just these headers.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// POST of a JSON body below `/scim/v2`.
    pub(crate) async fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        let request = self.client.post(format!("{}/scim/v2{path}", self.url)).bearer_auth(token).json(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// POST of a text below `/scim/v2`.
    pub(crate) async fn post_text(&self, token: &str, path: &str, kind: &str, body: &str) -> Answer {
        let request = self.client.post(format!("{}/scim/v2{path}", self.url)).bearer_auth(token);
        Answer::of(request.header("content-type", kind).body(body.to_owned()).send().await.unwrap()).await
    }

    /// Any request with a text below `/scim/v2`, as the reader.
    pub(crate) async fn send_text(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}/scim/v2{path}", self.url)).bearer_auth(&self.token);
        Answer::of(request.header("content-type", kind).body(body.to_owned()).send().await.unwrap()).await
    }

    /// POST of a search, `schemas` added.
    pub(crate) async fn search_as(&self, token: &str, path: &str, search: Value) -> Answer {
        let mut body = search;
        body["schemas"] = serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
        self.post_as(token, &format!("{path}/.search"), &body).await
    }

    /// GET /scim/v2/Users with a filter, percent-encoded.
    pub(crate) async fn filter(&self, filter: &str) -> Answer {
        self.get(&format!("/scim/v2/Users?filter={}", encoded(filter))).await
    }

    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers = response.headers().iter().map(header).collect();
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body of a list that was answered with 200.
    pub(crate) fn list(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body()
    }

    /// `id`s of a list, in order.
    pub(crate) fn ids(&self) -> Vec<Uuid> {
        let list = self.list();
        let resources = list["Resources"].as_array().unwrap();
        resources.iter().map(|user| user["id"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// Checks a SCIM error and returns its detail.
    pub(crate) fn refusal(&self, status: u16, scim_type: Option<&str>) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/scim+json"));
        let body = self.body();
        assert_eq!(body["schemas"], serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(body["status"], status.to_string());
        assert_eq!(body.get("scimType").and_then(Value::as_str), scim_type, "{}", self.text);
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// Percent-encodes all but letters and digits.
pub(crate) fn encoded(text: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encode).collect()
}

/// Some keys, the same for all nodes of a test.
fn keys() -> Arc<Keys> {
    Arc::new(Keys::parse("8f0e2d4c6b8a79685746352413021f0e8f0e2d4c6b8a79685746352413021f0e".into()).unwrap())
}
