//! The feed of changes (law 6): dense numbers in the order of commits, no gap, no repeat.

use diesel_async::AsyncConnection;

use super::context::Context;
use super::error::FlowError;
use crate::store;
use crate::store::changes::ChangeRow;

/// How many changes are numbered in one transaction.
const STEP: i64 = 5_000;

/// Numbers the changes that were committed since; `false` when there are none.
pub async fn sequence(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    Ok(conn.transaction(async |conn| store::changes::sequence(conn, STEP, false).await).await? > 0)
}

/// The changes after a sequence number. What was committed before the call is in it, so that a caller who has seen a
/// change through another way finds it here.
pub async fn after(context: &Context, sequence_number: i64, limit: i64) -> Result<Vec<ChangeRow>, FlowError> {
    let mut conn = context.db.get().await?;
    while conn.transaction(async |conn| store::changes::sequence(conn, STEP, true).await).await? > 0 {}
    Ok(store::changes::feed(&mut conn, sequence_number, limit).await?)
}
