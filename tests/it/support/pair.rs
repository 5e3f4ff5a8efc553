//! Runs two HR systems beside one Rollbook over real HTTP: [`Live`] with a simulated Justworks next to its Remote.

use std::net::TcpListener;
use std::sync::Arc;

use rollbook::sandbox::{Justworks, JustworksConfig, Running, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use super::live::{Live, uuid};
use super::served::Answer;

pub(crate) struct Pair {
    pub(crate) live: Live,
    pub(crate) justworks: Justworks,
    running: Running,
}

impl Pair {
    pub(crate) async fn with(remote: SandboxConfig, justworks: JustworksConfig) -> Self {
        let live = Live::with(remote).await;
        let clock = live.world.context.clock.clone();
        let config = JustworksConfig { today: justworks.today.or(Some(clock.now().date_naive())), ..justworks };
        let justworks = Justworks::new(config, Arc::new(move || clock.now()));
        let running = justworks.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        Self { live, justworks, running }
    }

    /// Justworks alone; the Remote beside it is not connected.
    pub(crate) async fn justworks(config: JustworksConfig) -> Self {
        Self::with(SandboxConfig::plain(1), config).await
    }

    pub(crate) fn settings(&self) -> Value {
        let base = self.running.base_url();
        json!({
            "apiUrl": base,
            "authorizeUrl": format!("{base}/oauth/authorize"),
            "tokenUrl": format!("{base}/oauth/token"),
        })
    }

    pub(crate) fn app(&self) -> Value {
        let config = self.justworks.config();
        json!({ "clientId": config.client_id, "clientSecret": config.client_secret })
    }

    /// Makes the connection, which then waits for consent.
    pub(crate) async fn order(&self, settings: Value) -> Uuid {
        let mut all = self.settings();
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let order = json!({ "kind": "justworks", "name": "Justworks", "settings": all, "credentials": self.app() });
        let answer = self.live.call("POST", "/api/v1/connections", &self.live.admin, Some(&order)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.body()["state"], "authorizing");
        uuid(&answer.body()["id"])
    }

    /// The page where consent is given.
    pub(crate) async fn authorization_url(&self, connection: Uuid) -> String {
        let answer = self.live.post(&format!("/connections/{connection}/authorize"), json!({})).await;
        answer["authorizationUrl"].as_str().unwrap().to_owned()
    }

    /// What the browser gets that the vendor sends back; then all work that there is.
    pub(crate) async fn come_back(&self, callback: &str) -> Answer {
        let answer = Answer::of(reqwest::get(callback).await.unwrap()).await;
        self.live.world.work().await;
        answer
    }

    /// An admin of Justworks gives consent.
    pub(crate) async fn consent(&self, connection: Uuid) {
        let url = self.authorization_url(connection).await;
        let answer = self.come_back(&self.justworks.consent(&url).unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.contains("Connected"), "{}", answer.text);
    }

    /// Connects Justworks, and publishes its people.
    pub(crate) async fn publish(&self, settings: Value) -> Uuid {
        let connection = self.order(settings).await;
        self.consent(connection).await;
        self.live.finish(connection).await;
        connection
    }

    /// Connects Remote and then Justworks, and publishes both.
    pub(crate) async fn publish_both(&self) -> (Uuid, Uuid) {
        let remote = self.live.connect(json!({})).await;
        self.live.finish(remote).await;
        (remote, self.publish(json!({})).await)
    }

    pub(crate) async fn shown(&self, connection: Uuid) -> Value {
        self.live.api(&format!("/connections/{connection}")).await
    }

    /// Lets the next scheduled pull come, and returns how it ended.
    pub(crate) async fn next_pull(&self, connection: Uuid) -> Value {
        let due = self.shown(connection).await["nextRunAt"].as_str().unwrap().parse().unwrap();
        self.live.world.context.clock.set(due);
        self.live.world.work().await;
        let run = self.shown(connection).await["lastRun"]["id"].as_str().unwrap().to_owned();
        self.live.api(&format!("/runs/{run}")).await
    }
}
