//! Explains one person: the origin of each value and its alternatives, why workers belong to the person, what is
//! pending.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::api::person::{self as api, LinkReason, PrimaryReason};
use crate::directory::merge::{Candidate, UnitCandidates};
use crate::directory::person::Person;
use crate::directory::person::diff::is_sensitive;
use crate::flows::context::Context;
use crate::flows::planning::explain;
use crate::flows::planning::explain::{Explained, ExplainedWorker};
use crate::http::admin::answer::{Answer, Found};
use crate::http::admin::connections::workers;
use crate::http::admin::request::parameters::{Parameters, id};
use crate::http::admin::reviews;
use crate::http::admin::words::{ToApi, stored};
use crate::http::auth::{AdminRead, Caller};
use crate::http::error::Problem;
use crate::render::user::display_name;

/// GET /people/{id}
pub(crate) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<api::Person>> {
    Parameters::read(&request, &[])?.finish()?;
    let explained = explain::person(&context, id(&request, "id", "person")?).await?;
    Ok(Found(show_explained(explained, context.clock.now())?))
}

/// Names of connections by id.
type Names<'a> = BTreeMap<Uuid, &'a str>;

fn show_explained(all: Explained, now: DateTime<Utc>) -> Result<api::Person, Problem> {
    let names: Names = all.connections.iter().map(|connection| (connection.id, connection.name.as_str())).collect();
    let person = &all.person;
    Ok(api::Person {
        id: all.row.id,
        version: all.row.version,
        user_name: person.work_email.as_str().to_owned(),
        display_name: display_name(person).into_owned(),
        active: person.active,
        created_at: all.row.created_at,
        modified_at: all.row.modified_at,
        left_at: all.row.left_at,
        employment: employment(person),
        attributes: attributes(person),
        birth_date: api::BirthDate { known: person.birth_date.is_some() },
        manager: manager(&all, &names),
        source: api::Source {
            connection_id: person.source.connection.0,
            connection: name(&names, person.source.connection.0),
            system: person.source.system.clone(),
            source_id: person.source.source_id.0.clone(),
        },
        primary: all.leading.as_ref().map(|(key, because)| api::PrimaryEmployment {
            connection_id: key.connection.0,
            source_id: key.source_id.0.clone(),
            because: because.to_api(),
            reason: reason(because.to_api()).to_owned(),
        }),
        zone: api::Zone { name: person.zone.zone.clone(), origin: person.zone.origin.to_api() },
        next_due_at: all.row.next_due,
        units: all.units.iter().map(|unit| show_unit(unit, person, &names)).collect(),
        workers: all.workers.iter().map(|worker| show_worker(worker, &names)).collect::<Result<_, _>>()?,
        former_emails: all
            .former_emails
            .iter()
            .map(|former| api::FormerEmail { email: former.email_key.clone(), reserved_until: former.reserved_until })
            .collect(),
        reviews: all
            .reviews
            .into_iter()
            .map(|review| reviews::show_row(review, &reviews::Who::default(), now))
            .collect::<Result<_, _>>()?,
    })
}

fn name(names: &Names, connection: Uuid) -> Option<String> {
    names.get(&connection).map(|name| (*name).to_owned())
}

fn employment(person: &Person) -> api::Employment {
    let employment = &person.employment;
    api::Employment {
        employment_type: employment.employment_type.to_api(),
        worker_type: employment.worker_type.clone(),
        employment_status: employment.status.to_api(),
        employment_status_raw: employment.status_raw.clone(),
        start_date: employment.start,
        original_start_date: employment.original_start,
        end_date: employment.planned_end,
        termination_date: employment.last_day,
    }
}

/// The attributes of a person that are not sensitive.
pub(crate) fn attributes(person: &Person) -> BTreeMap<String, String> {
    let shown = person.attributes.iter().filter(|(name, _)| !is_sensitive(name));
    shown.map(|(name, value)| (name.clone(), value.as_str().to_owned())).collect()
}

/// The link to the manager, its state, and the manager that the HR system names.
fn manager(all: &Explained, names: &Names) -> api::Manager {
    let stated = all.person.manager.via().map(|via| api::StatedManager {
        connection_id: via.connection.0,
        connection: name(names, via.connection.0),
        source_id: via.manager.source_id.as_ref().map(|id| id.0.clone()),
        email: via.manager.email.as_ref().map(ToString::to_string),
        name: via.manager.name.clone(),
    });
    api::Manager {
        state: all.row.manager_state.to_api(),
        person_id: all.row.manager_target,
        display_name: all.manager.as_ref().and_then(|manager| manager.display_name.clone()),
        since: all.row.manager_since,
        stated,
    }
}

fn show_unit(unit: &UnitCandidates, person: &Person, names: &Names) -> api::UnitSources {
    let from = person.provenance.get(&unit.unit).map(|from| api::Origin {
        connection_id: from.connection.0,
        connection: name(names, from.connection.0),
        source_id: from.source_id.0.clone(),
        run_id: from.run.map(|run| run.0),
        since: from.since,
    });
    api::UnitSources {
        unit: unit.unit.0.clone(),
        values: unit.winner.as_ref().map(|winner| winner.values.clone()),
        from,
        winner: unit.winner.as_ref().map(|winner| show_candidate(winner, names)),
        losers: unit.losers.iter().map(|loser| show_candidate(loser, names)).collect(),
    }
}

fn show_candidate(candidate: &Candidate, names: &Names) -> api::Candidate {
    api::Candidate {
        connection_id: candidate.worker.connection.0,
        connection: name(names, candidate.worker.connection.0),
        source_id: candidate.worker.source_id.0.clone(),
        values: candidate.values.clone(),
    }
}

fn show_worker(worker: &ExplainedWorker, names: &Names) -> Result<api::PersonWorker, Problem> {
    let row = &worker.row;
    let employment = &worker.worker.employment;
    let link = row.link_reason.as_deref().map(|code| stored(LinkReason::parse, code)).transpose()?;
    Ok(api::PersonWorker {
        connection_id: row.connection_id,
        connection: name(names, row.connection_id),
        source_id: row.source_id.clone(),
        disposition: workers::disposition(row)?,
        worker_type: employment.worker_type.clone(),
        status: employment.status.clone(),
        start_date: employment.start,
        original_start_date: employment.original_start,
        end_date: employment.planned_end,
        termination_date: employment.last_day,
        link: link.map(|code| api::Link { code, reason: link_reason(code).to_owned() }),
        linked_at: row.linked_at,
        first_seen_at: row.first_seen_at,
        changed_at: row.changed_at,
        missing_since: row.absent_since,
        absence_proven: row.absent,
    })
}

/// Why an employment is the primary one, as a text (story 11).
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

/// Why a worker belongs to its person, as a text (story 5).
fn link_reason(code: LinkReason) -> &'static str {
    match code {
        LinkReason::New => "first worker of the person",
        LinkReason::WorkEmailAndBirthDate => "work email (case-folded) + date of birth",
        LinkReason::WorkEmailAndFullName => "work email (case-folded) + full name",
        LinkReason::WorkEmail => "work email (case-folded)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::plan::LinkReason as Stored;

    #[test]
    fn every_link_reason_is_a_word_of_the_api() {
        for reason in [Stored::New, Stored::WorkEmailAndBirthDate, Stored::WorkEmailAndFullName, Stored::WorkEmail] {
            let code = serde_json::to_value(reason).unwrap();
            assert!(LinkReason::parse(code.as_str().unwrap()).is_some(), "{code}");
        }
        assert_eq!(LinkReason::ALL.len(), 4);
    }
}
