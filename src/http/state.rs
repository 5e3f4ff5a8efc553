//! The state that every handler can use.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use uuid::Uuid;

use super::counters::Refused;
use super::error::{Busy, Refusal};
use super::limits::{BEYOND, CallerLimits, Limits, QUERY_WAIT};
use super::policies::Policies;
use crate::clock::Clock;
use crate::crypto::seal::Keys;
use crate::store::db::error::DatabaseError;
use crate::store::db::lanes::{Lane, LaneSettings, Lanes};
use crate::store::db::pool::{Connection, Database, watched};
use crate::store::filter::cost::Cost;

/// The shared state of the edge, as `web::Data<State>`.
#[derive(Clone, Debug)]
pub struct State {
    pub lanes: Lanes,
    pub clock: Clock,
    /// The keys that seal the data that callers keep for the server.
    pub keys: Arc<Keys>,
    pub(super) policies: Policies,
    pub(super) limits: Limits,
    public_url: String,
    scim_base: String,
}

impl State {
    /// With lanes and limits as they are by default, beside the pool of `db`.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a state has its database to itself, like all else that it is made of"
    )]
    pub fn new(db: Database, clock: Clock, keys: Arc<Keys>, public_url: &str) -> Self {
        let lanes = Lanes::beside(db.clone(), &LaneSettings::default(), 0).unwrap_or_else(|_| Lanes::shared(&db));
        Self::with(lanes, CallerLimits::default(), clock, keys, public_url)
    }

    /// `public_url` is the URL under which clients reach the server (`ROLLBOOK_PUBLIC_URL`); a slash at its end is
    /// dropped.
    #[must_use]
    pub fn with(lanes: Lanes, limits: CallerLimits, clock: Clock, keys: Arc<Keys>, public_url: &str) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self {
            lanes,
            clock,
            keys,
            policies: Policies::default(),
            limits: Limits::new(limits),
            scim_base: format!("{public_url}/scim/v2"),
            public_url,
        }
    }

    /// The state for a thread that serves: with so many connections for cheap reads of its own.
    pub(super) fn with_own(&self, connections: usize) -> Result<Self, DatabaseError> {
        let lanes = Lanes { reads: self.lanes.reads.with_own(connections)?, ..self.lanes.clone() };
        Ok(Self { lanes, ..self.clone() })
    }

    /// The URL under which clients reach the server, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Where HR systems send an admin back to who has given consent. It comes from the configuration and never from the
    /// `Host` header.
    #[must_use]
    pub fn callback_url(&self) -> String {
        format!("{}/oauth/callback", self.public_url)
    }

    /// The base URL of SCIM, without a slash at its end. It comes from the configuration and never from the `Host`
    /// header.
    #[must_use]
    pub fn scim_base(&self) -> &str {
        &self.scim_base
    }
}

impl State {
    /// A connection for a request of a caller, from the lane of what it costs. It is held until the request's last
    /// statement has ended.
    ///
    /// # Errors
    /// 429 when the caller has as many requests of this cost going as it may; 503 when all of the lane is taken.
    pub(crate) async fn connection(&self, caller: Uuid, cost: Cost) -> Result<Connection, Refusal> {
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
                super::counters::refused(Lane::Queries, Refused::Full);
                Err(Refusal::Crowded)
            }
            Err(error) => {
                if matches!(error, DatabaseError::Busy(_)) {
                    super::counters::refused(Lane::Reads, Refused::Full);
                }
                Err(error.into())
            }
        }
    }

    /// A share of the answers that are written piece by piece, to be held until the last piece.
    ///
    /// # Errors
    /// 429 when the caller has as many of them going as it may.
    pub(crate) fn stream(&self, caller: Uuid) -> Result<OwnedSemaphorePermit, Refusal> {
        let streams = Arc::clone(&self.limits.of(caller).streams);
        streams.try_acquire_owned().map_err(|_| {
            super::counters::refused(Lane::Reads, Refused::Streams);
            Refusal::TooManyRequests(Busy::Streams(self.limits.settings.streams))
        })
    }

    /// Carries out a request within the time that its cost allows. Past it, the statement is cancelled.
    ///
    /// # Errors
    /// As `work`; [`Refusal::TooLong`] past the time of an expensive query.
    pub(crate) async fn answer_within<T, E: From<Refusal>>(
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
            super::counters::timed_out();
            Err(Refusal::TooLong { limit }.into())
        })
    }
}
