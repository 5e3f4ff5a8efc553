//! Tests the stories about managers in another HR system. The order in which two HR systems are set up does not matter.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rollbook::sandbox::{JustworksConfig, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::live::ENTERPRISE;
use crate::support::pair::Pair;

/// One thing that an admin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    AddRemote,
    AddJustworks,
    FinishRemote,
    FinishJustworks,
    PreviewRemote,
    PreviewJustworks,
    SyncRemote,
    SyncJustworks,
}

use Step::*;

/// Two companies of a few people, who name managers of each other: by an id that is not listed and by an email.
async fn companies() -> Pair {
    let pair = Pair::with(SandboxConfig::plain(6), JustworksConfig { seed: 9, ..JustworksConfig::plain(6) }).await;
    let (remote, justworks) = (&pair.live.world.vendor, &pair.justworks);
    let member = |n: u32| justworks.member(n).unwrap()["emails"][0]["address"].as_str().unwrap().to_owned();
    remote.patch(2, &json!({ "work_email": "mona.major@acme.com", "full_name": "Mona Major" })).unwrap();
    for n in [3, 4] {
        let mona = json!({ "manager": { "id": "mem_elsewhere", "email": "Mona.Major@acme.com" } });
        justworks.patch(n, &mona).unwrap();
    }
    for n in [3, 4] {
        let named = json!({ "manager": "A Member", "manager_email": member(2), "manager_employment_id": null });
        remote.patch(n, &named).unwrap();
    }
    // This manager is in neither system.
    remote.patch(5, &json!({ "manager_email": "unknown@acme.com", "manager_employment_id": null })).unwrap();
    pair
}

/// Takes the steps in order and answers userName → userName of the manager.
async fn managers_after(steps: &[Step]) -> BTreeMap<String, Option<String>> {
    let pair = companies().await;
    let mut ids: [Option<Uuid>; 2] = [None, None];
    for step in steps {
        let [remote, justworks] = ids;
        match step {
            AddRemote => ids[0] = Some(pair.live.connect(json!({})).await),
            AddJustworks => {
                let id = pair.order(json!({})).await;
                pair.consent(id).await;
                ids[1] = Some(id);
            }
            FinishRemote => drop(finish(&pair, remote.unwrap()).await),
            FinishJustworks => drop(finish(&pair, justworks.unwrap()).await),
            PreviewRemote => drop(ask(&pair, remote.unwrap(), "preview").await),
            PreviewJustworks => drop(ask(&pair, justworks.unwrap(), "preview").await),
            SyncRemote => drop(ask(&pair, remote.unwrap(), "sync").await),
            SyncJustworks => drop(ask(&pair, justworks.unwrap(), "sync").await),
        }
    }
    let users = pair.live.users("active pr").await;
    let name = |user: &Value| user["userName"].as_str().unwrap().to_lowercase();
    let by_id: BTreeMap<String, String> =
        users.iter().map(|user| (user["id"].as_str().unwrap().to_owned(), name(user))).collect();
    users
        .iter()
        .map(|user| (name(user), user[ENTERPRISE]["manager"]["value"].as_str().map(|id| by_id[id].clone())))
        .collect()
}

async fn ask(pair: &Pair, connection: Uuid, what: &str) -> Value {
    pair.live.post(&format!("/connections/{connection}/{what}"), json!({})).await
}

async fn finish(pair: &Pair, connection: Uuid) -> Value {
    ask(pair, connection, "finish").await
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_are_found_when_both_connections_are_reviewed_before_either_is_finished() {
    let sequential = managers_after(&[AddRemote, FinishRemote, AddJustworks, FinishJustworks]).await;
    let led: Vec<&String> = sequential.values().flatten().collect();
    assert_eq!(led.iter().filter(|boss| **boss == "mona.major@acme.com").count(), 2, "{sequential:?}");
    for steps in [
        [AddRemote, AddJustworks, FinishRemote, FinishJustworks],
        [AddRemote, AddJustworks, FinishJustworks, FinishRemote],
    ] {
        assert_eq!(managers_after(&steps).await, sequential, "{steps:?}");
    }
}

/// The steps of one set-up in a random order that is possible: add before preview, preview before finish, then syncs.
fn orders() -> impl Strategy<Value = Vec<Step>> {
    let remote = (0..2_usize, 0..2_usize).prop_map(|(previews, syncs)| {
        let mut steps = vec![AddRemote];
        steps.extend(std::iter::repeat_n(PreviewRemote, previews));
        steps.push(FinishRemote);
        steps.extend(std::iter::repeat_n(SyncRemote, syncs));
        steps
    });
    let justworks = (0..2_usize, 0..2_usize).prop_map(|(previews, syncs)| {
        let mut steps = vec![AddJustworks];
        steps.extend(std::iter::repeat_n(PreviewJustworks, previews));
        steps.push(FinishJustworks);
        steps.extend(std::iter::repeat_n(SyncJustworks, syncs));
        steps
    });
    (remote, justworks, prop::collection::vec(any::<bool>(), 8)).prop_map(|(remote, justworks, turns)| {
        let (mut remote, mut justworks) = (remote.into_iter().peekable(), justworks.into_iter().peekable());
        let mut steps = Vec::new();
        let mut turns = turns.into_iter().cycle();
        while remote.peek().is_some() || justworks.peek().is_some() {
            let next = if turns.next().unwrap_or_default() { remote.next() } else { justworks.next() };
            steps.extend(next);
        }
        steps
    })
}

/// In which order the HR systems were added decides whose values count, so that it is the same in both set-ups.
#[test]
fn any_order_of_setting_two_hr_systems_up_ends_as_one_after_the_other() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6);
    let config = Config { cases, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let first = |steps: &[Step]| steps.iter().position(|step| *step == AddRemote).unwrap();
    let remote_first = runtime.block_on(managers_after(&[AddRemote, FinishRemote, AddJustworks, FinishJustworks]));
    let justworks_first = runtime.block_on(managers_after(&[AddJustworks, FinishJustworks, AddRemote, FinishRemote]));
    TestRunner::new(config)
        .run(&orders(), |steps| {
            let justworks = steps.iter().position(|step| *step == AddJustworks).unwrap();
            let expected = if first(&steps) < justworks { &remote_first } else { &justworks_first };
            prop_assert_eq!(&runtime.block_on(managers_after(&steps)), expected, "{:?}", steps);
            Ok(())
        })
        .unwrap();
}
