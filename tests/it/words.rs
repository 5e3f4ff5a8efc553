//! The source uses standard terms and plain English: names and words that were replaced do not come back.

use std::fs;
use std::path::{Path, PathBuf};

/// Names of types, functions and columns that were replaced by a standard term.
const NAMES: [&str; 36] = [
    "Sight",
    "View",
    "Scene",
    "Net",
    "Frame",
    "Seeds",
    "Gathered",
    "Stage",
    "Taken",
    "of_stranger",
    "Speakers",
    "Because",
    "Standing",
    "Standings",
    "Moment",
    "Audience",
    "Ending",
    "Shortfall",
    "Ground",
    "Desk",
    "Wish",
    "Called",
    "revive",
    "heal",
    "take_time",
    "look_at_plans",
    "Spot",
    "Shown",
    "Places",
    "Many",
    "ring",
    "feed_filters",
    "spent_at",
    "bundle",
    "begin_anew",
    "index_walks",
];

/// Words that a comment does not need.
const PROSE: [&str; 6] = ["nobody", "somebody", "whoever", "whom", "anew", "whose word"];

#[test]
fn replaced_names_are_not_in_the_code() {
    let mut found = Vec::new();
    for (file, number, line) in lines(&["src", "crates"]) {
        let code = line.split("//").next().unwrap_or_default();
        found.extend(NAMES.iter().filter(|name| has_word(code, name)).map(|name| format!("{file}:{number}: {name}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn comments_are_in_plain_english() {
    let mut found = Vec::new();
    for (file, number, line) in lines(&["src", "crates", "tests/it", "benches"]) {
        let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
        let comment = comment.to_lowercase();
        found.extend(
            PROSE.iter().filter(|word| has_word(&comment, word)).map(|word| format!("{file}:{number}: {word}")),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every line of the Rust files in these folders, with its file and number.
fn lines(folders: &[&str]) -> Vec<(String, usize, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = folders.iter().flat_map(|folder| sources(&root.join(folder)));
    files
        .flat_map(|file| {
            let name = file.strip_prefix(root).unwrap().display().to_string();
            let text = fs::read_to_string(&file).unwrap();
            text.lines().enumerate().map(|(n, line)| (name.clone(), n + 1, line.to_owned())).collect::<Vec<_>>()
        })
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Whether a text has a word that no letter, digit or underscore touches.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

#[test]
fn a_word_is_found_whole() {
    assert!(has_word("let x: View<'_>", "View") && has_word("view of whose word counts", "whose word"));
    assert!(!has_word("ConnectionView", "View") && !has_word("View_2", "View") && !has_word("", "View"));
}
