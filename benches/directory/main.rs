//! `make bench`: measures how many requests the server answers in a second. In the same run it measures a canned
//! document for comparison.
//!
//! Each size of company gets a Postgres, the built program on it, and a simulated HR system to pull from. Then the
//! benchmark sends one kind of request after the other from eight connections (`wrk`), all on this machine's cores. It
//! prints one table for each size in Markdown, and the plans of the statements behind each row. It writes the whole
//! plans beside the build. No test asserts any of it.
//!
//! ```text
//! cargo bench --bench directory -- [--attack] [--seconds N] [PEOPLE]...
//! ```

mod attack;
mod company;
mod load;
mod plans;
mod program;
mod reads;
mod settings;
mod table;
mod walks;
mod wrk;

use std::net::TcpListener;

use anyhow::Context as _;
use rollbook::clock::Clock;
use rollbook::store::db::embedded::Embedded;
use rollbook::store::db::embedded::Options;

use self::company::Company;
use self::program::Program;
use self::settings::Settings;
use self::table::Table;

fn main() -> anyhow::Result<()> {
    let settings = Settings::of_arguments()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let floor = wrk::Floor::start()?;
        for &people in &settings.people {
            measure(people, &settings, &floor).await.with_context(|| format!("with {people} people"))?;
        }
        Ok(())
    })
}

/// One size of company, from nothing to its table.
async fn measure(people: u32, settings: &Settings, floor: &wrk::Floor) -> anyhow::Result<()> {
    let clock = Clock::system();
    let folder = settings::folder()?;
    // The memory of a database for so many people. By default a cluster uses only what small machines have.
    let memory = vec![("shared_buffers".to_owned(), "512MB".to_owned())];
    let options = Options { settings: memory, ..Options::default() };
    let cluster = Embedded::start(folder.path(), &options, &clock).await?;
    let database = program::url_of(&cluster)?;
    let mut table = Table::new(people);

    eprintln!("{people} people: making the company");
    let company = Company::new(people)?;
    let vendor = company.sandbox.serve(TcpListener::bind("127.0.0.1:0")?)?;
    let program = Program::start(&database, &clock).await?;
    load::everybody(&program, &company, &vendor.base_url(), &mut table).await?;
    let readers = load::readers(&program).await?;
    load::settle(&cluster).await?;
    program.stop(&clock).await?;

    eprintln!("{people} people: reading beside an attack");
    let program = Program::start_with(&database, &clock, &[]).await?;
    attack::run(&program, &readers, people, settings, &mut table).await?;
    program.stop(&clock).await?;
    if settings.attack_alone {
        table.print();
        drop(vendor);
        cluster.stop().await?;
        return Ok(());
    }

    eprintln!("{people} people: reading");
    let program = Program::start(&database, &clock).await?;
    table.line("start, until it is ready", &format!("{:.0} ms", program.started_in.as_secs_f64() * 1e3), "≤ 300 ms");
    let rows = reads::rows(&program, &readers, people).await?;
    let begun = program.memory()?;
    reads::run(&rows, &program, floor, settings, &mut table).await?;
    walks::run(&program, &readers, people, &mut table).await?;
    table.line("memory of the server when it has started", &begun, "≤ 100 MiB");
    table.line("most memory during all of these reads", &program.memory()?, "≤ 100 MiB");
    program.stop(&clock).await?;
    table.print();

    let plans = plans::of(&rows, &cluster, &database, folder.path(), &clock).await?;
    plans.report(people)?;
    drop(vendor);
    cluster.stop().await?;
    Ok(())
}
