//! Which jobs there are.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::{feed, fields, grants, groups, hold, keys, pull, released_totals, timers, tokens};
use crate::jobs::runner::{Job, Runner, Stopped};

type Step = for<'a> fn(&'a Context) -> BoxFuture<'a, Result<bool, FlowError>>;

/// A use case as a job.
struct Work {
    name: &'static str,
    context: Context,
    step: Step,
}

impl Job for Work {
    fn name(&self) -> &'static str {
        self.name
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
    let all: [(&'static str, Step); 15] = [
        ("housekeeping", |context| timers::keep_house(context).boxed()),
        ("timers", |context| timers::fire(context).boxed()),
        ("schedule", |context| timers::schedule(context).boxed()),
        ("holds", |context| hold::expire(context).boxed()),
        ("tokens", |context| tokens::warn_of_ends(context).boxed()),
        ("grants", |context| grants::refresh_stale(context).boxed()),
        // Several, so that a long pull of one connection does not keep the others waiting.
        ("pulls", |context| pull::work(context).boxed()),
        ("pulls", |context| pull::work(context).boxed()),
        ("pulls", |context| pull::work(context).boxed()),
        ("pulls", |context| pull::work(context).boxed()),
        ("authority", |context| fields::walk(context).boxed()),
        ("keys", |context| keys::fill(context).boxed()),
        ("released totals", |context| released_totals::count(context).boxed()),
        ("groups", |context| groups::walk(context).boxed()),
        ("feed", |context| feed::sequence(context).boxed()),
    ];
    let jobs = all
        .into_iter()
        .map(|(name, step)| Box::new(Work { name, context: context.clone(), step }) as Box<dyn Job>)
        .collect();
    Runner::new(jobs, context.clock.clone(), context.wake.clone())
}
