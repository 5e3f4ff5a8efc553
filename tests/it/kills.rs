//! Kills a server at random moments of its pulls (law 11). It must end with the directory and the feed of one that was
//! left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollbook::clock::Clock;
use rollbook::sandbox::{Running, Sandbox, SandboxConfig, system_time};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::live::{ENTERPRISE, WORKER};
use crate::support::program::{Program, folder, serve};

/// More than one transaction applies.
const WORKERS: u32 = 505;
/// The first round imports, the others change the company.
const ROUNDS: u32 = 4;
const KILLS_A_ROUND: u32 = 5;
/// The variable that selects the moments; it is printed, so that a failure can be repeated.
const SEED: &str = "ROLLBOOK_TEST_SEED";

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_twenty_random_moments_it_ends_as_if_left_alone() {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| Clock::system().random_id().as_u64_pair().0);
    println!("{SEED}={seed}");
    let (undisturbed, disturbed) =
        tokio::join!(Company::new().all_rounds(None), Company::new().all_rounds(Some(Dice(seed))));
    assert_eq!(undisturbed.people.len(), usize::try_from(WORKERS + (ROUNDS - 1) * 10).unwrap());
    for (user_name, person) in &undisturbed.people {
        assert_eq!(disturbed.people.get(user_name), Some(person), "{user_name}");
        assert_eq!(disturbed.events.get(user_name), undisturbed.events.get(user_name), "events of {user_name}");
    }
    assert_eq!(disturbed.people.len(), undisturbed.people.len());
    assert_eq!(disturbed.events.len(), undisturbed.events.len());
    assert_eq!(disturbed.groups, undisturbed.groups);
}

/// Repeatable random numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// When the next kill comes.
#[derive(Debug)]
enum Moment {
    /// After so many more requests to the vendor: while pages are read and stored.
    Requests(u64),
    /// So long after a run was first seen in a state.
    After(&'static str, Duration),
    /// So long after the server was there.
    Time(Duration),
}

impl Moment {
    fn random(dice: &mut Dice) -> Self {
        let millis = |dice: &mut Dice, most| Duration::from_millis(dice.below(most));
        match dice.below(8) {
            0..3 => Self::Requests(1 + dice.below(12)),
            3..5 => Self::After("planning", millis(dice, 400)),
            5..7 => Self::After("applying", millis(dice, 250)),
            _ => Self::Time(millis(dice, 1500)),
        }
    }
}

/// The result of reading the whole directory and the whole feed, without ids and times.
struct Seen {
    people: BTreeMap<String, Value>,
    /// By person, in order.
    events: BTreeMap<String, Vec<Value>>,
    /// The members of each group, by name, and how often the group was created.
    groups: BTreeMap<String, (BTreeSet<String>, usize)>,
}

/// One data directory and the company that is pulled into it.
struct Company {
    folder: TempDir,
    vendor: Sandbox,
    running: Running,
    kills: BTreeMap<String, u32>,
}

impl Company {
    fn new() -> Self {
        let config = SandboxConfig { rate_limit_per_minute: 0, ..SandboxConfig::plain(WORKERS) };
        let vendor = Sandbox::new(config, Arc::new(system_time));
        let running = vendor.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        Self { folder: folder(), vendor, running, kills: BTreeMap::new() }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    async fn start(&self) -> Program {
        Program::start(serve(&self.data())).await
    }

    async fn all_rounds(mut self, mut dice: Option<Dice>) -> Seen {
        let mut program = self.start().await;
        let order = json!({
            "kind": "remote", "name": "Remote", "settings": { "baseUrl": self.running.base_url() },
            "credentials": { "apiToken": self.vendor.token() },
        });
        let made = program.post("/connections", &order).await;
        let path = format!("/connections/{}", made["id"].as_str().unwrap());
        let (preview, sync) = (format!("{path}/preview"), format!("{path}/sync"));
        for round in 0..ROUNDS {
            let mut kills = if dice.is_some() { KILLS_A_ROUND } else { 0 };
            if round == 0 {
                let before = kills.min(2);
                program = self.settle(program, "", &preview, dice.as_mut(), before).await;
                kills -= before;
                let last = last_run(&program, &path).await;
                program.post(&format!("{path}/finish"), &json!({})).await;
                program = self.settle(program, &last, &sync, dice.as_mut(), kills).await;
            } else {
                self.change(round);
                let last = last_run(&program, &path).await;
                program.post(&sync, &json!({})).await;
                program = self.settle(program, &last, &sync, dice.as_mut(), kills).await;
            }
        }
        println!("killed while: {:?}", self.kills);
        let seen = look(&program).await;
        program.signal(Signal::SIGTERM);
        let (status, _, err) = program.ended().await;
        assert!(status.success(), "{err}");
        self.running.stop().await;
        seen
    }

    /// Waits until a run after `last` has succeeded, with so many kills on the way. A pull that is over before the next
    /// kill is followed by another, which `pull` asks for.
    async fn settle(
        &mut self,
        mut program: Program,
        last: &str,
        pull: &str,
        mut dice: Option<&mut Dice>,
        kills: u32,
    ) -> Program {
        let mut left = kills;
        let path = pull.rsplit_once('/').unwrap().0;
        loop {
            let mut moment = dice.as_mut().filter(|_| left > 0).map(|dice| Moment::random(dice));
            if let Some(Moment::Requests(more)) = &mut moment {
                *more += self.vendor.statistics().total;
            }
            let clock = Clock::system();
            let begun = clock.now();
            let mut since = None;
            let mut state = String::new();
            let mut again = false;
            let (vendor, last) = (&self.vendor, last.to_owned());
            program
                .until("the run has succeeded", async |program| {
                    let run = program.api(path).await["lastRun"].clone();
                    run["state"].as_str().unwrap_or("none").clone_into(&mut state);
                    assert!(!matches!(state.as_str(), "failed" | "incomplete"), "{run}\n{}", program.err());
                    let settled = state == "succeeded" && run["id"] != last.as_str();
                    let elapsed =
                        |from: chrono::DateTime<chrono::Utc>| (clock.now() - from).to_std().unwrap_or_default();
                    let reached = match &moment {
                        None => false,
                        Some(Moment::Requests(number)) => vendor.statistics().total >= *number,
                        Some(Moment::After(wanted, length)) => {
                            if state == *wanted && since.is_none() {
                                since = Some(clock.now());
                            }
                            since.is_some_and(|since| elapsed(since) >= *length)
                        }
                        Some(Moment::Time(length)) => elapsed(begun) >= *length,
                    };
                    again = settled && !reached && moment.is_some();
                    settled || reached
                })
                .await;
            if left == 0 {
                return program;
            }
            if again {
                // Nothing has changed since: this pull makes no difference to what is compared.
                program.post(pull, &json!({})).await;
                continue;
            }
            println!("killed while {state}: {moment:?}");
            *self.kills.entry(state).or_default() += 1;
            left -= 1;
            if left == 2 {
                // The other kind of kill: Postgres dies, and the program ends with it, in order and with a reason.
                kill(postmaster(&self.data()), Signal::SIGKILL).unwrap();
                let (status, _, err) = program.ended().await;
                assert!(!status.success() && err.contains("the embedded database ended by itself"), "{err}");
            } else {
                program.signal(Signal::SIGKILL);
                drop(program);
            }
            program = self.start().await;
        }
    }

    /// Changes the company: joiners, leavers, movers, an exchanged email, other managers.
    fn change(&self, round: u32) {
        let vendor = &self.vendor;
        let at = |n: u32| (round * 131 + n * 7) % WORKERS;
        for n in 0..80 {
            vendor.patch(at(n), &json!({ "job_title": format!("Title {round}") })).unwrap();
        }
        for n in 80..100 {
            let boss = vendor.employment_id(at(n + 100));
            vendor.patch(at(n), &json!({ "manager_employment_id": boss })).unwrap();
        }
        let email = |n: u32| vendor.employment(at(n)).unwrap()["work_email"].clone();
        let (one, other) = (email(1), email(2));
        vendor.patch(at(1), &json!({ "work_email": other })).unwrap();
        vendor.patch(at(2), &json!({ "work_email": one })).unwrap();
        for n in [110, 111] {
            vendor.patch(at(n), &json!({ "status": "archived", "termination_date": "2026-01-31" })).unwrap();
        }
        for n in 0..10 {
            let email = format!("joiner{n}.of.{round}@acme.example");
            vendor.add(&json!({ "work_email": email })).unwrap();
        }
    }
}

async fn last_run(program: &Program, path: &str) -> String {
    program.api(path).await["lastRun"]["id"].as_str().unwrap().to_owned()
}

fn postmaster(data: &Path) -> Pid {
    let file = fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
    Pid::from_raw(file.lines().next().unwrap().trim().parse().unwrap())
}

/// Reads everything that consumers can read.
async fn look(program: &Program) -> Seen {
    let consumer = program.post("/consumers", &json!({ "name": "idp", "scopes": ["scim:read"] })).await;
    let tokens = format!("/consumers/{}/tokens", consumer["id"].as_str().unwrap());
    let token = program.post(&tokens, &json!({})).await["token"].as_str().unwrap().to_owned();
    let mut users: Vec<Value> = Vec::new();
    loop {
        let answer = program.get(&format!("/scim/v2/Users?count=500&startIndex={}", users.len() + 1), &token).await;
        let list = answer.list();
        users.extend(list["Resources"].as_array().unwrap().iter().cloned());
        if list["itemsPerPage"] == 0 {
            assert_eq!(list["totalResults"], users.len());
            break;
        }
    }
    let names: BTreeMap<String, String> = users
        .iter()
        .map(|user| (user["id"].as_str().unwrap().to_owned(), user["userName"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(names.len(), users.len(), "nobody twice");
    let name = |id: &Value| id.as_str().and_then(|id| names.get(id)).map_or(id.clone(), |name| json!(name));
    let mut groups: BTreeMap<String, (BTreeSet<String>, usize)> = BTreeMap::new();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let listed = program.get("/scim/v2/Groups?count=500", &token).await.list();
    for group in listed["Resources"].as_array().unwrap() {
        let shown = group["displayName"].as_str().unwrap().to_owned();
        let members = group["members"].as_array().unwrap();
        let members: BTreeSet<String> =
            members.iter().map(|one| name(&one["value"]).as_str().unwrap().to_owned()).collect();
        assert_eq!(members.len(), group["members"].as_array().unwrap().len(), "each once");
        ids.insert(group["id"].as_str().unwrap().to_owned(), shown.clone());
        groups.insert(shown, (members, 0));
    }
    assert_eq!(listed["totalResults"], groups.len());
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut sequence = 0;
    loop {
        let page = program.api(&format!("/events?after={sequence}&limit=500")).await;
        let items = page["items"].as_array().unwrap();
        if items.is_empty() {
            break;
        }
        for item in items {
            sequence += 1;
            assert_eq!(item["sequence"], sequence, "no gap, no repeat");
            // Whether a group is seen empty between two changes depends on when they were numbered.
            if let Some(group) = item["groupId"].as_str() {
                let group = groups.get_mut(&ids[group]).unwrap();
                group.1 += usize::from(item["type"] == "group.created");
                continue;
            }
            let mut changes = item["changes"].clone();
            for change in changes.as_array_mut().unwrap() {
                for side in ["old", "new"] {
                    change[side] = name(&change[side]);
                }
            }
            let person = name(&item["personId"]).as_str().unwrap().to_owned();
            let moved = ["groupsJoined", "groupsLeft"].map(|list| {
                let moved = item[list].as_array().unwrap().iter();
                moved.map(|group| ids[group.as_str().unwrap()].as_str()).collect::<BTreeSet<_>>()
            });
            events
                .entry(person)
                .or_default()
                .push(json!({ "type": item["type"], "changes": changes, "groups": moved }));
        }
    }
    for (person, events) in &events {
        let created = events.iter().filter(|event| event["type"] == "person.created").count();
        assert_eq!(created, 1, "{person}: {events:?}");
        assert_eq!(events[0]["type"], "person.created", "{person}");
    }
    let mut people = BTreeMap::new();
    for mut user in users {
        let manager = name(&user[ENTERPRISE]["manager"]["value"]);
        if !manager.is_null() {
            user[ENTERPRISE]["manager"] = manager;
        }
        let worker = user[WORKER].as_object_mut().unwrap();
        worker.remove("sourceUpdated");
        for group in user["groups"].as_array_mut().into_iter().flatten() {
            *group = group["display"].clone();
        }
        let user = user.as_object_mut().unwrap();
        if let Some(Value::Array(groups)) = user.get_mut("groups") {
            groups.sort_by_key(Value::to_string);
        }
        user.remove("id");
        user.remove("meta");
        people.insert(user["userName"].as_str().unwrap().to_owned(), json!(user));
    }
    Seen { people, events, groups }
}
