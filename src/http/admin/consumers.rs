//! Consumers of the directory: created, listed, changed, removed.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::{Members, shown};
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, created, id, ok};
use crate::flows::access::consumers;
use crate::flows::access::consumers::NewConsumerOrder;
use crate::flows::access::tokens;
use crate::flows::audit::Actor;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::scope::Scope;
use crate::scim::release::Policy;
use crate::store;
use crate::store::consumers::{ConsumerChange, ConsumerRow};
use crate::store::tokens::TokenRow;

const MEMBERS: [&str; 8] =
    ["name", "scopes", "externalIdFromSource", "userFilter", "groupFilter", "attributes", "writer", "strict"];
/// Members that the design has and this server does not do yet.
const NOT_YET: [&str; 2] = ["writer", "strict"];
/// Scopes that would promise what nobody can do yet.
const SCOPES_NOT_YET: [Scope; 1] = [Scope::ScimWrite];

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
    // It has no token yet.
    Ok(created(&format!("/consumers/{}", row.id), &show_row(&row, &[], context.clock.now())))
}

/// GET /consumers
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::consumers::page(&mut conn, after, limit + 1).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut tokens: BTreeMap<Uuid, Vec<TokenRow>> = BTreeMap::new();
    for token in store::tokens::of_consumers(&mut conn, &ids).await? {
        tokens.entry(token.consumer_id.unwrap_or_default()).or_default().push(token);
    }
    let now = context.clock.now();
    let show = |row: &ConsumerRow| show_row(row, tokens.get(&row.id).map_or(&[], Vec::as_slice), now);
    Ok(page(rows, limit, |row| Mark::At(row.created_at, row.id), show))
}

/// GET /consumers/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let mut conn = context.db.get().await?;
    let row = store::consumers::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("consumer", id))?;
    let tokens = store::tokens::of_consumer(&mut conn, Some(id)).await?;
    Ok(ok(&show_row(&row, &tokens, context.clock.now())))
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
        user_filter: Some(order.policy.user_filter),
        group_filter: Some(order.policy.group_filter),
        attributes: Some(order.policy.attributes),
    };
    update(&context, id, change, &actor).await
}

/// PATCH /consumers/{id}: what is left out stays as it is, and what is `null` is taken out of the policy.
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
        ..policy(&mut body)
    };
    let actor = body.actor(&caller)?;
    update(&context, id, change, &actor).await
}

async fn update(context: &Context, id: Uuid, change: ConsumerChange, actor: &Actor) -> Answer {
    let row = consumers::update(context, id, change, actor).await?;
    let tokens = store::tokens::of_consumer(&mut *context.db.get().await?, Some(id)).await?;
    Ok(ok(&show_row(&row, &tokens, context.clock.now())))
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
    let policy = whole_policy(policy(body));
    NewConsumerOrder { name, scopes, external_id_from_source, policy }
}

/// What a body says of the release policy; what it does not name is `None`. Notes every mistake.
fn policy(body: &mut Members) -> ConsumerChange {
    let change = ConsumerChange {
        user_filter: if body.is_null("userFilter") { Some(None) } else { body.text("userFilter").map(Some) },
        group_filter: if body.is_null("groupFilter") { Some(None) } else { body.text("groupFilter").map(Some) },
        attributes: if body.is_null("attributes") { Some(None) } else { body.texts("attributes").map(Some) },
        ..ConsumerChange::default()
    };
    // In a list that has other things than texts, the places would be wrong.
    let is_list = !body.has_refused_within("attributes");
    for mistake in whole_policy(change.clone()).mistakes() {
        if is_list || !mistake.field.starts_with("attributes") {
            body.refuse(mistake.field, mistake.message);
        }
    }
    change
}

/// What is not named is not there.
fn whole_policy(change: ConsumerChange) -> Policy {
    Policy {
        user_filter: change.user_filter.flatten(),
        group_filter: change.group_filter.flatten(),
        attributes: change.attributes.flatten(),
    }
}

fn refuse_not_yet(body: &mut Members) {
    for name in NOT_YET {
        if body.take(name).is_some() {
            body.refuse(name, "not available yet: a consumer may not write");
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

fn show_row(row: &ConsumerRow, tokens: &[TokenRow], now: DateTime<Utc>) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "scopes": row.scopes,
        "externalIdFromSource": row.external_id_from_source,
        "userFilter": row.user_filter,
        "groupFilter": row.group_filter,
        "attributes": row.attributes,
        "tokens": show_tokens(tokens, now),
        "warnings": warnings(row, tokens, now),
        "createdAt": row.created_at,
    })
}

/// How many tokens there are, when one was used last, and when the next one ends.
fn show_tokens(tokens: &[TokenRow], now: DateTime<Utc>) -> Value {
    let live = tokens.iter().filter(|token| token.is_live(now));
    json!({
        "live": live.clone().count(),
        "expired": tokens.len() - live.clone().count(),
        "lastUsedAt": tokens.iter().filter_map(|token| token.last_used_at).max(),
        "nextExpiresAt": live.filter_map(|token| token.expires_at).min(),
    })
}

/// What an admin should know: it is so, and may not be meant so.
fn warnings(row: &ConsumerRow, tokens: &[TokenRow], now: DateTime<Utc>) -> Vec<Value> {
    let policy = Policy {
        user_filter: row.user_filter.clone(),
        group_filter: row.group_filter.clone(),
        attributes: row.attributes.clone(),
    };
    let sensitive = row.scopes.iter().any(|scope| scope == Scope::PeopleSensitive.as_str());
    let of_policy = policy.warnings(sensitive).into_iter();
    let of_policy =
        of_policy.map(|warning| json!({ "code": warning.code, "field": warning.field, "message": warning.message }));
    of_policy.chain(tokens::warnings(tokens, now).iter().map(super::tokens::show_warning)).collect()
}
