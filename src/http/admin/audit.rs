//! The audit log: which caller changed what through this API.

use actix_web::{HttpRequest, web};

use super::answer::{Answer, Listed};
use super::request::cursor::{Mark, page};
use super::request::parameters::Parameters;
use super::words::members;
use crate::api::audit::AuditEntry;
use crate::flows::context::Context;
use crate::http::auth::{AdminRead, Caller};
use crate::store;
use crate::store::audit::AuditRow;

/// GET /audit, the latest first.
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<AuditEntry>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::audit::page(&mut conn, after, limit + 1).await?;
    page(rows, limit, |row| Mark::At(row.at, row.id), |row| Ok(show(row)))
}

fn show(row: AuditRow) -> AuditEntry {
    AuditEntry {
        id: row.id,
        at: row.at,
        token_name: row.token_name,
        action: row.action,
        target: row.target,
        reason: row.reason,
        detail: members(row.detail),
    }
}
