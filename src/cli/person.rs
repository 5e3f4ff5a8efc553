//! `rollbook person …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::CliError;
use super::client::Client;
use super::table::{facts, json as write_json, line, plain, table, text};

/// What can be done with people.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Show one person: values, where each comes from, and the workers behind them.
    Show(Show),
}

#[derive(Clone, Debug, Args)]
pub struct Show {
    /// The id of the person, or an email of now or of former times.
    person: String,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let Verb::Show(show) = verb;
    let id = find(&show.person, client).await?;
    let person = client.get(&["people", &id], &[]).await?;
    if client.json {
        return write_json(out, &person);
    }
    tell(&person, out)
}

async fn find(word: &str, client: &Client) -> Result<String, CliError> {
    if uuid::Uuid::try_parse(word).is_ok() {
        return Ok(word.to_owned());
    }
    let found = client.get(&["people"], &[("email", word.to_owned())]).await?;
    let ids: Vec<String> = found["items"].as_array().into_iter().flatten().map(|person| text(person, "/id")).collect();
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(CliError::Failed(format!("nobody has or had the email `{}`", super::table::clean(word)))),
        several => Err(CliError::Failed(format!("several people have or had it: {}", several.join(", ")))),
    }
}

fn tell(person: &Value, out: &mut dyn Write) -> Result<(), CliError> {
    let manager = match text(person, "/manager/state").as_str() {
        "person" => text(person, "/manager/displayName"),
        "pending" => format!("pending: the HR system names {}", plain_stated(person)),
        "suspended" => format!("suspended, to break a cycle: {}", text(person, "/manager/displayName")),
        _ => String::new(),
    };
    let dates = [("from", "/employment/startDate"), ("to", "/employment/terminationDate")].map(|(word, at)| {
        let date = text(person, at);
        if date.is_empty() { date } else { format!(" {word} {date}") }
    });
    let dates = dates.concat();
    let employment = format!(
        "{} ({}), {}{dates}",
        text(person, "/employment/employmentType"),
        text(person, "/employment/workerType"),
        text(person, "/employment/employmentStatus"),
    );
    let former = person["formerEmails"].as_array().into_iter().flatten();
    let former: Vec<String> =
        former.map(|one| format!("{} until {}", text(one, "/email"), text(one, "/reservedUntil"))).collect();
    facts(
        out,
        &[
            ("id", text(person, "/id")),
            ("name", text(person, "/displayName")),
            ("user name", text(person, "/userName")),
            ("active", text(person, "/active")),
            ("employment", employment),
            ("manager", manager),
            ("zone", format!("{} (from {})", text(person, "/zone/name"), text(person, "/zone/origin"))),
            ("next due", text(person, "/nextDueAt")),
            ("former emails", former.join(", ")),
            ("version", text(person, "/version")),
        ],
    )?;
    line(out, "")?;
    let units = person["units"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = units
        .map(|unit| {
            let losers = unit["losers"].as_array().into_iter().flatten();
            let losers: Vec<String> =
                losers.map(|loser| format!("{}: {}", text(loser, "/connection"), values(&loser["values"]))).collect();
            vec![
                text(unit, "/unit"),
                values(&unit["values"]),
                text(unit, "/from/connection"),
                text(unit, "/from/since"),
                losers.join("; "),
            ]
        })
        .collect();
    table(out, &["UNIT", "VALUE", "FROM", "SINCE", "LOST"], &rows, "no value has a source")?;
    line(out, "")?;
    let workers = person["workers"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = workers
        .map(|worker| {
            vec![
                text(worker, "/connection"),
                text(worker, "/sourceId"),
                text(worker, "/disposition"),
                text(worker, "/workerType"),
                text(worker, "/status"),
                text(worker, "/link/reason"),
            ]
        })
        .collect();
    table(out, &["CONNECTION", "WORKER", "DISPOSITION", "TYPE", "STATUS", "LINKED BY"], &rows, "no worker is left")
}

fn plain_stated(person: &Value) -> String {
    ["/manager/stated/name", "/manager/stated/email", "/manager/stated/sourceId"]
        .into_iter()
        .map(|at| text(person, at))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn values(values: &Value) -> String {
    let pairs = values.as_object().into_iter().flatten();
    pairs.map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
}
