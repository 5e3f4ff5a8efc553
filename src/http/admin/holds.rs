//! Holds: who would leave, why, and the decision of an admin on it (law 3).

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use diesel_async::AsyncPgConnection;
use serde::Deserialize;
use uuid::Uuid;

use super::answer::{Accepted, Answer, Found, Listed};
use super::request::body::Body;
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use super::words::ToApi;
use crate::api::ReasonOnly;
use crate::api::holds::{Hold, Leaver};
use crate::api::runs::RunStarted;
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
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Hold>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "state"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    let words: Vec<&str> = HoldState::ALL.iter().map(|state| state.as_str()).collect();
    let state = parameters.word("state", &words).and_then(HoldState::parse);
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let mut shown = Vec::new();
    for row in store::runs::holds::page(&mut conn, state, after, limit + 1).await? {
        shown.push(show_row(&mut conn, row).await?);
    }
    page(shown, limit, |hold| Mark::At(hold.raised_at, hold.id), Ok)
}

/// GET /holds/{id}
pub(super) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Hold>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "hold")?;
    let mut conn = context.db.get().await?;
    let row = store::runs::holds::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("hold", id))?;
    Ok(Found(show_row(&mut conn, row).await?))
}

/// POST /holds/{id}/approve: 202 with the run that checks every item again and applies it.
pub(super) async fn approve(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
) -> Answer<Accepted<RunStarted>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "hold")?;
    let (_, actor) = body.read(&caller).await?;
    let run_id = hold::approve(&context, id, &actor).await?;
    Ok(Accepted(RunStarted { run_id }))
}

/// POST /holds/{id}/reject: 202 with the run that applies the rest of the plan.
pub(super) async fn reject(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
) -> Answer<Accepted<RunStarted>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "hold")?;
    let (_, actor) = body.read(&caller).await?;
    let run_id = hold::reject(&context, id, &actor).await?;
    Ok(Accepted(RunStarted { run_id }))
}

async fn show_row(conn: &mut AsyncPgConnection, row: HoldRow) -> Result<Hold, Problem> {
    let connection = store::connections::find(conn, row.connection_id).await?;
    let plan = match row.plan_id {
        Some(plan) => store::runs::plans::find(conn, plan).await?,
        None => None,
    };
    Ok(Hold {
        id: row.id,
        state: row.state.to_api(),
        connection_id: row.connection_id,
        connection: connection.map(|connection| connection.name),
        plan_id: row.plan_id,
        run_id: plan.and_then(|plan| plan.run_id),
        leavers: leavers(conn, &row).await?,
        percent: hold::percent(&row),
        active_people: row.active_people,
        raised_at: row.raised_at,
        expires_at: row.expires_at,
        decided_at: row.decided_at,
        decided_by: row.decided_by,
        reason: row.reason,
        decision_run_id: row.run_id,
    })
}

/// The people that the held plan would make leavers, by name.
async fn leavers(conn: &mut AsyncPgConnection, hold: &HoldRow) -> Result<Vec<Leaver>, Problem> {
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
        .into_iter()
        .map(|person| {
            let now: Option<Person> = Person::deserialize(&person.person).ok();
            Leaver {
                person_id: person.id,
                display_name: person.display_name.or_else(|| now.as_ref().map(|now| display_name(now).into_owned())),
                work_email: person.user_name,
                why: why(wanted.get(&person.id), workers.get(&person.id).unwrap_or(&none)),
            }
        })
        .collect())
}

/// Why a person would leave, as a text.
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
