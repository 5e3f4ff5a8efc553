//! Checks that the pages for people are true where that is cheap: settings, commands, endpoints, links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use rollbook::api::events::{EventKind, RedactedKind};
use rollbook::config::Settings;
use rollbook::http::error::{Code, Status};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All pages, the README first.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].iter().map(|name| root().join(name)).collect();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

#[test]
fn every_setting_is_in_the_operations_page() {
    let page = page("docs/operations.md");
    let settings = Settings::augment_args(clap::Command::new("serve"));
    let names: Vec<String> = settings
        .get_arguments()
        .flat_map(|setting| {
            let variable = setting.get_env().and_then(|name| name.to_str()).map(|name| format!("`{name}`"));
            let flag = setting.get_long().map(|flag| format!("`--{flag}`"));
            [variable, flag]
        })
        .flatten()
        .collect();
    assert!(names.contains(&"`ROLLBOOK_PUBLIC_URL`".to_owned()), "{names:?}");
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/operations.md does not name {missing:?}");
}

#[test]
fn every_command_that_a_page_shows_exists_with_its_options() {
    let mut shown = BTreeSet::new();
    for file in pages() {
        for line in code(&fs::read_to_string(file).unwrap()) {
            shown.extend(commands(&line));
        }
    }
    assert!(shown.len() > 20, "{shown:?}");
    let mut wrong = Vec::new();
    for (words, options) in &shown {
        let help = Command::new(env!("CARGO_BIN_EXE_rollbook")).args(words).arg("--help").output().unwrap();
        let text = String::from_utf8_lossy(&help.stdout);
        let unknown = |option: &&String| !text.split([' ', ',', '\n']).any(|word| word == option.as_str());
        if !help.status.success() {
            wrong.push(format!("there is no command `rollbook {}`", words.join(" ")));
        }
        wrong.extend(options.iter().filter(unknown).map(|option| format!("`{}` takes no {option}", words.join(" "))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_endpoint_of_the_admin_api_is_in_its_page() {
    let source = page("src/http/admin.rs");
    let endpoints: Vec<&str> = source.split("at(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(endpoints.contains(&"/connections"), "{endpoints:?}");
    let page = page("docs/api.md");
    let shown = |endpoint: &str| page.split(['`', ' ', '?']).any(|word| word == endpoint);
    let missing: Vec<&&str> = endpoints.iter().filter(|endpoint| !shown(endpoint)).collect();
    assert!(missing.is_empty(), "docs/api.md does not name {missing:?}");
}

#[test]
fn the_table_of_codes_is_that_of_the_program() {
    let page = page("docs/api.md");
    let rows = page.lines().skip_while(|line| *line != "| status | code | when |").skip(2);
    let shown: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let row = |code: &Code| format!("| {} | `{code}` | {} |", code.status().as_u16(), code.meaning());
    assert_eq!(shown, Code::ALL.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn every_type_of_event_is_in_the_page_of_the_api() {
    let shown = code(&page("docs/api.md"));
    let words =
        EventKind::ALL.iter().map(|kind| kind.as_str()).chain(RedactedKind::ALL.iter().map(|kind| kind.as_str()));
    for kind in words {
        assert!(shown.iter().any(|word| word == kind), "docs/api.md does not name {kind}");
    }
}

#[test]
fn every_attribute_of_the_extensions_is_in_the_page_of_attributes() {
    let shown = code(&page("docs/attributes.md"));
    for name in ["enterprise-user", "worker", "derived-group"] {
        let schema: Value = serde_json::from_str(&page(&format!("scim-schemas/{name}.json"))).unwrap();
        let attributes: Vec<&str> =
            schema["attributes"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
        assert!(attributes.len() > 5, "{attributes:?}");
        for attribute in attributes {
            assert!(shown.iter().any(|word| word == attribute), "docs/attributes.md does not name {attribute}");
        }
    }
}

#[test]
fn every_job_is_in_the_page_of_architecture() {
    let jobs: Vec<&str> = rollbook::app::jobs::names().collect();
    let page = page("docs/architecture.md");
    let missing: Vec<&&str> = jobs.iter().filter(|job| !page.contains(&format!("| `{job}` |"))).collect();
    assert!(missing.is_empty(), "docs/architecture.md does not name {missing:?}");
}

#[test]
fn the_readme_is_short() {
    let lines = page("README.md").lines().count();
    assert!(lines <= 300, "README.md has {lines} lines; what is longer has a page in docs/");
}

#[test]
fn every_relative_link_leads_to_a_page_and_a_heading() {
    let mut seen = 0;
    let mut broken = Vec::new();
    for file in pages() {
        let text = fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            seen += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            let leads = target.exists()
                && (anchor.is_empty() || headings(&fs::read_to_string(&target).unwrap()).contains(anchor));
            if !leads {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(seen > 20);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The code of a page: lines of fenced blocks, and spans within text.
fn code(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut is_fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced {
            code.push(line.to_owned());
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

/// The commands of Rollbook in a line: subcommands, and the options that are given.
fn commands(line: &str) -> Vec<(Vec<String>, BTreeSet<String>)> {
    let mut found = Vec::new();
    let words: Vec<&str> = line.split_whitespace().collect();
    for (n, word) in words.iter().enumerate() {
        if word.rsplit('/').next() != Some("rollbook") {
            continue;
        }
        let rest = &words[n + 1..];
        let is_name = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let names: Vec<String> = rest.iter().take_while(is_name).map(|word| (*word).to_owned()).collect();
        if names.is_empty() {
            continue;
        }
        let ends = |word: &&&str| !["|", ">", "&&", ";"].contains(*word);
        let options = rest.iter().take_while(ends).filter(|word| word.starts_with("--"));
        found.push((names, options.map(|word| (*word).to_owned()).collect()));
    }
    found
}

/// The anchors that a page has: its headings, in lower case, without punctuation, spaces as hyphens.
fn headings(text: &str) -> BTreeSet<String> {
    let anchor = |title: &str| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-'].contains(c));
        kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    text.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' ')).map(str::trim).map(anchor).collect()
}

#[test]
fn commands_are_found_with_their_options() {
    let options = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let names = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        commands("$ rollbook connection plan Remote --limit 3 | head --lines 2"),
        [(names(&["connection", "plan"]), options(&["--limit"]))]
    );
    assert_eq!(commands("ExecStart=/usr/local/bin/rollbook serve"), [(names(&["serve"]), options(&[]))]);
    assert_eq!(commands("pg_dump --username rollbook --no-owner"), []);
    assert!(headings("## States of a connection\n").contains("states-of-a-connection"));
}
