//! Renders schemas as tables: a member, its possible values, its meaning.

use std::fmt::Write;

use serde_json::Value;

use super::text::{inline, list, text};
use crate::http::consent::escape;

/// The members of an object, those within it by their path; anything else in one line.
pub(super) fn table(page: &mut String, schema: &Value) {
    show(page, schema, kind);
}

/// As [`table`], for a body: `null` is as good as left out there, which need not be said of each member.
pub(super) fn body(page: &mut String, schema: &Value) {
    show(page, schema, kind_besides_null);
}

/// How the type of a member is described.
type Tell = fn(&Value) -> String;

fn show(page: &mut String, schema: &Value, tell: Tell) {
    if !schema["properties"].is_object() {
        let _ = write!(page, "<p>{}</p>", kind(schema));
        return;
    }
    page.push_str("<table>");
    rows(page, "", schema, tell);
    page.push_str("</table>");
}

/// A line for each member: first those that are always there.
fn rows(page: &mut String, before: &str, schema: &Value, tell: Tell) {
    let required = list(&schema["required"]);
    let is_required = |name: &String| required.contains(&name.as_str().into());
    let members = schema["properties"].as_object().into_iter().flatten();
    let (first, last): (Vec<_>, Vec<_>) = members.partition(|(name, _)| is_required(name));
    for (name, member) in first.into_iter().chain(last) {
        let path = format!("{before}{name}");
        let note = if is_required(name) { "" } else { "optional" };
        row(page, &path, &tell(member), note, text(&member["description"]));
        let inner = if member["items"].is_object() { &member["items"] } else { member };
        if inner["properties"].is_object() {
            let separator = if member["items"].is_object() { "[]." } else { "." };
            rows(page, &format!("{path}{separator}"), inner, kind);
        }
    }
}

/// One line of a table of members or parameters; `kind` is HTML already.
pub(super) fn row(page: &mut String, name: &str, kind: &str, note: &str, description: &str) {
    let _ = write!(page, "<tr><td><code>{}</code></td><td>{kind}", escape(name));
    if !note.is_empty() {
        let _ = write!(page, " <span class=\"soft\">{note}</span>");
    }
    let _ = write!(page, "</td><td>{}</td></tr>", inline(description));
}

fn kind_besides_null(schema: &Value) -> String {
    let mut bare = schema.clone();
    let is_null = |value: &Value| value.is_null() || value == "null" || value["type"] == "null";
    for list in ["type", "enum", "anyOf"] {
        if let Some(all) = bare.get_mut(list).and_then(Value::as_array_mut) {
            all.retain(|one| !is_null(one));
        }
    }
    kind(&bare)
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
    if let Some(item) =
        schema["properties"]["items"].get("items").filter(|_| schema["properties"]["nextCursor"].is_object())
    {
        return format!("page of {}", kind(item));
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

    #[test]
    fn a_body_needs_no_word_about_null() {
        let schema = json!({ "properties": {
            "a": { "type": ["string", "null"], "enum": ["x", null] },
            "b": { "anyOf": [{ "$ref": "#/components/schemas/B" }, { "type": "null" }] },
        } });
        let (mut told, mut plain) = (String::new(), String::new());
        table(&mut told, &schema);
        body(&mut plain, &schema);
        assert_eq!((told.matches("null").count(), plain.matches("null").count()), (2, 0));
        assert!(plain.contains("<a href=\"#shape-B\">B</a>"));
    }
}
