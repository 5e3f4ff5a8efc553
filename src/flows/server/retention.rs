//! Deletes data that is older than its retention time (design section 7). It runs only under a clock that can be relied
//! on.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncPgConnection;
use tracing::{info, warn};

use crate::clock::Trust;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store::db::retention;
use crate::store::db::retention::Old;

/// How long the feed can be read by number.
pub const KEEP_FEED: TimeDelta = TimeDelta::days(90);
/// How long runs and plans are kept.
pub const KEEP_RUNS: TimeDelta = TimeDelta::days(90);
/// How long changes (the history of people), the audit, and decided holds and answered questions are kept.
pub const KEEP_CHANGES: TimeDelta = TimeDelta::days(400);
/// How long the pages of a run that has ended are kept, should they have been left behind.
const KEEP_PAGES: TimeDelta = TimeDelta::days(1);

/// How long the clock must have gone evenly before anything is deleted by it.
const EVEN: Duration = Duration::from_hours(1);

/// Whether the clock can be relied on so far that what is old may be deleted.
pub(crate) fn is_safe(context: &Context) -> bool {
    context.clock.trust() == Trust::Good && context.clock.even_for() >= EVEN
}

/// Deletes everything that is too old, in short transactions.
pub(crate) async fn forget(context: &Context, conn: &mut AsyncPgConnection) -> Result<(), FlowError> {
    if !is_safe(context) {
        return Ok(());
    }
    let now = context.clock.now();
    retention::end_feed_before(conn, now - KEEP_FEED).await?;
    for name in retention::old_partitions(conn, now - KEEP_CHANGES).await? {
        match retention::drop_partition(conn, &name).await {
            Ok(true) => info!("the changes of {name} are older than {} days and were deleted", KEEP_CHANGES.num_days()),
            Ok(false) => warn!("{name} is old, but holds changes that have no number yet: it is kept"),
            // Another process reads or writes for long: the next day is early enough.
            Err(error) => warn!("{name} could not be deleted now and is tried again tomorrow: {error}"),
        }
    }
    let rules: [(Old, TimeDelta); 9] = [
        (Old::StrayChanges, KEEP_CHANGES),
        (Old::Audit, KEEP_CHANGES),
        (Old::Plans, KEEP_RUNS),
        (Old::Pages, KEEP_PAGES),
        (Old::Runs, KEEP_RUNS),
        (Old::Holds, KEEP_CHANGES),
        (Old::Reviews, KEEP_CHANGES),
        (Old::EmailReservations, TimeDelta::zero()),
        (Old::Consents, TimeDelta::zero()),
    ];
    for (old, keep) in rules {
        delete(conn, old, now - keep).await?;
    }
    Ok(())
}

async fn delete(conn: &mut AsyncPgConnection, old: Old, before: DateTime<Utc>) -> Result<(), FlowError> {
    while retention::delete_some(conn, old, before).await? {}
    Ok(())
}
