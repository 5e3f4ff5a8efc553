//! For those who run the server: is the process up, and can it do its work?

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, Resource, web};
use serde_json::json;

use super::error::Problem;
use super::state::State;
use crate::clock::Trust;
use crate::store::migrations;

/// How long the database may take to say that it is there.
const LONGEST: Duration = Duration::from_secs(5);

/// `/healthz` and `/readyz`, for everybody: they tell nothing about anybody.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(at("/healthz").route(web::get().to(healthz)).route(web::head().to(healthz)));
    config.service(at("/readyz").route(web::get().to(readyz)).route(web::head().to(readyz)));
}

/// An endpoint that is read, and refuses everything else.
fn at(path: &str) -> Resource {
    web::resource(path)
        .default_service(web::to(async || Err::<HttpResponse, _>(Problem::method_not_allowed("GET, HEAD"))))
}

/// The process answers.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "up" }))
}

/// The database answers, has the shape that this program needs, and its clock and ours agree; else 503 with the reason,
/// which names no place and no credential.
async fn readyz(state: web::Data<State>) -> HttpResponse {
    let reason = tokio::time::timeout(LONGEST, reason(&state)).await;
    match reason.unwrap_or_else(|_| Some("the database does not answer".into())) {
        None => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "ready" })),
        Some(reason) => HttpResponse::ServiceUnavailable()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((RETRY_AFTER, "5"))
            .json(json!({ "status": "notReady", "reason": reason })),
    }
}

async fn reason(state: &State) -> Option<String> {
    let mut conn = match state.db.get().await {
        Ok(conn) => conn,
        Err(error) => {
            tracing::warn!("not ready: {error}");
            return Some("the database cannot be reached".into());
        }
    };
    match migrations::are_done(&mut conn).await {
        Ok(true) => match state.clock.trust() {
            // People are served all the same; what does not run are pulls and dates.
            Trust::Skewed(skew) => Some(format!("{skew}; nobody is pulled and no date fires until they agree")),
            Trust::Good | Trust::Unsure => None,
        },
        Ok(false) => Some("the database is being migrated".into()),
        Err(error) => {
            tracing::warn!("not ready: {error}");
            Some("the database cannot be asked".into())
        }
    }
}
