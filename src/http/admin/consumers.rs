//! Consumers of the directory: create, list, change and remove them.

pub(super) mod tokens;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::answer::{Answer, Created, Found, Listed, Removed};
use super::request::body::{Body, Members, RequestBody, shown};
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use super::words::stored;
use crate::api::consumers::{self as api, Consumer, ConsumerOrder, TokenCounts};
use crate::api::tokens::{Warning, WarningCode};
use crate::api::{Given, ReasonOnly};
use crate::flows::access::consumers;
use crate::flows::access::consumers::NewConsumerOrder;
use crate::flows::access::tokens as token_flow;
use crate::flows::audit::Actor;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::http::scope::Scope;
use crate::scim::release::Policy;
use crate::store;
use crate::store::consumers::{ConsumerChange, ConsumerRow};
use crate::store::tokens::TokenRow;

/// Members that are in the design and not yet supported by this server.
const NOT_YET: [&str; 2] = ["writer", "strict"];
/// A scope that would promise what no consumer can do yet.
const SCOPE_NOT_YET: Scope = Scope::ScimWrite;

/// POST /consumers
pub(super) async fn create(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ConsumerOrder>,
    context: web::Data<Context>,
) -> Answer<Created<Consumer>> {
    Parameters::read(&request, &[])?.finish()?;
    let (order, actor) = body.read(&caller).await?;
    let row = consumers::create(&context, new_consumer(order), &actor).await?;
    let path = format!("/consumers/{}", row.id);
    // It has no token yet.
    Ok(Created { path, body: show_row(row, &[], context.clock.now())? })
}

/// GET /consumers
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Consumer>> {
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
    let show = |row: ConsumerRow| {
        let tokens = tokens.get(&row.id).map_or(&[][..], Vec::as_slice);
        show_row(row, tokens, now)
    };
    page(rows, limit, |row| Mark::At(row.created_at, row.id), show)
}

/// GET /consumers/{id}
pub(super) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Consumer>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let mut conn = context.db.get().await?;
    let row = store::consumers::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("consumer", id))?;
    let tokens = store::tokens::of_consumer(&mut conn, Some(id)).await?;
    Ok(Found(show_row(row, &tokens, context.clock.now())?))
}

/// PUT /consumers/{id}: as a POST would have made it.
pub(super) async fn replace(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ConsumerOrder>,
    context: web::Data<Context>,
) -> Answer<Found<Consumer>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let (order, actor) = body.read(&caller).await?;
    let order = new_consumer(order);
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
    body: Body<api::ConsumerChange>,
    context: web::Data<Context>,
) -> Answer<Found<Consumer>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let (change, actor) = body.read(&caller).await?;
    let change = ConsumerChange {
        name: change.name,
        scopes: change.scopes.map(words),
        external_id_from_source: change.external_id_from_source,
        user_filter: change.user_filter.if_given(),
        group_filter: change.group_filter.if_given(),
        attributes: change.attributes.if_given(),
    };
    update(&context, id, change, &actor).await
}

async fn update(context: &Context, id: Uuid, change: ConsumerChange, actor: &Actor) -> Answer<Found<Consumer>> {
    let row = consumers::update(context, id, change, actor).await?;
    let tokens = store::tokens::of_consumer(&mut *context.db.get().await?, Some(id)).await?;
    Ok(Found(show_row(row, &tokens, context.clock.now())?))
}

/// DELETE /consumers/{id}: its tokens end with it.
pub(super) async fn remove(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
) -> Answer<Removed> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "consumer")?;
    let (_, actor) = body.read(&caller).await?;
    consumers::delete(&context, id, &actor).await?;
    Ok(Removed)
}

/// What a POST makes.
fn new_consumer(order: ConsumerOrder) -> NewConsumerOrder {
    NewConsumerOrder {
        name: order.name,
        scopes: words(order.scopes),
        external_id_from_source: order.external_id_from_source.unwrap_or(false),
        policy: Policy {
            user_filter: order.user_filter,
            group_filter: order.group_filter,
            attributes: order.attributes,
        },
    }
}

fn words(scopes: Vec<api::Scope>) -> Vec<String> {
    scopes.into_iter().map(|scope| scope.as_str().to_owned()).collect()
}

impl RequestBody for ConsumerOrder {
    fn read(members: &mut Members) -> Self {
        let name = members.required_text("name");
        let scopes = match scopes(members) {
            Some(scopes) => scopes,
            None if members.has_refused("scopes") => Vec::new(),
            None => {
                members.refuse("scopes", format!("missing; expected some of {}", available()));
                Vec::new()
            }
        };
        let external_id_from_source = members.boolean("externalIdFromSource");
        let policy = policy(members);
        refuse_not_yet(members);
        Self {
            name,
            scopes,
            external_id_from_source,
            user_filter: policy.user_filter.value(),
            group_filter: policy.group_filter.value(),
            attributes: policy.attributes.value(),
        }
    }
}

impl RequestBody for api::ConsumerChange {
    fn read(members: &mut Members) -> Self {
        let change = Self {
            name: members.text("name"),
            scopes: scopes(members),
            external_id_from_source: members.boolean("externalIdFromSource"),
            ..policy(members)
        };
        refuse_not_yet(members);
        change
    }
}

/// The members of a body that belong to the release policy. Notes every mistake.
fn policy(members: &mut Members) -> api::ConsumerChange {
    let text = |members: &mut Members, name| {
        if members.is_null(name) { Given::Null } else { members.text(name).map_or(Given::Absent, Given::Value) }
    };
    let user_filter = text(members, "userFilter");
    let group_filter = text(members, "groupFilter");
    let attributes = if members.is_null("attributes") {
        Given::Null
    } else {
        members.texts("attributes").map_or(Given::Absent, Given::Value)
    };
    let policy = Policy {
        user_filter: user_filter.clone().value(),
        group_filter: group_filter.clone().value(),
        attributes: attributes.clone().value(),
    };
    // In a list that has other things than texts, the places would be wrong.
    let is_list = !members.has_refused_within("attributes");
    for mistake in policy.mistakes() {
        if is_list || !mistake.field.starts_with("attributes") {
            members.refuse(mistake.field, mistake.message);
        }
    }
    api::ConsumerChange { user_filter, group_filter, attributes, ..api::ConsumerChange::default() }
}

fn refuse_not_yet(members: &mut Members) {
    for name in NOT_YET {
        members.refuse_not_available(name, "not available yet: a consumer may not write");
    }
}

fn scopes(members: &mut Members) -> Option<Vec<api::Scope>> {
    let words = members.texts("scopes")?;
    let mut scopes = Vec::new();
    for (n, word) in words.iter().enumerate() {
        match api::Scope::parse(word) {
            Some(scope) if !scopes.contains(&scope) => scopes.push(scope),
            Some(_) => {}
            None if word == SCOPE_NOT_YET.as_str() => {
                members.refuse(format!("scopes[{n}]"), format!("the scope {word} is not available yet"));
            }
            None => members.refuse(format!("scopes[{n}]"), format!("`{}` is none of {}", shown(word), available())),
        }
    }
    if words.is_empty() {
        members.refuse("scopes", format!("expected some of {}", available()));
    }
    Some(scopes)
}

fn available() -> String {
    api::Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

fn show_row(row: ConsumerRow, tokens: &[TokenRow], now: DateTime<Utc>) -> Result<Consumer, Problem> {
    let warnings = warnings(&row, tokens, now)?;
    let scopes = row.scopes.iter().map(|word| stored(api::Scope::parse, word)).collect::<Result<_, _>>()?;
    Ok(Consumer {
        id: row.id,
        name: row.name,
        scopes,
        external_id_from_source: row.external_id_from_source,
        user_filter: row.user_filter,
        group_filter: row.group_filter,
        attributes: row.attributes,
        tokens: show_tokens(tokens, now),
        warnings,
        created_at: row.created_at,
    })
}

/// How many tokens there are, when one was used last, and when the next one ends.
fn show_tokens(tokens: &[TokenRow], now: DateTime<Utc>) -> TokenCounts {
    let live = tokens.iter().filter(|token| token.is_live(now));
    TokenCounts {
        live: live.clone().count(),
        expired: tokens.len() - live.clone().count(),
        last_used_at: tokens.iter().filter_map(|token| token.last_used_at).max(),
        next_expires_at: live.filter_map(|token| token.expires_at).min(),
    }
}

/// Warnings for an admin: facts that may not be intended.
fn warnings(row: &ConsumerRow, tokens: &[TokenRow], now: DateTime<Utc>) -> Result<Vec<Warning>, Problem> {
    let policy = Policy {
        user_filter: row.user_filter.clone(),
        group_filter: row.group_filter.clone(),
        attributes: row.attributes.clone(),
    };
    let sensitive = row.scopes.iter().any(|scope| scope == Scope::PeopleSensitive.as_str());
    let of_policy = policy.warnings(sensitive).into_iter().map(|warning| {
        Ok(Warning {
            code: stored(WarningCode::parse, warning.code)?,
            field: warning.field.to_owned(),
            message: warning.message,
            token_id: None,
        })
    });
    let of_tokens = token_flow::warnings(tokens, now);
    of_policy.chain(of_tokens.into_iter().map(self::tokens::show_warning)).collect()
}
