//! Fuzzes attribute paths: each path that parses prints the same and means the same in a filter. It finds nothing that
//! is hidden, whether it is resolved, projected or sorted by.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollbook_fuzz::{HIDDEN, RESOURCES, check_refusal};
use rollbook_scim::filter::parse::{MAX_BYTES, parse};
use rollbook_scim::filter::{Filter, Mode, Test};
use rollbook_scim::path::AttrPath;
use rollbook_scim::projection::Projection;
use rollbook_scim::query::Query;
use rollbook_scim::schema::{Hidden, Resolved, ResourceType, SENSITIVE, Shape, WORKER_URN};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = AttrPath::parse(text);
    if let Ok(path) = &path {
        assert_eq!(path.to_string(), text);
        let filter = format!("{text} pr");
        if filter.len() <= MAX_BYTES {
            assert_eq!(parse(&filter, Mode::Strict), Ok(Filter::Test(path.clone(), Test::Present)), "{text}");
        }
    }
    for shape in ResourceType::ALL.map(ResourceType::shape) {
        for hidden in &*HIDDEN {
            if let Ok(path) = &path {
                finds(path, shape, hidden);
            }
            projects(text, shape, hidden);
            sorts(text, shape, hidden);
        }
    }
});

fn finds(path: &AttrPath, shape: &'static Shape, hidden: &Hidden) {
    let Some(found) = shape.resolve(path, hidden) else { return };
    assert!(!is_hidden(&found, hidden), "{path}");
    let canonical = AttrPath::parse(&found.to_string()).expect("what is printed is a path");
    assert_eq!(shape.resolve(&canonical, hidden), Some(found), "{path}");
}

/// The text is a list of paths here, as `attributes` and `excludedAttributes` are.
fn projects(text: &str, shape: &'static Shape, hidden: &Hidden) {
    for (attributes, excluded) in [(Some(text), None), (None, Some(text))] {
        let projection = match Projection::parse(attributes, excluded, shape, hidden) {
            Ok(projection) => projection,
            Err(error) => {
                check_refusal(&error);
                continue;
            }
        };
        for resource in &*RESOURCES {
            let mut shown = resource.clone();
            projection.apply(&mut shown);
            let worker = shown.get(WORKER_URN).and_then(|worker| worker.as_object());
            let leaked = worker.is_some_and(|worker| {
                SENSITIVE.iter().any(|name| hidden.hides(WORKER_URN, name) && worker.contains_key(*name))
            });
            assert!(!leaked, "{text}");
            let once = shown.clone();
            projection.apply(&mut shown);
            assert_eq!(shown, once, "a projection of what was projected changes nothing");
        }
    }
}

fn sorts(text: &str, shape: &'static Shape, hidden: &Hidden) {
    match Query::parse([("sortBy", text)], Mode::Strict, shape, hidden) {
        Ok(query) => assert!(query.sort_by.is_none_or(|key| !is_hidden(&key, hidden) && !key.is_sensitive())),
        Err(error) => check_refusal(&error),
    }
}

fn is_hidden(found: &Resolved, hidden: &Hidden) -> bool {
    hidden.hides(&found.schema.id, &found.attribute.name)
}
