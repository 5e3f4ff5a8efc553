//! Ends a run that an admin does not want to wait for. The node that carries it out notices through the database.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use uuid::Uuid;

use super::finish::RunResult;
use super::lease::LEASE;
use crate::flows::audit::{Actor, record};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::runs;
use crate::store;
use crate::store::runs::{RunCause, RunRow, RunState};

/// Cancels a run before it applies anything. Asked for again, it does nothing. The run may still be going when this
/// returns: its node ends it within seconds.
///
/// # Errors
/// [`FlowError::Conflict`] for a run that has ended otherwise, that applies its plan (which ends by itself, and is not
/// left half done), or that carries out what an admin decided about a hold.
pub async fn cancel(context: &Context, id: Uuid, actor: &Actor) -> Result<RunRow, FlowError> {
    let mut conn = context.db.get().await?;
    let ours = conn
        .transaction(async |conn| {
            let run = store::runs::lock(conn, id).await?.ok_or_else(|| FlowError::not_found("run", id))?;
            match run.state {
                RunState::Cancelled => return Ok(None),
                RunState::Queued | RunState::Pulling | RunState::Planning if run.cause == RunCause::Hold => {
                    return Err(FlowError::Conflict(
                        "the run carries out what was decided about a hold; it asks no HR system and ends by itself".into(),
                    ));
                }
                RunState::Queued | RunState::Pulling | RunState::Planning => {}
                RunState::Applying => {
                    return Err(FlowError::Conflict(
                        "the run is applying its plan, which is not left half done; it asks no HR system and ends by itself"
                            .into(),
                    ));
                }
                ended @ (RunState::Succeeded | RunState::Incomplete | RunState::Failed | RunState::Interrupted) => {
                    return Err(FlowError::Conflict(format!("the run has ended already: it is {ended}")));
                }
            }
            if run.cancel_requested_at.is_some() {
                return Ok(None);
            }
            let ours = request(context, conn, &run, actor).await?;
            record(context, conn, actor, "run.cancel", &format!("run {id}"), json!({ "connection": run.connection_id }))
                .await?;
            Ok::<_, FlowError>(ours.then_some(run))
        })
        .await?;
    drop(conn);
    if let Some(run) = ours {
        end(context, &run).await?;
    }
    let mut conn = context.db.get().await?;
    store::runs::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("run", id))
}

/// Asks for the end of the pull of a connection that is going, if it has not come to applying. The run, if no node
/// works on it: the caller [`end`]s it after its transaction.
pub(crate) async fn request_for_pull(
    context: &Context,
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    actor: &Actor,
) -> Result<Option<RunRow>, FlowError> {
    let Some(going) = store::runs::going(conn, connection).await? else { return Ok(None) };
    let Some(run) = store::runs::lock(conn, going.id).await? else { return Ok(None) };
    let may_end = matches!(run.state, RunState::Queued | RunState::Pulling | RunState::Planning) && run.cause.pulls();
    if !may_end || run.cancel_requested_at.is_some() {
        return Ok(None);
    }
    Ok(request(context, conn, &run, actor).await?.then_some(run))
}

/// `true` when no node works on the run, and it is ours to end now.
async fn request(
    context: &Context,
    conn: &mut AsyncPgConnection,
    run: &RunRow,
    actor: &Actor,
) -> Result<bool, FlowError> {
    let now = context.clock.now();
    let by = (actor.token_name.as_str(), actor.reason.as_deref());
    Ok(store::runs::request_cancel(conn, run, by, (context.node, now, now + LEASE)).await?)
}

/// Ends a run that was requested to end and that no node works on.
pub(crate) async fn end(context: &Context, run: &RunRow) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    let Some(connection) = store::connections::find(&mut conn, run.connection_id).await? else { return Ok(()) };
    drop(conn);
    runs::finish::end_run(context, run, &connection, RunResult::Cancelled).await
}
