//! The command `rollbook person …`.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::answer::Answer;
use super::client::Client;
use super::error::CliError;
use super::table::{facts, json as write_json, line, plain, table, time, time_or_nothing};
use crate::api::Page;
use crate::api::people::PersonSummary;
use crate::api::person::{ManagerState, Person, PersonWorker, StatedManager, UnitSources};

/// What can be done with people.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Show one person: values, where each comes from, and the workers behind them.
    Show(Show),
}

#[derive(Clone, Debug, Args)]
pub struct Show {
    /// The id of the person, or a current or former email.
    person: String,
}

pub(super) async fn run(verb: Verb, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let Verb::Show(show) = verb;
    let id = find(&show.person, client).await?;
    let person: Answer<Person> = client.get(&["people", &id], &[]).await?;
    if client.json {
        return write_json(out, person.json());
    }
    tell(person.read()?, out)
}

async fn find(word: &str, client: &Client) -> Result<String, CliError> {
    if uuid::Uuid::try_parse(word).is_ok() {
        return Ok(word.to_owned());
    }
    let found: Page<PersonSummary> = client.get(&["people"], &[("email", word.to_owned())]).await?.read()?;
    let ids: Vec<String> = found.items.iter().map(|person| person.id.to_string()).collect();
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(CliError::Failed(format!("nobody has or had the email `{}`", super::table::clean(word)))),
        several => Err(CliError::Failed(format!("several people have or had it: {}", several.join(", ")))),
    }
}

fn tell(person: Person, out: &mut dyn Write) -> Result<(), CliError> {
    let manager_name = person.manager.display_name.unwrap_or_default();
    let manager = match person.manager.state {
        ManagerState::None => String::new(),
        ManagerState::Person => manager_name,
        ManagerState::Pending => {
            format!("pending: the HR system names {}", person.manager.stated.map(stated).unwrap_or_default())
        }
        ManagerState::Suspended => format!("suspended, to break a cycle: {manager_name}"),
    };
    let employment = &person.employment;
    let dates = [("from", employment.start_date), ("to", employment.termination_date)];
    let dates = dates.map(|(word, date)| date.map(|date| format!(" {word} {date}")).unwrap_or_default()).concat();
    let employment = format!(
        "{} ({}), {}{dates}",
        employment.employment_type, employment.worker_type, employment.employment_status,
    );
    let former: Vec<String> =
        person.former_emails.iter().map(|one| format!("{} until {}", one.email, time(one.reserved_until))).collect();
    facts(
        out,
        &[
            ("id", person.id.to_string()),
            ("name", person.display_name),
            ("user name", person.user_name),
            ("active", person.active.to_string()),
            ("employment", employment),
            ("manager", manager),
            ("zone", format!("{} (from {})", person.zone.name, person.zone.origin)),
            ("next due", time_or_nothing(person.next_due_at)),
            ("former emails", former.join(", ")),
            ("version", person.version.to_string()),
        ],
    )?;
    line(out, "")?;
    let rows: Vec<Vec<String>> = person.units.into_iter().map(unit).collect();
    table(out, &["UNIT", "VALUE", "FROM", "SINCE", "LOST"], &rows, "no value has a source")?;
    line(out, "")?;
    let rows: Vec<Vec<String>> = person.workers.into_iter().map(worker).collect();
    table(out, &["CONNECTION", "WORKER", "DISPOSITION", "TYPE", "STATUS", "LINKED BY"], &rows, "no worker is left")
}

fn unit(unit: UnitSources) -> Vec<String> {
    let loser = |loser: &crate::api::person::Candidate| {
        format!("{}: {}", loser.connection.as_deref().unwrap_or_default(), values(&loser.values))
    };
    let losers: Vec<String> = unit.losers.iter().map(loser).collect();
    let (from, since) =
        unit.from.map(|from| (from.connection.unwrap_or_default(), time(from.since))).unwrap_or_default();
    vec![unit.unit, unit.values.as_ref().map(values).unwrap_or_default(), from, since, losers.join("; ")]
}

fn worker(worker: PersonWorker) -> Vec<String> {
    vec![
        worker.connection.unwrap_or_default(),
        worker.source_id,
        worker.disposition.to_string(),
        worker.worker_type,
        worker.status,
        worker.link.map(|link| link.reason).unwrap_or_default(),
    ]
}

/// The manager that the HR system names: by name, else by email, else by id.
fn stated(manager: StatedManager) -> String {
    [manager.name, manager.email, manager.source_id]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn values(values: &BTreeMap<String, Value>) -> String {
    values.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
}
