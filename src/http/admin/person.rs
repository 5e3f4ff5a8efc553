//! One person, explained: values with where they come from and who lost, workers with why they belong, what is pending.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::parameters::Parameters;
use super::{Answer, id, ok, reviews, workers};
use crate::directory::merge::{Candidate, PrimaryReason, UnitCandidates};
use crate::directory::person::Person;
use crate::directory::person::diff::is_sensitive;
use crate::flows::context::Context;
use crate::flows::planning::explain;
use crate::flows::planning::explain::{Explained, ExplainedWorker};
use crate::http::auth::{AdminRead, Caller};
use crate::render::user::display_name;

/// GET /people/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let explained = explain::person(&context, id(&request, "id", "person")?).await?;
    Ok(ok(&show_explained(&explained, context.clock.now())))
}

/// Names of connections by id.
type Names<'a> = BTreeMap<Uuid, &'a str>;

fn show_explained(all: &Explained, now: DateTime<Utc>) -> Value {
    let person = &all.person;
    let names: Names = all.connections.iter().map(|connection| (connection.id, connection.name.as_str())).collect();
    json!({
        "id": all.row.id,
        "version": all.row.version,
        "userName": person.work_email.as_str(),
        "displayName": display_name(person),
        "active": person.active,
        "createdAt": all.row.created_at,
        "modifiedAt": all.row.modified_at,
        "leftAt": all.row.left_at,
        "employment": employment(person),
        "attributes": attributes(person),
        // Sensitive: shown only by scope and policy, and an admin needs to know no more than this.
        "birthDate": { "known": person.birth_date.is_some() },
        "manager": manager(all, &names),
        "source": {
            "connectionId": person.source.connection,
            "connection": names.get(&person.source.connection.0),
            "system": person.source.system,
            "sourceId": person.source.source_id,
        },
        "primary": all.leading.as_ref().map(|(key, because)| json!({
            "connectionId": key.connection,
            "sourceId": key.source_id,
            "because": because,
            "reason": reason(*because),
        })),
        "zone": { "name": person.zone.zone, "origin": person.zone.origin },
        "nextDueAt": all.row.next_due,
        "units": all.units.iter().map(|unit| show_unit(unit, person, &names)).collect::<Vec<_>>(),
        "workers": all.workers.iter().map(|worker| show_worker(worker, &names)).collect::<Vec<_>>(),
        "formerEmails": all.former_emails.iter().map(|former| json!({
            "email": former.email_key,
            "reservedUntil": former.reserved_until,
        })).collect::<Vec<_>>(),
        "reviews": all.reviews.iter().map(|review| reviews::show_row(review, &reviews::Who::default(), now)).collect::<Vec<_>>(),
    })
}

fn employment(person: &Person) -> Value {
    let employment = &person.employment;
    json!({
        "employmentType": employment.employment_type.as_str(),
        "workerType": employment.worker_type,
        "employmentStatus": employment.status.as_str(),
        "employmentStatusRaw": employment.status_raw,
        "startDate": employment.start,
        "originalStartDate": employment.original_start,
        "endDate": employment.planned_end,
        "terminationDate": employment.last_day,
    })
}

fn attributes(person: &Person) -> Map<String, Value> {
    let shown = person.attributes.iter().filter(|(name, _)| !is_sensitive(name));
    shown.map(|(name, value)| (name.clone(), value.as_str().into())).collect()
}

/// The edge, its state, and whom the HR system names.
fn manager(all: &Explained, names: &Names) -> Value {
    let stated = all.person.manager.via().map(|via| {
        json!({
            "connectionId": via.connection,
            "connection": names.get(&via.connection.0),
            "sourceId": via.manager.source_id,
            "email": via.manager.email,
            "name": via.manager.name,
        })
    });
    json!({
        "state": all.row.manager_state,
        "personId": all.row.manager_target,
        "displayName": all.manager.as_ref().and_then(|manager| manager.display_name.clone()),
        "since": all.row.manager_since,
        "stated": stated,
    })
}

fn show_unit(unit: &UnitCandidates, person: &Person, names: &Names) -> Value {
    let from = person.provenance.get(&unit.unit).map(|from| {
        json!({
            "connectionId": from.connection,
            "connection": names.get(&from.connection.0),
            "sourceId": from.source_id,
            "runId": from.run,
            "since": from.since,
        })
    });
    json!({
        "unit": unit.unit,
        "values": unit.winner.as_ref().map(|winner| &winner.values),
        "from": from,
        "winner": unit.winner.as_ref().map(|winner| show_candidate(winner, names)),
        "losers": unit.losers.iter().map(|loser| show_candidate(loser, names)).collect::<Vec<_>>(),
    })
}

fn show_candidate(candidate: &Candidate, names: &Names) -> Value {
    json!({
        "connectionId": candidate.worker.connection,
        "connection": names.get(&candidate.worker.connection.0),
        "sourceId": candidate.worker.source_id,
        "values": candidate.values,
    })
}

fn show_worker(worker: &ExplainedWorker, names: &Names) -> Value {
    let row = &worker.row;
    let employment = &worker.worker.employment;
    json!({
        "connectionId": row.connection_id,
        "connection": names.get(&row.connection_id),
        "sourceId": row.source_id,
        "disposition": workers::disposition(row),
        "workerType": employment.worker_type,
        "status": employment.status,
        "startDate": employment.start,
        "originalStartDate": employment.original_start,
        "endDate": employment.planned_end,
        "terminationDate": employment.last_day,
        "link": row.link_reason.as_deref().map(|code| json!({ "code": code, "reason": link_reason(code) })),
        "linkedAt": row.linked_at,
        "firstSeenAt": row.first_seen_at,
        "changedAt": row.changed_at,
        "missingSince": row.absent_since,
        "absenceProven": row.absent,
    })
}

/// Why an employment leads, in words (story 11).
fn reason(because: PrimaryReason) -> &'static str {
    match because {
        PrimaryReason::Only => "the only employment",
        PrimaryReason::Status => "active before upcoming before ended",
        PrimaryReason::EndedLater => "ended later",
        PrimaryReason::LargerShare => "larger share",
        PrimaryReason::EarlierStart => "earlier start",
        PrimaryReason::Connection => "its connection comes first",
        PrimaryReason::SourceId => "lesser source id, all else being equal",
    }
}

/// Why a worker belongs to its person, in words (story 5).
fn link_reason(code: &str) -> &str {
    match code {
        "new" => "first worker of the person",
        "workEmailAndBirthDate" => "work email (case-folded) + date of birth",
        "workEmailAndFullName" => "work email (case-folded) + full name",
        "workEmail" => "work email (case-folded)",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::plan::LinkReason;

    #[test]
    fn every_link_reason_has_words() {
        for (reason, words) in [
            (LinkReason::New, "first worker of the person"),
            (LinkReason::WorkEmailAndBirthDate, "work email (case-folded) + date of birth"),
            (LinkReason::WorkEmailAndFullName, "work email (case-folded) + full name"),
            (LinkReason::WorkEmail, "work email (case-folded)"),
        ] {
            let code = serde_json::to_value(reason).unwrap();
            assert_eq!(link_reason(code.as_str().unwrap()), words);
        }
    }
}
