//! Reads the parameters of a request's URL: each known, each once, each of the right form. All mistakes are reported at
//! once.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use uuid::Uuid;

use super::body::shown;
use super::cursor::{DEFAULT_LIMIT, MAX_LIMIT, Mark, invalid_cursor};
use crate::http::error::{FieldError, Problem};
use crate::http::uri;

/// The parameters of one request, and what is wrong with them.
#[derive(Debug)]
pub(crate) struct Parameters {
    given: BTreeMap<String, String>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Reads the query string; a name that is not in `known` is refused, or a mistyped filter would show everything.
    pub(crate) fn read(request: &HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        let pairs = uri::query_pairs(request.query_string()).map_err(|error| Problem::malformed(error.to_string()))?;
        let mut parameters = Self { given: BTreeMap::new(), errors: Vec::new() };
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let expected = if known.is_empty() { "no parameters".to_owned() } else { known.join(", ") };
                parameters.refuse(shown(&name), format!("unknown; expected {expected}"));
            } else if value.contains('\0') {
                parameters.refuse(name, "a text may not hold the character NUL");
            } else if parameters.given.insert(name.clone(), value).is_some() {
                parameters.refuse(name, "expected once");
            }
        }
        Ok(parameters)
    }

    /// Notes what is wrong with a parameter.
    pub(crate) fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.into(), message: message.into() });
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.given.remove(name)
    }

    /// An id. What is none names nothing, which is a mistake here: the list would be empty for no visible reason.
    pub(crate) fn id(&mut self, name: &str) -> Option<Uuid> {
        let text = self.text(name)?;
        let id = Uuid::try_parse(&text).ok();
        if id.is_none() {
            self.refuse(name, "expected an id");
        }
        id
    }

    /// One of the allowed values.
    pub(crate) fn word(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(name)?;
        let word = words.iter().copied().find(|word| *word == text);
        if word.is_none() {
            self.refuse(name, format!("expected one of {}", words.join(", ")));
        }
        word
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        self.word(name, &["true", "false"]) == Some("true")
    }

    pub(crate) fn number(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let text = self.text(name)?;
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.refuse(name, format!("expected a whole number from {least} to {most}"));
        }
        number
    }

    /// How many items are asked for.
    pub(crate) fn limit(&mut self) -> i64 {
        self.number("limit", 1, MAX_LIMIT).unwrap_or(DEFAULT_LIMIT)
    }

    /// Where the list goes on, read by one of [`Mark`]'s kinds.
    pub(crate) fn cursor<K>(&mut self, kind: impl FnOnce(Mark) -> Option<K>) -> Result<Option<K>, Problem> {
        let Some(text) = self.text("cursor") else { return Ok(None) };
        Mark::of_cursor(&text).and_then(kind).map(Some).ok_or_else(invalid_cursor)
    }

    /// All mistakes that were noted, if there are any.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}

/// An id in the path. What is no id of ours is the id of nothing.
pub(crate) fn id(request: &HttpRequest, name: &str, what: &str) -> Result<Uuid, Problem> {
    let text = request.match_info().query(name);
    Uuid::try_parse(text)
        .ok()
        .filter(|id| id.to_string().eq_ignore_ascii_case(text))
        .ok_or_else(|| Problem::not_found(format!("there is no {what} with this id")))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::http::error::Code;

    fn read(query: &str) -> Parameters {
        let request = TestRequest::get().uri(&format!("/x?{query}")).to_http_request();
        Parameters::read(&request, &["limit", "cursor", "state", "of"]).unwrap()
    }

    #[test]
    fn every_mistake_is_named() {
        let mut parameters = read("limit=0&state=shut&of=7&lmit=3&cursor=a&cursor=b");
        parameters.limit();
        parameters.word("state", &["open", "closed"]);
        parameters.id("of");
        let Problem { errors, .. } = parameters.finish().unwrap_err();
        let found: Vec<(&str, &str)> =
            errors.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect();
        assert_eq!(
            found,
            [
                ("lmit", "unknown; expected limit, cursor, state, of"),
                ("cursor", "expected once"),
                ("limit", "expected a whole number from 1 to 500"),
                ("state", "expected one of open, closed"),
                ("of", "expected an id"),
            ]
        );
    }

    #[test]
    fn without_a_number_a_page_has_a_hundred_items() {
        assert_eq!(read("").limit(), 100);
        assert_eq!(read("limit=500").limit(), 500);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = Mark::Number(7).to_cursor();
        assert_eq!(read(&format!("cursor={cursor}")).cursor(Mark::number).unwrap(), Some(7));
        assert_eq!(read(&format!("cursor={cursor}")).cursor(Mark::text).unwrap_err().code, Code::InvalidCursor);
    }
}
