//! Tokens of consumers: made and shown once, listed without their secret, taken back. Several may live at once.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::body::Members;
use super::parameters::Parameters;
use super::{Answer, created, id, ok};
use crate::flows::access::consumers;
use crate::flows::access::tokens;
use crate::flows::access::tokens::TokenWarning;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::store;
use crate::store::tokens::TokenRow;

/// Days that a token lives when the request names none.
const DEFAULT_DAYS: i64 = 365;
/// Days that a token lives, at most.
const MAX_DAYS: i64 = 3_650;

/// POST /consumers/{id}/tokens: the only answer that has the token in it.
pub(super) async fn create(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let consumer = id(&request, "id", "consumer")?;
    let mut body = Members::read(&request, payload, &["name", "expiresInDays"]).await?;
    let name = body.text("name");
    let days = body.number("expiresInDays", 1, MAX_DAYS).unwrap_or(DEFAULT_DAYS);
    let actor = body.actor(&caller)?;
    let issued = consumers::issue_token(&context, consumer, name, TimeDelta::days(days), &actor).await?;
    let shown = json!({
        "id": issued.id,
        "name": issued.name,
        "token": issued.token.reveal(),
        "expiresAt": issued.expires_at,
    });
    Ok(created(&format!("/consumers/{consumer}/tokens/{}", issued.id), &shown))
}

/// GET /consumers/{id}/tokens, the newest first; all of them, since a consumer has a handful.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let consumer = id(&request, "id", "consumer")?;
    let mut conn = context.db.get().await?;
    if store::consumers::find(&mut conn, consumer).await?.is_none() {
        return Err(FlowError::not_found("consumer", consumer).into());
    }
    let now = context.clock.now();
    let rows = store::tokens::of_consumer(&mut conn, Some(consumer)).await?;
    let items: Vec<Value> = rows.iter().map(|row| show_row(row, now)).collect();
    Ok(ok(&json!({ "items": items, "nextCursor": null })))
}

/// DELETE /consumers/{id}/tokens/{token}: it is refused from now on.
pub(super) async fn remove(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let consumer = id(&request, "id", "consumer")?;
    let token = id(&request, "token", "token")?;
    let actor = Members::read(&request, payload, &[]).await?.actor(&caller)?;
    consumers::revoke_token(&context, consumer, token, &actor).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn show_row(row: &TokenRow, now: DateTime<Utc>) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "createdAt": row.created_at,
        "expiresAt": row.expires_at,
        "expired": !row.is_live(now),
        "lastUsedAt": row.last_used_at,
        "warnings": tokens::expires_soon(row, now).iter().map(show_warning).collect::<Vec<_>>(),
    })
}

/// A warning about tokens, as consumers and tokens show it.
pub(super) fn show_warning(warning: &TokenWarning) -> Value {
    let mut shown = json!({ "code": warning.code, "field": "tokens", "message": warning.message });
    if let Some(token) = warning.token {
        shown["tokenId"] = json!(token);
    }
    shown
}
