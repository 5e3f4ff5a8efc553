//! SCIM 2.0 under `/scim/v2` (RFC 7644): reading users and groups, discovery, and refusals, always with a SCIM body.

mod access;
mod cursors;
mod discovery;
mod envelope;
mod group_writer;
mod groups;
mod not_implemented;
mod people;
mod request_body;
mod root;
mod stream;
mod users;

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard, web};

use super::auth;
use super::auth::{Caller, ScimRead};
use super::compressed;
use super::error::{Front, ScimFailure};
use super::scope::Scope;

/// All of SCIM, as one scope: whatever lies under `/scim` and is not known is a SCIM error too.
pub fn routes(config: &mut web::ServiceConfig) {
    let scope = web::scope("/scim")
        .app_data(Front::Scim)
        .wrap(from_fn(envelope::envelope))
        .wrap(from_fn(compressed::compress))
        .service(endpoint("ServiceProviderConfig", "", READING).route(read().to(discovery::service_provider_config)))
        .service(endpoint("ResourceTypes", "", READING).route(read().to(discovery::resource_types)))
        .service(endpoint("ResourceTypes", ID, READING).route(read().to(discovery::resource_type)))
        .service(endpoint("Schemas", "", READING).route(read().to(discovery::schemas)))
        .service(endpoint("Schemas", ID, READING).route(read().to(discovery::schema)))
        .service(endpoint("Users", r"/+{search:(?i:\.search)}", "POST").route(web::post().to(users::search)))
        .service(
            endpoint("Users", "", READING).route(read().to(users::list)).route(web::post().to(not_implemented::write)),
        )
        .service(
            endpoint("Users", ID, READING)
                .route(read().to(users::read))
                .route(web::put().to(not_implemented::write))
                .route(web::patch().to(not_implemented::write))
                .route(web::delete().to(not_implemented::write)),
        )
        .service(endpoint("Groups", r"/+{search:(?i:\.search)}", "POST").route(web::post().to(groups::search)))
        .service(
            endpoint("Groups", "", READING)
                .route(read().to(groups::list))
                .route(web::post().to(not_implemented::write)),
        )
        .service(
            endpoint("Groups", ID, READING)
                .route(read().to(groups::read))
                .route(web::put().to(not_implemented::write))
                .route(web::patch().to(not_implemented::write))
                .route(web::delete().to(not_implemented::write)),
        )
        .service(endpoint("Bulk", "", NONE).route(web::post().to(not_implemented::write)))
        .service(endpoint("Me", "", NONE).route(of_scim().to(not_implemented::me)))
        .service(endpoint(r"\.search", "", "POST").route(web::post().to(root::search)))
        .service(
            taking(web::resource(["", r"/{slashes:/*}{version:(?:[vV][0-9]+/*)?}"]), READING)
                .route(read().to(root::list)),
        )
        .default_service(web::to(not_implemented::unknown));
    config.service(scope);
}

/// The methods of readable endpoints. Writing methods are not among them: they always answer 403 or 501.
const READING: &str = "GET, HEAD";
/// An endpoint of SCIM at which every method is refused.
const NONE: &str = "";

/// The rest of a path that names one resource.
const ID: &str = "/+{id:[^/]+}";

/// An endpoint, its name in any case (R-011), with or without the version before it (R-010; another version than ours
/// does not get here), with slashes before and after it tolerated (R-009). Other methods are 405 with `allowed`.
fn endpoint(name: &str, rest: &str, allowed: &'static str) -> Resource {
    let rest = rest.replace("/+", "{between:/+}");
    let path = format!(r"/{{before:/*}}{{version:(?:[vV][0-9]+/+)?}}{{endpoint:(?i:{name})}}{rest}{{after:/*}}");
    taking(web::resource(path), allowed)
}

/// OPTIONS lists the methods, and so does the refusal of any other method (R-014). The list has the methods that are
/// not refused to this caller whatever the request is. It is empty for a token that may not read.
fn taking(resource: Resource, allowed: &'static str) -> Resource {
    let all = move || if allowed.is_empty() { "OPTIONS".to_owned() } else { format!("{allowed}, OPTIONS") };
    let options =
        move |_: Caller<ScimRead>| async move { HttpResponse::NoContent().insert_header((ALLOW, all())).finish() };
    let others = move |request: HttpRequest| async move {
        let may_read = auth::scopes(&request).await.is_none_or(|scopes| scopes.contains(&Scope::ScimRead));
        ScimFailure::method_not_allowed(&if may_read { all() } else { String::new() })
    };
    resource.route(web::method(Method::OPTIONS).to(options)).default_service(web::to(others))
}

/// GET, and HEAD, which is GET without the body (R-014).
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// The methods that SCIM knows (RFC 7644 §3.2).
fn of_scim() -> Route {
    let read = guard::Any(guard::Get()).or(guard::Head());
    web::route().guard(read.or(guard::Post()).or(guard::Put()).or(guard::Patch()).or(guard::Delete()))
}
