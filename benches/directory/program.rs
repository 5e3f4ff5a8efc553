//! Runs the built program as a user does: as its own process, on a database that exists already.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use rollbook::clock::Clock;
use rollbook::store::db::embedded::Embedded;
use serde_json::Value;
use tokio_postgres::config::Host;

/// What the admin's requests carry.
const ADMIN_TOKEN: &str = "the-admin-of-the-benchmark-0123456789abcdef";
/// Names another build of the program to be measured instead.
const PROGRAM: &str = "ROLLBOOK_BENCH_PROGRAM";
/// How long the program may take to start.
const START: Duration = Duration::from_mins(2);
/// The pause between two checks of a condition.
const LOOK: Duration = Duration::from_millis(2);

/// The URL of a private cluster's database.
pub(crate) fn url_of(cluster: &Embedded) -> anyhow::Result<String> {
    let config = cluster.url_config();
    let [Host::Unix(folder)] = config.get_hosts() else { bail!("the cluster has no socket") };
    let [port] = config.get_ports() else { bail!("the cluster has no port") };
    let (user, database) = (config.get_user().unwrap_or_default(), config.get_dbname().unwrap_or_default());
    Ok(format!("host={} port={port} user={user} dbname={database}", folder.display()))
}

pub(crate) struct Program {
    child: Child,
    client: Client,
    said: Arc<Mutex<Vec<String>>>,
    pub(crate) url: String,
    /// From the start of the process to its first answer that reports ready.
    pub(crate) started_in: Duration,
}

impl Program {
    /// Starts the program without a limit for one consumer. Every row but those of an attack is measured like that.
    pub(crate) async fn start(database: &str, clock: &Clock) -> anyhow::Result<Self> {
        let all = [("ROLLBOOK_QUERY_CONNECTIONS", "8"), ("ROLLBOOK_QUERIES_PER_CONSUMER", "8")];
        Self::start_with(database, clock, &all).await
    }

    /// Starts the program with settings and waits until it is ready.
    pub(crate) async fn start_with(database: &str, clock: &Clock, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let program = std::env::var_os(PROGRAM).unwrap_or_else(|| env!("CARGO_BIN_EXE_rollbook").into());
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--allow-private-vendors"])
            .env("ROLLBOOK_DATABASE_URL", database)
            .env("ROLLBOOK_ADMIN_TOKEN", ADMIN_TOKEN)
            .env("ROLLBOOK_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let (kept, out) = (said.clone(), child.stderr.take().context("no standard error")?);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let client = Client::builder().timeout(Duration::from_mins(2)).build()?;
        let mut program = Self { child, client, said, url: String::new(), started_in: Duration::ZERO };
        loop {
            if let Some(status) = program.child.try_wait()? {
                bail!("rollbook serve ended with {status}:\n{}", program.log().join("\n"));
            }
            if program.url.is_empty()
                && let Some(url) = program.line("listening on ")
            {
                program.url = url;
            }
            if !program.url.is_empty() {
                let answer = program.client.get(format!("{}/readyz", program.url)).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    program.started_in = begun.elapsed();
                    return Ok(program);
                }
            }
            ensure!(begun.elapsed() < START, "rollbook serve is not ready:\n{}", program.log().join("\n"));
            clock.pause(LOOK).await;
        }
    }

    /// What the program has printed so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The text that follows `words` in the last line that contains them.
    fn line(&self, words: &str) -> Option<String> {
        self.log().iter().rev().find_map(|line| Some(line.split_once(words)?.1.trim().to_owned()))
    }

    /// Asks the admin API; anything but success is an error.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(ADMIN_TOKEN);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Asks SCIM, and gives the status, the version and the body.
    pub(crate) async fn read(
        &self,
        path: &str,
        token: &str,
        header: Option<(&str, &str)>,
    ) -> anyhow::Result<(u16, String, String)> {
        let mut request = self.client.get(format!("{}{path}", self.url)).bearer_auth(token);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = request.send().await?;
        let version = answer.headers().get("etag").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        Ok((answer.status().as_u16(), version, answer.text().await?))
    }

    /// The most memory that the program has had so far.
    pub(crate) fn memory(&self) -> anyhow::Result<String> {
        let Ok(status) = fs::read_to_string(format!("/proc/{}/status", self.child.id())) else {
            return Ok("not told by this system".to_owned());
        };
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let kib: u64 = peak.context("no VmHWM")?.trim().parse()?;
        Ok(format!("{} MiB", kib / 1024))
    }

    pub(crate) async fn stop(mut self, clock: &Clock) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGINT)?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(begun.elapsed() < START, "rollbook serve does not end");
            clock.pause(LOOK).await;
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // When a measurement broke off; after `stop` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
