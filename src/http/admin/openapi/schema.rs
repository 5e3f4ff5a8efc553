//! Completes schemas of the description: the derived ones leave out what is the same everywhere.

use serde_json::{Map, Value, json};

use crate::http::admin::request::body::MAX_REASON;

/// Marks which members of answers are always there: those that the derived schemas require, and those that may be
/// `null`. A member that may be absent too has `x-optional`.
pub(super) fn require_members(schemas: &mut Map<String, Value>) {
    for schema in schemas.values_mut() {
        let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        let nullable: Vec<Value> =
            members.iter().filter(|(_, member)| is_required(member)).map(|(name, _)| name.as_str().into()).collect();
        for member in members.values_mut().filter_map(Value::as_object_mut) {
            member.remove("x-optional");
        }
        let Some(schema) = schema.as_object_mut() else { continue };
        let required = schema.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.extend(nullable);
            required.sort_by_key(ToString::to_string);
        }
    }
}

/// Whether a member may be `null`, and not be absent.
fn is_required(member: &Value) -> bool {
    let may_be_null = match &member["type"] {
        Value::Array(types) => types.iter().any(|one| one == "null"),
        _ => member["oneOf"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "null")),
    };
    may_be_null && member.get("x-optional").is_none()
}

/// What every body has and is: a `reason`, and no unknown members.
pub(super) fn as_body(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.insert("additionalProperties".into(), false.into());
    let members = object.entry("properties").or_insert_with(|| json!({}));
    members["reason"] =
        json!({ "type": ["string", "null"], "maxLength": MAX_REASON, "description": "Why, for the audit." });
}

/// Puts what derived schemas say into the form that the rest of the document has: descriptions without the line breaks
/// of the source, and beside the alternatives that they belong to.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(mut all)) = object.remove("oneOf") {
                let mut references = all.iter_mut().filter(|one| one.get("$ref").is_some());
                let moved = references.find_map(|one| one.as_object_mut()?.remove("description"));
                if let Some(description) = moved {
                    object.entry("description").or_insert(description);
                }
                object.insert("anyOf".to_owned(), all.into());
            }
            if let Some(Value::String(text)) = object.get_mut("description") {
                let paragraphs: Vec<String> = text
                    .split("\n\n")
                    .map(|one| one.split('\n').map(str::trim).collect::<Vec<_>>().join(" "))
                    .collect();
                *text = paragraphs.join("\n\n");
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The example of a schema, with those of what it refers to.
pub(super) fn example(document: &Value, schema: &Value) -> Option<Value> {
    let schema = super::tree::resolved(document, schema);
    schema["examples"].get(0).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_may_be_null_is_there_unless_it_may_be_absent_too() {
        let mut schemas = Map::from_iter([(
            "A".to_owned(),
            json!({ "required": ["d"], "properties": {
                "a": { "type": ["string", "null"] },
                "b": { "type": ["string", "null"], "x-optional": true },
                "c": { "oneOf": [{ "$ref": "#/c" }, { "type": "null" }] },
                "d": { "type": "string" },
                "e": { "type": "string" },
            } }),
        )]);
        require_members(&mut schemas);
        assert_eq!(schemas["A"]["required"], json!(["a", "c", "d"]));
        assert_eq!(schemas["A"]["properties"]["b"], json!({ "type": ["string", "null"] }));
    }

    #[test]
    fn a_body_has_a_reason_and_no_unknown_members() {
        let mut schema = json!({ "required": ["a"], "properties": { "a": { "type": "string" } } });
        as_body(&mut schema);
        assert_eq!(schema["properties"]["a"], json!({ "type": "string" }));
        assert_eq!(schema["properties"]["reason"]["type"], json!(["string", "null"]));
        assert_eq!(schema["additionalProperties"], false);
        let mut empty = json!({ "type": "object" });
        as_body(&mut empty);
        assert!(empty["properties"]["reason"].is_object());
    }

    #[test]
    fn a_description_has_no_line_breaks_of_the_source_and_stands_beside_alternatives() {
        let mut schema = json!({ "description": "a\nb\n\nc", "properties": {
            "x": { "oneOf": [{ "$ref": "#/x", "description": "d" }, { "type": "null" }] },
        } });
        tidy(&mut schema);
        assert_eq!(schema["description"], "a b\n\nc");
        assert_eq!(
            schema["properties"]["x"],
            json!({ "anyOf": [{ "$ref": "#/x" }, { "type": "null" }], "description": "d" })
        );
    }
}
