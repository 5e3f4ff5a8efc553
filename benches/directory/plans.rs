//! Collects the plans of the statements behind each row, as Postgres ran them for the server itself (`auto_explain`).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rollbook::clock::Clock;
use rollbook::store::db::embedded::Embedded;
use tokio_postgres::NoTls;

use super::program::Program;
use super::reads::Row;

/// How often a row's first request is sent. From the sixth time on Postgres may use one plan for all parameters, on
/// each of the connections, which take turns.
const TIMES: usize = 160;
/// A request that takes so long in all is not sent again.
const LONG: Duration = Duration::from_secs(10);
/// How long the server is watched while no request is sent: what it does then belongs to no row.
const IDLE: Duration = Duration::from_secs(7);
/// Postgres writes a plan when the statement has ended, and the server may answer a moment before.
const WRITTEN: Duration = Duration::from_millis(200);

/// One statement with its plan.
struct Plan {
    /// Milliseconds.
    took: f64,
    statement: String,
    nodes: String,
}

pub(crate) struct Plans(Vec<(String, Vec<Plan>)>);

/// Asks for each row once more, with a server whose statements are explained.
pub(crate) async fn of(
    rows: &[Row],
    cluster: &Embedded,
    database: &str,
    data: &Path,
    clock: &Clock,
) -> anyhow::Result<Plans> {
    let (client, connection) = cluster.url_config().connect(NoTls).await?;
    let connection = tokio::spawn(connection);
    client
        .batch_execute(
            "ALTER DATABASE rollbook SET session_preload_libraries = 'auto_explain';
             ALTER DATABASE rollbook SET auto_explain.log_min_duration = 0;
             ALTER DATABASE rollbook SET auto_explain.log_analyze = on;
             ALTER DATABASE rollbook SET auto_explain.log_buffers = on;",
        )
        .await?;
    drop(client);
    connection.await??;
    let log = Log::new(data.join("postgres.log"));
    let program = Program::start(database, clock).await?;
    clock.pause(IDLE).await;
    let idle: Vec<String> = log.plans()?.into_iter().map(|plan| plan.statement).collect();
    let mut all = Vec::new();
    for row in rows {
        let request = &row.requests[0];
        let header = request.header.as_ref().map(|(name, value)| (*name, value.as_str()));
        let begun = Instant::now();
        for _ in 1..TIMES {
            program.read(&request.path, &request.token, header).await?;
            if begun.elapsed() > LONG {
                break;
            }
        }
        clock.pause(WRITTEN).await;
        log.forget()?;
        program.read(&request.path, &request.token, header).await?;
        clock.pause(WRITTEN).await;
        let plans = log.plans()?.into_iter().filter(|plan| !idle.contains(&plan.statement)).collect();
        all.push((row.name().to_owned(), plans));
    }
    program.stop(clock).await?;
    Ok(Plans(all))
}

impl Plans {
    /// Prints one line for each statement, and writes all plans to a file beside the build.
    #[expect(clippy::print_stdout, reason = "the plans are what this program is for")]
    pub(crate) fn report(&self, people: u32) -> anyhow::Result<()> {
        let mut whole = String::new();
        println!("\n| request | statements: milliseconds within Postgres, and how it finds the rows |\n|---|---|");
        for (row, plans) in &self.0 {
            let lines: Vec<String> =
                plans.iter().map(|plan| format!("{:.2} ms {}", plan.took, scans(&plan.nodes))).collect();
            println!("| {row} | {} |", lines.join("<br>"));
            for plan in plans {
                writeln!(whole, "== {row}: {} ms\n{}\n{}", plan.took, plan.statement, plan.nodes)?;
            }
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("plans-{people}.txt"));
        fs::write(&path, whole)?;
        println!("\nThe whole plans: {}", path.display());
        Ok(())
    }
}

/// The scans of a plan: what it reads, by which index.
fn scans(nodes: &str) -> String {
    let scans = nodes.lines().filter(|line| line.contains(" Scan") && !line.contains("Subquery Scan"));
    let names = scans.filter_map(|line| line.trim().trim_start_matches("-> ").trim().split("  (").next());
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match counted.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counted.push((name, 1)),
        }
    }
    let words: Vec<String> = counted
        .into_iter()
        .map(|(name, count)| if count == 1 { name.to_owned() } else { format!("{name} ×{count}") })
        .collect();
    words.join("; ")
}

/// Reads the server's log, from where the last read ended.
struct Log {
    path: PathBuf,
    read: std::cell::Cell<usize>,
}

impl Log {
    fn new(path: PathBuf) -> Self {
        Self { path, read: std::cell::Cell::new(0) }
    }

    fn fresh(&self) -> anyhow::Result<String> {
        let all = fs::read(&self.path).with_context(|| format!("{} cannot be read", self.path.display()))?;
        let fresh = String::from_utf8_lossy(all.get(self.read.get()..).unwrap_or_default()).into_owned();
        self.read.set(all.len());
        Ok(fresh)
    }

    fn forget(&self) -> anyhow::Result<()> {
        self.fresh().map(drop)
    }

    /// The plans since the last read. A message is a line and those after it that begin with a tab.
    fn plans(&self) -> anyhow::Result<Vec<Plan>> {
        let mut plans = Vec::new();
        let fresh = self.fresh()?;
        let mut lines = fresh.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((_, duration)) = line.split_once("duration: ") else { continue };
            let Some((took, "plan:")) = duration.split_once(" ms  ") else { continue };
            let mut text = Vec::new();
            while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                text.push(more.trim_start_matches('\t'));
            }
            let first_node = text.iter().position(|line| line.contains("(cost=")).unwrap_or(text.len());
            let (statement, nodes) = text.split_at(first_node);
            let statement = statement.join("\n");
            plans.push(Plan {
                took: took.parse()?,
                statement: statement.trim_start_matches("Query Text: ").to_owned(),
                nodes: nodes.join("\n"),
            });
        }
        Ok(plans)
    }
}
