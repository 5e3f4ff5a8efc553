//! The feed of changes (law 6): dense numbers in the order of commits, no gap, no repeat.

pub mod released;

use diesel_async::{AsyncConnection, AsyncPgConnection};

use super::context::Context;
use super::error::FlowError;
use crate::store;
use crate::store::changes::{ChangeRow, WhileBusy};

/// How many changes are numbered in one transaction.
const STEP: usize = 5_000;

/// Numbers the changes that were committed since; `false` when there are none.
pub async fn sequence(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    Ok(conn.transaction(async |conn| store::changes::sequence(conn, STEP, WhileBusy::Leave).await).await? > 0)
}

/// The changes after a sequence number. What was committed before the call is in it, so that a caller who has seen a
/// change through another way finds it here.
pub async fn after(context: &Context, sequence_number: i64, limit: i64) -> Result<Vec<ChangeRow>, FlowError> {
    let mut conn = context.db.get().await?;
    number_all(&mut conn).await?;
    let after = sequence_number.max(store::retention::feed_from(&mut conn).await?);
    Ok(store::changes::feed(&mut conn, after, limit).await?)
}

/// Whether the feed no longer has what follows a number: a reader who stopped there has missed changes.
pub async fn is_expired(context: &Context, sequence_number: i64) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    Ok(sequence_number > 0 && sequence_number < store::retention::feed_from(&mut conn).await?)
}

/// Numbers all that was committed before the call.
async fn number_all(conn: &mut AsyncPgConnection) -> Result<(), FlowError> {
    let mut collisions = 0_u8;
    loop {
        let numbered =
            conn.transaction(async |conn| Ok(store::changes::sequence(conn, STEP, WhileBusy::Wait).await?)).await;
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
