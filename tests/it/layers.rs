//! Checks the table of `docs/architecture.md`: which room may use which other room. It also checks which dependencies
//! the crates below `crates/` may have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a room may use. A room is a module below `src/`, or one of our crates that the server uses under a module's
/// name; everything it holds is one room.
struct Room {
    name: &'static str,
    /// Rooms, or parts of rooms (`scim::filter`).
    rooms: &'static [&'static str],
    /// Dependencies that the room must not use.
    never: &'static [&'static str],
}

/// The dependencies that a crate below `crates/` may have. The compiler checks the rest: a crate can use nothing else.
struct Member {
    folder: &'static str,
    dependencies: &'static [&'static str],
}

const MEMBERS: &[Member] = &[
    Member {
        folder: "crates/scim",
        dependencies: &["serde", "serde_json", "chrono", "unicode_normalization", "thiserror"],
    },
    Member {
        folder: "crates/directory",
        dependencies: &[
            "chrono",
            "chrono_tz",
            "idna",
            "unicode_normalization",
            "uuid",
            "serde",
            "serde_json",
            "thiserror",
        ],
    },
    Member { folder: "crates/api", dependencies: &["chrono", "serde", "serde_json", "utoipa", "uuid"] },
];

const DATABASE: &[&str] = &["diesel", "diesel_async", "diesel_migrations", "deadpool", "tokio_postgres"];
const DATABASE_AND_WEB: &[&str] =
    &["diesel", "diesel_async", "diesel_migrations", "deadpool", "tokio_postgres", "actix_web", "tracing_actix_web"];
const PURE: &[&str] =
    &["diesel", "diesel_async", "diesel_migrations", "tokio_postgres", "actix_web", "reqwest", "tokio"];

/// `app` builds everything and may use everything; it has no row.
const TABLE: &[Room] = &[
    // Pure: no I/O, not even the clock.
    Room { name: "render", rooms: &["scim", "directory"], never: PURE },
    // The edges of the machine.
    // A client of the admin API like any other: its types, and of the server nothing but time.
    Room { name: "cli", rooms: &["api", "clock"], never: DATABASE_AND_WEB },
    Room { name: "clock", rooms: &[], never: DATABASE_AND_WEB },
    Room { name: "crypto", rooms: &[], never: DATABASE_AND_WEB },
    Room { name: "config", rooms: &["clock", "crypto", "outbound", "store"], never: DATABASE_AND_WEB },
    Room { name: "telemetry", rooms: &["clock", "config"], never: DATABASE },
    Room { name: "outbound", rooms: &["clock"], never: DATABASE_AND_WEB },
    Room { name: "connectors", rooms: &["clock", "directory", "outbound", "crypto"], never: DATABASE_AND_WEB },
    Room {
        name: "targets",
        rooms: &["clock", "directory", "scim", "render", "outbound", "crypto"],
        never: DATABASE_AND_WEB,
    },
    Room { name: "sandbox", rooms: &["clock"], never: DATABASE },
    // The rooms that build on them.
    Room {
        name: "store",
        rooms: &["clock", "directory", "scim::filter", "scim::schema"],
        never: &["actix_web", "reqwest"],
    },
    Room {
        name: "events",
        rooms: &["clock", "directory", "scim", "render", "store", "outbound", "crypto"],
        never: &["actix_web"],
    },
    Room { name: "jobs", rooms: &["clock", "store"], never: &["actix_web", "reqwest"] },
    Room {
        name: "flows",
        rooms: &[
            "clock",
            "config",
            "connectors",
            "directory",
            "events",
            "jobs",
            "crypto",
            "outbound",
            "render",
            "scim",
            "store",
            "targets",
        ],
        never: &["actix_web"],
    },
    Room {
        name: "http",
        rooms: &["api", "clock", "directory", "events", "flows", "crypto", "render", "scim", "store", "telemetry"],
        never: &["reqwest"],
    },
];

#[test]
fn every_room_uses_only_what_the_table_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for file in sources(&src) {
        let module: Vec<String> = module_of(file.strip_prefix(&src).unwrap());
        let Some(room) = module.first().filter(|room| !["main", "lib", "app"].contains(&room.as_str())) else {
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        wrong.extend(violations(room, &module, &text).into_iter().map(|what| format!("{}: {what}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_has_only_the_dependencies_that_are_allowed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = |folder: &str| fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
    let found: BTreeSet<String> = fs::read_dir(root.join("crates"))
        .unwrap()
        .map(|entry| format!("crates/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    assert_eq!(found, MEMBERS.iter().map(|member| member.folder.to_owned()).collect());
    for member in MEMBERS {
        let dependencies = dependencies(&manifest(member.folder));
        assert!(dependencies.contains("serde_json") && !dependencies.contains("proptest"), "{dependencies:?}");
        let other: Vec<_> = dependencies.iter().filter(|name| !member.dependencies.contains(&name.as_str())).collect();
        assert!(other.is_empty(), "{} must not depend on {other:?}", member.folder);
    }
    assert!(
        dependencies(&manifest(""))
            .is_superset(&["rollbook_api", "rollbook_scim", "rollbook_directory"].map(str::to_owned).into())
    );
}

/// Rooms that have circles of imports today. A room that has none does not get any.
const WITH_CIRCLES: [&str; 3] = ["sandbox", "connectors", "outbound"];

/// A file's imports lead to files that do not lead back to it: what can be read alone can be changed alone.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut roots: Vec<PathBuf> =
        fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    roots.push(root.join("src"));
    for src in roots {
        let texts = sources(&src).into_iter().map(|file| {
            let module = module_of(file.strip_prefix(&src).unwrap());
            (module, fs::read_to_string(&file).unwrap())
        });
        let texts = texts.filter(|(module, _)| !WITH_CIRCLES.contains(&module[0].as_str()));
        let circles = circles(&texts.collect());
        assert!(circles.is_empty(), "{}: {circles:#?}", src.display());
    }
}

/// The files of each circle of imports, by their modules. Tests are left out, and so are names that a module re-exports
/// from those below it.
fn circles(texts: &BTreeMap<Vec<String>, String>) -> Vec<Vec<String>> {
    let is_test = |module: &Vec<String>| {
        let of_tests = |part: &String| {
            part == "tests" || part == "testing" || part.ends_with("_tests") || part.ends_with("properties")
        };
        module.iter().any(of_tests)
    };
    let imports: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = texts
        .iter()
        .filter(|(module, _)| !is_test(module) && !["lib", "main"].contains(&module[0].as_str()))
        .map(|(module, text)| (module, imported_files(module, text, texts)))
        .collect();
    let reached = |from: &Vec<String>| {
        let mut found: BTreeSet<&Vec<String>> = BTreeSet::new();
        let mut open: Vec<&Vec<String>> = imports.get(from).into_iter().flatten().collect();
        while let Some(module) = open.pop() {
            if found.insert(module) {
                open.extend(imports.get(module).into_iter().flatten());
            }
        }
        found
    };
    let reached: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> =
        imports.keys().map(|module| (*module, reached(module))).collect();
    let circles: BTreeSet<Vec<String>> = imports
        .keys()
        .filter(|module| reached[*module].contains(*module))
        .map(|module| {
            let leads_back = |other: &&&Vec<String>| reached.get(**other).is_some_and(|back| back.contains(*module));
            reached[*module].iter().filter(leads_back).map(|other| other.join("::")).collect()
        })
        .collect();
    circles.into_iter().collect()
}

/// The modules with files of their own that a file names, other than itself.
fn imported_files(module: &[String], text: &str, texts: &BTreeMap<Vec<String>, String>) -> BTreeSet<Vec<String>> {
    // `pub use below::X;` is a name for what is below, and needs nothing of it.
    let text: String = text
        .split_inclusive(';')
        .filter(|statement| {
            let statement = statement.trim_start();
            !(statement.starts_with("pub") && statement.split_whitespace().nth(1) == Some("use"))
        })
        .collect();
    let paths = paths(&text);
    let absolute = |path: &[String]| -> Option<Vec<String>> {
        match path[0].as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([module, &path[1..]].concat()),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                Some([&module[..module.len().checked_sub(up)?], &path[up..]].concat())
            }
            _ => {
                let below = [module, path].concat();
                texts.contains_key(&below[..=module.len()]).then_some(below)
            }
        }
    };
    let named: BTreeMap<String, Vec<String>> = paths
        .iter()
        .filter_map(|path| absolute(path))
        .filter(|path| texts.contains_key(path))
        .filter_map(|path| Some((path.last()?.clone(), path)))
        .collect();
    let through_name = |path: &Vec<String>| named.get(&path[0]).map(|named| [named, &path[1..]].concat());
    paths
        .iter()
        .filter_map(|path| absolute(path).or_else(|| through_name(path)))
        .filter_map(|path| {
            (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|part| texts.contains_key(part))
        })
        .filter(|other| other != module)
        .collect()
}

/// Folders that have more files than that today.
const FULL: [&str; 8] = [
    "src",
    "src/cli",
    "src/http",
    "src/http/admin",
    "src/sandbox",
    "src/sandbox/justworks",
    "crates/api/src",
    "crates/directory/src",
];

/// A folder that can be taken in at a glance.
#[test]
fn no_folder_has_more_than_fifteen_files() {
    const FILES: usize = 15;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for file in [root.join("src"), root.join("crates")].iter().flat_map(|folder| sources(folder)) {
        *count.entry(file.parent().unwrap().to_owned()).or_default() += 1;
    }
    let full: BTreeSet<String> = count
        .into_iter()
        .filter(|(_, files)| *files > FILES)
        .map(|(folder, _)| folder.strip_prefix(root).unwrap().display().to_string())
        .collect();
    assert_eq!(full, FULL.map(str::to_owned).into(), "a folder that is not full any more leaves the list");
}

/// The rooms and dependencies that a file uses and its room may not.
fn violations(room: &str, module: &[String], text: &str) -> Vec<String> {
    let Some(row) = TABLE.iter().find(|row| row.name == room) else {
        return vec![format!("the room {room} is not in the table of tests/it/layers.rs")];
    };
    let mut wrong = Vec::new();
    for path in paths(text) {
        let head = path[0].as_str();
        let used = match head {
            "crate" => path[1..].to_vec(),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let Some(left) = module.len().checked_sub(up) else { continue };
                module[..left].iter().chain(&path[up..]).cloned().collect()
            }
            _ => {
                if row.never.contains(&head) {
                    wrong.push(format!("the crate {head}"));
                    continue;
                }
                // A crate of ours is the room under whose name the server knows it.
                let Some(name) = head.strip_prefix("rollbook_") else { continue };
                [name.to_owned()].iter().chain(&path[1..]).cloned().collect()
            }
        };
        let Some(other) = used.first().filter(|other| *other != room) else { continue };
        let allowed =
            row.rooms.iter().any(|allowed| allowed.split("::").eq(used.iter().take(allowed.split("::").count())));
        // Items of lib.rs itself begin with a capital letter; rooms do not.
        if !allowed && other.starts_with(|c: char| c.is_ascii_lowercase()) {
            wrong.push(used.join("::"));
        }
    }
    wrong
}

/// All paths of a source file outside of comments, strings and its tests; groups (`a::{b, c}`) are spread out.
fn paths(text: &str) -> Vec<Vec<String>> {
    let tests = ["#[cfg(test)]\nmod tests", "#[cfg(test)]\npub(crate) mod tests"];
    let end_of_code = tests.iter().filter_map(|tests| text.find(tests)).min().unwrap_or(text.len());
    let text = &text[..end_of_code];
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
    let code: String = code.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    let mut found = Vec::new();
    let (mut path, mut groups): (Vec<String>, Vec<Vec<String>>) = (Vec::new(), Vec::new());
    let mut rest = code.as_str();
    let mut after_separator = false;
    let end = |path: &mut Vec<String>, base: Option<&Vec<String>>, found: &mut Vec<Vec<String>>| {
        if path.len() > 1 {
            found.push(std::mem::take(path));
        }
        *path = base.cloned().unwrap_or_default();
    };
    while let Some(first) = rest.chars().next() {
        let word_length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if word_length > 0 {
            if !after_separator {
                end(&mut path, groups.last(), &mut found);
            }
            path.push(rest[..word_length].to_owned());
            (rest, after_separator) = (&rest[word_length..], false);
        } else if let Some(tail) = rest.strip_prefix("::{") {
            groups.push(path.clone());
            // Within a group a name continues the group's path.
            (rest, after_separator) = (tail, true);
        } else if let Some(tail) = rest.strip_prefix("::") {
            (rest, after_separator) = (tail, true);
        } else {
            if !first.is_whitespace() {
                if first == '}' {
                    end(&mut path, None, &mut found);
                    groups.pop();
                }
                end(&mut path, groups.last(), &mut found);
                after_separator = first == ',' && !groups.is_empty();
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    end(&mut path, None, &mut found);
    found
}

/// The names in all tables of dependencies but those of tests, as they are written in paths.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut in_table = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            in_table = table.ends_with("dependencies")
                && !table.ends_with("dev-dependencies")
                && !table.starts_with("workspace.");
            // A table of its own for one dependency would be overlooked.
            assert!(!table.contains("dependencies."), "write {table} as a line");
        } else if let Some((name, _)) = line.split_once('=').filter(|_| in_table) {
            let name = name.trim();
            names.insert(name.strip_suffix(".workspace").unwrap_or(name).replace('-', "_"));
        }
    }
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn module_of(file: &Path) -> Vec<String> {
    file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

mod tests {
    use super::*;

    fn used(room: &str, file: &str, text: &str) -> Vec<String> {
        violations(room, &module_of(Path::new(file)), text)
    }

    #[test]
    fn a_room_that_reaches_where_it_may_not_is_found() {
        assert_eq!(
            used("render", "render/user.rs", "use crate::store::db::pool::Database;"),
            ["store::db::pool::Database"]
        );
        assert_eq!(used("connectors", "connectors/rows.rs", "fn f(x: crate::scim::Filter) {}"), ["scim::Filter"]);
        assert_eq!(
            used("connectors", "connectors/rows.rs", "use rollbook_scim::filter::Filter;"),
            ["scim::filter::Filter"]
        );
        assert_eq!(used("render", "render/user.rs", "use super::super::store::X;"), ["store::X"]);
        assert_eq!(used("render", "render.rs", "use super::store::X;"), ["store::X"]);
        assert_eq!(
            used("render", "render/user.rs", "use crate::{store::{a, b::C}, directory::d, http};"),
            ["store::a", "store::b::C", "http"]
        );
        assert_eq!(used("render", "render/user.rs", "use tokio::{net, time};"), ["the crate tokio", "the crate tokio"]);
        assert_eq!(used("store", "store/people.rs", "use crate::scim::patch::Patch;"), ["scim::patch::Patch"]);
        assert_eq!(used("attic", "attic.rs", ""), ["the room attic is not in the table of tests/it/layers.rs"]);
    }

    #[test]
    fn what_is_allowed_or_only_spoken_of_is_not() {
        assert!(
            used("render", "render/user.rs", "use super::json::X;\nuse serde::{Serialize, Deserialize};").is_empty()
        );
        assert!(
            used("render", "render/user.rs", "/// Not [`crate::store::X`].\nlet x = \"crate::http::Y\";").is_empty()
        );
        assert!(used("store", "store/people.rs", "use crate::scim::filter::{Filter, parse};").is_empty());
        assert!(used("store", "store/people.rs", "use rollbook_scim::filter::{Filter, parse};").is_empty());
        assert!(used("render", "render/a.rs", "#[cfg(test)]\nmod tests { use tokio::net; }").is_empty());
        assert!(
            used("store", "store/a.rs", "match x { A::B => diesel::insert(), _ => crate::clock::now() }").is_empty()
        );
    }

    #[test]
    fn a_circle_is_found_and_a_name_for_what_is_below_is_none() {
        let texts = |files: &[(&str, &str)]| {
            files.iter().map(|(file, text)| (module_of(Path::new(file)), (*text).to_owned())).collect()
        };
        let circle = [
            ("a.rs", "use crate::b::X;"),
            ("b.rs", "use crate::c;\nfn f() { c::d::g() }"),
            ("c.rs", ""),
            ("c/d.rs", "use super::super::a::Y;"),
        ];
        assert_eq!(circles(&texts(&circle)), [["a", "b", "c::d"]]);
        assert!(circles(&texts(&circle[..3])).is_empty());
        let parent = [("a.rs", "mod b;\npub use b::X;"), ("a/b.rs", "use super::Y;")];
        assert!(circles(&texts(&parent)).is_empty());
        let parent = [("a.rs", "mod b;\nfn f() { b::g() }"), ("a/b.rs", "use super::Y;")];
        assert_eq!(circles(&texts(&parent)), [["a", "a::b"]]);
        let with_tests = [("a.rs", "mod tests;\nfn f() {}"), ("a/tests.rs", "use super::f;\nuse crate::a;")];
        assert!(circles(&texts(&with_tests)).is_empty());
    }
}
