//! Renders texts of the document as HTML.

use serde_json::Value;

use crate::http::consent::escape;

/// Text in which backticks enclose code.
pub(super) fn inline(markdown: &str) -> String {
    let parts = markdown.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) }).collect()
}

/// A text; empty when it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list; empty when it is none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
