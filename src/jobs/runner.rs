//! Runs jobs: each in a loop of its own, as long as there is work, then waiting for the bell or the next look.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use super::wake::Wake;
use crate::clock::{Clock, Trust};

/// How long a job with nothing to do waits before it looks again, should it miss the bell.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(1);
/// How long a job waits after a failure.
const AFTER_FAILURE: TimeDelta = TimeDelta::seconds(5);

/// One kind of work. A step is short or can be cancelled at any `.await` without harm: what it does is in the store.
pub trait Job: Send + Sync + fmt::Debug {
    /// What logs call it.
    fn name(&self) -> &'static str;

    /// Whether its work depends on the time: then it waits while the clock cannot be relied on.
    fn needs_clock(&self) -> bool;

    /// Does the next piece of work; `false` when there is none.
    fn step(&self) -> BoxFuture<'_, anyhow::Result<bool>>;
}

/// The jobs of one process.
#[derive(Clone, Debug)]
pub struct Runner {
    jobs: Arc<Vec<Box<dyn Job>>>,
    clock: Clock,
    wake: Wake,
}

impl Runner {
    #[must_use]
    pub fn new(jobs: Vec<Box<dyn Job>>, clock: Clock, wake: Wake) -> Self {
        Self { jobs: Arc::new(jobs), clock, wake }
    }

    /// Starts all jobs; they end soon after `stop` is cancelled.
    pub fn start(&self, tracker: &TaskTracker, stop: &CancellationToken) {
        for number in 0..self.jobs.len() {
            let (runner, stop) = (self.clone(), stop.clone());
            tracker.spawn(async move {
                stop.run_until_cancelled(runner.keep_at_it(number)).await;
            });
        }
    }

    async fn keep_at_it(&self, number: usize) {
        let Some(job) = self.jobs.get(number) else { return };
        let mut bell = self.wake.listen();
        loop {
            bell.mark_unchanged();
            if job.needs_clock() && self.clock.trust() != Trust::Good {
                self.clock.wait(LOOK_AGAIN).await;
                continue;
            }
            let step = AssertUnwindSafe(job.step()).catch_unwind().await;
            let pause = match step.unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked"))) {
                Ok(true) => continue,
                Ok(false) => LOOK_AGAIN,
                Err(problem) => {
                    error!(job = job.name(), "the job {} failed: {problem:#}", job.name());
                    AFTER_FAILURE
                }
            };
            let look = self.clock.wait(pause);
            tokio::select! {
                () = look => {}
                _ = bell.changed() => {}
            }
        }
    }

    /// Does all work that there is now, job after job, until none is left: for tests and for one-off commands.
    ///
    /// # Errors
    /// The first failure of a job.
    pub async fn drain(&self) -> anyhow::Result<()> {
        loop {
            let mut worked = false;
            for job in self.jobs.iter() {
                while job.step().await? {
                    worked = true;
                }
            }
            if !worked {
                return Ok(());
            }
        }
    }
}
