//! Tests lanes: expensive queries have connections and limits of their own, and keep nothing else waiting.

use std::time::Duration;

use chrono::TimeDelta;
use diesel_async::SimpleAsyncConnection;
use rollbook::sandbox::SandboxConfig;
use rollbook::store::db::lanes::LaneSettings;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::live::Live;
use crate::support::served::Answer;
use crate::support::world::{World, number};

/// Statements of the database that wait for a lock.
const BLOCKED: &str = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";

const LOCK_GROUPS: &str = "BEGIN; LOCK TABLE groups IN ACCESS EXCLUSIVE MODE";

fn search(filter: &str) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter })
}

async fn query(live: &Live, endpoint: &str, filter: &str) -> Answer {
    live.call("POST", &format!("/scim/v2/{endpoint}/.search"), &live.idp, Some(&search(filter))).await
}

/// An expensive query that reads the table of groups before anything else.
async fn query_groups(live: &Live) -> Answer {
    query(live, "Groups", "members.display co \"zq\"").await
}

async fn with_lanes(settings: LaneSettings) -> (Live, uuid::Uuid) {
    let live = Live::around_with(World::with(SandboxConfig::plain(20)).await, &settings).await;
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    (live, connection)
}

/// All connections of the lane are taken: expensive queries are refused at once, and nothing else is.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_of_expensive_queries_keeps_nothing_else_waiting() {
    let (live, connection) = with_lanes(LaneSettings { queries: 2, ..LaneSettings::default() }).await;
    let held = [live.lanes.queries.get().await.unwrap(), live.lanes.queries.get().await.unwrap()];
    let user = live.users(&format!("userName eq \"{}\"", live.email_of(3))).await.remove(0);

    for (endpoint, filter) in [
        ("Users", "title co \"x\""),
        ("Users", "managerChain.display co \"zq\""),
        ("Groups", "members.display co \"x\""),
    ] {
        let refused = query(&live, endpoint, filter).await;
        let detail = refused.refusal(503, None);
        assert!(refused.header("retry-after").is_some() && detail.contains("expensive"), "{filter}: {detail}");
    }
    // The spelling of a request does not count, but its meaning does.
    let by_url = live.scim("/Users?filter=title%20co%20%22x%22").await;
    assert_eq!(by_url.status, 503);
    let root = live.scim("/?filter=userName%20sw%20%22x%22").await;
    assert_eq!(root.status, 503);

    let id = user["id"].as_str().unwrap();
    assert_eq!(live.scim(&format!("/Users/{id}")).await.status, 200);
    let by_key = query(&live, "Users", &format!("userName eq \"{}\"", live.email_of(3))).await;
    assert_eq!(by_key.list()["totalResults"], 1);
    assert_eq!(live.scim("/Users?count=5").await.status, 200);
    assert_eq!(live.scim("/Groups?count=5").await.status, 200);
    assert_eq!(live.call("GET", "/readyz", &live.admin, None).await.status, 200);
    assert_eq!(live.api("/people?limit=3").await["items"].as_array().unwrap().len(), 3);
    let refused = live.call("GET", "/api/v1/people?filter=title%20co%20%22x%22", &live.admin, None).await;
    assert_eq!((refused.status, &refused.body()["code"]), (503, &json!("unavailable")));
    live.world.advance(TimeDelta::hours(4));
    assert_eq!(live.sync(connection).await["state"], "succeeded");

    drop(held);
    assert_eq!(query(&live, "Users", "title co \"x\"").await.status, 200);
}

/// A consumer's own limit is 429 for it alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_runs_so_many_expensive_queries_and_no_more() {
    let (live, _) =
        with_lanes(LaneSettings { query_timeout: Duration::from_secs(30), ..LaneSettings::default() }).await;
    let mut locks = live.world.conn().await;
    locks.batch_execute(LOCK_GROUPS).await.unwrap();
    let test = async {
        let mut looking = live.lanes.health.get().await.unwrap();
        while number(&mut looking, BLOCKED).await < 2 {
            tokio::task::yield_now().await;
        }
        let refused = query_groups(&live).await;
        assert!(refused.refusal(429, None).contains("expensive queries"));
        assert!(refused.header("retry-after").is_some());
        // An admin is another caller, and finds a free connection.
        let other = live.call("GET", "/api/v1/people?filter=title%20co%20%22x%22", &live.admin, None).await;
        assert_eq!(other.status, 200, "{}", other.text);
        locks.batch_execute("ROLLBACK").await.unwrap();
    };
    let (one, other, ()) = tokio::join!(query_groups(&live), query_groups(&live), test);
    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(query_groups(&live).await.status, 200);
}

/// A client that closes its connection leaves no statement behind, and its share is free again.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_client_has_gone_is_cancelled() {
    let settings = LaneSettings { queries: 1, query_timeout: Duration::from_secs(30), ..LaneSettings::default() };
    let (live, _) = with_lanes(settings).await;
    let mut locks = live.world.conn().await;
    locks.batch_execute(LOCK_GROUPS).await.unwrap();
    let mut looking = live.lanes.health.get().await.unwrap();
    let body = search("members.display co \"zq\"").to_string();
    let request = format!(
        "POST /scim/v2/Groups/.search HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/scim+json\r\ncontent-length: {}\r\n\r\n{body}",
        live.idp,
        body.len()
    );
    for _ in 0..3 {
        let mut client = TcpStream::connect(live.url.trim_start_matches("http://")).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        while number(&mut looking, BLOCKED).await == 0 {
            tokio::task::yield_now().await;
        }
        drop(client);
        while number(&mut looking, BLOCKED).await > 0 {
            tokio::task::yield_now().await;
        }
    }
    locks.batch_execute("ROLLBACK").await.unwrap();
    // The lane has one connection: it is there again, and clean.
    while live.lanes.queries.usage().in_use > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(query_groups(&live).await.status, 200);
    assert!(rollbook::store::db::pool::cancelled() >= 3);
}

/// The answer states that the query is the reason and what to ask instead; the connection is clean afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_refused_with_what_to_do() {
    let settings = LaneSettings { queries: 1, query_timeout: Duration::from_millis(200), ..LaneSettings::default() };
    let (live, _) = with_lanes(settings).await;
    let mut locks = live.world.conn().await;
    locks.batch_execute(LOCK_GROUPS).await.unwrap();
    for _ in 0..2 {
        let detail = query_groups(&live).await.refusal(400, Some("tooMany"));
        assert!(detail.contains("after 0.2 s") && detail.contains("userName"), "{detail}");
    }
    // The time limit is that of expensive queries alone: an admin's reads wait for the table.
    locks.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(query_groups(&live).await.status, 200);
}

/// An answer that its client does not read holds no connection to the database.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_a_streamed_answer_holds_no_connection() {
    // Together the groups have more than 1,000 members, so that their list is written piece by piece.
    let live = Live::around(World::with(SandboxConfig::plain(400)).await).await;
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        let mut client = TcpStream::connect(live.url.trim_start_matches("http://")).await.unwrap();
        let request =
            format!("GET /scim/v2/Groups?count=200 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", live.idp);
        client.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0];
        client.read_exact(&mut first).await.unwrap();
        clients.push(client);
    }
    while live.lanes.reads.usage().in_use > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(live.scim("/Users?count=1").await.status, 200);
    drop(clients);
}
