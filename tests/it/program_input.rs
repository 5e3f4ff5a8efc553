//! Tests bad input as a user meets it. Each is one clear line and an exit code, and nothing is left half-made.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use rollbook::sandbox::{Sandbox, SandboxConfig, system_time};
use serde_json::json;

use crate::support::program::{Program, folder, rollbook, serve};

/// Ends with a failure and prints exactly these lines on standard error, apart from its log.
async fn refused(command: Command) -> Vec<String> {
    let (status, out, err) = Program::spawn(command).ended().await;
    assert!(!status.success(), "{status}: {out}{err}");
    assert_eq!(out, "", "nothing to be taken for a result");
    let mut said: Vec<String> = Vec::new();
    for line in err.lines() {
        match line.strip_prefix("rollbook: ") {
            Some(line) => said.push(line.to_owned()),
            None => assert!(line.contains(" INFO ") || line.contains(" WARN "), "neither log nor message: {line}"),
        }
    }
    assert!(!said.is_empty(), "it says why: {err}");
    said
}

async fn one_line(command: Command) -> String {
    let said = refused(command).await;
    assert_eq!(said.len(), 1, "{said:?}");
    said.into_iter().next().unwrap()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

#[tokio::test]
async fn all_wrong_settings_are_told_at_once_and_nothing_is_begun() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut command = rollbook(&["serve"]);
    command
        .env("ROLLBOOK_DATA_DIR", &data)
        .env("ROLLBOOK_LISTEN", "localhost")
        .env("ROLLBOOK_PUBLIC_URL", "dir.example.com")
        .env("ROLLBOOK_KEY", "sesame-open-now")
        .env("ROLLBOOK_ADMIN_TOKEN", "hunter2hunter2")
        .env("ROLLBOOK_ALLOW_PRIVATE_VENDORS", "perhaps")
        .env("ROLLBOOK_DATABASE_URL", "mysql://me:swordfish@db/x");
    let said = refused(command).await;
    assert_eq!(said.len(), 6, "{said:#?}");
    for name in ["DATABASE_URL", "LISTEN", "PUBLIC_URL", "ADMIN_TOKEN", "KEY", "ALLOW_PRIVATE_VENDORS"] {
        let lines: Vec<_> = said.iter().filter(|line| line.starts_with(&format!("ROLLBOOK_{name}: "))).collect();
        assert_eq!(lines.len(), 1, "{name} in {said:#?}");
    }
    let all = said.join("\n");
    for secret in ["sesame", "hunter2", "swordfish"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    assert!(!data.exists(), "no data directory is made for settings that cannot work");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    // A port that was free a moment ago: no server listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = folder();
    let mut command = serve(&folder.path().join("data"));
    command
        .env("ROLLBOOK_DATABASE_URL", format!("postgres://me:swordfish@127.0.0.1:{port}/people?sslmode=disable"))
        .env("ROLLBOOK_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let line = one_line(command).await;
    assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
    assert!(!line.contains("swordfish"), "{line}");
    assert!(is_empty(&folder.path().join("data")));
}

#[tokio::test]
async fn an_occupied_port_is_told_before_anything_is_begun() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder();
    let mut command = rollbook(&["serve", "--listen", &address]);
    command.env("ROLLBOOK_DATA_DIR", folder.path().join("data"));
    let line = one_line(command).await;
    assert!(line.contains(&address) && line.contains("ROLLBOOK_LISTEN"), "{line}");
    assert!(line.to_lowercase().contains("in use"), "{line}");
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_named() {
    let folder = folder();
    let closed = folder.path().join("closed");
    // Root may write anywhere but where there is no directory at all.
    let data = if nix::unistd::geteuid().is_root() {
        fs::write(&closed, "a file").unwrap();
        closed.join("data")
    } else {
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
        closed.join("data")
    };
    let line = one_line(serve(&data)).await;
    assert!(line.contains(data.to_str().unwrap()) && line.contains("ROLLBOOK_DATA_DIR"), "{line}");
    assert_eq!(line.matches("os error").count(), 1, "said once: {line}");
}

/// Where we may hide the installed Postgres from the program: as root, in a mount namespace of its own.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_postgres_one_line_says_how_to_get_it() {
    const HIDE: &str = "mount -t tmpfs none /usr/lib/postgresql";
    let hides = Command::new("unshare").args(["-m", "sh", "-c", HIDE]).output().is_ok_and(|done| done.status.success());
    if !hides {
        eprintln!("not here: no mount namespace may be made, or Postgres is elsewhere");
        return;
    }
    let folder = folder();
    let data = folder.path().join("data");
    let tools = folder.path().join("bin");
    fs::create_dir(&tools).unwrap();
    for tool in ["sh", "mount"] {
        let found =
            ["/bin", "/usr/bin"].iter().map(|bin| Path::new(bin).join(tool)).find(|path| path.exists()).unwrap();
        symlink(found, tools.join(tool)).unwrap();
    }
    let mut command = Command::new("unshare");
    let program = env!("CARGO_BIN_EXE_rollbook");
    command.args(["-m", "sh", "-c", &format!("PATH={} && {HIDE} && exec {program} serve", tools.display())]);
    command.env("ROLLBOOK_DATA_DIR", &data).env("ROLLBOOK_LISTEN", "127.0.0.1:0").env_remove("ROLLBOOK_DATABASE_URL");
    let line = one_line(command).await;
    assert!(line.contains("no PostgreSQL was found") && line.contains("apt install postgresql"), "{line}");
    assert!(!data.join("postgres").exists());
}

#[tokio::test]
async fn a_second_rollbook_on_one_data_directory_is_refused_and_disturbs_nobody() {
    let folder = folder();
    let data = folder.path().join("data");
    let first = Program::start(serve(&data)).await;
    let line = one_line(serve(&data)).await;
    assert!(line.contains("in use by another Rollbook (process "), "{line}");
    assert_eq!(first.get("/readyz", "").await.status, 200);
    first.signal(Signal::SIGTERM);
    let (status, _, err) = first.ended().await;
    assert!(status.success(), "{err}");
}

/// Stored credentials that another key sealed cannot be opened. The connection asks for a new one, and all published
/// people stay.
#[tokio::test(flavor = "multi_thread")]
async fn another_key_costs_a_new_credential_and_nothing_else() {
    let vendor = Sandbox::new(SandboxConfig::plain(12), std::sync::Arc::new(system_time));
    let running = vendor.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let folder = folder();
    let data = folder.path().join("data");
    let credentials = json!({ "apiToken": vendor.token() });

    let mut first = Program::start(serve(&data)).await;
    let made = first
        .post(
            "/connections",
            &json!({ "kind": "remote", "name": "Remote", "settings": { "baseUrl": running.base_url() }, "credentials": credentials }),
        )
        .await;
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("/connections/{id}");
    first
        .until("the preview has ended", async |program| program.api(&path).await["lastRun"]["state"] == "succeeded")
        .await;
    let finish = first.post(&format!("{path}/finish"), &json!({})).await["runId"].as_str().unwrap().to_owned();
    // The test waits until the run has ended, not only until all people are there. A run that is still ending would be
    // the answer to the pull that is requested below.
    first
        .until("all are published", async |program| {
            program.api(&format!("/runs/{finish}")).await["state"] == "succeeded"
        })
        .await;
    assert_eq!(first.api("/people?limit=100").await["items"].as_array().unwrap().len(), 12);
    first.signal(Signal::SIGTERM);
    assert!(first.ended().await.0.success());

    let mut command = serve(&data);
    command.env("ROLLBOOK_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let mut second = Program::start(command).await;
    second.post(&format!("{path}/sync"), &json!({})).await;
    second.until("the pull has failed", async |program| program.api(&path).await["lastRun"]["state"] == "failed").await;
    let shown = second.api(&path).await;
    // The credential is not wrong: the right key lets the connection go on without a new one.
    assert_eq!((&shown["state"], &shown["problems"][0]["code"]), (&json!("failing"), &json!("keyMissing")), "{shown}");
    let message = shown["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("credential") && message.contains("ROLLBOOK_KEY"), "{shown}");
    let remedy = shown["problems"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("the right ROLLBOOK_KEY") && remedy.contains("/reauthorize"), "{shown}");
    assert_eq!(second.api("/people?limit=100").await["items"].as_array().unwrap().len(), 12);

    second.post(&format!("{path}/reauthorize"), &json!({ "credentials": credentials })).await;
    second
        .until("it pulls again", async |program| {
            let connection = program.api(&path).await;
            connection["state"] == "active" && connection["lastRun"]["state"] == "succeeded"
        })
        .await;
    let run = second.api(&path).await["lastRun"]["id"].as_str().unwrap().to_owned();
    let counts = second.api(&format!("/runs/{run}")).await["counts"].clone();
    assert_eq!((&counts["created"], &counts["deactivated"], &counts["unchanged"]), (&json!(0), &json!(0), &json!(12)));
    assert!(!second.err().contains(&vendor.token()));
    running.stop().await;
}
