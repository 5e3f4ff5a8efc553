//! Tests states that end by themselves, seen from outside. Real processes run with a clock, key or database that is
//! wrong for a while.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use nix::sys::signal::Signal;
use rollbook::clock::Clock;
use rollbook::sandbox::{Effect, Fault, Running, Sandbox, SandboxConfig, system_time};
use rollbook::store::db::embedded::Embedded;
use rollbook::store::db::embedded::Options;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::database::TestDatabase;
use crate::support::program::{ADMIN_TOKEN, Program, folder, rollbook, serve};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "HxweHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";

/// A vendor, and the data directory of one server.
struct Place {
    folder: TempDir,
    vendor: Sandbox,
    running: Running,
}

impl Place {
    fn new(workers: u32) -> Self {
        let config = SandboxConfig { rate_limit_per_minute: 0, ..SandboxConfig::plain(workers) };
        let vendor = Sandbox::new(config, Arc::new(system_time));
        let running = vendor.serve(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        Self { folder: folder(), vendor, running }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn clock_file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// How many seconds the server's clock is ahead; its database's is right.
    fn set_clock(&self, ahead: i64) {
        fs::write(self.clock_file(), ahead.to_string()).unwrap();
    }

    fn serve(&self) -> Command {
        let mut command = serve(&self.data());
        command.env("ROLLBOOK_TEST_CLOCK_FILE", self.clock_file());
        command
    }

    /// Connects the vendor; returns the connection's path.
    async fn connect(&self, program: &mut Program) -> String {
        let order = json!({
            "kind": "remote", "name": "Remote", "settings": { "baseUrl": self.running.base_url() },
            "credentials": { "apiToken": self.vendor.token() },
        });
        let made = program.post("/connections", &order).await;
        format!("/connections/{}", made["id"].as_str().unwrap())
    }

    /// Connects the vendor and publishes its people.
    async fn publish(&self, program: &mut Program) -> String {
        let path = self.connect(program).await;
        ended(program, &path, "succeeded").await;
        let run = program.post(&format!("{path}/finish"), &json!({})).await["runId"].clone();
        until_run(program, &run, "succeeded").await;
        path
    }
}

/// Waits until the last run of a connection has a state.
async fn ended(program: &mut Program, path: &str, state: &str) {
    program.until(state, async |program| program.api(path).await["lastRun"]["state"] == state).await;
}

async fn until_run(program: &mut Program, run: &Value, state: &str) -> Value {
    let path = format!("/runs/{}", run.as_str().unwrap());
    program.until(state, async |program| program.api(&path).await["state"] == state).await;
    program.api(&path).await
}

async fn stop(program: Program) {
    program.signal(Signal::SIGTERM);
    let (status, _, err) = program.ended().await;
    assert!(status.success(), "{err}");
}

/// A reader's token.
async fn reader(program: &Program) -> String {
    let consumer = program.post("/consumers", &json!({ "name": "idp", "scopes": ["scim:read"] })).await;
    let path = format!("/consumers/{}/tokens", consumer["id"].as_str().unwrap());
    program.post(&path, &json!({})).await["token"].as_str().unwrap().to_owned()
}

async fn active(program: &Program, token: &str) -> Value {
    program.get("/scim/v2/Users?filter=active%20eq%20true&count=0", token).await.list()["totalResults"].clone()
}

/// Runs `rollbook check` on a data directory: answers whether all is right, and its lines.
async fn check(command: Command) -> (bool, String) {
    let (status, out, _) = Program::spawn(command).ended().await;
    (status.success(), out)
}

fn check_of(data: &Path) -> Command {
    let mut command = rollbook(&["check", "--allow-private-vendors"]);
    command.env("ROLLBOOK_DATA_DIR", data).env("ROLLBOOK_ADMIN_TOKEN", ADMIN_TOKEN);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_clock_people_are_served_and_nothing_is_pulled_until_it_is_right() {
    let place = Place::new(40);
    place.set_clock(0);
    let soon = (Clock::system().now() + chrono::TimeDelta::days(10)).date_naive();
    place.vendor.patch(3, &json!({ "status": "active", "termination_date": soon.to_string() })).unwrap();
    let mut program = Program::start(place.serve()).await;
    let path = place.publish(&mut program).await;
    let token = reader(&program).await;
    let before = active(&program, &token).await;
    let mut problems = Vec::new();
    for (days, side) in [(40, "ahead of"), (-40, "behind"), (500, "ahead of")] {
        stop(program).await;
        place.set_clock(days * 86_400);
        program = Program::listening(place.serve()).await;
        let ready = program.get("/readyz", "").await;
        assert_eq!(ready.status, 503);
        let reason = ready.body()["reason"].as_str().unwrap().to_owned();
        let words = format!("clockSkew: this server's clock is {} d 0 h {side} the database's", days.abs());
        problems.push((reason.starts_with(&words), reason));
        assert!(program.err().contains(&words), "{}", program.err());
        // A token that would have ended by the wrong clock is good.
        assert_eq!(active(&program, &token).await, before, "people are served");
        let mut command = check_of(&place.data());
        command.env("ROLLBOOK_TEST_CLOCK_FILE", place.clock_file());
        let (is_right, out) = check(command).await;
        assert!(!is_right && out.contains("wrong  clock: clockSkew"), "{out}");
        let asked = place.vendor.statistics().total;
        let run = program.post(&format!("{path}/sync"), &json!({})).await["runId"].clone();

        place.set_clock(0);
        program.until("it is ready again", async |program| program.get("/readyz", "").await.status == 200).await;
        let run = until_run(&mut program, &run, "succeeded").await;
        let began: chrono::DateTime<chrono::Utc> = run["startedAt"].as_str().unwrap().parse().unwrap();
        assert!((Clock::system().now() - began).abs() < chrono::TimeDelta::minutes(2), "{run}");
        assert!(place.vendor.statistics().total > asked);
        let shown = program.api(&path).await;
        let next: chrono::DateTime<chrono::Utc> = shown["nextRunAt"].as_str().unwrap().parse().unwrap();
        assert!(next - Clock::system().now() < chrono::TimeDelta::minutes(200), "{shown}");
        assert_eq!(
            (shown["freshness"]["level"].as_str(), active(&program, &token).await),
            (Some("ok"), before.clone())
        );
    }
    assert!(problems.iter().all(|(is_so, _)| *is_so), "{problems:?}");
    stop(program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_while_the_server_runs_stops_and_frees_its_work() {
    let place = Place::new(12);
    place.set_clock(0);
    let mut program = Program::start(place.serve()).await;
    let path = place.publish(&mut program).await;
    for ahead in [3_456_000, -3_456_000] {
        place.set_clock(ahead);
        program
            .until("it is noticed", async |program| program.get("/readyz", "").await.text.contains("clockSkew"))
            .await;
        let run = program.post(&format!("{path}/sync"), &json!({})).await["runId"].clone();
        assert_eq!(program.api(&format!("/runs/{}", run.as_str().unwrap())).await["state"], "queued");
        place.set_clock(0);
        until_run(&mut program, &run, "succeeded").await;
    }
    stop(program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_key_people_are_served_and_the_right_one_lets_the_connection_go_on() {
    let place = Place::new(12);
    let keyed = |key: &str| {
        let mut command = place.serve();
        command.env("ROLLBOOK_KEY", key);
        command
    };
    let checked = |key: &str| {
        let mut command = check_of(&place.data());
        command.env("ROLLBOOK_KEY", key);
        command
    };
    let mut program = Program::start(keyed(KEY)).await;
    let path = place.publish(&mut program).await;
    let token = reader(&program).await;
    let before = active(&program, &token).await;
    stop(program).await;

    let mut program = Program::start(keyed(OTHER_KEY)).await;
    let words = "is not the key of this database; it cannot open the credential of the connection `Remote`";
    assert!(program.err().contains(words), "{}", program.err());
    assert_eq!(active(&program, &token).await, before);
    program.post(&format!("{path}/sync"), &json!({})).await;
    ended(&mut program, &path, "failed").await;
    let shown = program.api(&path).await;
    assert_eq!((&shown["state"], &shown["problems"][0]["code"]), (&json!("failing"), &json!("keyMissing")), "{shown}");
    assert!(shown["problems"][0]["remedy"].as_str().unwrap().contains("ROLLBOOK_KEY"), "{shown}");
    let (is_right, out) = check(checked(OTHER_KEY)).await;
    assert!(!is_right && out.contains(words), "{out}");
    stop(program).await;

    let mut program = Program::start(keyed(KEY)).await;
    program
        .until("it is active", async |program| {
            let shown = program.api(&path).await;
            shown["state"] == "active" && shown["lastRun"]["state"] == "succeeded"
        })
        .await;
    assert_eq!(program.api(&path).await["problems"], json!([]));
    let (is_right, out) = check(checked(KEY)).await;
    assert!(is_right && out.contains("ok     key: opens every stored credential"), "{out}");
    stop(program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_file_beside_a_cluster_is_an_error_and_no_new_key() {
    let folder = folder();
    let data = folder.path().join("data");
    stop(Program::start(serve(&data)).await).await;
    let key = data.join("key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let (status, _, err) = Program::spawn(serve(&data)).ended().await;
    assert!(!status.success() && err.contains("is missing beside an existing database: put it back"), "{err}");
    let (is_right, out) = check(check_of(&data)).await;
    assert!(!is_right && out.contains("wrong  key: the key file"), "{out}");
    assert!(!key.exists());
    fs::write(&key, kept).unwrap();
    stop(Program::start(serve(&data)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_changes_nothing_where_nothing_is_yet() {
    let folder = folder();
    let data = folder.path().join("data");
    for _ in 0..2 {
        let (is_right, out) = check(check_of(&data)).await;
        assert!(is_right, "{out}");
        assert!(out.contains("note   database: none yet in") && out.contains("note   key: none yet"), "{out}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    }
    // A database of its own without a table.
    let database = TestDatabase::empty().await;
    let mut command = check_of(&data);
    command.env("ROLLBOOK_DATABASE_URL", database.url()).env("ROLLBOOK_KEY", KEY);
    let (is_right, out) = check(command).await;
    assert!(is_right && out.contains("empty: `rollbook serve` or `rollbook migrate` brings it into shape"), "{out}");
    let db = database.connect().await;
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(crate::support::world::number(&mut db.get().await.unwrap(), tables).await, 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_works_beside_a_running_server_and_after_it() {
    let place = Place::new(3);
    let mut program = Program::start(place.serve()).await;
    place.publish(&mut program).await;
    let (is_right, out) = check(check_of(&place.data())).await;
    assert!(is_right && out.contains("ok     connection `Remote`"), "{out}");
    assert_eq!(program.get("/readyz", "").await.status, 200, "the server was not disturbed");
    stop(program).await;
    let (is_right, out) = check(check_of(&place.data())).await;
    assert!(is_right && out.contains("in the shape that this version needs"), "{out}");
}

/// A cluster of the test's own, which can be stopped without the server.
async fn cluster(data: &Path) -> (Embedded, String) {
    let embedded = Embedded::start(data, &Options::default(), &Clock::system()).await.unwrap();
    let config = embedded.url_config();
    let [tokio_postgres::config::Host::Unix(socket)] = config.get_hosts() else { panic!("{config:?}") };
    let url =
        format!("postgres://rollbook@/rollbook?host={}", crate::support::served::encoded(socket.to_str().unwrap()));
    (embedded, url)
}

fn serve_on(url: &str, folder: &Path) -> Command {
    let mut command = serve(&folder.join("unused"));
    command.env("ROLLBOOK_DATABASE_URL", url).env("ROLLBOOK_KEY", KEY);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_restarted_during_a_pull_is_said_in_the_run_and_waited_for() {
    let place = Place::new(300);
    let own = place.folder.path().join("own");
    let (embedded, url) = cluster(&own).await;
    let mut program = Program::start(serve_on(&url, place.folder.path())).await;
    place.vendor.fault(Fault::on("/v1/employments/bulk", Effect::Slow { ms: 3_000 }).from(2)).unwrap();
    let path = place.connect(&mut program).await;
    let run = program.api(&path).await["lastRun"]["id"].clone();
    let of_run = format!("/runs/{}", run.as_str().unwrap());
    program.until("the first page is read", async |program| program.api(&of_run).await["progress"]["pages"] == 1).await;
    embedded.stop().await.unwrap();
    program.until("the run has met it", async |program| program.err().contains("waits for the database")).await;
    place.vendor.clear_faults();
    let (embedded, _) = cluster(&own).await;
    ended(&mut program, &path, "succeeded").await;
    let cut = program.api(&of_run).await;
    assert_eq!((&cut["state"], &cut["problems"][0]["code"]), (&json!("interrupted"), &json!("databaseUnavailable")));
    assert!(cut["problems"][0]["message"].as_str().unwrap().contains("did not answer"), "{cut}");
    stop(program).await;
    embedded.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_pull_with_its_reason_and_the_next_one_goes_through() {
    let place = Place::new(30);
    let database = TestDatabase::migrated().await;
    let db = database.connect().await;
    let mut conn = db.get().await.unwrap();
    // As Postgres answers on a full disk.
    conn.batch_execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION USING ERRCODE = '53100',
                 MESSAGE = 'could not extend file \"base/1/2\": No space left on device'; END $$;
         CREATE TRIGGER no_room BEFORE INSERT ON staged_workers FOR EACH ROW EXECUTE FUNCTION no_room()",
    )
    .await
    .unwrap();
    let mut program = Program::start(serve_on(&database.url(), place.folder.path())).await;
    let path = place.connect(&mut program).await;
    ended(&mut program, &path, "failed").await;
    let shown = program.api(&path).await;
    let run = program.api(&format!("/runs/{}", shown["lastRun"]["id"].as_str().unwrap())).await;
    assert_eq!(run["problems"][0]["code"], "databaseUnavailable", "{run}");
    assert!(run["problems"][0]["message"].as_str().unwrap().contains("disk was full"), "{run}");
    assert_eq!(shown["problems"][0]["code"], "databaseUnavailable", "{shown}");
    diesel::sql_query("DROP TRIGGER no_room ON staged_workers").execute(&mut conn).await.unwrap();
    program.post(&format!("{path}/preview"), &json!({})).await;
    ended(&mut program, &path, "succeeded").await;
    assert_eq!(program.api(&path).await["problems"], json!([]));
    drop(conn);
    db.close();
    stop(program).await;
}

/// The commands of the page's section "Backups" for the private cluster, run as an admin would, from outside of the
/// server's own `/tmp`.
#[tokio::test(flavor = "multi_thread")]
async fn the_backup_recipe_works_beside_a_server_with_a_tmp_of_its_own() {
    let page = include_str!("../../docs/operations.md");
    let unit = page.split("```ini").nth(1).unwrap().split("```").next().unwrap();
    assert!(unit.contains("PrivateTmp=yes"));
    let recipe = page.split("## Backups").nth(1).unwrap().split("```sh").nth(1).unwrap().split("```").next().unwrap();
    let place = Place::new(3);
    let data = place.folder.path().join("rollbook-data");
    let mut program = Program::start(serve(&data)).await;
    place.publish(&mut program).await;
    let pid_file = fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
    let socket = pid_file.lines().nth(4).unwrap().trim();
    assert_eq!(Path::new(socket), fs::canonicalize(&data).unwrap().join("socket"), "not in a /tmp of its own");
    let dumped = Command::new("/bin/sh").args(["-ec", recipe]).current_dir(place.folder.path()).output().unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    assert!(fs::metadata(place.folder.path().join("rollbook.dump")).unwrap().len() > 1_000);
    assert!(fs::metadata(place.folder.path().join("rollbook.key")).unwrap().len() > 40);
    stop(program).await;
}
