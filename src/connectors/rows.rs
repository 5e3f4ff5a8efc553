//! Reads the rows of a page, one at a time. A row that no parser accepts is reported with its id, and the page goes on.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::connector::ConnectorError;
use super::field::source_id;
use super::vendor::Reply;
use crate::directory::worker::Rejected;
use crate::outbound::limits::Limits;
use crate::outbound::raw::{Fault, Raw};

/// How many rows a page may have, as a multiple of the rows that were asked for: some servers ignore the size.
const SLACK: usize = 10;

/// Counts the pages and rows of one list against the limits.
#[derive(Clone, Debug)]
pub(super) struct Count {
    limits: Limits,
    until: DateTime<Utc>,
    pages: u64,
    rows: u64,
    /// How many rows the vendor counted on its first page, with a margin for growth.
    counted: Option<u64>,
}

impl Count {
    /// Nothing was read so far; the reading began at `began`.
    pub(super) fn new(limits: Limits, began: DateTime<Utc>) -> Self {
        let time = TimeDelta::from_std(limits.time).unwrap_or(TimeDelta::MAX);
        let until = began.checked_add_signed(time).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Self { limits, until, pages: 0, rows: 0, counted: None }
    }

    /// Takes a page into account. `count` is the vendor's own count of the whole list, where it gives one.
    ///
    /// # Errors
    /// [`ConnectorError::TooLarge`] when the list goes beyond a limit.
    pub(super) fn page(
        &mut self,
        reply: &Reply,
        rows: usize,
        count: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<(), ConnectorError> {
        self.pages += 1;
        self.rows += u64::try_from(rows).unwrap_or(u64::MAX);
        let Limits { pages, rows, time } = self.limits;
        if let Some(count) = count.filter(|_| self.pages == 1) {
            if count > rows {
                return Err(reply.too_large(format!(
                    "it counts {count} records; at most {rows} are read (setting ROLLBOOK_READ_MAX_RECORDS)"
                )));
            }
            // Rows may be added while we read, and come twice when they shift.
            self.counted = Some(count + count / 5 + 1_000);
        }
        if let Some(counted) = self.counted.filter(|counted| self.rows > *counted) {
            return Err(reply.too_large(format!(
                "the list goes on after {} records, although the HR system counted fewer than {counted}",
                self.rows
            )));
        }
        if self.rows > rows {
            return Err(
                reply.too_large(format!("the list goes on after {rows} records (setting ROLLBOOK_READ_MAX_RECORDS)"))
            );
        }
        if self.pages > pages {
            return Err(
                reply.too_large(format!("the list goes on after {pages} pages (setting ROLLBOOK_READ_MAX_PAGES)"))
            );
        }
        if now > self.until {
            return Err(reply.too_large(format!(
                "the list goes on after {} minutes (setting ROLLBOOK_READ_MAX_MINUTES)",
                time.as_secs() / 60
            )));
        }
        Ok(())
    }
}

/// The rows of a list of which `asked` were asked for.
///
/// # Errors
/// [`Fault::TooMany`] for far more rows than that; another fault when the structure of the list is broken.
pub(super) fn of_list(list: Raw<'_>, asked: usize) -> Result<Vec<Raw<'_>>, Fault> {
    list.elements(asked.saturating_mul(SLACK))
}

/// One row as a value.
///
/// # Errors
/// [`Rejected`] when no parser takes it, with its id where that can be found.
pub(super) fn record(row: Raw<'_>) -> Result<Value, Rejected> {
    row.value().map_err(|fault| Rejected {
        source_id: id_of(row).and_then(|id| source_id(&json!({ "id": id })).ok()),
        row: None,
        name: None,
        reason: format!("the record is {fault}"),
    })
}

fn id_of(row: Raw<'_>) -> Option<Value> {
    row.get("id").ok()??.value().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ids::SourceId;

    #[test]
    fn a_broken_row_names_its_worker_where_it_can() {
        let broken = |row: &[u8]| record(Raw::of(row).unwrap()).unwrap_err();
        assert_eq!(broken(b"{\"id\": \"w7\", \"n\": NaN}").source_id, Some(SourceId("w7".into())));
        assert_eq!(
            broken(b"{\"n\": {\"id\": \"x\"}, \"m\": \"\xff\", \"id\": 7}").source_id,
            Some(SourceId("7".into()))
        );
        for unnamed in
            [&b"{\"n\": NaN}"[..], b"{\"id\": \"a\", \"id\": \"b\"}", b"{\"id\": {\"a\": 1}, \"n\": NaN}", b"[NaN]"]
        {
            assert_eq!(broken(unnamed).source_id, None);
        }
        assert_eq!(
            broken(b"{\"id\": \"w7\", \"id\": \"w7\"}").reason,
            "the record is an object that has a member twice"
        );
    }
}
