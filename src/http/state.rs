//! What every handler can reach.

use std::sync::Arc;

use super::policies::Policies;
use crate::clock::Clock;
use crate::keys::seal::Keys;
use crate::store::error::DatabaseError;
use crate::store::pool::Database;

/// The shared state of the edge, as `web::Data<State>`.
#[derive(Clone, Debug)]
pub struct State {
    pub db: Database,
    pub clock: Clock,
    /// They seal what callers keep for us.
    pub keys: Arc<Keys>,
    pub(super) policies: Policies,
    public_url: String,
    scim_base: String,
}

impl State {
    /// `public_url` is the URL under which clients reach the server (`ROLLBOOK_PUBLIC_URL`); a slash at its end is
    /// dropped.
    #[must_use]
    pub fn new(db: Database, clock: Clock, keys: Arc<Keys>, public_url: &str) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self { db, clock, keys, policies: Policies::default(), scim_base: format!("{public_url}/scim/v2"), public_url }
    }

    /// For a thread that serves: with so many connections of its own.
    pub(super) fn with_own(&self, connections: usize) -> Result<Self, DatabaseError> {
        Ok(Self { db: self.db.with_own(connections)?, ..self.clone() })
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
