//! Records what calls wait for at present, so that the code that began them can report it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

/// Why a call is not made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The pace of the account: our own limit, or the window that the vendor announced.
    RateLimit,
    /// The vendor asked us to wait.
    RetryAfter,
    /// The back-off before a failed call is repeated.
    BackOff,
}

/// One wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub until: DateTime<Utc>,
    pub reason: WaitReason,
}

/// The waits of some calls. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<Mutex<Going>>);

#[derive(Debug, Default)]
struct Going {
    next: u64,
    waits: BTreeMap<u64, Waiting>,
}

/// A wait that lasts until this is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Noted {
    waits: Waits,
    number: u64,
}

impl Waits {
    /// The wait that ends last; absent while no call waits.
    #[must_use]
    pub fn current(&self) -> Option<Waiting> {
        self.lock().waits.values().copied().max_by_key(|waiting| waiting.until)
    }

    pub(super) fn note(&self, until: DateTime<Utc>, reason: WaitReason) -> Noted {
        let mut going = self.lock();
        let number = going.next;
        going.next += 1;
        going.waits.insert(number, Waiting { until, reason });
        Noted { waits: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, Going> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.waits.lock().waits.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_shown_until_it_ends() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let waits = Waits::default();
        let short = waits.note(at("2026-11-20T12:00:00Z"), WaitReason::BackOff);
        let long = waits.note(at("2026-11-20T12:10:00Z"), WaitReason::RetryAfter);
        assert_eq!(waits.current().unwrap().reason, WaitReason::RetryAfter);
        drop(long);
        assert_eq!(waits.current().unwrap().reason, WaitReason::BackOff);
        drop(short);
        assert_eq!(waits.current(), None);
    }
}
