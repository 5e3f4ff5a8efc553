//! Renders example requests as curl commands.

use serde_json::{Map, Value};

use super::text::text;
use crate::http::admin::openapi::tree::resolved;

/// The parameters of an operation, those of its path first.
pub(super) fn parameters<'a>(document: &'a Value, path: &str, operation: &'a Value) -> Vec<&'a Value> {
    let shared = &document["paths"][path]["parameters"];
    let all = [shared, &operation["parameters"]].into_iter().filter_map(Value::as_array).flatten();
    all.map(|parameter| resolved(document, parameter)).collect()
}

/// One command for each example of the body; one for an operation without a body.
pub(super) fn calls(document: &Value, path: &str, method: &str, operation: &Value) -> Vec<String> {
    let parameters = parameters(document, path, operation);
    let has_token = operation["security"].as_array().is_some_and(|guards| !guards.is_empty());
    let command = |example: &Value| {
        let mut url = path.replacen("/api/v1", "$API", 1);
        let mut queries = Vec::new();
        for parameter in &parameters {
            let name = text(&parameter["name"]);
            let Some(given) = example["x-path"].get(name).or(parameter.get("example")).map(plain) else { continue };
            if parameter["in"] == "path" {
                url = url.replace(&format!("{{{name}}}"), &given);
            } else {
                queries.push(format!("{name}={given}"));
            }
        }
        queries.extend(example["x-query"].as_str().map(str::to_owned));
        if !url.starts_with("$API") {
            url = format!("${{API%/api/v1}}{url}");
        }
        let mut words = vec!["curl -s".to_owned()];
        if has_token {
            words.push("-H \"$A\"".to_owned());
        }
        match (method, example.get("value")) {
            ("get", _) | ("post", Some(_)) => {}
            _ => words.push(format!("-X {}", method.to_uppercase())),
        }
        if method == "get" && !queries.is_empty() {
            words.push(format!("-G {url}"));
            words.extend(queries.iter().map(|query| format!("--data-urlencode {}", quoted(query))));
        } else if queries.is_empty() {
            words.push(url);
        } else {
            words.push(format!("\"{url}?{}\"", queries.join("&")));
        }
        if let Some(body) = example.get("value") {
            words.push(format!("--json {}", quoted(&body.to_string())));
        }
        words.join(" ")
    };
    match operation["requestBody"]["content"]["application/json"]["examples"].as_object() {
        Some(examples) => examples.values().map(command).collect(),
        None => vec![command(&Value::Object(Map::new()))],
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An argument, quoted for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::admin::document;

    fn calls_of(path: &str, method: &str) -> Vec<String> {
        calls(document(), path, method, &document()["paths"][path][method])
    }

    #[test]
    fn an_example_is_a_command_that_can_be_pasted() {
        assert_eq!(calls_of("/healthz", "get"), ["curl -s ${API%/api/v1}/healthz"]);
        assert_eq!(
            calls_of("/api/v1/people", "get"),
            [
                "curl -s -H \"$A\" -G $API/people --data-urlencode 'filter=userName eq \"tom.baker@acme-robotics.example\"'"
            ]
        );
        assert_eq!(
            calls_of("/api/v1/groups/{id}/aliases", "post"),
            [
                "curl -s -H \"$A\" $API/groups/e35a0b6f-91c4-4d7a-8d0a-6a9f4d1f2c33/aliases --json '{\"name\":\"Eng\",\"reason\":\"one department, two spellings\"}'"
            ]
        );
        assert_eq!(
            calls_of("/api/v1/fields/{unit}", "put")[1],
            "curl -s -H \"$A\" -X PUT \"$API/fields/title?preview=true\" --json '{\"order\":[\"01a2016f-f0a7-701f-a73b-ad87ed66e694\"]}'"
        );
    }

    #[test]
    fn quotes_within_a_word_stay_within_it() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
