//! Tests laws 6 and 8 at once. A consumer that adds its feed up knows who is there for it, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rollbook::flows::context::Context;
use rollbook::sandbox::SandboxConfig;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::follower::{Follower, follower, pages, put, total};
use crate::support::live::{Live, uuid};
use crate::support::served::encoded;
use crate::support::world::{context, work};

/// What a consumer knows of the directory from its feed alone.
#[derive(Default)]
struct Model {
    inside: BTreeSet<Uuid>,
    ever_inside: BTreeSet<Uuid>,
    /// As far as the feed contained them since the people came in.
    titles: BTreeMap<Uuid, Value>,
    named: BTreeSet<Uuid>,
}

impl Model {
    fn take(&mut self, entry: &Value) {
        let Some(id) = entry["personId"].as_str().map(|id| id.parse::<Uuid>().unwrap()) else { return };
        match entry["type"].as_str().unwrap() {
            "person.created" | "person.entered" => {
                assert!(self.inside.insert(id), "nobody enters twice: {entry}");
                self.ever_inside.insert(id);
                self.titles.remove(&id);
            }
            "person.left" => assert!(self.inside.remove(&id), "only who is inside leaves: {entry}"),
            _ => assert!(self.inside.contains(&id), "only who is inside changes: {entry}"),
        }
        for change in entry["changes"].as_array().unwrap() {
            if change["of"] == "manager" {
                self.named
                    .extend(["old", "new"].iter().filter_map(|side| change[*side].as_str()?.parse::<Uuid>().ok()));
            }
            if change["attribute"] == "title" {
                if let Some(known) = self.titles.get(&id) {
                    assert_eq!(&change["old"], known, "no gap, no repeat: {entry}");
                }
                self.titles.insert(id, change["new"].clone());
            }
        }
        for list in ["groupsJoined", "groupsLeft"] {
            assert!(entry[list].as_array().unwrap().len() <= 1, "departments alone: {entry}");
        }
    }
}

/// Numbers that appear random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Laws 6 and 8 at once, on two nodes. People move in and out, are renamed and get other managers. Meanwhile a filtered
/// consumer that reads in small pages always knows who is inside, misses no change of theirs, and never sees what a
/// person was outside.
#[tokio::test(flavor = "multi_thread")]
async fn no_gap_no_repeat_and_no_leak_while_people_enter_and_leave() {
    for seed in 1..=3 {
        let live = Live::with(SandboxConfig::plain(16)).await;
        for worker in 0..16 {
            put(&live.world.vendor, [worker], if worker % 2 == 0 { "Data" } else { "Sales" });
        }
        // From the very beginning, so that the model is whole.
        let policy = |department: &str| {
            json!({
                "userFilter": format!("department eq \"{department}\""),
                "groupFilter": format!("name eq \"{department}\""),
                "attributes": ["title", "manager", "groups", "displayName"],
            })
        };
        let mut followers = Vec::new();
        for department in ["Data", "Sales", "Legal"] {
            followers.push((department, follower(&live, department, policy(department)).await, Model::default()));
        }
        let connection = live.connect(json!({})).await;
        live.finish(connection).await;
        let there = context(&live.world.database, live.world.context.clock.clone()).await;
        let mut dice = Dice(seed);
        for round in 0..12 {
            for _ in 0..dice.below(8) {
                let worker = dice.below(16);
                match dice.below(4) {
                    0 | 1 => {
                        let department = ["Data", "Sales", "Legal"][dice.below(3) as usize];
                        put(&live.world.vendor, [worker], department);
                    }
                    2 => {
                        let boss = live.world.vendor.employment_id(dice.below(16));
                        live.world.vendor.patch(worker, &json!({ "manager_employment_id": boss })).unwrap();
                    }
                    _ => {
                        let at = live.world.vendor.employment(worker).unwrap()["department"].clone();
                        let title = format!("Title in {} {round}", at.as_str().unwrap());
                        live.world.vendor.patch(worker, &json!({ "job_title": title })).unwrap();
                    }
                }
            }
            live.world.advance(TimeDelta::hours(1));
            let asked = live
                .call("POST", &format!("/api/v1/connections/{connection}/sync"), &live.admin, Some(&json!({})))
                .await;
            assert_eq!(asked.status, 202, "{}", asked.text);
            let here: &Context = &live.world.context;
            tokio::join!(work(here), work(&there), async {
                for (department, follower, model) in &mut followers {
                    listen(&live, department, follower, model).await;
                }
            });
            work(here).await;
            for (department, follower, model) in &mut followers {
                listen(&live, department, follower, model).await;
                let filter = encoded(&format!("department eq \"{department}\""));
                let there = live.api(&format!("/people?limit=500&filter={filter}")).await;
                let there: BTreeSet<Uuid> =
                    there["items"].as_array().unwrap().iter().map(|person| uuid(&person["id"])).collect();
                assert_eq!(model.inside, there, "{department}, seed {seed}, round {round}");
                assert_eq!(
                    total(&live, follower).await,
                    json!(there.len()),
                    "{department}, seed {seed}, round {round}"
                );
                assert!(model.named.is_subset(&model.ever_inside), "managers who never were inside");
            }
        }
        let kept = "SELECT count(*) FROM policy_filters WHERE people_total IS NOT NULL";
        assert_eq!(live.world.number(kept).await, 3, "totals are kept, not counted");
        let left = live.world.number("SELECT count(*) FROM changes WHERE departed IS NOT NULL").await;
        assert!(left > 5, "people left: {left}");
    }
}

/// Reads what is new in pages of three.
async fn listen(live: &Live, department: &str, follower: &mut Follower, model: &mut Model) {
    for entry in pages(live, follower, 3).await.concat() {
        let text = entry.to_string();
        for other in ["Data", "Sales", "Legal"].into_iter().filter(|other| *other != department) {
            assert!(!text.contains(other), "{department} hears of {other}: {text}");
        }
        model.take(&entry);
    }
}
