//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas`: the server's description of itself for this caller.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use super::access::{id, pairs};
use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::scim::discovery::{Discovery, Features, list, projection};
use crate::scim::error::ScimError;
use crate::scim::schema::{Hidden, ResourceType, Shape};

type Answer = Result<HttpResponse, ScimFailure>;

pub(super) async fn service_provider_config(
    _: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Answer {
    let found = about(&state, &Hidden::sensitive()).service_provider_config();
    one(&request, Shape::of_service_provider_config(), Ok(found))
}

pub(super) async fn resource_types(caller: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    many(&request, Shape::of_resource_types(), about(&state, &caller.release()?.hidden).resource_types())
}

pub(super) async fn resource_type(caller: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    let id = id(&request)?;
    one(&request, Shape::of_resource_types(), about(&state, &caller.release()?.hidden).resource_type(&id))
}

pub(super) async fn schemas(caller: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    many(&request, Shape::of_schemas(), about(&state, &caller.release()?.hidden).schemas())
}

pub(super) async fn schema(caller: Caller<ScimRead>, request: HttpRequest, state: web::Data<State>) -> Answer {
    let urn = id(&request)?;
    one(&request, Shape::of_schemas(), about(&state, &caller.release()?.hidden).schema(&urn))
}

static FEATURES: LazyLock<Features> = LazyLock::new(|| Features::reading(ResourceType::ALL));

fn about<'a>(state: &'a State, hidden: &'a Hidden) -> Discovery<'a> {
    Discovery { base: state.scim_base(), features: &FEATURES, hidden }
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
