//! Measures the reads of one consumer while another one sends expensive queries. Both run with the default settings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::{Client, Method};
use rollbook::clock::Clock;
use serde_json::{Value, json};

use super::load::Readers;
use super::program::Program;
use super::reads;
use super::settings::Settings;
use super::table::Table;
use super::wrk::{self, Request};

/// An attacker that is refused sends its request again after so long.
const AGAIN: Duration = Duration::from_millis(20);

/// The requests that one consumer sends at the same time.
struct Attack {
    name: &'static str,
    requests: usize,
    conditions: usize,
}

const ATTACKS: [Attack; 2] = [
    Attack { name: "beside 16 searches of 49 conditions", requests: 16, conditions: 49 },
    Attack { name: "beside 64 searches of one condition", requests: 64, conditions: 1 },
];

/// Measures GET by id alone and beside each attack, and how long health and an admin wait meanwhile.
pub(crate) async fn run(
    program: &Program,
    readers: &Readers,
    people: u32,
    settings: &Settings,
    table: &mut Table,
) -> anyhow::Result<()> {
    let asked = reads::sample(program, &readers.open, people).await?;
    let requests: Vec<Request> =
        asked.iter().map(|user| Ok(reads::get(&readers.open, &reads::by_id(user)?))).collect::<anyhow::Result<_>>()?;
    wrk::load(&program.url, &requests, 1).await?;
    let alone = wrk::load(&program.url, &requests, settings.seconds).await?;
    table.row(row("GET a user by id", "", alone, ""));
    for attack in ATTACKS {
        let stop = Arc::new(AtomicBool::new(false));
        let attackers: Vec<_> = (0..attack.requests)
            .map(|_| tokio::spawn(ask(program.url.clone(), readers.attacker.clone(), attack.conditions, stop.clone())))
            .collect();
        let looking = tokio::spawn(look(program.url.clone(), stop.clone()));
        wrk::load(&program.url, &requests, 1).await?;
        let figures = wrk::load(&program.url, &requests, settings.seconds.max(5)).await;
        let begun = Instant::now();
        program.admin(Method::GET, "/connections", None).await?;
        let admin = begun.elapsed();
        stop.store(true, Ordering::Relaxed);
        let ready = looking.await??;
        let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
        for attacker in attackers {
            for (status, number) in attacker.await?? {
                *answers.entry(status).or_default() += number;
            }
        }
        table.row(row("GET a user by id", attack.name, figures?, "99 % below 100 ms"));
        table.line(
            &format!("{}: longest /readyz, a list of the admin API", attack.name),
            &format!("{:.0} ms, {:.0} ms", ready.as_secs_f64() * 1e3, admin.as_secs_f64() * 1e3),
            "",
        );
        table.line(&format!("{}: answers by status", attack.name), &format!("{answers:?}"), "");
    }
    Ok(())
}

fn row(name: &str, beside: &str, figures: wrk::Figures, reach: &str) -> [String; 6] {
    let name = if beside.is_empty() { format!("{name}, alone") } else { format!("{name}, {beside}") };
    [
        name,
        format!("{:.0}", figures.per_second),
        String::new(),
        format!("{:.2}", figures.median),
        format!("{:.2}", figures.last_percent),
        reach.to_owned(),
    ]
}

/// Sends requests until it is stopped, and returns how often each status was answered.
async fn ask(
    url: String,
    token: String,
    conditions: usize,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<BTreeMap<u16, usize>> {
    let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let parts: Vec<String> = (0..conditions).map(|n| format!("managerChain.display co \"zq{n}\"")).collect();
    let worker = "urn:ietf:params:scim:schemas:extension:worker:2.0:User:";
    let filter = parts.iter().map(|part| format!("{worker}{part}")).collect::<Vec<_>>().join(" or ");
    let body: Value =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter, "count": 1 });
    let mut answers = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let sent = client.post(format!("{url}/scim/v2/Users/.search")).bearer_auth(&token).json(&body).send().await;
        let status = sent.context("the attacker was not answered")?.status().as_u16();
        ensure!([200, 400, 429, 503].contains(&status), "the attacker was answered with {status}");
        *answers.entry(status).or_default() += 1;
        if status != 200 {
            Clock::system().pause(AGAIN).await;
        }
    }
    Ok(answers)
}

/// How long `/readyz` took at most; it always has to be ready.
async fn look(url: String, stop: Arc<AtomicBool>) -> anyhow::Result<Duration> {
    let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let status = client.get(format!("{url}/readyz")).send().await?.status();
        ensure!(status.is_success(), "/readyz was answered with {status}");
        longest = longest.max(begun.elapsed());
        Clock::system().pause(Duration::from_millis(50)).await;
    }
    Ok(longest)
}
