//! SCIM 2.0 under `/scim/v2` (RFC 7644): users and groups to read, discovery, and what is refused, always with a SCIM body.

mod bodies;
mod cursors;
mod discovery;
mod envelope;
mod group_heads;
mod groups;
mod people;
mod refused;
mod root;
mod sight;
mod stream;
mod users;

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, Resource, Route, guard, web};

use super::auth::{Caller, ScimRead};
use super::error::{Front, ScimFailure};

/// All of SCIM, as one scope: whatever lies under `/scim` and is not known is a SCIM error too.
pub fn routes(config: &mut web::ServiceConfig) {
    let scope = web::scope("/scim")
        .app_data(Front::Scim)
        .wrap(from_fn(envelope::envelope))
        .service(
            endpoint("ServiceProviderConfig", "", "GET, HEAD").route(read().to(discovery::service_provider_config)),
        )
        .service(endpoint("ResourceTypes", "", "GET, HEAD").route(read().to(discovery::resource_types)))
        .service(endpoint("ResourceTypes", ID, "GET, HEAD").route(read().to(discovery::resource_type)))
        .service(endpoint("Schemas", "", "GET, HEAD").route(read().to(discovery::schemas)))
        .service(endpoint("Schemas", ID, "GET, HEAD").route(read().to(discovery::schema)))
        .service(endpoint("Users", r"/+{search:(?i:\.search)}", "POST").route(web::post().to(users::search)))
        .service(
            endpoint("Users", "", "GET, HEAD, POST")
                .route(read().to(users::list))
                .route(web::post().to(refused::write)),
        )
        .service(
            endpoint("Users", ID, "GET, HEAD, PUT, PATCH, DELETE")
                .route(read().to(users::read))
                .route(web::put().to(refused::write))
                .route(web::patch().to(refused::write))
                .route(web::delete().to(refused::write)),
        )
        .service(endpoint("Groups", r"/+{search:(?i:\.search)}", "POST").route(web::post().to(groups::search)))
        .service(
            endpoint("Groups", "", "GET, HEAD, POST")
                .route(read().to(groups::list))
                .route(web::post().to(refused::write)),
        )
        .service(
            endpoint("Groups", ID, "GET, HEAD, PUT, PATCH, DELETE")
                .route(read().to(groups::read))
                .route(web::put().to(refused::write))
                .route(web::patch().to(refused::write))
                .route(web::delete().to(refused::write)),
        )
        .service(endpoint("Bulk", "", "POST").route(web::post().to(refused::write)))
        .service(endpoint("Me", "", "GET, HEAD, POST, PUT, PATCH, DELETE").route(of_scim().to(refused::me)))
        .service(endpoint(r"\.search", "", "POST").route(web::post().to(root::search)))
        .service(
            taking(web::resource(["", r"/{slashes:/*}{version:(?:[vV][0-9]+/*)?}"]), "GET, HEAD")
                .route(read().to(root::list)),
        )
        .default_service(web::to(refused::unknown));
    config.service(scope);
}

/// The rest of a path that names one resource.
const ID: &str = "/+{id:[^/]+}";

/// An endpoint, its name in any case (R-011), with or without the version before it (R-010; another version than ours
/// does not get here), with slashes before and after it tolerated (R-009). Other methods are 405 with `allowed`.
fn endpoint(name: &str, rest: &str, allowed: &'static str) -> Resource {
    let rest = rest.replace("/+", "{between:/+}");
    let path = format!(r"/{{before:/*}}{{version:(?:[vV][0-9]+/+)?}}{{endpoint:(?i:{name})}}{rest}{{after:/*}}");
    taking(web::resource(path), allowed)
}

/// OPTIONS tells the methods, and so does the refusal of any other (R-014).
fn taking(resource: Resource, allowed: &'static str) -> Resource {
    let options = move |_: Caller<ScimRead>| async move {
        HttpResponse::NoContent().insert_header((ALLOW, format!("{allowed}, OPTIONS"))).finish()
    };
    resource.route(web::method(Method::OPTIONS).to(options)).default_service(web::to(move || async move {
        ScimFailure::method_not_allowed(&format!("{allowed}, OPTIONS"))
    }))
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
