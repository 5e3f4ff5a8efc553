//! Reads the envelopes of Remote's answers. Documentation and live answers disagree on them, so each reader takes every
//! shape that was seen: with `data`, without it, counters inside `data` or beside it. What fits none is no valid
//! answer; an answer that cannot be read must never be taken for an empty one.

use serde_json::Value;

use crate::connectors::rows;
use crate::connectors::vendor::Unread;
use crate::outbound::raw::Raw;

/// A longer cursor is not followed, in bytes.
const LONGEST_CURSOR: usize = 4_096;

/// One page of a list that is paged by number.
#[derive(Debug, PartialEq)]
pub(super) struct Numbered<'a> {
    pub(super) rows: Vec<Raw<'a>>,
    pub(super) current_page: Option<u64>,
    pub(super) total_pages: Option<u64>,
    pub(super) total_count: Option<u64>,
}

/// One page of a list that is paged by cursor.
#[derive(Debug, PartialEq)]
pub(super) struct Cursored<'a> {
    pub(super) rows: Vec<Raw<'a>>,
    /// Absent at the end of the list.
    pub(super) next: Option<String>,
}

/// Reads a page of the list called `key`, of which `asked` rows were asked for.
pub(super) fn numbered<'a>(answer: Raw<'a>, key: &str, asked: usize) -> Result<Numbered<'a>, Unread> {
    Ok(Numbered {
        rows: rows(answer, key, asked)?,
        current_page: counter(answer, "current_page")?,
        total_pages: counter(answer, "total_pages")?,
        total_count: counter(answer, "total_count")?,
    })
}

/// Reads a page of full employments, of which `asked` were asked for.
pub(super) fn cursored(answer: Raw<'_>, asked: usize) -> Result<Cursored<'_>, Unread> {
    let next = match member(answer, "next_cursor")?.map(Raw::value).transpose()? {
        None | Some(Value::Null) => None,
        Some(Value::String(cursor)) if cursor.len() > LONGEST_CURSOR => {
            return Err("`next_cursor` is longer than 4096 bytes".into());
        }
        Some(Value::String(cursor)) => Some(cursor).filter(|cursor| !cursor.is_empty()),
        Some(_) => return Err("`next_cursor` is neither a text nor null".into()),
    };
    Ok(Cursored { rows: rows(answer, "employments", asked)?, next })
}

/// The one employment of a *show*.
pub(super) fn employment(answer: Raw<'_>) -> Result<Raw<'_>, Unread> {
    let data = answer.get("data")?;
    let inner = data.map(|data| data.get("employment")).transpose()?.flatten();
    for candidate in [inner, answer.get("employment")?, data, Some(answer)].into_iter().flatten() {
        // A record that has its id twice is still a record; its mistakes are reported when it is read.
        if !matches!(candidate.get("id"), Ok(None)) {
            return Ok(candidate);
        }
    }
    Err("no employment in it".into())
}

/// Id and name of the company that a credential belongs to.
pub(super) fn company(answer: &Value) -> Result<(String, String), String> {
    let company = answer.pointer("/data/company").or_else(|| answer.get("company")).ok_or("no `company` in it")?;
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

fn rows<'a>(answer: Raw<'a>, key: &str, asked: usize) -> Result<Vec<Raw<'a>>, Unread> {
    let data = answer.get("data")?;
    let inner = data.map(|data| data.get(key)).transpose()?.flatten();
    let candidates = [inner, answer.get(key)?, data, Some(answer)];
    let list = candidates.into_iter().flatten().find(|candidate| candidate.is_list());
    let list = list.ok_or_else(|| Unread::Shape(format!("no list of {key} in it")))?;
    Ok(rows::of_list(list, asked)?)
}

fn counter(answer: Raw<'_>, name: &str) -> Result<Option<u64>, Unread> {
    Ok(match member(answer, name)?.map(Raw::value).transpose()? {
        Some(Value::String(digits)) => digits.trim().parse().ok(),
        Some(other) => other.as_u64(),
        None => None,
    })
}

/// A member inside `data`, else beside it.
fn member<'a>(answer: Raw<'a>, name: &str) -> Result<Option<Raw<'a>>, Unread> {
    let inner = answer.get("data")?.map(|data| data.get(name)).transpose()?.flatten();
    Ok(match inner {
        Some(inner) => Some(inner),
        None => answer.get(name)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ASKED: usize = 100;

    /// Reads a written answer, and gives the rows as values.
    fn numbers(answer: &Value) -> Result<(Vec<Value>, [Option<u64>; 3]), Unread> {
        let text = answer.to_string();
        let page = numbered(Raw::of(text.as_bytes()).unwrap(), "employments", ASKED)?;
        let rows = page.rows.iter().map(|row| row.value().unwrap()).collect();
        Ok((rows, [page.current_page, page.total_pages, page.total_count]))
    }

    fn cursor(answer: &Value) -> Result<(Vec<Value>, Option<String>), Unread> {
        let text = answer.to_string();
        let page = cursored(Raw::of(text.as_bytes()).unwrap(), ASKED)?;
        Ok((page.rows.iter().map(|row| row.value().unwrap()).collect(), page.next))
    }

    fn shown(answer: &Value) -> Result<Value, Unread> {
        let text = answer.to_string();
        Ok(employment(Raw::of(text.as_bytes()).unwrap())?.value()?)
    }

    #[test]
    fn lists_are_found_in_every_envelope() {
        let row = json!({"id": "1"});
        let rows = [row.clone()];
        for answer in [
            json!({"data": {"employments": [row], "current_page": 1, "total_pages": 2, "total_count": 16}}),
            json!({"employments": [row], "current_page": 1, "total_pages": 2, "total_count": 16}),
            json!({"data": {"employments": [row]}, "current_page": 1, "total_pages": "2", "total_count": 16}),
        ] {
            assert_eq!(numbers(&answer), Ok((rows.to_vec(), [Some(1), Some(2), Some(16)])), "{answer}");
        }
        for answer in [
            json!({"data": [row], "next_cursor": "c"}),
            json!({"employments": [row], "next_cursor": "c"}),
            json!({"data": {"employments": [row], "next_cursor": "c"}}),
        ] {
            assert_eq!(cursor(&answer), Ok((rows.to_vec(), Some("c".to_owned()))), "{answer}");
        }
        assert_eq!(cursor(&json!([row])).unwrap().0, rows);
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
            assert!(numbers(&answer).is_err(), "{answer}");
            assert!(cursor(&answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_missing_null_or_empty_cursor_is_the_end() {
        for answer in
            [json!({"data": []}), json!({"data": [], "next_cursor": null}), json!({"data": [], "next_cursor": ""})]
        {
            assert_eq!(cursor(&answer).unwrap().1, None);
        }
        assert!(cursor(&json!({"data": [], "next_cursor": 7})).is_err());
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
            assert_eq!(shown(&answer).as_ref(), Ok(&employment_itself));
        }
        assert!(shown(&json!({"data": {}})).is_err());
    }

    #[test]
    fn the_last_page_is_known_by_counters_or_else_by_being_short() {
        let rows = vec![Raw::of(b"{}").unwrap(); 2];
        let page = |rows: &[Raw<'static>], current_page, total_pages, total_count| Numbered {
            rows: rows.to_vec(),
            current_page,
            total_pages,
            total_count,
        };
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
