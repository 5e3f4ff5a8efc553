//! Reading Groups: one by id, and lists (RFC 7644 §3.4).

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};

use super::access::{ReadAccess, id, is_known, pairs, parse_id};
use super::cursors::Walk;
use super::group_writer::heads;
use super::request_body::search_body;
use super::stream::{Body, Piece};
use super::users::Reader;
use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::scim::error::ScimError;
use crate::scim::filter::Mode;
use crate::scim::message::ListHeader;
use crate::scim::query::{self, Query, SortOrder};
use crate::scim::schema::ResourceType;
use crate::store::filter::cost::Cost;
use crate::store::filter::sort::Sort;
use crate::store::visibility::Visibility;
use crate::store::{groups, paging};

/// Groups whose members are read in a cheap list, at most.
const FEW: u32 = 20;

/// GET /Groups/{id}.
pub(super) async fn read(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let id = id(&request)?;
    let release = caller.release()?;
    let projection = query::projection(pairs(&request)?, ResourceType::Group.shape(), &release.hidden)?;
    let unknown = || ScimError::not_found("no group has this id");
    let id = parse_id(&id).ok_or_else(unknown)?;
    let mut conn = state.connection(caller.id, Cost::Cheap).await?;
    let access = ReadAccess::of(caller, release, &state, &mut conn).await?;
    let found = groups::seen_by(&mut conn, id, &access.visibility).await?.ok_or_else(unknown)?;
    let head = heads(&access, &state, &projection, std::slice::from_ref(&found), &mut conn).await?.pop();
    drop(conn);
    let head = head.ok_or_else(ScimError::internal)?;
    let version = head.version.clone();
    let location = format!("{}/Groups/{id}", state.scim_base());
    if is_known(&request, &version, projection.is_beyond_the_version()) {
        let mut response = HttpResponse::NotModified();
        return Ok(response.insert_header((ETAG, version)).insert_header((LOCATION, location)).finish());
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((ETAG, version)).insert_header((LOCATION, location));
    let caller = access.caller.id;
    Body::of(state, caller, access.visibility, &projection, vec![Piece::Group(head)], String::new(), "")
        .answer(response)
        .await
}

/// GET /Groups.
pub(super) async fn list(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let release = caller.release()?;
    let query = Query::parse(pairs(&request)?, Mode::Lenient, ResourceType::Group.shape(), &release.hidden)?;
    Box::pin(answer(Reader { caller, release, is_head: request.method() == Method::HEAD }, query, state)).await
}

/// POST /Groups/.search.
pub(super) async fn search(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let body = search_body(&request, payload).await?;
    let release = caller.release()?;
    let query = Query::of_search(&body, Mode::Lenient, ResourceType::Group.shape(), &release.hidden)?;
    Box::pin(answer(Reader { caller, release, is_head: false }, query, state)).await
}

async fn answer(reader: Reader, query: Query, state: web::Data<State>) -> Result<HttpResponse, ScimFailure> {
    let cost = cost(&query, &reader, &state);
    let state = state.into_inner();
    Box::pin(state.answer_within(cost, listed(reader, query, cost, web::Data::from(Arc::clone(&state))))).await
}

/// What a list of groups costs. The members of many groups are as many rows as people. For a caller who sees some
/// people only, the members of each group are read for its version too.
fn cost(query: &Query, reader: &Reader, state: &State) -> Cost {
    let descending = query.paging.sort_order == SortOrder::Descending;
    let sort = query.sort_by.map(|target| {
        let visibility = Visibility::unrestricted(
            state.scim_base(),
            reader.caller.external_id_from_source,
            reader.release.hidden.clone(),
        );
        Sort::of_groups(target, descending, &visibility)
    });
    let shows_members = query.projection.returns("members");
    let looks_at_members = (shows_members || reader.release.users.is_some()) && query.paging.count > FEW;
    let shown = if looks_at_members { Cost::Expensive } else { Cost::Cheap };
    Cost::of_groups(query.filter.as_ref(), sort.as_ref()).max(shown)
}

async fn listed(
    reader: Reader,
    query: Query,
    cost: Cost,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let walk = Walk::of(&state, &reader.caller, "Groups", &query.paging, reader.is_head)?;
    let mut conn = state.connection(reader.caller.id, cost).await?;
    let access = ReadAccess::of(reader.caller, reader.release, &state, &mut conn).await?;
    let condition = access.groups(query.filter.as_ref(), &mut conn).await?;
    let descending = query.paging.sort_order == SortOrder::Descending;
    let sort = query.sort_by.map(|target| Sort::of_groups(target, descending, &access.visibility));
    let page =
        paging::groups::page(&mut conn, &access.visibility, &walk.request(), condition.as_ref(), sort.as_ref()).await?;
    let heads = heads(&access, &state, &query.projection, &page.items, &mut conn).await?;
    drop(conn);
    let next = page.next.map(|place| (place, ResourceType::Group));
    let header = walk.header(page.total, page.items.len(), next);
    let open = header.open();
    let pieces = heads.into_iter().map(Piece::Group).collect();
    let body = Body::of(state, access.caller.id, access.visibility, &query.projection, pieces, open, ListHeader::CLOSE);
    body.answer(HttpResponse::Ok()).await
}
