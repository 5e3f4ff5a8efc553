//! The description of the admin API: `OpenAPI` 3.1 as JSON, and as a page for people. Both tell nothing about anybody and
//! are for everybody.
//!
//! It is written by hand in `openapi/*.json`, one file a noun. What is the same everywhere is filled in here, from what
//! the code does in one place too: the refusals that follow from an operation's shape, `reason` in every body, pages of
//! lists. The short forms that the files use:
//!
//! | in a file | becomes |
//! |---|---|
//! | `x-schema` of a response | its body, with the schema's example; several are alternatives |
//! | `x-page-of` of a response | `items` and `nextCursor` |
//! | `x-codes` of an operation | its refusals, besides those that follow from its shape |
//! | `x-reason-only` of a body | a body with a `reason` and nothing else |
//! | `x-optional` of a member | not in `required`; a schema without `required` requires all others |
//!
//! `x-query` and `x-path` of an example stay: they name the query and the path parameters that it goes with.

mod operation;
mod page;
mod refusal;
mod schema;

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};

use crate::http::state::State;

/// What is not of one noun.
const FRAME: &str = include_str!("../../../openapi/document.json");
/// One file a noun, in the order of the page.
const PARTS: [&str; 10] = [
    include_str!("../../../openapi/connections.json"),
    include_str!("../../../openapi/runs.json"),
    include_str!("../../../openapi/holds.json"),
    include_str!("../../../openapi/reviews.json"),
    include_str!("../../../openapi/people.json"),
    include_str!("../../../openapi/fields.json"),
    include_str!("../../../openapi/groups.json"),
    include_str!("../../../openapi/consumers.json"),
    include_str!("../../../openapi/log.json"),
    include_str!("../../../openapi/server.json"),
];

/// The methods that an operation can have, in the order of the page.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

static DOCUMENT: LazyLock<Value> = LazyLock::new(assemble);
static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The whole description.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// GET /openapi.json
pub(super) async fn json() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(TEXT.as_str())
}

/// GET /docs
pub(super) async fn show(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, page::policy()))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page::render(document(), state.public_url()))
}

fn assemble() -> Value {
    let mut document = read(FRAME);
    let mut tags = Vec::new();
    let mut paths = Map::new();
    let mut operations = Vec::new();
    for part in PARTS {
        let mut part = read(part);
        for kind in ["parameters", "schemas"] {
            components(&mut document, kind).append(&mut taken(&mut part, kind));
        }
        let tag = part["tag"].take();
        for (path, mut item) in taken(&mut part, "paths") {
            for method in METHODS {
                if let Some(operation) = item.get_mut(method) {
                    operations.push((path.clone(), method));
                    operation["tags"] = Value::from(vec![tag["name"].clone()]);
                }
            }
            paths.insert(path, item);
        }
        tags.push(tag);
    }
    document["tags"] = tags.into();
    document["paths"] = paths.into();
    schema::require_members(components(&mut document, "schemas"));
    components(&mut document, "schemas").insert("Refusal".into(), refusal::schema());
    *components(&mut document, "responses") = refusal::of_no_operation();
    for (path, method) in operations {
        operation::complete(&mut document, &path, method);
    }
    document
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("the files of openapi/ are JSON")
}

fn components<'a>(document: &'a mut Value, kind: &str) -> &'a mut Map<String, Value> {
    let kind = &mut document["components"][kind];
    if kind.is_null() {
        *kind = Map::new().into();
    }
    kind.as_object_mut().expect("components are objects")
}

/// A member that is an object, out of its place; empty when there is none.
fn taken(value: &mut Value, name: &str) -> Map<String, Value> {
    match value.get_mut(name).map(Value::take) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// What a value refers to, or itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#')));
    target.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every operation with its path and method.
    fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
        let paths = document()["paths"].as_object().unwrap();
        let of = |(path, item): (&'static String, &'static Value)| {
            METHODS
                .into_iter()
                .filter_map(|method| Some((path.as_str(), method, item.get(method)?)))
                .collect::<Vec<_>>()
        };
        paths.iter().flat_map(of).collect()
    }

    fn strings(value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    if let Some(text) = value.as_str() {
                        found.push((name.clone(), text.to_owned()));
                    }
                    strings(value, found);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let mut found = Vec::new();
        strings(document(), &mut found);
        let references: Vec<String> =
            found.into_iter().filter(|(name, _)| name == "$ref").map(|(_, target)| target).collect();
        assert!(references.len() > 50);
        for target in references {
            assert!(document().pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
    }

    #[test]
    fn no_short_form_of_the_files_is_left() {
        for word in ["x-schema", "x-page-of", "x-codes", "x-reason-only", "x-optional"] {
            assert!(!TEXT.contains(word), "{word}");
        }
    }

    #[test]
    fn operations_schemas_and_parameters_are_named_once() {
        let ids: Vec<&str> =
            operations().iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let mut names = BTreeSet::new();
        for part in PARTS.iter().chain([&FRAME]) {
            let part = read(part);
            for kind in ["parameters", "schemas"] {
                let own = part.get(kind).or(part.pointer(&format!("/components/{kind}")));
                for name in own.and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                    assert!(names.insert((kind, name.clone())), "{kind} {name}");
                }
            }
        }
    }

    #[test]
    fn every_operation_says_what_it_is_who_may_call_it_and_how_it_ends() {
        for (path, method, operation) in operations() {
            let at = format!("{method} {path}");
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{at}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{at}");
            let guard = operation["security"].as_array().unwrap();
            assert_eq!(answers.contains_key("401"), !guard.is_empty(), "{at}");
            assert_eq!(
                guard.is_empty(),
                matches!(path, "/healthz" | "/readyz" | "/api/v1/openapi.json" | "/api/v1/docs")
            );
            for (status, answer) in answers.iter().filter(|(status, _)| !["204"].contains(&status.as_str())) {
                let answer = resolved(document(), answer);
                let content = answer["content"].as_object().unwrap_or_else(|| panic!("{at} {status}"));
                for (media, body) in content {
                    let is_shown =
                        body.get("example").is_some() || path.ends_with("openapi.json") || media == "text/html";
                    assert!(is_shown, "{at} {status} has no example");
                }
            }
            if let Some(body) = operation.get("requestBody") {
                let body = &body["content"]["application/json"];
                assert!(body["schema"].is_object(), "{at}");
                assert!(body["examples"].as_object().is_some_and(|all| !all.is_empty()), "{at} has no example request");
            }
        }
    }

    #[test]
    fn the_files_name_no_code_that_there_is_not() {
        let mut named = 0;
        for part in PARTS.map(read) {
            let items = part["paths"].as_object().unwrap().values();
            for word in items.flat_map(|item| METHODS.map(|method| item[method]["x-codes"].clone())) {
                for word in word.as_array().into_iter().flatten() {
                    named += 1;
                    assert!(crate::http::error::Code::parse(word.as_str().unwrap()).is_some(), "{word}");
                }
            }
        }
        assert!(named > 10);
    }

    #[test]
    fn every_code_is_in_the_document_and_no_other() {
        let mut found = BTreeSet::new();
        for response in document()["components"]["responses"].as_object().unwrap().values() {
            let codes = &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"];
            found.extend(codes["enum"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()));
        }
        let all: BTreeSet<&str> = crate::http::error::Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(found, all);
    }
}
