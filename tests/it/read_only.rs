//! Tests a database that takes no writes for a while. People are served, nothing is lost, and everything goes on by
//! itself.

use chrono::TimeDelta;
use diesel_async::SimpleAsyncConnection;
use rollbook::flows::runs;
use rollbook::sandbox::SandboxConfig;
use serde_json::json;

use crate::support::live::Live;
use crate::support::world::number;

/// Ends all sessions of the database but this one, as a fail-over does.
const DROP_CONNECTIONS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                                WHERE datname = current_database() AND pid <> pg_backend_pid()";

async fn status(live: &Live) -> serde_json::Value {
    let answer = live.call("GET", "/readyz", &live.admin, None).await;
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_is_read_and_everything_goes_on_when_it_takes_writes_again() {
    let (live, connection) = Live::published(SandboxConfig::plain(20)).await;
    let user = live.user(&live.email_of(3)).await;
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    assert_eq!(status(&live).await["status"], "ready");
    let name = live.world.text("SELECT current_database()").await.unwrap();
    let mut steering = live.world.context.db.single().await.unwrap();
    let make = |value: &str| format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = {value}");
    steering.batch_execute(&make("on")).await.unwrap();
    number(&mut steering, DROP_CONNECTIONS).await;
    // Connections that are gone are noticed at their next use.
    while status(&live).await["status"] != "readOnly" {
        tokio::task::yield_now().await;
    }
    assert_eq!(live.call("GET", "/readyz", &live.admin, None).await.status, 200, "proxies go on sending readers");
    while live.scim(&path).await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(live.scim(&path).await.body()["userName"], user["userName"]);
    assert_eq!(live.users(&format!("userName eq \"{}\"", live.email_of(3))).await.len(), 1);
    while live.call("GET", "/api/v1/connections", &live.admin, None).await.status != 200 {
        tokio::task::yield_now().await;
    }
    let write = format!("/api/v1/connections/{connection}/pause");
    let refused = live.call("POST", &write, &live.admin, Some(&json!({}))).await;
    assert_eq!((refused.status, &refused.body()["code"]), (503, &json!("unavailable")), "{}", refused.text);
    assert!(refused.header("retry-after").is_some());
    live.world.advance(TimeDelta::hours(7));
    let waits = rollbook::flows::planning::timers::schedule(&live.world.context).await.unwrap_err();
    assert!(waits.is_outage(), "{waits}");
    let _ = runs::worker::work(&live.world.context).await;

    // The primary is back. Connections that are open, and read-only still, are given up.
    steering.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    steering.batch_execute(&make("off")).await.unwrap();
    while status(&live).await["status"] != "ready" {
        tokio::task::yield_now().await;
    }
    let mut tries = 0_u32;
    loop {
        let answer = live.call("POST", &write, &live.admin, Some(&json!({}))).await;
        if answer.status < 300 {
            break;
        }
        tries += 1;
        assert!(answer.status == 503 && tries < 100_000, "{}", answer.text);
    }
    live.post(&format!("/connections/{connection}/resume"), json!({})).await;
    live.world.advance(TimeDelta::hours(7));
    assert_eq!(live.sync(connection).await["state"], "succeeded");
}

/// A session that was opened as a writer and is one no more is given up when its first write is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_gives_up_the_connections_of_all_lanes() {
    let (live, _) = Live::published(SandboxConfig::plain(5)).await;
    let mut conn = live.lanes.jobs.get().await.unwrap();
    let before = number(&mut conn, "pg_backend_pid()").await;
    assert!(!live.lanes.reads.is_read_only());
    conn.batch_execute("SET default_transaction_read_only = on").await.unwrap();
    let refused = diesel_async::RunQueryDsl::execute(
        diesel::sql_query("UPDATE feed_state SET last_sequence = last_sequence"),
        &mut conn,
    )
    .await;
    assert!(refused.is_err());
    assert!(live.lanes.reads.is_read_only(), "lanes tell each other");
    drop(conn);
    // It serves reads for a moment, so that not each of them opens a connection.
    loop {
        let mut conn = live.lanes.jobs.get().await.unwrap();
        if number(&mut conn, "pg_backend_pid()").await != before {
            assert_eq!(number(&mut conn, "(current_setting('transaction_read_only') = 'off')::integer").await, 1);
            break;
        }
        drop(conn);
        tokio::task::yield_now().await;
    }
}
