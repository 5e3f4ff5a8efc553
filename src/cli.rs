//! The admin's command line: every command is a call of the admin API, printed as a table or, with `--json`, as it is.
//!
//! `main` flattens [`Command`] into its own commands and ends with what [`run`] answers: 0 when it was done, 1 when it
//! was refused or failed, 2 when the command was written wrongly.

mod client;
mod connection;
mod consumer;
mod event;
mod field;
mod group;
mod hold;
mod person;
mod review;
mod run;
mod secret;
mod table;
mod token;

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::Value;

use crate::clock::Clock;
use client::Client;

/// The commands that speak to a running server.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Connections to HR systems: add, look at, finish, pull, pause.
    Connection(Noun<connection::Verb>),
    /// Runs: what was pulled, how far it is, what it changed.
    Run(Noun<run::Verb>),
    /// Holds: dangerous changes that wait for your word.
    Hold(Noun<hold::Verb>),
    /// Review items: questions that only a human can answer.
    Review(Noun<review::Verb>),
    /// People: who they are and where each value comes from.
    Person(Noun<person::Verb>),
    /// Groups that follow from what HR says: which there are, what is behind them, which kinds are on.
    Group(Noun<group::Verb>),
    /// Fields: whose word counts for each unit of a person.
    Field(Noun<field::Verb>),
    /// Consumers: clients of the directory.
    Consumer(Noun<consumer::Verb>),
    /// Tokens of consumers.
    Token(Noun<token::Verb>),
    /// The feed: every change of every person and group.
    Event(Noun<event::Verb>),
}

/// A noun with what is to be done, and how to reach the server.
#[derive(Clone, Debug, Args)]
pub struct Noun<V: Subcommand> {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: V,
}

/// Where the server is, who asks, and how to answer.
#[derive(Clone, Args)]
pub struct Access {
    /// The URL of the server.
    #[arg(long, env = "ROLLBOOK_URL", default_value = "http://127.0.0.1:8080", value_name = "URL", global = true)]
    url: String,
    /// The admin token. Better in the environment or in a file: other users of a machine see arguments.
    #[arg(
        id = "admin_token",
        long = "token",
        env = "ROLLBOOK_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true
    )]
    token: Option<SecretString>,
    /// A file that holds the admin token.
    #[arg(long, env = "ROLLBOOK_ADMIN_TOKEN_FILE", value_name = "FILE", global = true)]
    admin_token_file: Option<PathBuf>,
    /// Print the JSON of the API instead of tables.
    #[arg(long, global = true)]
    json: bool,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("url", &self.url).field("json", &self.json).finish_non_exhaustive()
    }
}

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliError {
    /// The command makes no sense as it was written.
    #[error("{0}")]
    Usage(String),
    /// Whoever reads the answer has had enough (`rollbook … | head`).
    #[error("the answer is no longer read")]
    Closed,
    /// The server, or the way to it, said no.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
        }
    }
}

/// Carries a command out; tables go to standard output, one line about a failure to standard error.
pub async fn run(command: Command, clock: Clock) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match carry_out(command, clock, &mut out).await {
        Ok(()) | Err(CliError::Closed) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rollbook: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Carries a command out and writes its answer to `out`.
///
/// # Errors
/// One line that says what was refused or failed, or how the command has to be written.
pub async fn carry_out(command: Command, clock: Clock, out: &mut dyn Write) -> Result<(), CliError> {
    match command {
        Command::Connection(noun) => connection::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Run(noun) => run::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Hold(noun) => hold::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Review(noun) => review::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Person(noun) => person::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Group(noun) => group::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Field(noun) => field::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Consumer(noun) => consumer::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Token(noun) => token::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
        Command::Event(noun) => event::run(noun.verb, &Client::new(noun.access, clock)?, out).await,
    }
}

/// How much of a list is shown.
#[derive(Clone, Copy, Debug, Args)]
struct Length {
    /// How many lines to show at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// Why something is done; kept in the audit.
#[derive(Clone, Debug, Args)]
struct Why {
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A row for each item of a list.
fn rows(list: &Value, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    list["items"].as_array().into_iter().flatten().map(row).collect()
}

/// Says so when the list goes on.
fn more(list: &Value, out: &mut dyn Write) -> Result<(), CliError> {
    if list["nextCursor"].is_string() { table::line(out, "… and more: raise --limit to see them") } else { Ok(()) }
}

/// Whom a change of configuration would change, and how: the plan of a preview.
async fn show_preview(plan: &str, limit: u32, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let changes = client.list(&["plans", plan, "changes"], &[], limit).await?;
    if client.json {
        return table::json(out, &serde_json::json!({ "planId": plan, "changes": changes }));
    }
    let row = |item: &Value| {
        let changes = item["changes"].as_array().into_iter().flatten();
        let what = changes.map(change_in_words).collect::<Vec<_>>().join("; ");
        vec![table::text(item, "/kind"), table::text(item, "/displayName"), table::text(item, "/userName"), what]
    };
    table::table(out, &["KIND", "NAME", "USER NAME", "WHAT"], &rows(&changes, row), "this would change nobody")?;
    more(&changes, out)
}

/// One value before and after.
fn change_in_words(change: &Value) -> String {
    let side = |name: &str| match table::plain(&change[name]) {
        none if none.is_empty() => "nothing".to_owned(),
        text => text,
    };
    let attribute = table::plain(&change["attribute"]);
    let attribute = attribute.rsplit(':').next().unwrap_or_default();
    format!("{attribute}: {} → {}", side("old"), side("new"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn the_commands_are_consistent_and_every_flag_has_a_line_of_help() {
        let mut whole = Whole::command();
        whole.build();
        whole.clone().debug_assert();
        let mut commands = vec![&whole];
        let mut without = Vec::new();
        while let Some(command) = commands.pop() {
            for argument in command.get_arguments().filter(|argument| argument.get_help().is_none()) {
                without.push(format!("{} {}", command.get_name(), argument.get_id()));
            }
            commands.extend(command.get_subcommands().filter(|command| command.get_name() != "help"));
        }
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn tokens_do_not_show_in_debug() {
        let secret = "rbk_0123456789012345678901234567890123456789";
        let whole = Whole::try_parse_from(["rollbook", "run", "list", "--token", secret]).unwrap();
        assert!(!format!("{whole:?}").contains(secret));
    }

    #[test]
    fn the_flags_of_access_may_stand_behind_the_verb() {
        for words in [
            ["rollbook", "hold", "list", "--json", "--url", "http://h:1"],
            ["rollbook", "hold", "--json", "--url", "http://h:1", "list"],
        ] {
            let Command::Hold(noun) = Whole::try_parse_from(words).unwrap().command else { panic!("a hold") };
            assert!(noun.access.json);
            assert_eq!(noun.access.url, "http://h:1");
        }
    }
}
