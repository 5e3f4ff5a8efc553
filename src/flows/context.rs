//! What use cases work with.

use std::sync::Arc;

use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::clock::Clock;
use crate::jobs::wake::Wake;
use crate::keys::seal::Keys;
use crate::outbound::Outbound;
use crate::store::pool::Database;

/// What use cases work with: built once at start, cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    pub db: Database,
    pub clock: Clock,
    pub keys: Arc<Keys>,
    pub outbound: Outbound,
    /// This process, as leases name it.
    pub node: Uuid,
    /// Rung when there is work to do, so that the jobs need not wait for their next look.
    pub wake: Wake,
    /// What must not be dropped halfway when this process is told to stop: it is waited for.
    pub unbroken: TaskTracker,
}
