//! Tokens of consumers: created and shown once, listed without their secret, revoked. Several may be valid at once.

use actix_web::{HttpRequest, web};
use chrono::{DateTime, TimeDelta, Utc};

use crate::api::ReasonOnly;
use crate::api::tokens::{NewToken, Token, TokenOrder, Warning, WarningCode};
use crate::flows::access::consumers;
use crate::flows::access::tokens;
use crate::flows::access::tokens::TokenWarning;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::admin::answer::{Answer, Created, Listed, Removed};
use crate::http::admin::request::body::{Body, Members, RequestBody};
use crate::http::admin::request::parameters::{Parameters, id};
use crate::http::admin::words::stored;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::tokens::TokenRow;

/// Days that a token is valid when the request names none.
const DEFAULT_DAYS: i64 = 365;
/// Days that a token is valid, at most.
const MAX_DAYS: i64 = 3_650;

/// POST /consumers/{id}/tokens: the only answer that has the token in it.
pub(crate) async fn create(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<TokenOrder>,
    context: web::Data<Context>,
) -> Answer<Created<NewToken>> {
    Parameters::read(&request, &[])?.finish()?;
    let consumer = id(&request, "id", "consumer")?;
    let (order, actor) = body.read(&caller).await?;
    let days = order.expires_in_days.unwrap_or(DEFAULT_DAYS);
    let issued = consumers::issue_token(&context, consumer, order.name, TimeDelta::days(days), &actor).await?;
    let path = format!("/consumers/{consumer}/tokens/{}", issued.id);
    let body = NewToken {
        id: issued.id,
        name: issued.name,
        token: issued.token.reveal().to_owned(),
        expires_at: issued.expires_at,
    };
    Ok(Created { path, body })
}

impl RequestBody for TokenOrder {
    fn read(members: &mut Members) -> Self {
        Self { name: members.text("name"), expires_in_days: members.number("expiresInDays", 1, MAX_DAYS) }
    }
}

/// GET /consumers/{id}/tokens, the newest first; all of them, since a consumer has a handful.
pub(crate) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Token>> {
    Parameters::read(&request, &[])?.finish()?;
    let consumer = id(&request, "id", "consumer")?;
    let mut conn = context.db.get().await?;
    if store::consumers::find(&mut conn, consumer).await?.is_none() {
        return Err(FlowError::not_found("consumer", consumer).into());
    }
    let now = context.clock.now();
    let rows = store::tokens::of_consumer(&mut conn, Some(consumer)).await?;
    Ok(Listed::whole(rows.into_iter().map(|row| show_row(row, now)).collect::<Result<_, _>>()?))
}

/// DELETE /consumers/{id}/tokens/{token}: it is refused from now on.
pub(crate) async fn remove(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<ReasonOnly>,
    context: web::Data<Context>,
) -> Answer<Removed> {
    Parameters::read(&request, &[])?.finish()?;
    let consumer = id(&request, "id", "consumer")?;
    let token = id(&request, "token", "token")?;
    let (_, actor) = body.read(&caller).await?;
    consumers::revoke_token(&context, consumer, token, &actor).await?;
    Ok(Removed)
}

fn show_row(row: TokenRow, now: DateTime<Utc>) -> Result<Token, Problem> {
    Ok(Token {
        expired: !row.is_live(now),
        warnings: tokens::expires_soon(&row, now).into_iter().map(show_warning).collect::<Result<_, _>>()?,
        id: row.id,
        name: row.name,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    })
}

/// A warning about tokens, as consumers and tokens show it.
pub(crate) fn show_warning(warning: TokenWarning) -> Result<Warning, Problem> {
    Ok(Warning {
        code: stored(WarningCode::parse, warning.code)?,
        field: "tokens".to_owned(),
        message: warning.message,
        token_id: warning.token,
    })
}
