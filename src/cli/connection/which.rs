//! Finds the connection of a command, and prints the answers of commands about it.

use std::io::Write;

use clap::Args;
use uuid::Uuid;

use crate::api::connections::Consent;
use crate::api::runs::RunStarted;
use crate::cli::answer::Answer;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::table::{json as write_json, line};

/// Where connections are in the API.
pub(super) const PATH: &str = "connections";

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The connection, by id or name.
    pub(super) connection: String,
}

/// Its id.
pub(super) async fn id(client: &Client, which: &Which) -> Result<String, CliError> {
    client.connection(&which.connection).await
}

/// Shows the run that was begun.
pub(super) fn show_begun(begun: &Answer<RunStarted>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json { write_json(out, begun.json()) } else { tell_run(begun.read()?.run_id, out) }
}

/// Prints how to follow a run.
pub(super) fn tell_run(run: Uuid, out: &mut dyn Write) -> Result<(), CliError> {
    line(out, &format!("run {run} is going; follow it with: rollbook run watch {run}"))
}

/// Prints where consent is given.
pub(super) fn tell_consent(consent: &Consent, out: &mut dyn Write) -> Result<(), CliError> {
    line(out, "let an admin of the HR system open, within half an hour:")?;
    line(out, "")?;
    line(out, &format!("  {}", consent.authorization_url))
}
