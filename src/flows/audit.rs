//! Records who did what through the admin API.

use diesel_async::AsyncPgConnection;
use serde_json::Value;

use super::context::Context;
use super::error::FlowError;
use crate::store;
use crate::store::audit::AuditRow;

/// The caller who is responsible for an action.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The name of the token that was presented.
    pub token_name: String,
    /// Why, if the caller gave a reason.
    pub reason: Option<String>,
}

/// Writes an audit entry in the caller's transaction. `detail` may hold no credential and no personal value.
pub(super) async fn record(
    context: &Context,
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    action: &str,
    target: &str,
    detail: Value,
) -> Result<(), FlowError> {
    let row = AuditRow {
        id: context.clock.row_id(),
        at: context.clock.now(),
        token_name: actor.token_name.clone(),
        action: action.into(),
        target: target.into(),
        reason: actor.reason.clone(),
        detail,
    };
    Ok(store::audit::append(conn, row).await?)
}
