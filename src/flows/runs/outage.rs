//! Handles a run when the database does not answer, or has no room to write.

use std::time::Duration;

use serde_json::json;
use tracing::{info, warn};
use uuid::Uuid;

use super::finish::RunResult;
use super::queue::begin_again;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::runs;
use crate::store;
use crate::store::runs::{RunChange, RunRow, RunState};

/// How long to wait between two checks of the database.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The longest pause of a run that meets a full disk again and again.
const LONGEST: Duration = Duration::from_mins(1);
/// The code of the problem in the run and its connection.
const CODE: &str = "databaseUnavailable";

/// Waits until the database can be written again, and records in the run what happened. A run that was reading begins
/// again; one that was planning or applying goes on.
///
/// # Errors
/// What is no outage.
pub(crate) async fn wait_out(context: &Context, run: Uuid, cause: &FlowError) -> Result<(), FlowError> {
    let reason = if cause.is_disk_full() {
        "the database's disk was full"
    } else {
        "the database did not answer while this run was at work"
    };
    warn!(run.id = %run, "run {run} waits for the database: {cause}");
    loop {
        context.clock.pause(LOOK_AGAIN).await;
        match settle(context, run, cause.is_disk_full(), reason).await {
            Err(error) if error.is_outage() => {}
            done => return done,
        }
    }
}

async fn settle(context: &Context, id: Uuid, is_full: bool, reason: &str) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    let Some(run) = store::runs::find(&mut conn, id).await? else { return Ok(()) };
    if !run.state.is_going() || run.lease_owner != Some(context.node) {
        // It has ended, or another node has taken it over.
        return Ok(());
    }
    match run.state {
        // With a back-off: another read would fill the disk again.
        RunState::Queued | RunState::Pulling if is_full => {
            let Some(connection) = store::connections::find(&mut conn, run.connection_id).await? else {
                return Ok(());
            };
            drop(conn);
            let result = RunResult::NoDatabase(format!("{reason}; nothing of this read was taken over"));
            runs::finish::end_run(context, &run, &connection, result).await
        }
        RunState::Pulling => {
            begin_again(context, &mut conn, &run, CODE, reason).await?;
            info!(run.id = %id, "the database answers again: run {id} begins again as another");
            Ok(())
        }
        _ => {
            // A full disk gives out room slowly.
            if is_full {
                drop(conn);
                context.clock.pause(back_off(times(&run))).await;
                conn = context.db.get().await?;
            }
            store::runs::update(&mut conn, id, go_on(&run, reason)).await?;
            context.wake.notify();
            info!(run.id = %id, "the database answers again: run {id} goes on");
            Ok(())
        }
    }
}

/// How often a run has waited for the database already.
fn times(run: &RunRow) -> u64 {
    let mut problems = run.problems.as_array().into_iter().flatten();
    problems.find(|problem| problem["code"] == CODE).map_or(0, |problem| problem["times"].as_u64().unwrap_or(1))
}

/// How long a run waits that has met a full disk so often before: 5 s, doubled each time, at most a minute.
fn back_off(times: u64) -> Duration {
    Duration::from_secs(5 << times.min(4)).min(LONGEST)
}

/// Frees the run, so that it goes on at once, and keeps what happened among its problems.
fn go_on(run: &RunRow, reason: &str) -> RunChange {
    let mut problems = run.problems.as_array().cloned().unwrap_or_default();
    let times = times(run).saturating_add(1);
    problems.retain(|problem| problem["code"] != CODE);
    problems.push(json!({ "code": CODE, "message": format!("{reason}; it went on by itself"), "times": times }));
    RunChange { problems: Some(json!(problems)), leased_until: Some(None), ..RunChange::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_tried_ever_more_slowly_up_to_once_a_minute() {
        let waits: Vec<u64> = [0, 1, 2, 3, 4, 5, u64::MAX].map(|times| back_off(times).as_secs()).to_vec();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60, 60]);
    }
}
