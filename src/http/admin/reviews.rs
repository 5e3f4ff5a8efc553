//! Review items: questions that only an admin can answer.

use std::collections::HashMap;

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::answer::{Accepted, Answer, Either, Found, Listed};
use super::request::body::{Body, Members, RequestBody, shown};
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use super::words::{members, stored};
use crate::api::reviews::{DecisionKind, Resolution, Review, ReviewReason, ReviewState};
use crate::api::runs::RunStarted;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::reviews::{self, Decision, Resolved};
use crate::http::auth::{Admin, AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::runs::reviews::{ReviewRow, Stand};

/// How long a question waits when the request does not say how long.
const WAIT_DAYS: i64 = 14;

/// GET /reviews: the open ones, or with `?state=` those that wait or are closed.
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Review>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "state", "connectionId"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::at)?;
    let words: Vec<&str> = ReviewState::ALL.iter().map(|state| state.as_str()).collect();
    let stand = match parameters.word("state", &words).and_then(ReviewState::parse) {
        Some(ReviewState::Closed) => Stand::Closed,
        Some(ReviewState::Waiting) => Stand::Waiting,
        Some(ReviewState::Open) | None => Stand::Open,
    };
    let connection = parameters.id("connectionId");
    parameters.finish()?;
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let rows = store::runs::reviews::page(&mut conn, stand, now, connection, after, limit + 1).await?;
    let who = Who::of(&mut conn, &rows).await?;
    page(rows, limit, |row| Mark::At(row.opened_at, row.id), |row| show_row(row, &who, now))
}

/// GET /reviews/{id}
pub(super) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Review>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "review item")?;
    let mut conn = context.db.get().await?;
    let row =
        store::runs::reviews::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("review item", id))?;
    let who = Who::of(&mut conn, std::slice::from_ref(&row)).await?;
    Ok(Found(show_row(row, &who, context.clock.now())?))
}

/// POST /reviews/{id}/resolve: `{"decision": "map", "to": …}` maps the value, 202 with the run that applies it;
/// `{"decision": "wait", "days": …}` lets the question wait, 200.
pub(super) async fn resolve(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<Resolution>,
    context: web::Data<Context>,
) -> Answer<Either<Found<Review>, Accepted<RunStarted>>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "review item")?;
    let (resolution, actor) = body.read(&caller).await?;
    let decision = match resolution.decision {
        DecisionKind::Map => Decision::Map { to: resolution.to.unwrap_or_default() },
        DecisionKind::Wait => {
            let days = resolution.days.unwrap_or(WAIT_DAYS);
            Decision::Wait { days: u16::try_from(days).unwrap_or(u16::MAX) }
        }
    };
    match reviews::resolve(&context, id, decision, &actor).await? {
        Resolved::Run(asked) => Ok(Either::Second(Accepted(RunStarted { run_id: asked.run }))),
        Resolved::Waits { .. } => {
            let mut conn = context.db.get().await?;
            let row = store::runs::reviews::find(&mut conn, id).await?;
            let row = row.ok_or_else(|| FlowError::not_found("review item", id))?;
            let who = Who::of(&mut conn, std::slice::from_ref(&row)).await?;
            Ok(Either::First(Found(show_row(row, &who, context.clock.now())?)))
        }
    }
}

impl RequestBody for Resolution {
    fn read(members: &mut Members) -> Self {
        let word = members.required_text("decision");
        let decision = DecisionKind::parse(&word);
        match decision {
            Some(DecisionKind::Map) => {
                let to = members.required_text("to");
                if members.take("days").is_some() {
                    members.refuse("days", "a decision `map` has no days");
                }
                Self { decision: DecisionKind::Map, to: Some(to), days: None }
            }
            Some(DecisionKind::Wait) => {
                if members.take("to").is_some() {
                    members.refuse("to", "a decision `wait` maps nothing");
                }
                Self { decision: DecisionKind::Wait, to: None, days: members.number("days", 1, 365) }
            }
            None => {
                members.take("to");
                members.take("days");
                if !members.has_refused("decision") {
                    members.refuse("decision", format!("expected `map` or `wait`, not `{}`", shown(&word)));
                }
                Self { decision: DecisionKind::Wait, to: None, days: None }
            }
        }
    }
}

/// The workers that questions are about, by name.
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

pub(super) fn show_row(row: ReviewRow, who: &Who, now: DateTime<Utc>) -> Result<Review, Problem> {
    let who = key(&row).and_then(|key| who.0.get(&key));
    let waits_until = row.waits_until.filter(|until| *until > now && row.closed_at.is_none());
    let state = match (row.closed_at, waits_until) {
        (Some(_), _) => ReviewState::Closed,
        (None, Some(_)) => ReviewState::Waiting,
        (None, None) => ReviewState::Open,
    };
    let reason = stored(ReviewReason::parse, &row.reason)?;
    Ok(Review {
        id: row.id,
        reason,
        title: reason.title().to_owned(),
        state,
        connection_id: row.connection_id,
        connection: who.map(|who| who.connection.clone()),
        source_id: row.source_id,
        worker_name: who.and_then(|who| who.name.clone()),
        person_id: row.person_id,
        detail: members(row.detail),
        opened_at: row.opened_at,
        closed_at: row.closed_at,
        waits_until,
        decision: row.decision,
        decided_by: row.decided_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ids::{ConnectionId, PersonId, SourceId, WorkerKey};
    use crate::directory::plan::Review;

    #[test]
    fn every_reason_is_a_word_of_the_api() {
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
            assert!(ReviewReason::parse(reason).is_some(), "{reason}");
        }
    }
}
