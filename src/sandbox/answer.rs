//! The answer of a simulated vendor: a status and a JSON body.

use serde_json::{Value, json};

/// Status and JSON body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(super) fn message(status: u16, message: &str) -> Self {
        Self { status, body: json!({"message": message}) }
    }
}
