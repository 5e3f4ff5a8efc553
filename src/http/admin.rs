//! The admin API under `/api/v1`: JSON with camelCase names, refusals as problem+json.
//!
//! One file a noun. Reading needs the scope `admin:read`, writing `admin`; the feed needs `events:read`, which
//! `admin:read` implies; the description of the API (`openapi`) is for everybody. Handlers need `web::Data<State>` (for [`Caller`](super::auth::Caller)) and `web::Data<Context>` of the application.

mod audit;
mod body;
mod connections;
mod consumers;
mod cursor;
mod entries;
mod events;
mod fields;
mod group_kinds;
mod groups;
mod holds;
mod mapping;
mod openapi;
mod parameters;
mod people;
mod person;
mod plans;
mod released;
mod reviews;
mod runs;
mod steps;
mod tokens;
mod workers;

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard, web};
use serde_json::Value;
use uuid::Uuid;

use super::auth;
use super::compressed;
use super::error::{Front, Problem};
use super::scope::Scope;

pub use openapi::document;

/// Where the admin API begins.
pub const BASE: &str = "/api/v1";

type Answer = Result<HttpResponse, Problem>;

/// The whole admin API, as one scope: whatever lies under it and is not known is a problem too.
pub fn routes(config: &mut web::ServiceConfig) {
    let scope = web::scope(BASE)
        .app_data(Front::Problem)
        // People are nobody's to keep on the way.
        .wrap(DefaultHeaders::new().add((CACHE_CONTROL, "no-store")))
        .wrap(from_fn(compressed::compress))
        .configure(connection_routes)
        .service(at("/runs", "GET, HEAD").route(read().to(runs::list)))
        .service(at("/runs/{id}", "GET, HEAD").route(read().to(runs::show)))
        .service(at("/runs/{id}/cancel", "POST").route(web::post().to(runs::cancel)))
        .service(at("/runs/{id}/changes", "GET, HEAD").route(read().to(runs::changes)))
        .service(at("/plans/{id}", "GET, HEAD").route(read().to(plans::show)))
        .service(at("/plans/{id}/changes", "GET, HEAD").route(read().to(plans::changes)))
        .service(at("/holds", "GET, HEAD").route(read().to(holds::list)))
        .service(at("/holds/{id}", "GET, HEAD").route(read().to(holds::show)))
        .service(at("/holds/{id}/approve", "POST").route(web::post().to(holds::approve)))
        .service(at("/holds/{id}/reject", "POST").route(web::post().to(holds::reject)))
        .service(at("/reviews", "GET, HEAD").route(read().to(reviews::list)))
        .service(at("/reviews/{id}", "GET, HEAD").route(read().to(reviews::show)))
        .service(at("/reviews/{id}/resolve", "POST").route(web::post().to(reviews::resolve)))
        .service(at("/people", "GET, HEAD").route(read().to(people::list)))
        .service(at("/people/{id}", "GET, HEAD").route(read().to(person::show)))
        .service(at("/people/{id}/history", "GET, HEAD").route(read().to(people::history)))
        .service(at("/fields", "GET, HEAD").route(read().to(fields::list)))
        .service(at("/fields/{unit}", "PUT").route(web::put().to(fields::put)))
        .service(at("/groups", "GET, HEAD").route(read().to(groups::list)))
        .service(at("/groups/{id}", "GET, HEAD").route(read().to(groups::show)))
        .service(at("/groups/{id}/aliases", "POST").route(web::post().to(groups::alias)))
        .service(at("/group-kinds", "GET, HEAD").route(read().to(group_kinds::list)))
        .service(at("/group-kinds/{kind}", "PUT").route(web::put().to(group_kinds::put)))
        .service(
            at("/consumers", "GET, HEAD, POST")
                .route(read().to(consumers::list))
                .route(web::post().to(consumers::create)),
        )
        .service(
            at("/consumers/{id}", "GET, HEAD, PUT, PATCH, DELETE")
                .route(read().to(consumers::show))
                .route(web::put().to(consumers::replace))
                .route(web::patch().to(consumers::change))
                .route(web::delete().to(consumers::remove)),
        )
        .service(
            at("/consumers/{id}/tokens", "GET, HEAD, POST")
                .route(read().to(tokens::list))
                .route(web::post().to(tokens::create)),
        )
        .service(at("/consumers/{id}/tokens/{token}", "DELETE").route(web::delete().to(tokens::remove)))
        .service(at("/events", "GET, HEAD").route(read().to(events::list)))
        .service(at("/audit", "GET, HEAD").route(read().to(audit::list)))
        .service(at("/openapi.json", "GET, HEAD").route(read().to(openapi::json)))
        .service(at("/docs", "GET, HEAD").route(read().to(openapi::show)))
        .default_service(web::to(async || Problem::not_found("there is no such endpoint").refused()));
    config.service(scope);
}

fn connection_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            at("/connections", "GET, HEAD, POST")
                .route(read().to(connections::list))
                .route(web::post().to(connections::create)),
        )
        .service(at("/connections/{id}", "GET, HEAD").route(read().to(connections::show)))
        .service(
            at("/connections/{id}/mapping", "GET, HEAD, PUT")
                .route(read().to(mapping::show))
                .route(web::put().to(mapping::put)),
        )
        .service(at("/connections/{id}/workers", "GET, HEAD").route(read().to(workers::list)))
        .service(at("/connections/{id}/preview", "POST").route(web::post().to(steps::preview)))
        .service(at("/connections/{id}/finish", "POST").route(web::post().to(steps::finish)))
        .service(at("/connections/{id}/sync", "POST").route(web::post().to(steps::sync)))
        .service(at("/connections/{id}/pause", "POST").route(web::post().to(steps::pause)))
        .service(at("/connections/{id}/resume", "POST").route(web::post().to(steps::resume)))
        .service(at("/connections/{id}/authorize", "POST").route(web::post().to(steps::authorize)))
        .service(at("/connections/{id}/reauthorize", "POST").route(web::post().to(steps::reauthorize)));
}

/// An endpoint; other methods than its own are 405 with those of `allowed` that the caller's token allows.
fn at(path: &str, allowed: &'static str) -> Resource {
    let reading = match path {
        "/openapi.json" | "/docs" => None,
        "/events" => Some(Scope::EventsRead),
        _ => Some(Scope::AdminRead),
    };
    web::resource(path).default_service(web::to(move |request: HttpRequest| async move {
        let allowed = match auth::scopes(&request).await {
            Some(scopes) => of_scopes(allowed, reading, &scopes),
            // The scopes of an unknown caller are unknown: all methods are named.
            None => allowed.to_owned(),
        };
        Problem::method_not_allowed(&allowed).refused()
    }))
}

/// The methods that are not refused with 403: reading needs one scope, or none, and writing `admin`.
fn of_scopes(allowed: &str, reading: Option<Scope>, scopes: &BTreeSet<Scope>) -> String {
    let is_allowed = |method: &&str| match *method {
        "GET" | "HEAD" => reading.is_none_or(|scope| scopes.contains(&scope)),
        _ => scopes.contains(&Scope::Admin),
    };
    allowed.split(", ").filter(is_allowed).collect::<Vec<_>>().join(", ")
}

/// GET, and HEAD, which is GET without the body.
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

impl Problem {
    /// For handlers that only refuse.
    fn refused(self) -> Answer {
        Err(self)
    }
}

/// An id in the path. What is no id of ours is the id of nothing.
fn id(request: &HttpRequest, name: &str, what: &str) -> Result<Uuid, Problem> {
    let text = request.match_info().query(name);
    Uuid::try_parse(text)
        .ok()
        .filter(|id| id.to_string().eq_ignore_ascii_case(text))
        .ok_or_else(|| Problem::not_found(format!("there is no {what} with this id")))
}

fn answer(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).json(body)
}

fn ok(body: &Value) -> HttpResponse {
    answer(StatusCode::OK, body)
}

/// 201, with where the new thing is.
fn created(path: &str, body: &Value) -> HttpResponse {
    HttpResponse::Created().insert_header((LOCATION, format!("{BASE}{path}"))).json(body)
}
