//! Groups as an admin sees them: what is behind each, and which further names lead to it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::Members;
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, answer, id, ok};
use crate::directory::groups::Kind;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::groups;
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::filter::condition::GroupCondition;
use crate::store::groups::GroupRow;

/// GET /groups, in the order of SCIM's list; `?kind=` for those of one kind.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "kind"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::number)?.unwrap_or(0);
    let kind = parameters.word("kind", &Kind::ALL.map(Kind::as_str)).and_then(Kind::parse);
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let condition = kind.map(GroupCondition::kind);
    let rows = store::groups::after(&mut conn, condition.as_ref(), after, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::Number(row.position), show_row))
}

/// GET /groups/{id}, with the source ids behind it and the keys that lead to it.
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    Ok(ok(&whole(&context, id(&request, "id", "group")?).await?))
}

/// POST /groups/{id}/aliases: 202, since everybody's groups follow in steps.
pub(super) async fn alias(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "group")?;
    let mut body = Members::read(&request, payload, &["name"]).await?;
    let name = body.required_text("name");
    let actor = body.actor(&caller)?;
    groups::alias(&context, id, &name, &actor).await?;
    Ok(answer(StatusCode::ACCEPTED, &whole(&context, id).await?))
}

async fn whole(context: &Context, id: Uuid) -> Result<Value, Problem> {
    let mut conn = context.db.get().await?;
    let row = store::groups::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("group", id))?;
    let sources: Vec<Value> = store::groups::sources(&mut conn, id)
        .await?
        .iter()
        .map(|source| {
            json!({
                "connectionId": source.connection_id,
                "connection": source.connection,
                // Some HR systems have names only.
                "sourceId": Some(&source.source_id).filter(|id| !id.is_empty()),
            })
        })
        .collect();
    let mut shown = show_row(&row);
    shown["sources"] = sources.into();
    shown["keys"] = store::groups::keys(&mut conn, id).await?.into();
    Ok(shown)
}

fn show_row(row: &GroupRow) -> Value {
    json!({
        "id": row.id,
        "kind": row.kind,
        "key": row.key,
        "name": row.name,
        "displayName": row.display_name,
        "members": row.members,
        "version": row.version,
        "system": row.system,
        "createdAt": row.created_at,
        "modifiedAt": row.modified_at,
        "retired": row.retired_since.is_some(),
        "retiredSince": row.retired_since,
    })
}
