//! Review items: questions that only a human can answer.

use actix_web::{HttpRequest, web};
use serde_json::{Value, json};

use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, id, ok};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{AdminRead, Caller};
use crate::store;
use crate::store::reviews::ReviewRow;

/// GET /reviews: the open ones, or with `?state=closed` the others.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "state", "connectionId"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    let open = parameters.word("state", &["open", "closed"]) != Some("closed");
    let connection = parameters.id("connectionId");
    parameters.finish()?;
    let mut conn = context.db.get().await?;
    let rows = store::reviews::page(&mut conn, open, connection, after, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::At(row.opened_at, row.id), show_row))
}

/// GET /reviews/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "review item")?;
    let mut conn = context.db.get().await?;
    let row = store::reviews::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("review item", id))?;
    Ok(ok(&show_row(&row)))
}

pub(super) fn show_row(row: &ReviewRow) -> Value {
    json!({
        "id": row.id,
        "reason": row.reason,
        "title": title(&row.reason),
        "state": if row.closed_at.is_none() { "open" } else { "closed" },
        "connectionId": row.connection_id,
        "sourceId": row.source_id,
        "personId": row.person_id,
        "detail": row.detail,
        "openedAt": row.opened_at,
        "closedAt": row.closed_at,
    })
}

/// A reason in words.
pub(super) fn title(reason: &str) -> &str {
    match reason {
        "missingWorkEmail" => "missing work email",
        "unusableWorkEmail" => "unusable work email",
        "unmappedWorkerType" => "unmapped worker type",
        "unmappedStatus" => "unmapped status",
        "emailHeldByAnother" => "work email held by another person",
        "emailReserved" => "work email reserved for another person",
        "emailClaimedTwice" => "work email claimed by two workers",
        "startMovedToFuture" => "start moved to the future on an active person",
        "managerCycle" => "manager cycle",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ids::{ConnectionId, PersonId, SourceId, WorkerKey};
    use crate::directory::plan::Review;

    #[test]
    fn every_reason_has_words() {
        let person = PersonId(uuid::Uuid::nil());
        let other = WorkerKey { connection: ConnectionId(uuid::Uuid::nil()), source_id: SourceId("1".to_owned()) };
        let word = || "x".to_owned();
        for review in [
            Review::MissingWorkEmail,
            Review::UnusableWorkEmail { problem: word() },
            Review::UnmappedWorkerType { word: word() },
            Review::UnmappedStatus { word: word() },
            Review::EmailHeldByAnother { person, conflicts: Vec::new() },
            Review::EmailReserved { person },
            Review::EmailClaimedTwice { other, conflicts: Vec::new() },
            Review::StartMovedToFuture { from: "2026-11-02".parse().unwrap(), to: "2027-01-15".parse().unwrap() },
            Review::ManagerCycle { people: Vec::new() },
        ] {
            let json = serde_json::to_value(review).unwrap();
            let reason = json["reason"].as_str().unwrap();
            assert!(title(reason).contains(' '), "{reason}");
        }
    }
}
