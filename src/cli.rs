//! The admin's command line. Every command calls the admin API and prints a table or, with `--json`, the raw answer.
//!
//! `main` flattens [`Command`] into its own commands and ends with the code that [`run`] returns: 0 when it was done, 1
//! when it was refused or failed, 2 when the command was written wrongly.

mod answer;
mod client;
mod connection;
mod consumer;
mod error;
mod event;
mod field;
mod group;
mod hold;
mod options;
mod person;
mod plan;
mod review;
mod run;
mod secret;
mod table;
mod token;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::client::Client;
use self::options::Access;
use crate::clock::Clock;

pub use self::error::CliError;

/// The commands that call a running server.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Connections to HR systems: add, show, finish, pull, pause.
    Connection(Noun<connection::Verb>),
    /// Runs: what was pulled, how far it is, what it changed.
    Run(Noun<run::Verb>),
    /// Holds: dangerous changes that wait for your decision.
    Hold(Noun<hold::Verb>),
    /// Review items: questions that only an admin can answer.
    Review(Noun<review::Verb>),
    /// People: who they are and where each value comes from.
    Person(Noun<person::Verb>),
    /// Groups that follow from the HR data: which there are, their sources, which kinds are on.
    Group(Noun<group::Verb>),
    /// Fields: the precedence of connections for each field of a person.
    Field(Noun<field::Verb>),
    /// Consumers: clients of the directory.
    Consumer(Noun<consumer::Verb>),
    /// Tokens of consumers.
    Token(Noun<token::Verb>),
    /// The feed: every change of every person and group.
    Event(Noun<event::Verb>),
}

/// A resource with the command for it, and how to reach the server.
#[derive(Clone, Debug, Args)]
pub struct Noun<V: Subcommand> {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: V,
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
/// One line that reports what was refused or failed, or how the command has to be written.
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
