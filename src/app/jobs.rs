//! Defines which jobs there are.

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::Trust;
use crate::flows;
use crate::flows::access::tokens;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::planning::{hold, timers};
use crate::flows::server::{clock_check, key_check};
use crate::flows::{connections, feed, groups, runs};
use crate::jobs::{Job, Runner, Stopped};

type Step = for<'a> fn(&'a Context) -> BoxFuture<'a, Result<bool, FlowError>>;

/// A use case as a job.
struct Work {
    name: &'static str,
    context: Context,
    /// Whether it waits while the clock cannot be relied on.
    needs_clock: bool,
    step: Step,
}

impl Job for Work {
    fn name(&self) -> &'static str {
        self.name
    }

    fn needs_clock(&self) -> bool {
        self.needs_clock
    }

    fn step(&self) -> BoxFuture<'_, Result<bool, Stopped>> {
        let stopped = |error: FlowError| {
            if error.is_outage() { Stopped::Waits(error.into()) } else { Stopped::Failed(error.into()) }
        };
        (self.step)(&self.context).map(move |done| done.map_err(stopped)).boxed()
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A job as it is listed: `copies` of it run at once.
struct JobEntry {
    name: &'static str,
    needs_clock: bool,
    copies: usize,
    step: Step,
}

impl JobEntry {
    const fn new(name: &'static str, needs_clock: bool, step: Step) -> Self {
        Self { name, needs_clock, copies: 1, step }
    }
}

/// All jobs. What a wrong clock does harm to has `true`; what only carries on what is written has `false`.
const JOBS: [JobEntry; 11] = [
    JobEntry::new("housekeeping", true, |context| timers::keep_house(context).boxed()),
    JobEntry::new("timers", true, |context| timers::fire(context).boxed()),
    JobEntry::new("schedule", true, |context| timers::schedule(context).boxed()),
    JobEntry::new("holds", true, |context| hold::expire(context).boxed()),
    JobEntry::new("tokens", true, |context| tokens::warn_of_ends(context).boxed()),
    JobEntry::new("grants", true, |context| connections::tokens::refresh_stale(context).boxed()),
    // Several, so that a long pull of one connection does not keep the others waiting.
    JobEntry { copies: 4, ..JobEntry::new("pulls", true, |context| runs::worker::work(context).boxed()) },
    JobEntry::new("authority", true, |context| flows::authority::walk(context).boxed()),
    JobEntry::new("released totals", false, |context| flows::feed::count(context).boxed()),
    JobEntry::new("groups", true, |context| groups::walk(context).boxed()),
    JobEntry::new("feed", false, |context| feed::sequence(context).boxed()),
];

/// The names of all jobs, as metrics and the log have them.
pub fn names() -> impl Iterator<Item = &'static str> {
    JOBS.iter().map(|job| job.name)
}

/// The jobs of a process.
pub(super) fn runner(context: &Context) -> Runner {
    let all = JOBS.iter().flat_map(|job| std::iter::repeat_n(job, job.copies));
    let jobs = all
        .map(|job| {
            let JobEntry { name, needs_clock, step, .. } = *job;
            Box::new(Work { name, context: context.clone(), needs_clock, step }) as Box<dyn Job>
        })
        .collect();
    Runner::new(jobs, context.clock.clone(), context.wake.clone())
}

/// Runs each job in turn until none has work left, as tests need it.
///
/// # Errors
/// The first error of a job.
pub async fn run_until_idle(context: &Context) -> Result<(), FlowError> {
    loop {
        let mut worked = false;
        for job in &JOBS {
            worked |= (job.step)(context).await?;
        }
        if !worked {
            return Ok(());
        }
    }
}

/// How often the job checks whether there is a reason to compare.
const TICK: TimeDelta = TimeDelta::seconds(1);
/// Ticks between two checks while all is well, and while the clocks differ.
const WHILE_WELL: u32 = 60;
const WHILE_SKEWED: u32 = 5;

/// One check: compares the clocks, then repairs what a wrong clock or a wrong key left behind.
pub(super) async fn look(context: &Context) -> Result<(), FlowError> {
    clock_check::compare(context).await?;
    clock_check::look_back(context).await?;
    key_check::go_on(context).await?;
    Ok(())
}

/// Checks until `stop` is cancelled.
pub(super) async fn watch(context: Context, stop: CancellationToken) {
    let mut ticks = 0;
    while stop.run_until_cancelled(context.clock.wait(TICK)).await.is_some() {
        ticks += 1;
        let due = match context.clock.trust() {
            Trust::Good => WHILE_WELL,
            Trust::Skewed(_) | Trust::Behind => WHILE_SKEWED,
            Trust::Unsure => 1,
        };
        if ticks >= due {
            ticks = 0;
            match stop.run_until_cancelled(look(&context)).await {
                Some(Err(error)) if !error.is_outage() => warn!("the clock could not be checked: {error}"),
                // A database that is away is noticed by the work itself.
                _ => {}
            }
        }
    }
}
