//! The command `rollbook token …`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::Answer;
use super::client::Client;
use super::consumer::{PATH, warn};
use super::error::CliError;
use super::options::Why;
use super::table::{json as write_json, line, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::tokens::{NewToken, Token};

/// What can be done with tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Make a token and print it, this once; existing tokens stay valid.
    Add(Add),
    /// List the tokens of a consumer, without the tokens themselves.
    List(Which),
    /// Revoke a token, at once.
    Remove(Remove),
}

#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The consumer, by id or name.
    consumer: String,
}

#[derive(Clone, Debug, Args)]
pub struct Add {
    #[command(flatten)]
    which: Which,
    /// The name of the token; the audit shows it. [default: the consumer's name and the day]
    #[arg(long)]
    name: Option<String>,
    /// How many days it is valid.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    which: Which,
    /// The id of the token, as `rollbook token list` shows it.
    token: String,
    #[command(flatten)]
    why: Why,
}

async fn id(client: &Client, which: &Which) -> Result<String, CliError> {
    client.consumer(&which.consumer).await
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    match verb {
        Verb::Add(add) => {
            let id = id(client, &add.which).await?;
            let body = json!({ "name": add.name, "expiresInDays": add.days, "reason": add.why.reason });
            let made: Answer<NewToken> = client.post(&[PATH, &id, "tokens"], &body).await?;
            if client.json {
                return write_json(out, made.json());
            }
            // Alone on its line, so that it can be piped.
            line(out, &made.read()?.token)
        }
        Verb::List(which) => {
            let id = id(client, &which).await?;
            show_all(&client.get(&[PATH, &id, "tokens"], &[]).await?, client, out)
        }
        Verb::Remove(remove) => {
            let id = id(client, &remove.which).await?;
            let body = json!({ "reason": remove.why.reason });
            client.delete(&[PATH, &id, "tokens", &remove.token], &body).await?;
            if client.json { Ok(()) } else { line(out, &format!("token {} is refused from now on", remove.token)) }
        }
    }
}

fn show_all(list: &Answer<Page<Token>>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, list.json());
    }
    let list = list.read()?;
    let row = |one: &Token| {
        let expires = time_or_nothing(one.expires_at);
        let expires = if one.expired { format!("{expires} (expired)") } else { expires };
        vec![one.id.to_string(), one.name.clone(), time(one.created_at), expires, time_or_nothing(one.last_used_at)]
    };
    let heads = ["ID", "NAME", "CREATED", "EXPIRES", "LAST USED"];
    table(out, &heads, &list.items.iter().map(row).collect::<Vec<_>>(), "the consumer has no token")?;
    list.items.iter().try_for_each(|one| warn(&one.warnings, "", out))
}
