//! Queries across all types, on the base URL: Users first, then Groups.

use std::collections::VecDeque;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

use super::access::{ReadAccess, pairs};
use super::cursors::Walk;
use super::group_writer::{Head, heads};
use super::people::PeopleWriter;
use super::request_body::search_body;
use super::stream::{Body, Piece};
use super::users::{Reader, sensitive_in};
use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::scim::error::ScimError;
use crate::scim::filter::Mode;
use crate::scim::message::ListHeader;
use crate::scim::query::{RootQuery, SortOrder, TypeQuery};
use crate::scim::schema::ResourceType;
use crate::store::filter::cost::Cost;
use crate::store::filter::sort::Sort;
use crate::store::groups::GroupRow;
use crate::store::paging;
use crate::store::paging::mixed::{Found, Order, Spanning};
use crate::store::people::PersonDocument;

/// GET on the base URL.
pub(super) async fn list(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let release = caller.release()?;
    let query = RootQuery::parse(pairs(&request)?, Mode::Lenient, &release.hidden)?;
    Box::pin(answer(Reader { caller, release, is_head: request.method() == Method::HEAD }, query, state)).await
}

/// POST /.search.
pub(super) async fn search(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let body = search_body(&request, payload).await?;
    let release = caller.release()?;
    let query = RootQuery::of_search(&body, Mode::Lenient, &release.hidden)?;
    Box::pin(answer(Reader { caller, release, is_head: false }, query, state)).await
}

async fn answer(reader: Reader, query: RootQuery, state: web::Data<State>) -> Result<HttpResponse, ScimFailure> {
    let state = state.into_inner();
    // Most of them search people and groups by conditions that no index has.
    Box::pin(state.answer_within(Cost::Expensive, listed(reader, query, web::Data::from(Arc::clone(&state))))).await
}

async fn listed(reader: Reader, query: RootQuery, state: web::Data<State>) -> Result<HttpResponse, ScimFailure> {
    let RootQuery { users, groups, paging } = query;
    let walk = Walk::of(&state, &reader.caller, "", &paging, reader.is_head)?;
    let mut conn = state.connection(reader.caller.id, Cost::Expensive).await?;
    let access = ReadAccess::of(reader.caller, reader.release, &state, &mut conn).await?;
    let of_people = access.people(users.filter.as_ref(), &mut conn).await?;
    let of_groups = access.groups(groups.filter.as_ref(), &mut conn).await?;
    let descending = paging.sort_order == SortOrder::Descending;
    let people_by = users.sort_by.map(|target| Sort::of_people(target, descending, &access.visibility));
    let groups_by = groups.sort_by.map(|target| Sort::of_groups(target, descending, &access.visibility));
    let order = Order { people: people_by.as_ref(), groups: groups_by.as_ref(), descending };
    let asked =
        Spanning { people: of_people.as_ref(), groups: of_groups.as_ref(), order: paging.is_sorted.then_some(order) };
    let (page, next) =
        paging::mixed::page(&mut conn, &access.visibility, &walk.request(), walk.behind(), asked).await?;
    access
        .record(
            &state,
            &mut conn,
            &sensitive_in(users.filter.as_ref()),
            "people by filter".to_owned(),
            page.items.len(),
        )
        .await?;
    let count = page.items.len();
    let pieces = written(&access, &state, page.items, &users, &groups, &mut conn).await?;
    drop(conn);
    let header = walk.header(page.total, count, next.map(|at| (at.place, at.resource_type)));
    let open = header.open();
    Body::of(state.clone(), access.caller.id, access.visibility, &groups.projection, pieces, open, ListHeader::CLOSE)
        .answer(HttpResponse::Ok())
        .await
}

/// What was found, in its order.
async fn written(
    access: &ReadAccess,
    state: &State,
    found: Vec<Found>,
    of_users: &TypeQuery,
    of_groups: &TypeQuery,
    conn: &mut crate::store::db::pool::Connection,
) -> Result<Vec<Piece>, ScimFailure> {
    let kinds: Vec<ResourceType> = found
        .iter()
        .map(|one| match one {
            Found::Person(_) => ResourceType::User,
            Found::Group(_) => ResourceType::Group,
        })
        .collect();
    let (mut people, mut rows): (Vec<PersonDocument>, Vec<GroupRow>) = (Vec::new(), Vec::new());
    for one in found {
        match one {
            Found::Person(person) => people.push(person),
            Found::Group(group) => rows.push(group),
        }
    }
    let writer = PeopleWriter::of(access, state, &of_users.projection, &people, conn).await?;
    let mut heads: VecDeque<Head> = heads(access, state, &of_groups.projection, &rows, conn).await?.into();
    let mut people = people.iter();
    kinds
        .into_iter()
        .map(|kind| match kind {
            ResourceType::User => {
                let mut text = String::new();
                writer.append(people.next().ok_or_else(ScimError::internal)?, &mut text)?;
                Ok(Piece::Whole(text))
            }
            ResourceType::Group => Ok(Piece::Group(heads.pop_front().ok_or_else(ScimError::internal)?)),
        })
        .collect()
}
