//! Reads the envelopes of Justworks' lists and records. Sources disagree on them. What fits none is no valid answer,
//! because an answer that cannot be read must never be taken for an empty one.

use serde_json::Value;

use crate::connectors::rows;
use crate::connectors::vendor::Unread;
use crate::outbound::raw::Raw;

/// A longer cursor is not followed, in bytes.
const LONGEST_CURSOR: usize = 4_096;

/// One page of a list.
#[derive(Debug, PartialEq)]
pub(super) struct Page<'a> {
    pub(super) rows: Vec<Raw<'a>>,
    /// Absent at the end: null, or left out as all empty values are.
    pub(super) next: Option<String>,
    /// Where rows and cursor were found.
    pub(super) shapes: [Option<&'static str>; 2],
}

/// Reads a page of which `asked` rows were asked for: `items`, else `data`; `next_cursor`, else the one in
/// `pagination`.
pub(super) fn page(answer: Raw<'_>, asked: usize) -> Result<Page<'_>, Unread> {
    let list = |key: &str| answer.get(key).map(|value| value.filter(|value| value.is_list()));
    let (rows, rows_in) = match (list("items")?, list("data")?) {
        (Some(rows), _) => (rows, "items"),
        (None, Some(rows)) => (rows, "data"),
        (None, None) => return Err("no list of members in it".into()),
    };
    let (next, next_in) = cursor(answer)?;
    Ok(Page { rows: rows::of_list(rows, asked)?, next, shapes: [Some(rows_in), next_in] })
}

/// The cursor of the next page, and where it was found.
fn cursor(answer: Raw<'_>) -> Result<(Option<String>, Option<&'static str>), Unread> {
    let nested = answer.get("pagination")?.map(|inner| inner.get("next_cursor")).transpose()?.flatten();
    for (value, at) in [(answer.get("next_cursor")?, "next_cursor"), (nested, "pagination.next_cursor")] {
        match value.map(Raw::value).transpose()? {
            None | Some(Value::Null) => {}
            Some(Value::String(next)) if next.is_empty() => return Ok((None, None)),
            Some(Value::String(next)) if next.len() > LONGEST_CURSOR => {
                return Err(Unread::Shape(format!("`{at}` is longer than {LONGEST_CURSOR} bytes")));
            }
            Some(Value::String(next)) => return Ok((Some(next), Some(at))),
            Some(_) => return Err(Unread::Shape(format!("`{at}` is neither a text nor null"))),
        }
    }
    Ok((None, None))
}

/// The one member of an answer: the object itself, or in `data`.
pub(super) fn member(answer: Raw<'_>) -> Result<Raw<'_>, Unread> {
    for candidate in [Some(answer), answer.get("data")?].into_iter().flatten() {
        // A record that has its id twice is still a record; its mistakes are reported when it is read.
        if !matches!(candidate.get("id"), Ok(None)) {
            return Ok(candidate);
        }
    }
    Err("no member in it".into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: &Value) -> Result<(Vec<Value>, Option<String>), Unread> {
        let text = answer.to_string();
        let page = page(Raw::of(text.as_bytes()).unwrap(), 100)?;
        Ok((page.rows.iter().map(|row| row.value().unwrap()).collect(), page.next))
    }

    fn shown(answer: &Value) -> Result<Value, Unread> {
        let text = answer.to_string();
        Ok(member(Raw::of(text.as_bytes()).unwrap())?.value()?)
    }

    #[test]
    fn lists_and_cursors_are_found_in_both_envelopes() {
        let rows = [json!({"id": "1"})];
        for answer in [
            json!({"items": rows, "next_cursor": "c"}),
            json!({"data": rows, "pagination": {"next_cursor": "c"}}),
            json!({"items": rows, "data": [], "next_cursor": null, "pagination": {"next_cursor": "c"}}),
        ] {
            assert_eq!(read(&answer), Ok((rows.to_vec(), Some("c".to_owned()))), "{answer}");
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
            assert_eq!(read(&answer).unwrap().1, None, "{answer}");
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
            assert!(read(&answer).is_err(), "{answer}");
        }
        assert!(shown(&json!({"items": [{"id": "1"}]})).is_err());
        assert!(shown(&json!({"data": {"id": "1"}})).is_ok());
    }
}
