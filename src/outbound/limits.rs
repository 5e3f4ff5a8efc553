//! Limits on how much is read from a vendor.

use std::time::Duration;

/// How much of an HR system one reading takes (settings of the server). Each list has these limits for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub pages: u64,
    pub rows: u64,
    /// From the start of the reading to its last page.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pages: 10_000, rows: 250_000, time: Duration::from_hours(12) }
    }
}
