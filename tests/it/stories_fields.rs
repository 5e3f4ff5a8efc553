//! Tests the stories about precedence with two HR systems. An admin sets their order for the fields of their people.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;

use chrono::TimeDelta;
use clap::Parser;
use rollbook::cli;
use rollbook::flows;
use rollbook::sandbox::{JustworksConfig, SandboxConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::live::{ENTERPRISE, of_people};
use crate::support::pair::Pair;
use crate::support::served::Answer;
use crate::support::world::context;

const ANA: &str = "ana.silva@acme.com";
const BO: &str = "bo.lind@acme.com";
const CY: &str = "cy.young@acme.com";

/// Ana, Bo and Cy work through both HR systems, which call Ana's and Cy's jobs otherwise and Bo's the same.
struct Company {
    pair: Pair,
    remote: Uuid,
    justworks: Uuid,
}

fn pair() -> impl Future<Output = Pair> {
    let justworks = JustworksConfig { seed: 9, ..JustworksConfig::plain(5) };
    async {
        let pair = Pair::with(SandboxConfig::plain(5), justworks).await;
        let all = [
            (1, ANA, ("Ana", "Silva"), ("Staff Engineer", "Engineer")),
            (2, BO, ("Bo", "Lind"), ("Clerk", "Clerk")),
            (3, CY, ("Cy", "Young"), ("Analyst", "Senior Analyst")),
        ];
        for (index, email, (given, family), (title, other)) in all {
            let worker = json!({
                "full_name": format!("{given} {family}"), "work_email": email, "job_title": title,
                "manager_employment_id": null, "manager_email": null, "manager": null,
                "personal_details": { "given_name": given, "surname": family, "birthdate": "1990-02-11" },
            });
            pair.live.world.vendor.patch(index, &worker).unwrap();
            let member = json!({
                "name": { "given_name": given, "family_name": family, "preferred_name": null, "full_preferred_name": null },
                "emails": [{ "type": "WORK", "address": email }],
                "date_of_birth": "1990-02-11", "job_title": other, "manager": null,
            });
            pair.justworks.patch(index, &member).unwrap();
        }
        pair
    }
}

impl Company {
    async fn new() -> Self {
        let pair = pair().await;
        let (remote, justworks) = pair.publish_both().await;
        assert_eq!(pair.live.total().await, 7, "five and five, and three are in both");
        Self { pair, remote, justworks }
    }

    /// PUT /fields/{unit}, and no work after it.
    async fn ask(&self, unit: &str, body: Value) -> Answer {
        let path = format!("/api/v1/fields/{unit}");
        self.pair.live.call("PUT", &path, &self.pair.live.admin, Some(&body)).await
    }

    /// Sets the order for a field; answers how many people are to be merged again.
    async fn order(&self, unit: &str, order: &[Uuid]) -> i64 {
        let answer = self.ask(unit, json!({ "order": order, "reason": "they know" })).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        self.pair.live.world.work().await;
        answer.body()["peopleToMerge"].as_i64().unwrap()
    }

    /// What an order would change, as (person, attribute, old, new).
    async fn preview(&self, unit: &str, order: &[Uuid]) -> BTreeSet<[String; 4]> {
        let answer = self.ask(&format!("{unit}?preview=true"), json!({ "order": order })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.pair.live.world.work().await;
        let plan = answer.body()["planId"].as_str().unwrap().to_owned();
        assert_eq!(self.pair.live.api(&format!("/plans/{plan}")).await["state"], "superseded", "it is never applied");
        let items = self.pair.live.api(&format!("/plans/{plan}/changes?limit=500")).await;
        let mut all = BTreeSet::new();
        for item in items["items"].as_array().unwrap() {
            for change in item["changes"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let [attribute, old, new] = ["attribute", "old", "new"].map(|name| text(&change[name]));
                all.insert([text(&item["userName"]), attribute, old, new]);
            }
        }
        all
    }

    async fn title(&self, user_name: &str) -> String {
        self.pair.live.user(user_name).await["title"].as_str().unwrap().to_owned()
    }

    async fn titles(&self) -> [String; 3] {
        [self.title(ANA).await, self.title(BO).await, self.title(CY).await]
    }

    async fn field(&self, unit: &str) -> Value {
        let all = self.pair.live.api("/fields").await;
        all["items"].as_array().unwrap().iter().find(|field| field["unit"] == unit).unwrap().clone()
    }

    async fn person(&self, user_name: &str) -> Value {
        let id = self.pair.live.user(user_name).await["id"].as_str().unwrap().to_owned();
        self.pair.live.api(&format!("/people/{id}")).await
    }

    async fn feed(&self) -> Vec<Value> {
        of_people(self.pair.live.feed(0).await)
    }

    /// Every stored person with their version.
    async fn stored(&self) -> Option<String> {
        self.pair
            .live
            .world
            .text("SELECT string_agg(id || ' ' || version || ' ' || person, '\n' ORDER BY id) FROM people")
            .await
    }
}

/// The titles before and after Justworks takes precedence.
fn promised() -> BTreeSet<[String; 4]> {
    let of = |user_name: &str, old: &str, new: &str| [user_name, "title", old, new].map(str::to_owned);
    [of(ANA, "Staff Engineer", "Engineer"), of(CY, "Analyst", "Senior Analyst")].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn story_19_field_source_of_truth_with_preview() {
    let company = Company::new().await;
    let (remote, justworks) = (company.remote, company.justworks);
    let title = company.field("title").await;
    assert_eq!(title["isDefault"], true);
    let names: Vec<&str> = title["order"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Remote", "Justworks"], "the oldest first");
    let (feed, stored) = (company.feed().await, company.stored().await);
    assert_eq!(company.titles().await, ["Staff Engineer", "Clerk", "Analyst"]);

    // The preview names exactly the affected changes, and nothing is written.
    assert_eq!(company.preview("title", &[justworks]).await, promised());
    assert_eq!(company.stored().await, stored);
    assert_eq!(company.feed().await.len(), feed.len());
    assert_eq!(company.field("title").await, title);

    // Applying it changes exactly those, and names the source that decides.
    assert_eq!(company.order("title", &[justworks, remote]).await, 3);
    assert_eq!(company.titles().await, ["Engineer", "Clerk", "Senior Analyst"]);
    let news = company.feed().await.split_off(feed.len());
    let changed: BTreeSet<&str> = news.iter().map(|event| event["changes"][0]["new"].as_str().unwrap()).collect();
    assert_eq!((news.len(), changed), (2, ["Engineer", "Senior Analyst"].into()), "{news:?}");
    assert!(news.iter().all(|event| event["cause"] == "configuration" && event["runId"].is_null()), "{news:?}");
    let person = company.person(ANA).await;
    let history = company.pair.live.api(&format!("/people/{}/history", person["id"].as_str().unwrap())).await;
    let latest = &history["items"][0];
    assert_eq!((&latest["tokenName"], &latest["reason"]), (&json!("admin"), &json!("they know")));

    // The answer for one person names the source that won, since when, and the one that lost.
    let unit = |person: &Value| {
        let units = person["units"].as_array().unwrap();
        units.iter().find(|unit| unit["unit"] == "title").unwrap().clone()
    };
    let title = unit(&person);
    assert_eq!(title["values"], json!({ "title": "Engineer" }), "{title}");
    assert_eq!(
        (&title["from"]["connectionId"], &title["winner"]["connectionId"]),
        (&json!(justworks), &json!(justworks))
    );
    assert_eq!(title["from"]["since"], latest["at"]);
    let losers = title["losers"].as_array().unwrap();
    assert_eq!((losers.len(), &losers[0]["values"]), (1, &json!({ "title": "Staff Engineer" })), "{title}");
    assert_eq!(losers[0]["connectionId"], json!(remote));
    assert_eq!(unit(&company.person(BO).await)["from"]["connectionId"], json!(justworks), "the same word, of another");

    // Once more is nothing more (law 7), in the log of what admins did, too.
    let (stored, feed) = (company.stored().await, company.feed().await.len());
    let audit = company.pair.live.api("/audit").await["items"].as_array().unwrap().len();
    assert_eq!(company.order("title", &[justworks]).await, 0, "it comes to the same order");
    assert_eq!(company.preview("title", &[justworks]).await, BTreeSet::new());
    assert_eq!((company.stored().await, company.feed().await.len()), (stored, feed));
    assert_eq!(company.pair.live.api("/audit").await["items"].as_array().unwrap().len(), audit);
    let field = company.field("title").await;
    assert_eq!((&field["isDefault"], &field["settled"]), (&json!(false), &json!(true)), "{field}");
    assert_eq!(field["order"][0]["connectionId"], json!(justworks));

    // Pulls use the new order.
    company.pair.live.world.vendor.patch(1, &json!({ "job_title": "Principal" })).unwrap();
    company.pair.live.sync(remote).await;
    assert_eq!(company.title(ANA).await, "Engineer");
    company.pair.justworks.patch(1, &json!({ "job_title": "Lead Engineer" })).unwrap();
    company.pair.live.sync(justworks).await;
    assert_eq!(company.title(ANA).await, "Lead Engineer");

    // The oldest first is an order, too, once an admin sets it.
    assert_eq!(company.order("title", &[remote]).await, 3);
    assert_eq!(company.field("title").await["isDefault"], false);
    assert_eq!(company.order("title", &[remote, justworks]).await, 0, "it is the same");

    // Going back restores, with Remote's current values.
    assert_eq!(company.order("title", &[]).await, 3);
    assert_eq!(company.titles().await, ["Principal", "Clerk", "Analyst"]);
    assert_eq!(company.field("title").await["isDefault"], true);
    assert_eq!(unit(&company.person(ANA).await)["from"]["connectionId"], json!(remote));
    let audit = company.pair.live.api("/audit?limit=1").await["items"][0].clone();
    assert_eq!((&audit["action"], &audit["target"]), (&json!("field.order"), &json!("field title")), "{audit}");
    assert_eq!(audit["detail"]["after"], json!([remote, justworks]), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_follow_the_order_and_a_name_is_taken_as_a_whole() {
    let company = Company::new().await;
    let (pair, justworks) = (&company.pair, company.justworks);
    let vendor = &pair.live.world.vendor;
    let boss = json!({ "manager_employment_id": vendor.employment_id(2), "manager_email": BO, "manager": "Bo Lind" });
    vendor.patch(1, &boss).unwrap();
    let other = json!({ "manager": { "id": pair.justworks.member_id(3), "email": CY, "name": "Cy Young" } });
    pair.justworks.patch(1, &other).unwrap();
    pair.live.sync(company.remote).await;
    pair.live.sync(justworks).await;
    let [ana, bo, cy] = [ANA, BO, CY].map(|user_name| pair.live.user(user_name));
    let (ana, bo, cy) = (ana.await, bo.await["id"].clone(), cy.await["id"].clone());
    assert_eq!(ana[ENTERPRISE]["manager"]["value"], bo);
    let text = |id: &Value| id.as_str().unwrap().to_owned();
    let expected = [ANA.to_owned(), "manager".to_owned(), text(&bo), text(&cy)];
    assert_eq!(company.preview("manager", &[justworks]).await, [expected].into());
    assert_eq!(pair.live.user(ANA).await[ENTERPRISE]["manager"]["value"], bo);
    company.order("manager", &[justworks]).await;
    assert_eq!(pair.live.user(ANA).await[ENTERPRISE]["manager"]["value"], cy);
    assert_eq!(company.title(ANA).await, "Staff Engineer", "another unit");
    company.order("manager", &[]).await;
    assert_eq!(pair.live.user(ANA).await[ENTERPRISE]["manager"]["value"], bo);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_made_before_goes_by_the_order_that_holds_when_it_is_applied() {
    let pair = pair().await;
    let remote = pair.live.connect(json!({})).await;
    pair.live.finish(remote).await;
    let justworks = pair.order(json!({})).await;
    pair.consent(justworks).await;
    // The preview of Justworks is planned, with Remote first. No person has workers in both yet.
    let company = Company { pair, remote, justworks };
    assert_eq!(company.order("title", &[justworks]).await, 0);
    company.pair.live.finish(justworks).await;
    assert_eq!(company.titles().await, ["Engineer", "Clerk", "Senior Analyst"]);
    assert_eq!(company.person(ANA).await["workers"].as_array().unwrap().len(), 2);
    assert_eq!(company.preview("title", &[justworks]).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_is_cut_off_anywhere_loses_and_doubles_nothing() {
    let company = Company::new().await;
    let (known, world) = (company.feed().await.len(), &company.pair.live.world);
    assert_eq!(company.ask("title", json!({ "order": [company.justworks] })).await.status, 202);
    assert_eq!(company.titles().await, ["Staff Engineer", "Clerk", "Analyst"]);
    assert_eq!(company.field("title").await["settled"], false);
    let mut cut_off = 0;
    for polls in (1..).step_by(4) {
        // Each time a node of its own, which dies; its lease ends by itself.
        let node = context(&world.database, world.context.clock.clone()).await;
        match for_so_long(flows::authority::walk(&node), polls).await {
            Some(walked) => {
                if !walked.unwrap() {
                    break;
                }
            }
            None => cut_off += 1,
        }
        world.advance(TimeDelta::seconds(31));
        assert!(polls < 4_000, "it comes to no end");
    }
    assert!(cut_off > 5, "{cut_off}");
    assert_eq!(company.field("title").await["settled"], true);
    world.work().await;
    assert_eq!(company.titles().await, ["Engineer", "Clerk", "Senior Analyst"]);
    assert_eq!(company.feed().await.len() - known, 2, "one change of each");
    assert_eq!(world.number("SELECT count(*) FROM plans WHERE connection_id IS NULL").await, 0, "nothing is left over");
}

/// Lets work go on until it has waited so many times, and then no further.
async fn for_so_long<F: Future>(work: F, polls: u32) -> Option<F::Output> {
    let (mut work, mut left) = (Box::pin(work), polls);
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_ordered_is_refused_by_name_and_changes_nothing() {
    let company = Company::new().await;
    let (remote, stranger) = (company.remote, Uuid::from_u128(7));
    let audit = company.pair.live.api("/audit").await;
    let table = [
        ("shoeSize", json!({ "order": [remote] }), "unit", "shoeSize"),
        ("type", json!({ "order": [remote] }), "unit", "leading employment"),
        ("status", json!({ "order": [] }), "unit", "leading employment"),
        ("email.work", json!({ "order": [remote] }), "unit", "work email"),
        ("title", json!({ "order": [remote, stranger] }), "order[1]", &stranger.to_string()),
        ("title", json!({ "order": [remote, remote] }), "order[1]", &remote.to_string()),
        ("title", json!({ "order": ["Remote"] }), "order[0]", "id of a connection"),
        ("title", json!({ "order": "Remote" }), "order", "a list of texts"),
        ("title", json!({}), "order", "missing"),
        ("title", json!({ "order": [remote], "blankWins": true }), "blankWins", "not available yet"),
    ];
    for (unit, body, field, words) in &table {
        for query in ["", "?preview=true"] {
            let problem = company.ask(&format!("{unit}{query}"), body.clone()).await.problem(422, "invalid");
            let error = &problem["errors"][0];
            assert_eq!(&error["field"], field, "{unit} {body}: {problem}");
            assert!(error["message"].as_str().unwrap().contains(words), "{unit} {body}: {problem}");
        }
    }
    let fields = company.pair.live.api("/fields").await;
    assert!(fields["items"].as_array().unwrap().iter().all(|field| field["isDefault"] == true), "{fields}");
    assert_eq!(company.pair.live.api("/audit").await, audit);
}

#[derive(Parser)]
struct Whole {
    #[command(subcommand)]
    command: cli::Command,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_orders_fields_from_the_command_line() {
    let company = Company::new().await;
    let live = &company.pair.live;
    let says = async |words: &[&str]| {
        let access = ["--url", live.url.as_str(), "--token", live.admin.as_str()];
        let whole = Whole::try_parse_from(["rollbook", "field"].iter().chain(words).chain(&access)).unwrap();
        let mut out = Vec::new();
        cli::carry_out(whole.command, live.world.context.clock.clone(), &mut out).await.unwrap();
        live.world.work().await;
        String::from_utf8(out).unwrap()
    };
    let row = |list: &str, unit: &str| {
        let mut rows = list.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.find(|row| row[0] == unit).unwrap()[..4].join(" ")
    };
    assert_eq!(row(&says(&["list"]).await, "title"), "title Remote, Justworks default");
    let would = says(&["set", "title", "justworks", "Remote", "--preview"]).await;
    assert!(would.contains("title: Staff Engineer → Engineer"), "{would}");
    assert_eq!(would.lines().count(), 3, "{would}");
    assert_eq!(company.title(ANA).await, "Staff Engineer");
    let done = says(&["set", "title", &company.justworks.to_string(), "--reason", "payroll knows"]).await;
    assert!(done.starts_with("3 people whom several connections know are merged anew"), "{done}");
    assert_eq!(company.title(ANA).await, "Engineer");
    assert_eq!(row(&says(&["list"]).await, "title"), "title Justworks, Remote ordered");
    says(&["set", "title", "--default"]).await;
    assert_eq!(company.title(ANA).await, "Staff Engineer");
    for wrong in [&["set", "title"][..], &["set", "title", "Remote", "--default"]] {
        assert!(Whole::try_parse_from(["rollbook", "field"].iter().chain(wrong)).is_err(), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_people_than_one_step_are_merged_as_the_preview_said() {
    const PEOPLE: u32 = 510;
    let config = (SandboxConfig::plain(PEOPLE), JustworksConfig::plain(PEOPLE));
    let (remote, justworks) = rollbook::sandbox::couple(config.0, config.1, PEOPLE);
    let pair = Pair::with(remote, justworks).await;
    let (remote, justworks) = pair.publish_both().await;
    let company = Company { pair, remote, justworks };
    let known = company.feed().await.len();
    let shared = i64::from(PEOPLE);
    let both =
        "SELECT count(*) FROM (SELECT FROM workers GROUP BY person_id HAVING count(DISTINCT connection_id) > 1) AS s";
    assert_eq!(company.pair.live.world.number(both).await, shared);
    let expected = company.preview("title", &[justworks]).await;
    assert!(!expected.is_empty(), "the two call some jobs otherwise");
    assert_eq!(company.order("title", &[justworks]).await, shared);
    let mut changed: BTreeMap<String, u32> = BTreeMap::new();
    for event in company.feed().await.split_off(known) {
        *changed.entry(event["personId"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(changed.len(), expected.len());
    assert!(changed.values().all(|times| *times == 1), "{changed:?}");
    assert_eq!(company.preview("title", &[justworks]).await, BTreeSet::new());
    assert_eq!(company.preview("title", &[]).await.len(), expected.len());
}
