//! The envelopes of Justworks' lists and records. Sources disagree on them; what fits none is no answer, because an answer
//! that cannot be read must never look like an empty one.

use serde_json::Value;

/// One page of a list.
#[derive(Debug, PartialEq)]
pub(super) struct Page<'a> {
    pub(super) rows: &'a [Value],
    /// Absent at the end: null, or left out as all empty values are.
    pub(super) next: Option<&'a str>,
    /// Where rows and cursor were found.
    pub(super) shapes: [Option<&'static str>; 2],
}

/// Reads a page: `items`, else `data`; `next_cursor`, else the one in `pagination`.
pub(super) fn page(answer: &Value) -> Result<Page<'_>, String> {
    let list = |key: &str| answer.get(key).and_then(Value::as_array).map(Vec::as_slice);
    let items = list("items").map(|rows| (rows, "items"));
    let (rows, rows_in) =
        items.or_else(|| list("data").map(|rows| (rows, "data"))).ok_or("no list of members in it")?;
    let cursor = |value: &'_ Value| !value.is_null();
    let top = answer.get("next_cursor").filter(|value| cursor(value)).map(|value| (value, "next_cursor"));
    let nested = || answer.pointer("/pagination/next_cursor").filter(|value| cursor(value));
    let (next, next_in) = match top.or_else(|| nested().map(|value| (value, "pagination.next_cursor"))) {
        None => (None, None),
        Some((Value::String(next), _)) if next.is_empty() => (None, None),
        Some((Value::String(next), at)) => (Some(next.as_str()), Some(at)),
        Some((_, at)) => return Err(format!("`{at}` is neither a text nor null")),
    };
    Ok(Page { rows, next, shapes: [Some(rows_in), next_in] })
}

/// The one member of an answer: the object itself, or in `data`.
pub(super) fn member(answer: &Value) -> Result<&Value, String> {
    let candidates = [Some(answer), answer.get("data")];
    let member = candidates.into_iter().flatten().find(|value| value.get("id").is_some());
    member.ok_or_else(|| "no member in it".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_cursors_are_found_in_both_envelopes() {
        let rows = [json!({"id": "1"})];
        for answer in [
            json!({"items": rows, "next_cursor": "c"}),
            json!({"data": rows, "pagination": {"next_cursor": "c"}}),
            json!({"items": rows, "data": [], "next_cursor": null, "pagination": {"next_cursor": "c"}}),
        ] {
            let page = page(&answer).unwrap();
            assert_eq!((page.rows, page.next), (&rows[..], Some("c")), "{answer}");
        }
    }

    #[test]
    fn a_cursor_that_is_null_empty_or_left_out_is_the_end() {
        let recorded = include_str!("../../../tests/data/justworks/members_last_page_cursor_omitted.json");
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        for answer in [
            recorded,
            json!({"items": [], "next_cursor": null}),
            json!({"items": [], "next_cursor": ""}),
            json!({"data": [], "pagination": {}}),
        ] {
            assert_eq!(page(&answer).unwrap().next, None, "{answer}");
        }
    }

    #[test]
    fn no_list_is_not_an_empty_list() {
        for answer in [
            json!({}),
            json!([]),
            json!([{"id": "1"}]),
            json!({"items": null}),
            json!({"items": {}}),
            json!({"members": []}),
            json!({"data": {"items": []}}),
            json!({"message": "hello"}),
            json!("x"),
            json!({"items": [], "next_cursor": 7}),
        ] {
            assert!(page(&answer).is_err(), "{answer}");
        }
        assert!(member(&json!({"items": [{"id": "1"}]})).is_err());
        assert!(member(&json!({"data": {"id": "1"}})).is_ok());
    }
}
