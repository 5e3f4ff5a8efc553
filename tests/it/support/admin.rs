//! Provides the admin API over real HTTP, on a whole world with a simulated vendor.

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use chrono::TimeDelta;
use reqwest::{Client, Method};
use rollbook::crypto::token::Token;
use rollbook::flows::access::callers;
use rollbook::http::server::{self, Workers};
use rollbook::http::state::State;
use rollbook::sandbox::SandboxConfig;
use serde_json::{Value, json};

use super::contract;
use super::served::Answer;
use super::world::World;

/// A running server and its admin.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) url: String,
    /// The admin token.
    pub(crate) token: String,
    client: Client,
    server: ServerHandle,
}

impl Desk {
    pub(crate) async fn with(config: SandboxConfig) -> Self {
        let world = World::with(config).await;
        let token = Token::random();
        callers::settle_admin_token(&world.context, Some(token.clone())).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let context = &world.context;
        let state =
            State::new(context.db.clone(), context.clock.clone(), context.keys.clone(), "https://dir.example.com");
        let (running, handle) =
            server::serve(state, world.context.clone(), listener, Workers { number: 1, connections: 2 }).unwrap();
        tokio::spawn(running);
        let client = Client::builder().build().unwrap();
        Self { world, url, token: token.reveal().to_owned(), client, server: handle }
    }

    /// What the API needs to connect the vendor.
    pub(crate) fn order(&self, name: &str) -> Value {
        json!({
            "kind": "remote",
            "name": name,
            "settings": { "baseUrl": self.world.running.base_url() },
            "credentials": { "apiToken": self.world.vendor.token() },
        })
    }

    /// Connects the vendor through the API and works the preview off; answers the connection's id.
    pub(crate) async fn connect(&self) -> String {
        let made = self.post("/connections", self.order("Acme")).await;
        assert_eq!(made.status, 201, "{}", made.text);
        self.world.work().await;
        made.body()["id"].as_str().unwrap().to_owned()
    }

    /// Connects and publishes.
    pub(crate) async fn publish(&self) -> String {
        let id = self.connect().await;
        assert_eq!(self.post(&format!("/connections/{id}/finish"), json!({})).await.status, 200);
        self.world.work().await;
        id
    }

    /// Pulls once more, some time later, and answers the run.
    pub(crate) async fn sync(&self, id: &str, later: TimeDelta) -> Value {
        self.world.advance(later);
        let asked = self.post(&format!("/connections/{id}/sync"), json!({})).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        self.world.work().await;
        self.get(&format!("/runs/{}", asked.body()["runId"].as_str().unwrap())).await.body()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &self.token, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &self.token, Some(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, &self.token, Some(body.to_string())).await
    }

    /// The items of a list that was answered with 200.
    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body()["items"].as_array().unwrap().clone()
    }

    /// All items of a list, page by page.
    pub(crate) async fn walk(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit={limit}{cursor}")).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let body = page.body();
            all.extend(body["items"].as_array().unwrap().clone());
            match body["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Any call of the admin API; a body is sent as JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Option<String>) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(method, path, token, body.as_ref().map(|_| headers.as_slice()).unwrap_or_default(), body.clone())
            .await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let root = if path.starts_with("/scim") { String::new() } else { "/api/v1".to_owned() };
        let mut request = self.client.request(method.clone(), format!("{}{root}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        contract::check(method.as_str(), &format!("{root}{path}"), &answer);
        answer
    }

    /// A consumer with these scopes and its token.
    pub(crate) async fn consumer(&self, name: &str, scopes: &[&str]) -> (String, String) {
        let made = self.post("/consumers", json!({ "name": name, "scopes": scopes })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.body()["id"].as_str().unwrap().to_owned();
        let token = self.post(&format!("/consumers/{id}/tokens"), json!({ "name": name })).await;
        assert_eq!(token.status, 201, "{}", token.text);
        (id, token.body()["token"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
        self.world.running.stop().await;
    }
}

impl Answer {
    /// Checks a problem and returns it.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let body = self.body();
        assert_eq!(body["code"], code, "{}", self.text);
        assert_eq!(body["status"], status);
        body
    }
}
