//! Time, waiting and fresh ids. This is the one place that asks the machine for them.
//!
//! Everything that waits for a vendor (pace, back-off) or for an instant (schedules, lifecycle) waits here, so that a
//! test can move time by hand: a [`Clock::manual`] does not move until it is advanced.
//!
//! The reference is the database's clock, which all nodes share. [`Clock::compare`] measures how far the machine's
//! clock is from it; [`Clock::now`] shows the reference from then on. As long as the two differ by more than
//! [`TOLERANCE`], it is unknown which of them is wrong, and [`Clock::trust`] makes the jobs stop.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

/// How far the clocks of server and database may be apart before work that depends on time stops.
pub const TOLERANCE: TimeDelta = TimeDelta::seconds(60);
/// A smaller difference is not corrected: measuring is not exact.
const NEGLIGIBLE: TimeDelta = TimeDelta::seconds(1);
/// For tests of the built program: names a file that holds how many seconds the machine's clock is ahead.
const TEST_OFFSET: &str = "ROLLBOOK_TEST_CLOCK_FILE";

/// The clock of one process. Cheap to clone; clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    kind: Kind,
    reference: Arc<Mutex<Reference>>,
    evenness: Arc<Mutex<Evenness>>,
}

/// How long the clock has gone evenly, and whether it shows less than it did before.
#[derive(Clone, Copy, Debug)]
struct Evenness {
    since: Instant,
    is_behind: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    System {
        /// Only in tests of the built program.
        offset: Option<Arc<PathBuf>>,
    },
    Manual(Arc<Manual>),
}

/// What the last comparison with the database's clock found.
#[derive(Clone, Copy, Debug, Default)]
struct Reference {
    /// What has to be added to the machine's clock.
    correction: TimeDelta,
    /// When the last comparison was, by the clock that cannot be set, and what the machine's clock showed then.
    compared: Option<(Instant, DateTime<Utc>)>,
    skew: Option<Skew>,
}

/// A difference between the clocks of server and database that is beyond [`TOLERANCE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// How far the server's clock is ahead of the database's; negative when it is behind.
    pub ahead: TimeDelta,
}

impl std::fmt::Display for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.ahead.num_seconds().abs();
        // Rounded to minutes, and not cut: an hour that lacks a millisecond is an hour.
        let near = seconds + 30;
        let (days, hours, minutes) = (near / 86_400, near / 3600 % 24, near / 60 % 60);
        let length = match (days, hours, minutes) {
            (0, 0, _) => format!("{seconds} s"),
            (0, hours, minutes) => format!("{hours} h {minutes} min"),
            (days, hours, _) => format!("{days} d {hours} h"),
        };
        let side = if self.ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
        write!(f, "clockSkew: this server's clock is {length} {side} the database's")
    }
}

/// Whether the time can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    Good,
    /// The machine's clock was set, or the machine slept, since the last comparison: compare again first.
    Unsure,
    Skewed(Skew),
    /// The clock shows less than a server's clock did before. Either of them may have been wrong.
    Behind,
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
        Self::of(Kind::System { offset: None })
    }

    /// The machine's clock, moved by the content of the file that `ROLLBOOK_TEST_CLOCK_FILE` names, if it is set: so
    /// that tests can start the built program with a wrong clock.
    #[must_use]
    pub fn of_program() -> Self {
        Self::of(Kind::System { offset: std::env::var_os(TEST_OFFSET).map(|path| Arc::new(path.into())) })
    }

    /// A clock that shows `now` until [`advance`](Self::advance) or a [`pause`](Self::pause) moves it.
    #[must_use]
    pub fn manual(now: DateTime<Utc>) -> Self {
        let state = Mutex::new(ManualState { now, paused: Duration::ZERO });
        Self::of(Kind::Manual(Arc::new(Manual { state, moved: Notify::new() })))
    }

    fn of(kind: Kind) -> Self {
        let evenness = Evenness { since: monotonic(), is_behind: false };
        Self { kind, reference: Arc::default(), evenness: Arc::new(Mutex::new(evenness)) }
    }

    /// The present instant, truncated to microseconds: what Postgres stores is what was read.
    ///
    /// It is the machine's clock, corrected by the last comparison with the database's. When the machine's clock was
    /// set since, it goes on evenly until the next comparison.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let machine = self.machine();
        let reference = self.reference();
        let (even, jumped) = reference.even(machine);
        (if jumped { even } else { machine }) + reference.correction
    }

    /// What the machine's clock shows, right or wrong.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn machine(&self) -> DateTime<Utc> {
        match &self.kind {
            Kind::System { offset: None } => Utc::now().trunc_subsecs(6),
            Kind::System { offset: Some(file) } => {
                let seconds = std::fs::read_to_string(&**file).ok().and_then(|text| text.trim().parse().ok());
                Utc::now().trunc_subsecs(6) + TimeDelta::try_seconds(seconds.unwrap_or(0)).unwrap_or_default()
            }
            Kind::Manual(manual) => manual.lock().now,
        }
    }

    /// Takes a comparison with the database's clock. That clock showed `database` at some instant between the two
    /// instants `before` and `after` of [`machine`](Self::machine). Returns the difference if it is beyond
    /// [`TOLERANCE`].
    pub fn compare(&self, before: DateTime<Utc>, database: DateTime<Utc>, after: DateTime<Utc>) -> Option<Skew> {
        let unsure = (after - before).abs() / 2;
        let ahead = before + (after - before) / 2 - database;
        let difference = (ahead.abs() - unsure).max(TimeDelta::zero());
        let skew = (difference > TOLERANCE).then_some(Skew { ahead });
        let correction = if difference > NEGLIGIBLE { -ahead } else { TimeDelta::zero() };
        if skew.is_some() || self.reference().even(self.machine()).1 {
            self.evenness.lock().unwrap_or_else(PoisonError::into_inner).since = monotonic();
        }
        let compared = match &self.kind {
            Kind::System { .. } => Some((monotonic(), self.machine())),
            // A manual clock is moved by hand and never against another clock.
            Kind::Manual(_) => None,
        };
        *self.reference.lock().unwrap_or_else(PoisonError::into_inner) = Reference { correction, compared, skew };
        skew
    }

    /// Whether work that depends on time may be done.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let reference = self.reference();
        match reference.skew {
            Some(skew) => Trust::Skewed(skew),
            None if reference.even(self.machine()).1 => Trust::Unsure,
            None if self.evenness().is_behind => Trust::Behind,
            None => Trust::Good,
        }
    }

    /// How long all comparisons have found neither a skew nor a clock that was set. It is at most the time since the
    /// start of the process. A manual clock always goes evenly.
    #[must_use]
    pub fn even_for(&self) -> Duration {
        match &self.kind {
            Kind::System { .. } => self.evenness().since.elapsed(),
            Kind::Manual(_) => Duration::MAX,
        }
    }

    /// Notes whether the clock shows less than a server's clock did before.
    pub fn note_behind(&self, is_behind: bool) {
        self.evenness.lock().unwrap_or_else(PoisonError::into_inner).is_behind = is_behind;
    }

    fn evenness(&self) -> Evenness {
        *self.evenness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reference(&self) -> Reference {
        *self.reference.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits out a vendor's pace or a back-off. A manual clock does not wait: it jumps forward by `length`, so that a
    /// test of a long pull ends at once and can then read how long it would have taken.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits on the machine's clock")]
    pub async fn pause(&self, length: Duration) {
        match &self.kind {
            Kind::System { .. } => tokio::time::sleep(length).await,
            Kind::Manual(_) => {
                self.pause_until(self.now() + TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)).await;
            }
        }
    }

    /// [`pause`](Self::pause) until an instant; returns at once when it has passed.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits on the machine's clock")]
    pub async fn pause_until(&self, until: DateTime<Utc>) {
        match &self.kind {
            Kind::System { .. } => {
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

    /// Waits for some time to pass by itself, however the clock is set meanwhile. A manual clock waits until a test has
    /// advanced it that far.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits on the machine's clock")]
    pub async fn wait(&self, length: TimeDelta) {
        match &self.kind {
            Kind::System { .. } => tokio::time::sleep(length.to_std().unwrap_or_default()).await,
            Kind::Manual(manual) => {
                let until = manual.lock().now + length;
                loop {
                    let moved = manual.moved.notified();
                    tokio::pin!(moved);
                    moved.as_mut().enable();
                    if manual.lock().now >= until {
                        return;
                    }
                    moved.await;
                }
            }
        }
    }

    /// Waits for `work`, at most so long in real time, whatever a manual clock shows. `None` when the time is over; the
    /// work is dropped then.
    pub async fn within<T>(&self, length: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(length, work).await.ok()
    }

    /// Moves a manual clock forward. The machine's clock cannot be moved; there this does nothing.
    pub fn advance(&self, by: TimeDelta) {
        if let Kind::Manual(manual) = &self.kind {
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
        match &self.kind {
            Kind::System { .. } => Duration::ZERO,
            Kind::Manual(manual) => manual.lock().paused,
        }
    }

    /// A random id for what SCIM shows: it reveals nothing, not even its age.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
    pub fn random_id(&self) -> Uuid {
        Uuid::new_v4()
    }

    /// An id that grows with time, for rows whose order no caller outside sees.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes ids")]
    pub fn row_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl Reference {
    /// What the machine's clock would show without a setting since the last comparison, and whether it was set.
    fn even(&self, machine: DateTime<Utc>) -> (DateTime<Utc>, bool) {
        let Some((at, shown)) = self.compared else { return (machine, false) };
        let even = shown + TimeDelta::from_std(at.elapsed()).unwrap_or_default();
        (even.trunc_subsecs(6), (machine - even).abs() > TOLERANCE)
    }
}

fn monotonic() -> Instant {
    Instant::now()
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
            async move { clock.wait(TimeDelta::hours(3)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(TimeDelta::hours(2));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(TimeDelta::hours(1));
        waiting.await.unwrap();
    }

    #[test]
    fn the_databases_clock_is_the_reference_and_a_large_difference_is_a_skew() {
        let clock = Clock::manual(noon());
        let compare = |ahead| clock.compare(noon(), noon() - TimeDelta::seconds(ahead), noon());
        assert_eq!(compare(0), None);
        assert_eq!(clock.now(), noon());
        assert_eq!(compare(60), None);
        assert_eq!((clock.now(), clock.trust()), (noon() - TimeDelta::seconds(60), Trust::Good));
        for (ahead, text) in [
            (61, "61 s ahead of"),
            (-61, "61 s behind"),
            (-3_700, "1 h 2 min behind"),
            (-3_599, "1 h 0 min behind"),
            (40 * 86_400 + 3_600, "40 d 1 h ahead of"),
        ] {
            let skew = compare(ahead).unwrap();
            assert_eq!(skew.to_string(), format!("clockSkew: this server's clock is {text} the database's"));
            assert_eq!(clock.trust(), Trust::Skewed(skew));
            assert_eq!(clock.now(), noon() - TimeDelta::seconds(ahead));
        }
        assert_eq!(compare(1), None);
        assert_eq!((clock.now(), clock.trust()), (noon(), Trust::Good), "it heals");
    }

    #[test]
    fn a_slow_answer_of_the_database_is_no_skew() {
        let clock = Clock::manual(noon());
        let after = noon() + TimeDelta::seconds(30);
        assert_eq!(clock.compare(noon(), noon() - TimeDelta::seconds(50), after), None);
        assert!(clock.compare(noon(), noon() - TimeDelta::seconds(70), after).is_some());
    }

    #[test]
    fn a_clock_that_is_set_goes_on_evenly_until_it_was_compared_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let set = |seconds: i64| std::fs::write(file.path(), seconds.to_string()).unwrap();
        let clock = Clock::of(Kind::System { offset: Some(Arc::new(file.path().to_owned())) });
        set(0);
        let right = clock.machine();
        assert_eq!(clock.compare(right, right, right), None);
        for seconds in [3_456_000, -3_456_000] {
            set(seconds);
            assert_eq!(clock.trust(), Trust::Unsure);
            assert!((clock.now() - right).abs() < TOLERANCE, "{}", clock.now());
            // The database says that nothing but the machine's clock has moved.
            let wrong = clock.machine();
            let skew = clock.compare(wrong, clock.now(), wrong).unwrap();
            assert!((skew.ahead.num_seconds() - seconds).abs() <= 1, "{}", skew.ahead);
            assert!((clock.now() - right).abs() < TOLERANCE, "{}", clock.now());
            set(0);
            let again = clock.machine();
            assert_eq!(clock.compare(again, again, again), None);
            assert_eq!(clock.trust(), Trust::Good);
        }
    }

    #[test]
    fn a_clock_that_shows_less_than_before_is_not_trusted_and_goes_evenly_from_its_last_jump() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let set = |seconds: i64| std::fs::write(file.path(), seconds.to_string()).unwrap();
        let clock = Clock::of(Kind::System { offset: Some(Arc::new(file.path().to_owned())) });
        set(-172_800);
        let compare = || {
            let shown = clock.machine();
            clock.compare(shown, shown, shown)
        };
        assert_eq!(compare(), None);
        clock.note_behind(true);
        assert_eq!(clock.trust(), Trust::Behind);
        let long_ago = monotonic().checked_sub(Duration::from_secs(700)).unwrap();
        clock.evenness.lock().unwrap().since = long_ago;
        assert_eq!(compare(), None);
        assert!(clock.even_for() >= Duration::from_secs(700), "nobody has set it");
        set(0);
        assert_eq!(clock.trust(), Trust::Unsure);
        assert_eq!(compare(), None);
        assert!(clock.even_for() < Duration::from_mins(10), "it was set");
        clock.note_behind(false);
        assert_eq!(clock.trust(), Trust::Good);
        clock.evenness.lock().unwrap().since = long_ago;
        let shown = clock.machine();
        assert!(clock.compare(shown, shown - TimeDelta::minutes(5), shown).is_some());
        assert!(clock.even_for() < Duration::from_mins(10), "a skew counts as well");
    }
}
