//! The answer to a call: status, the few headers that matter, the body. The body is read without trusting it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::dialect::Dialect;
use super::error_body;
use super::pace::RateHint;
use super::raw::Raw;

/// The headers that are kept of every answer; those of the rate window are named by the vendor's [`Dialect`].
const INTERESTING: [&str; 2] = ["content-type", "retry-after"];

/// The content types that are shown; any other may contain text of the vendor.
const CONTENT_TYPES: [&str; 7] = [
    "application/json",
    "application/problem+json",
    "application/octet-stream",
    "application/xml",
    "text/html",
    "text/plain",
    "text/xml",
];

/// The wait after a 429 that states no time.
const UNTOLD_WAIT: Duration = Duration::from_mins(1);

/// The answer to one call, with any status. The body may hold personal data: `Debug` shows its length alone.
#[derive(Clone)]
pub struct HttpAnswer {
    /// HTTP status code.
    pub status: u16,
    /// The kept headers, names in lower case; of a repeated header the first.
    headers: BTreeMap<&'static str, String>,
    pub body: Vec<u8>,
    dialect: &'static Dialect,
}

impl HttpAnswer {
    pub(super) fn new(status: u16, headers: &HeaderMap, body: Vec<u8>, dialect: &'static Dialect) -> Self {
        let rate = dialect.rate.iter().flat_map(|rate| rate.count.into_iter().chain([rate.remaining, rate.reset]));
        let headers = INTERESTING
            .into_iter()
            .chain(rate)
            .filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?.to_owned())))
            .collect();
        Self { status, headers, body, dialect }
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

    /// Whether the body is an HTML page, by its type or by its first character.
    #[must_use]
    pub fn is_html(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
            || self.body.trim_ascii_start().first() == Some(&b'<')
    }

    /// The body as JSON, as a whole.
    ///
    /// # Errors
    /// Describes what the body is instead (empty, HTML, cut off, no JSON, more than is read), its content type and its
    /// length in bytes; never what is in it.
    pub fn json(&self) -> Result<Value, String> {
        self.raw()?.document().map_err(|fault| self.instead(&fault.to_string()))
    }

    /// The structure of the body, to be read piece by piece.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn raw(&self) -> Result<Raw<'_>, String> {
        Raw::of(&self.body).map_err(|fault| self.instead(&fault.to_string()))
    }

    fn instead(&self, fault: &str) -> String {
        let what = if self.body.trim_ascii().is_empty() {
            "an empty body"
        } else if self.is_html() {
            "an HTML page"
        } else {
            fault
        };
        let stated = self.header("content-type").unwrap_or("none");
        let stated = stated.split(';').next().unwrap_or_default().trim();
        let kind = match CONTENT_TYPES.iter().find(|known| known.eq_ignore_ascii_case(stated)) {
            Some(known) => known,
            None if stated == "none" => "none",
            None => "of another kind",
        };
        format!("{what}; status {}, content type {kind}, {} bytes", self.status, self.body.len())
    }

    /// How long the vendor asks us to wait: `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3); else,
    /// on a 429, the end of the rate window; else, on a 429, a minute.
    #[must_use]
    pub fn asked_wait(&self, now: DateTime<Utc>) -> Option<Duration> {
        let named = self.header("retry-after").and_then(|value| retry_after(value, now));
        if self.status != 429 {
            return named;
        }
        let reset = || {
            let rate = self.dialect.rate?;
            Some(rate.reset_unit.duration(self.number(rate.reset)?))
        };
        named.or_else(reset).or(Some(UNTOLD_WAIT))
    }

    /// The vendor's rate window, if the headers that it declares are there.
    #[must_use]
    pub fn rate_hint(&self) -> Option<RateHint> {
        let rate = self.dialect.rate?;
        Some(RateHint {
            count: rate.count.and_then(|name| self.number(name)),
            remaining: self.number(rate.remaining)?,
            reset: rate.reset_unit.duration(self.number(rate.reset)?),
        })
    }

    /// Whether the body has the shape of the vendor's own errors. A refusal in another shape comes from something in
    /// between, such as a proxy.
    #[must_use]
    pub fn is_own_error(&self) -> bool {
        !self.is_html() && self.json().is_ok_and(|body| error_body::is_own(&body, self.dialect))
    }

    /// The content of an error body, for an admin: known messages and codes as our text, else the shape of the body.
    /// Text of the vendor is never repeated, since it may hold personal data.
    #[must_use]
    pub fn error_detail(&self) -> String {
        if (300..400).contains(&self.status) {
            return "a redirect, which is not followed: check the URL".to_owned();
        }
        if self.body.trim_ascii().is_empty() {
            return "an empty body".to_owned();
        }
        if self.is_html() {
            return "an HTML page".to_owned();
        }
        match self.json() {
            Ok(body) => error_body::describe(&body, self.dialect),
            Err(_) => format!("{} bytes that are no JSON", self.body.len()),
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAnswer")
            .field("status", &self.status)
            .field("headers", &self.headers.keys())
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::outbound::dialect::{RateHeaders, ResetUnit};

    static MILLIS: Dialect = Dialect {
        rate: Some(RateHeaders {
            count: None,
            remaining: "x-left",
            reset: "x-ratelimit-reset",
            reset_unit: ResetUnit::Milliseconds,
        }),
        error_keys: &["message", "errors"],
        keys: &["page_size"],
        known: &[("Forbidden", "a scope is missing"), ("must be at most *", "the value is too large")],
    };

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> HttpAnswer {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        HttpAnswer::new(status, &headers, body.as_bytes().to_vec(), &MILLIS)
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
    fn known_messages_are_said_in_our_words_and_all_else_by_its_shape() {
        let said = |body: &str| answer(422, &[], body).error_detail();
        assert_eq!(said(r#"{"message": "forbidden"}"#), "a scope is missing");
        assert_eq!(
            said(r#"{"errors": {"page_size": ["must be at most 7"], "x": ["Forbidden"]}}"#),
            "page_size: the value is too large; a scope is missing"
        );
        assert_eq!(
            said(r#"{"message": "Zoë was born on 1990-02-11", "iban": "DE1"}"#),
            "an object with `message` (a text of 26 characters) and 1 unknown"
        );
        assert_eq!(said(r#"{"Zoë": 1}"#), "an object with 1 unknown member");
        assert_eq!(said(r#"["Zoë"]"#), "a list of 1");
        assert_eq!(said("Zoë"), "4 bytes that are no JSON");
        assert_eq!(said("<p>Zoë</p>"), "an HTML page");
        assert_eq!(said(" "), "an empty body");
    }

    #[test]
    fn a_refusal_is_the_vendors_own_by_its_shape() {
        let is_own = |body: &str| answer(401, &[], body).is_own_error();
        for own in [r#"{"message": "x"}"#, r#"{"errors": ["x"]}"#, r#"{"message": {"code": "x"}}"#] {
            assert!(is_own(own), "{own}");
        }
        for other in ["", "<html></html>", "{}", "[]", r#"{"message": ""}"#, r#"{"error": "proxy"}"#, "Unauthorized"] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn only_the_headers_that_the_vendor_declares_are_kept() {
        let answer = answer(200, &[("x-left", "3"), ("x-ratelimit-reset", "500"), ("x-other", "marker")], "{}");
        let hint = RateHint { count: None, remaining: 3, reset: Duration::from_millis(500) };
        assert_eq!((answer.rate_hint(), answer.header("x-other")), (Some(hint), None));
        let plain = HttpAnswer { dialect: &crate::outbound::dialect::PLAIN, ..answer };
        assert_eq!(plain.rate_hint(), None);
    }

    #[test]
    fn a_content_type_that_is_not_known_is_not_repeated() {
        let said = answer(200, &[("content-type", "text/zoe; charset=marker")], "x").json().unwrap_err();
        assert_eq!(said, "no JSON; status 200, content type of another kind, 1 bytes");
    }

    #[test]
    fn debug_shows_no_body() {
        let shown = format!("{:?}", answer(200, &[("content-type", "application/json")], "Ana Marques"));
        assert!(shown.contains("bytes: 11") && !shown.contains("Ana"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_error_body_makes_the_reader_fail(body in proptest::collection::vec(any::<u8>(), 0..200), status in 100_u16..600) {
            let answer = HttpAnswer::new(status, &HeaderMap::new(), body, &MILLIS);
            prop_assert!(answer.error_detail().chars().count() <= 400);
            let _ = answer.json();
        }

        #[test]
        fn no_retry_after_makes_the_reader_fail(value in "\\PC*") {
            let _ = retry_after(&value, now());
        }
    }
}
