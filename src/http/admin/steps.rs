//! What an admin lets a connection do: preview, finish, sync, pause, resume, reauthorize.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::Members;
use super::connections::answer_with;
use super::parameters::Parameters;
use super::{Answer, answer, id, ok};
use crate::flows::audit::Actor;
use crate::flows::connections;
use crate::flows::connections::consent;
use crate::flows::connections::lifecycle::Reauthorized;
use crate::flows::context::Context;
use crate::flows::runs::queue::Asked;
use crate::http::auth::{Admin, Caller};
use crate::http::error::Problem;
use crate::http::state::State;

/// Fields whose loss one request can accept.
const MOST_FIELDS: usize = 20;
const LONGEST_FIELD: usize = 200;

/// A body that may hold a reason and nothing else.
async fn bare(caller: &Caller<Admin>, request: &HttpRequest, payload: web::Payload) -> Result<(Uuid, Actor), Problem> {
    Parameters::read(request, &[])?.finish()?;
    let id = id(request, "id", "connection")?;
    Ok((id, Members::read(request, payload, &[]).await?.actor(caller)?))
}

/// What asks for a pull: the connection, and the fields of records whose loss is accepted.
async fn pull(
    caller: &Caller<Admin>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(Uuid, Vec<String>, Actor), Problem> {
    Parameters::read(request, &[])?.finish()?;
    let id = id(request, "id", "connection")?;
    let mut body = Members::read(request, payload, &["acceptShape"]).await?;
    let accepted = body.texts("acceptShape").unwrap_or_default();
    if accepted.len() > MOST_FIELDS {
        body.refuse("acceptShape", format!("expected at most {MOST_FIELDS} fields"));
    }
    for (at, field) in accepted.iter().enumerate() {
        if field == connections::lifecycle::RECORD_ID {
            body.refuse(format!("acceptShape[{at}]"), "records without an id cannot be accepted");
        } else if field.is_empty() || field.chars().count() > LONGEST_FIELD {
            body.refuse(
                format!("acceptShape[{at}]"),
                format!("expected a field as the problem `shapeChanged` names it, of 1 to {LONGEST_FIELD} characters"),
            );
        }
    }
    Ok((id, accepted, body.actor(caller)?))
}

fn run(asked: Asked) -> Value {
    json!({ "runId": asked.run })
}

/// POST …/preview: pulls and plans, publishes nothing.
pub(super) async fn preview(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    let (id, accepted, actor) = pull(&caller, &request, payload).await?;
    Ok(answer(StatusCode::ACCEPTED, &run(connections::lifecycle::preview(&context, id, accepted, &actor).await?)))
}

/// POST …/sync: pulls now; while a run is going, that one is the answer (story 3).
pub(super) async fn sync(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    let (id, accepted, actor) = pull(&caller, &request, payload).await?;
    Ok(answer(StatusCode::ACCEPTED, &run(connections::lifecycle::sync(&context, id, accepted, &actor).await?)))
}

/// POST …/finish: review becomes active, and the plan is applied: the latest, which `planId` may name.
pub(super) async fn finish(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "connection")?;
    let mut body = Members::read(&request, payload, &["planId"]).await?;
    let named = body.text("planId");
    let plan = named.as_deref().and_then(|text| Uuid::try_parse(text).ok());
    if named.is_some() && plan.is_none() {
        body.refuse("planId", "expected the id of a plan");
    }
    let actor = body.actor(&caller)?;
    let finished = connections::lifecycle::finish(&context, id, plan, &actor).await?;
    let difference = finished.change.map(|change| json!({ "seen": change.seen, "now": change.now }));
    Ok(ok(&json!({ "runId": finished.run.run, "planId": finished.plan, "difference": difference })))
}

/// POST …/pause: no pulls by schedule; known dates still fire.
pub(super) async fn pause(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    let (id, actor) = bare(&caller, &request, payload).await?;
    connections::lifecycle::pause(&context, id, &actor).await?;
    answer_with(&context, id).await
}

/// POST …/resume: pulls by schedule again, beginning now.
pub(super) async fn resume(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    let (id, actor) = bare(&caller, &request, payload).await?;
    connections::lifecycle::resume(&context, id, &actor).await?;
    answer_with(&context, id).await
}

/// POST …/authorize: the page where an admin of the HR system gives consent.
pub(super) async fn authorize(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
    state: web::Data<State>,
) -> Answer {
    let (id, actor) = bare(&caller, &request, payload).await?;
    let url = consent::authorize(&context, id, &state.callback_url(), None, &actor).await?;
    Ok(ok(&json!({ "authorizationUrl": url.as_str() })))
}

/// POST …/reauthorize: a new credential of the same account; a pull begins with it. Where the HR system wants consent,
/// the answer is the page to give it at.
pub(super) async fn reauthorize(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
    state: web::Data<State>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "connection")?;
    let mut body = Members::read(&request, payload, &["credentials"]).await?;
    let given = body.object("credentials").unwrap_or_default();
    let actor = body.actor(&caller)?;
    match connections::lifecycle::reauthorize(&context, id, &Value::Object(given), &state.callback_url(), &actor)
        .await?
    {
        Reauthorized::Run(asked) => Ok(answer(StatusCode::ACCEPTED, &run(asked))),
        Reauthorized::Kept => answer_with(&context, id).await,
        Reauthorized::Consent(url) => Ok(ok(&json!({ "authorizationUrl": url.as_str() }))),
    }
}
