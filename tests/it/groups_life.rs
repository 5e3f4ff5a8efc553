//! Tests the life of groups, with every change in the feed. Groups are issued, renamed, left, retired and deleted
//! (extension.md section 5).

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use rollbook::clock::Clock;
use rollbook::sandbox::{Sandbox, SandboxConfig};
use rollbook::store::groups;
use rollbook::store::groups::write::{KeyRow, NewGroup};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::database::TestDatabase;
use crate::support::live::{Live, types, uuid};
use crate::support::served::encoded;
use crate::support::world::{World, context, until_waiting};

const DERIVED: &str = "urn:ietf:params:scim:schemas:extension:worker:2.0:Group";

/// Puts workers of the vendor into a department.
fn put(vendor: &Sandbox, workers: impl IntoIterator<Item = u32>, name: &str, id: &str) {
    for worker in workers {
        vendor.patch(worker, &json!({ "department": name, "department_id": id })).unwrap();
    }
}

/// Ten plain people: six in Data (`d-1`), four in Sales (`d-2`).
async fn company() -> (Live, Uuid) {
    let live = Live::with(SandboxConfig::plain(10)).await;
    put(&live.world.vendor, 0..6, "Data", "d-1");
    put(&live.world.vendor, 6..10, "Sales", "d-2");
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    (live, connection)
}

impl Live {
    async fn group(&self, name: &str) -> Option<Value> {
        let filter = encoded(&format!("displayName eq \"{name}\""));
        let list = self.scim(&format!("/Groups?filter={filter}")).await.list();
        list["Resources"].as_array().unwrap().first().cloned()
    }

    async fn members(&self, name: &str) -> usize {
        self.group(name).await.map_or(0, |group| group["members"].as_array().unwrap().len())
    }

    /// All groups as the admin sees them, by display name.
    async fn groups(&self) -> BTreeMap<String, Value> {
        let list = self.api("/groups?limit=500").await;
        let all = list["items"].as_array().unwrap().iter();
        all.map(|group| (group["displayName"].as_str().unwrap().to_owned(), group.clone())).collect()
    }

    async fn later(&self, connection: Uuid) {
        self.world.advance(TimeDelta::hours(1));
        let run = self.sync(connection).await;
        assert_eq!(run["state"], "succeeded", "{run}");
    }

    async fn last(&self) -> i64 {
        self.feed(0).await.last().map_or(0, |event| event["sequence"].as_i64().unwrap())
    }

    /// Compares the stored data of groups with the people, with the feed, and with live counts.
    async fn check(&self) {
        for (name, group) in self.groups().await {
            let shown = self.group(&name).await.unwrap();
            let members = shown["members"].as_array().unwrap();
            assert_eq!(group["members"], members.len(), "{name}");
            assert_eq!(group["retired"], members.is_empty(), "{name}");
            assert_eq!(shown[DERIVED]["retired"], group["retired"], "{name}");
            let by_user = self.users(&format!("groups.value eq \"{}\"", group["id"].as_str().unwrap())).await;
            assert_eq!(by_user.len(), members.len(), "{name}");
            for user in by_user {
                let groups = user["groups"].as_array().unwrap();
                assert!(groups.iter().any(|one| one["value"] == group["id"] && one["display"] == *name), "{user}");
                assert_eq!(user["active"], true);
            }
        }
        // Law 6: a consumer that adds the feed up gets what the server shows.
        let mut names: BTreeMap<Uuid, String> = BTreeMap::new();
        let mut members: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut versions: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut groups_of: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
        let feed = self.feed(0).await;
        if feed.first().is_some_and(|event| event["sequence"] != 1) {
            // The beginning is older than the feed is kept (90 days), so that nothing can be added up.
            return;
        }
        for event in feed {
            if event["groupId"].is_string() {
                let id = uuid(&event["groupId"]);
                *versions.entry(id).or_default() += 1;
                match event["type"].as_str().unwrap() {
                    "group.deleted" => drop(names.remove(&id)),
                    _ => {
                        for change in event["changes"].as_array().unwrap() {
                            if change["of"] == "displayName" {
                                names.insert(id, change["new"].as_str().unwrap().to_owned());
                            }
                        }
                    }
                }
            }
            for (list, by) in [("groupsJoined", 1), ("groupsLeft", -1)] {
                for id in event[list].as_array().unwrap().iter().map(uuid) {
                    assert!(names.contains_key(&id), "nobody joins a group that is not there yet: {event}");
                    *members.entry(id).or_default() += by;
                    *versions.entry(id).or_default() += 1;
                    let within = groups_of.entry(event["personId"].to_string()).or_default();
                    if by > 0 {
                        within.insert(id)
                    } else {
                        within.remove(&id)
                    };
                }
            }
            // When the name of a member changes, the groups get another version.
            let is_renamed = event["type"] != "person.created"
                && event["personId"].is_string()
                && event["changes"].as_array().unwrap().iter().any(|change| change["attribute"] == "displayName");
            if is_renamed {
                for id in groups_of.get(&event["personId"].to_string()).into_iter().flatten() {
                    *versions.entry(*id).or_default() += 1;
                }
            }
        }
        let shown = self.groups().await;
        assert_eq!(shown.keys().collect::<Vec<_>>(), {
            let mut all: Vec<&String> = names.values().collect();
            all.sort_unstable();
            all
        });
        for group in shown.values() {
            let id = uuid(&group["id"]);
            assert_eq!(group["members"], *members.get(&id).unwrap_or(&0), "{group}");
            assert_eq!(group["version"], versions[&id], "{group}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_in_the_groups_that_hr_speaks_of() {
    let (live, _) = company().await;
    live.check().await;
    let groups = live.groups().await;
    let labels: Vec<&str> = groups.keys().map(|name| name.split(':').next().unwrap()).collect();
    for label in ["Department", "Country", "Employment type"] {
        assert!(labels.contains(&label), "{labels:?}");
    }
    for label in ["Team", "Work location", "Worker type", "Manager", "All"] {
        assert!(!labels.contains(&label), "{labels:?}");
    }
    assert_eq!((live.members("Department: Data").await, live.members("department: SALES").await), (6, 4));
    let data = live.api(&format!("/groups/{}", groups["Department: Data"]["id"].as_str().unwrap())).await;
    assert_eq!((&data["keys"], &data["sources"][0]["sourceId"]), (&json!(["data"]), &json!("d-1")));
    assert_eq!(live.group("Department: Data").await.unwrap()[DERIVED]["sourceSystem"], "remote");
    let events = live.feed(0).await;
    let created = events.iter().find(|event| event["type"] == "person.created").unwrap();
    assert!(created["groupsJoined"].as_array().unwrap().len() >= 3, "{created}");
    assert!(created["changes"].as_array().unwrap().contains(&json!({ "attribute": "groups" })));
}

/// Laws 6 and 7.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_identical_run_touches_no_group() {
    let (live, connection) = company().await;
    let rows = "SELECT md5(string_agg(g::text || xmin::text, '' ORDER BY id)) || (SELECT count(*) FROM changes)
                    || (SELECT md5(string_agg(k::text || xmin::text, '' ORDER BY kind, key)) FROM group_keys k)
                    || (SELECT md5(string_agg(s::text || xmin::text, '' ORDER BY s::text)) FROM group_sources s)
                FROM groups g";
    let before = live.world.text(rows).await;
    live.later(connection).await;
    assert_eq!(live.world.text(rows).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_between_departments_changes_exactly_two_groups() {
    let (live, connection) = company().await;
    let (before, last) = (live.groups().await, live.last().await);
    put(&live.world.vendor, [0], "Sales", "d-2");
    live.later(connection).await;
    let changed: Vec<String> = live
        .groups()
        .await
        .into_iter()
        .filter(|(name, group)| group["version"] != before[name]["version"])
        .map(|(name, group)| {
            assert!(group["modifiedAt"].as_str() > before[&name]["modifiedAt"].as_str(), "{name}");
            name
        })
        .collect();
    assert_eq!(changed, ["Department: Data", "Department: Sales"]);
    let events = live.feed(last).await;
    assert_eq!(types(&events), ["person.updated"]);
    assert_eq!(events[0]["groupsJoined"], json!([before["Department: Sales"]["id"]]));
    assert_eq!(events[0]["groupsLeft"], json!([before["Department: Data"]["id"]]));
    live.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_department_keeps_its_id() {
    let (live, connection) = company().await;
    let (before, last) = (live.groups().await, live.last().await);
    put(&live.world.vendor, 0..5, "Data & AI", "d-1");
    // One of them moves away at the same time.
    put(&live.world.vendor, [5], "Sales", "d-2");
    live.later(connection).await;
    let groups = live.groups().await;
    assert_eq!(groups["Department: Data & AI"]["id"], before["Department: Data"]["id"]);
    assert!(!groups.contains_key("Department: Data"));
    assert_eq!((live.members("Department: Data & AI").await, live.members("Department: Sales").await), (5, 5));
    let events = live.feed(last).await;
    let renamed: Vec<&Value> = events.iter().filter(|event| event["type"] == "group.updated").collect();
    assert_eq!(renamed.len(), 1, "{events:?}");
    assert_eq!(
        renamed[0]["changes"],
        json!([{"attribute": "displayName", "of": "displayName", "old": "Department: Data", "new": "Department: Data & AI"}])
    );
    assert!(!types(&events).contains(&"group.created"));
    live.check().await;
    // The next department with the old name founds another group.
    put(&live.world.vendor, [9], "Data", "d-3");
    live.later(connection).await;
    assert_ne!(live.groups().await["Department: Data"]["id"], before["Department: Data"]["id"]);
    live.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_group_has_already_is_moved_to() {
    let (live, connection) = company().await;
    let before = live.groups().await;
    put(&live.world.vendor, 0..6, "Sales", "d-1");
    live.later(connection).await;
    let groups = live.groups().await;
    assert_eq!(groups["Department: Sales"]["id"], before["Department: Sales"]["id"]);
    assert_eq!(
        (&groups["Department: Sales"]["members"], &groups["Department: Data"]["retired"]),
        (&json!(10), &json!(true))
    );
    live.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_department_of_which_a_part_is_renamed_is_left_by_that_part() {
    let (live, connection) = company().await;
    let before = live.groups().await;
    put(&live.world.vendor, 0..4, "Data & AI", "d-1");
    live.later(connection).await;
    let groups = live.groups().await;
    assert_eq!(groups["Department: Data"]["id"], before["Department: Data"]["id"]);
    assert_eq!((live.members("Department: Data").await, live.members("Department: Data & AI").await), (2, 4));
    live.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_without_an_id_keeps_the_group_that_the_admin_gives_the_name_to() {
    let live = Live::with(SandboxConfig::plain(6)).await;
    for worker in 0..6 {
        live.world.vendor.patch(worker, &json!({ "department": "Data", "department_id": null })).unwrap();
    }
    let connection = live.connect(json!({})).await;
    live.finish(connection).await;
    let id = live.groups().await["Department: Data"]["id"].as_str().unwrap().to_owned();
    let rename = |name: &'static str| {
        for worker in 0..6 {
            live.world.vendor.patch(worker, &json!({ "department": name })).unwrap();
        }
    };
    // The alias is set before the rename: no person moves.
    let last = live.last().await;
    live.post(&format!("/groups/{id}/aliases"), json!({ "name": " data &  AI", "reason": "renamed" })).await;
    rename("Data & AI");
    live.later(connection).await;
    assert_eq!(live.members("Department: Data").await, 6);
    assert!(live.feed(last).await.iter().all(|event| event["groupsJoined"] == json!([])));
    // After: they moved, and come back.
    rename("Insights");
    live.later(connection).await;
    assert_eq!((live.members("Department: Data").await, live.members("Department: Insights").await), (0, 6));
    let last = live.last().await;
    live.post(&format!("/groups/{id}/aliases"), json!({ "name": "Insights" })).await;
    assert_eq!((live.members("Department: Data").await, live.members("Department: Insights").await), (6, 0));
    let joined = live.feed(last).await;
    assert!(joined.iter().filter(|event| event["personId"].is_string()).all(|event| {
        event["groupsJoined"] == json!([id])
            && event["cause"] == "configuration"
            && event["changes"] == json!([{ "attribute": "groups" }])
    }));
    live.check().await;
    let refused =
        live.call("POST", &format!("/api/v1/groups/{id}/aliases"), &live.admin, Some(&json!({ "name": " " }))).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let audit = live.api("/audit").await;
    assert!(audit["items"].as_array().unwrap().iter().any(|entry| entry["action"] == "group.alias"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hr_systems_share_a_group_and_a_rename_in_one_moves_its_people_only() {
    let (live, _) = company().await;
    let time = live.world.context.clock.clone();
    let config = SandboxConfig {
        seed: 7,
        domain: "other.example".to_owned(),
        today: Some(live.world.now().date_naive()),
        ..SandboxConfig::plain(3)
    };
    let other = Sandbox::new(config, Arc::new(move || time.now()));
    put(&other, 0..3, " data", "x-9");
    let running = other.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let order = json!({
        "kind": "remote", "name": "Other", "settings": { "baseUrl": running.base_url() },
        "credentials": { "apiToken": other.token() },
    });
    let made = live.call("POST", "/api/v1/connections", &live.admin, Some(&order)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    live.world.work().await;
    let connection = uuid(&made.body()["id"]);
    live.finish(connection).await;
    let id = live.groups().await["Department: Data"]["id"].clone();
    assert_eq!(live.members("Department: Data").await, 9);
    let shown = live.api(&format!("/groups/{}", id.as_str().unwrap())).await;
    assert_eq!(shown["sources"].as_array().unwrap().len(), 2, "{shown}");
    put(&other, 0..3, "Insights", "x-9");
    live.later(connection).await;
    assert_eq!(live.groups().await["Department: Data"]["id"], id);
    assert_eq!((live.members("Department: Data").await, live.members("Department: Insights").await), (6, 3));
    live.check().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_name_renames_its_group_and_moves_nobody() {
    let (live, connection) = company().await;
    let before = live.groups().await;
    let id = before["Department: Data"]["id"].clone();
    let mut last = live.last().await;
    // With the id that it had, with none, as another Unicode form, with other spaces.
    for (n, (name, source)) in [("DATA", "d-1"), ("dATA", ""), ("Datá", "d-1"), ("DATÁ", "d-1")].into_iter().enumerate()
    {
        put(&live.world.vendor, 0..6, name, source);
        live.later(connection).await;
        let groups = live.groups().await;
        let shown = &groups[&format!("Department: {name}")];
        assert_eq!(shown["id"], id, "{n}: {groups:?}");
        assert_eq!(live.members(&format!("Department: {name}")).await, 6);
        let events = live.feed(last).await;
        let of_groups: Vec<&Value> = events.iter().filter(|event| event["groupId"].is_string()).collect();
        assert_eq!(of_groups.len(), 1, "{of_groups:?}");
        assert_eq!((&of_groups[0]["type"], &of_groups[0]["groupId"]), (&json!("group.updated"), &id));
        last = live.last().await;
        live.later(connection).await;
        assert_eq!(live.last().await, last, "the same again changes nothing");
    }
    // Of several spellings, the one that most members have counts, whatever their order. In a tie the present one
    // stays.
    put(&live.world.vendor, 0..2, "datá", "d-1");
    live.later(connection).await;
    assert!(live.groups().await.contains_key("Department: DATÁ"));
    put(&live.world.vendor, 2..3, "datá", "d-1");
    live.later(connection).await;
    assert!(live.groups().await.contains_key("Department: DATÁ"), "three and three");
    put(&live.world.vendor, 3..4, "datá", "d-1");
    live.later(connection).await;
    let groups = live.groups().await;
    assert_eq!(groups["Department: datá"]["id"], id, "four and two: {groups:?}");
    assert_eq!(groups.len(), before.len());
    live.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_follows_the_spelling_that_the_mapping_gives_it() {
    let live = Live::with(SandboxConfig::plain(4)).await;
    let entity = |name: &str| json!({ "legalEntities": { "le-1": name } });
    for n in 0..4_u32 {
        live.world.vendor.patch(n, &json!({ "engaged_by_legal_entity_id": "le-1" })).unwrap();
    }
    let connection = live.connect(json!({})).await;
    let put_entity = async |name: &str| {
        let body = entity(name);
        let path = format!("/api/v1/connections/{connection}/mapping");
        let answer = live.call("PUT", &path, &live.admin, Some(&body)).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        live.world.work().await;
    };
    put_entity("Acme  Holding").await;
    live.finish(connection).await;
    let id = live.groups().await["Legal entity: Acme Holding"]["id"].clone();
    put_entity("ACME Holding").await;
    assert_eq!(live.groups().await["Legal entity: ACME Holding"]["id"], id, "a change of the mapping, too");
    live.check().await;
}

/// Law 10: with the worker's own midnight.
#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_leaves_the_groups_when_the_last_day_is_over() {
    let (live, connection) = company().await;
    let last_day = (live.world.now() + TimeDelta::days(2)).date_naive();
    let email = live.email_of(0);
    live.world
        .vendor
        .set_offboarding(
            0_u32,
            Some(json!({ "status": "submitted", "type": "resignation", "termination_date": last_day.to_string() })),
        )
        .unwrap();
    live.world.vendor.patch(0_u32, &json!({ "termination_date": last_day.to_string() })).unwrap();
    live.later(connection).await;
    assert_eq!(live.user(&email).await["active"], true);
    assert_eq!(live.members("Department: Data").await, 6);
    let last = live.last().await;
    live.world.advance(TimeDelta::days(4));
    live.world.work().await;
    let user = live.user(&email).await;
    assert_eq!(user["active"], false, "{user}");
    assert!(user.get("groups").is_none(), "{user}");
    assert_eq!(live.members("Department: Data").await, 5);
    let events = live.feed(last).await;
    let left = events.iter().find(|event| event["type"] == "person.deactivated").unwrap();
    assert!(left["groupsLeft"].as_array().unwrap().len() >= 3, "{left}");
    live.check().await;
}

/// Law 3: held data shows its last good state.
#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_held_plan_stay_in_their_groups() {
    let (live, connection) = company().await;
    for worker in 0..5_u32 {
        live.world
            .vendor
            .patch(
                worker,
                &json!({ "status": "archived", "employment_lifecycle_stage": "terminated", "user_status": "deleted" }),
            )
            .unwrap();
    }
    live.world.advance(TimeDelta::hours(1));
    live.sync(connection).await;
    let holds = live.api("/holds?state=open").await;
    assert_eq!(holds["items"].as_array().unwrap().len(), 1, "{holds}");
    assert_eq!(live.members("Department: Data").await, 6);
    live.check().await;
}

/// Empty for 90 days, then gone; the same identity gets the same id, also after that.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_group_is_retired_then_gone_and_comes_back_with_its_id() {
    let (live, connection) = company().await;
    let id = live.groups().await["Department: Sales"]["id"].clone();
    let path = format!("/Groups/{}", id.as_str().unwrap());
    let last = live.last().await;
    put(&live.world.vendor, 6..10, "Data", "d-1");
    live.later(connection).await;
    let empty = live.scim(&path).await.body();
    assert_eq!((&empty["members"], &empty[DERIVED]["retired"]), (&json!([]), &json!(true)));
    assert!(empty[DERIVED]["retiredSince"].is_string());
    let retired = live.feed(last).await;
    assert_eq!(*types(&retired).last().unwrap(), "group.retired", "{retired:?}");
    assert_eq!(retired.last().unwrap()["changes"][0]["attribute"], format!("{DERIVED}:retired"));
    live.check().await;
    // Back within the time.
    put(&live.world.vendor, [9], "Sales", "d-2");
    live.later(connection).await;
    assert_eq!(live.scim(&path).await.body()[DERIVED]["retired"], false);
    live.check().await;
    // Empty again, for good.
    put(&live.world.vendor, [9], "Data", "d-1");
    live.later(connection).await;
    live.world.advance(TimeDelta::days(89));
    live.world.work().await;
    assert_eq!(live.scim(&path).await.status, 200);
    let last = live.last().await;
    live.world.advance(TimeDelta::days(2));
    live.world.work().await;
    live.scim(&path).await.refusal(404, None);
    assert!(live.group("Department: Sales").await.is_none());
    assert!(types(&live.feed(last).await).contains(&"group.deleted"));
    live.check().await;
    put(&live.world.vendor, [9], "Sales", "d-2");
    live.later(connection).await;
    assert_eq!(live.groups().await["Department: Sales"]["id"], id);
    live.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_is_switched_on_and_off_for_everybody() {
    let (live, _) = company().await;
    let count = live.groups().await.len();
    let kinds = live.api("/group-kinds").await;
    let state = |kinds: &Value, wanted: &str| {
        let all = kinds["items"].as_array().unwrap();
        all.iter().find(|kind| kind["kind"] == wanted).map(|kind| kind["enabled"] == true).unwrap()
    };
    assert_eq!(kinds["items"].as_array().unwrap().len(), 9);
    assert!(state(&kinds, "department") && !state(&kinds, "all") && !state(&kinds, "manager"));
    let last = live.last().await;
    let switch = |kind: &'static str, enabled: bool| {
        let live = &live;
        async move {
            let body = json!({ "enabled": enabled, "reason": "asked for" });
            let answer = live.call("PUT", &format!("/api/v1/group-kinds/{kind}"), &live.admin, Some(&body)).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            live.world.work().await;
            answer.body()
        }
    };
    let answer = switch("all", true).await;
    assert_eq!((&answer["enabled"], &answer["settled"]), (&json!(true), &json!(false)));
    switch("manager", true).await;
    assert_eq!(live.members("All: Everyone").await, 10);
    let events = live.feed(last).await;
    let people: Vec<&Value> = events.iter().filter(|event| event["personId"].is_string()).collect();
    assert!(people.len() >= 10 && people.iter().all(|event| event["cause"] == "configuration"), "{events:?}");
    // another version, but the same `lastModified`.
    let user = live.user(&live.email_of(0)).await;
    assert_eq!(user["meta"]["lastModified"], user["meta"]["created"]);
    let managers = live.groups().await.into_iter().filter(|(name, _)| name.starts_with("Manager: "));
    let reports: i64 = managers.map(|(_, group)| group["members"].as_i64().unwrap()).sum();
    let led = live.world.number("SELECT count(*) FROM people WHERE active AND manager_id IS NOT NULL").await;
    assert!(led > 0);
    assert_eq!(reports, led);
    live.check().await;
    // Nothing changes when nothing is changed.
    let last = live.last().await;
    switch("all", true).await;
    assert!(live.feed(last).await.is_empty());
    switch("manager", false).await;
    switch("all", false).await;
    assert_eq!(live.members("All: Everyone").await, 0);
    assert!(live.groups().await["All: Everyone"]["retired"] == true);
    live.check().await;
    live.world.advance(TimeDelta::days(91));
    live.world.work().await;
    assert_eq!(live.groups().await.len(), count);
    live.check().await;
    let audit = live.api("/audit").await;
    let actions: Vec<&Value> = audit["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert!(
        actions.contains(&&json!("groupKind.enable")) && actions.contains(&&json!("groupKind.disable")),
        "{actions:?}"
    );
    for (kind, body, status) in
        [("shoeSize", json!({ "enabled": true }), 404), ("all", json!({}), 422), ("all", json!({ "enabled": 1 }), 422)]
    {
        let refused = live.call("PUT", &format!("/api/v1/group-kinds/{kind}"), &live.admin, Some(&body)).await;
        assert_eq!(refused.status, status, "{}", refused.text);
    }
}

/// The group of a person's reports has the person's name, and two groups of one name are distinguished.
#[tokio::test(flavor = "multi_thread")]
async fn the_groups_of_managers_follow_their_names() {
    let (live, connection) = company().await;
    let body = json!({ "enabled": true });
    live.call("PUT", "/api/v1/group-kinds/manager", &live.admin, Some(&body)).await;
    live.world.work().await;
    let before = live.groups().await;
    let (name, group) = before.iter().find(|(name, _)| name.starts_with("Manager: ")).unwrap();
    let manager = group["key"].as_str().unwrap();
    let email = live.scim(&format!("/Users/{manager}")).await.body()["userName"].clone();
    let worker = (0..10).find(|worker| live.email_of(*worker) == email.as_str().unwrap()).unwrap();
    live.world
        .vendor
        .patch(worker, &json!({ "full_name": "Zoë Quill", "personal_details": { "full_preferred_name": "Zoë Quill" } }))
        .unwrap();
    live.later(connection).await;
    let after = live.groups().await;
    assert!(!after.contains_key(name), "{:?}", after.keys());
    assert_eq!(after["Manager: Zoë Quill"]["id"], group["id"]);
    live.check().await;
    // Also when the name changed while the kind was off.
    let switch = async |enabled: bool| {
        live.call("PUT", "/api/v1/group-kinds/manager", &live.admin, Some(&json!({ "enabled": enabled }))).await;
        live.world.work().await;
    };
    switch(false).await;
    live.world
        .vendor
        .patch(worker, &json!({ "full_name": "Ana Ray", "personal_details": { "full_preferred_name": "Ana Ray" } }))
        .unwrap();
    live.later(connection).await;
    switch(true).await;
    assert_eq!(live.groups().await["Manager: Ana Ray"]["id"], group["id"]);
    live.check().await;
}

/// Law 11: when two nodes issue the same group at once, one group is issued.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_issue_one_group() {
    let database = TestDatabase::migrated().await;
    let node = context(&database, Clock::system()).await;
    let key = |id: Uuid| KeyRow { kind: "team".to_owned(), key: "core".to_owned(), group_id: id };
    let [mine, theirs] = [node.clock.random_id(), node.clock.random_id()];
    let mut first = node.db.get().await.unwrap();
    let other = first
        .transaction(async |first| {
            assert_eq!(groups::write::create_missing(first, &[key(mine)]).await?, [key(mine)]);
            let now = node.clock.now();
            let new = NewGroup {
                id: mine,
                kind: "team".to_owned(),
                key: "core".to_owned(),
                name: "Core".to_owned(),
                display_name: "Team: Core".to_owned(),
                display_name_key: "team: core".to_owned(),
                created_at: now,
                modified_at: now,
            };
            groups::write::insert(first, &[new]).await?;
            let node = node.clone();
            let other = tokio::spawn(async move {
                let mut second = node.db.get().await.unwrap();
                second
                    .transaction(async |second| {
                        let issued = groups::write::create_missing(second, &[key(theirs)]).await?;
                        Ok::<_, diesel::result::Error>((
                            issued,
                            groups::write::lock_keys(second, &[("team", "core")]).await?,
                        ))
                    })
                    .await
                    .unwrap()
            });
            Ok::<_, diesel::result::Error>(other)
        })
        .await
        .unwrap();
    assert_eq!(other.await.unwrap(), (vec![], vec![key(mine)]));
}

/// Law 11: a step that is cut off has done nothing, and the next goes on where the last whole one ended.
#[tokio::test(flavor = "multi_thread")]
async fn the_walk_goes_on_in_steps_where_it_was() {
    let world = World::with(SandboxConfig::plain(1_100)).await;
    world.publish().await;
    let changes = "SELECT count(*) FROM changes WHERE cause = 'configuration'";
    let actor = rollbook::flows::audit::Actor { token_name: "tester".into(), reason: Some("all hands".into()) };
    rollbook::flows::groups::switch(&world.context, rollbook::directory::groups::Kind::All, true, &actor)
        .await
        .unwrap();
    assert!(rollbook::flows::groups::walk(&world.context).await.unwrap());
    let mut steps = vec![world.number(changes).await];
    // The second step reaches a person that another transaction locks, and its node dies there.
    let mut holding = world.conn().await;
    holding.batch_execute("BEGIN; SELECT FROM people ORDER BY position OFFSET 700 LIMIT 1 FOR UPDATE").await.unwrap();
    let context = world.context.clone();
    let step = tokio::spawn(async move { rollbook::flows::groups::walk(&context).await.map(drop) });
    until_waiting(&world.context, 1, || step.is_finished()).await;
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
    holding.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(world.number(changes).await, 501);
    // Its transaction ends when the database notices.
    while world.number("SELECT count(*) FROM group_walk WHERE through IS NOT NULL").await > 0 {
        if rollbook::flows::groups::walk(&world.context).await.unwrap() {
            steps.push(world.number(changes).await);
        }
    }
    // The group, and its members.
    assert_eq!(steps, [501, 1_001, 1_101, 1_101]);
    world.work().await;
    assert_eq!(world.number("SELECT members FROM groups WHERE kind = 'all'").await, 1_100);
    assert_eq!(
        world.text("SELECT reason FROM changes WHERE cause = 'configuration' LIMIT 1").await.unwrap(),
        "all hands"
    );
}
