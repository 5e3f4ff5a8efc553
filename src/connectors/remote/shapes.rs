//! The envelopes of Remote's answers. Documentation and live answers disagree on them, so each reader takes every shape
//! that was seen: with `data`, without it, counters inside `data` or beside it. What fits none is no answer; an answer
//! that cannot be read must never look like an empty one.

use serde_json::Value;

/// One page of a list that is paged by number.
#[derive(Debug, PartialEq)]
pub(super) struct Numbered<'a> {
    pub(super) rows: &'a [Value],
    pub(super) current_page: Option<u64>,
    pub(super) total_pages: Option<u64>,
    pub(super) total_count: Option<u64>,
}

/// One page of a list that is paged by cursor.
#[derive(Debug, PartialEq)]
pub(super) struct Cursored<'a> {
    pub(super) rows: &'a [Value],
    /// Absent at the end of the list.
    pub(super) next: Option<&'a str>,
}

/// Reads a page of the list called `key`.
pub(super) fn numbered<'a>(answer: &'a Value, key: &str) -> Result<Numbered<'a>, String> {
    Ok(Numbered {
        rows: rows(answer, key)?,
        current_page: counter(answer, "current_page"),
        total_pages: counter(answer, "total_pages"),
        total_count: counter(answer, "total_count"),
    })
}

/// Reads a page of full employments.
pub(super) fn cursored(answer: &Value) -> Result<Cursored<'_>, String> {
    let next = match member(answer, "next_cursor") {
        None | Some(Value::Null) => None,
        Some(Value::String(cursor)) => Some(cursor.as_str()).filter(|cursor| !cursor.is_empty()),
        Some(_) => return Err("`next_cursor` is neither a text nor null".to_owned()),
    };
    Ok(Cursored { rows: rows(answer, "employments")?, next })
}

/// The one employment of a *show*.
pub(super) fn employment(answer: &Value) -> Result<&Value, String> {
    let candidates = [answer.pointer("/data/employment"), answer.get("employment"), answer.get("data"), Some(answer)];
    candidates
        .into_iter()
        .flatten()
        .find(|value| value.get("id").is_some())
        .ok_or_else(|| "no employment in it".to_owned())
}

/// Id and name of the company that a credential belongs to.
pub(super) fn company(answer: &Value) -> Result<(String, String), String> {
    let company = member(answer, "company").ok_or("no `company` in it")?;
    let id = company.get("id").and_then(crate::connectors::field::code).ok_or("no `company.id` in it")?;
    let name = company.get("name").and_then(crate::connectors::field::text).unwrap_or_else(|| id.clone());
    Ok((id, name))
}

impl Numbered<'_> {
    /// Whether this page, asked for as number `page` with `page_size` rows, is the last one.
    ///
    /// # Errors
    /// When the page contradicts itself: another page than the one asked for, or no rows before the end.
    pub(super) fn is_last(&self, page: u64, page_size: u64) -> Result<bool, String> {
        if let Some(current) = self.current_page.filter(|current| *current != page) {
            return Err(format!("page {page} was asked for and page {current} came"));
        }
        let pages = self.total_pages.or(self.total_count.map(|count| count.div_ceil(page_size)));
        match pages {
            Some(pages) if page >= pages => Ok(true),
            Some(pages) if self.rows.is_empty() => Err(format!("page {page} of {pages} is empty")),
            Some(_) => Ok(false),
            None => Ok((self.rows.len() as u64) < page_size),
        }
    }
}

fn rows<'a>(answer: &'a Value, key: &str) -> Result<&'a [Value], String> {
    let data = answer.get("data");
    let candidates = [data.and_then(|data| data.get(key)), answer.get(key), data, Some(answer)];
    let list = candidates.into_iter().flatten().find_map(Value::as_array);
    list.map(Vec::as_slice).ok_or_else(|| format!("no list of {key} in it"))
}

fn counter(answer: &Value, name: &str) -> Option<u64> {
    match member(answer, name)? {
        Value::String(digits) => digits.trim().parse().ok(),
        other => other.as_u64(),
    }
}

/// A member inside `data`, else beside it.
fn member<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
    answer.get("data").and_then(|data| data.get(name)).or_else(|| answer.get(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_found_in_every_envelope() {
        let row = json!({"id": "1"});
        let rows = [row.clone()];
        for answer in [
            json!({"data": {"employments": [row], "current_page": 1, "total_pages": 2, "total_count": 16}}),
            json!({"employments": [row], "current_page": 1, "total_pages": 2, "total_count": 16}),
            json!({"data": {"employments": [row]}, "current_page": 1, "total_pages": "2", "total_count": 16}),
        ] {
            let page = numbered(&answer, "employments").unwrap();
            assert_eq!((page.rows, page.current_page, page.total_pages), (&rows[..], Some(1), Some(2)), "{answer}");
            assert_eq!(page.total_count, Some(16));
        }
        for answer in [
            json!({"data": [row], "next_cursor": "c"}),
            json!({"employments": [row], "next_cursor": "c"}),
            json!({"data": {"employments": [row], "next_cursor": "c"}}),
        ] {
            assert_eq!(cursored(&answer).unwrap(), Cursored { rows: &rows, next: Some("c") }, "{answer}");
        }
        assert_eq!(cursored(&json!([row])).unwrap().rows, &rows);
    }

    #[test]
    fn no_list_is_not_an_empty_list() {
        for answer in [
            json!({}),
            json!({"data": null}),
            json!({"message": "hello"}),
            json!("x"),
            json!({"data": {"employments": {}}}),
        ] {
            assert!(numbered(&answer, "employments").is_err(), "{answer}");
            assert!(cursored(&answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_missing_null_or_empty_cursor_is_the_end() {
        for answer in
            [json!({"data": []}), json!({"data": [], "next_cursor": null}), json!({"data": [], "next_cursor": ""})]
        {
            assert_eq!(cursored(&answer).unwrap().next, None);
        }
        assert!(cursored(&json!({"data": [], "next_cursor": 7})).is_err());
    }

    #[test]
    fn an_employment_is_found_in_every_envelope() {
        let employment_itself = json!({"id": "1"});
        for answer in [
            json!({"data": {"employment": {"id": "1"}}}),
            json!({"employment": {"id": "1"}}),
            json!({"data": {"id": "1"}}),
            json!({"id": "1"}),
        ] {
            assert_eq!(employment(&answer), Ok(&employment_itself));
        }
        assert!(employment(&json!({"data": {}})).is_err());
    }

    #[test]
    fn the_last_page_is_known_by_counters_or_else_by_being_short() {
        let rows = vec![json!({}); 2];
        let page =
            |rows, current_page, total_pages, total_count| Numbered { rows, current_page, total_pages, total_count };
        assert_eq!(page(&rows, Some(2), Some(2), Some(4)).is_last(2, 2), Ok(true));
        assert_eq!(page(&rows, Some(1), Some(2), Some(4)).is_last(1, 2), Ok(false));
        assert_eq!(page(&rows, None, None, Some(5)).is_last(2, 2), Ok(false));
        assert_eq!(page(&[], None, Some(0), Some(0)).is_last(1, 2), Ok(true));
        assert_eq!(page(&rows, None, None, None).is_last(1, 2), Ok(false));
        assert_eq!(page(&rows[..1], None, None, None).is_last(1, 2), Ok(true));
        assert!(page(&[], Some(1), Some(2), Some(4)).is_last(1, 2).is_err());
        assert!(page(&rows, Some(1), Some(3), Some(6)).is_last(2, 2).is_err());
    }
}
