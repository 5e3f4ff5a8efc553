//! Schemas as tables: a member, what it may be, what it means.

use std::fmt::Write;

use serde_json::Value;

use super::{inline, list, text};
use crate::http::html::escape;

/// The members of an object, those within it indented by their path; anything else in one line.
pub(super) fn table(page: &mut String, schema: &Value) {
    if !schema["properties"].is_object() {
        let _ = write!(page, "<p>{}</p>", kind(schema));
        return;
    }
    page.push_str("<table>");
    rows(page, "", schema);
    page.push_str("</table>");
}

fn rows(page: &mut String, before: &str, schema: &Value) {
    let required = list(&schema["required"]);
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{before}{name}");
        let note = if required.contains(&name.as_str().into()) { "" } else { "optional" };
        row(page, &path, note, text(&member["description"]), member);
        let inner = if member["items"].is_object() { &member["items"] } else { member };
        if inner["properties"].is_object() {
            let separator = if member["items"].is_object() { "[]." } else { "." };
            rows(page, &format!("{path}{separator}"), inner);
        }
    }
}

/// One line of a table of members or parameters.
pub(super) fn row(page: &mut String, name: &str, note: &str, description: &str, schema: &Value) {
    let _ = write!(page, "<tr><td><code>{}</code></td><td>{}", escape(name), kind(schema));
    if !note.is_empty() {
        let _ = write!(page, " <span class=\"soft\">{note}</span>");
    }
    let _ = write!(page, "</td><td>{}</td></tr>", inline(description));
}

/// What a value may be, as HTML.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = escape(target.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#shape-{name}\">{name}</a>");
    }
    if let Some(word) = schema.get("const") {
        return format!("<code>{}</code>", escape(&shown(word)));
    }
    for alternatives in [&schema["anyOf"], &schema["allOf"]] {
        if let Some(all) = alternatives.as_array() {
            return all.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words
            .iter()
            .map(|word| if word.is_null() { "null".into() } else { format!("<code>{}</code>", escape(&shown(word))) });
        return words.collect::<Vec<String>>().join(" or ") + &bounds(schema);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if types.is_empty() {
        return "anything".to_owned();
    }
    types.iter().map(|one| of_type(one, schema)).collect::<Vec<_>>().join(" or ") + &bounds(schema)
}

fn of_type(kind_of_value: &str, schema: &Value) -> String {
    match (kind_of_value, schema["format"].as_str()) {
        ("string", Some("uuid")) => "id".to_owned(),
        ("string", Some("date-time")) => "time".to_owned(),
        ("string", Some("date")) => "date".to_owned(),
        ("string", Some("uri")) => "URL".to_owned(),
        ("string", _) => "text".to_owned(),
        ("integer", _) => "whole number".to_owned(),
        ("boolean", _) => "true or false".to_owned(),
        ("array", _) => format!("list of {}", kind(&schema["items"])),
        ("object", _) if schema["additionalProperties"].is_object() => {
            format!("map to {}", kind(&schema["additionalProperties"]))
        }
        (other, _) => escape(other),
    }
}

fn bounds(schema: &Value) -> String {
    let mut notes = Vec::new();
    let bound = |name: &str| schema.get(name).map(shown);
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => notes.push(format!("{least} to {most}")),
        (Some(least), None) if least != "0" => notes.push(format!("at least {least}")),
        _ => {}
    }
    match (bound("minLength"), bound("maxLength")) {
        (Some(least), Some(most)) => notes.push(format!("{least} to {most} characters")),
        (None, Some(most)) => notes.push(format!("at most {most} characters")),
        (Some(_), None) => notes.push("not empty".to_owned()),
        (None, None) => {}
    }
    notes.extend(bound("minItems").map(|least| format!("at least {least}")));
    notes.extend(bound("default").map(|default| format!("default {default}")));
    if notes.is_empty() { String::new() } else { format!(", {}", escape(&notes.join(", "))) }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_told_in_words() {
        let told = [
            (json!({ "type": "string", "format": "uuid" }), "id"),
            (json!({ "type": ["string", "null"], "format": "date" }), "date or null"),
            (
                json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 100 }),
                "whole number, 1 to 500, default 100",
            ),
            (
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/Run" } }),
                "list of <a href=\"#shape-Run\">Run</a>",
            ),
            (json!({ "type": "string", "enum": ["a", "<b>"] }), "<code>a</code> or <code>&lt;b&gt;</code>"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "map to text"),
            (json!({}), "anything"),
        ];
        for (schema, expected) in told {
            assert_eq!(kind(&schema), expected);
        }
    }

    #[test]
    fn members_within_members_have_their_path() {
        let mut page = String::new();
        let inner = json!({ "type": "object", "properties": { "b": { "type": "string" } }, "required": ["b"] });
        table(
            &mut page,
            &json!({ "properties": { "a": inner, "c": { "type": "array", "items": inner } }, "required": ["a"] }),
        );
        for path in ["a", "a.b", "c", "c[].b"] {
            assert!(page.contains(&format!("<td><code>{path}</code></td>")), "{page}");
        }
        assert_eq!(page.matches("optional").count(), 1);
    }
}
