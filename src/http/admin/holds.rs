//! Holds: who would leave, why, and an admin's word on it (law 3).

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use diesel_async::AsyncPgConnection;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::Members;
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, answer, id, ok};
use crate::directory::person::Person;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::planning::hold;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::render::user::display_name;
use crate::store;
use crate::store::runs::holds::{HoldRow, HoldState};
use crate::store::workers::WorkerRow;

/// GET /holds, the latest first; `?state=open` for those that wait.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "state"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    let words: Vec<&str> = HoldState::ALL.iter().map(|state| state.as_str()).collect();
    let state = parameters.word("state", &words).and_then(HoldState::parse);
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let mut shown = Vec::new();
    for row in store::runs::holds::page(&mut conn, state, after, limit + 1).await? {
        let view = show_row(&mut conn, &row).await?;
        shown.push((row, view));
    }
    Ok(page(shown, limit, |(row, _)| Mark::At(row.raised_at, row.id), |(_, view)| view.clone()))
}

/// GET /holds/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "hold")?;
    let mut conn = context.db.get().await?;
    let row = store::runs::holds::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("hold", id))?;
    Ok(ok(&show_row(&mut conn, &row).await?))
}

/// POST /holds/{id}/approve: 202 with the run that checks every item again and applies it.
pub(super) async fn approve(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "hold")?;
    let actor = Members::read(&request, payload, &[]).await?.actor(&caller)?;
    let run = hold::approve(&context, id, &actor).await?;
    Ok(answer(StatusCode::ACCEPTED, &json!({ "runId": run })))
}

/// POST /holds/{id}/reject: 202 with the run that applies the rest of the plan.
pub(super) async fn reject(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "hold")?;
    let actor = Members::read(&request, payload, &[]).await?.actor(&caller)?;
    let run = hold::reject(&context, id, &actor).await?;
    Ok(answer(StatusCode::ACCEPTED, &json!({ "runId": run })))
}

async fn show_row(conn: &mut AsyncPgConnection, row: &HoldRow) -> Result<Value, Problem> {
    let connection = store::connections::find(conn, row.connection_id).await?;
    let plan = match row.plan_id {
        Some(plan) => store::runs::plans::find(conn, plan).await?,
        None => None,
    };
    Ok(json!({
        "id": row.id,
        "state": row.state,
        "connectionId": row.connection_id,
        "connection": connection.map(|connection| connection.name),
        "planId": row.plan_id,
        "runId": plan.and_then(|plan| plan.run_id),
        "leavers": leavers(conn, row).await?,
        "percent": hold::percent(row),
        "activePeople": row.active_people,
        "raisedAt": row.raised_at,
        "expiresAt": row.expires_at,
        "decidedAt": row.decided_at,
        "decidedBy": row.decided_by,
        "reason": row.reason,
        "decisionRunId": row.run_id,
    }))
}

/// The people whom the held plan would make leavers, by name.
async fn leavers(conn: &mut AsyncPgConnection, hold: &HoldRow) -> Result<Vec<Value>, Problem> {
    let people = store::people::summaries::of_people(conn, &hold.people).await?;
    let mut wanted: BTreeMap<Uuid, Person> = BTreeMap::new();
    if let Some(plan) = hold.plan_id {
        for item in store::runs::plans::items_of(conn, plan, &hold.people).await? {
            wanted.extend(serde_json::from_value(item.target).ok().map(|person| (item.person_id, person)));
        }
    }
    let mut workers: BTreeMap<Uuid, Vec<WorkerRow>> = BTreeMap::new();
    for worker in store::workers::by_people(conn, &hold.people).await? {
        if worker.connection_id == hold.connection_id {
            workers.entry(worker.person_id.unwrap_or_default()).or_default().push(worker);
        }
    }
    let none = Vec::new();
    Ok(people
        .iter()
        .map(|person| {
            let now: Option<Person> = Person::deserialize(&person.person).ok();
            json!({
                "personId": person.id,
                "displayName": person.display_name.as_deref().or(now.as_ref().map(display_name).as_deref()),
                "workEmail": person.user_name,
                "why": why(wanted.get(&person.id), workers.get(&person.id).unwrap_or(&none)),
            })
        })
        .collect())
}

/// Why a person would leave, in words.
fn why(wanted: Option<&Person>, workers: &[WorkerRow]) -> String {
    if let Some(worker) = workers.iter().find(|worker| worker.absent) {
        let since = worker.absent_since.map(|at| format!(" since {}", at.format("%Y-%m-%dT%H:%M:%SZ")));
        return format!("missing from complete reads of the HR system{}", since.unwrap_or_default());
    }
    match wanted.map(|person| &person.employment) {
        Some(employment) => match employment.last_day {
            Some(day) => format!("last day {day}, status `{}` at the HR system", employment.status_raw),
            None => format!("status `{}` at the HR system", employment.status_raw),
        },
        None => "the plan is no longer kept".to_owned(),
    }
}
