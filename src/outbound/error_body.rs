//! Describes the body of an error: known messages as our texts, else its shape. A text of the vendor is never included,
//! because it may hold names, birth dates or credentials.

use serde_json::Value;

use super::dialect::Dialect;

/// How deep messages are searched for.
const DEEPEST: usize = 4;
/// How many messages or members are mentioned.
const MOST: usize = 8;

/// Describes an error body that is JSON.
pub(super) fn describe(body: &Value, dialect: &Dialect) -> String {
    let mut words = Vec::new();
    if let Value::Object(members) = body {
        for key in dialect.error_keys {
            if let Some(value) = members.get(*key) {
                collect(value, 0, dialect, &mut words);
            }
        }
    }
    if words.is_empty() { shape(body, dialect) } else { words.join("; ") }
}

/// Whether a body has the shape of the vendor's own errors.
pub(super) fn is_own(body: &Value, dialect: &Dialect) -> bool {
    let is_said = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    };
    dialect.error_keys.iter().any(|key| body.get(key).is_some_and(is_said))
}

fn collect(value: &Value, depth: usize, dialect: &Dialect, words: &mut Vec<String>) {
    if depth > DEEPEST || words.len() >= MOST {
        return;
    }
    match value {
        Value::String(text) => {
            let known = dialect.words(text).map(str::to_owned);
            words.extend(known.filter(|known| !words.contains(known)));
        }
        Value::Array(items) => items.iter().take(MOST).for_each(|item| collect(item, depth + 1, dialect, words)),
        Value::Object(members) => {
            for (key, inner) in members.iter().take(4 * MOST) {
                let mut found = Vec::new();
                collect(inner, depth + 1, dialect, &mut found);
                if found.is_empty() {
                    continue;
                }
                let found = found.join(", ");
                words.push(match dialect.keys.iter().find(|known| *known == key) {
                    Some(parameter) if found.chars().any(char::is_whitespace) => format!("{parameter}: {found}"),
                    _ => found,
                });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn shape(value: &Value, dialect: &Dialect) -> String {
    let Value::Object(members) = value else { return kind(value) };
    if members.is_empty() {
        return "an empty object".to_owned();
    }
    let named: Vec<String> = members
        .iter()
        .filter_map(|(key, value)| Some(format!("`{}` ({})", dialect.key(key)?, kind(value))))
        .take(MOST)
        .collect();
    let others = members.len() - named.len();
    match (named.as_slice(), others) {
        ([], 1) => "an object with 1 unknown member".to_owned(),
        ([], others) => format!("an object with {others} unknown members"),
        (named, 0) => format!("an object with {}", named.join(", ")),
        (named, others) => format!("an object with {} and {others} unknown", named.join(", ")),
    }
}

/// Type and length of a value.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(members) => format!("an object of {}", members.len()),
    }
}
