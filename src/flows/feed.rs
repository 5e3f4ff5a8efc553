//! Serves the feed of changes (law 6): dense numbers in the order of commits, no gap, no repeat.

pub mod consumer;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use tracing::{error, warn};

use super::context::Context;
use super::error::FlowError;
use crate::scim::release::Policy;
use crate::store;
use crate::store::changes::ChangeRow;
use crate::store::changes::policy_filters::PolicyFilter;
use crate::store::changes::policy_totals::Count;
use crate::store::changes::sequence::WhileBusy;

/// How many changes are numbered in one transaction.
const STEP: usize = 5_000;

/// Numbers the changes that were committed since; `false` when there are none.
pub async fn sequence(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    Ok(conn.transaction(async |conn| store::changes::sequence::sequence(conn, STEP, WhileBusy::Leave).await).await? > 0)
}

/// The changes after a sequence number. What was committed before the call is in it, so that a caller who has seen a
/// change through another way finds it here.
pub async fn after(context: &Context, sequence_number: i64, limit: i64) -> Result<Vec<ChangeRow>, FlowError> {
    let mut conn = context.db.get().await?;
    number_all(&mut conn).await?;
    let after = sequence_number.max(store::db::retention::feed_from(&mut conn).await?);
    Ok(store::changes::feed(&mut conn, after, limit).await?)
}

/// Whether the feed no longer has what follows a number: a reader who stopped there has missed changes.
pub async fn is_expired(context: &Context, sequence_number: i64) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    Ok(sequence_number > 0 && sequence_number < store::db::retention::feed_from(&mut conn).await?)
}

/// Numbers all that was committed before the call.
async fn number_all(conn: &mut AsyncPgConnection) -> Result<(), FlowError> {
    let mut collisions = 0_u8;
    loop {
        let numbered = conn
            .transaction(async |conn| Ok(store::changes::sequence::sequence(conn, STEP, WhileBusy::Wait).await?))
            .await;
        match numbered {
            // A full step may not have been all there was.
            Ok(STEP) => collisions = 0,
            Ok(_) => return Ok(()),
            // It folds groups while others rename them.
            Err(error) if collisions < 5 && FlowError::is_deadlock(&error) => collisions += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Counts for one filter that is due; `false` when there is none. One that cannot be counted keeps no other waiting.
pub async fn count(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    let now = context.clock.now();
    let Some(filter) = store::changes::policy_totals::due(&mut conn, now).await? else { return Ok(false) };
    let (number, consumer) = (filter.number, filter.consumer_id);
    let count = count_inside(&mut conn, filter).await.unwrap_or_else(|error| {
        error!(consumer.id = %consumer, %error, "the people of a release policy could not be counted; lists count them");
        None
    });
    let wrong =
        conn.transaction(async |conn| store::changes::policy_totals::keep(conn, number, count, now).await).await?;
    if let Some((kept, found)) = wrong {
        warn!(consumer.id = %consumer, kept, found, "the number of people of a release policy was wrong, and is mended");
    }
    Ok(true)
}

async fn count_inside(conn: &mut AsyncPgConnection, filter: PolicyFilter) -> Result<Option<Count>, FlowError> {
    let policy = Policy { user_filter: filter.user_filter, ..Policy::default() };
    // One that cannot be read is logged where people are written, and its consumer is refused.
    let Some(users) = policy.read(false).ok().and_then(|release| release.users) else { return Ok(None) };
    let condition = store::changes::policy_filters::condition(conn, &users).await?;
    Ok(store::changes::policy_totals::count(conn, filter.number, &condition).await?)
}
