//! What every handler can reach.

use std::sync::Arc;

use super::limits::{CallerLimits, Limits};
use super::policies::Policies;
use crate::clock::Clock;
use crate::crypto::seal::Keys;
use crate::store::db::error::DatabaseError;
use crate::store::db::lanes::{LaneSettings, Lanes};
use crate::store::db::pool::Database;

/// The shared state of the edge, as `web::Data<State>`.
#[derive(Clone, Debug)]
pub struct State {
    pub lanes: Lanes,
    pub clock: Clock,
    /// They seal what callers keep for us.
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

    /// For a thread that serves: with so many connections for cheap reads of its own.
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
