//! Runs work that happens without a request. What the jobs do is registered from `app`.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::clock::{Clock, Trust};

/// How long a job with nothing to do waits before it checks again, should it miss the notification.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(1);
/// How long a job waits before it tries the database again that was away or took no writes.
const AFTER_WAITING: TimeDelta = TimeDelta::seconds(2);
/// How long a job waits after a failure.
const AFTER_FAILURE: TimeDelta = TimeDelta::seconds(5);

/// One kind of work. A step is short or can be cancelled at any `.await` without harm: what it does is in the store.
pub trait Job: Send + Sync + fmt::Debug {
    /// What logs call it.
    fn name(&self) -> &'static str;

    /// Whether its work depends on the time: then it waits while the clock cannot be relied on.
    fn needs_clock(&self) -> bool;

    /// Does the next piece of work; `false` when there is none.
    fn step(&self) -> BoxFuture<'_, Result<bool, Stopped>>;
}

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The database is away or takes no writes: the job waits for it.
    #[error("{0:#}")]
    Waits(anyhow::Error),
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// The jobs of one process.
#[derive(Clone, Debug)]
pub struct Runner {
    jobs: Arc<Vec<Box<dyn Job>>>,
    clock: Clock,
    wake: Wake,
    /// The jobs that wait for the database, of all clones.
    waiting: Arc<AtomicUsize>,
}

impl Runner {
    #[must_use]
    pub fn new(jobs: Vec<Box<dyn Job>>, clock: Clock, wake: Wake) -> Self {
        Self { jobs: Arc::new(jobs), clock, wake, waiting: Arc::default() }
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
        let mut notified = self.wake.listen();
        let mut waits = false;
        loop {
            notified.mark_unchanged();
            if job.needs_clock() && self.clock.trust() != Trust::Good {
                self.clock.wait(LOOK_AGAIN).await;
                continue;
            }
            let step = AssertUnwindSafe(job.step()).catch_unwind().await;
            let step = step.unwrap_or_else(|_| Err(Stopped::Failed(anyhow::anyhow!("it panicked"))));
            self.note(&mut waits, &step);
            let pause = match step {
                Ok(more) => {
                    // Whole seconds are exact up to the year 2106.
                    let now = u32::try_from(self.clock.now().timestamp()).map_or(0.0, f64::from);
                    metrics::gauge!("rollbook_job_last_success_timestamp_seconds", "job" => job.name()).set(now);
                    if more {
                        continue;
                    }
                    LOOK_AGAIN
                }
                Err(Stopped::Waits(_)) => AFTER_WAITING,
                Err(Stopped::Failed(problem)) => {
                    metrics::counter!("rollbook_job_failures_total", "job" => job.name()).increment(1);
                    error!(job = job.name(), "the job {} failed: {problem:#}", job.name());
                    AFTER_FAILURE
                }
            };
            let look = self.clock.wait(pause);
            tokio::select! {
                () = look => {}
                _ = notified.changed() => {}
            }
        }
    }

    /// Logs once, not for each job, that jobs wait for the database, and that they go on.
    fn note(&self, waits: &mut bool, step: &Result<bool, Stopped>) {
        match step {
            Err(Stopped::Waits(problem)) if !*waits => {
                *waits = true;
                if self.waiting.fetch_add(1, Ordering::SeqCst) == 0 {
                    warn!("jobs wait for the database: {problem:#}");
                }
            }
            Ok(_) | Err(Stopped::Failed(_)) if *waits => {
                *waits = false;
                if self.waiting.fetch_sub(1, Ordering::SeqCst) == 1 {
                    info!("jobs go on: the database takes their work again");
                }
            }
            _ => {}
        }
    }

    /// Does all work that there is now, job after job, until none is left: for tests and for one-off commands.
    ///
    /// # Errors
    /// The first failure of a job.
    pub async fn drain(&self) -> Result<(), Stopped> {
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

/// Notifies every waiting job of this process. A notification while no job waits is kept for the next that would wait.
#[derive(Clone, Debug)]
pub struct Wake(Arc<watch::Sender<u64>>);

impl Default for Wake {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Wake {
    /// Notifies that there may be work.
    pub fn notify(&self) {
        self.0.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// Receives every notification from now on.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
