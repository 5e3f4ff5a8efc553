//! What came back: status, the few headers that matter, the body; and how to read it without trusting it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::pace::RateHint;

/// The headers that are kept of an answer.
const INTERESTING: [&str; 6] =
    ["content-type", "retry-after", "x-ratelimit-count", "x-ratelimit-remaining", "x-ratelimit-reset", "etag"];

/// How much of a vendor's own words an error shows, in characters.
const LONGEST_DETAIL: usize = 200;

/// How long a 429 is waited for that does not say how long.
const UNTOLD_WAIT: Duration = Duration::from_mins(1);

/// The answer to one call, with any status. The body may hold personal data: `Debug` shows its length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status code.
    pub status: u16,
    /// The kept headers, names in lower case; of a repeated header the first.
    headers: BTreeMap<&'static str, String>,
    pub body: Vec<u8>,
}

impl HttpAnswer {
    pub(super) fn new(status: u16, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let headers = INTERESTING
            .into_iter()
            .filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?.to_owned())))
            .collect();
        Self { status, headers, body }
    }

    /// One of the kept headers, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Any 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the same call may well succeed a little later: a time-out at the other end, a rate limit, a 5xx.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500..)
    }

    /// Whether the body is an HTML page, by its type or its looks.
    #[must_use]
    pub fn is_html(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
            || self.body.trim_ascii_start().first() == Some(&b'<')
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Says what the body is instead (empty, HTML, cut off, no JSON), its content type and its length in bytes; never
    /// what is in it.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let what = if self.body.trim_ascii().is_empty() {
                "an empty body".to_owned()
            } else if self.is_html() {
                "an HTML page".to_owned()
            } else if error.is_eof() {
                "JSON that ends too early".to_owned()
            } else {
                format!("no JSON (from line {}, column {})", error.line(), error.column())
            };
            let kind: String = self.header("content-type").unwrap_or("none").chars().take(100).collect();
            format!("{what}; status {}, content type {kind}, {} bytes", self.status, self.body.len())
        })
    }

    /// How long the vendor asks us to stay away: `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3); else,
    /// on a 429, the end of the rate window; else, on a 429, a minute.
    #[must_use]
    pub fn asked_wait(&self, now: DateTime<Utc>) -> Option<Duration> {
        let named = self.header("retry-after").and_then(|value| retry_after(value, now));
        if self.status != 429 {
            return named;
        }
        let reset = || self.number("x-ratelimit-reset").map(Duration::from_millis);
        named.or_else(reset).or(Some(UNTOLD_WAIT))
    }

    /// The vendor's rate window, if the headers tell of one. `x-ratelimit-reset` is in milliseconds from now.
    #[must_use]
    pub fn rate_hint(&self) -> Option<RateHint> {
        Some(RateHint {
            count: self.number("x-ratelimit-count"),
            remaining: self.number("x-ratelimit-remaining")?,
            reset: Duration::from_millis(self.number("x-ratelimit-reset")?),
        })
    }

    /// What an error body says for itself, for an admin: its messages and codes alone, in whichever of the usual shapes
    /// they come, addresses masked, at most 200 characters. Never fails: a body without such words is described.
    #[must_use]
    pub fn error_detail(&self) -> String {
        if (300..400).contains(&self.status) {
            return "a redirect, which is not followed: check the URL".to_owned();
        }
        let mut words = Vec::new();
        if let Ok(Value::Object(body)) = serde_json::from_slice(&self.body) {
            for name in ["code", "error", "error_description", "message", "errors"] {
                if let Some(value) = body.get(name) {
                    collect_words(value, 0, &mut words);
                }
            }
        }
        if words.is_empty() {
            return if self.is_html() {
                "an HTML page".to_owned()
            } else if self.body.is_empty() {
                "an empty body".to_owned()
            } else {
                "no message".to_owned()
            };
        }
        words.join("; ").chars().take(LONGEST_DETAIL).collect()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("bytes", &self.body.len())
            .finish()
    }
}

fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // The preferred form of an HTTP date, then the two obsolete ones (RFC 9110 section 5.6.7).
    let date = DateTime::parse_from_rfc2822(value).map(|date| date.to_utc()).or_else(|_| {
        NaiveDateTime::parse_from_str(value, "%A, %d-%b-%y %H:%M:%S GMT")
            .or_else(|_| NaiveDateTime::parse_from_str(value, "%a %b %e %H:%M:%S %Y"))
            .map(|date| date.and_utc())
    });
    date.ok().map(|date| (date - now).to_std().unwrap_or(Duration::ZERO))
}

/// Messages and codes, through the objects and lists that vendors wrap them in. Of an object with other keys (a map of
/// parameters to messages) the keys are shown too.
fn collect_words(value: &Value, depth: usize, words: &mut Vec<String>) {
    if depth > 3 || words.len() >= 8 {
        return;
    }
    match value {
        Value::String(text) => {
            let text = masked(text);
            if !text.is_empty() {
                words.push(text);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_words(item, depth + 1, words)),
        Value::Object(object) if object.contains_key("message") || object.contains_key("code") => {
            for name in ["code", "message"] {
                if let Some(inner) = object.get(name) {
                    collect_words(inner, depth + 1, words);
                }
            }
        }
        Value::Object(object) => {
            for (name, inner) in object {
                let mut inner_words = Vec::new();
                collect_words(inner, depth + 1, &mut inner_words);
                if !inner_words.is_empty() {
                    words.push(format!("{}: {}", masked(name), inner_words.join(", ")));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The longest word that is taken over: words of a language are shorter, tokens are longer.
const LONGEST_WORD: usize = 24;

/// One line without control characters, and without anything that looks like an email address or a credential.
fn masked(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut after_bearer = false;
    let mut shown = Vec::new();
    for word in words {
        let lower = word.to_ascii_lowercase();
        let is_secret = after_bearer
            || word.contains('@')
            || lower.contains("ra_live_")
            || lower.contains("ra_test_")
            || (word.chars().count() > LONGEST_WORD && word.chars().any(|c| c.is_ascii_digit()));
        after_bearer = lower.trim_end_matches(':') == "bearer";
        shown.push(if is_secret { "…" } else { word });
    }
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> HttpAnswer {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        HttpAnswer::new(status, &headers, body.as_bytes().to_vec())
    }

    fn now() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_wait_is_read_in_every_form() {
        let wait = |status, headers: &[(&'static str, &str)]| answer(status, headers, "").asked_wait(now());
        assert_eq!(wait(429, &[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(503, &[("retry-after", "Fri, 20 Nov 2026 12:02:00 GMT")]), Some(Duration::from_mins(2)));
        assert_eq!(wait(503, &[("retry-after", "Friday, 20-Nov-26 12:02:00 GMT")]), Some(Duration::from_mins(2)));
        assert_eq!(wait(503, &[("retry-after", "Fri Nov 20 12:02:00 2026")]), Some(Duration::from_mins(2)));
        assert_eq!(wait(503, &[("retry-after", "Fri, 20 Nov 2026 11:00:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(wait(429, &[("x-ratelimit-reset", "41250")]), Some(Duration::from_millis(41_250)));
        assert_eq!(
            wait(429, &[("retry-after", "soon"), ("x-ratelimit-reset", "500")]),
            Some(Duration::from_millis(500))
        );
        assert_eq!(wait(429, &[]), Some(Duration::from_mins(1)));
        assert_eq!(wait(502, &[("x-ratelimit-reset", "41250")]), None);
    }

    #[test]
    fn what_is_no_json_is_described_and_not_shown() {
        let cases = [
            ("", "an empty body"),
            ("<html><body>Bad gateway, secret@acme.com</body></html>", "an HTML page"),
            (r#"{"data": {"employments": [{"full_name": "secret"#, "JSON that ends too early"),
            ("secret", "no JSON"),
        ];
        for (body, what) in cases {
            let said = answer(200, &[("content-type", "application/json")], body).json().unwrap_err();
            assert!(said.starts_with(what), "{said}");
            assert!(said.contains("application/json") && said.contains(&format!("{} bytes", body.len())), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn every_documented_error_body_gives_its_words() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../tests/data/remote/errors.json")).unwrap();
        let details: Vec<String> = cases
            .iter()
            .map(|case| {
                let body = case["body_text"].as_str().map_or_else(|| case["body"].to_string(), str::to_owned);
                answer(u16::try_from(case["http_status"].as_u64().unwrap()).unwrap(), &[], &body).error_detail()
            })
            .collect();
        let expected = [
            "company_id is required",
            "invalid_request; Bad request",
            "Unauthorized",
            "Forbidden",
            "Employment not found",
            "Company needs to be in status active to manage employments",
            "page_size: must be less than or equal to 100",
            "Invalid UUID",
            "parameter_one_of_invalid_types; Unexpected value",
            "status is invalid",
            "status is invalid",
            "Too many requests",
            "an HTML page",
        ];
        assert_eq!(details, expected);
    }

    #[test]
    fn a_detail_is_short_and_shows_no_address_and_no_other_field() {
        let body = serde_json::json!({
            "message": format!("ana@acme.com is taken\n{}", "x".repeat(500)),
            "employment": {"full_name": "Ana Marques"},
        });
        let detail = answer(400, &[], &body.to_string()).error_detail();
        assert!(detail.starts_with("… is taken xxx") && !detail.contains("Ana"), "{detail}");
        assert_eq!(detail.chars().count(), LONGEST_DETAIL);
    }

    #[test]
    fn debug_shows_no_body() {
        let shown = format!("{:?}", answer(200, &[("content-type", "application/json")], "Ana Marques"));
        assert!(shown.contains("bytes: 11") && !shown.contains("Ana"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_error_body_makes_the_reader_fail(body in proptest::collection::vec(any::<u8>(), 0..200), status in 100_u16..600) {
            let answer = HttpAnswer::new(status, &HeaderMap::new(), body);
            prop_assert!(answer.error_detail().chars().count() <= LONGEST_DETAIL);
            let _ = answer.json();
        }

        #[test]
        fn no_retry_after_makes_the_reader_fail(value in "\\PC*") {
            let _ = retry_after(&value, now());
        }
    }

    #[test]
    fn a_credential_that_a_vendor_echoes_is_masked() {
        for echoed in ["Bearer abc", "ra_live_SECRET", "key=ra_test_SECRET;", "0123456789abcdef0123456789abcdef"] {
            let body = serde_json::json!({ "message": format!("token {echoed} is revoked") }).to_string();
            let detail = answer(401, &[], &body).error_detail();
            assert!(!detail.contains("abc") && !detail.contains("SECRET"), "{detail}");
            assert!(detail.ends_with("is revoked"), "{detail}");
        }
    }
}
