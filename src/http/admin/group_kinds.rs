//! Which kinds of groups there are, and which are switched on.

use actix_web::{HttpRequest, web};
use serde_json::{Value, json};

use super::body::Members;
use super::parameters::Parameters;
use super::{Answer, ok};
use crate::directory::groups::Kind;
use crate::flows::context::Context;
use crate::flows::groups;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::groups::KindRow;

/// GET /group-kinds: all of them.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let mut conn = context.db.get().await?;
    let items: Vec<Value> = store::groups::kinds(&mut conn).await?.iter().map(show_row).collect();
    Ok(ok(&json!({ "items": items, "nextCursor": null })))
}

/// PUT /group-kinds/{kind}: switched at once; everybody's groups follow in steps, until `settled`.
pub(super) async fn put(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let word = request.match_info().query("kind");
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    let kind = kind.ok_or_else(|| Problem::not_found("there is no such kind of groups"))?;
    let mut body = Members::read(&request, payload, &["enabled"]).await?;
    let enabled = body.boolean("enabled");
    if enabled.is_none() && !body.has_refused("enabled") {
        body.refuse("enabled", "missing; expected true or false");
    }
    let actor = body.actor(&caller)?;
    Ok(ok(&show_row(&groups::switch(&context, kind, enabled.unwrap_or_default(), &actor).await?)))
}

fn show_row(row: &KindRow) -> Value {
    json!({
        "kind": row.kind,
        "enabled": row.enabled,
        "settled": row.settled,
        "groups": row.groups,
        "changedAt": row.changed_at,
    })
}
