//! Runs: what was pulled, how far it is, what it changed.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::{Map, Value, json};

use super::body::Members;
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, answer, entries, id, ok};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::runs;
use crate::flows::runs::cancel;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::store;
use crate::store::runs::RunRow;

/// GET /runs, the latest first; `?connectionId=` for those of one connection.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "connectionId"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    let connection = parameters.id("connectionId");
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::runs::page(&mut conn, connection, after, limit + 1).await?;
    let now = context.clock.now();
    Ok(page(rows, limit, |row| Mark::At(row.queued_at, row.id), |row| show_row(row, now)))
}

/// GET /runs/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "run")?;
    let mut conn = context.db.get().await?;
    let mut row = store::runs::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("run", id))?;
    tell_who(&mut conn, &mut row).await?;
    Ok(ok(&show_row(&row, context.clock.now())))
}

/// Adds to each problem of a run with one worker's record who that is, as far as it is known now.
async fn tell_who(conn: &mut AsyncPgConnection, run: &mut RunRow) -> Result<(), FlowError> {
    let connection = run.connection_id;
    let Value::Array(problems) = &mut run.problems else { return Ok(()) };
    let ids = problems.iter().filter_map(|problem| Some((connection, problem["sourceId"].as_str()?.to_owned())));
    let named = store::workers::named(conn, &ids.collect::<Vec<_>>()).await?;
    let known: HashMap<String, String> = named.into_iter().filter_map(|one| Some((one.source_id, one.name?))).collect();
    for problem in problems {
        let name = problem["sourceId"].as_str().and_then(|id| known.get(id)).cloned();
        if let (Some(name), Some(problem)) = (name, problem.as_object_mut()) {
            problem.insert("name".to_owned(), name.into());
        }
    }
    Ok(())
}

/// GET /runs/{id}/changes, in the order in which they were made.
pub(super) async fn changes(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::number)?.unwrap_or(0);
    parameters.finish()?;
    let id = id(&request, "id", "run")?;
    let mut conn = context.db.get().await?;
    if store::runs::find(&mut conn, id).await?.is_none() {
        return Err(FlowError::not_found("run", id).into());
    }
    let rows = store::changes::of_run(&mut conn, id, after, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::Number(row.id), entries::show))
}

/// POST /runs/{id}/cancel: 200 once it has ended, 202 while its node still has to notice.
pub(super) async fn cancel(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "run")?;
    let actor = Members::read(&request, payload, &[]).await?.actor(&caller)?;
    let row = cancel::cancel(&context, id, &actor).await?;
    let status = if row.state.is_going() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(answer(status, &show_row(&row, context.clock.now())))
}

const COUNTS: [&str; 10] = [
    "created",
    "updated",
    "deactivated",
    "unchanged",
    "held",
    "withheld",
    "excluded",
    "failed",
    "unreadable",
    "leavers",
];

fn show_row(row: &RunRow, now: DateTime<Utc>) -> Value {
    let count = |name: &str| row.counts.get(name).and_then(Value::as_i64).unwrap_or(0);
    let counts: Map<String, Value> = COUNTS.iter().map(|name| ((*name).to_owned(), count(name).into())).collect();
    json!({
        "id": row.id,
        "connectionId": row.connection_id,
        "cause": row.cause,
        "preview": row.preview,
        "state": row.state,
        "planId": row.plan_id,
        "tokenName": row.token_name,
        "queuedAt": row.queued_at,
        "startedAt": row.started_at,
        "endedAt": row.ended_at,
        "progress": runs::worker::progress(row, now),
        "counts": counts,
        "problems": row.problems,
        "waitingUntil": row.waiting_until,
        "waitingFor": row.waiting_for,
        "cancelRequestedAt": row.cancel_requested_at,
        "acceptShape": row.accepted_fields,
    })
}
