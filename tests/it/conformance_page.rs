//! Makes `docs/scim-conformance.md` from the tests: which of them name which requirement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The requirements by subject, each with its first number and its last.
const SUBJECTS: [(u16, u16, &str); 25] = [
    (1, 15, "Media types, transport, HTTP"),
    (16, 23, "Errors"),
    (24, 41, "Resources and common attributes"),
    (42, 49, "Characteristics of attributes"),
    (50, 60, "User"),
    (61, 65, "Group"),
    (66, 67, "Enterprise extension"),
    (68, 76, "Discovery"),
    (77, 93, "Filters"),
    (94, 97, "Sorting"),
    (98, 113, "Paging"),
    (114, 119, "Projection"),
    (120, 121, "Reading one resource"),
    (122, 123, "Searching"),
    (124, 128, "Creating"),
    (129, 134, "Replacing"),
    (135, 157, "PATCH"),
    (158, 160, "Deleting"),
    (161, 171, "Bulk"),
    (172, 175, "Versions"),
    (176, 176, "/Me"),
    (177, 185, "Authorization and privacy"),
    (186, 187, "Tenancy"),
    (188, 194, "Security events (RFC 9967)"),
    (195, 197, "Conformance at large"),
];

/// Why no test names a requirement.
const WITHOUT: [(&[u16], &str); 4] = [
    (&[13], "TLS is ended by the proxy in front of the server: see operations"),
    (
        &[
            19, 26, 35, 39, 60, 64, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139,
            140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 161,
            162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 196,
        ],
        "not there yet: about writing through SCIM",
    ),
    (&[188, 189, 190, 191, 192, 193, 194], "not there yet: optional, security events"),
    (&[197], "a row of the benchmark, never a test"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The numbers in a text: `R-012`, and all of `R-098 to R-103`.
fn numbers(text: &str) -> BTreeSet<u16> {
    let mut found = BTreeSet::new();
    let mut last: Option<u16> = None;
    for (n, part) in text.split("R-").enumerate() {
        let number = (n > 0).then(|| part.get(..3)?.parse().ok()).flatten();
        if let Some(number) = number {
            let from = last.take().unwrap_or(number);
            found.extend(from..=number);
        }
        last = number.filter(|_| part[3..].trim() == "to");
    }
    found
}

/// The tests of a file, each with what it names in its documentation and its comments.
fn tests(text: &str) -> Vec<(String, BTreeSet<u16>)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let words = line.trim_start().trim_start_matches("async ");
        let Some(name) = words.strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next()) else { continue };
        let above: Vec<&str> = lines[..n]
            .iter()
            .rev()
            .map(|line| line.trim())
            .take_while(|line| line.starts_with("///") || line.starts_with("#["))
            .collect();
        if !above.iter().any(|line| line.starts_with("#[") && line.contains("test")) {
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let body = lines[n..].iter().take_while(|line| **line != end).filter(|line| line.contains("//"));
        let mut named: BTreeSet<u16> = above.iter().flat_map(|line| numbers(line)).collect();
        named.extend(body.flat_map(|line| numbers(line)));
        found.push((name.to_owned(), named));
    }
    found
}

/// Which tests name which requirement.
fn named() -> BTreeMap<u16, BTreeSet<String>> {
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    let mut named: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    // This file only mentions the numbers.
    for file in files.into_iter().filter(|file| !file.ends_with("conformance_page.rs")) {
        let place = file.strip_prefix(root()).unwrap().with_extension("").to_string_lossy().into_owned();
        let place = place.trim_start_matches("crates/").replace("/src/", "/");
        let room = place.trim_start_matches("tests/it/").trim_start_matches("src/").replace('/', "::");
        for (name, numbers) in tests(&fs::read_to_string(&file).unwrap()) {
            for number in numbers {
                named.entry(number).or_default().insert(format!("{room}::{name}"));
            }
        }
    }
    named
}

fn written(named: &BTreeMap<u16, BTreeSet<String>>) -> String {
    let mut page = "# SCIM conformance\n\n\
        Which test holds the server to which of the numbered requirements (RFC 7643, RFC 7644, RFC 9865, RFC 9967, and\n\
        decisions where those leave a choice). The table is made from the tests: a test names the requirements that it is\n\
        about.\n\n\
        To make it anew: `ROLLBOOK_WRITE_PAGES=1 cargo test --test it conformance_page`.\n"
        .to_owned();
    for (first, last, subject) in SUBJECTS {
        write!(page, "\n## {subject}\n\n| requirement | held by |\n|---|---|\n").unwrap();
        for number in first..=last {
            let held = match named.get(&number) {
                Some(tests) => tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join("<br>"),
                None => WITHOUT.iter().find(|(all, _)| all.contains(&number)).map_or("", |(_, why)| *why).to_owned(),
            };
            writeln!(page, "| R-{number:03} | {held} |").unwrap();
        }
    }
    page
}

#[test]
fn the_page_of_conformance_says_what_the_tests_name() {
    let named = named();
    let page = root().join("docs/scim-conformance.md");
    let expected = written(&named);
    if std::env::var_os("ROLLBOOK_WRITE_PAGES").is_some() {
        fs::write(&page, &expected).unwrap();
    }
    let told = fs::read_to_string(&page).unwrap_or_default();
    assert!(told == expected, "docs/scim-conformance.md is not what the tests say: write it anew as it tells");
}

/// Every requirement that can be read is tested; one that no test names has its reason.
#[test]
fn every_requirement_is_named_by_a_test_or_has_a_reason_not_to_be() {
    let named = named();
    let all: Vec<u16> = SUBJECTS.iter().flat_map(|(first, last, _)| *first..=*last).collect();
    assert_eq!(all, (1..=197).collect::<Vec<_>>());
    for number in all {
        let reason = WITHOUT.iter().any(|(all, _)| all.contains(&number));
        assert!(named.contains_key(&number) != reason, "R-{number:03}: named or not, it does not fit its reason");
    }
}

#[test]
fn numbers_are_read_one_by_one_and_from_to() {
    let expected = [1, 2, 3, 7, 9].into_iter().collect();
    assert_eq!(numbers("/// R-001 to R-003, R-007; R-009."), expected);
    assert_eq!(numbers("R-x R-1 none"), BTreeSet::new());
}
