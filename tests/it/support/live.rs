//! Runs a whole Rollbook over real HTTP in this process. It has the [`World`] with every surface in front of it, and
//! the tokens of an admin and of a consumer.

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use reqwest::{Client, Method};
use rollbook::crypto::token::Token;
use rollbook::http::limits::CallerLimits;
use rollbook::http::server::{self, Workers};
use rollbook::http::state::State;
use rollbook::sandbox::SandboxConfig;
use rollbook::store;
use rollbook::store::consumers::ConsumerRow;
use rollbook::store::db::lanes::{LaneSettings, Lanes};
use rollbook::store::tokens::NewToken;
use serde_json::{Value, json};
use uuid::Uuid;

use super::contract;
use super::served::{Answer, encoded};
use super::world::World;

pub(crate) struct Live {
    server: ServerHandle,
    client: Client,
    pub(crate) url: String,
    pub(crate) admin: String,
    /// Of the consumer `idp` (`scim:read`), which gets the worker's id as the `externalId`.
    pub(crate) idp: String,
    pub(crate) lanes: Lanes,
    pub(crate) world: World,
}

impl Live {
    pub(crate) async fn with(config: SandboxConfig) -> Self {
        Self::around(World::with(config).await).await
    }

    pub(crate) async fn around(world: World) -> Self {
        Self::around_with(world, &LaneSettings::default()).await
    }

    /// With other lanes than those by default.
    pub(crate) async fn around_with(world: World, settings: &LaneSettings) -> Self {
        let context = &world.context;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lanes = Lanes::beside(context.db.clone(), settings, 0).unwrap();
        let (clock, keys) = (context.clock.clone(), context.keys.clone());
        let state = State::with(lanes.clone(), CallerLimits::default(), clock, keys, &url);
        let (running, server) =
            server::serve(state, context.clone(), listener, Workers { number: 1, connections: 2 }).unwrap();
        tokio::spawn(running);
        let mut conn = world.conn().await;
        let idp = ConsumerRow {
            id: context.clock.row_id(),
            name: "idp".into(),
            scopes: vec!["scim:read".into()],
            external_id_from_source: true,
            created_at: context.clock.now(),
            user_filter: None,
            group_filter: None,
            attributes: None,
        };
        store::consumers::insert(&mut conn, &idp).await.unwrap();
        let mut tokens = Vec::new();
        for (name, consumer) in [("admin", None), ("idp", Some(idp.id))] {
            let token = Token::random();
            let new = NewToken {
                id: context.clock.row_id(),
                consumer_id: consumer,
                name: name.into(),
                digest: token.digest().as_bytes().to_vec(),
                created_at: context.clock.now(),
                expires_at: None,
            };
            store::tokens::insert(&mut conn, &new).await.unwrap();
            tokens.push(token.reveal().to_owned());
        }
        drop(conn);
        let [admin, idp] = tokens.try_into().unwrap();
        Self { server, client: Client::builder().build().unwrap(), url, admin, idp, lanes, world }
    }

    /// A Rollbook whose connection is finished and whose people are published, through the admin API alone.
    pub(crate) async fn published(config: SandboxConfig) -> (Self, Uuid) {
        let live = Self::with(config).await;
        let connection = live.connect(json!({})).await;
        live.finish(connection).await;
        (live, connection)
    }

    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let mut request = self
            .client
            .request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.url))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = Answer::of(request.send().await.unwrap()).await;
        contract::check(method, path, &answer);
        answer
    }

    /// GET below /api/v1, answered 200.
    pub(crate) async fn api(&self, path: &str) -> Value {
        let answer = self.call("GET", &format!("/api/v1{path}"), &self.admin, None).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
        answer.body()
    }

    /// POST below /api/v1, accepted or done; then all work that there is.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call("POST", &format!("/api/v1{path}"), &self.admin, Some(&body)).await;
        assert!((200..300).contains(&answer.status), "POST {path}: {} {}", answer.status, answer.text);
        self.world.work().await;
        answer.body()
    }

    /// Connects the simulated vendor and pulls its preview.
    pub(crate) async fn connect(&self, settings: Value) -> Uuid {
        let mut settings = settings;
        settings["baseUrl"] = json!(self.world.running.base_url());
        let order = json!({
            "kind": "remote", "name": "Remote", "settings": settings,
            "credentials": { "apiToken": self.world.vendor.token() },
        });
        let answer = self.call("POST", "/api/v1/connections", &self.admin, Some(&order)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.world.work().await;
        uuid(&answer.body()["id"])
    }

    /// Publishes what the preview planned.
    pub(crate) async fn finish(&self, connection: Uuid) -> Value {
        let asked = self.post(&format!("/connections/{connection}/finish"), json!({})).await;
        let run = self.run(&asked).await;
        assert_eq!(run["state"], "succeeded", "{run}");
        run
    }

    /// Pulls once more and returns how the run ended.
    pub(crate) async fn sync(&self, connection: Uuid) -> Value {
        let asked = self.post(&format!("/connections/{connection}/sync"), json!({})).await;
        self.run(&asked).await
    }

    /// The run that an answer names.
    pub(crate) async fn run(&self, asked: &Value) -> Value {
        self.api(&format!("/runs/{}", asked["runId"].as_str().unwrap())).await
    }

    /// GET below /scim/v2 as the consumer.
    pub(crate) async fn scim(&self, path: &str) -> Answer {
        self.call("GET", &format!("/scim/v2{path}"), &self.idp, None).await
    }

    pub(crate) async fn total(&self) -> i64 {
        self.scim("/Users?count=0").await.list()["totalResults"].as_i64().unwrap()
    }

    /// The one user with this userName.
    pub(crate) async fn user(&self, user_name: &str) -> Value {
        let list = self.users(&format!("userName eq \"{user_name}\"")).await;
        assert_eq!(list.len(), 1, "users named {user_name}");
        list.into_iter().next().unwrap()
    }

    /// The first page of users that a filter selects.
    pub(crate) async fn users(&self, filter: &str) -> Vec<Value> {
        let list = self.scim(&format!("/Users?filter={}", encoded(filter))).await.list();
        list["Resources"].as_array().unwrap().clone()
    }

    /// The whole feed after a sequence number, page by page. Checks that it is dense. After 0 it begins with the oldest
    /// event that is kept.
    pub(crate) async fn feed(&self, after: i64) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let seen = all.last().map_or(after, |last| last["sequence"].as_i64().unwrap());
            let page = self.api(&format!("/events?after={seen}&limit=500")).await;
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return all;
            }
            for (n, item) in items.iter().enumerate() {
                let first = if seen == 0 { items[0]["sequence"].as_i64().unwrap() } else { seen + 1 };
                assert_eq!(item["sequence"], first + i64::try_from(n).unwrap(), "no gap, no repeat");
            }
            all.extend(items.iter().cloned());
        }
    }

    /// The open review items.
    pub(crate) async fn reviews(&self) -> Vec<Value> {
        self.api("/reviews?limit=500").await["items"].as_array().unwrap().clone()
    }

    /// The simulated vendor's record of a worker.
    pub(crate) fn email_of(&self, index: u32) -> String {
        self.world.vendor.employment(index).unwrap()["work_email"].as_str().unwrap().to_owned()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // The server stops when this is called; no code needs to wait for it.
        drop(self.server.stop(false));
    }
}

pub(crate) fn uuid(value: &Value) -> Uuid {
    value.as_str().unwrap_or_else(|| panic!("an id, not {value}")).parse().unwrap()
}

/// The events of people, without those of groups.
pub(crate) fn of_people(events: Vec<Value>) -> Vec<Value> {
    events.into_iter().filter(|event| event["personId"].is_string()).collect()
}

/// The types of events, in order.
pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

pub(crate) const WORKER: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:User";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
