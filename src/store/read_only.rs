//! Whether the database was seen to take no writes, so that connections to it are given up.
//!
//! After a fail-over the next connection reaches the new primary. Therefore a connection that was opened before the
//! database was last seen read-only is not used again, instead of living on for half an hour.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Reads use a connection to a read-only server for this long, so that each of them does not open one.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// After a sighting, writes that can be left out are not tried for this long.
const ASSUMED: Duration = Duration::from_secs(2);

/// When the database was last seen to be read-only; shared by all connections to it.
#[derive(Debug)]
pub(super) struct ReadOnly {
    start: Instant,
    /// Milliseconds after `start`, plus one; zero for never.
    seen: AtomicU64,
}

impl Default for ReadOnly {
    fn default() -> Self {
        Self { start: Instant::now(), seen: AtomicU64::new(0) }
    }
}

impl ReadOnly {
    /// Notes that the database takes no writes now.
    pub(super) fn note(&self) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.seen.store(elapsed + 1, Ordering::Relaxed);
    }

    /// When it was seen last.
    fn last(&self) -> Option<Instant> {
        let seen = self.seen.load(Ordering::Relaxed).checked_sub(1)?;
        self.start.checked_add(Duration::from_millis(seen))
    }

    /// Whether a connection that was opened at an instant is to be given up, by a lane with this patience.
    pub(super) fn gives_up(&self, opened: Instant, now: Instant, patience: Duration) -> bool {
        let before = |seen: Instant| opened < seen + PATIENCE;
        self.last().is_some_and(before) && now.saturating_duration_since(opened) >= patience
    }

    /// Whether the database is assumed to be read-only still.
    pub(super) fn is_assumed(&self) -> bool {
        self.last().is_some_and(|seen| seen.elapsed() < ASSUMED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_before_a_sighting_are_given_up_and_later_ones_are_kept() {
        let state = ReadOnly::default();
        let opened = Instant::now();
        assert!(!state.gives_up(opened, opened + Duration::from_hours(1), PATIENCE), "never seen read-only");
        assert!(!state.is_assumed());
        state.note();
        assert!(state.is_assumed());
        assert!(!state.gives_up(opened, opened, PATIENCE), "it serves reads for a moment");
        assert!(state.gives_up(opened, opened, Duration::ZERO), "writes need another at once");
        assert!(state.gives_up(opened, opened + PATIENCE, PATIENCE));
        let later = Instant::now() + PATIENCE;
        assert!(!state.gives_up(later, later + Duration::from_hours(1), Duration::ZERO), "opened after the fail-over");
    }
}
