//! Tests `/metrics`: who may read it, what it shows, and that it shows no person.

use rollbook::sandbox::SandboxConfig;
use serde_json::json;

use crate::support::live::Live;

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_their_scope_and_show_no_person() {
    let (live, connection) = Live::published(SandboxConfig::plain(20)).await;
    live.scim("/Users?count=5").await;
    live.scim("/Users/none").await;
    assert_eq!(live.call("GET", "/metrics", "", None).await.status, 401);
    assert_eq!(live.call("GET", "/metrics", &live.idp, None).await.status, 403);
    assert_eq!(live.call("POST", "/metrics", &live.admin, None).await.status, 405);
    let order = json!({ "name": "prometheus", "scopes": ["metrics:read"] });
    let consumer = live.post("/consumers", order).await;
    let made = live.post(&format!("/consumers/{}/tokens", consumer["id"].as_str().unwrap()), json!({})).await;
    let token = made["token"].as_str().unwrap();
    assert_eq!(live.call("GET", "/scim/v2/Users", token, None).await.status, 403, "the scope allows nothing else");
    for token in [token, &live.admin] {
        let answer = live.call("GET", "/metrics", token, None).await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
        let text = &answer.text;
        let age = format!("rollbook_connection_last_good_age_seconds{{connection=\"{connection}\"}} 0");
        for line in [
            "rollbook_http_request_duration_seconds_count{surface=\"scim\",status=\"2xx\"}",
            "rollbook_http_request_duration_seconds_count{surface=\"scim\",status=\"4xx\"}",
            "rollbook_http_request_duration_seconds_bucket{surface=\"scim\",status=\"2xx\",le=\"0.1\"}",
            "rollbook_lane_connections{lane=\"queries\",kind=\"most\"} 4",
            "rollbook_lane_waiting{lane=\"reads\"} 0",
            "rollbook_database_up 1",
            "rollbook_connections{state=\"active\"} 1",
            &age,
            "rollbook_runs{state=\"succeeded\"}",
            "rollbook_feed_waiting 0",
            "rollbook_timers_due 0",
            "rollbook_holds_open 0",
            "rollbook_people 20",
            "process_resident_memory_bytes",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        // Each line is a comment, or a name with labels and a number.
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(
                value.parse::<f64>().is_ok() && name.starts_with(|first: char| first.is_ascii_lowercase()),
                "{line}"
            );
        }
        for index in 0..20 {
            assert!(!text.contains(&live.email_of(index)));
        }
        assert!(!text.contains("idp") && !text.contains("prometheus"), "no names of consumers");
    }
}
