//! Tests tokens of consumers that come to their end: shown everywhere, reported once in log and feed.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use nix::sys::signal::Signal;
use rollbook::flows::access::tokens;
use rollbook::flows::context::Context;
use rollbook::flows::feed;
use rollbook::sandbox::SandboxConfig;
use rollbook::store::changes::ChangeRow;
use serde_json::{Value, json};

use crate::support::admin::Desk;
use crate::support::program::{ADMIN_TOKEN, Program, folder, rollbook, serve};
use crate::support::world::context;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines about tokens.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
        text.lines().filter(|line| line.contains("token")).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Desk {
    async fn new_consumer(&self, name: &str) -> String {
        let made = self.post("/consumers", json!({ "name": name, "scopes": ["scim:read"] })).await;
        made.body()["id"].as_str().unwrap().to_owned()
    }

    /// The id of a new token.
    async fn new_token(&self, consumer: &str, days: u32) -> String {
        let body = json!({ "name": format!("{days} days"), "expiresInDays": days });
        let made = self.post(&format!("/consumers/{consumer}/tokens"), body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body()["id"].as_str().unwrap().to_owned()
    }

    /// The events about tokens and consumers in the feed: type, token, whether it is this consumer's.
    async fn told(&self, consumer: &str) -> Vec<(String, Option<String>)> {
        let of = |row: &ChangeRow| row.consumer_id.is_some_and(|id| id.to_string() == consumer);
        let rows = feed::after(&self.world.context, 0, 1_000).await.unwrap();
        let rows = rows.into_iter().filter(of);
        rows.map(|row| (row.kind, row.token_id.map(|id| id.to_string()))).collect()
    }
}

async fn warn(context: &Context) -> bool {
    tokens::warn_of_ends(context).await.unwrap()
}

fn soon(token: &str) -> (String, Option<String>) {
    ("token.expiresSoon".to_owned(), Some(token.to_owned()))
}

fn none_left() -> (String, Option<String>) {
    ("consumer.noLiveToken".to_owned(), None)
}

/// One runtime thread, so that log lines can be caught.
#[tokio::test]
async fn a_token_is_told_of_once_30_7_and_1_days_before_its_end() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let log = Log::default();
    let kept = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || kept.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let here = &desk.world.context;
    let there = context(&desk.world.database, here.clock.clone()).await;
    let consumer = desk.new_consumer("desk").await;
    let token = desk.new_token(&consumer, 60).await;
    let mut expected = Vec::new();
    assert!(!warn(here).await);
    let steps = [
        (TimeDelta::days(30) - TimeDelta::seconds(1), None),
        (TimeDelta::seconds(1), Some(soon(&token))),
        (TimeDelta::days(22), None),
        (TimeDelta::days(1), Some(soon(&token))),
        (TimeDelta::days(6), Some(soon(&token))),
        (TimeDelta::hours(23), None),
        (TimeDelta::hours(1), Some(none_left())),
        (TimeDelta::days(400), None),
    ];
    for (later, event) in steps {
        desk.world.advance(later);
        // Two nodes check at once, and each again.
        let (one, other) = tokio::join!(warn(here), warn(&there));
        assert_eq!(u8::from(one) + u8::from(other) > 0, event.is_some(), "after {later}");
        assert!(!warn(here).await && !warn(&there).await);
        expected.extend(event);
        assert_eq!(desk.told(&consumer).await, expected, "after {later}");
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for (line, words) in lines.iter().zip(["in 30 days", "in 7 days", "in 1 days", "every token of the consumer"]) {
        assert!(line.contains("WARN") && line.contains(words) && line.contains(&consumer), "{line}");
        assert!(!line.contains("desk") && !line.contains("60 days"), "ids alone: {line}");
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_told_by_the_nearest_and_what_was_known_at_the_beginning_is_not_told() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let (long, short) = (desk.new_consumer("long").await, desk.new_consumer("short").await);
    let of_long = desk.new_token(&long, 60).await;
    let of_short = desk.new_token(&short, 5).await;
    let second = desk.new_token(&short, 365).await;
    desk.world.work().await;
    assert_eq!(desk.told(&short).await, [], "whoever made it for five days knows");
    desk.world.advance(TimeDelta::days(4));
    desk.world.work().await;
    assert_eq!(desk.told(&short).await, [soon(&of_short)]);
    desk.world.advance(TimeDelta::days(51));
    desk.world.work().await;
    assert_eq!(desk.told(&long).await, [soon(&of_long)], "30 and 7 days passed unseen");
    assert_eq!(desk.told(&short).await.len(), 1, "it has another token, so that its end is no news");
    // When an admin takes a token back, no end is reported.
    let gone = desk.call("DELETE", &format!("/consumers/{short}/tokens/{second}"), &desk.token, None).await;
    assert_eq!(gone.status, 204);
    desk.world.advance(TimeDelta::days(80));
    desk.world.work().await;
    assert_eq!(desk.told(&short).await, [], "its one event is older than the 90 days of the feed");
    assert_eq!(desk.told(&long).await, [soon(&of_long), none_left()]);
    let event = desk.items("/events").await.pop().unwrap();
    assert_eq!((&event["type"], &event["consumerId"]), (&json!("consumer.noLiveToken"), &json!(long)));
    assert_eq!((&event["personId"], &event["tokenId"], &event["cause"]), (&Value::Null, &Value::Null, &json!("timer")));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_use_and_end_of_tokens_are_shown_with_what_to_do_about_them() {
    let desk = Desk::with(SandboxConfig::plain(1)).await;
    let (consumer, secret) = desk.consumer("desk", &["scim:read"]).await;
    let path = format!("/consumers/{consumer}");
    let shown = desk.get(&path).await.body();
    assert_eq!(
        shown["tokens"],
        json!({
            "live": 1, "expired": 0, "lastUsedAt": null, "nextExpiresAt": "2027-11-20T12:00:00Z",
        })
    );
    assert_eq!(shown["warnings"], json!([]));
    desk.world.advance(TimeDelta::hours(1));
    assert_eq!(desk.send("GET", "/scim/v2/Users", &secret, &[], None).await.status, 200);
    let token = desk.new_token(&consumer, 20).await;
    let one = desk.items("/consumers").await.pop().unwrap();
    assert_eq!(
        one["tokens"],
        json!({
            "live": 2, "expired": 0, "lastUsedAt": "2026-11-20T13:00:00Z", "nextExpiresAt": "2026-12-10T13:00:00Z",
        })
    );
    assert_eq!(
        (&one["warnings"][0]["code"], &one["warnings"][0]["tokenId"]),
        (&json!("tokenExpiresSoon"), &json!(token))
    );
    let tokens = desk.items(&format!("{path}/tokens")).await;
    assert_eq!(tokens[0]["warnings"], one["warnings"]);
    assert_eq!(tokens[1]["warnings"], json!([]));
    let says = desk.says(&["consumer", "list"]).await;
    assert!(says.contains("2 until 2026-12-10T13:00:00Z  2026-11-20T13:00:00Z"), "{says}");
    let words = "the token `20 days` expires in 20 days, at 2026-12-10T13:00:00Z; make another in time\n";
    assert!(says.contains(&format!("! desk: {words}")), "{says}");
    for command in [["consumer", "show", "desk"], ["token", "list", "desk"]] {
        let says = desk.says(&command).await;
        assert!(says.contains(&format!("! {words}")), "{says}");
    }
    desk.world.advance(TimeDelta::days(400));
    let says = desk.says(&["consumer", "show", "desk"]).await;
    assert!(says.contains("tokens      none, 2 expired\n") && says.contains("! every token has expired"), "{says}");
    desk.stop().await;
}

#[tokio::test]
async fn the_check_notes_tokens_that_end_soon_and_is_content() {
    let folder = folder();
    let data = folder.path().join("data");
    let program = Program::start(serve(&data)).await;
    let made = program.post("/consumers", &json!({ "name": "desk", "scopes": ["scim:read"] })).await;
    let tokens = format!("/consumers/{}/tokens", made["id"].as_str().unwrap());
    program.post(&tokens, &json!({ "name": "of the desk", "expiresInDays": 20 })).await;
    program.signal(Signal::SIGTERM);
    assert!(program.ended().await.0.success());
    let mut check = rollbook(&["check"]);
    check.env("ROLLBOOK_DATA_DIR", &data).env("ROLLBOOK_ADMIN_TOKEN", ADMIN_TOKEN);
    let (status, out, err) = Program::spawn(check).ended().await;
    assert!(status.success(), "{out}{err}");
    let note = out.lines().find(|line| line.starts_with("note ")).unwrap_or_else(|| panic!("{out}"));
    assert!(note.starts_with("note   consumer `desk`: the token `of the desk` expires in 19 days, at "), "{note}");
}
