//! Tests that filters and sorting in SQL give the same results as the evaluator in memory. It uses random filters over
//! random people and groups.
//!
//! `ROLLBOOK_ORACLE_CASES` is how many filters are tried for each test (a long run: 1000000), `ROLLBOOK_ORACLE_SEED`
//! repeats one. Under nextest a test ends after two minutes; long runs are for `cargo test --test it filter_oracle`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rollbook::clock::Clock;
use rollbook::scim::filter::check::{Checked, check};
use rollbook::scim::filter::parse::{MAX_BYTES, MAX_DEPTH, MAX_EXPRESSIONS, parse};
use rollbook::scim::filter::{Filter, Mode};
use rollbook::scim::path::AttrPath;
use rollbook::scim::release::Policy;
use rollbook::scim::schema::{Hidden, Resolved, ResourceType, Type, WORKER_URN};
use rollbook::store::db::pool::Connection;
use rollbook::store::db::schema::people;
use rollbook::store::filter::condition::Condition;
use rollbook::store::filter::condition::GroupCondition;
use rollbook::store::visibility::Visibility;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::filters::{Corpus, elements, filters};
use crate::support::population;
use crate::support::served::{PUBLIC_URL, Served, encoded};

/// Filters for each population.
const BATCH: usize = 900;

fn runner() -> (TestRunner, String) {
    let seed = std::env::var("ROLLBOOK_ORACLE_SEED").ok().filter(|seed| !seed.is_empty());
    let seed = seed.unwrap_or_else(|| Clock::system().random_id().simple().to_string());
    let bytes: Vec<u8> = seed.bytes().chain(std::iter::repeat(b'0')).take(32).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    (TestRunner::new_with_rng(Config::default(), rng), seed)
}

fn cases(default: usize) -> usize {
    std::env::var("ROLLBOOK_ORACLE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

/// A population that is served: its documents as a consumer reads them, in the order of lists.
struct Town {
    served: Served,
    token: String,
    kind: ResourceType,
    resources: Vec<Map<String, Value>>,
    corpus: Arc<Corpus>,
}

impl Town {
    async fn build(runner: &mut TestRunner, kind: ResourceType) -> Self {
        let served = Served::start().await;
        let (people, groups) = population::population().new_tree(runner).unwrap().current();
        population::write(&mut *served.conn().await, &people, &groups).await;
        let token = served.token_of(&served.consumer("oracle", &["scim:read"], true).await).await;
        let list = served.get_as(&token, &format!("/scim/v2{}?count=500", kind.endpoint())).await.list();
        let mut resources: Vec<Map<String, Value>> =
            list["Resources"].as_array().unwrap().iter().map(|one| one.as_object().unwrap().clone()).collect();
        // What is answered on request only.
        let chain = format!("/scim/v2{}?count=500&attributes={WORKER_URN}:managerChain", kind.endpoint());
        let on_request = served.get_as(&token, &chain).await.list();
        for (resource, more) in resources.iter_mut().zip(on_request["Resources"].as_array().unwrap()) {
            if let Some(chain) = more.get(WORKER_URN).and_then(|worker| worker.get("managerChain")) {
                resource[WORKER_URN]["managerChain"] = chain.clone();
            }
        }
        assert_eq!(resources.len(), if kind == ResourceType::User { people.len() } else { groups.len() });
        let corpus = Corpus::of(kind, &resources);
        Self { served, token, kind, resources, corpus }
    }

    fn expected(&self, checked: &Checked) -> BTreeSet<String> {
        let found = self.resources.iter().filter(|resource| checked.matches(resource));
        found.map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn found(&self, conn: &mut Connection, checked: &Checked) -> BTreeSet<String> {
        let visibility = Visibility::unrestricted(&format!("{PUBLIC_URL}/scim/v2"), true, Hidden::sensitive());
        let ids: Vec<Uuid> = if self.kind == ResourceType::User {
            let mut condition = Condition::of(checked, &visibility);
            condition.settle(conn).await.unwrap();
            people::table.filter(&condition).select(people::id).load(conn).await.unwrap()
        } else {
            let mut condition = GroupCondition::of(checked, &visibility);
            condition.settle(conn).await.unwrap();
            let all = rollbook::store::groups::after(conn, Some(&condition), 0, 1_000).await.unwrap();
            all.into_iter().map(|group| group.id).collect()
        };
        ids.into_iter().map(|id| id.to_string()).collect()
    }

    /// The difference between SQL and memory for a filter, if there is one; `Err` if the filter is not acceptable.
    async fn difference(&self, conn: &mut Connection, filter: &Filter) -> Result<Option<String>, ()> {
        if !is_within_limits(filter) {
            return Err(());
        }
        let text = filter.to_string();
        assert_eq!(parse(&text, Mode::Lenient).as_ref(), Ok(filter), "{text}");
        let checked = check(filter, Mode::Lenient, self.kind.shape(), &Hidden::sensitive()).map_err(drop)?;
        let (expected, found) = (self.expected(&checked), self.found(conn, &checked).await);
        let lacking = expected.difference(&found).map(|id| format!("lacking {id}"));
        let too_many = found.difference(&expected).map(|id| format!("not to be found {id}"));
        let wrong: Vec<String> = lacking.chain(too_many).collect();
        Ok((!wrong.is_empty()).then(|| format!("{text}\n{}", wrong.join("\n"))))
    }
}

fn is_within_limits(filter: &Filter) -> bool {
    fn count(filter: &Filter) -> (usize, usize) {
        match filter {
            Filter::And(all) | Filter::Or(all) => {
                all.iter().map(count).fold((0, 0), |(leaves, depth), (more, deep)| (leaves + more, depth.max(deep + 1)))
            }
            Filter::Not(inner) => (count(inner).0, count(inner).1 + 1),
            Filter::Test(..) => (1, 0),
            Filter::Element { filter, .. } => (count(filter).0 + 1, count(filter).1 + 1),
        }
    }
    let (leaves, depth) = count(filter);
    leaves <= MAX_EXPRESSIONS && depth <= MAX_DEPTH && filter.to_string().len() <= MAX_BYTES
}

async fn compare(kind: ResourceType, default: usize) {
    let (mut runner, seed) = runner();
    let (mut tried, mut some) = (0_usize, 0_usize);
    let all = cases(default);
    while tried < all {
        let town = Town::build(&mut runner, kind).await;
        let strategy = filters(&town.corpus);
        let mut conn = town.served.conn().await;
        for _ in 0..BATCH.min(all - tried) {
            let mut tree = strategy.new_tree(&mut runner).unwrap();
            let Ok(difference) = town.difference(&mut conn, &tree.current()).await else { continue };
            tried += 1;
            let Some(mut difference) = difference else {
                let checked = check(&tree.current(), Mode::Lenient, kind.shape(), &Hidden::sensitive()).unwrap();
                let matches = town.expected(&checked).len();
                some += usize::from(matches > 0 && matches < town.resources.len());
                continue;
            };
            // The smallest filter that fails as well.
            let (mut going, mut steps) = (tree.simplify(), 0);
            while going && steps < 300 {
                steps += 1;
                going = match town.difference(&mut conn, &tree.current()).await {
                    Ok(Some(smaller)) => {
                        difference = smaller;
                        tree.simplify()
                    }
                    _ => tree.complicate(),
                };
            }
            let all: BTreeMap<&str, &Map<String, Value>> =
                town.resources.iter().map(|resource| (resource["id"].as_str().unwrap(), resource)).collect();
            let shown = all.iter().find(|(id, _)| difference.contains(**id)).map(|(_, resource)| resource);
            panic!("seed {seed}: {difference}\n{shown:?}");
        }
        drop(conn);
        town.served.stop().await;
    }
    // A comparison of empty sets would prove little.
    assert!(some * 4 > tried, "only {some} of {tried} filters tell some from others; seed {seed}");
}

/// Ten thousand in all, in several processes.
#[tokio::test]
async fn filters_on_users_find_whom_the_evaluator_finds() {
    compare(ResourceType::User, 2_700).await;
}

#[tokio::test]
async fn more_filters_on_users_find_whom_the_evaluator_finds() {
    compare(ResourceType::User, 2_700).await;
}

#[tokio::test]
async fn still_more_filters_on_users_find_whom_the_evaluator_finds() {
    compare(ResourceType::User, 2_700).await;
}

#[tokio::test]
async fn filters_on_groups_find_what_the_evaluator_finds() {
    compare(ResourceType::Group, 1_900).await;
}

/// The value by which a resource is sorted, prepared.
fn sort_value(resource: &Map<String, Value>, target: Resolved) -> Option<String> {
    let all = elements(resource, target);
    let element =
        all.iter().find(|element| element.get("primary") == Some(&Value::Bool(true))).or(all.as_slice().first())?;
    let value = match target.sub {
        Some(sub) => element.get(&sub.name)?,
        None => element,
    };
    match (target.definition().kind, value) {
        (Type::Boolean, value) => Some(value.to_string()),
        (Type::DateTime, Value::String(text)) => Some(text.clone()),
        (_, Value::String(text)) => Some(target.preparation().key(text).into_owned()),
        (Type::Integer, Value::Number(number)) => Some(format!("{number:0>10}")),
        (_, other) => panic!("{other} has no order here"),
    }
}

async fn sort(kind: ResourceType) {
    let (mut runner, seed) = runner();
    let town = Town::build(&mut runner, kind).await;
    let strategy = filters(&town.corpus);
    for (n, target) in town.corpus.leaves().into_iter().filter(|leaf| !leaf.is_out_of_reach()).enumerate() {
        // An index has these orders: it reads all people, otherwise those who satisfy a filter.
        let is_indexed =
            ["userName", "displayName", "employeeNumber", "department"].contains(&&*target.definition().name);
        let filtered = if is_indexed { [false, true].as_slice() } else { &[n % 3 > 0] };
        for (order, filtered) in
            ["ascending", "descending"].iter().flat_map(|order| filtered.iter().map(move |f| (*order, *f)))
        {
            let filter = strategy.new_tree(&mut runner).unwrap().current();
            let checked = check(&filter, Mode::Lenient, kind.shape(), &Hidden::sensitive());
            let filter = (filtered && is_within_limits(&filter)).then_some(filter).zip(checked.ok());
            // Places are used as positions: the resources are in the order of lists.
            let mut expected: Vec<(bool, Option<String>, usize)> = town
                .resources
                .iter()
                .enumerate()
                .filter(|(_, resource)| filter.as_ref().is_none_or(|(_, checked)| checked.matches(resource)))
                .map(|(place, resource)| {
                    let value = sort_value(resource, target);
                    (value.is_none(), value, place)
                })
                .collect();
            expected.sort();
            if order == "descending" {
                expected.reverse();
            }
            let expected: Vec<Uuid> = expected
                .iter()
                .map(|(_, _, place)| town.resources[*place]["id"].as_str().unwrap().parse().unwrap())
                .collect();
            let text = filter.as_ref().map(|(filter, _)| format!("&filter={}", encoded(&filter.to_string())));
            let query = format!(
                "/scim/v2{}?attributes=id&sortBy={}&sortOrder={order}{}",
                kind.endpoint(),
                encoded(&target.to_string()),
                text.unwrap_or_default(),
            );
            if query.len() > 32_000 {
                continue;
            }
            let page = |start: usize, count: usize| {
                let (town, path) = (&town, format!("{query}&startIndex={start}&count={count}"));
                async move {
                    let answer = town.served.get_as(&town.token, &path).await;
                    (answer.ids(), answer.list()["totalResults"].as_u64().unwrap())
                }
            };
            let whole = page(1, 500).await;
            assert_eq!(whole, (expected.clone(), expected.len() as u64), "seed {seed}: {query}");
            // A walk, and a jump to an index that no walk has reached.
            let mut walked = Vec::new();
            while walked.len() < expected.len() {
                let (ids, _) = page(walked.len() + 1, 9).await;
                assert!(!ids.is_empty(), "seed {seed}: {query}");
                walked.extend(ids);
            }
            assert_eq!(walked, expected, "seed {seed}: {query}");
            if expected.len() > 3 {
                assert_eq!(page(3, 2).await.0, expected[2..4], "seed {seed}: {query}");
            }
        }
    }
    town.served.stop().await;
}

///
#[tokio::test]
async fn users_are_sorted_as_their_documents_are() {
    sort(ResourceType::User).await;
}

#[tokio::test]
async fn groups_are_sorted_as_their_documents_are() {
    sort(ResourceType::Group).await;
}

/// Law 8: under a policy a filter finds only people that the policy shows, as the policy shows them. The same is true
/// of every order.
#[tokio::test]
async fn under_a_policy_filters_and_orders_are_those_of_whom_it_shows() {
    let (mut runner, seed) = runner();
    let town = Town::build(&mut runner, ResourceType::User).await;
    let strategy = filters(&town.corpus);
    let (mut policies, mut some) = (0, 0);
    while policies < cases(12) {
        let filter = strategy.new_tree(&mut runner).unwrap().current();
        let policy = Policy { user_filter: Some(filter.to_string()), ..Policy::default() };
        if !is_within_limits(&filter) || !policy.mistakes().is_empty() {
            continue;
        }
        let inside = check(&filter, Mode::Lenient, town.kind.shape(), &Hidden::sensitive()).unwrap();
        let expected: Vec<Uuid> = town
            .resources
            .iter()
            .filter(|one| inside.matches(one))
            .map(|one| one["id"].as_str().unwrap().parse().unwrap())
            .collect();
        if expected.is_empty() || expected.len() == town.resources.len() {
            continue;
        }
        policies += 1;
        let name = format!("policy {policies}");
        let token = town.served.released(&name, &["scim:read"], policy.user_filter.as_deref(), None, None).await;
        let whole = town.served.get_as(&token, "/scim/v2/Users?count=500").await;
        assert_eq!(whole.ids(), expected, "seed {seed}: {policy:?}");
        assert_eq!(whole.list()["totalResults"], expected.len(), "seed {seed}: {policy:?}");
        let shown: Vec<Map<String, Value>> =
            whole.list()["Resources"].as_array().unwrap().iter().map(|one| one.as_object().unwrap().clone()).collect();
        let hidden = policy.read(false).unwrap().hidden;
        for _ in 0..40 {
            let filter = strategy.new_tree(&mut runner).unwrap().current();
            let asks = |name: &str| filter.to_string().to_lowercase().contains(name);
            let Ok(checked) = check(&filter, Mode::Lenient, town.kind.shape(), &hidden) else { continue };
            // What is answered on request only is not in the list.
            if !is_within_limits(&filter) || asks("managerchain") {
                continue;
            }
            let found =
                town.served.search_as(&token, "/Users", json!({ "filter": filter.to_string(), "count": 500 })).await;
            let matching = shown.iter().filter(|one| checked.matches(one));
            let expected: Vec<Uuid> = matching.map(|one| one["id"].as_str().unwrap().parse().unwrap()).collect();
            some += usize::from(!expected.is_empty() && expected.len() < shown.len());
            assert_eq!(found.ids(), expected, "seed {seed}: {policy:?}: {filter}");
        }
        for name in ["userName", "displayName", "employeeNumber", "department", "title", "manager.displayName"] {
            let target = ResourceType::User.shape().resolve(&AttrPath::parse(name).unwrap(), &hidden).unwrap();
            let mut order: Vec<(bool, Option<String>, usize)> = shown
                .iter()
                .enumerate()
                .map(|(place, one)| (sort_value(one, target), place))
                .map(|(value, place)| (value.is_none(), value, place))
                .collect();
            order.sort();
            let expected: Vec<Uuid> = order.iter().map(|(_, _, place)| expected[*place]).collect();
            let mut walked = Vec::new();
            while walked.len() < expected.len() {
                let path =
                    format!("/scim/v2/Users?sortBy={name}&startIndex={}&count=7&attributes=id", walked.len() + 1);
                let page = town.served.get_as(&token, &path).await.ids();
                assert!(!page.is_empty(), "seed {seed}: {policy:?}: {name}");
                walked.extend(page);
            }
            assert_eq!(walked, expected, "seed {seed}: {policy:?}: {name}");
        }
    }
    assert!(some > policies, "only {some} filters tell some from others; seed {seed}");
    town.served.stop().await;
}
