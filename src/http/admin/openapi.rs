//! The description of the admin API: `OpenAPI` 3.1 as JSON, and as a page for people. Both show nothing about any
//! person, and every caller may read them.
//!
//! What an operation takes and answers, and which scope it needs, comes from the types in its handler's signature;
//! schemas come from the types of `crates/api`. Refusals that follow from an operation's shape are filled in here. What
//! is left for `openapi/*.json`, one file for each resource, is what no type states:
//!
//! | in a file | is |
//! |---|---|
//! | `paths` | for each operation its id, summary, description, parameters, the meaning of each status, example requests, as `constraints` how members of its body depend on each other, and as `codes` the refusals that its shape does not show |
//! | `parameters` | parameters that several operations share |
//! | `examples` | an example for a schema, by its name |
//!
//! `x-query` and `x-path` of an example request name the query and the path parameters that it goes with.

mod operation;
mod page;
mod refusal;
mod schema;
mod tree;

use std::collections::BTreeMap;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};

use self::tree::{METHODS, components, taken};
use super::answer::{Answer, BASE, Described, Found, Schemas, Shapes, Text};
use super::endpoint::{Arguments, Endpoint, Method, Operation};
use crate::api::errors::Refusal;
use crate::api::server::{Health, Readiness};
use crate::http::state::State;

/// The parts that belong to no single resource.
const FRAME: &str = include_str!("../../../openapi/document.json");
/// One file for each resource, in the order of the page.
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

/// The description, as a value and as text.
#[derive(Debug)]
pub(super) struct Description {
    document: Value,
    text: String,
}

impl Description {
    /// The description of an API with these endpoints.
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        let document = assemble(operations(endpoints));
        Self { text: document.to_string(), document }
    }

    pub(super) fn document(&self) -> &Value {
        &self.document
    }
}

/// GET /openapi.json
pub(super) async fn json(description: web::Data<Description>) -> Answer<Text> {
    Ok(Text(HttpResponse::Ok().content_type(ContentType::json()).body(description.text.clone())))
}

/// GET /docs
pub(super) async fn show(description: web::Data<Description>, state: web::Data<State>) -> Answer<Text> {
    Ok(Text(
        HttpResponse::Ok()
            .content_type(ContentType::html())
            .insert_header((CONTENT_SECURITY_POLICY, page::policy()))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(page::render(&description.document, state.public_url())),
    ))
}

/// All operations by path and method: those of the API, and those that report whether the server is healthy.
fn operations(endpoints: &[Endpoint]) -> BTreeMap<(String, &'static str), Operation> {
    let mut all = BTreeMap::new();
    for endpoint in endpoints {
        for operation in &endpoint.operations {
            all.insert((format!("{BASE}{}", endpoint.path), operation.method.as_str()), *operation);
        }
    }
    let open = |answers| Operation { method: Method::Get, arguments: Arguments::default(), answers };
    all.insert(("/healthz".to_owned(), "get"), open(Found::<Health>::shapes));
    all.insert(("/readyz".to_owned(), "get"), open(readiness));
    all
}

/// `/readyz` answers the same with both statuses.
fn readiness(schemas: &mut Schemas) -> Shapes {
    let mut shapes = Found::<Readiness>::shapes(schemas);
    shapes.extend(shapes.get(&200).cloned().map(|bodies| (503, bodies)));
    shapes
}

fn assemble(operations: BTreeMap<(String, &'static str), Operation>) -> Value {
    let mut document = read(FRAME);
    let mut examples = taken(&mut document, "examples");
    let mut tags = Vec::new();
    let mut paths = Map::new();
    for part in PARTS {
        let mut part = read(part);
        components(&mut document, "parameters").append(&mut taken(&mut part, "parameters"));
        examples.append(&mut taken(&mut part, "examples"));
        let tag = part["tag"].take();
        for (path, mut item) in taken(&mut part, "paths") {
            for method in METHODS {
                if let Some(operation) = item.get_mut(method) {
                    operation["tags"] = Value::from(vec![tag["name"].clone()]);
                }
            }
            paths.insert(path, item);
        }
        tags.push(tag);
    }
    document["tags"] = tags.into();
    document["paths"] = paths.into();
    *components(&mut document, "schemas") = schemas(&operations, examples);
    *components(&mut document, "responses") = refusal::of_no_operation();
    for ((path, method), operation) in operations {
        operation::complete(&mut document, &path, method, &operation);
    }
    document
}

/// The schemas of everything that is answered or taken, with their examples.
fn schemas(
    operations: &BTreeMap<(String, &'static str), Operation>,
    examples: Map<String, Value>,
) -> Map<String, Value> {
    let mut answered = Schemas::default();
    answered.add::<Refusal>();
    for operation in operations.values() {
        (operation.answers)(&mut answered);
    }
    schema::require_members(&mut answered.0);
    let mut all = answered;
    for body in operations.values().filter_map(|operation| operation.arguments.body) {
        let name = (body.schema)(&mut all);
        all.0.entry(name).and_modify(schema::as_body);
    }
    for schema in all.0.values_mut() {
        schema::tidy(schema);
    }
    for (name, example) in examples {
        if let Some(schema) = all.0.get_mut(&name) {
            schema["examples"] = vec![example].into();
        }
    }
    all.0
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("the files of openapi/ are JSON")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::tree::resolved;
    use super::*;
    use crate::http::admin::{document, endpoints};

    /// Every operation with its path and method.
    fn described() -> Vec<(&'static str, &'static str, &'static Value)> {
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
        assert!(!document().to_string().contains("x-optional"));
        for (path, method, operation) in described() {
            for word in ["codes", "constraints", "examples"] {
                assert!(operation.get(word).is_none(), "{method} {path}: {word}");
            }
        }
    }

    /// Every operation has its prose, and the prose names the statuses that the handler's type has.
    #[test]
    fn the_files_tell_of_the_operations_and_statuses_that_there_are() {
        let mut told = BTreeMap::new();
        for part in PARTS.map(read) {
            for (path, item) in part["paths"].as_object().unwrap() {
                for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                    let statuses = operation["responses"].as_object().unwrap().keys().cloned();
                    told.insert(format!("{method} {path}"), statuses.collect::<BTreeSet<_>>());
                }
            }
        }
        let mut schemas = Schemas::default();
        let there: BTreeMap<String, BTreeSet<String>> = operations(&endpoints())
            .iter()
            .map(|((path, method), operation)| {
                let statuses = (operation.answers)(&mut schemas).into_keys().map(|status| status.to_string());
                (format!("{method} {path}"), statuses.collect())
            })
            .collect();
        assert_eq!(told, there);
    }

    /// Each member of a body's type must be read by its reader. Else it would be refused as unknown, or the other way
    /// round.
    #[test]
    fn every_body_is_read_as_its_type_says() {
        let mut bodies = 0;
        for ((path, method), operation) in operations(&endpoints()) {
            let Some(body) = operation.arguments.body else { continue };
            bodies += 1;
            let mut schemas = Schemas::default();
            let name = (body.schema)(&mut schemas);
            let described: BTreeSet<&str> = schemas.0[&name]["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect();
            assert_eq!(described, (body.members)(), "{method} {path}");
        }
        assert!(bodies > 15);
    }

    #[test]
    fn every_example_belongs_to_a_schema() {
        for part in PARTS.iter().chain([&FRAME]).map(|part| read(part)) {
            for name in part["examples"].as_object().into_iter().flat_map(Map::keys) {
                assert!(document()["components"]["schemas"].get(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn operations_examples_and_parameters_are_named_once() {
        let ids: Vec<&str> =
            described().iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let mut names = BTreeSet::new();
        for part in PARTS.iter().chain([&FRAME]) {
            let part = read(part);
            for kind in ["parameters", "examples"] {
                let own = part.get(kind).or(part.pointer(&format!("/components/{kind}")));
                for name in own.and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                    assert!(names.insert((kind, name.clone())), "{kind} {name}");
                }
            }
        }
    }

    #[test]
    fn every_operation_says_what_it_is_who_may_call_it_and_how_it_ends() {
        for (path, method, operation) in described() {
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
            for word in items.flat_map(|item| METHODS.map(|method| item[method]["codes"].clone())) {
                for word in word.as_array().into_iter().flatten() {
                    named += 1;
                    assert!(crate::http::error::Code::parse(word.as_str().unwrap()).is_some(), "{word}");
                }
            }
        }
        assert!(named > 10);
    }

    #[test]
    fn the_document_has_the_members_of_openapi_alone() {
        let document = document();
        let members: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(members, ["components", "info", "openapi", "paths", "servers", "tags"]);
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
