//! Limits of single callers. No caller can take a whole lane, by many requests or by slow ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use super::counters::Refused;
use super::error::{Busy, Refusal};
pub use crate::store::db::lanes::CallerLimits;
use crate::store::db::lanes::Lane;

/// How long a cheap read waits behind others of the same caller.
const READ_WAIT: Duration = Duration::from_secs(5);
/// How long an expensive query waits: short queries of one caller then follow each other without a refusal.
pub(super) const QUERY_WAIT: Duration = Duration::from_secs(2);
/// So many expensive queries of one caller wait for each that may run; further ones are refused at once.
const QUEUE: usize = 4;
/// A request with several statements may take so much longer than one of them.
pub(super) const BEYOND: Duration = Duration::from_secs(2);
/// Callers that are remembered; beyond that those without a request are forgotten.
const REMEMBERED: usize = 1_024;

/// The limits, and what each caller uses of them.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) settings: CallerLimits,
    callers: Arc<Mutex<HashMap<Uuid, Arc<Shares>>>>,
}

/// The remaining shares of one caller.
#[derive(Debug)]
pub(super) struct Shares {
    pub(super) reads: Arc<Semaphore>,
    pub(super) queries: Arc<Semaphore>,
    /// Places of the queue for expensive queries.
    queue: Semaphore,
    pub(super) streams: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(settings: CallerLimits) -> Self {
        Self { settings, callers: Arc::default() }
    }

    pub(super) fn of(&self, caller: Uuid) -> Arc<Shares> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shares) = callers.get(&caller) {
            return Arc::clone(shares);
        }
        let CallerLimits { reads, queries, streams } = self.settings;
        if callers.len() >= REMEMBERED {
            callers.retain(|_, shares| !shares.is_idle(&self.settings));
        }
        let shares = Arc::new(Shares {
            reads: Arc::new(Semaphore::new(reads)),
            queries: Arc::new(Semaphore::new(queries)),
            queue: Semaphore::new(queries.saturating_mul(QUEUE)),
            streams: Arc::new(Semaphore::new(streams)),
        });
        callers.insert(caller, Arc::clone(&shares));
        shares
    }

    /// A share of the cheap reads.
    pub(super) async fn read(&self, caller: Uuid) -> Result<OwnedSemaphorePermit, Refusal> {
        let reads = Arc::clone(&self.of(caller).reads);
        if let Ok(permit) = Arc::clone(&reads).try_acquire_owned() {
            return Ok(permit);
        }
        let refusal = Refusal::TooManyRequests(Busy::Reads(self.settings.reads));
        within(READ_WAIT, reads)
            .await
            .ok_or(refusal)
            .inspect_err(|_| super::counters::refused(Lane::Reads, Refused::Caller))
    }

    /// A share of the expensive queries.
    pub(super) async fn query(&self, caller: Uuid) -> Result<OwnedSemaphorePermit, Refusal> {
        let shares = self.of(caller);
        if let Ok(permit) = Arc::clone(&shares.queries).try_acquire_owned() {
            return Ok(permit);
        }
        let refuse = || {
            super::counters::refused(Lane::Queries, Refused::Caller);
            Refusal::TooManyRequests(Busy::Queries(self.settings.queries))
        };
        let Ok(_place) = shares.queue.try_acquire() else { return Err(refuse()) };
        within(QUERY_WAIT, Arc::clone(&shares.queries)).await.ok_or_else(refuse)
    }
}

impl Shares {
    fn is_idle(&self, settings: &CallerLimits) -> bool {
        self.reads.available_permits() == settings.reads
            && self.queries.available_permits() == settings.queries
            && self.streams.available_permits() == settings.streams
    }
}

async fn within(wait: Duration, semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    timeout(wait, semaphore.acquire_owned()).await.ok().and_then(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_caller_that_uses_its_share_is_refused_and_others_are_not() {
        let limits = Limits::new(CallerLimits { reads: 1, queries: 1, streams: 1 });
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held = limits.query(one).await.unwrap();
        assert_eq!(limits.query(one).await.unwrap_err(), Refusal::TooManyRequests(Busy::Queries(1)));
        assert!(limits.query(other).await.is_ok());
        assert!(limits.read(one).await.is_ok(), "cheap reads have a share of their own");
        drop(held);
        assert!(limits.query(one).await.is_ok());
    }

    #[actix_web::test]
    async fn callers_without_a_request_are_forgotten() {
        let limits = Limits::new(CallerLimits::default());
        let held = limits.read(Uuid::from_u128(0)).await.unwrap();
        for n in 1..3 * REMEMBERED as u128 {
            drop(limits.read(Uuid::from_u128(n)).await.unwrap());
        }
        let callers = limits.callers.lock().unwrap();
        assert!(callers.len() <= REMEMBERED && callers.contains_key(&Uuid::from_u128(0)));
        drop((callers, held));
    }
}
