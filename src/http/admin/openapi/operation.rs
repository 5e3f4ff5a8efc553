//! Operations of the description, completed: bodies, answers with their examples, refusals.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::refusal::{self, Trait};
use super::{components, resolved, schema};
use crate::http::error::Code;

/// Completes one operation in its place.
pub(super) fn complete(document: &mut Value, path: &str, method: &str) {
    let item = &mut document["paths"][path];
    let shared = item["parameters"].clone();
    let mut operation = item[method].take();
    let parameters: Vec<Value> =
        [&shared, &operation["parameters"]].into_iter().filter_map(Value::as_array).flatten().cloned().collect();
    if let Some(body) = operation.get_mut("requestBody") {
        complete_body(document, body);
    }
    if let Some(Value::Object(answers)) = operation.get_mut("responses") {
        for (status, answer) in answers {
            complete_answer(document, status, answer);
        }
    }
    let mut codes: BTreeSet<Code> = match operation.as_object_mut().and_then(|operation| operation.remove("x-codes")) {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).filter_map(Code::parse).collect(),
        _ => BTreeSet::new(),
    };
    codes.extend(traits(document, &parameters, &operation).iter().flat_map(|one| one.codes()));
    for (status, codes) in refusal::by_status(&codes) {
        let name = refusal::name(&codes);
        operation["responses"][status.to_string()] = json!({ "$ref": format!("#/components/responses/{name}") });
        components(document, "responses").entry(name).or_insert_with(|| refusal::response(&codes));
    }
    document["paths"][path][method] = operation;
}

fn traits(document: &Value, parameters: &[Value], operation: &Value) -> Vec<Trait> {
    let has = |wanted: fn(&Value) -> bool| parameters.iter().any(|one| wanted(resolved(document, one)));
    let present = [
        (Trait::Guarded, operation["security"].as_array().is_some_and(|guards| !guards.is_empty())),
        (Trait::ById, has(|one| one["in"] == "path" && one["schema"]["format"] == "uuid")),
        (Trait::Paged, has(|one| one["name"] == "cursor")),
        (Trait::Bodied, operation.get("requestBody").is_some()),
    ];
    present.into_iter().filter(|(_, is_so)| *is_so).map(|(one, _)| one).collect()
}

fn complete_body(document: &mut Value, body: &mut Value) {
    if body.get("x-reason-only").is_some() {
        let schema = json!({ "type": "object", "required": [], "properties": {} });
        let examples = json!({ "reason": { "value": { "reason": "asked for by the helpdesk" } } });
        *body = json!({ "content": { "application/json": { "schema": schema, "examples": examples } } });
    }
    let schema = &mut body["content"]["application/json"]["schema"];
    let named = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()).map(str::to_owned);
    let schema = match named.and_then(|name| components(document, "schemas").get_mut(&name)) {
        Some(named) => named,
        None => schema,
    };
    schema::as_body(schema);
    let is_needed = schema["required"].as_array().is_some_and(|required| !required.is_empty());
    // No body counts as an empty object.
    body["required"] = is_needed.into();
}

fn complete_answer(document: &Value, status: &str, answer: &mut Value) {
    let Some(answer) = answer.as_object_mut() else { return };
    let reference =
        |name: &Value| json!({ "$ref": format!("#/components/schemas/{}", name.as_str().unwrap_or_default()) });
    let body = match (answer.remove("x-schema"), answer.remove("x-page-of")) {
        (Some(Value::Array(names)), _) => {
            let schemas: Vec<Value> = names.iter().map(reference).collect();
            let example = schemas.first().and_then(|first| schema::example(document, first));
            Some((json!({ "anyOf": schemas }), example))
        }
        (Some(name), _) => {
            let schema = reference(&name);
            let example = schema::example(document, &schema);
            Some((schema, example))
        }
        (None, Some(name)) => {
            let item = reference(&name);
            let example = schema::example(document, &item);
            Some((page_of(&item), example.map(|item| json!({ "items": [item], "nextCursor": null }))))
        }
        (None, None) => None,
    };
    if let Some((schema, example)) = body {
        let mut media = Map::from_iter([("schema".to_owned(), schema)]);
        media.extend(example.map(|example| ("example".to_owned(), example)));
        answer.insert("content".into(), json!({ "application/json": media }));
    }
    if status == "201" {
        let location =
            json!({ "required": true, "description": "Where the new thing is.", "schema": { "type": "string" } });
        answer.insert("headers".into(), json!({ "Location": location }));
    }
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
