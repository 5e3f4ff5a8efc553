//! Reading Users: one by id, and lists by filter and index (RFC 7644 §3.4).

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::discovery::id;
use crate::directory::ids::PersonId;
use crate::http::auth::{Caller, ScimRead};
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::http::uri;
use crate::keys::seal::sha256;
use crate::render::user::{InGroup, ManagerShown, Slots, write};
use crate::scim::error::ScimError;
use crate::scim::filter::Mode;
use crate::scim::message::ListHeader;
use crate::scim::projection::Projection;
use crate::scim::query::{self, Query, SortOrder};
use crate::scim::schema::ResourceType;
use crate::store::people::{self, Shown};
use crate::store::scim_filter::{Condition, Viewpoint};
use crate::store::sort::Sort;
use crate::store::walks::{self, PageRequest};

/// GET /Users/{id}.
pub(super) async fn read(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let id = id(&request)?;
    let projection = query::projection(pairs(&request)?, ResourceType::User.shape(), &super::HIDDEN)?;
    let unknown = || ScimError::not_found("no user has this id");
    let person = parse_id(&id).ok_or_else(unknown)?;
    let mut conn = state.db.get().await?;
    let found = people::document(&mut conn, person).await?.ok_or_else(unknown)?;
    drop(conn);
    let mut body = String::new();
    append(&found, &caller, state.scim_base(), &projection, &mut body)?;
    Ok(HttpResponse::Ok().insert_header((LOCATION, format!("{}/Users/{person}", state.scim_base()))).body(body))
}

/// GET /Users.
pub(super) async fn list(
    caller: Caller<ScimRead>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ScimFailure> {
    let query = Query::parse(pairs(&request)?, Mode::Lenient, ResourceType::User.shape(), &super::HIDDEN)?;
    refuse_unavailable(&query)?;
    let viewpoint = Viewpoint { external_id_from_source: caller.external_id_from_source, base_url: state.scim_base() };
    let mut condition = query.filter.as_ref().map(|filter| Condition::of(filter, viewpoint));
    let descending = query.sort_order == SortOrder::Descending;
    let sort = query.sort_by.map(|target| Sort::of_people(target, descending, viewpoint));
    let asked = PageRequest {
        caller: caller.id,
        query: &digest("Users", &query),
        start_index: i64::try_from(query.start_index).unwrap_or(i64::MAX),
        count: query.count.into(),
        now: state.clock.now(),
    };
    let mut conn = state.db.get().await?;
    if let Some(condition) = &mut condition {
        condition.settle(&mut conn).await?;
    }
    let page = walks::page(&mut conn, &asked, condition.as_ref(), sort.as_ref()).await?;
    drop(conn);
    let header = ListHeader {
        total_results: u64::try_from(page.total).unwrap_or(0),
        start_index: Some(query.start_index),
        items_per_page: page.people.len() as u64,
        ..ListHeader::default()
    };
    let mut body = header.open();
    for (n, person) in page.people.iter().enumerate() {
        if n > 0 {
            body.push(',');
        }
        append(person, &caller, state.scim_base(), &query.projection, &mut body)?;
    }
    body.push_str(ListHeader::CLOSE);
    Ok(HttpResponse::Ok().body(body))
}

/// Refuses what of a query cannot be answered yet.
pub(super) fn refuse_unavailable(query: &Query) -> Result<(), ScimError> {
    if query.cursor.is_some() {
        let detail = "cursor paging is not available yet: page with startIndex and count";
        return Err(ScimError::invalid_cursor(detail));
    }
    Ok(())
}

/// Tells which list is walked: by endpoint, filter and order.
pub(super) fn digest(endpoint: &str, query: &Query) -> [u8; 32] {
    let sort = query.sort_by.map(|target| format!("{target} {:?}", query.sort_order)).unwrap_or_default();
    let filter = query.filter_text.as_deref().unwrap_or_default();
    sha256(format!("{endpoint} {sort} {filter}").as_bytes())
}

/// The decoded pairs of the query string.
pub(super) fn pairs(request: &HttpRequest) -> Result<Vec<(String, String)>, ScimError> {
    uri::query_pairs(request.query_string()).map_err(|error| ScimError::invalid_syntax(error.to_string()))
}

/// Ids match exactly: as they are issued, in lower case with hyphens.
pub(super) fn parse_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.to_string() == text)
}

/// Appends one person as this caller sees them.
fn append<P>(
    person: &Shown,
    caller: &Caller<P>,
    base_url: &str,
    projection: &Projection,
    out: &mut String,
) -> Result<(), ScimFailure> {
    let groups: Vec<InGroup<'_>> = person.groups.iter().filter_map(|group| InGroup::of(group)).collect();
    let slots = Slots {
        base_url,
        external_id: person.source_worker_id.as_deref().filter(|_| caller.external_id_from_source),
        manager: person.manager.as_ref().map(|manager| ManagerShown {
            id: PersonId(manager.id),
            display_name: manager.display_name.as_deref(),
            email: Some(&manager.user_name),
            employee_number: manager.employee_number.as_deref(),
        }),
        groups: &groups,
    };
    if projection.is_default() {
        write(&person.document, &slots, out);
        return Ok(());
    }
    let mut whole = String::new();
    write(&person.document, &slots, &mut whole);
    let mut resource: Map<String, Value> = serde_json::from_str(&whole).map_err(|error| {
        tracing::error!(person.id = %person.id, "a kept document is no JSON: {error}");
        ScimError::internal()
    })?;
    projection.apply(&mut resource);
    out.push_str(&Value::Object(resource).to_string());
    Ok(())
}
