//! Pages of lists: the page size, the start position, and the opaque cursor to the next page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

use crate::api::Page;
use crate::http::admin::answer::{Answer, Listed};
use crate::http::error::{Code, Problem};

/// Items of a page when the request names no number.
pub(crate) const DEFAULT_LIMIT: i64 = 100;
/// Items of a page, at most.
pub(crate) const MAX_LIMIT: i64 = 500;

/// Where a list goes on: behind the item with this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Lists in order of time.
    At(DateTime<Utc>, Uuid),
    /// Lists in order of a number.
    Number(i64),
    /// Lists in order of a text.
    Text(String),
}

impl Mark {
    /// The cursor that a client sees.
    pub(crate) fn to_cursor(&self) -> String {
        let text = match self {
            Self::At(at, id) => format!("t{}.{id}", at.timestamp_micros()),
            Self::Number(number) => format!("n{number}"),
            Self::Text(text) => format!("s{text}"),
        };
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads what [`to_cursor`](Self::to_cursor) wrote.
    pub(crate) fn of_cursor(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let rest = text.get(1..)?;
        match text.as_bytes().first()? {
            b't' => {
                let (at, id) = rest.split_once('.')?;
                let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
                // Beyond these years Postgres has no instants.
                (1970..10_000).contains(&at.year()).then_some(())?;
                Some(Self::At(at, Uuid::try_parse(id).ok()?))
            }
            b'n' => Some(Self::Number(rest.parse().ok()?)),
            b's' if !rest.contains('\0') => Some(Self::Text(rest.to_owned())),
            _ => None,
        }
    }

    pub(crate) fn at(self) -> Option<(DateTime<Utc>, Uuid)> {
        match self {
            Self::At(at, id) => Some((at, id)),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

pub(crate) fn invalid_cursor() -> Problem {
    Problem::new(Code::InvalidCursor, "the cursor is none that this list gave out")
}

/// A page of rows of which one more was asked for than is shown, to see whether there are more.
pub(crate) fn page<R, T>(
    mut rows: Vec<R>,
    limit: i64,
    mark: impl Fn(&R) -> Mark,
    show: impl FnMut(R) -> Result<T, Problem>,
) -> Answer<Listed<T>> {
    let most = usize::try_from(limit).unwrap_or(0);
    let has_more = rows.len() > most;
    rows.truncate(most);
    let next_cursor = rows.last().filter(|_| has_more).map(|last| mark(last).to_cursor());
    let items = rows.into_iter().map(show).collect::<Result<_, _>>()?;
    Ok(Listed(Page { items, next_cursor }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_mark(micros in 0..4_000_000_000_000_000_i64, id: u128, number: i64, text in "[^\0]*") {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            for mark in [Mark::At(at, Uuid::from_u128(id)), Mark::Number(number), Mark::Text(text.clone())] {
                prop_assert_eq!(Mark::of_cursor(&mark.to_cursor()), Some(mark));
            }
        }

        #[test]
        fn no_cursor_panics(text in "\\PC{0,40}", inner in any::<String>()) {
            let _ = Mark::of_cursor(&text);
            let _ = Mark::of_cursor(&URL_SAFE_NO_PAD.encode(inner));
        }
    }

    #[test]
    fn what_was_tampered_with_is_no_cursor() {
        for text in ["", "!", "dDk5OTk5OTk5OTk5OTk5OTk5OTk", "eA"] {
            assert_eq!(Mark::of_cursor(text), None, "{text}");
        }
        assert_eq!(Mark::of_cursor(&URL_SAFE_NO_PAD.encode("t9223372036854775807.x")), None);
        assert_eq!(Mark::of_cursor(&URL_SAFE_NO_PAD.encode("sa\0")), None);
    }
}
