//! Computes days at a given distance from the sandbox's today.

use chrono::{NaiveDate, TimeDelta};

/// The day `days` before (or, negative, after) `today`; `today` itself where the calendar ends.
pub(super) fn days_before(today: NaiveDate, days: i64) -> NaiveDate {
    TimeDelta::try_days(days).and_then(|length| today.checked_sub_signed(length)).unwrap_or(today)
}
