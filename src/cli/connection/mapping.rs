//! The command `rollbook connection mapping …`.

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value, json};

use super::which::{PATH, Which, id, show_begun};
use crate::api::mapping::{Mapping, SeenWord, WorkerTypes};
use crate::api::runs::{PlanMade, RunStarted};
use crate::cli::answer::Answer;
use crate::cli::client::Client;
use crate::cli::error::CliError;
use crate::cli::options::Why;
use crate::cli::table::{clean, json as write_json, line, table};

#[derive(Clone, Debug, Args)]
pub struct Change {
    #[command(flatten)]
    which: Which,
    /// What a worker type means: `Intern=Intern`; one of Employee, Contractor, Intern, Temporary, Other, Unknown. May
    /// be repeated.
    #[arg(long = "worker-type", value_name = "WORD=TYPE", value_parser = pair)]
    worker_types: Vec<(String, String)>,
    /// What a status means: `away=OnLeave`; one of Upcoming, Current, `OnLeave`, Suspended, Former, Unknown. May be
    /// repeated.
    #[arg(long = "status", value_name = "WORD=CLASS", value_parser = pair)]
    statuses: Vec<(String, String)>,
    /// The name of a legal entity: `ID=NAME`. May be repeated.
    #[arg(long = "legal-entity", value_name = "ID=NAME", value_parser = pair)]
    legal_entities: Vec<(String, String)>,
    /// Another name for a department: `WORD=NAME`. May be repeated.
    #[arg(long = "department", value_name = "WORD=NAME", value_parser = pair)]
    departments: Vec<(String, String)>,
    /// Change nothing; show what would be changed.
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    why: Why,
}

/// The last `=` divides: values of HR systems may contain one, ours do not.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((word, meaning)) if !word.is_empty() && !meaning.is_empty() => Ok((word.to_owned(), meaning.to_owned())),
        _ => Err("expected WORD=MEANING".to_owned()),
    }
}

pub(super) async fn run(change: Change, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &change.which).await?;
    let path = [PATH, &id, "mapping"];
    let present: Answer<Mapping> = client.get(&path, &[]).await?;
    let given = [&change.worker_types, &change.statuses, &change.legal_entities, &change.departments];
    if given.iter().all(|pairs| pairs.is_empty()) {
        return show(&present, client, out);
    }
    let present = present.read()?;
    let mut body = Map::new();
    let mut put = |name: &str, map: Value, pairs: &[(String, String)]| {
        if let (Value::Object(mut map), false) = (map, pairs.is_empty()) {
            map.extend(pairs.iter().map(|(word, meaning)| (word.clone(), meaning.as_str().into())));
            body.insert(name.to_owned(), Value::Object(map));
        }
    };
    put("workerTypes", json!(present.worker_types), &change.worker_types);
    put("statuses", json!(present.statuses), &change.statuses);
    put("legalEntities", json!(present.legal_entities), &change.legal_entities);
    put("departments", json!(present.departments), &change.departments);
    body.insert("reason".to_owned(), json!(change.why.reason));
    let body = Value::Object(body);
    if change.preview {
        let made: PlanMade = client.put(&path, &[("preview", "true".to_owned())], &body).await?.read()?;
        return crate::cli::plan::show_preview(made.plan_id, 1_000, client, out).await;
    }
    let begun: Answer<RunStarted> = client.put(&path, &[], &body).await?;
    show_begun(&begun, client, out)
}

fn show(mapping: &Answer<Mapping>, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, mapping.json());
    }
    let mapping = mapping.read()?;
    let seen = mapping.seen;
    let unmapped = "unmapped";
    let rows: Vec<Vec<String>> = [
        ("worker type", seen.worker_types, unmapped),
        ("status", seen.statuses, unmapped),
        // These need no mapping.
        ("legal entity", seen.legal_entities, ""),
        ("department", seen.departments, ""),
    ]
    .into_iter()
    .flat_map(|(what, words, otherwise)| words.into_iter().map(move |seen| row(what, seen, otherwise)))
    .collect();
    table(out, &["WHAT", "WORD", "MEANS", "WORKERS"], &rows, "no worker was read yet")?;
    for (what, words) in [("worker type", mapping.unmapped.worker_types), ("status", mapping.unmapped.statuses)] {
        for word in words {
            line(out, &clean(&format!("! the {what} `{word}` is unmapped: its workers are withheld")))?;
        }
    }
    Ok(())
}

fn row(what: &str, seen: SeenWord, otherwise: &str) -> Vec<String> {
    let meaning = seen.mapped_to.unwrap_or_else(|| otherwise.to_owned());
    vec![what.to_owned(), seen.word, meaning, seen.workers.to_string()]
}

/// A map as `value → meaning`.
pub(super) fn in_words(map: &WorkerTypes) -> String {
    map.0.iter().map(|(word, meaning)| format!("{word} → {meaning}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_divided_at_its_last_equals_sign() {
        assert_eq!(pair("a=b=Intern"), Ok(("a=b".to_owned(), "Intern".to_owned())));
        for wrong in ["", "a", "=b", "a="] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }
}
