//! Tests that the text of an HR system's errors comes into no log, database or admin API.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use rollbook::sandbox::{Effect, Fault, JustworksConfig, SandboxConfig};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::hostile::{BULK, DEPARTMENTS, Hostile, IDENTITY, LIST, OFFBOARDINGS, ok, raw, row};
use crate::support::live::{Live, uuid};
use crate::support::pair::Pair;

/// The text of the HR system wherever it can send one. No text of Rollbook contains it.
const MARKER: &str = "zqmarker";

/// All lines that are logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Listens to this process, which under nextest runs one test.
    fn listen() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(move || writer.clone())
            .try_init()
            .expect("this process has no other log");
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Searches for the marker in the log, every row of every table, and the lists of the admin API.
async fn search(live: &Live, log: &Log, what: &str) {
    let said = log.text();
    // The client of wiremock and of the tests logs its work too; only Rollbook's own lines count.
    let ours = said.lines().filter(|line| line.contains("rollbook"));
    for line in ours {
        assert!(!line.to_lowercase().contains(MARKER), "{what}: the log: {line}");
    }
    let found = live
        .world
        .text(
            "SELECT string_agg(table_name, ', ') FROM information_schema.tables
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
               AND query_to_xml(format('SELECT 1 FROM %I t WHERE t::text ILIKE ''%%zqmarker%%'' LIMIT 1', table_name),
                                true, true, '')::text LIKE '%<row%'",
        )
        .await;
    assert_eq!(found, None, "{what}: in the database");
    for path in
        ["/connections", "/runs?limit=500", "/audit?limit=500", "/events?after=0&limit=500", "/reviews?limit=500"]
    {
        let shown = live.api(path).await.to_string().to_lowercase();
        assert!(!shown.contains(MARKER), "{what}: {path}");
    }
}

/// Answers in which the vendor sends the marker, in every place there is.
fn words() -> Vec<(&'static str, ResponseTemplate)> {
    let text = "zqmarker Zoë, born 1990-02-11, IBAN DE02 1203, salary 90000, zqmarker@acme.example";
    let mut all = Vec::new();
    for (what, status) in
        [("400", 400), ("401", 401), ("403", 403), ("404", 404), ("422", 422), ("429", 429), ("503", 503)]
    {
        for body in [
            json!({ "message": text }),
            json!({ "message": { "code": "zqmarker", "message": text, "param": "zqmarker" } }),
            json!({ "errors": { "zqmarker": [text], "page_size": ["zqmarker"] } }),
            json!({ "error": "zqmarker_code", "error_description": text, "zqmarker": 1 }),
            json!([text]),
            json!(text),
        ] {
            all.push((what, ResponseTemplate::new(status).set_body_json(body)));
        }
        let html = format!("<html><title>{text}</title></html>");
        all.push((what, ResponseTemplate::new(status).set_body_raw(html, "text/html; zqmarker=1")));
        all.push((what, ResponseTemplate::new(status).set_body_raw(text, "text/zqmarker")));
    }
    let headers = ResponseTemplate::new(302)
        .insert_header("location", "https://zqmarker.example/?a=zqmarker")
        .insert_header("retry-after", "zqmarker")
        .insert_header("x-ratelimit-reset", "zqmarker");
    all.push(("a redirect", headers));
    for body in [
        "zqmarker".to_owned(),
        "{\"zqmarker\": \"zqmarker".to_owned(),
        json!({ "zqmarker": text }).to_string(),
        json!({ "data": "zqmarker" }).to_string(),
        json!({ "data": [], "next_cursor": { "zqmarker": 1 } }).to_string(),
        format!("{{\"data\": [{{\"id\": \"w1\", \"zqmarker\": NaN}}], \"next_cursor\": [\"{text}\"]}}"),
        format!("{{\"data\": [{{\"id\": \"w1\", \"zqmarker\": \"zqmarker\", \"zqmarker\": NaN}}, {}]}}", row(2)),
    ] {
        all.push(("an answer of another shape", raw(body.clone())));
        all.push(("an answer of another type", ResponseTemplate::new(200).set_body_raw(body, "application/zqmarker")));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_remote_comes_through() {
    let log = Log::listen();
    let live = Live::with(SandboxConfig::plain(1)).await;
    let vendor = Hostile::new().await;
    vendor.says(BULK, ok(json!({ "data": [row(1), row(2)] })), 9).await;
    let answer = live.call("POST", "/api/v1/connections", &live.admin, Some(&vendor.order())).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    live.world.work().await;
    let connection = uuid(&answer.body()["id"]);
    let given = json!({ "credentials": { "apiToken": "ra_live_hostile" } });
    for at in [IDENTITY, OFFBOARDINGS, DEPARTMENTS, BULK, LIST] {
        for (what, answer) in words() {
            let guard = wiremock::Mock::given(wiremock::matchers::path(at))
                .respond_with(answer)
                .with_priority(1)
                .mount_as_scoped(&vendor.server)
                .await;
            if at == IDENTITY {
                for (path, body) in [
                    ("/connections", vendor.order()),
                    (&*format!("/connections/{connection}/reauthorize"), given.clone()),
                ] {
                    let mut body = body;
                    if path == "/connections" {
                        body["name"] = json!("Another");
                    }
                    let said = live.call("POST", &format!("/api/v1{path}"), &live.admin, Some(&body)).await;
                    assert!(!said.text.to_lowercase().contains(MARKER), "{at} {what}: {}", said.text);
                }
            }
            live.post(&format!("/connections/{connection}/preview"), json!({})).await;
            live.world.advance(TimeDelta::hours(1));
            drop(guard);
        }
        search(&live, &log, at).await;
    }
    assert!(log.text().contains("rollbook"), "the log was listened to");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_justworks_comes_through() {
    let log = Log::listen();
    let pair = Pair::justworks(JustworksConfig::default()).await;
    let connection = pair.publish(json!({})).await;
    let said = |status: u16, body: Value| Effect::Status {
        status,
        body: Some(body),
        html: false,
        retry_after: Some(MARKER.to_owned()),
        reset_ms: None,
    };
    let bodies = [
        json!({ "error": "invalid_grant", "error_description": "zqmarker was born", "error_uri": "https://zqmarker" }),
        json!({ "error": "zqmarker", "error_description": "zqmarker" }),
        json!({ "errors": [{ "code": "zqmarker", "message": "Missing required scope zqmarker" }] }),
        json!({ "message": "zqmarker", "zqmarker": "zqmarker" }),
        json!(["zqmarker"]),
    ];
    for at in ["/v1/company", "/v1/members", "/oauth/token"] {
        for status in [400, 401, 403, 500, 200] {
            for body in &bodies {
                pair.justworks.fault(Fault::on(at, said(status, body.clone()))).unwrap();
                pair.live.world.advance(TimeDelta::hours(25));
                pair.live.world.work().await;
                let path = format!("/api/v1/connections/{connection}/sync");
                let answer = pair.live.call("POST", &path, &pair.live.admin, Some(&json!({}))).await;
                pair.live.world.work().await;
                assert!(!answer.text.contains(MARKER), "{}", answer.text);
                pair.justworks.clear_faults();
                if pair.shown(connection).await["state"] == "needsReauthorization" {
                    pair.consent(connection).await;
                }
            }
        }
        search(&pair.live, &log, at).await;
    }

    // A grant that names scopes of its own, and callbacks that any person can write.
    let granted = json!({ "access_token": "a1", "refresh_token": "r1", "scope": "member.basic:read zqmarker", "token_type": "zqmarker" });
    pair.justworks.fault(Fault::on("/oauth/token", said(200, granted))).unwrap();
    let url = pair.authorization_url(connection).await;
    let callback = pair.justworks.consent(&url).unwrap();
    pair.come_back(&callback).await;
    pair.justworks.clear_faults();
    let url = pair.authorization_url(connection).await;
    let state = url::Url::parse(&url).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let denied = format!("{}/oauth/callback?error=zqmarker&error_description=zqmarker&state={state}", pair.live.url);
    let answer = pair.come_back(&denied).await;
    assert!(answer.status == 409 && !answer.text.contains(MARKER), "{}", answer.text);
    search(&pair.live, &log, "consent").await;
}
