//! Names the step to do first when the state of a connection does not allow another: the call, and the command.

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use crate::connectors::registry;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::connections::{ConnectionRow, ConnectionState};
use crate::store::runs::RunRow;

/// A step that not every state allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Preview,
    Sync,
    Finish,
    Pause,
    Resume,
}

/// A call on a connection, as the API and the command line write it.
pub(crate) fn call(connection: Uuid, step: &str) -> String {
    format!("POST /api/v1/connections/{connection}/{step} (rollbook connection {step} {connection})")
}

/// How the connection gets access again.
pub(crate) fn access_call(connection: &ConnectionRow) -> String {
    call(connection.id, if registry::needs_consent(&connection.kind) { "authorize" } else { "reauthorize" })
}

/// The refusal of a step in the present state.
pub(crate) fn wrong_state(connection: &ConnectionRow, step: Step) -> FlowError {
    let id = connection.id;
    let state = connection.state;
    let (why, next) = match (state, step) {
        (ConnectionState::Authorizing, _) => ("the HR system has not given access yet", call(id, "authorize")),
        (ConnectionState::Review, Step::Sync) => ("its set-up is not finished; preview it", call(id, "preview")),
        (ConnectionState::Review, Step::Pause | Step::Resume) => {
            ("its set-up is not finished, so it pulls nothing by itself; finish it", call(id, "finish"))
        }
        (ConnectionState::NeedsReauthorization, Step::Finish) => {
            ("its set-up is finished; it needs a new credential", access_call(connection))
        }
        (ConnectionState::NeedsReauthorization, _) => {
            ("it pulls nothing until it has a new credential", access_call(connection))
        }
        (ConnectionState::Paused, Step::Pause) => ("it is paused already; to pull again", call(id, "resume")),
        (ConnectionState::Paused, Step::Finish) => ("its set-up is finished; to pull again", call(id, "resume")),
        (ConnectionState::Paused, _) => ("it is paused", call(id, "resume")),
        (_, Step::Finish) => ("its set-up is finished; to pull now", call(id, "sync")),
        (_, Step::Resume) => ("it is not paused; to pull now", call(id, "sync")),
        (_, Step::Preview | Step::Sync | Step::Pause) => ("the state does not allow it; look at it", {
            format!("GET /api/v1/connections/{id} (rollbook connection show {id})")
        }),
    };
    FlowError::Conflict(format!("the connection is in the state {state}: {why}: {next}"))
}

/// The refusal of `finish` while there is nothing to apply.
pub(crate) fn no_plan(connection: &ConnectionRow) -> FlowError {
    let preview = call(connection.id, "preview");
    FlowError::Conflict(format!("there is no plan to apply: no preview has succeeded yet; begin one: {preview}"))
}

/// The refusal of a step while a run is going.
pub(crate) fn still_going(run: &RunRow, then: &str) -> FlowError {
    let id = run.id;
    FlowError::Conflict(format!(
        "the run {id} ({}) is still going; {then} when it has ended: GET /api/v1/runs/{id} (rollbook run watch {id}), \
         or end it: POST /api/v1/runs/{id}/cancel (rollbook run cancel {id})",
        run.cause
    ))
}

/// The refusal of an account that is connected already.
pub(crate) fn account_taken(existing: &ConnectionRow) -> FlowError {
    FlowError::Conflict(taken_by(existing))
}

/// The sentence of [`account_taken`].
pub(crate) fn taken_by(existing: &ConnectionRow) -> String {
    format!(
        "this account of the HR system is connected already, as `{}` ({}, {}): use that connection",
        existing.name, existing.id, existing.state
    )
}

pub(crate) async fn locked(conn: &mut AsyncPgConnection, id: Uuid) -> Result<ConnectionRow, FlowError> {
    store::connections::lock(conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))
}
