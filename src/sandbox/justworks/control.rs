//! The control endpoint under `/_control`: changes a simulated Justworks by hand, with curl, or from another process.
//! It has no password, therefore it serves only clients of the same machine.

use actix_web::web::{Data, Json, Path, Query, delete, get, post, put, scope as scoped};
use actix_web::{HttpResponse, Scope};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Justworks, JustworksConfig, Shapes};
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
        .route("/members", post().to(add))
        .route("/members/{who}", get().to(member))
        .route("/members/{who}", put().to(patch))
        .route("/members/{who}", delete().to(remove))
        .route("/members/{who}/terminate", post().to(terminate))
        .route("/departments/{id}", put().to(rename_department))
        .route("/consent", post().to(consent))
        .route("/deny", post().to(deny))
        .route("/grant", delete().to(revoke_grant))
        .route("/access-tokens", delete().to(expire_access_tokens))
        .route("/scopes", put().to(scopes))
        .route("/lose-next-token-answer", post().to(lose_next_token_answer))
        .route("/another-company", post().to(another_company))
        .route("/shapes", put().to(shapes))
        .route("/faults", get().to(faults))
        .route("/faults", post().to(fault))
        .route("/faults", delete().to(clear_faults))
        .route("/rate-limit", put().to(rate_limit))
        .route("/reset", post().to(reset))
}

async fn state(vendor: Data<Justworks>) -> HttpResponse {
    let changed = vendor.people().kept();
    HttpResponse::Ok().json(json!({
        "config": vendor.config(),
        "companyId": vendor.company_id(),
        "members": vendor.count(),
        "changed": changed,
        "faults": vendor.faults(),
        "statistics": vendor.statistics(),
    }))
}

async fn statistics(vendor: Data<Justworks>) -> HttpResponse {
    HttpResponse::Ok().json(vendor.statistics())
}

async fn member(vendor: Data<Justworks>, who: Path<String>) -> Answer {
    Ok(HttpResponse::Ok().json(vendor.member(Who::from(who.into_inner()))?))
}

async fn add(vendor: Data<Justworks>, patch: Json<Value>) -> Answer {
    Ok(HttpResponse::Created().json(vendor.add(&patch)?))
}

async fn patch(vendor: Data<Justworks>, who: Path<String>, patch: Json<Value>) -> Answer {
    Ok(HttpResponse::Ok().json(vendor.patch(Who::from(who.into_inner()), &patch)?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Removal {
    /// By id there is still an answer.
    #[serde(default)]
    still_shown: bool,
}

async fn remove(vendor: Data<Justworks>, who: Path<String>, removal: Query<Removal>) -> Answer {
    vendor.remove(Who::from(who.into_inner()), removal.still_shown)?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LastDay {
    last_day: NaiveDate,
}

async fn terminate(vendor: Data<Justworks>, who: Path<String>, end: Json<LastDay>) -> Answer {
    Ok(HttpResponse::Ok().json(vendor.terminate(Who::from(who.into_inner()), end.last_day)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewName {
    name: String,
}

async fn rename_department(vendor: Data<Justworks>, id: Path<String>, new: Json<NewName>) -> Answer {
    vendor.rename_department(&id, &new.name)?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    authorization_url: String,
}

async fn consent(vendor: Data<Justworks>, asked: Json<Asked>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({"callbackUrl": vendor.consent(&asked.authorization_url)?})))
}

async fn deny(vendor: Data<Justworks>, asked: Json<Asked>) -> Answer {
    Ok(HttpResponse::Ok().json(json!({"callbackUrl": vendor.deny(&asked.authorization_url)?})))
}

async fn revoke_grant(vendor: Data<Justworks>) -> HttpResponse {
    vendor.revoke_grant();
    HttpResponse::NoContent().finish()
}

async fn expire_access_tokens(vendor: Data<Justworks>) -> HttpResponse {
    vendor.expire_access_tokens();
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Granted {
    /// Null: what is asked for.
    scopes: Option<Vec<String>>,
}

async fn scopes(vendor: Data<Justworks>, granted: Json<Granted>) -> Answer {
    match &granted.scopes {
        None => vendor.grant_what_is_asked(),
        Some(names) => {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            vendor.set_granted_scopes(&names)?;
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn lose_next_token_answer(vendor: Data<Justworks>) -> HttpResponse {
    vendor.lose_next_token_answer();
    HttpResponse::NoContent().finish()
}

async fn another_company(vendor: Data<Justworks>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"companyId": vendor.another_company()}))
}

async fn shapes(vendor: Data<Justworks>, shapes: Json<Shapes>) -> HttpResponse {
    vendor.set_shapes(shapes.into_inner());
    HttpResponse::NoContent().finish()
}

async fn faults(vendor: Data<Justworks>) -> HttpResponse {
    HttpResponse::Ok().json(vendor.faults())
}

async fn fault(vendor: Data<Justworks>, fault: Json<Fault>) -> Answer {
    vendor.fault(fault.into_inner())?;
    Ok(HttpResponse::NoContent().finish())
}

async fn clear_faults(vendor: Data<Justworks>) -> HttpResponse {
    vendor.clear_faults();
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limit {
    /// 0 for no limit.
    per_minute: u32,
}

async fn rate_limit(vendor: Data<Justworks>, limit: Json<Limit>) -> HttpResponse {
    vendor.set_rate_limit(limit.per_minute);
    HttpResponse::NoContent().finish()
}

/// Keeps what the given set-up leaves out.
async fn reset(vendor: Data<Justworks>, given: Json<Value>) -> Answer {
    let mut config = serde_json::to_value(vendor.config()).unwrap_or_default();
    if let (Some(config), Value::Object(given)) = (config.as_object_mut(), given.into_inner()) {
        config.extend(given);
    }
    let config: JustworksConfig =
        serde_json::from_value(config).map_err(|_| SandboxError::Refused("this is no set-up of a sandbox"))?;
    vendor.reset(config);
    Ok(HttpResponse::NoContent().finish())
}
