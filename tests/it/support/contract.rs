//! Compares every answer that a test gets with the description of the admin API. The description must have its status
//! and its type for the operation, and its body has exactly the members that the schema names.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use rollbook::http::admin::document;
use serde_json::{Value, json};

use super::served::Answer;

/// The description in which no schema allows members that it does not name. Clients get it without that: they have to
/// bear new members.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut strict = document().clone();
    close(&mut strict);
    strict
});

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

fn close(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let kind = object.get("type");
            let is_object = kind.is_some_and(|kind| kind == "object" || kind == &json!(["object", "null"]));
            if is_object && object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            for (_, value) in object.iter_mut().filter(|(name, _)| !name.starts_with("example")) {
                close(value);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// Fails when an answer is not as described. What the description does not cover is not checked, but for addresses
/// under the API's root.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let at = format!("{method} {path}: {} {}", answer.status, answer.text);
    let Some(template) = template(path) else {
        if path.starts_with("/api/") {
            assert_eq!(answer.status, 404, "{at}");
            follows(&STRICT["components"]["responses"]["notFound"], "notFound", answer, method, &at);
        }
        return;
    };
    let item = &STRICT["paths"][&template];
    let asked = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let Some(operation) = item.get(&asked) else {
        assert_eq!(answer.status, 405, "{at}");
        follows(&STRICT["components"]["responses"]["methodNotAllowed"], "methodNotAllowed", answer, method, &at);
        return;
    };
    let status = answer.status.to_string();
    let response = operation["responses"].get(&status).unwrap_or_else(|| panic!("{at}: the status is not described"));
    follows(resolved(response), &format!("{template} {asked} {status}"), answer, method, &at);
}

/// The path of the description that an address is one of.
pub(crate) fn template(path: &str) -> Option<String> {
    let fits = |template: &&String| {
        let (wanted, given) = (template.split('/'), path.split('/'));
        wanted.clone().count() == given.clone().count()
            && wanted
                .zip(given)
                .all(|(wanted, given)| wanted == given || (wanted.starts_with('{') && !given.is_empty()))
    };
    STRICT["paths"].as_object().unwrap().keys().find(fits).cloned()
}

fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(target) => STRICT.pointer(target.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

fn follows(response: &Value, name: &str, answer: &Answer, method: &str, at: &str) {
    for (header, described) in response["headers"].as_object().into_iter().flatten() {
        let is_there = answer.header(&header.to_lowercase()).is_some();
        assert!(is_there || described["required"] != true, "{at}: the header {header} is missing");
    }
    let Some(content) = response["content"].as_object() else {
        assert_eq!(answer.text, "", "{at}: no body is described");
        return;
    };
    let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let media = content.get(kind).unwrap_or_else(|| panic!("{at}: the type {kind} is not described"));
    if method != "HEAD" && kind.ends_with("json") {
        valid(name, &media["schema"], &answer.body(), at);
    }
}

/// Fails when a body is not as a schema of the description states; `name` is that of the schema.
pub(crate) fn valid(name: &str, schema: &Value, body: &Value, at: &str) {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(name.to_owned()).or_insert_with(|| {
        // References of the schema lead to the components beside it.
        let whole = json!({ "components": { "schemas": STRICT["components"]["schemas"] }, "allOf": [schema] });
        Arc::new(jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap())
    });
    let validator = Arc::clone(validator);
    drop(validators);
    let wrong: Vec<String> =
        validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{at}\nis not as described:\n{}", wrong.join("\n"));
}

/// A schema of the description, closed.
pub(crate) fn strict(pointer: &str) -> &'static Value {
    STRICT.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"))
}
