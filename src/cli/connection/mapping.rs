//! `rollbook connection mapping …`

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{PATH, Which, id, tell_run};
use crate::cli::client::Client;
use crate::cli::table::{json as write_json, line, plain, table, text};
use crate::cli::{CliError, Why};

#[derive(Clone, Debug, Args)]
pub struct Change {
    #[command(flatten)]
    which: Which,
    /// What a worker type means: `Intern=Intern`; one of Employee, Contractor, Intern, Temporary, Other, Unknown. May be
    /// repeated.
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

/// The last `=` divides: HR systems' words may hold one, ours do not.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.rsplit_once('=') {
        Some((word, meaning)) if !word.is_empty() && !meaning.is_empty() => Ok((word.to_owned(), meaning.to_owned())),
        _ => Err("expected WORD=MEANING".to_owned()),
    }
}

const MAPS: [(&str, &str); 4] = [
    ("workerTypes", "worker type"),
    ("statuses", "status"),
    ("legalEntities", "legal entity"),
    ("departments", "department"),
];

pub(super) async fn run(change: Change, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    let id = id(client, &change.which).await?;
    let path = [PATH, &id, "mapping"];
    let present = client.get(&path, &[]).await?;
    let given = [&change.worker_types, &change.statuses, &change.legal_entities, &change.departments];
    if given.iter().all(|pairs| pairs.is_empty()) {
        return show(&present, client, out);
    }
    let mut body = Map::new();
    for ((name, _), pairs) in MAPS.iter().zip(given).filter(|(_, pairs)| !pairs.is_empty()) {
        let mut map = present[*name].as_object().cloned().unwrap_or_default();
        map.extend(pairs.iter().map(|(word, meaning)| (word.clone(), meaning.as_str().into())));
        body.insert((*name).to_owned(), Value::Object(map));
    }
    body.insert("reason".to_owned(), json!(change.why.reason));
    let query: Vec<(&str, String)> = if change.preview { vec![("preview", "true".to_owned())] } else { Vec::new() };
    let done = client.put(&path, &query, &Value::Object(body)).await?;
    if !change.preview {
        return tell_run(&done, client, out);
    }
    crate::cli::show_preview(&text(&done, "/planId"), 1_000, client, out).await
}

fn show(mapping: &Value, client: &Client, out: &mut dyn Write) -> Result<(), CliError> {
    if client.json {
        return write_json(out, mapping);
    }
    let mut rows = Vec::new();
    for (name, what) in MAPS {
        for seen in mapping["seen"][name].as_array().into_iter().flatten() {
            let needed = matches!(name, "workerTypes" | "statuses");
            let meaning = match text(seen, "/mappedTo") {
                none if none.is_empty() && needed => "unmapped".to_owned(),
                meaning => meaning,
            };
            rows.push(vec![what.to_owned(), text(seen, "/word"), meaning, text(seen, "/workers")]);
        }
    }
    table(out, &["WHAT", "WORD", "MEANS", "WORKERS"], &rows, "no worker was read yet")?;
    for (name, what) in MAPS {
        for word in mapping["unmapped"][name].as_array().into_iter().flatten() {
            let word = plain(word);
            line(
                out,
                &crate::cli::table::clean(&format!("! the {what} `{word}` is unmapped: its workers are withheld")),
            )?;
        }
    }
    Ok(())
}

/// A map as `word → meaning`.
pub(super) fn in_words(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    pairs.map(|(word, meaning)| format!("{word} → {}", plain(meaning))).collect::<Vec<_>>().join(", ")
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
