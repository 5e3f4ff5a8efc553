//! Provides one throw-away cluster for all tests of all test processes, when `TEST_DATABASE_URL` is not set.
//!
//! The first test that needs it starts a keeper: this same binary again, detached, which runs the cluster and ends when
//! no test has used it for a while. Each test process holds a shared lock on `users`; the keeper stops only while it
//! holds that lock alone, so no test can meet a cluster that is about to stop.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rollbook::clock::Clock;
use rollbook::store::db::embedded::Embedded;
use rollbook::store::db::embedded::Options;
use rollbook::store::db::source::DatabaseSource;
use tokio_postgres::Config;

/// How many seconds without any test end the cluster.
const IDLE_SECONDS: u32 = 30;
/// How long the databases of failed tests are kept.
const KEEP: Duration = Duration::from_hours(24);
const KEEPER: &str = "ROLLBOOK_TEST_KEEPER";

/// The shared cluster; starts it if needed. It runs at least as long as this process.
pub(crate) fn shared() -> DatabaseSource {
    static USE: OnceLock<(File, PathBuf)> = OnceLock::new();
    let (_, socket_dir) = USE.get_or_init(|| {
        let folder = folder();
        let users = lock_file(&folder.join("users"));
        users.lock_shared().unwrap();
        let starting = lock_file(&folder.join("starting"));
        starting.lock().unwrap();
        let address = folder.join("address");
        let running = fs::read_to_string(&address)
            .is_ok_and(|address| UnixStream::connect(Path::new(&address).join(".s.PGSQL.5432")).is_ok());
        if !running {
            start_keeper(&folder);
        }
        (users, fs::read_to_string(address).unwrap().into())
    });
    let mut config = Config::new();
    config.host_path(socket_dir).user("rollbook").dbname("rollbook");
    DatabaseSource::local(config)
}

/// Where the socket of the shared cluster lies, once it runs.
pub(crate) fn socket_dir() -> String {
    fs::read_to_string(folder().join("address")).unwrap()
}

/// One for each user, below the system's folder for such things.
fn folder() -> PathBuf {
    let me = nix::unistd::geteuid();
    let folder = std::env::temp_dir().join(format!("rollbook-test-{me}"));
    // As root the cluster runs as another user, who passes through.
    let _ = DirBuilder::new().mode(if me.is_root() { 0o711 } else { 0o700 }).create(&folder);
    let found = fs::symlink_metadata(&folder).unwrap();
    assert!(found.is_dir() && found.uid() == me.as_raw(), "{} belongs to somebody else", folder.display());
    folder
}

fn lock_file(path: &Path) -> File {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).unwrap()
}

#[expect(clippy::zombie_processes, reason = "the keeper outlives us; whoever inherits it waits for it")]
fn start_keeper(folder: &Path) {
    let log = File::create(folder.join("keeper.log")).unwrap();
    // The keeper writes to its standard input, a socket. The test harness writes to standard output (after a minute
    // that the test is slow) and dies when no process is left to read it.
    let (ours, its) = UnixStream::pair().unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "support::cluster::keeper", "--ignored", "--nocapture"])
        .env(KEEPER, folder)
        .current_dir("/")
        .stdin(OwnedFd::from(its))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        // Not reached by a Ctrl-C, nor by the test runner's clean-up after this test.
        .process_group(0)
        .spawn()
        .unwrap();
    let said = BufReader::new(ours).lines().map_while(Result::ok).next();
    assert_eq!(
        said.as_deref(),
        Some("ready"),
        "the tests' cluster did not start: see {}",
        folder.join("keeper.log").display()
    );
}

/// No test: the process that runs the cluster. Does nothing unless it was started for that.
#[test]
#[ignore = "the keeper of the tests' cluster, started by the first test that needs it"]
fn keeper() {
    let Some(folder) = std::env::var_os(KEEPER).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = [
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
            ("max_connections", "400"),
            ("checkpoint_timeout", "1h"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = Options { settings, ..Options::default() };
        let clock = Clock::system();
        let embedded = Embedded::start(&folder.join("data"), &options, &clock).await.unwrap();
        let config = embedded.url_config();
        let [tokio_postgres::config::Host::Unix(socket_dir)] = config.get_hosts() else { unreachable!() };
        let oldest = clock.now() - KEEP;
        super::database::drop_older_than(&DatabaseSource::local(config.clone()), oldest).await;
        fs::write(folder.join("address"), socket_dir.to_str().unwrap()).unwrap();
        let mut starter = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
        // The starter may be gone by now; others will come.
        let _ = writeln!(starter, "ready");
        drop(starter);

        let users = lock_file(&folder.join("users"));
        let mut idle = 0;
        while idle < IDLE_SECONDS {
            std::thread::sleep(Duration::from_secs(1));
            idle = if users.try_lock().is_ok() { idle + 1 } else { 0 };
            if idle < IDLE_SECONDS {
                users.unlock().unwrap();
            }
        }
        embedded.stop().await.unwrap();
    });
}
