//! Consumers of the directory: created, listed, changed, removed.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::body::{Members, shown};
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, created, id, ok};
use crate::flows::consumers::{self, NewConsumerOrder};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{Admin, AdminRead, Caller, Scope};
use crate::store;
use crate::store::consumers::{ConsumerChange, ConsumerRow};

const MEMBERS: [&str; 8] =
    ["name", "scopes", "externalIdFromSource", "userFilter", "groupFilter", "attributes", "writer", "strict"];
/// Members that the design has and this server does not do yet. Taking them silently would release what they hide.
const NOT_YET: [&str; 5] = ["userFilter", "groupFilter", "attributes", "writer", "strict"];
/// Scopes that would promise what nobody can do yet.
const SCOPES_NOT_YET: [Scope; 2] = [Scope::ScimWrite, Scope::PeopleSensitive];

/// POST /consumers
pub(super) async fn create(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let mut body = Members::read(&request, payload, &MEMBERS).await?;
    let order = whole(&mut body);
    let actor = body.actor(&caller)?;
    let row = consumers::create(&context, order, &actor).await?;
    Ok(created(&format!("/consumers/{}", row.id), &show_row(&row)))
}

/// GET /consumers
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::consumers::page(&mut conn, after, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::At(row.created_at, row.id), show_row))
}

/// GET /consumers/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let mut conn = context.db.get().await?;
    let row = store::consumers::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("consumer", id))?;
    Ok(ok(&show_row(&row)))
}

/// PUT /consumers/{id}: as a POST would have made it.
pub(super) async fn replace(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let mut body = Members::read(&request, payload, &MEMBERS).await?;
    let order = whole(&mut body);
    let actor = body.actor(&caller)?;
    let change = ConsumerChange {
        name: Some(order.name),
        scopes: Some(order.scopes),
        external_id_from_source: Some(order.external_id_from_source),
        ..ConsumerChange::default()
    };
    Ok(ok(&show_row(&consumers::update(&context, id, change, &actor).await?)))
}

/// PATCH /consumers/{id}: what is left out stays as it is.
pub(super) async fn change(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let mut body = Members::read(&request, payload, &MEMBERS).await?;
    refuse_not_yet(&mut body);
    let change = ConsumerChange {
        name: body.text("name"),
        scopes: scopes(&mut body),
        external_id_from_source: body.boolean("externalIdFromSource"),
        ..ConsumerChange::default()
    };
    let actor = body.actor(&caller)?;
    Ok(ok(&show_row(&consumers::update(&context, id, change, &actor).await?)))
}

/// DELETE /consumers/{id}: its tokens end with it.
pub(super) async fn remove(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let actor = Members::read(&request, payload, &[]).await?.actor(&caller)?;
    consumers::delete(&context, id, &actor).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn whole(body: &mut Members) -> NewConsumerOrder {
    refuse_not_yet(body);
    let name = body.required_text("name");
    let scopes = match scopes(body) {
        Some(scopes) => scopes,
        None if body.has_refused("scopes") => Vec::new(),
        None => {
            body.refuse("scopes", format!("missing; expected some of {}", available()));
            Vec::new()
        }
    };
    let external_id_from_source = body.boolean("externalIdFromSource").unwrap_or(false);
    NewConsumerOrder { name, scopes, external_id_from_source }
}

fn refuse_not_yet(body: &mut Members) {
    for name in NOT_YET {
        if body.take(name).is_some() {
            body.refuse(name, "not available yet: a consumer sees all people and may not write");
        }
    }
}

fn scopes(body: &mut Members) -> Option<Vec<String>> {
    let words = body.texts("scopes")?;
    let mut scopes = Vec::new();
    for (n, word) in words.iter().enumerate() {
        match Scope::parse(word) {
            Some(scope) if SCOPES_NOT_YET.contains(&scope) => {
                body.refuse(format!("scopes[{n}]"), format!("the scope {word} is not available yet"));
            }
            Some(scope) if !scopes.contains(&scope) => scopes.push(scope),
            Some(_) => {}
            None => body.refuse(format!("scopes[{n}]"), format!("`{}` is none of {}", shown(word), available())),
        }
    }
    if words.is_empty() {
        body.refuse("scopes", format!("expected some of {}", available()));
    }
    Some(scopes.iter().map(|scope| scope.as_str().to_owned()).collect())
}

fn available() -> String {
    let all = Scope::ALL.iter().filter(|scope| !SCOPES_NOT_YET.contains(scope));
    all.map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

fn show_row(row: &ConsumerRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "scopes": row.scopes,
        "externalIdFromSource": row.external_id_from_source,
        "createdAt": row.created_at,
    })
}
