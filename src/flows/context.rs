//! Holds what all use cases work with.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::clock::Clock;
use crate::crypto::seal::Keys;
use crate::jobs::Wake;
use crate::outbound::Outbound;
use crate::outbound::limits::Limits;
use crate::store::db::pool::Database;

/// How long a call of an admin waits for an HR system, unless a test sets another time.
pub const VENDOR_WAIT: Duration = Duration::from_secs(15);

/// What use cases work with: built once at start, cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    pub db: Database,
    pub clock: Clock,
    pub keys: Arc<Keys>,
    pub outbound: Outbound,
    /// How much of an HR system one pull reads.
    pub limits: Limits,
    /// How long a call of an admin waits for an HR system.
    pub vendor_wait: Duration,
    /// This process, as leases name it.
    pub node: Uuid,
    /// Notified when there is work to do, so that the jobs need not wait for their next check.
    pub wake: Wake,
    /// What must not be dropped halfway when this process has to stop: it is waited for.
    pub unbroken: TaskTracker,
}
