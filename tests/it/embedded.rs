//! Tests the private cluster: how it starts, stops, and comes back after any process was killed.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use rollbook::clock::Clock;
use rollbook::store::db::embedded::Embedded;
use rollbook::store::db::embedded::Options;
use rollbook::store::db::embedded::error::EmbeddedError;
use tempfile::TempDir;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

const HOLDER: &str = "ROLLBOOK_TEST_HOLDER";

#[tokio::test]
async fn a_cluster_is_made_used_stopped_and_found_again() {
    let folder = folder();
    let path = folder.path().join("rollbook-data");
    let embedded = start(&path).await.unwrap();
    let client = connect(&embedded.url_config()).await;
    client.batch_execute("CREATE TABLE kept AS SELECT lower('ÄÖ') AS word").await.unwrap();
    for (setting, expected) in [("listen_addresses", ""), ("fsync", "on"), ("server_encoding", "UTF8")] {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), expected, "{setting}");
    }
    let config = embedded.url_config();
    let [Host::Unix(socket_dir)] = config.get_hosts() else { panic!("{config:?}") };
    assert_eq!(fs::metadata(socket_dir).unwrap().mode() & 0o7777, 0o700);
    let owner = fs::metadata(path.join("postgres")).unwrap().uid();
    assert_eq!(owner == geteuid().as_raw(), !geteuid().is_root());
    assert_eq!(fs::metadata(socket_dir).unwrap().uid(), owner);

    // A second one is refused, and the first is not disturbed by it.
    let refused = start(&path).await.unwrap_err();
    assert!(matches!(refused, EmbeddedError::Locked { holder: Some(_), .. }), "{refused}");
    assert!(client.batch_execute("SELECT 1").await.is_ok());

    embedded.stop().await.unwrap();
    assert!(!socket_dir.exists());
    // A stale pid file that names a living process of another program.
    let pid_file = path.join("postgres/postmaster.pid");
    assert!(!pid_file.exists());
    fs::write(&pid_file, format!("{}\n{}\n", std::process::id(), path.display())).unwrap();

    let again = start(&path).await.unwrap();
    assert_eq!(kept(&again.url_config()).await, "äö");
    again.stop().await.unwrap();

    fs::write(path.join("postgres/PG_VERSION"), "13\n").unwrap();
    let refused = start(&path).await.unwrap_err().to_string();
    assert!(refused.contains("was made by PostgreSQL 13, but found is only"), "{refused}");
}

#[tokio::test]
async fn a_killed_postgres_is_noticed_and_recovers_at_the_next_start() {
    let folder = folder();
    let mut embedded = start(folder.path()).await.unwrap();
    connect(&embedded.url_config()).await.batch_execute("CREATE TABLE kept AS SELECT 'x' AS word").await.unwrap();
    let pid = embedded.pid().unwrap();
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let ended = embedded.ended().await.to_string();
    assert!(ended.contains("ended by itself") && ended.contains("postgres.log"), "{ended}");
    drop(embedded);
    assert!(folder.path().join("postgres/postmaster.pid").exists());

    let again = start(folder.path()).await.unwrap();
    assert_eq!(kept(&again.url_config()).await, "x");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_whose_rollbook_was_killed_stops_by_itself() {
    let folder = folder();
    let mut holder = Holder::start(folder.path());
    let (client, connection) = holder.config.connect(NoTls).await.unwrap();
    holder.process.kill().unwrap();
    holder.process.wait().unwrap();
    // Postgres closes the connection when it gets the signal to stop.
    let end = connection.await.unwrap_err();
    assert_eq!(end.code(), Some(&tokio_postgres::error::SqlState::ADMIN_SHUTDOWN), "{end}");
    assert!(client.is_closed());

    start(folder.path()).await.unwrap().stop().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cluster_that_was_left_behind_is_stopped_first() {
    let folder = folder();
    let mut holder = Holder::start(folder.path());
    // Without the watchdog no process stops Postgres.
    kill(holder.watchdog(), Signal::SIGKILL).unwrap();
    holder.process.kill().unwrap();
    holder.process.wait().unwrap();
    connect(&holder.config).await.batch_execute("CREATE TABLE kept AS SELECT 'x' AS word").await.unwrap();

    let again = start(folder.path()).await.unwrap();
    assert_ne!(again.pid(), Some(holder.postgres));
    assert_eq!(kept(&again.url_config()).await, "x");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_path_is_no_obstacle() {
    let folder = folder();
    let path = folder.path().join("long".repeat(30)).join("path".repeat(30));
    let embedded = start(&path).await.unwrap();
    connect(&embedded.url_config()).await;
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named_with_what_to_do() {
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    // Modes mean nothing to root.
    let path = if geteuid().is_root() { PathBuf::from("/proc/rollbook-data") } else { folder.path().join("data") };
    let line = start(&path).await.unwrap_err().to_string();
    assert!(line.starts_with(&format!("the data directory {} cannot be made: ", path.display())), "{line}");
    assert!(line.contains("ROLLBOOK_DATA_DIR") && !line.contains('\n'), "{line}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let line = start(file.path()).await.unwrap_err().to_string();
    assert!(line.contains("cannot be made: "), "{line}");
}

#[tokio::test]
async fn a_closed_directory_stops_only_root_whose_cluster_runs_as_another() {
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.path().join("data");
    match start(&path).await {
        Ok(embedded) => {
            assert!(!geteuid().is_root());
            embedded.stop().await.unwrap();
        }
        Err(error) => {
            assert!(geteuid().is_root(), "{error}");
            let line = error.to_string();
            assert!(line.contains(&format!("may not enter {}: ", folder.path().display())), "{line}");
            assert!(line.contains("chmod o+x") && !line.contains('\n'), "{line}");
        }
    }
}

#[tokio::test]
async fn what_is_no_cluster_is_not_touched() {
    let folder = folder();
    let data = folder.path().join("postgres");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("letters.txt"), "dear").unwrap();
    let error = start(folder.path()).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::NoCluster { .. }), "{error}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
}

#[tokio::test]
async fn a_setting_that_postgres_refuses_is_told_in_its_words() {
    let folder = folder();
    let options = Options { settings: vec![("shared_buffers".to_owned(), "plenty".to_owned())], port: None };
    let line = Embedded::start(folder.path(), &options, &Clock::system()).await.unwrap_err().to_string();
    assert!(line.contains("invalid value for parameter \"shared_buffers\""), "{line}");
    assert!(line.contains("postgres.log") && !line.contains('\n'), "{line}");
    // Nothing is left that would hinder the next.
    start(folder.path()).await.unwrap().stop().await.unwrap();
}

/// No test: a Rollbook that can be killed. Does nothing unless it was started for that.
#[tokio::test]
#[ignore = "a process for other tests to kill"]
async fn holder() {
    let Some(path) = std::env::var_os(HOLDER) else { return };
    let mut embedded = start(Path::new(&path)).await.unwrap();
    let config = embedded.url_config();
    let [Host::Unix(socket_dir)] = config.get_hosts() else { panic!("{config:?}") };
    println!("holder: {} {}", embedded.pid().unwrap(), socket_dir.display());
    std::io::stdout().flush().unwrap();
    panic!("{}", embedded.ended().await);
}

struct Holder {
    process: Child,
    postgres: u32,
    config: Config,
}

impl Holder {
    fn start(path: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded::holder", "--ignored", "--nocapture"])
            .env(HOLDER, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let said =
            output.lines().map_while(Result::ok).find_map(|line| Some(line.split_once("holder: ")?.1.to_owned()));
        let said = said.expect("the holder starts a cluster");
        let (postgres, socket_dir) = said.split_once(' ').unwrap();
        let mut config = Config::new();
        config.host_path(socket_dir).user("rollbook").dbname("rollbook");
        Self { process, postgres: postgres.parse().unwrap(), config }
    }

    #[cfg(target_os = "linux")]
    fn watchdog(&self) -> Pid {
        let wanted = format!("rollbook-watchdog\0{}\0", self.postgres);
        let mut pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            line.ends_with(&wanted).then(|| entry.file_name().to_str()?.parse().ok())?
        });
        Pid::from_raw(pids.next().unwrap())
    }
}

async fn start(path: &Path) -> Result<Embedded, EmbeddedError> {
    Embedded::start(path, &Options::default(), &Clock::system()).await
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn kept(config: &Config) -> String {
    connect(config).await.query_one("SELECT word FROM kept", &[]).await.unwrap().get(0)
}

/// A folder that another user may pass through.
fn folder() -> TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o711)).tempdir().unwrap()
}
