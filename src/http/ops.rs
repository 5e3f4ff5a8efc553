//! Endpoints for people who run the server: is the process up, and can it do its work?

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, Resource, web};

use super::error::Problem;
use super::state::State;
use crate::api::server::{Health, HealthStatus, Readiness as Body, ReadyStatus};
use crate::clock::Trust;
use crate::store::db::migrations;
use crate::store::db::pool::watched;

/// How long the database may take to answer a check.
const LONGEST: Duration = Duration::from_secs(5);

/// `/healthz` and `/readyz`, open to every caller: they show nothing about any person.
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
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Health { status: HealthStatus::Up })
}

/// What `/readyz` finds.
enum Readiness {
    Ready,
    /// Reads are answered; nothing is written.
    ReadOnly,
    NotReady(Cow<'static, str>),
}

/// The database answers, has the shape that this program needs, and its clock and ours agree; else 503 with the reason,
/// which names no place and no credential. A database that takes no writes is 200 with `readOnly`, so that proxies go
/// on sending readers.
async fn readyz(state: web::Data<State>) -> HttpResponse {
    let found = tokio::time::timeout(LONGEST, watched(readiness(&state))).await;
    match found.unwrap_or(Readiness::NotReady("the database does not answer".into())) {
        Readiness::Ready => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(Body { status: ReadyStatus::Ready, reason: None }),
        Readiness::ReadOnly => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Body {
            status: ReadyStatus::ReadOnly,
            reason: Some(
                "the database takes no writes: people are served as they were, pulls and changes wait".to_owned(),
            ),
        }),
        Readiness::NotReady(reason) => HttpResponse::ServiceUnavailable()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((RETRY_AFTER, "5"))
            .json(Body { status: ReadyStatus::NotReady, reason: Some(reason.into_owned()) }),
    }
}

async fn readiness(state: &State) -> Readiness {
    let health = &state.lanes.health;
    let mut conn = match health.get().await {
        Ok(conn) => conn,
        Err(error) => {
            tracing::warn!("not ready: {error}");
            return Readiness::NotReady("the database cannot be reached".into());
        }
    };
    let unasked = |error: diesel::result::Error| {
        tracing::warn!("not ready: {error}");
        Readiness::NotReady("the database cannot be asked".into())
    };
    match migrations::are_done(&mut conn).await {
        Ok(true) => {}
        Ok(false) => return Readiness::NotReady("the database is being migrated".into()),
        Err(error) => return unasked(error),
    }
    // People are served all the same; only pulls and dated changes do not run.
    match state.clock.trust() {
        Trust::Skewed(skew) => {
            return Readiness::NotReady(format!("{skew}; nothing is pulled and no date fires until they agree").into());
        }
        Trust::Behind => {
            return Readiness::NotReady(
                "clockSetBack: the clock shows less than before; nothing is pulled and no date fires until it has caught \
                 up or has gone evenly for 10 minutes"
                    .into(),
            );
        }
        Trust::Good | Trust::Unsure => {}
    }
    match health.takes_writes(&mut conn).await {
        Ok(true) => Readiness::Ready,
        Ok(false) => Readiness::ReadOnly,
        Err(error) => unasked(error),
    }
}
