//! Limits of single callers: none of them can take a whole lane, by many requests or by slow ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use super::error::{Busy, Refusal};
use super::metrics::{self, Refused};
use super::state::State;
use crate::store::db::error::DatabaseError;
pub use crate::store::db::lanes::CallerLimits;
use crate::store::db::lanes::Lane;
use crate::store::db::pool::{Connection, watched};
use crate::store::filter::cost::Cost;

/// How long a cheap read waits for its turn behind others of the same caller.
const READ_WAIT: Duration = Duration::from_secs(5);
/// How long an expensive query waits for its turn: short queries of one caller then follow each other unrefused.
const QUERY_WAIT: Duration = Duration::from_secs(2);
/// So many expensive queries of one caller wait for each that may run; further ones are refused at once.
const QUEUE: usize = 4;
/// A request with several statements may take so much longer than one of them.
const BEYOND: Duration = Duration::from_secs(2);
/// Callers that are remembered; beyond that those without a request are forgotten.
const REMEMBERED: usize = 1_024;

/// The limits, and what each caller uses of them.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    settings: CallerLimits,
    callers: Arc<Mutex<HashMap<Uuid, Arc<Shares>>>>,
}

/// What one caller has left.
#[derive(Debug)]
struct Shares {
    reads: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    /// Places of the queue for expensive queries.
    queue: Semaphore,
    streams: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(settings: CallerLimits) -> Self {
        Self { settings, callers: Arc::default() }
    }

    fn of(&self, caller: Uuid) -> Arc<Shares> {
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
    async fn read(&self, caller: Uuid) -> Result<OwnedSemaphorePermit, Refusal> {
        let reads = Arc::clone(&self.of(caller).reads);
        if let Ok(permit) = Arc::clone(&reads).try_acquire_owned() {
            return Ok(permit);
        }
        let refusal = Refusal::TooManyRequests(Busy::Reads(self.settings.reads));
        within(READ_WAIT, reads).await.ok_or(refusal).inspect_err(|_| metrics::refused(Lane::Reads, Refused::Caller))
    }

    /// A share of the expensive queries.
    async fn query(&self, caller: Uuid) -> Result<OwnedSemaphorePermit, Refusal> {
        let shares = self.of(caller);
        if let Ok(permit) = Arc::clone(&shares.queries).try_acquire_owned() {
            return Ok(permit);
        }
        let refuse = || {
            metrics::refused(Lane::Queries, Refused::Caller);
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

impl State {
    /// A connection for a request of a caller, from the lane of what it costs. It is held until the request's last
    /// statement has ended.
    ///
    /// # Errors
    /// 429 when the caller has as many requests of this cost going as it may; 503 when all of the lane is taken.
    pub(super) async fn connection(&self, caller: Uuid, cost: Cost) -> Result<Connection, Refusal> {
        let (permit, conn) = match cost {
            Cost::Cheap => {
                let permit = self.limits.read(caller).await?;
                (permit, self.lanes.reads.get().await)
            }
            Cost::Expensive => {
                let permit = self.limits.query(caller).await?;
                (permit, self.lanes.queries.get_within(QUERY_WAIT).await)
            }
        };
        match conn {
            Ok(conn) => Ok(conn.with_permit(permit)),
            Err(DatabaseError::Busy(_)) if cost == Cost::Expensive => {
                metrics::refused(Lane::Queries, Refused::Full);
                Err(Refusal::Crowded)
            }
            Err(error) => {
                if matches!(error, DatabaseError::Busy(_)) {
                    metrics::refused(Lane::Reads, Refused::Full);
                }
                Err(error.into())
            }
        }
    }

    /// A share of the answers that are written piece by piece, to be held until the last piece.
    ///
    /// # Errors
    /// 429 when the caller has as many of them going as it may.
    pub(super) fn stream(&self, caller: Uuid) -> Result<OwnedSemaphorePermit, Refusal> {
        let streams = Arc::clone(&self.limits.of(caller).streams);
        streams.try_acquire_owned().map_err(|_| {
            metrics::refused(Lane::Reads, Refused::Streams);
            Refusal::TooManyRequests(Busy::Streams(self.limits.settings.streams))
        })
    }

    /// Carries out a request within the time that its cost allows. Past it, the statement is cancelled.
    ///
    /// # Errors
    /// As `work`; [`Refusal::TooLong`] past the time of an expensive query.
    pub(super) async fn answer_within<T, E: From<Refusal>>(
        &self,
        cost: Cost,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if cost == Cost::Cheap {
            return work.await;
        }
        let limit = self.lanes.queries.statement_timeout();
        let limited = super::error::limited(limit, watched(work));
        timeout(limit + BEYOND + QUERY_WAIT * 2, limited).await.unwrap_or_else(|_| {
            metrics::timed_out();
            Err(Refusal::TooLong { limit }.into())
        })
    }
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
