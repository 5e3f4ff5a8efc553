//! Helpers for the document as a tree of JSON.

use serde_json::{Map, Value};

/// The methods that an operation can have, in the order of the page.
pub(super) const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The components of a kind.
pub(super) fn components<'a>(document: &'a mut Value, kind: &str) -> &'a mut Map<String, Value> {
    let kind = &mut document["components"][kind];
    if kind.is_null() {
        *kind = Map::new().into();
    }
    kind.as_object_mut().expect("components are objects")
}

/// A member that is an object, out of its place; empty when there is none.
pub(super) fn taken(value: &mut Value, name: &str) -> Map<String, Value> {
    match value.as_object_mut().and_then(|object| object.remove(name)) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// What a value refers to, or itself.
pub(super) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#')));
    target.unwrap_or(value)
}
