//! Actions of an admin on a connection: preview, finish, sync, pause, resume, reauthorize.

use actix_web::{HttpRequest, web};
use serde_json::Value;
use uuid::Uuid;

use super::json::found;
use crate::api::ReasonOnly;
use crate::api::connections::{Connection, Consent, FieldName, Finish, Pull, Reauthorize};
use crate::api::plans::PlanDifference;
use crate::api::runs::{Finished, RunStarted};
use crate::flows::audit::Actor;
use crate::flows::connections;
use crate::flows::connections::consent;
use crate::flows::connections::lifecycle::Reauthorized;
use crate::flows::context::Context;
use crate::http::admin::answer::{Accepted, Answer, Either, Found};
use crate::http::admin::request::body::{Body, Members, RequestBody};
use crate::http::admin::request::parameters::{Parameters, id};
use crate::http::auth::{Admin, Caller};
use crate::http::error::Problem;
use crate::http::state::State;

/// Fields whose loss one request can accept.
const MOST_FIELDS: usize = 20;
const LONGEST_FIELD: usize = 200;

/// The connection and the action that is requested for it.
async fn asked<T: RequestBody>(
    caller: &Caller<Admin>,
    request: &HttpRequest,
    body: Body<T>,
) -> Result<(Uuid, T, Actor), Problem> {
    Parameters::read(request, &[])?.finish()?;
    let id = id(request, "id", "connection")?;
    let (body, actor) = body.read(caller).await?;
    Ok((id, body, actor))
}

impl RequestBody for Pull {
    fn read(members: &mut Members) -> Self {
        let accept_shape = members.texts("acceptShape");
        let fields = accept_shape.as_deref().unwrap_or_default();
        if fields.len() > MOST_FIELDS {
            members.refuse("acceptShape", format!("expected at most {MOST_FIELDS} fields"));
        }
        for (at, field) in fields.iter().enumerate() {
            if field == connections::lifecycle::RECORD_ID {
                members.refuse(format!("acceptShape[{at}]"), "records without an id cannot be accepted");
            } else if field.is_empty() || field.chars().count() > LONGEST_FIELD {
                members.refuse(
                    format!("acceptShape[{at}]"),
                    format!(
                        "expected a field as the problem `shapeChanged` names it, of 1 to {LONGEST_FIELD} characters"
                    ),
                );
            }
        }
        Self { accept_shape: accept_shape.map(|all| all.into_iter().map(FieldName).collect()) }
    }
}

/// The fields whose loss is accepted.
fn accepted(pull: Pull) -> Vec<String> {
    pull.accept_shape.unwrap_or_default().into_iter().map(|field| field.0).collect()
}

/// POST …/preview: pulls and plans, publishes nothing.
pub(crate) async fn preview(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<Pull>,
    context: web::Data<Context>,
) -> Answer<Accepted<RunStarted>> {
    let (id, pull, actor) = asked(&caller, &request, body).await?;
    let run = connections::lifecycle::preview(&context, id, accepted(pull), &actor).await?;
    Ok(Accepted(RunStarted { run_id: run.run }))
}

/// POST …/sync: pulls now; while a run is going, that one is the answer (story 3).
pub(crate) async fn sync(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<Pull>,
    context: web::Data<Context>,
) -> Answer<Accepted<RunStarted>> {
    let (id, pull, actor) = asked(&caller, &request, body).await?;
    let run = connections::lifecycle::sync(&context, id, accepted(pull), &actor).await?;
    Ok(Accepted(RunStarted { run_id: run.run }))
}

impl RequestBody for Finish {
    fn read(members: &mut Members) -> Self {
        let named = members.text("planId");
        let plan_id = named.as_deref().and_then(|text| Uuid::try_parse(text).ok());
        if named.is_some() && plan_id.is_none() {
            members.refuse("planId", "expected the id of a plan");
        }
        Self { plan_id }
    }
}

/// POST …/finish: review becomes active, and the plan is applied: the latest, which `planId` may name.
pub(crate) async fn finish(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<Finish>,
    context: web::Data<Context>,
) -> Answer<Found<Finished>> {
    let (id, finish, actor) = asked(&caller, &request, body).await?;
    let finished = connections::lifecycle::finish(&context, id, finish.plan_id, &actor).await?;
    let difference = finished.change.as_ref().map(PlanDifference::from);
    Ok(Found(Finished { run_id: finished.run.run, plan_id: finished.plan, difference }))
}

/// POST …/pause: no pulls by schedule; known dates still fire.
pub(crate) async fn pause(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
) -> Answer<Found<Connection>> {
    let (id, _, actor) = asked(&caller, &request, body).await?;
    connections::lifecycle::pause(&context, id, &actor).await?;
    found(&context, id).await
}

/// POST …/resume: pulls by schedule again, beginning now.
pub(crate) async fn resume(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
) -> Answer<Found<Connection>> {
    let (id, _, actor) = asked(&caller, &request, body).await?;
    connections::lifecycle::resume(&context, id, &actor).await?;
    found(&context, id).await
}

/// POST …/authorize: the page where an admin of the HR system gives consent.
pub(crate) async fn authorize(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
    state: web::Data<State>,
) -> Answer<Found<Consent>> {
    let (id, _, actor) = asked(&caller, &request, body).await?;
    let url = consent::authorize(&context, id, &state.callback_url(), None, &actor).await?;
    Ok(Found(Consent { authorization_url: url.into() }))
}

impl RequestBody for Reauthorize {
    fn read(members: &mut Members) -> Self {
        Self { credentials: members.object("credentials").map(|credentials| credentials.into_iter().collect()) }
    }
}

/// POST …/reauthorize: a new credential of the same account; a pull begins with it. Where the HR system wants consent,
/// the answer is the page to give it at.
pub(crate) async fn reauthorize(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<Reauthorize>,
    context: web::Data<Context>,
    state: web::Data<State>,
) -> Answer<Either<Accepted<RunStarted>, Either<Found<Connection>, Found<Consent>>>> {
    let (id, given, actor) = asked(&caller, &request, body).await?;
    let given = Value::Object(given.credentials.unwrap_or_default().into_iter().collect());
    Ok(match connections::lifecycle::reauthorize(&context, id, &given, &state.callback_url(), &actor).await? {
        Reauthorized::Run(asked) => Either::First(Accepted(RunStarted { run_id: asked.run })),
        Reauthorized::Kept => Either::Second(Either::First(found(&context, id).await?)),
        Reauthorized::Consent(url) => Either::Second(Either::Second(Found(Consent { authorization_url: url.into() }))),
    })
}
