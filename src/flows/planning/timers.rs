//! Does what time alone causes. People start and end on their local day without a pull (law 10), connections come due,
//! and old data is deleted.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::build::{Order, STEP, Scope, build};
use crate::flows::applying::Cause;
use crate::flows::applying::apply::apply;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::groups;
use crate::flows::server::retention;
use crate::store;
use crate::store::runs::{NewRun, RunCause, RunState};

/// How long a node may be silent before another does its timers.
const LEASE: TimeDelta = TimeDelta::seconds(30);

/// Merges the people again whose time has come. `false` when there is no such person.
pub async fn fire(context: &Context) -> Result<bool, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let due = store::people::write::due(&mut conn, now, STEP).await?;
    if due.is_empty() || !store::db::leases::take(&mut conn, "timers", context.node, now, now + LEASE).await? {
        return Ok(false);
    }
    drop(conn);
    let plan = context.clock.row_id();
    let order = Order {
        plan,
        connection: None,
        run: None,
        cause: "timer".into(),
        scope: Scope::People(due.clone()),
        rules: None,
        authority: None,
    };
    build(context, order).await?;
    let cause = Cause { kind: "timer", run: None, token_name: None, reason: None };
    apply(context, plan, None, &cause).await?;
    let mut conn = context.db.get().await?;
    // No person inspects a timer's plan, and its changes are in the log.
    store::runs::plans::delete(&mut conn, plan).await?;
    let stuck: Vec<Uuid> =
        store::people::write::due(&mut conn, now, STEP).await?.into_iter().filter(|id| due.contains(id)).collect();
    if !stuck.is_empty() {
        // Never to happen; if it does, an hour's pause is better than a busy loop.
        error!(people = stuck.len(), "{} people are still due after their timers fired", stuck.len());
        store::people::write::postpone(&mut conn, &stuck, now + TimeDelta::hours(1)).await?;
    }
    info!(people = due.len(), "{} people came due", due.len());
    Ok(true)
}

/// Queues the pulls that are due, and plans for workers who have come into the window. `true` if there was one.
pub async fn schedule(context: &Context) -> Result<bool, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let mut queued = false;
    for (connection, in_review) in store::connections::due(&mut conn, now).await? {
        let cause = if in_review { RunCause::Preview } else { RunCause::Schedule };
        let run = NewRun { preview: in_review, ..new_run(context, connection, cause, RunState::Queued, now) };
        queued |= conn.transaction(async |conn| store::runs::enqueue(conn, run).await).await?.1;
    }
    for connection in store::workers::rechecks_due(&mut conn, now).await? {
        let run = new_run(context, connection, RunCause::Window, RunState::Planning, now);
        queued |= conn.transaction(async |conn| store::runs::enqueue(conn, run).await).await?.1;
    }
    if queued {
        context.wake.notify();
    }
    Ok(queued)
}

fn new_run(context: &Context, connection: Uuid, cause: RunCause, state: RunState, now: DateTime<Utc>) -> NewRun {
    NewRun {
        id: context.clock.row_id(),
        connection_id: connection,
        cause,
        preview: false,
        state,
        plan_id: None,
        token_name: None,
        queued_at: now,
        accepted_fields: Vec::new(),
    }
}

/// Makes partitions ahead, deletes what is old, and ends groups without members; once a day on one node. `false` when
/// it is not time.
pub async fn keep_house(context: &Context) -> Result<bool, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    // By an index, and only those whose hour is over: little enough for each check.
    store::paging::people::forget(&mut conn, now).await?;
    let owner = context.clock.row_id();
    let day = now + TimeDelta::days(1);
    if retention::is_safe(context) && store::db::leases::take(&mut conn, "retention", owner, now, day).await? {
        retention::forget(context, &mut conn).await?;
    }
    // The lease is the schedule: the node that gets it does the day's work, and no node gets it again before it ends.
    if !store::db::leases::take(&mut conn, "housekeeping", owner, now, day).await? {
        return Ok(false);
    }
    // A reader that holds the log for long is no reason to fail: rows of months without a partition have a place too.
    if let Err(error) = conn.transaction(async |conn| store::changes::make_partitions(conn, now).await).await {
        warn!(%error, "the partitions of the coming months could not be made and are tried again tomorrow");
    }
    // Last, and no reason to fail: the day's lease is taken, and a group that stays a day longer does no harm.
    groups::sweep(context, &mut conn).await.unwrap_or_else(|error| error!(%error, "no group could be ended"));
    Ok(true)
}
