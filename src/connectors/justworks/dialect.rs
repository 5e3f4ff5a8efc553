//! How Justworks answers (page section 8): its errors, and our texts for its messages. No rate header is documented.

use crate::outbound::dialect::Dialect;

pub(super) static JUSTWORKS: Dialect = Dialect {
    rate: None,
    error_keys: &["error", "errors", "message"],
    keys: &["code", "error_description", "limit", "cursor", "status", "updated_at_gte"],
    known: &[
        ("invalid_token", "the access token is invalid or has expired"),
        ("insufficient_scope", "a scope is missing"),
        ("forbidden", "forbidden"),
        ("Missing required scope *", "a scope is missing"),
        ("Not found", "there is no such thing"),
        ("limit must be between 1 and 100", "the parameter limit has to be from 1 to 100"),
        ("cursor is invalid", "the cursor is no longer taken"),
        ("Too many requests", "too many requests"),
        ("Method not allowed", "the method is not taken"),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_documented_message_has_our_words() {
        let cases: Vec<Value> =
            serde_json::from_str(include_str!("../../../tests/data/justworks/errors.json")).unwrap();
        for case in cases.iter().filter(|case| case.get("body").is_some() && case["body"]["error"] != "invalid_grant") {
            let said = JUSTWORKS.describe(&case["body"]);
            assert!(!said.starts_with("an object"), "{case}: {said}");
        }
    }
}
