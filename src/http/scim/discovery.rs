//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas`: what the server says about itself to this caller.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use super::users::pairs;
use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::http::uri;
use crate::scim::discovery::{Discovery, Features, list, projection};
use crate::scim::error::ScimError;
use crate::scim::schema::{ResourceType, Shape};

type Answer = Result<HttpResponse, ScimFailure>;

pub(super) async fn service_provider_config(
    _: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Answer {
    one(&request, Shape::of_service_provider_config(), Ok(about(&state).service_provider_config()))
}

pub(super) async fn resource_types(_: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    many(&request, Shape::of_resource_types(), about(&state).resource_types())
}

pub(super) async fn resource_type(_: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    let id = id(&request)?;
    one(&request, Shape::of_resource_types(), about(&state).resource_type(&id))
}

pub(super) async fn schemas(_: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    many(&request, Shape::of_schemas(), about(&state).schemas())
}

pub(super) async fn schema(_: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    let urn = id(&request)?;
    one(&request, Shape::of_schemas(), about(&state).schema(&urn))
}

static FEATURES: LazyLock<Features> = LazyLock::new(|| Features::reading(ResourceType::ALL));

fn about(state: &State) -> Discovery<'_> {
    Discovery { base: state.scim_base(), features: &FEATURES, hidden: &super::HIDDEN }
}

fn one(request: &HttpRequest, shape: &'static Shape, found: Result<Map<String, Value>, ScimError>) -> Answer {
    let projection = projection(pairs(request)?, shape)?;
    let mut found = found?;
    projection.apply(&mut found);
    Ok(HttpResponse::Ok().json(found))
}

fn many(request: &HttpRequest, shape: &'static Shape, found: Vec<Map<String, Value>>) -> Answer {
    let projection = projection(pairs(request)?, shape)?;
    Ok(HttpResponse::Ok().json(list(found, &projection)))
}

/// The last segment of the path, decoded. The router has decoded all but `%`, `/` and `+`, so that nothing is decoded
/// twice.
pub(super) fn id(request: &HttpRequest) -> Result<String, ScimError> {
    uri::decode(request.match_info().query("id")).map_err(|error| ScimError::invalid_syntax(error.to_string()))
}
