//! How Remote answers (page section 9): its rate headers, its errors, and our texts for its messages.

use crate::outbound::dialect::{Dialect, RateHeaders, ResetUnit};

pub(super) static REMOTE: Dialect = Dialect {
    rate: Some(RateHeaders {
        count: Some("x-ratelimit-count"),
        remaining: "x-ratelimit-remaining",
        reset: "x-ratelimit-reset",
        reset_unit: ResetUnit::Milliseconds,
    }),
    error_keys: &["message", "errors"],
    keys: &["code", "param", "action", "page", "page_size", "limit", "cursor", "company_id", "status"],
    known: &[
        ("company_id is required", "the parameter company_id is missing"),
        ("invalid_request", "invalid_request"),
        ("Bad request", "the request is not taken"),
        ("Unauthorized", "the token is missing, revoked, or one for another environment"),
        ("Forbidden", "the token lacks a scope"),
        ("Employment not found", "there is no such employment"),
        ("Not found", "there is no such thing"),
        (
            "Company needs to be in status active to manage employments",
            "the company has to be in the status active at Remote",
        ),
        ("must be less than or equal to *", "the value is too large"),
        ("must be greater than or equal to *", "the value is too small"),
        ("Invalid UUID", "the id is no UUID"),
        ("parameter_one_of_invalid_types", "parameter_one_of_invalid_types"),
        ("Unexpected value", "a value is not expected"),
        ("status is invalid", "the parameter status is not taken"),
        ("Too many requests", "too many requests"),
        ("Internal server error", "a fault of the server"),
        ("Method not allowed", "the method is not taken"),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_documented_message_has_our_words() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("../../../tests/data/remote/errors.json")).unwrap();
        let bodies = cases.iter().filter(|case| case.get("body").is_some());
        let said: Vec<String> = bodies.map(|case| REMOTE.describe(&case["body"])).collect();
        let expected = [
            "the parameter company_id is missing",
            "invalid_request; the request is not taken",
            "the token is missing, revoked, or one for another environment",
            "the token lacks a scope",
            "there is no such employment",
            "the company has to be in the status active at Remote",
            "page_size: the value is too large",
            "the id is no UUID",
            "parameter_one_of_invalid_types; a value is not expected",
            "the parameter status is not taken",
            "the parameter status is not taken",
            "too many requests",
        ];
        assert_eq!(said, expected);
    }
}
