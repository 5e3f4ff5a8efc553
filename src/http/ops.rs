//! For those who run the server: is the process up, and can it do its work?

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::state::State;
use crate::store::migrations;

/// How long the database may take to say that it is there.
const LONGEST: Duration = Duration::from_secs(5);

/// `/healthz` and `/readyz`, for everybody: they tell nothing about anybody.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/healthz", web::get().to(healthz)).route("/healthz", web::head().to(healthz));
    config.route("/readyz", web::get().to(readyz)).route("/readyz", web::head().to(readyz));
}

/// The process answers.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "up" }))
}

/// The database answers and has the shape that this program needs; else 503 with the reason, which names no place and
/// no credential.
async fn readyz(state: web::Data<State>) -> HttpResponse {
    let reason = tokio::time::timeout(LONGEST, reason(&state)).await;
    match reason.unwrap_or(Some("the database does not answer")) {
        None => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "ready" })),
        Some(reason) => HttpResponse::ServiceUnavailable()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((RETRY_AFTER, "5"))
            .json(json!({ "status": "notReady", "reason": reason })),
    }
}

async fn reason(state: &State) -> Option<&'static str> {
    let mut conn = match state.db.get().await {
        Ok(conn) => conn,
        Err(error) => {
            tracing::warn!("not ready: {error}");
            return Some("the database cannot be reached");
        }
    };
    match migrations::are_done(&mut conn).await {
        Ok(true) => None,
        Ok(false) => Some("the database is being migrated"),
        Err(error) => {
            tracing::warn!("not ready: {error}");
            Some("the database cannot be asked")
        }
    }
}
