//! The answer to a query (RFC 7644 §3.4.2, R-098, R-099), whole or written piece by piece.

use serde::Serialize;
use serde_json::{Map, Value};

/// The schema of the list message.
pub const LIST_RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The properties of a list, for writing the resources one by one:
///
/// ```
/// use rollbook_scim::message::ListHeader;
///
/// let header = ListHeader { total_results: 2, start_index: Some(1), items_per_page: 2, ..ListHeader::default() };
/// let body = header.open() + r#"{"id":"a"}"# + "," + r#"{"id":"b"}"# + ListHeader::CLOSE;
/// assert!(body.ends_with(r#""startIndex":1,"itemsPerPage":2,"Resources":[{"id":"a"},{"id":"b"}]}"#));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListHeader {
    /// All matching resources, on whatever page.
    pub total_results: u64,
    /// 1-based; `None` on cursor pages (R-106).
    pub start_index: Option<u64>,
    /// The resources of this page.
    pub items_per_page: u64,
    /// RFC 9865 §2; on every cursor page but the last.
    pub next_cursor: Option<String>,
    /// RFC 9865 §2; never on the first page.
    pub previous_cursor: Option<String>,
}

impl ListHeader {
    /// What ends a body that [`open`](Self::open) began.
    pub const CLOSE: &str = "]}";

    /// The body up to the first resource. Resources follow, separated by commas, then [`CLOSE`](Self::CLOSE).
    #[must_use]
    pub fn open(&self) -> String {
        let member =
            |name: &str, value: Option<Value>| value.map(|value| format!(r#","{name}":{value}"#)).unwrap_or_default();
        [
            format!(r#"{{"schemas":["{LIST_RESPONSE_URN}"],"totalResults":{}"#, self.total_results),
            member("startIndex", self.start_index.map(Value::from)),
            member("itemsPerPage", Some(self.items_per_page.into())),
            member("nextCursor", self.next_cursor.as_deref().map(Value::from)),
            member("previousCursor", self.previous_cursor.as_deref().map(Value::from)),
            r#","Resources":["#.to_owned(),
        ]
        .concat()
    }
}

/// A whole list. `Resources` is there even when it is empty.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListResponse {
    pub schemas: [&'static str; 1],
    pub total_results: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_index: Option<u64>,
    pub items_per_page: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_cursor: Option<String>,
    #[serde(rename = "Resources")]
    pub resources: Vec<Map<String, Value>>,
}

impl ListResponse {
    /// Everything on one page.
    #[must_use]
    pub fn single_page(resources: Vec<Map<String, Value>>) -> Self {
        let count = resources.len() as u64;
        let header =
            ListHeader { total_results: count, start_index: Some(1), items_per_page: count, ..ListHeader::default() };
        Self::page(header, resources)
    }

    /// One page; `items_per_page` is the number on the page, whatever the header states.
    #[must_use]
    pub fn page(header: ListHeader, resources: Vec<Map<String, Value>>) -> Self {
        Self {
            schemas: [LIST_RESPONSE_URN],
            total_results: header.total_results,
            start_index: header.start_index,
            items_per_page: resources.len() as u64,
            next_cursor: header.next_cursor,
            previous_cursor: header.previous_cursor,
            resources,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resources(count: u64) -> Vec<Map<String, Value>> {
        (0..count).map(|id| Map::from_iter([("id".to_owned(), id.to_string().into())])).collect()
    }

    #[test]
    fn a_list_written_piece_by_piece_equals_the_whole() {
        for header in [
            ListHeader { total_results: 7, start_index: Some(3), items_per_page: 2, ..ListHeader::default() },
            ListHeader {
                total_results: 7,
                items_per_page: 2,
                next_cursor: Some("a\"b".to_owned()),
                previous_cursor: Some("c".to_owned()),
                ..ListHeader::default()
            },
            ListHeader { start_index: Some(1), ..ListHeader::default() },
        ] {
            let resources = resources(header.items_per_page);
            let parts: Vec<_> = resources.iter().map(|resource| json!(resource).to_string()).collect();
            let body = header.open() + &parts.join(",") + ListHeader::CLOSE;
            let written: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(written, serde_json::to_value(ListResponse::page(header, resources)).unwrap());
        }
    }

    #[test]
    fn an_empty_list_says_so_with_all_its_members() {
        assert_eq!(
            serde_json::to_value(ListResponse::single_page(Vec::new())).unwrap(),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [],
            })
        );
    }
}
