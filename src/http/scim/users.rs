//! Reading Users: one by id, and lists (RFC 7644 §3.4).

use std::sync::Arc;

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use super::access::{ReadAccess, id, is_known, pairs, parse_id};
use super::cursors::Walk;
use super::people::{MANAGER_CHAIN, PeopleWriter};
use super::request_body::search_body;
use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::scim::error::ScimError;
use crate::scim::filter::Mode;
use crate::scim::filter::check::Checked;
use crate::scim::message::ListHeader;
use crate::scim::query::{self, Query, SortOrder};
use crate::scim::release::Release;
use crate::scim::schema::{Resolved, ResourceType, WORKER_URN};
use crate::store::filter::cost::Cost;
use crate::store::filter::sort::Sort;
use crate::store::paging;
use crate::store::people;
use crate::store::visibility::Visibility;

/// People whose superiors are shown in a cheap list, at most.
const FEW: u32 = 20;

/// GET /Users/{id}.
pub(super) async fn read(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let id = id(&request)?;
    let release = caller.release()?;
    let projection = query::projection(pairs(&request)?, ResourceType::User.shape(), &release.hidden)?;
    let unknown = || ScimError::not_found("no user has this id");
    let person = parse_id(&id).ok_or_else(unknown)?;
    let mut conn = state.connection(caller.id, Cost::Cheap).await?;
    let access = ReadAccess::of(caller, release, &state, &mut conn).await?;
    let found = people::document(&mut conn, person, &access.visibility).await?.ok_or_else(unknown)?;
    let found = std::slice::from_ref(&found);
    let writer = PeopleWriter::of(&access, &state, &projection, found, &mut conn).await?;
    drop(conn);
    let mut body = String::new();
    let version = writer.append(&found[0], &mut body)?;
    let is_known = is_known(&request, &version, projection.is_beyond_the_version());
    let mut response = HttpResponse::build(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response.insert_header((ETAG, version));
    response.insert_header((LOCATION, format!("{}/Users/{person}", state.scim_base())));
    Ok(if is_known { response.finish() } else { response.body(body) })
}

/// GET /Users.
pub(super) async fn list(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let release = caller.release()?;
    let query = Query::parse(pairs(&request)?, Mode::Lenient, ResourceType::User.shape(), &release.hidden)?;
    answer(Reader { caller, release, is_head: request.method() == Method::HEAD }, query, &state).await
}

/// POST /Users/.search.
pub(super) async fn search(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let body = search_body(&request, payload).await?;
    let release = caller.release()?;
    let query = Query::of_search(&body, Mode::Lenient, ResourceType::User.shape(), &release.hidden)?;
    answer(Reader { caller, release, is_head: false }, query, &state).await
}

/// The caller of a request.
pub(super) struct Reader {
    pub caller: Caller<ScimRead>,
    pub release: Arc<Release>,
    /// A HEAD request.
    pub is_head: bool,
}

async fn answer(reader: Reader, query: Query, state: &State) -> Result<HttpResponse, ScimFailure> {
    let cost = cost(&query, &reader, state);
    state.answer_within(cost, listed(reader, query, cost, state)).await
}

/// What a list of people costs. The superiors of many are as expensive to show as to search.
fn cost(query: &Query, reader: &Reader, state: &State) -> Cost {
    let descending = query.paging.sort_order == SortOrder::Descending;
    let sort = query.sort_by.map(|target| {
        let visibility = Visibility::unrestricted(
            state.scim_base(),
            reader.caller.external_id_from_source,
            reader.release.hidden.clone(),
        );
        Sort::of_people(target, descending, &visibility)
    });
    let is_placed = query.paging.cursor.is_some() || query.paging.start_index <= 1;
    let shows_superiors =
        query.paging.count > FEW && query.projection.returns(&format!("{WORKER_URN}:{MANAGER_CHAIN}"));
    let shown = if shows_superiors { Cost::Expensive } else { Cost::Cheap };
    Cost::of_people(query.filter.as_ref(), sort.as_ref(), is_placed).max(shown)
}

async fn listed(reader: Reader, query: Query, cost: Cost, state: &State) -> Result<HttpResponse, ScimFailure> {
    let walk = Walk::of(state, &reader.caller, "Users", &query.paging, reader.is_head)?;
    let mut conn = state.connection(reader.caller.id, cost).await?;
    let access = ReadAccess::of(reader.caller, reader.release, state, &mut conn).await?;
    let condition = access.people(query.filter.as_ref(), &mut conn).await?;
    let descending = query.paging.sort_order == SortOrder::Descending;
    let sort = query.sort_by.map(|target| Sort::of_people(target, descending, &access.visibility));
    let page =
        paging::people::page(&mut conn, &access.visibility, &walk.request(), condition.as_ref(), sort.as_ref()).await?;
    let asked = sensitive_in(query.filter.as_ref());
    access.record(state, &mut conn, &asked, "people by filter".to_owned(), page.items.len()).await?;
    let writer = PeopleWriter::of(&access, state, &query.projection, &page.items, &mut conn).await?;
    drop(conn);
    let next = page.next.map(|place| (place, ResourceType::User));
    let header = walk.header(page.total, page.items.len(), next);
    let mut body = header.open();
    for (n, person) in page.items.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        writer.append(person, &mut body)?;
    }
    body.push_str(ListHeader::CLOSE);
    Ok(HttpResponse::Ok().body(body))
}

/// The sensitive attributes that a filter uses.
pub(super) fn sensitive_in(filter: Option<&Checked>) -> Vec<String> {
    let asked = filter.map(Checked::leaves).into_iter().flatten().map(|leaf| leaf.target);
    asked.filter(Resolved::is_sensitive).map(|target| target.to_string()).collect()
}
