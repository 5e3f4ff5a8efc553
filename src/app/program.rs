//! Defines the program: its commands, and the exit code of each.
//!
//! It is compiled here and not in `main`, so that the futures of everything are built once, in the library.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::DemoArgs;
use crate::cli;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::sandbox::{self, SandboxArgs};
use crate::telemetry;

/// One directory from all HR systems: pulls workers from HR systems into Postgres, merges them into people, and serves
/// them as SCIM 2.0.
///
/// Every setting is a flag and an environment variable. Logs go to standard error; `RUST_LOG` chooses what is told,
/// `ROLLBOOK_LOG_FORMAT=json` how.
#[derive(Debug, Parser)]
#[command(name = "rollbook", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything: HTTP and jobs.
    Serve(Box<Settings>),
    /// Runs everything with a simulated HR system already pulled, to try it out.
    Demo(Box<DemoArgs>),
    /// Runs only the simulated HR systems.
    Sandbox(SandboxArgs),
    /// Checks settings, database, clock, keys and HR systems; one line each.
    Check(Box<Settings>),
    /// Brings the database into the shape that this version needs, and ends.
    Migrate(Box<Settings>),
    #[command(flatten)]
    Admin(Box<cli::Command>),
}

/// Runs the command that the arguments name; mistakes are reported on standard error.
#[must_use]
pub fn program() -> ExitCode {
    let arguments = Arguments::parse();
    let format = std::env::var("ROLLBOOK_LOG_FORMAT").ok();
    let _log = match telemetry::start(format.as_deref(), Clock::system()) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("rollbook: {error:#}");
            return ExitCode::from(2);
        }
    };
    for name in config::strangers(&known_variables()) {
        tracing::warn!("the environment variable {name} is no setting of Rollbook");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rollbook: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => code,
        Err(error) => {
            for line in told(&error).lines() {
                eprintln!("rollbook: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, without those that it has reported already.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let clock = Clock::of_program();
    match command {
        Command::Serve(settings) => super::serve(settings.check()?, clock).await?,
        Command::Demo(args) => super::demo(*args, clock).await?,
        Command::Sandbox(args) => sandbox::run(args).await?,
        Command::Migrate(settings) => super::migrate(settings.check()?, clock).await?,
        Command::Admin(command) => return Ok(cli::run(*command, clock).await),
        Command::Check(settings) => {
            return Ok(if super::check(*settings, clock).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The environment variables of all commands, as `--help` shows them.
fn known_variables() -> Vec<&'static str> {
    let mut names = vec!["ROLLBOOK_LOG_FORMAT", "ROLLBOOK_TEST_CLOCK_FILE"];
    let root: &'static clap::Command = Box::leak(Box::new(Arguments::command()));
    let mut commands = vec![root];
    while let Some(command) = commands.pop() {
        names
            .extend(command.get_arguments().filter_map(|argument| argument.get_env()).filter_map(|name| name.to_str()));
        commands.extend(command.get_subcommands());
    }
    names
}
