//! The parts of the answers that differ by vendor: its rate headers, the shape of its errors, the messages we know.

use std::time::Duration;

use serde_json::Value;

use super::error_body;

/// The unit of a header that says when a rate window ends, counted from the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetUnit {
    Seconds,
    Milliseconds,
}

impl ResetUnit {
    pub(super) fn duration(self, number: u64) -> Duration {
        match self {
            Self::Seconds => Duration::from_secs(number),
            Self::Milliseconds => Duration::from_millis(number),
        }
    }
}

/// The headers in which a vendor describes its rate window, names in lower case.
#[derive(Clone, Copy, Debug)]
pub struct RateHeaders {
    /// How many requests the window has seen, where the vendor states it.
    pub count: Option<&'static str>,
    /// How many more requests it allows.
    pub remaining: &'static str,
    /// When it ends, counted from the answer.
    pub reset: &'static str,
    pub reset_unit: ResetUnit,
}

/// How one vendor answers. Text of a vendor is never repeated: errors and logs contain only the texts given here.
#[derive(Debug)]
pub struct Dialect {
    /// Absent for a vendor that describes no rate window.
    pub rate: Option<RateHeaders>,
    /// The members of an error body, at its top. A refusal without any of them comes from something in between.
    pub error_keys: &'static [&'static str],
    /// Members that may be named when an error body is described: keys of errors and our own parameters.
    pub keys: &'static [&'static str],
    /// Messages and codes of the vendor, and our texts for them. A message that ends with `*` is the beginning of one.
    pub known: &'static [(&'static str, &'static str)],
}

/// A server without any known messages or headers.
pub static PLAIN: Dialect = Dialect { rate: None, error_keys: &["error", "errors", "message"], keys: &[], known: &[] };

impl Dialect {
    /// The content of an error body as our text, else its shape. See [`HttpAnswer::error_detail`](super::HttpAnswer).
    #[must_use]
    pub fn describe(&self, body: &Value) -> String {
        error_body::describe(body, self)
    }

    /// Our text for a message or a code of the vendor.
    pub(super) fn words(&self, text: &str) -> Option<&'static str> {
        let text = text.trim();
        let fits = |known: &str| match known.strip_suffix('*') {
            Some(beginning) => text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning)),
            None => text.eq_ignore_ascii_case(known),
        };
        self.known.iter().find(|(known, _)| fits(known)).map(|(_, ours)| *ours)
    }

    /// The name of a member, if it may be shown.
    pub(super) fn key(&self, key: &str) -> Option<&'static str> {
        self.error_keys.iter().chain(self.keys).copied().find(|known| *known == key)
    }
}
