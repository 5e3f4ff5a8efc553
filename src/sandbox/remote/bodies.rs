//! Remote's bodies for failures, and its lists without rows.

use serde_json::{Map, Value, json};

/// The vendor's body for a status (remote.md 9.2).
pub(super) fn body_of(status: u16) -> Value {
    match status {
        401 => json!({"message": "Unauthorized"}),
        403 => json!({"message": "Forbidden"}),
        404 => json!({"message": "Not found"}),
        409 => json!({"message": "Company needs to be in status active to manage employments"}),
        422 => json!({"errors": ["status is invalid"]}),
        429 => json!({"message": "Too many requests"}),
        400..500 => json!({"message": {"code": "invalid_request", "message": "Bad request"}}),
        500.. => json!({"message": "Internal server error"}),
        _ => json!({}),
    }
}

/// Takes all rows out of an answer.
pub(super) fn emptied(mut body: Value) -> Value {
    if let Some(answer) = body.as_object_mut() {
        empty_counters(answer);
        match answer.get_mut("data") {
            Some(Value::Array(rows)) => rows.clear(),
            Some(Value::Object(data)) => {
                empty_counters(data);
                for rows in data.values_mut().filter_map(Value::as_array_mut) {
                    rows.clear();
                }
            }
            _ => {}
        }
    }
    body
}

fn empty_counters(object: &mut Map<String, Value>) {
    for (key, none) in [("total_count", json!(0)), ("total_pages", json!(1)), ("next_cursor", Value::Null)] {
        if let Some(value) = object.get_mut(key) {
            *value = none;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emptied_answer_has_neither_rows_nor_counts() {
        let list = json!({"data": {"employments": [1], "current_page": 1, "total_pages": 4, "total_count": 400}});
        let empty = json!({"data": {"employments": [], "current_page": 1, "total_pages": 1, "total_count": 0}});
        assert_eq!(emptied(list), empty);
        assert_eq!(emptied(json!({"data": [1], "next_cursor": "x"})), json!({"data": [], "next_cursor": null}));
    }
}
