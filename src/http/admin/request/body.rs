//! Reads bodies of requests and checks size, type, depth and unknown members. All mistakes are reported at once, by
//! JSON path.

#[cfg(test)]
use std::collections::BTreeSet;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::ReasonOnly;
use crate::flows::audit::Actor;
use crate::http::auth::Caller;
use crate::http::error::{Code, FieldError, Problem};
use crate::scim::json;

/// Bytes of a body, at most.
const MAX_BODY: usize = 1024 * 1024;
/// Characters of a reason, at most.
pub(crate) const MAX_REASON: usize = 1_000;

/// The body of a request, not read yet: it is read when the caller is known and the rest of the request is good.
pub(crate) struct Body<T> {
    request: HttpRequest,
    payload: web::Payload,
    of: PhantomData<T>,
}

/// A type that bodies are read into.
pub(crate) trait RequestBody: ToSchema + 'static {
    /// Reads the members, and notes everything that is wrong with them; then what is answered is not used.
    fn read(members: &mut Members) -> Self;
}

impl RequestBody for ReasonOnly {
    fn read(_: &mut Members) -> Self {
        Self {}
    }
}

impl<T> FromRequest for Body<T> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut actix_web::dev::Payload) -> Self::Future {
        let payload = web::Payload::from_request(request, payload).into_inner();
        ready(payload.map(|payload| Self { request: request.clone(), payload, of: PhantomData }))
    }
}

impl<T: RequestBody> Body<T> {
    /// Reads the body, or answers all mistakes in it at once; with it, who makes the change and why. No body counts as
    /// an empty object.
    pub(crate) async fn read<P>(self, caller: &Caller<P>) -> Result<(T, Actor), Problem> {
        let mut members = Members::new(object(&self.request, self.payload).await?);
        let body = T::read(&mut members);
        Ok((body, members.actor(caller)?))
    }
}

/// The members that a type of bodies reads.
#[cfg(test)]
pub(crate) fn names_of<T: RequestBody>() -> BTreeSet<&'static str> {
    let mut members = Members::new(Map::new());
    T::read(&mut members);
    members.known.into_iter().filter(|name| !members.not_available.contains(name)).collect()
}

/// The JSON object that a body is.
async fn object(request: &HttpRequest, payload: web::Payload) -> Result<Map<String, Value>, Problem> {
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
        return Ok(Map::new());
    }
    check_type(request)?;
    // Of two members of one name the last would win without notice, also in a release policy.
    let body = json::value(&bytes).map_err(|error| Problem::malformed(format!("the body cannot be read: {error}")))?;
    match body {
        Value::Object(given) => Ok(given),
        _ => Err(Problem::malformed("the body has to be a JSON object")),
    }
}

/// The members of a body, and the mistakes in them. Every body may have a `reason`.
#[derive(Debug)]
pub(crate) struct Members {
    given: Map<String, Value>,
    /// The members that were read, in this order.
    known: Vec<&'static str>,
    /// Those of them that this server does not take yet.
    not_available: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Members {
    fn new(given: Map<String, Value>) -> Self {
        let mut members = Self { given, known: Vec::new(), not_available: Vec::new(), errors: Vec::new() };
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
    pub(crate) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.into(), message: message.into() });
    }

    /// Whether something about a member is noted already.
    pub(crate) fn has_refused(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }

    /// Whether something about a member, or about what is in it, is noted already.
    pub(crate) fn has_refused_within(&self, field: &str) -> bool {
        let is_within = |rest: &str| rest.is_empty() || rest.starts_with(['[', '.']);
        self.errors.iter().any(|error| error.field.strip_prefix(field).is_some_and(is_within))
    }

    /// Takes a member as it is; `null` is as good as absent.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.know(name);
        self.given.remove(name).filter(|value| !value.is_null())
    }

    /// Whether a member is given as `null`, where that has a meaning of its own.
    pub(crate) fn is_null(&mut self, name: &'static str) -> bool {
        self.know(name);
        self.given.get(name).is_some_and(Value::is_null)
    }

    /// Refuses a member that the design has and this server does not do yet.
    pub(crate) fn refuse_not_available(&mut self, name: &'static str, message: &str) {
        self.not_available.push(name);
        if self.take(name).is_some() {
            self.refuse(name, message);
        }
    }

    fn know(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    /// A text, if it is given.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => self.wrong(name, "a text", &other),
        }
    }

    /// A text that has to be there.
    pub(crate) fn required_text(&mut self, name: &'static str) -> String {
        self.know(name);
        if self.given.get(name).is_none_or(Value::is_null) {
            self.refuse(name, "missing; expected a text");
            return String::new();
        }
        self.text(name).unwrap_or_default()
    }

    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            other => self.wrong(name, "true or false", &other),
        }
    }

    /// A whole number within bounds, if it is given.
    pub(crate) fn number(&mut self, name: &'static str, least: i64, most: i64) -> Option<i64> {
        let value = self.take(name)?;
        match value.as_i64().filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(name, &format!("a whole number from {least} to {most}"), &value),
        }
    }

    /// A list of texts, if it is given.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
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
    pub(crate) fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(object) => Some(object),
            other => self.wrong(name, "an object", &other),
        }
    }

    /// Notes a value of the wrong type. The value itself is not repeated: it may be a secret in the wrong place.
    pub(crate) fn wrong<T>(&mut self, at: &str, wanted: &str, found: &Value) -> Option<T> {
        self.refuse(at, format!("expected {wanted}, found {}", kind(found)));
        None
    }

    /// Notes the members that were not read, before everything else.
    fn refuse_unknown(&mut self) {
        let unknown = self.given.keys().filter(|name| !self.known.contains(&name.as_str()));
        let message = format!("unknown; expected {}", self.known.join(", "));
        let unknown: Vec<FieldError> =
            unknown.map(|name| FieldError { field: shown(name), message: message.clone() }).collect();
        self.errors.splice(0..0, unknown);
    }

    /// All mistakes that were noted, or who makes the change and why.
    fn actor<P>(mut self, caller: &Caller<P>) -> Result<Actor, Problem> {
        let reason = self.text("reason").map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            self.refuse("reason", format!("expected at most {MAX_REASON} characters"));
        }
        self.refuse_unknown();
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

/// Names of unknown members are repeated only as far as is needed to find them.
pub(crate) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
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

    fn members(body: Value) -> Members {
        let Value::Object(given) = body else { panic!("an object was expected") };
        Members::new(given)
    }

    fn errors(members: &Members) -> Vec<(&str, &str)> {
        members.errors.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect()
    }

    #[test]
    fn every_mistake_is_named_at_once_and_no_value_is_repeated() {
        let body = json!({ "nmae": "x", "name": 7, "scopes": ["a", 1, null], "days": 400, "on": "yes", "o": "s3cret" });
        let mut members = members(body);
        members.required_text("name");
        members.texts("scopes");
        members.number("days", 1, 30);
        members.boolean("on");
        members.object("o");
        members.text("reason");
        members.refuse_unknown();
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
        let members = members(json!({ "a": { "b": ["ok", "x\0"] }, "c": { "d\0": 1 } }));
        let fields: Vec<&str> = errors(&members).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["a.b[1]", "c.d"]);
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let mut members = members(json!({ "name": null, "x": null }));
        assert!(members.is_null("x") && !members.is_null("y"));
        assert_eq!(members.text("x"), None);
        assert_eq!(errors(&members), []);
        members.required_text("name");
        assert_eq!(errors(&members), [("name", "missing; expected a text")]);
    }
}
