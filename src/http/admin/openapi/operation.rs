//! Completes the operations of the description: bodies, answers with their examples, refusals.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::refusal::{self, Trait};
use super::schema;
use super::tree::{components, resolved};
use crate::http::admin::answer::{Schemas, Shape};
use crate::http::admin::endpoint::{BodyType, Operation};
use crate::http::error::Code;

/// Completes one operation in place: adds what the types of its handler state to what its file states.
pub(super) fn complete(document: &mut Value, path: &str, method: &str, typed: &Operation) {
    let item = &mut document["paths"][path];
    let shared = item["parameters"].clone();
    let mut operation = match item[method].take() {
        Value::Object(operation) => operation,
        _ => Map::new(),
    };
    let guard = typed.arguments.scope.map(|scope| json!({ "bearer": [scope.as_str()] }));
    operation.insert("security".into(), guard.into_iter().collect());
    let (examples, constraints) = (operation.remove("examples"), operation.remove("constraints"));
    if let Some(body) = typed.arguments.body {
        operation.insert("requestBody".into(), request_body(document, body, examples, constraints));
    }
    let told = operation.remove("responses").unwrap_or_default();
    let shapes = (typed.answers)(&mut Schemas::default());
    let answers = shapes.iter().map(|(status, shapes)| {
        let status = status.to_string();
        let answer = answer(document, &status, shapes, &told[&status]);
        (status, answer)
    });
    let mut answers: Map<String, Value> = answers.collect();
    let mut codes: BTreeSet<Code> = match operation.remove("codes") {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).filter_map(Code::parse).collect(),
        _ => BTreeSet::new(),
    };
    let parameters = [Some(&shared), operation.get("parameters")].into_iter().flatten();
    let parameters: Vec<Value> = parameters.filter_map(Value::as_array).flatten().cloned().collect();
    codes.extend(traits(document, &parameters, typed).iter().flat_map(|one| one.codes()));
    for (status, codes) in refusal::by_status(&codes) {
        let name = refusal::name(&codes);
        answers.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        components(document, "responses").entry(name).or_insert_with(|| refusal::response(&codes));
    }
    operation.insert("responses".into(), answers.into());
    document["paths"][path][method] = operation.into();
}

fn traits(document: &Value, parameters: &[Value], typed: &Operation) -> Vec<Trait> {
    let has = |wanted: fn(&Value) -> bool| parameters.iter().any(|one| wanted(resolved(document, one)));
    let present = [
        (Trait::Guarded, typed.arguments.scope.is_some()),
        (Trait::ById, has(|one| one["in"] == "path" && one["schema"]["format"] == "uuid")),
        (Trait::Paged, has(|one| one["name"] == "cursor")),
        (Trait::Bodied, typed.arguments.body.is_some()),
    ];
    present.into_iter().filter(|(_, is_so)| *is_so).map(|(one, _)| one).collect()
}

/// A body. `constraints` are the dependencies between its members, which no type states.
fn request_body(document: &Value, body: BodyType, examples: Option<Value>, constraints: Option<Value>) -> Value {
    let name = (body.schema)(&mut Schemas::default());
    let required = &document["components"]["schemas"][&name]["required"];
    let examples =
        examples.unwrap_or_else(|| json!({ "reason": { "value": { "reason": "asked for by the helpdesk" } } }));
    let mut schema = reference(&name);
    if let (Some(schema), Some(Value::Object(constraints))) = (schema.as_object_mut(), constraints) {
        schema.extend(constraints);
    }
    json!({
        "content": { "application/json": { "schema": schema, "examples": examples } },
        // No body counts as an empty object.
        "required": required.as_array().is_some_and(|required| !required.is_empty()),
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An answer of some shapes. `told` is its description, or an object with what no type states about it.
fn answer(document: &Value, status: &str, shapes: &[Shape], told: &Value) -> Value {
    let mut answer = match told {
        Value::Object(told) => told.clone(),
        description => Map::from_iter([("description".to_owned(), description.clone())]),
    };
    let own_example = answer.remove("example");
    let schemas: Vec<Value> = shapes
        .iter()
        .map(|shape| match shape {
            Shape::One(name) => reference(name),
            Shape::PageOf(name) => page_of(&reference(name)),
        })
        .collect();
    let example = own_example.or_else(|| match shapes.first()? {
        Shape::One(name) => schema::example(document, &reference(name)),
        Shape::PageOf(name) => {
            let item = schema::example(document, &reference(name))?;
            Some(json!({ "items": [item], "nextCursor": null }))
        }
    });
    let schema = match <[Value; 1]>::try_from(schemas) {
        Ok([one]) => Some(one),
        Err(several) => Some(several).filter(|all| !all.is_empty()).map(|all| json!({ "anyOf": all })),
    };
    if let Some(schema) = schema {
        let mut media = Map::from_iter([("schema".to_owned(), schema)]);
        media.extend(example.map(|example| ("example".to_owned(), example)));
        answer.insert("content".into(), json!({ "application/json": media }));
    }
    if status == "201" {
        let location =
            json!({ "required": true, "description": "Where the new thing is.", "schema": { "type": "string" } });
        answer.insert("headers".into(), json!({ "Location": location }));
    }
    answer.into()
}

fn page_of(item: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items", "nextCursor"],
        "properties": {
            "items": { "type": "array", "items": item },
            "nextCursor": { "type": ["string", "null"], "description": "The `cursor` of the next page; none after the last." },
        },
    })
}
