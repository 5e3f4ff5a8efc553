//! The admin API under `/api/v1`: JSON with camelCase names, refusals as problem+json.
//!
//! There is one file for each resource. Reading needs the scope `admin:read`, writing `admin`. The feed needs
//! `events:read`, which `admin:read` implies. The description of the API (`openapi`) needs no scope. Handlers need
//! `web::Data<State>` (for [`Caller`](super::auth::Caller)) and `web::Data<Context>` of the application.

mod answer;
mod audit;
mod connections;
mod consumers;
mod endpoint;
mod events;
mod fields;
mod groups;
mod holds;
mod openapi;
mod people;
mod plans;
mod request;
mod reviews;
mod runs;
mod words;

use std::sync::{Arc, LazyLock};

use actix_web::http::header::CACHE_CONTROL;
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpResponse, web};
use serde_json::Value;

use self::connections::{actions, mapping, workers};
use self::consumers::tokens;
use self::endpoint::{Endpoint, at};
use self::groups::kinds;
use self::openapi::Description;
use self::people::person;
use super::compressed;
use super::error::{Front, Problem};

pub use answer::BASE;

static DESCRIPTION: LazyLock<Arc<Description>> = LazyLock::new(|| Arc::new(Description::new(&endpoints())));

/// The whole description of the API, as `OpenAPI` 3.1.
#[must_use]
pub fn document() -> &'static Value {
    DESCRIPTION.document()
}

/// The whole admin API, as one scope: whatever lies under it and is not known is a problem too.
pub fn routes(config: &mut web::ServiceConfig) {
    let scope = web::scope(BASE)
        .app_data(Front::Problem)
        .app_data(web::Data::from(Arc::clone(&DESCRIPTION)))
        // No cache on the way keeps data of people.
        .wrap(DefaultHeaders::new().add((CACHE_CONTROL, "no-store")))
        .wrap(from_fn(compressed::compress));
    let scope = endpoints().into_iter().fold(scope, |scope, endpoint| scope.service(endpoint.into_resource()));
    let unknown = async || Err::<HttpResponse, _>(Problem::not_found("there is no such endpoint"));
    config.service(scope.default_service(web::to(unknown)));
}

/// All endpoints. The description takes its operations from the same list.
fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/connections").get(connections::list).post(connections::create),
        at("/connections/{id}").get(connections::show),
        at("/connections/{id}/mapping").get(mapping::show).put(mapping::put),
        at("/connections/{id}/workers").get(workers::list),
        at("/connections/{id}/preview").post(actions::preview),
        at("/connections/{id}/finish").post(actions::finish),
        at("/connections/{id}/sync").post(actions::sync),
        at("/connections/{id}/pause").post(actions::pause),
        at("/connections/{id}/resume").post(actions::resume),
        at("/connections/{id}/authorize").post(actions::authorize),
        at("/connections/{id}/reauthorize").post(actions::reauthorize),
        at("/runs").get(runs::list),
        at("/runs/{id}").get(runs::show),
        at("/runs/{id}/cancel").post(runs::cancel),
        at("/runs/{id}/changes").get(runs::changes),
        at("/plans/{id}").get(plans::show),
        at("/plans/{id}/changes").get(plans::changes),
        at("/holds").get(holds::list),
        at("/holds/{id}").get(holds::show),
        at("/holds/{id}/approve").post(holds::approve),
        at("/holds/{id}/reject").post(holds::reject),
        at("/reviews").get(reviews::list),
        at("/reviews/{id}").get(reviews::show),
        at("/reviews/{id}/resolve").post(reviews::resolve),
        at("/people").get(people::list),
        at("/people/{id}").get(person::show),
        at("/people/{id}/history").get(people::history),
        at("/fields").get(fields::list),
        at("/fields/{unit}").put(fields::put),
        at("/groups").get(groups::list),
        at("/groups/{id}").get(groups::show),
        at("/groups/{id}/aliases").post(groups::alias),
        at("/group-kinds").get(kinds::list),
        at("/group-kinds/{kind}").put(kinds::put),
        at("/consumers").get(consumers::list).post(consumers::create),
        at("/consumers/{id}")
            .get(consumers::show)
            .put(consumers::replace)
            .patch(consumers::change)
            .delete(consumers::remove),
        at("/consumers/{id}/tokens").get(tokens::list).post(tokens::create),
        at("/consumers/{id}/tokens/{token}").delete(tokens::remove),
        at("/events").get(events::list::list),
        at("/audit").get(audit::list),
        at("/openapi.json").get(openapi::json),
        at("/docs").get(openapi::show),
    ]
}
