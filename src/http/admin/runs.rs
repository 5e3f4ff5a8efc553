//! Runs: what was pulled, their progress, and what they changed.

use std::collections::HashMap;

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::Value;

use super::answer::{Accepted, Answer, Either, Found, Listed};
use super::events;
use super::request::body::Body;
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use super::words::{ToApi, items, stored};
use crate::api::events::Event;
use crate::api::problems;
use crate::api::runs::{Run, RunCounts, RunProgress, RunStage};
use crate::api::{Given, ReasonOnly};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::runs;
use crate::flows::runs::cancel;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::runs::RunRow;

/// GET /runs, the latest first; `?connectionId=` for those of one connection.
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Run>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "connectionId"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    let connection = parameters.id("connectionId");
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::runs::page(&mut conn, connection, after, limit + 1).await?;
    let now = context.clock.now();
    page(rows, limit, |row| Mark::At(row.queued_at, row.id), |row| show_row(row, now))
}

/// GET /runs/{id}
pub(super) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Run>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "run")?;
    let mut conn = context.db.get().await?;
    let row = store::runs::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("run", id))?;
    let mut run = show_row(row, context.clock.now())?;
    add_names(&mut conn, &mut run).await?;
    Ok(Found(run))
}

/// Adds to each problem of a run with one worker's record the worker's name, as far as it is known now.
async fn add_names(conn: &mut AsyncPgConnection, run: &mut Run) -> Result<(), FlowError> {
    let ids = run.problems.iter().filter_map(|problem| Some((run.connection_id, problem.source_id.clone()?)));
    let named = store::workers::named(conn, &ids.collect::<Vec<_>>()).await?;
    let known: HashMap<String, String> = named.into_iter().filter_map(|one| Some((one.source_id, one.name?))).collect();
    for problem in &mut run.problems {
        if let Some(name) = problem.source_id.as_ref().and_then(|id| known.get(id)) {
            problem.name = Given::Value(name.clone());
        }
    }
    Ok(())
}

/// GET /runs/{id}/changes, in the order in which they were made.
pub(super) async fn changes(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Event>> {
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
    page(rows, limit, |row| Mark::Number(row.id), |row| events::json::show(&row))
}

/// POST /runs/{id}/cancel: 200 once it has ended, 202 while its node still has to notice.
pub(super) async fn cancel(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
) -> Answer<Either<Found<Run>, Accepted<Run>>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "run")?;
    let (_, actor) = body.read(&caller).await?;
    let row = cancel::cancel(&context, id, &actor).await?;
    let is_going = row.state.is_going();
    let run = show_row(row, context.clock.now())?;
    Ok(if is_going { Either::Second(Accepted(run)) } else { Either::First(Found(run)) })
}

fn show_row(row: RunRow, now: DateTime<Utc>) -> Result<Run, Problem> {
    let pace = runs::worker::pace(&row, now);
    Ok(Run {
        id: row.id,
        connection_id: row.connection_id,
        cause: row.cause.to_api(),
        preview: row.preview,
        state: row.state.to_api(),
        plan_id: row.plan_id,
        token_name: row.token_name,
        queued_at: row.queued_at,
        started_at: row.started_at,
        ended_at: row.ended_at,
        progress: RunProgress {
            pages: row.pages,
            workers: row.workers,
            expected: row.expected,
            stage: stored(RunStage::parse, &row.phase)?,
            workers_per_second: pace.workers_per_second,
            seconds_left: pace.seconds_left,
        },
        counts: counts(&row.counts),
        problems: items::<problems::Problem>(&row.problems),
        waiting_until: row.waiting_until,
        waiting_for: row.waiting_for.map(ToApi::to_api),
        cancel_requested_at: row.cancel_requested_at,
        accept_shape: row.accepted_fields,
    })
}

/// The counts of a run; what it has not counted yet is 0.
fn counts(stored: &Value) -> RunCounts {
    let count = |name: &str| stored.get(name).and_then(Value::as_i64).unwrap_or(0);
    RunCounts {
        created: count("created"),
        updated: count("updated"),
        deactivated: count("deactivated"),
        unchanged: count("unchanged"),
        held: count("held"),
        withheld: count("withheld"),
        excluded: count("excluded"),
        failed: count("failed"),
        unreadable: count("unreadable"),
        leavers: count("leavers"),
    }
}
