//! Queues runs: a run is asked for, or begins again after an interruption.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use uuid::Uuid;

use crate::flows::audit::Actor;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::runs::{NewRun, RunCause, RunChange, RunRow, RunState};

/// A run that was asked for: its id, and whether it was begun by this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub run: Uuid,
    pub begun: bool,
}

/// Asks for a run; while one is going, that is the answer.
pub(crate) async fn enqueue(
    context: &Context,
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    cause: RunCause,
    preview: bool,
    actor: &Actor,
) -> Result<Asked, FlowError> {
    enqueue_accepting(context, conn, connection, (cause, preview), Vec::new(), actor).await
}

/// Asks for a run that accepts the loss of fields.
pub(crate) async fn enqueue_accepting(
    context: &Context,
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    (cause, preview): (RunCause, bool),
    accepted_fields: Vec<String>,
    actor: &Actor,
) -> Result<Asked, FlowError> {
    let run = NewRun {
        id: context.clock.row_id(),
        connection_id: connection,
        cause,
        preview,
        state: RunState::Queued,
        plan_id: None,
        token_name: Some(actor.token_name.clone()),
        queued_at: context.clock.now(),
        accepted_fields,
    };
    let (run, begun) = store::runs::enqueue(conn, run).await?;
    Ok(Asked { run, begun })
}

/// Ends a run that was cut off while it pulled, and queues another in its place.
pub(crate) async fn begin_again(
    context: &Context,
    conn: &mut AsyncPgConnection,
    run: &RunRow,
    code: &str,
    reason: &str,
) -> Result<(), FlowError> {
    let now = context.clock.now();
    let next = NewRun {
        id: context.clock.row_id(),
        connection_id: run.connection_id,
        cause: run.cause,
        preview: run.preview,
        state: RunState::Queued,
        plan_id: None,
        token_name: run.token_name.clone(),
        queued_at: now,
        accepted_fields: Vec::new(),
    };
    let (id, old) = (next.id, run.id);
    conn.transaction(async |conn| {
        let problem = json!([{ "code": code, "message": format!("{reason}; run {id} begins again"), "at": now }]);
        let change = RunChange {
            state: Some(RunState::Interrupted),
            ended_at: Some(now),
            problems: Some(problem),
            leased_until: Some(None),
            ..RunChange::default()
        };
        store::runs::update(conn, old, change).await?;
        store::runs::staging::clear(conn, old).await?;
        store::runs::enqueue(conn, next).await
    })
    .await?;
    context.wake.notify();
    Ok(())
}
