//! Pace limits how often one account of a vendor is called. All callers of the account share it.
//!
//! Vendors count in windows of a minute that begin with a request, at their end of the connection. Between its start
//! and its answer, the time at which a request arrives there is not known here. Therefore a request takes up its place
//! from its start until a minute after its answer. So no window of a minute, wherever it begins, sees more than the
//! limit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use super::waits::{WaitReason, Waits};
use crate::clock::Clock;

/// How long a request is counted after its answer.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// A vendor's value for its own window is accepted up to this length; a longer one is in another unit or form.
const LONGEST_WINDOW: TimeDelta = TimeDelta::minutes(5);

/// A pause that ends further ahead was set by a clock that has been set back since.
const LONGEST_SILENCE: TimeDelta = TimeDelta::hours(1);

/// This fraction of the vendor's limit is left to others who share it.
const SHARE_OF_OTHERS: u64 = 20;

/// A limiter of requests to one account. Clones share it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    /// Held by the next request; the others queue behind it in the order of their arrival.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug)]
struct State {
    per_window: usize,
    in_flight: usize,
    /// When the requests of the last minute ended, oldest first.
    ended: VecDeque<DateTime<Utc>>,
    /// No request starts before this instant: the vendor asked for a pause.
    held_until: Option<DateTime<Utc>>,
    vendor: Option<VendorWindow>,
}

/// The vendor's own count, which others can use up as well.
#[derive(Clone, Copy, Debug)]
struct VendorWindow {
    remaining: u64,
    reserve: u64,
    until: DateTime<Utc>,
}

/// The information in an answer's headers about the vendor's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateHint {
    /// How many requests the window has seen, where the vendor states it.
    pub count: Option<u64>,
    /// How many more requests it allows.
    pub remaining: u64,
    /// When it ends, counted from the answer.
    pub reset: Duration,
}

enum Decision {
    Go,
    WaitUntil(DateTime<Utc>, WaitReason),
    WaitForAnEnd,
}

/// The place of one request in the window. It is given back a minute after the permit is dropped.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    pace: Pace,
    hint: Option<RateHint>,
}

impl Pace {
    /// A limiter of `per_minute` requests in any minute; at least one.
    #[must_use]
    pub fn new(clock: Clock, per_minute: u32) -> Self {
        let state = State {
            per_window: places(per_minute),
            in_flight: 0,
            ended: VecDeque::new(),
            held_until: None,
            vendor: None,
        };
        let turn = tokio::sync::Mutex::new(());
        Self(Arc::new(Inner { clock, turn, state: Mutex::new(state), ended: Notify::new() }))
    }

    /// Changes the limit from now on.
    pub fn set_limit(&self, per_minute: u32) {
        self.lock().per_window = places(per_minute);
    }

    /// Waits until a request may start. The first caller goes first.
    pub async fn start(&self) -> Permit {
        self.start_noted(None).await
    }

    /// [`start`](Self::start), and notes what is waited for.
    pub(super) async fn start_noted(&self, waits: Option<&Waits>) -> Permit {
        let _turn = self.0.turn.lock().await;
        loop {
            let ended = self.0.ended.notified();
            tokio::pin!(ended);
            // Before the check, so that an end between the check and the wait is not missed.
            ended.as_mut().enable();
            // The guard of the state must not live across the wait.
            let decision = self.lock().decide(self.0.clock.now());
            match decision {
                Decision::Go => return Permit { pace: self.clone(), hint: None },
                Decision::WaitUntil(instant, reason) => {
                    let _noted = waits.map(|waits| waits.note(instant, reason));
                    self.0.clock.pause_until(instant).await;
                }
                Decision::WaitForAnEnd => ended.await,
            }
        }
    }

    /// Lets no request start before `instant`, as a vendor asks with a 429.
    pub fn hold_until(&self, instant: DateTime<Utc>) {
        let mut state = self.lock();
        state.held_until = state.held_until.max(Some(instant));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn places(per_minute: u32) -> usize {
    usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX)
}

impl State {
    /// Whether the next request may start now; if so, it has started.
    fn decide(&mut self, now: DateTime<Utc>) -> Decision {
        for ended in &mut self.ended {
            // A machine's clock that was set back must not stretch the minute.
            *ended = (*ended).min(now);
        }
        while self.ended.front().is_some_and(|ended| *ended <= now - WINDOW) {
            self.ended.pop_front();
        }
        if let Some(until) = self.held_until.filter(|until| *until > now && *until <= now + LONGEST_SILENCE) {
            return Decision::WaitUntil(until, WaitReason::RetryAfter);
        }
        self.held_until = None;
        self.vendor = self.vendor.filter(|window| window.until > now && window.until <= now + LONGEST_WINDOW);
        if let Some(window) = self.vendor {
            // What is in flight may not be in the vendor's count yet.
            let in_flight = u64::try_from(self.in_flight).unwrap_or(u64::MAX);
            if window.remaining <= in_flight.saturating_add(window.reserve) {
                return Decision::WaitUntil(window.until, WaitReason::RateLimit);
            }
        }
        if self.in_flight + self.ended.len() >= self.per_window {
            return match self.ended.front() {
                Some(ended) => Decision::WaitUntil(*ended + WINDOW, WaitReason::RateLimit),
                None => Decision::WaitForAnEnd,
            };
        }
        self.in_flight += 1;
        Decision::Go
    }

    fn end(&mut self, now: DateTime<Utc>, hint: Option<RateHint>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.ended.push_back(now);
        let Some(hint) = hint else {
            if let Some(window) = &mut self.vendor {
                window.remaining = window.remaining.saturating_sub(1);
            }
            return;
        };
        let Some(until) = TimeDelta::from_std(hint.reset).ok().filter(|d| *d <= LONGEST_WINDOW).map(|d| now + d) else {
            return;
        };
        let reserve = hint.count.map_or(0, |count| count.saturating_add(hint.remaining) / SHARE_OF_OTHERS);
        let fresh = VendorWindow { remaining: hint.remaining, reserve, until };
        // Answers overtake one another: of one window the lowest count is the last.
        let slack = TimeDelta::seconds(2);
        self.vendor = Some(match self.vendor {
            Some(known) if (known.until - until).abs() <= slack => {
                VendorWindow { remaining: known.remaining.min(fresh.remaining), reserve, until: known.until.max(until) }
            }
            Some(known) if known.until > until => known,
            _ => fresh,
        });
    }
}

impl Permit {
    /// Stores what the answer's headers said about the vendor's window.
    pub fn learn(&mut self, hint: Option<RateHint>) {
        self.hint = hint;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.pace.0.clock.now();
        self.pace.lock().end(now, self.hint);
        self.pace.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn hint(count: Option<u64>, remaining: u64, reset_ms: u64) -> RateHint {
        RateHint { count, remaining, reset: Duration::from_millis(reset_ms) }
    }

    #[tokio::test]
    async fn a_first_burst_is_free_and_the_next_waits_for_the_minute() {
        let clock = Clock::manual(noon());
        let pace = Pace::new(clock.clone(), 3);
        for _ in 0..3 {
            drop(pace.start().await);
        }
        assert_eq!(clock.now(), noon());
        drop(pace.start().await);
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(60));
    }

    #[tokio::test]
    async fn a_request_without_answer_keeps_its_place() {
        let clock = Clock::manual(noon());
        let pace = Pace::new(clock.clone(), 1);
        let first = pace.start().await;
        let second = tokio::spawn({
            let pace = pace.clone();
            async move { drop(pace.start().await) }
        });
        clock.advance(TimeDelta::seconds(90));
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap();
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(150), "a minute after the answer, not after the start");
    }

    #[tokio::test]
    async fn a_hold_stops_everybody_until_its_end() {
        let clock = Clock::manual(noon());
        let pace = Pace::new(clock.clone(), 100);
        pace.hold_until(noon() + TimeDelta::seconds(41));
        pace.hold_until(noon() + TimeDelta::seconds(20));
        drop(pace.start().await);
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(41), "the longer hold counts");
    }

    #[tokio::test]
    async fn what_others_used_up_is_respected() {
        let clock = Clock::manual(noon());
        let pace = Pace::new(clock.clone(), 240);
        let mut permit = pace.start().await;
        permit.learn(Some(hint(Some(299), 1, 30_000)));
        drop(permit);
        drop(pace.start().await);
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(30), "the last twentieth is left to others");
        drop(pace.start().await);
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(30), "a new window is unknown and starts freely");
    }

    #[tokio::test]
    async fn an_answer_that_was_overtaken_does_not_raise_the_count() {
        let clock = Clock::manual(noon());
        let pace = Pace::new(clock.clone(), 240);
        let (mut first, mut second) = (pace.start().await, pace.start().await);
        second.learn(Some(hint(None, 0, 30_000)));
        drop(second);
        first.learn(Some(hint(None, 1, 30_000)));
        drop(first);
        drop(pace.start().await);
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(30));
    }

    #[tokio::test]
    async fn a_reset_in_another_unit_is_not_believed() {
        let clock = Clock::manual(noon());
        let pace = Pace::new(clock.clone(), 240);
        let mut permit = pace.start().await;
        permit.learn(Some(hint(None, 0, 1_795_000_000_000)));
        drop(permit);
        drop(pace.start().await);
        assert_eq!(clock.now(), noon());
    }

    #[tokio::test]
    async fn whoever_came_first_goes_first() {
        let clock = Clock::manual(noon());
        let pace = Pace::new(clock.clone(), 1);
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = Vec::new();
        for number in 0..5 {
            let (pace, tell) = (pace.clone(), tell.clone());
            tasks.push(tokio::spawn(async move {
                let permit = pace.start().await;
                tell.send(number).unwrap();
                drop(permit);
            }));
        }
        for expected in 0..5 {
            assert_eq!(told.recv().await, Some(expected));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(clock.now(), noon() + TimeDelta::minutes(4));
    }

    proptest! {
        /// A vendor whose minute begins with a request, wherever between start and answer requests arrive.
        #[test]
        fn no_window_of_the_vendor_sees_more_than_the_limit(
            limit in 1_u32..6,
            steps in proptest::collection::vec((0_i64..20_000, 0_usize..4, 0_u8..=100), 1..80),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let arrivals = runtime.block_on(async {
                let clock = Clock::manual(noon());
                let pace = Pace::new(clock.clone(), limit);
                let mut open: VecDeque<(Permit, DateTime<Utc>, u8)> = VecDeque::new();
                let mut arrivals = Vec::new();
                let mut close = |(permit, started, place): (Permit, DateTime<Utc>, u8)| {
                    let flight = (clock.now() - started).num_microseconds().unwrap();
                    arrivals.push(started + TimeDelta::microseconds(flight * i64::from(place) / 100));
                    drop(permit);
                };
                for (pass, keep_open, place) in steps {
                    clock.advance(TimeDelta::milliseconds(pass));
                    while open.len() > keep_open || open.len() >= limit as usize {
                        close(open.pop_front().unwrap());
                    }
                    let permit = pace.start().await;
                    open.push_back((permit, clock.now(), place));
                }
                open.into_iter().for_each(&mut close);
                arrivals
            });
            for begin in &arrivals {
                let seen = arrivals.iter().filter(|a| *a >= begin && **a < *begin + TimeDelta::minutes(1)).count();
                prop_assert!(seen <= limit as usize, "{seen} of {limit}");
            }
        }
    }
}
