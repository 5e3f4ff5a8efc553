//! Shows the value map of a connection to an admin, and applies changes of it.

use diesel_async::AsyncConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::settings::Common;
use crate::directory::worker::mapping::Mapping;
use crate::flows::audit::{Actor, record};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::planning::build::{Order, Scope, build};
use crate::flows::runs::queue::Asked;
use crate::store;
use crate::store::connections::{ConnectionChange, ConnectionState};
use crate::store::runs::{NewRun, RunCause, RunState};
use crate::store::workers::Word;

/// The value map of a connection, and the values that its workers use.
#[derive(Debug)]
pub struct MappingView {
    pub mapping: Mapping,
    pub worker_types: Vec<Word>,
    pub statuses: Vec<Word>,
    pub legal_entities: Vec<Word>,
    pub departments: Vec<Word>,
}

/// What changing the map does or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// Nothing is changed; this plan shows what would be.
    Preview { plan: Uuid },
    /// The map holds from now on; this run applies it to the workers that are known, without a new pull.
    Run(Asked),
}

/// The value map and the values seen.
pub async fn view(context: &Context, id: Uuid) -> Result<MappingView, FlowError> {
    use store::workers::{DEPARTMENT, LEGAL_ENTITY_ID, STATUS, WORKER_TYPE, words};
    let mut conn = context.db.get().await?;
    let connection =
        store::connections::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))?;
    Ok(MappingView {
        mapping: serde_json::from_value(connection.mapping).map_err(|error| FlowError::corrupt("mapping", &error))?,
        worker_types: words(&mut conn, id, &WORKER_TYPE).await?,
        statuses: words(&mut conn, id, &STATUS).await?,
        legal_entities: words(&mut conn, id, &LEGAL_ENTITY_ID).await?,
        departments: words(&mut conn, id, &DEPARTMENT).await?,
    })
}

/// Reads an admin's map.
pub fn parse(given: Value) -> Result<Mapping, FlowError> {
    if !given.is_object() {
        return Err(FlowError::invalid(
            "mapping",
            "expected an object with workerTypes, vendors, statuses, legalEntities, departments",
        ));
    }
    let known = ["workerTypes", "vendors", "statuses", "legalEntities", "departments"];
    if let Some(stranger) = given.as_object().and_then(|all| all.keys().find(|name| !known.contains(&name.as_str()))) {
        return Err(FlowError::invalid(stranger.clone(), format!("unknown; expected {}", known.join(", "))));
    }
    serde_json::from_value(given).map_err(|error| FlowError::invalid("mapping", error.to_string()))
}

/// Replaces the map, or shows what replacing it would do.
pub async fn put(
    context: &Context,
    id: Uuid,
    mapping: Mapping,
    only_preview: bool,
    actor: &Actor,
) -> Result<Mapped, FlowError> {
    let mut conn = context.db.get().await?;
    let connection =
        store::connections::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))?;
    drop(conn);
    if only_preview {
        let rules = Common::of(&connection.settings)?.rules(mapping);
        let plan = context.clock.row_id();
        let order = Order {
            plan,
            connection: Some(id),
            run: None,
            cause: "mapping".into(),
            scope: Scope::Everybody,
            rules: Some(rules),
            authority: None,
        };
        build(context, order).await?;
        // Before anything is published, a plan states that all people are new. What the admin asks for is what this map
        // changes in the plan that they have seen.
        let mut conn = context.db.get().await?;
        if connection.state == ConnectionState::Review
            && let Some(seen) = store::runs::plans::latest_ready(&mut conn, id).await?
        {
            conn.transaction(async |conn| store::runs::plans::keep_differences(conn, plan, seen.id).await).await?;
        }
        return Ok(Mapped::Preview { plan });
    }
    let in_review = !connection.state.is_published();
    let stored = serde_json::to_value(&mapping).map_err(|error| FlowError::corrupt("mapping", &error))?;
    let mut conn = context.db.get().await?;
    let asked = conn
        .transaction(async |conn| {
            let run = NewRun {
                id: context.clock.row_id(),
                connection_id: id,
                cause: RunCause::Mapping,
                preview: in_review,
                state: RunState::Planning,
                plan_id: None,
                token_name: Some(actor.token_name.clone()),
                queued_at: context.clock.now(),
                accepted_fields: Vec::new(),
            };
            let (run, begun) = store::runs::enqueue(conn, run).await?;
            if !begun {
                return Err(FlowError::Conflict(format!(
                    "the run {run} of this connection is going; change the mapping when it has ended"
                )));
            }
            let change = ConnectionChange { mapping: Some(stored.clone()), ..ConnectionChange::default() };
            store::connections::update(conn, id, change).await?;
            record(
                context,
                conn,
                actor,
                "connection.mapping",
                &format!("connection {id}"),
                json!({ "mapping": stored, "run": run }),
            )
            .await?;
            Ok(Asked { run, begun })
        })
        .await?;
    context.wake.notify();
    Ok(Mapped::Run(asked))
}
