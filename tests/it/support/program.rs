//! Runs the built program as a user does: its own process, its own data directory, its own cluster.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use rollbook::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;

use super::contract;
use super::served::Answer;

/// How long anything may take that has to happen. Only a broken program ever waits so long.
const DEADLINE: Duration = Duration::from_mins(1);
/// The pause between two checks of a condition.
const LOOK: Duration = Duration::from_millis(20);

/// How often the end of an ended program's output is checked for.
const LAST_LOOKS: u32 = 100;

/// What the admin's requests carry in these tests.
pub(crate) const ADMIN_TOKEN: &str = "the-admin-of-the-tests-0123456789abcdef";

/// A folder that another user may pass through: as root the cluster runs as another.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o711)).tempdir().unwrap()
}

/// The program with these arguments and nothing of our environment but what finds Postgres.
pub(crate) fn rollbook(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    for name in ["PATH", "TMPDIR", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// `rollbook serve` on a data directory, on a port of its own choice, for vendors on loopback.
pub(crate) fn serve(data: &Path) -> Command {
    let mut command = rollbook(&["serve", "--listen", "127.0.0.1:0", "--allow-private-vendors"]);
    command.env("ROLLBOOK_DATA_DIR", data).env("ROLLBOOK_ADMIN_TOKEN", ADMIN_TOKEN);
    command
}

/// A running program. It is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    out: Said,
    err: Said,
    client: Client,
    /// Where it serves, once it does.
    url: String,
}

#[derive(Clone, Default)]
struct Said {
    text: Arc<Mutex<String>>,
    /// The stream has ended: every process that could write to it is gone.
    is_over: Arc<AtomicBool>,
}

impl Said {
    fn listen(from: impl std::io::Read + Send + 'static) -> Self {
        use std::io::BufRead;
        let said = Self::default();
        let kept = said.clone();
        std::thread::spawn(move || {
            for line in std::io::BufReader::new(from).lines().map_while(Result::ok) {
                let mut text = kept.text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
            kept.is_over.store(true, Ordering::Release);
        });
        said
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Program {
    /// Starts the program; it need not become ready.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Said::listen(child.stdout.take().unwrap()), Said::listen(child.stderr.take().unwrap()));
        let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { child, out, err, client, url: String::new() }
    }

    /// Starts it and waits until it serves.
    pub(crate) async fn start(command: Command) -> Self {
        let mut started = Self::spawn(command);
        started.serving().await;
        started
    }

    /// Waits until the program prints where it listens, and answers that address.
    pub(crate) async fn serving(&mut self) {
        let url = self.said("listening on ", Self::err).await;
        self.serving_at(&url).await;
    }

    /// Starts it and waits until it listens, whether or not it calls itself ready.
    pub(crate) async fn listening(command: Command) -> Self {
        let mut started = Self::spawn(command);
        started.url = started.said("listening on ", Self::err).await;
        started.until("it answers", async |program| program.try_get("/healthz", "").await.is_some()).await;
        started
    }

    /// Waits until it answers there.
    pub(crate) async fn serving_at(&mut self, url: &str) {
        url.clone_into(&mut self.url);
        self.until("it is ready", async |program| {
            program.try_get("/readyz", "").await.is_some_and(|a| a.status == 200)
        })
        .await;
    }

    /// Waits for a line with `words`, and gives what follows them.
    pub(crate) async fn said(&mut self, words: &str, stream: impl Fn(&Self) -> String) -> String {
        let mut found = None;
        self.until(words, async |program| {
            let text = stream(program);
            found = text.lines().find_map(|line| Some(line.split_once(words)?.1.trim().to_owned()));
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Waits until a condition is true. Fails when the program ends before, or it takes too long.
    pub(crate) async fn until(&mut self, what: &str, mut is_so: impl AsyncFnMut(&Self) -> bool) {
        let clock = Clock::system();
        let begun = clock.now();
        while !is_so(self).await {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("waiting until {what}, it ended with {status}:\n{}\n{}", self.out(), self.err());
            }
            let waited = (clock.now() - begun).to_std().unwrap_or_default();
            assert!(waited < DEADLINE, "waiting until {what}:\n{}\n{}", self.out(), self.err());
            clock.pause(LOOK).await;
        }
    }

    /// Everything on standard output so far.
    pub(crate) fn out(&self) -> String {
        self.out.text()
    }

    /// Everything on standard error so far.
    pub(crate) fn err(&self) -> String {
        self.err.text()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String, String) {
        let clock = Clock::system();
        let begun = clock.now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The last lines may still be on their way. A cluster that outlives its killed server keeps the streams
                // open; no process writes to them any more.
                for _ in 0..LAST_LOOKS {
                    if self.out.is_over.load(Ordering::Acquire) && self.err.is_over.load(Ordering::Acquire) {
                        break;
                    }
                    clock.pause(LOOK).await;
                }
                return (status, self.out(), self.err());
            }
            let waited = (clock.now() - begun).to_std().unwrap_or_default();
            assert!(waited < DEADLINE, "it does not end:\n{}\n{}", self.out(), self.err());
            clock.pause(LOOK).await;
        }
    }

    /// An answer, or nothing when it does not answer (any more).
    pub(crate) async fn try_call(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Option<Answer> {
        let mut request = self
            .client
            .request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.url))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let answer = Answer { status, headers, text: response.text().await.ok()? };
        contract::check(method, path, &answer);
        Some(answer)
    }

    pub(crate) async fn try_get(&self, path: &str, token: &str) -> Option<Answer> {
        self.try_call("GET", path, token, None).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.try_get(path, token).await.unwrap_or_else(|| panic!("GET {path}: no answer\n{}", self.err()))
    }

    /// GET below /api/v1 as the admin, answered 200.
    pub(crate) async fn api(&self, path: &str) -> Value {
        let answer = self.get(&format!("/api/v1{path}"), ADMIN_TOKEN).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
        answer.body()
    }

    /// POST below /api/v1 as the admin, accepted.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.try_call("POST", &format!("/api/v1{path}"), ADMIN_TOKEN, Some(body)).await;
        let answer = answer.unwrap_or_else(|| panic!("POST {path}: no answer\n{}", self.err()));
        assert!((200..300).contains(&answer.status), "POST {path}: {} {}", answer.status, answer.text);
        answer.body()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already; the cluster's watchdog ends what it leaves.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
