//! Time, waiting and fresh ids: the one place that asks the machine for them.
//!
//! Everything that waits for a vendor (pace, back-off) or for an instant (schedules, lifecycle) waits here, so that a
//! test can move time by hand: a [`Clock::manual`] stands still until it is advanced.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

/// The clock of one process. Cheap to clone; clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Manual(Arc<Manual>),
}

#[derive(Debug)]
struct Manual {
    state: Mutex<ManualState>,
    moved: Notify,
}

#[derive(Debug)]
struct ManualState {
    now: DateTime<Utc>,
    /// The sum of all pauses that were skipped, for tests that check pace and back-off.
    paused: Duration,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that shows `now` until [`advance`](Self::advance) or a [`pause`](Self::pause) moves it.
    #[must_use]
    pub fn manual(now: DateTime<Utc>) -> Self {
        let state = Mutex::new(ManualState { now, paused: Duration::ZERO });
        Self(Kind::Manual(Arc::new(Manual { state, moved: Notify::new() })))
    }

    /// The present instant, truncated to microseconds: what Postgres stores is what was read.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Kind::System => Utc::now().trunc_subsecs(6),
            Kind::Manual(manual) => manual.lock().now,
        }
    }

    /// Waits out a vendor's pace or a back-off. A manual clock does not wait: it jumps forward by `length`, so that a
    /// test of a long pull ends at once and can then read how long it would have taken.
    pub async fn pause(&self, length: Duration) {
        self.pause_until(self.now() + TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)).await;
    }

    /// [`pause`](Self::pause) until an instant; returns at once when it has passed.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits on the machine's clock")]
    pub async fn pause_until(&self, until: DateTime<Utc>) {
        match &self.0 {
            Kind::System => {
                if let Ok(left) = (until - self.now()).to_std() {
                    tokio::time::sleep(left).await;
                }
            }
            Kind::Manual(manual) => {
                manual.jump_to(until);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits for an instant that comes by itself (a schedule, a lifecycle date). A manual clock waits until a test has
    /// advanced it that far.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits on the machine's clock")]
    pub async fn wait_until(&self, until: DateTime<Utc>) {
        match &self.0 {
            Kind::System => {
                while let Ok(left) = (until - self.now()).to_std() {
                    // In slices, so that a machine that slept or whose clock was set does not oversleep.
                    tokio::time::sleep(left.min(Duration::from_secs(30))).await;
                    if left.is_zero() {
                        return;
                    }
                }
            }
            Kind::Manual(manual) => loop {
                let moved = manual.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if manual.lock().now >= until {
                    return;
                }
                moved.await;
            },
        }
    }

    /// Waits for `work`, at most so long in real time, whatever a manual clock shows. `None` when the time is over; the
    /// work is dropped then.
    pub async fn within<T>(&self, length: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(length, work).await.ok()
    }

    /// Moves a manual clock forward. The machine's clock cannot be moved; there this does nothing.
    pub fn advance(&self, by: TimeDelta) {
        if let Kind::Manual(manual) = &self.0 {
            manual.lock().now += by;
            manual.moved.notify_waiters();
        }
    }

    /// Sets a manual clock to `now`, which may not lie in its past.
    pub fn set(&self, now: DateTime<Utc>) {
        let by = now - self.now();
        if by > TimeDelta::zero() {
            self.advance(by);
        }
    }

    /// How long all pauses of a manual clock would have lasted.
    #[must_use]
    pub fn paused(&self) -> Duration {
        match &self.0 {
            Kind::System => Duration::ZERO,
            Kind::Manual(manual) => manual.lock().paused,
        }
    }

    /// A random id for what SCIM shows: it tells nothing, not even its age.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
    pub fn random_id(&self) -> Uuid {
        Uuid::new_v4()
    }

    /// An id that grows with time, for rows that nobody outside sees an order in.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
    pub fn row_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl Manual {
    fn jump_to(&self, until: DateTime<Utc>) {
        let mut state = self.lock();
        if let Ok(left) = (until - state.now).to_std() {
            state.paused += left;
            state.now = until;
        }
        drop(state);
        self.moved.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, ManualState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn a_pause_moves_a_manual_clock_by_its_length() {
        let clock = Clock::manual(noon());
        clock.pause(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(90));
        assert_eq!(clock.paused(), Duration::from_secs(90));
    }

    #[tokio::test]
    async fn a_wait_ends_when_the_clock_was_advanced_far_enough() {
        let clock = Clock::manual(noon());
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.wait_until(noon() + TimeDelta::hours(3)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(TimeDelta::hours(2));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(TimeDelta::hours(1));
        waiting.await.unwrap();
    }
}
