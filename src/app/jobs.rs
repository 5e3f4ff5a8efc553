//! Which jobs there are.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::{feed, fields, grants, groups, hold, pull, released_totals, timers, tokens};
use crate::jobs::runner::{Job, Runner, Stopped};

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

/// All jobs of a process.
pub(super) fn runner(context: &Context) -> Runner {
    // What a wrong clock does harm to says `true`; what only carries on what is written says `false`.
    let all: [(&'static str, bool, Step); 14] = [
        ("housekeeping", true, |context| timers::keep_house(context).boxed()),
        ("timers", true, |context| timers::fire(context).boxed()),
        ("schedule", true, |context| timers::schedule(context).boxed()),
        ("holds", true, |context| hold::expire(context).boxed()),
        ("tokens", true, |context| tokens::warn_of_ends(context).boxed()),
        ("grants", true, |context| grants::refresh_stale(context).boxed()),
        // Several, so that a long pull of one connection does not keep the others waiting.
        ("pulls", true, |context| pull::work(context).boxed()),
        ("pulls", true, |context| pull::work(context).boxed()),
        ("pulls", true, |context| pull::work(context).boxed()),
        ("pulls", true, |context| pull::work(context).boxed()),
        ("authority", true, |context| fields::walk(context).boxed()),
        ("released totals", false, |context| released_totals::count(context).boxed()),
        ("groups", true, |context| groups::walk(context).boxed()),
        ("feed", false, |context| feed::sequence(context).boxed()),
    ];
    let jobs = all
        .into_iter()
        .map(|(name, needs_clock, step)| {
            Box::new(Work { name, context: context.clone(), needs_clock, step }) as Box<dyn Job>
        })
        .collect();
    Runner::new(jobs, context.clock.clone(), context.wake.clone())
}
