//! Schemas of the description: what the files leave out because it is the same everywhere.

use serde_json::{Map, Value, json};

use crate::http::admin::body::MAX_REASON;

/// Where a schema names no `required`, all members are, but those that are `x-optional`. Goes into everything but
/// alternatives, which only add to what stands beside them.
pub(super) fn require_members(schemas: &mut Map<String, Value>) {
    for schema in schemas.values_mut() {
        require(schema);
    }
}

fn require(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(Value::Object(members)) = schema.get_mut("properties") {
        let mut all = Vec::new();
        for (name, member) in members {
            let is_optional = member.as_object_mut().is_some_and(|member| member.remove("x-optional").is_some());
            if !is_optional {
                all.push(name.clone());
            }
            require(member);
        }
        schema.entry("required").or_insert_with(|| all.into());
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner) {
            require(inner);
        }
    }
}

/// What every body has and is: a `reason`, no unknown members, `null` for what is left out.
pub(super) fn as_body(schema: &mut Value) {
    let required = schema["required"].clone();
    let Some(object) = schema.as_object_mut() else { return };
    object.insert("additionalProperties".into(), false.into());
    let members = object.entry("properties").or_insert_with(|| json!({}));
    members["reason"] = json!({ "type": "string", "maxLength": MAX_REASON, "description": "Why, for the audit." });
    for (name, member) in members.as_object_mut().into_iter().flatten() {
        if required.as_array().is_none_or(|required| !required.contains(&name.as_str().into())) {
            nullable(member);
        }
    }
}

/// Lets a member be `null` too.
fn nullable(member: &mut Value) {
    if member.get("$ref").is_some() {
        *member = json!({ "anyOf": [member.take(), { "type": "null" }] });
        return;
    }
    let Some(member) = member.as_object_mut() else { return };
    // A list of types is what this has made already, or the file says null itself.
    let Some(Value::String(kind)) = member.get("type").cloned() else { return };
    member.insert("type".into(), json!([kind, "null"]));
    if let Some(Value::Array(words)) = member.get_mut("enum") {
        words.push(Value::Null);
    }
}

/// The example of a schema, with those of what it refers to.
pub(super) fn example(document: &Value, schema: &Value) -> Option<Value> {
    let schema = super::resolved(document, schema);
    schema["examples"].get(0).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_required_unless_the_file_says_otherwise() {
        let mut schemas = Map::from_iter([(
            "A".to_owned(),
            json!({ "properties": {
                "a": { "type": "array", "items": { "properties": { "b": {}, "c": { "x-optional": true } } } },
                "d": { "required": [], "properties": { "e": {} } },
            } }),
        )]);
        require_members(&mut schemas);
        let a = &schemas["A"];
        assert_eq!(a["required"], json!(["a", "d"]));
        assert_eq!(a["properties"]["a"]["items"], json!({ "properties": { "b": {}, "c": {} }, "required": ["b"] }));
        assert_eq!(a["properties"]["d"]["required"], json!([]));
    }

    #[test]
    fn a_body_has_a_reason_and_takes_null_for_what_is_left_out() {
        let mut schema = json!({ "required": ["a"], "properties": {
            "a": { "type": "string" }, "b": { "type": "string", "enum": ["x"] }, "c": { "$ref": "#/c" },
        } });
        as_body(&mut schema);
        as_body(&mut schema);
        let members = &schema["properties"];
        assert_eq!(members["a"], json!({ "type": "string" }));
        assert_eq!(members["b"], json!({ "type": ["string", "null"], "enum": ["x", null] }));
        assert_eq!(members["c"], json!({ "anyOf": [{ "$ref": "#/c" }, { "type": "null" }] }));
        assert_eq!(members["reason"]["type"], json!(["string", "null"]));
        assert_eq!(schema["additionalProperties"], false);
    }
}
