//! Fuzzes bodies of searches: each accepted body is JSON for every other parser too. What is read from it keeps the
//! limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollbook::http::uri::query_pairs;
use rollbook_fuzz::{HIDDEN, RESOURCES, check_refusal};
use rollbook_scim::error::ScimError;
use rollbook_scim::filter::Mode;
use rollbook_scim::filter::check::Checked;
use rollbook_scim::json;
use rollbook_scim::query::{MAX_COUNT, Paging, Query, RootQuery, check_message};
use rollbook_scim::schema::{Hidden, ResourceType};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    match json::object(bytes) {
        Ok(body) => {
            assert_eq!(serde_json::from_slice::<Value>(bytes).ok(), Some(Value::Object(body.clone())));
            if let Err(error) = check_message(&body, "urn:ietf:params:scim:api:messages:2.0:PatchOp") {
                check_refusal(&error);
            }
            ask(|mode, kind, hidden| match kind {
                Some(kind) => one(Query::of_search(&body, mode, kind.shape(), hidden)),
                None => both(RootQuery::of_search(&body, mode, hidden)),
            });
        }
        Err(error) => check_refusal(&error),
    }
    // The same bytes as the query string of a GET.
    let Some(pairs) = std::str::from_utf8(bytes).ok().and_then(|text| query_pairs(text).ok()) else { return };
    ask(|mode, kind, hidden| {
        let checked = match kind {
            Some(kind) => one(Query::parse(pairs.clone(), mode, kind.shape(), hidden)),
            None => both(RootQuery::parse(pairs.clone(), mode, hidden)),
        };
        assert!(checked.iter().all(|checked| checked.sensitive().is_none()), "R-090: a URL names nothing sensitive");
        checked
    });
});

/// In each mode, of each type and of all, with and without sensitive attributes. A query that was read is answered.
fn ask(read: impl Fn(Mode, Option<ResourceType>, &Hidden) -> Vec<Checked>) {
    for mode in [Mode::Lenient, Mode::Strict] {
        for kind in [Some(ResourceType::User), Some(ResourceType::Group), None] {
            for hidden in &*HIDDEN {
                for checked in read(mode, kind, hidden) {
                    for resource in &*RESOURCES {
                        let _ = checked.matches(resource);
                    }
                }
            }
        }
    }
}

fn one(query: Result<Query, ScimError>) -> Vec<Checked> {
    match query {
        Ok(query) => {
            check_paging(&query.paging);
            query.filter.into_iter().collect()
        }
        Err(error) => refused(&error),
    }
}

fn both(query: Result<RootQuery, ScimError>) -> Vec<Checked> {
    match query {
        Ok(query) => {
            check_paging(&query.paging);
            query.users.filter.into_iter().chain(query.groups.filter).collect()
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &ScimError) -> Vec<Checked> {
    check_refusal(error);
    Vec::new()
}

fn check_paging(paging: &Paging) {
    assert!(paging.count <= MAX_COUNT && paging.start_index >= 1, "{paging:?}");
}
