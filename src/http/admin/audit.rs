//! The audit: who changed what through this API.

use actix_web::{HttpRequest, web};
use serde_json::{Value, json};

use super::Answer;
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use crate::flows::context::Context;
use crate::http::auth::{AdminRead, Caller};
use crate::store;
use crate::store::audit::AuditRow;

/// GET /audit, the latest first.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::audit::page(&mut conn, after, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::At(row.at, row.id), show))
}

fn show(row: &AuditRow) -> Value {
    json!({
        "id": row.id,
        "at": row.at,
        "tokenName": row.token_name,
        "action": row.action,
        "target": row.target,
        "reason": row.reason,
        "detail": row.detail,
    })
}
