//! The log layer that lets the first line of a repeating fault pass and counts the others.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, error, warn};
use tracing_subscriber::layer::{Context, Layer};

use super::repeats::{Repeats, Summary};
use crate::clock::Clock;

/// Marks the lines that report how often a fault came again: they always pass.
const SUMMARIES: &str = "rollbook::telemetry::repeated";
/// Fields that differ each time and make no other kind of fault: which request failed, and how a call is tried again.
const OF_ONE_TIME: [&str; 3] = ["request.id", "tries", "wait_ms"];
/// How long the thread that reports repeated faults sleeps between two checks, while there are any.
const LOOK: Duration = Duration::from_secs(1);

/// Where in the code a fault is logged, and how bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    is_error: bool,
    target: &'static str,
    name: &'static str,
}

/// The layer. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Collapse(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    repeats: Mutex<Repeats<Place>>,
    /// Notified when there is something to report or to forget later.
    filled: Condvar,
}

impl Collapse {
    pub(super) fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared { clock, repeats: Mutex::new(Repeats::new()), filled: Condvar::new() }))
    }

    /// Starts the thread that reports repeated faults. It ends with the process.
    pub(super) fn tell_in_background(&self) -> std::io::Result<()> {
        let shared = self.0.clone();
        std::thread::Builder::new().name("log-repeats".to_owned()).spawn(move || shared.tell_for_ever()).map(drop)
    }

    /// Reports what is due now.
    #[cfg(test)]
    fn tell(&self) {
        self.0.due().iter().for_each(tell);
    }

    /// Reports what was not reported yet.
    pub(super) fn tell_rest(&self) {
        let now = self.0.clock.now();
        let rest = self.0.lock().rest(now);
        rest.iter().for_each(tell);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Repeats<Place>> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> Vec<Summary<Place>> {
        let now = self.clock.now();
        self.lock().due(now)
    }

    fn tell_for_ever(&self) {
        loop {
            let mut repeats = self.lock();
            while repeats.is_empty() {
                repeats = self.filled.wait(repeats).unwrap_or_else(PoisonError::into_inner);
            }
            let waited = self.filled.wait_timeout_while(repeats, LOOK, |_| true);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            // The lock is free meanwhile: a report passes through the layer again.
            self.due().iter().for_each(tell);
        }
    }
}

impl<S: Subscriber> Layer<S> for Collapse {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let is_error = *metadata.level() == Level::ERROR;
        if !is_error && *metadata.level() != Level::WARN || metadata.target() == SUMMARIES {
            return true;
        }
        let mut words = Words::default();
        event.record(&mut words);
        // The name of an event holds its file and line.
        let place = Place { is_error, target: metadata.target(), name: metadata.name() };
        let now = self.0.clock.now();
        let is_told = self.0.lock().note(&place, &words.finish(), now);
        self.0.filled.notify_one();
        is_told
    }
}

/// The message of an event and its fields.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn finish(self) -> String {
        self.message + &self.fields
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name if OF_ONE_TIME.contains(&name) => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

fn tell(summary: &Summary<Place>) {
    let Summary { times, seconds, words, .. } = summary;
    let stopped = if summary.has_stopped { ", and has stopped" } else { "" };
    let others = if summary.is_mixed { " (among others)" } else { "" };
    if summary.place.is_error {
        error!(target: SUMMARIES, times, "again {times} times in {seconds} s{stopped}: {words}{others}");
    } else {
        warn!(target: SUMMARIES, times, "again {times} times in {seconds} s{stopped}: {words}{others}");
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use chrono::{DateTime, TimeDelta};
    use tracing::{info, subscriber};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that something logs, and what the layer reports afterwards.
    fn lines(during: impl FnOnce(&Clock, &Collapse)) -> Vec<String> {
        let log = Log::default();
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let collapse = Collapse::new(clock.clone());
        let sink = log.clone();
        let format = tracing_subscriber::fmt::layer()
            .with_writer(move || sink.clone())
            .with_target(false)
            .with_ansi(false)
            .without_time();
        subscriber::with_default(registry().with(collapse.clone()).with(format), || during(&clock, &collapse));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn three_hundred_requests_without_a_database_are_two_lines() {
        let told = lines(|clock, collapse| {
            for n in 0..300 {
                error!(request.id = n, "the database cannot be used: refused");
                info!(request.id = n, "something else");
            }
            clock.advance(TimeDelta::seconds(60));
            collapse.tell();
            collapse.tell_rest();
        });
        let faults: Vec<&String> = told.iter().filter(|line| line.starts_with("ERROR")).collect();
        assert_eq!(
            faults,
            [
                "ERROR the database cannot be used: refused request.id=0",
                "ERROR again 299 times in 60 s, and has stopped: the database cannot be used: refused times=299"
            ]
        );
        assert_eq!(told.iter().filter(|line| line.starts_with("INFO")).count(), 300, "only faults are counted");
    }

    #[test]
    fn a_fault_of_another_connection_or_of_another_text_has_its_own_line() {
        let told = lines(|_, _| {
            for connection in ["a", "b", "a", "b"] {
                for reason in ["refused", "too slow"] {
                    warn!(connection.id = connection, "a token cannot be refreshed: {reason}");
                }
            }
        });
        assert_eq!(told.len(), 4, "{told:?}");
    }

    #[test]
    fn what_was_counted_is_told_at_the_end_of_the_process() {
        let told = lines(|_, collapse| {
            for _ in 0..3 {
                warn!("not ready");
            }
            collapse.tell_rest();
        });
        assert_eq!(told, ["WARN not ready", "WARN again 2 times in 0 s: not ready times=2"]);
    }
}
