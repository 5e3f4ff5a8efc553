//! SCIM 2.0 under `/scim/v2` (RFC 7644): users and groups to read, discovery, and what is refused, always with a SCIM body.

mod discovery;
mod envelope;
mod groups;
mod refused;
mod users;

use std::sync::LazyLock;

use actix_web::middleware::from_fn;
use actix_web::{Resource, Route, guard, web};

use super::error::{Front, ScimFailure};
use crate::scim::schema::Hidden;

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
        .service(endpoint("Users", r"/+{search:(?i:\.search)}", "POST").route(web::post().to(refused::search)))
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
        .service(endpoint("Groups", r"/+{search:(?i:\.search)}", "POST").route(web::post().to(refused::search)))
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
        .service(endpoint("Me", "", "GET, HEAD, POST, PUT, PATCH, DELETE").route(web::route().to(refused::me)))
        .service(endpoint(r"\.search", "", "POST").route(web::post().to(refused::search)))
        .service(
            web::resource(["", r"/{slashes:/*}{version:(?:[vV][0-9]+/*)?}"])
                .route(read().to(refused::everything))
                .default_service(web::to(async || ScimFailure::method_not_allowed("GET, HEAD"))),
        )
        .default_service(web::to(refused::unknown));
    config.service(scope);
}

/// What callers may not see: nobody sees sensitive attributes before release policies exist.
static HIDDEN: LazyLock<Hidden> = LazyLock::new(Hidden::sensitive);

/// The rest of a path that names one resource.
const ID: &str = "/+{id:[^/]+}";

/// An endpoint, its name in any case (R-011), with or without the version before it (R-010; another version than ours
/// does not get here), with slashes before and after it tolerated (R-009). Other methods are 405 with `allowed`.
fn endpoint(name: &str, rest: &str, allowed: &'static str) -> Resource {
    let rest = rest.replace("/+", "{between:/+}");
    web::resource(format!(r"/{{before:/*}}{{version:(?:[vV][0-9]+/+)?}}{{endpoint:(?i:{name})}}{rest}{{after:/*}}"))
        .default_service(web::to(move || async move { ScimFailure::method_not_allowed(allowed) }))
}

/// GET, and HEAD, which is GET without the body (R-014).
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
