//! Bodies of requests, read with care: size, type, depth, unknown members, types by JSON path; all mistakes at once.

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};

use crate::flows::audit::Actor;
use crate::http::auth::Caller;
use crate::http::error::{Code, FieldError, Problem};
use crate::scim::json;

/// Bytes of a body, at most.
const MAX_BODY: usize = 1024 * 1024;
/// Characters of a reason, at most.
pub(super) const MAX_REASON: usize = 1_000;

/// The members of a body, and what is wrong with them. Every body may have a `reason`.
#[derive(Debug)]
pub(super) struct Members {
    given: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Members {
    /// Reads the body of a request, to be called when the caller is known. No body counts as an empty object.
    pub(super) async fn read(request: &HttpRequest, payload: web::Payload, known: &[&str]) -> Result<Self, Problem> {
        let encoded = request.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
        if encoded {
            return Err(unsupported("bodies are taken without Content-Encoding"));
        }
        let bytes = match payload.to_bytes_limited(MAX_BODY).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => return Err(Problem::malformed("the body ended before it was complete")),
            Err(_) => {
                let detail = format!("the body is larger than {MAX_BODY} bytes");
                return Err(Problem::new(Code::TooLarge, detail));
            }
        };
        if bytes.is_empty() {
            return Ok(Self::of(Map::new(), known));
        }
        check_type(request)?;
        // Of two members of one name the last would win in silence: somebody's release policy, say.
        let body =
            json::value(&bytes).map_err(|error| Problem::malformed(format!("the body cannot be read: {error}")))?;
        match body {
            Value::Object(given) => Ok(Self::of(given, known)),
            _ => Err(Problem::malformed("the body has to be a JSON object")),
        }
    }

    fn of(given: Map<String, Value>, known: &[&str]) -> Self {
        let mut members = Self { given, errors: Vec::new() };
        let names: Vec<String> = members.given.keys().cloned().collect();
        for name in names {
            if !known.contains(&name.as_str()) && name != "reason" {
                members.refuse(shown(&name), format!("unknown; expected {}", expected(known)));
            }
        }
        let mut nul = Vec::new();
        for (name, value) in &members.given {
            find_nul(name, value, &mut nul);
        }
        for at in nul {
            members.refuse(at, "a text may not hold the character NUL");
        }
        members
    }

    /// Notes what is wrong with a member.
    pub(super) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.into(), message: message.into() });
    }

    /// Whether something about a member is noted already.
    pub(super) fn has_refused(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }

    /// Whether something about a member, or about what is in it, is noted already.
    pub(super) fn has_refused_within(&self, field: &str) -> bool {
        let is_within = |rest: &str| rest.is_empty() || rest.starts_with(['[', '.']);
        self.errors.iter().any(|error| error.field.strip_prefix(field).is_some_and(is_within))
    }

    /// Takes a member as it is; `null` is as good as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.given.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a member is given as `null`, where that says something of its own.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.given.get(name).is_some_and(Value::is_null)
    }

    /// A text, if it is given.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => self.wrong(name, "a text", &other),
        }
    }

    /// A text that has to be there.
    pub(super) fn required_text(&mut self, name: &str) -> String {
        if self.given.get(name).is_none_or(Value::is_null) {
            self.refuse(name, "missing; expected a text");
            return String::new();
        }
        self.text(name).unwrap_or_default()
    }

    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            other => self.wrong(name, "true or false", &other),
        }
    }

    /// A whole number within bounds, if it is given.
    pub(super) fn number(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let value = self.take(name)?;
        match value.as_i64().filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(name, &format!("a whole number from {least} to {most}"), &value),
        }
    }

    /// A list of texts, if it is given.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let list = match self.take(name)? {
            Value::Array(list) => list,
            other => return self.wrong(name, "a list of texts", &other),
        };
        let mut texts = Vec::new();
        for (n, value) in list.into_iter().enumerate() {
            match value {
                Value::String(text) => texts.push(text),
                other => {
                    self.wrong::<()>(&format!("{name}[{n}]"), "a text", &other);
                }
            }
        }
        Some(texts)
    }

    /// An object, if it is given.
    pub(super) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(object) => Some(object),
            other => self.wrong(name, "an object", &other),
        }
    }

    /// Notes a value of the wrong type. The value itself is not repeated: it may be a secret in the wrong place.
    pub(super) fn wrong<T>(&mut self, at: &str, wanted: &str, found: &Value) -> Option<T> {
        self.refuse(at, format!("expected {wanted}, found {}", kind(found)));
        None
    }

    /// All mistakes that were noted, or on whose word the request is carried out.
    pub(super) fn actor<P>(mut self, caller: &Caller<P>) -> Result<Actor, Problem> {
        let reason = self.text("reason").map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            self.refuse("reason", format!("expected at most {MAX_REASON} characters"));
        }
        if self.errors.is_empty() {
            Ok(Actor { token_name: caller.token_name.clone(), reason })
        } else {
            Err(Problem::invalid(self.errors))
        }
    }
}

/// Only JSON; a body without a type is taken for JSON, but no form is.
fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let Some(header) = request.headers().get(CONTENT_TYPE) else { return Ok(()) };
    let text = header.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        Ok(())
    } else {
        Err(unsupported("bodies are application/json"))
    }
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, detail)
}

/// Names of strangers are repeated only as far as is needed to find them.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn expected(known: &[&str]) -> String {
    let mut all: Vec<&str> = known.to_vec();
    all.push("reason");
    all.join(", ")
}

fn find_nul(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        _ if at.contains('\0') => found.push(shown(at)),
        Value::String(text) if text.contains('\0') => found.push(shown(at)),
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                find_nul(&format!("{at}[{n}]"), value, found);
            }
        }
        Value::Object(object) => {
            for (name, value) in object {
                find_nul(&format!("{at}.{name}"), value, found);
            }
        }
        _ => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number out of place or out of range",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(body: Value, known: &[&str]) -> Members {
        let Value::Object(given) = body else { panic!("an object was expected") };
        Members::of(given, known)
    }

    fn errors(members: &Members) -> Vec<(&str, &str)> {
        members.errors.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect()
    }

    #[test]
    fn every_mistake_is_named_at_once_and_no_value_is_repeated() {
        let body = json!({ "nmae": "x", "name": 7, "scopes": ["a", 1, null], "days": 400, "on": "yes", "o": "s3cret" });
        let mut members = members(body, &["name", "scopes", "days", "on", "o"]);
        members.required_text("name");
        members.texts("scopes");
        members.number("days", 1, 30);
        members.boolean("on");
        members.object("o");
        assert_eq!(
            errors(&members),
            [
                ("nmae", "unknown; expected name, scopes, days, on, o, reason"),
                ("name", "expected a text, found a number out of place or out of range"),
                ("scopes[1]", "expected a text, found a number out of place or out of range"),
                ("scopes[2]", "expected a text, found null"),
                ("days", "expected a whole number from 1 to 30, found a number out of place or out of range"),
                ("on", "expected true or false, found a text"),
                ("o", "expected an object, found a text"),
            ]
        );
    }

    #[test]
    fn nul_is_found_however_deep() {
        let members = members(json!({ "a": { "b": ["ok", "x\0"] }, "c": { "d\0": 1 } }), &["a", "c"]);
        let fields: Vec<&str> = errors(&members).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["a.b[1]", "c.d"]);
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let mut members = members(json!({ "name": null, "x": null }), &["name", "x"]);
        assert!(members.is_null("x") && !members.is_null("y"));
        assert_eq!(members.text("x"), None);
        assert_eq!(errors(&members), []);
        members.required_text("name");
        assert_eq!(errors(&members), [("name", "missing; expected a text")]);
    }
}
