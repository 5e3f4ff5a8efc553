//! The control endpoint under `/_control`: changes a simulated company by hand, with curl, or from another process. It
//! has no password, therefore it serves only clients of the same machine.

use actix_web::web::{Data, Json, Path, Query, delete, get, post, put, scope as scoped};
use actix_web::{HttpResponse, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sandbox, SandboxConfig};
use crate::sandbox::error::SandboxError;
use crate::sandbox::faults::Fault;
use crate::sandbox::guard::{self, SameMachine};
use crate::sandbox::who::Who;

type Answer = Result<HttpResponse, SandboxError>;

pub(super) fn scope() -> Scope<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    scoped("/_control")
        .guard(SameMachine)
        .app_data(guard::any_json())
        .route("", get().to(state))
        .route("/statistics", get().to(statistics))
        .route("/employments", post().to(add))
        .route("/employments/{who}", get().to(employment))
        .route("/employments/{who}", put().to(patch))
        .route("/employments/{who}", delete().to(remove))
        .route("/offboardings/{who}", put().to(set_offboarding))
        .route("/offboardings/{who}", delete().to(hide_offboarding))
        .route("/faults", get().to(faults))
        .route("/faults", post().to(fault))
        .route("/faults", delete().to(clear_faults))
        .route("/token", post().to(token))
        .route("/bulk", put().to(bulk))
        .route("/rate-limit", put().to(rate_limit))
        .route("/reset", post().to(reset))
}

async fn state(sandbox: Data<Sandbox>) -> HttpResponse {
    let kept = sandbox.people().kept();
    HttpResponse::Ok().json(json!({
        "config": sandbox.config(),
        "token": sandbox.token(),
        "companyId": sandbox.company_id(),
        "employments": sandbox.count(),
        "changed": kept,
        "faults": sandbox.faults(),
        "statistics": sandbox.statistics(),
    }))
}

async fn statistics(sandbox: Data<Sandbox>) -> HttpResponse {
    HttpResponse::Ok().json(sandbox.statistics())
}

async fn employment(sandbox: Data<Sandbox>, who: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(sandbox.employment(Who::from(who.into_inner()))?))
}

async fn add(sandbox: Data<Sandbox>, patch: Json<Value>) -> Answer {
    Ok(HttpResponse::Created().json(sandbox.add(&patch)?))
}

async fn patch(sandbox: Data<Sandbox>, who: Path<String>, patch: Json<Value>) -> Answer {
    Ok(HttpResponse::Ok().json(sandbox.patch(Who::from(who.into_inner()), &patch)?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Removal {
    /// *show* still answers 200 for the employment.
    #[serde(default)]
    still_shown: bool,
}

async fn remove(sandbox: Data<Sandbox>, who: Path<String>, removal: Query<Removal>) -> Answer {
    sandbox.remove(Who::from(who.into_inner()), removal.still_shown)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn set_offboarding(sandbox: Data<Sandbox>, who: Path<String>, patch: Json<Value>) -> Answer {
    sandbox.set_offboarding(Who::from(who.into_inner()), Some(patch.into_inner()))?;
    Ok(HttpResponse::NoContent().finish())
}

async fn hide_offboarding(sandbox: Data<Sandbox>, who: Path<String>) -> Answer {
    sandbox.set_offboarding(Who::from(who.into_inner()), None)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn faults(sandbox: Data<Sandbox>) -> HttpResponse {
    HttpResponse::Ok().json(sandbox.faults())
}

async fn fault(sandbox: Data<Sandbox>, fault: Json<Fault>) -> Answer {
    sandbox.fault(fault.into_inner())?;
    Ok(HttpResponse::NoContent().finish())
}

async fn clear_faults(sandbox: Data<Sandbox>) -> HttpResponse {
    sandbox.clear_faults();
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// The token to accept from now on; without it one is made.
    token: Option<String>,
    /// No token is accepted any more.
    #[serde(default)]
    revoke: bool,
}

async fn token(sandbox: Data<Sandbox>, wish: Json<NewToken>) -> HttpResponse {
    let token = match wish.into_inner() {
        NewToken { revoke: true, .. } => {
            sandbox.revoke_token();
            None
        }
        NewToken { token: Some(token), .. } => {
            sandbox.set_token(&token);
            Some(token)
        }
        NewToken { token: None, .. } => Some(sandbox.rotate_token()),
    };
    HttpResponse::Ok().json(json!({"token": token}))
}

#[derive(Deserialize)]
struct Switch {
    on: bool,
}

async fn bulk(sandbox: Data<Sandbox>, switch: Json<Switch>) -> HttpResponse {
    sandbox.set_bulk(switch.on);
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limit {
    /// 0 for no limit.
    per_minute: u32,
}

async fn rate_limit(sandbox: Data<Sandbox>, limit: Json<Limit>) -> HttpResponse {
    sandbox.set_rate_limit(limit.per_minute);
    HttpResponse::NoContent().finish()
}

/// Keeps what the given set-up leaves out.
async fn reset(sandbox: Data<Sandbox>, given: Json<Value>) -> Answer {
    let mut config = serde_json::to_value(sandbox.config()).unwrap_or_default();
    if let (Some(config), Value::Object(given)) = (config.as_object_mut(), given.into_inner()) {
        config.extend(given);
    }
    let config: SandboxConfig =
        serde_json::from_value(config).map_err(|_| SandboxError::Refused("this is no set-up of a sandbox"))?;
    sandbox.reset(config);
    Ok(HttpResponse::NoContent().finish())
}
