//! Provides consumers that follow the feed, and a company of two departments for them.

use chrono::TimeDelta;
use rollbook::sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use super::live::Live;
use super::served::{Answer, encoded};

/// Puts workers of the vendor into a department, with a title that shows where they are.
pub(crate) fn put(vendor: &Sandbox, workers: impl IntoIterator<Item = u32>, department: &str) {
    for worker in workers {
        let title = format!("Title in {department}");
        let patch = json!({ "department": department, "department_id": format!("d-{department}"), "job_title": title });
        vendor.patch(worker, &patch).unwrap();
    }
}

/// Six in Data, four in Sales; their titles show it.
pub(crate) async fn company() -> (Live, Uuid) {
    let live = Live::with(SandboxConfig::plain(10)).await;
    put(&live.world.vendor, 0..6, "Data");
    put(&live.world.vendor, 6..10, "Sales");
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    (live, connection)
}

/// A consumer that follows the feed.
pub(crate) struct Follower {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) mark: Option<String>,
}

pub(crate) async fn follower(live: &Live, name: &str, policy: Value) -> Follower {
    let mut body = json!({ "name": name, "scopes": ["events:read", "scim:read", "people:sensitive"] });
    body.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
    let id = live.post("/consumers", body).await["id"].as_str().unwrap().to_owned();
    let token = live.post(&format!("/consumers/{id}/tokens"), json!({})).await;
    Follower { id, token: token["token"].as_str().unwrap().to_owned(), mark: None }
}

pub(crate) async fn ask(live: &Live, follower: &Follower, query: &str) -> Answer {
    live.call("GET", &format!("/api/v1/events?{query}"), &follower.token, None).await
}

/// How many people there are for a follower, as lists state.
pub(crate) async fn total(live: &Live, follower: &Follower) -> Value {
    let answer = live.call("GET", "/scim/v2/Users?count=0", &follower.token, None).await;
    answer.list()["totalResults"].clone()
}

/// What is new to a follower, page by page.
pub(crate) async fn hear(live: &Live, follower: &mut Follower) -> Vec<Value> {
    pages(live, follower, 100).await.concat()
}

/// What is new to a follower, in pages. Each but the last is full, whatever is hidden in between.
pub(crate) async fn pages(live: &Live, follower: &mut Follower, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    loop {
        let after = follower.mark.as_ref().map_or_else(String::new, |mark| format!("&after={mark}"));
        let page = ask(live, follower, &format!("limit={limit}{after}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for hidden in ["sequence", "runId", "connectionId", "consumerId", "tokenId", "cause"] {
            assert!(!page.text.contains(&format!("\"{hidden}\"")), "{hidden}: {}", page.text);
        }
        let page = page.body();
        let items = page["items"].as_array().unwrap().clone();
        let mark = page["mark"].as_str().unwrap().to_owned();
        assert_eq!(mark.len(), 60, "marks are of one length");
        follower.mark = Some(mark.clone());
        let has_more = page["nextCursor"] == json!(mark);
        assert!(has_more || page["nextCursor"].is_null(), "{page}");
        assert!(!has_more || items.len() == limit, "only the last page is not full");
        pages.push(items);
        if !has_more {
            return pages;
        }
    }
}

pub(crate) async fn later(live: &Live, connection: Uuid) {
    live.world.advance(TimeDelta::hours(1));
    let run = live.sync(connection).await;
    assert_eq!(run["state"], "succeeded", "{run}");
}

/// The id of the person of a worker.
pub(crate) async fn person_of(live: &Live, worker: u32) -> Value {
    let found = live.api(&format!("/people?email={}", encoded(&live.email_of(worker)))).await;
    found["items"][0]["id"].clone()
}

pub(crate) async fn group_id(live: &Live, name: &str) -> Value {
    let all = live.api("/groups?limit=500").await;
    let all = all["items"].as_array().unwrap();
    all.iter().find(|group| group["displayName"] == name).unwrap_or_else(|| panic!("{name}: {all:?}"))["id"].clone()
}

pub(crate) async fn set_policy(live: &Live, follower: &Follower, policy: Value) {
    let path = format!("/api/v1/consumers/{}", follower.id);
    let answer = live.call("PATCH", &path, &live.admin, Some(&policy)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
