//! Reads what a reading needs before the first record: ends of employment and names of departments.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::shapes::numbered;
use crate::connectors::connector::ConnectorError;
use crate::connectors::field::{code, instant, read_date, read_text, text};
use crate::connectors::rows::{self, Count};
use crate::connectors::vendor::Vendor;

/// Rows on a page, the most that Remote gives.
pub(super) const PAGE_SIZE: u64 = 100;
/// The same, as a number of rows.
pub(super) const PAGE_ROWS: usize = 100;
const LARGEST_PAGE: usize = 16 * 1024 * 1024;

/// The content of the offboardings, by employment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ends {
    pub(super) last_days: BTreeMap<String, NaiveDate>,
    /// Employments of which the offboarding that counts has a field that cannot be read, with what was found in it.
    pub(super) unreadable: BTreeMap<String, Vec<(&'static str, Value)>>,
    /// Offboardings that no parser takes, or that do not say whose they are: which employments they end is not known.
    pub(super) unread: usize,
}

/// The last days in the offboardings; `None` if the token may not see offboardings.
///
/// Confidential ones are requested too. Reasons and risks are dropped here.
///
/// # Errors
/// When the list cannot be read to its end.
pub(super) async fn last_days(vendor: &Vendor, count: &Count) -> Result<Option<Ends>, ConnectorError> {
    let read = |row: &Value| Some(Offboarding::read(row));
    let listing = whole_list(vendor, "offboardings", &[("include_confidential", "true")], count, read);
    Ok(listing.await?.map(|list| {
        let unattributed = list.kept.iter().filter(|row| row.is_err()).count();
        let ends = latest(list.kept.into_iter().filter_map(|row| row.ok().flatten()));
        Ends { unread: list.unread + unattributed, ..ends }
    }))
}

/// Department names by id; `None` if the token may not see departments.
///
/// # Errors
/// When the list cannot be read to its end.
pub(super) async fn departments(
    vendor: &Vendor,
    company: &str,
    count: &Count,
) -> Result<Option<BTreeMap<String, String>>, ConnectorError> {
    let read = |row: &Value| Some((row.get("id").and_then(code)?, row.get("name").and_then(text)?));
    let query = [("company_id", company), ("paginate", "true")];
    let listing = whole_list(vendor, "company-departments", &query, count, read).await?;
    let Some(listing) = listing else { return Ok(None) };
    if listing.unread > 0 {
        // Its people would lose their department.
        return Err(ConnectorError::Malformed {
            system: vendor.system.to_owned(),
            request: "GET /v1/company-departments".to_owned(),
            detail: format!("{} departments cannot be read", listing.unread),
        });
    }
    Ok(Some(listing.kept.into_iter().collect()))
}

/// One offboarding that was not canceled.
#[derive(Debug, PartialEq)]
struct Offboarding {
    employment: String,
    submitted: Option<DateTime<Utc>>,
    /// Set when the date is final; a proposed date is no date.
    last_day: Option<NaiveDate>,
    /// What cannot be read: whether it was canceled, or its date.
    unreadable: Vec<(&'static str, Value)>,
}

/// An offboarding of an unknown employment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unattributed;

impl Offboarding {
    /// `None` for one that was cancelled.
    ///
    /// # Errors
    /// The row does not say in a readable way which employment it ends.
    fn read(row: &Value) -> Result<Option<Self>, Unattributed> {
        let given = |key: &str| row.get(key).unwrap_or(&Value::Null);
        let mut unreadable = Vec::new();
        let status = read_text(given("status")).unwrap_or_else(|_| {
            unreadable.push(("offboardings.status", given("status").clone()));
            None
        });
        if matches!(status.unwrap_or_default().to_ascii_lowercase().as_str(), "canceled" | "cancelled") {
            return Ok(None);
        }
        let last_day = read_date(given("termination_date")).unwrap_or_else(|_| {
            unreadable.push(("offboardings.termination_date", given("termination_date").clone()));
            None
        });
        Ok(Some(Self {
            employment: row.get("employment_id").and_then(code).ok_or(Unattributed)?,
            submitted: row.get("submitted_at").and_then(instant),
            last_day,
            unreadable,
        }))
    }
}

/// Of each employment the offboarding that was submitted last: if its date is not final yet, or cannot be read, an
/// older one's is not taken in its place.
fn latest(offboardings: impl Iterator<Item = Offboarding>) -> Ends {
    let mut latest: HashMap<String, Offboarding> = HashMap::new();
    for offboarding in offboardings {
        let known = latest.get(&offboarding.employment);
        let rank = |of: &Offboarding| (of.submitted, of.last_day);
        if known.is_none_or(|known| rank(known) <= rank(&offboarding)) {
            latest.insert(offboarding.employment.clone(), offboarding);
        }
    }
    let mut ends = Ends::default();
    for (employment, of) in latest {
        if of.unreadable.is_empty() {
            ends.last_days.extend(of.last_day.map(|day| (employment, day)));
        } else {
            ends.unreadable.insert(employment, of.unreadable);
        }
    }
    ends
}

/// A list that was read to its end.
struct Listing<T> {
    kept: Vec<T>,
    /// Rows that no parser takes.
    unread: usize,
}

/// Reads all pages of a list and keeps what `read` makes of its rows; `None` where Remote itself answers 403 or 404.
///
/// Rows can shift between pages while a user of Remote edits. If fewer distinct rows came than the list says it has, it
/// is read once more. The second result counts, because the count may include rows that the token is not shown.
async fn whole_list<T>(
    vendor: &Vendor,
    list: &'static str,
    query: &[(&str, &str)],
    count: &Count,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Option<Listing<T>>, ConnectorError> {
    let key = list.replace('-', "_");
    let page_size = PAGE_SIZE.to_string();
    let mut again = true;
    loop {
        let (mut kept, mut ids, mut unread) = (Vec::new(), HashSet::new(), 0);
        let mut so_far = count.clone();
        let mut page = 1;
        let total = loop {
            let number = page.to_string();
            let paging = [("page", number.as_str()), ("page_size", page_size.as_str())];
            let reply = vendor.get(&["v1", list], &[query, &paging].concat(), LARGEST_PAGE).await?;
            if reply.is_own(&[403, 404]) && page == 1 {
                return Ok(None);
            }
            let numbered = numbered(reply.raw()?, &key, PAGE_ROWS).map_err(|unread| reply.broken(unread))?;
            so_far.page(&reply, numbered.rows.len(), numbered.total_count, vendor.outbound.clock().now())?;
            let known = ids.len();
            for row in &numbered.rows {
                let Ok(row) = rows::record(*row) else {
                    unread += 1;
                    continue;
                };
                if ids.insert(row.get("id").and_then(code)) {
                    kept.extend(read(&row));
                }
            }
            if numbered.is_last(page, PAGE_SIZE).map_err(|detail| reply.malformed(detail))? {
                break numbered.total_count;
            }
            if ids.len() == known && unread == 0 {
                return Err(reply.malformed(format!("page {page} holds nothing new")));
            }
            page += 1;
        };
        let distinct = u64::try_from(ids.len() + unread).unwrap_or(u64::MAX);
        if !again || total.is_none_or(|total| distinct >= total) {
            return Ok(Some(Listing { kept, unread }));
        }
        again = false;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn days(rows: &[Value]) -> BTreeMap<String, NaiveDate> {
        latest(rows.iter().filter_map(|row| Offboarding::read(row).unwrap())).last_days
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn of_the_recorded_offboardings_only_the_final_date_counts() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../../tests/data/remote/offboardings_v1.json")).unwrap();
        let days = days(recorded["data"]["offboardings"].as_array().unwrap());
        let expected = [("7a100007-0000-4000-8000-000000000007".to_owned(), day("2026-08-31"))];
        assert_eq!(days, expected.into(), "a proposed date and a canceled offboarding say nothing");
    }

    #[test]
    fn the_offboarding_submitted_last_counts_whatever_the_order() {
        let row = |submitted: &str, status: &str, last_day: Value| json!({"employment_id": "e", "status": status, "submitted_at": submitted, "termination_date": last_day});
        let old = row("2026-01-01T00:00:00Z", "done", json!("2026-02-01"));
        let new = row("2026-10-01T00:00:00Z", "done", json!("2026-12-31"));
        let open = row("2026-11-01T00:00:00Z", "in_review", json!(null));
        let withdrawn = row("2026-11-05T00:00:00Z", "canceled", json!("2026-11-30"));
        assert_eq!(days(&[new.clone(), old.clone(), withdrawn.clone()]), [("e".to_owned(), day("2026-12-31"))].into());
        assert_eq!(days(&[old.clone(), withdrawn, new.clone()]), [("e".to_owned(), day("2026-12-31"))].into());
        assert_eq!(days(&[open, old, new]), BTreeMap::new(), "the last one has no date yet");
    }

    #[test]
    fn an_offboarding_that_cannot_be_read_says_no_date_and_is_not_passed_over() {
        let row = |status: Value, last_day: Value| json!({"employment_id": "e", "status": status, "termination_date": last_day});
        for (row, field) in [
            (row(json!("done"), json!("2026-02-30")), "offboardings.termination_date"),
            (row(json!("done"), json!(5)), "offboardings.termination_date"),
            (row(json!({"a": 1}), json!("2026-12-31")), "offboardings.status"),
        ] {
            let ends = latest(Offboarding::read(&row).unwrap().into_iter());
            assert_eq!(ends.last_days, BTreeMap::new(), "{row}");
            assert_eq!(ends.unreadable["e"][0].0, field, "{row}");
        }
    }
}
