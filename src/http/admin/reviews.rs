//! Review items: questions that only a human can answer.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::{Members, shown};
use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, answer, id, ok};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::reviews::{self, Decision, Resolved};
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::store;
use crate::store::runs::reviews::{ReviewRow, Stand};

/// How long a question waits when nobody says how long.
const WAIT_DAYS: i64 = 14;

/// GET /reviews: the open ones, or with `?state=` those that wait or are closed.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "state", "connectionId"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    let stand = match parameters.word("state", &["open", "waiting", "closed"]) {
        Some("closed") => Stand::Closed,
        Some("waiting") => Stand::Waiting,
        _ => Stand::Open,
    };
    let connection = parameters.id("connectionId");
    parameters.finish()?;
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let rows = store::runs::reviews::page(&mut conn, stand, now, connection, after, limit + 1).await?;
    let who = Who::of(&mut conn, &rows).await?;
    Ok(page(rows, limit, |row| Mark::At(row.opened_at, row.id), |row| show_row(row, &who, now)))
}

/// GET /reviews/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "review item")?;
    let mut conn = context.db.get().await?;
    let row =
        store::runs::reviews::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("review item", id))?;
    let who = Who::of(&mut conn, std::slice::from_ref(&row)).await?;
    Ok(ok(&show_row(&row, &who, context.clock.now())))
}

/// POST /reviews/{id}/resolve: `{"decision": "map", "to": …}` says what the word means, 202 with the run that applies it;
/// `{"decision": "wait", "days": …}` lets the question wait, 200.
pub(super) async fn resolve(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "review item")?;
    let mut body = Members::read(&request, payload, &["decision", "to", "days"]).await?;
    let decision = match body.required_text("decision").as_str() {
        "map" => {
            if body.take("days").is_some() {
                body.refuse("days", "a decision `map` has no days");
            }
            Decision::Map { to: body.required_text("to") }
        }
        "wait" => {
            if body.take("to").is_some() {
                body.refuse("to", "a decision `wait` maps nothing");
            }
            let days = body.number("days", 1, 365).unwrap_or(WAIT_DAYS);
            Decision::Wait { days: u16::try_from(days).unwrap_or(u16::MAX) }
        }
        other => {
            if !body.has_refused("decision") {
                body.refuse("decision", format!("expected `map` or `wait`, not `{}`", shown(other)));
            }
            Decision::Wait { days: 0 }
        }
    };
    let actor = body.actor(&caller)?;
    match reviews::resolve(&context, id, decision, &actor).await? {
        Resolved::Run(asked) => Ok(answer(StatusCode::ACCEPTED, &json!({ "runId": asked.run }))),
        Resolved::Waits { .. } => {
            let mut conn = context.db.get().await?;
            let row = store::runs::reviews::find(&mut conn, id).await?;
            let row = row.ok_or_else(|| FlowError::not_found("review item", id))?;
            let who = Who::of(&mut conn, std::slice::from_ref(&row)).await?;
            Ok(ok(&show_row(&row, &who, context.clock.now())))
        }
    }
}

/// Whom questions are about, for people.
#[derive(Debug, Default)]
pub(super) struct Who(HashMap<(Uuid, String), store::workers::Named>);

impl Who {
    pub(super) async fn of(conn: &mut AsyncPgConnection, rows: &[ReviewRow]) -> Result<Self, FlowError> {
        let keys: Vec<(Uuid, String)> = rows.iter().filter_map(key).collect();
        let named = store::workers::named(conn, &keys).await?;
        Ok(Self(named.into_iter().map(|one| ((one.connection_id, one.source_id.clone()), one)).collect()))
    }
}

fn key(row: &ReviewRow) -> Option<(Uuid, String)> {
    Some((row.connection_id?, row.source_id.clone()?))
}

pub(super) fn show_row(row: &ReviewRow, who: &Who, now: DateTime<Utc>) -> Value {
    let who = key(row).and_then(|key| who.0.get(&key));
    let waits_until = row.waits_until.filter(|until| *until > now && row.closed_at.is_none());
    let state = match (row.closed_at, waits_until) {
        (Some(_), _) => "closed",
        (None, Some(_)) => "waiting",
        (None, None) => "open",
    };
    json!({
        "id": row.id,
        "reason": row.reason,
        "title": title(&row.reason),
        "state": state,
        "connectionId": row.connection_id,
        "connection": who.map(|who| &who.connection),
        "sourceId": row.source_id,
        "workerName": who.and_then(|who| who.name.as_ref()),
        "personId": row.person_id,
        "detail": row.detail,
        "openedAt": row.opened_at,
        "closedAt": row.closed_at,
        "waitsUntil": waits_until,
        "decision": row.decision,
        "decidedBy": row.decided_by,
    })
}

/// A reason in words.
pub(super) fn title(reason: &str) -> &str {
    match reason {
        "missingWorkEmail" => "missing work email",
        "invalidWorkEmail" => "invalid work email",
        "unreadableRecord" => "record with unreadable values",
        "unmappedWorkerType" => "unmapped worker type",
        "unmappedStatus" => "unmapped status",
        "emailHeldByAnother" => "work email held by another person",
        "emailReserved" => "work email reserved for another person",
        "emailClaimedTwice" => "work email claimed by two workers",
        "datesHidden" => "employment dates not shown by the HR system",
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
            Review::InvalidWorkEmail { problem: word() },
            Review::UnreadableRecord { fields: Vec::new() },
            Review::UnmappedWorkerType { word: word() },
            Review::UnmappedStatus { word: word() },
            Review::EmailHeldByAnother { person, conflicts: Vec::new() },
            Review::EmailReserved { person },
            Review::EmailClaimedTwice { other, conflicts: Vec::new() },
            Review::DatesHidden,
            Review::StartMovedToFuture { from: "2026-11-02".parse().unwrap(), to: "2027-01-15".parse().unwrap() },
            Review::ManagerCycle { people: Vec::new() },
        ] {
            let json = serde_json::to_value(review).unwrap();
            let reason = json["reason"].as_str().unwrap();
            assert!(title(reason).contains(' '), "{reason}");
        }
    }
}
