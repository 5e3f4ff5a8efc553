//! The resume position of cursor pagination (RFC 9865), as bytes. The code that hands out cursors seals them together
//! with their caller and what is listed, so that no caller can make one up or use that of another.

use chrono::{DateTime, TimeDelta, Utc};

use super::discovery::CURSOR_TIMEOUT;
use super::error::ScimError;
use super::query::Listed;
use super::release::Policy;
use super::schema::ResourceType;

const VERSION: u8 = 1;

/// The position after the last resource of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The type of the last resource; lists of one type have no other.
    pub resource_type: ResourceType,
    pub position: i64,
    /// The sort key, if the list is sorted and the resource has a value.
    pub key: Option<String>,
    /// The page size of the first page.
    pub count: u32,
    pub issued_at: DateTime<Utc>,
}

impl Cursor {
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let kind = match self.resource_type {
            ResourceType::User => 0,
            ResourceType::Group => 1,
        };
        let mut bytes = vec![VERSION, kind, u8::from(self.key.is_some())];
        bytes.extend(self.position.to_be_bytes());
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(self.issued_at.timestamp_millis().to_be_bytes());
        bytes.extend(self.key.as_deref().unwrap_or_default().as_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; nothing else is one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[version, kind, has_key], rest) = bytes.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (issued_at, key) = rest.split_first_chunk()?;
        if version != VERSION {
            return None;
        }
        Some(Self {
            resource_type: *ResourceType::ALL.get(usize::from(kind))?,
            position: i64::from_be_bytes(*position),
            key: (has_key == 1).then(|| String::from_utf8(key.to_vec())).transpose().ok()?,
            count: u32::from_be_bytes(*count),
            issued_at: DateTime::from_timestamp_millis(i64::from_be_bytes(*issued_at))?,
        })
    }

    /// Refuses a cursor of another page size, and one that is too old.
    ///
    /// # Errors
    /// 400 `expiredCursor` or `invalidCount`.
    pub fn check(&self, count: u32, now: DateTime<Utc>) -> Result<(), ScimError> {
        if now - self.issued_at > TimeDelta::seconds(CURSOR_TIMEOUT.into()) {
            return Err(ScimError::expired_cursor("the cursor has expired: begin again with an empty one"));
        }
        if count != self.count {
            let detail = "count is not that of the first page: a walk keeps its page size";
            return Err(ScimError::invalid_count(detail));
        }
        Ok(())
    }
}

/// The scope of a cursor or a saved position, as a text: the endpoint, what is listed in which order, and the release
/// policy under which it is listed. Equal lists have equal texts, and other lists have other texts.
///
/// Each field has its name and the length of its value in bytes, so that no value can imitate another field. A new
/// field of the query or of the policy does not compile until it has a place here.
#[must_use]
pub fn canonical(endpoint: &str, listed: &Listed, policy: &Policy) -> String {
    let Listed { filter, sort } = listed;
    let Policy { user_filter, group_filter, attributes } = policy;
    let mut text = String::from("list 1");
    let mut field = |name: &str, value: Option<&str>| {
        let said = match value {
            Some(value) => format!("={}:{value}", value.len()),
            None => String::new(),
        };
        text.extend([";", name, said.as_str()]);
    };
    field("endpoint", Some(endpoint));
    field("filter", filter.as_deref());
    field("sortBy", sort.as_ref().map(|(path, _)| path.as_str()));
    field("sortOrder", sort.as_ref().map(|(_, order)| order.keyword()));
    field("userFilter", user_filter.as_deref());
    field("groupFilter", group_filter.as_deref());
    field("attributes", attributes.as_ref().map(|names| names.len().to_string()).as_deref());
    for name in attributes.iter().flatten() {
        field("attribute", Some(name));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::SortOrder;

    fn cursor() -> Cursor {
        Cursor {
            resource_type: ResourceType::User,
            position: 7,
            key: Some("é".to_owned()),
            count: 100,
            issued_at: "2026-11-20T12:00:00.123Z".parse().unwrap(),
        }
    }

    #[test]
    fn another_page_size_and_an_old_cursor_are_refused_with_their_keywords() {
        let cursor = cursor();
        let keyword = |count, seconds| {
            let now = cursor.issued_at + TimeDelta::seconds(seconds);
            cursor.check(count, now).map_err(|error| error.scim_type.unwrap().keyword())
        };
        assert_eq!(keyword(100, 3600), Ok(()));
        assert_eq!(keyword(100, 3601), Err("expiredCursor"));
        assert_eq!(keyword(99, 0), Err("invalidCount"));
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back(
            kind in prop::sample::select(ResourceType::ALL.to_vec()),
            position in any::<i64>(),
            key in any::<Option<String>>(),
            count in any::<u32>(),
            millis in 0..4_000_000_000_000_i64,
        ) {
            let issued_at = DateTime::from_timestamp_millis(millis).unwrap();
            let cursor = Cursor { resource_type: kind, position, key, count, issued_at };
            prop_assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Some(cursor));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Cursor::from_bytes(&bytes);
        }
    }

    /// The text is pinned: another one would end every cursor that was given out.
    #[test]
    fn a_list_has_one_text_and_no_other_list_has_the_same() {
        let open = (Listed::default(), Policy::default());
        assert_eq!(
            canonical("Users", &open.0, &open.1),
            "list 1;endpoint=5:Users;filter;sortBy;sortOrder;userFilter;groupFilter;attributes"
        );
        let listed = Listed {
            filter: Some("active eq true".to_owned()),
            sort: Some(("displayname".to_owned(), SortOrder::Descending)),
        };
        let policy = Policy {
            user_filter: Some("title pr".to_owned()),
            group_filter: None,
            attributes: Some(vec!["userName".to_owned(), "title".to_owned()]),
        };
        assert_eq!(
            canonical("", &listed, &policy),
            "list 1;endpoint=0:;filter=14:active eq true;sortBy=11:displayname;sortOrder=10:descending;\
             userFilter=8:title pr;groupFilter;attributes=1:2;attribute=8:userName;attribute=5:title"
        );
        let ascending = Listed { sort: Some(("displayname".to_owned(), SortOrder::Ascending)), ..listed.clone() };
        let imitated = Listed {
            filter: Some("active eq true;sortBy=11:displayname;sortOrder=10:descending".to_owned()),
            sort: None,
        };
        let filters = Policy { user_filter: None, group_filter: Some("title pr".to_owned()), ..policy.clone() };
        let one = Policy { attributes: Some(vec!["userName,title".to_owned()]), ..policy.clone() };
        let none = Policy { attributes: Some(Vec::new()), ..policy.clone() };
        let all = Policy { attributes: None, ..policy.clone() };
        let texts = [
            canonical("", &listed, &policy),
            canonical("Users", &listed, &policy),
            canonical("", &ascending, &policy),
            canonical("", &imitated, &policy),
            canonical("", &Listed::default(), &policy),
            canonical("", &listed, &filters),
            canonical("", &listed, &one),
            canonical("", &listed, &none),
            canonical("", &listed, &all),
        ];
        let distinct: std::collections::BTreeSet<&String> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len());
    }
}
