//! Counting the people inside filters of release policies; from then on the number is kept (see
//! [`store::released_totals`]).

use diesel_async::{AsyncConnection, AsyncPgConnection};
use tracing::{error, warn};

use super::context::Context;
use super::error::FlowError;
use crate::scim::release::Policy;
use crate::store;
use crate::store::feed_filters::FeedFilter;
use crate::store::released_totals::Count;

/// Counts for one filter that is due; `false` when there is none. One that cannot be counted keeps no other waiting.
pub async fn count(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    let now = context.clock.now();
    let Some(filter) = store::released_totals::due(&mut conn, now).await? else { return Ok(false) };
    let (number, consumer) = (filter.number, filter.consumer_id);
    let count = count_inside(&mut conn, filter).await.unwrap_or_else(|error| {
        error!(consumer.id = %consumer, %error, "the people of a release policy could not be counted; lists count them");
        None
    });
    let wrong = conn.transaction(async |conn| store::released_totals::keep(conn, number, count, now).await).await?;
    if let Some((kept, found)) = wrong {
        warn!(consumer.id = %consumer, kept, found, "the number of people of a release policy was wrong, and is mended");
    }
    Ok(true)
}

async fn count_inside(conn: &mut AsyncPgConnection, filter: FeedFilter) -> Result<Option<Count>, FlowError> {
    let policy = Policy { user_filter: filter.user_filter, ..Policy::default() };
    // One that cannot be read is told where people are written, and its consumer is refused.
    let Some(users) = policy.read(false).ok().and_then(|release| release.users) else { return Ok(None) };
    let condition = store::feed_filters::condition(conn, &users).await?;
    Ok(store::released_totals::count(conn, filter.number, &condition).await?)
}
