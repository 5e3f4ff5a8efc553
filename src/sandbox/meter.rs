//! The vendor's rate limit, and a count of all requests.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// Length of the window, fixed from its first request (remote.md 9.1).
const WINDOW: TimeDelta = TimeDelta::seconds(60);

/// How many requests are remembered one by one.
const RECENT: usize = 256;

/// What a sandbox was asked for since it was made or reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    pub total: u64,
    /// By path, with ids left out, as `/v1/employments/{id}`.
    pub requests: BTreeMap<String, u64>,
    /// By HTTP status. What was never answered (hang, close) is not here.
    pub statuses: BTreeMap<u16, u64>,
    /// 429s because the rate limit was broken, not those of faults.
    pub rate_limited: u64,
    pub unauthorized: u64,
    /// Requests that met a fault.
    pub faulted: u64,
    /// The most authenticated requests within one window, refused ones included.
    pub busiest_window: u64,
    /// The most requests that were being answered at the same time.
    pub most_in_flight: u64,
    /// The last requests, oldest first, as path and query.
    pub recent: VecDeque<String>,
}

/// The values of the rate headers (remote.md 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) count: u64,
    pub(super) remaining: u64,
    /// Milliseconds until the window ends: a length, not an instant.
    pub(super) reset_ms: i64,
    /// Whether this request is over the limit.
    pub(super) refused: bool,
}

#[derive(Debug)]
pub(super) struct Meter {
    limit: u32,
    window: Option<DateTime<Utc>>,
    asked: u64,
    in_flight: u64,
    pub(super) statistics: Statistics,
}

impl Meter {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, window: None, asked: 0, in_flight: 0, statistics: Statistics::default() }
    }

    /// Sets the limit from the next request on.
    pub(super) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Counts an authenticated request; without a limit there are no headers.
    pub(super) fn admit(&mut self, now: DateTime<Utc>) -> Option<Rate> {
        let begin = match self.window {
            Some(begin) if now >= begin && now - begin < WINDOW => begin,
            _ => {
                self.asked = 0;
                *self.window.insert(now)
            }
        };
        self.asked += 1;
        self.statistics.busiest_window = self.statistics.busiest_window.max(self.asked);
        let limit = u64::from(self.limit);
        (limit > 0).then(|| Rate {
            count: self.asked.min(limit),
            remaining: limit.saturating_sub(self.asked),
            reset_ms: (begin + WINDOW - now).num_milliseconds(),
            refused: self.asked > limit,
        })
    }

    pub(super) fn begin(&mut self, pattern: &str, request: String) {
        self.in_flight += 1;
        let seen = &mut self.statistics;
        seen.most_in_flight = seen.most_in_flight.max(self.in_flight);
        seen.total += 1;
        *seen.requests.entry(pattern.to_owned()).or_default() += 1;
        if seen.recent.len() == RECENT {
            seen.recent.pop_front();
        }
        seen.recent.push_back(request);
    }

    pub(super) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn answered(&mut self, status: u16) {
        *self.statistics.statuses.entry(status).or_default() += 1;
    }

    /// Starts over, but for requests that are still being answered.
    pub(super) fn restart(&mut self, limit: u32) {
        let in_flight = self.in_flight;
        *self = Self { in_flight, ..Self::new(limit) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_790_000_000_000 + millis).unwrap()
    }

    #[test]
    fn the_window_is_fixed_from_its_first_request() {
        let mut meter = Meter::new(2);
        assert_eq!(meter.admit(at(0)), Some(Rate { count: 1, remaining: 1, reset_ms: 60_000, refused: false }));
        assert_eq!(meter.admit(at(30_000)), Some(Rate { count: 2, remaining: 0, reset_ms: 30_000, refused: false }));
        assert_eq!(meter.admit(at(59_999)), Some(Rate { count: 2, remaining: 0, reset_ms: 1, refused: true }));
        assert_eq!(meter.admit(at(60_000)), Some(Rate { count: 1, remaining: 1, reset_ms: 60_000, refused: false }));
        assert_eq!(meter.statistics.busiest_window, 3);
    }

    #[test]
    fn without_a_limit_nothing_is_refused_and_the_busiest_window_is_known_still() {
        let mut meter = Meter::new(0);
        assert!((0..1000).all(|_| meter.admit(at(5)).is_none()));
        assert_eq!(meter.statistics.busiest_window, 1000);
    }
}
