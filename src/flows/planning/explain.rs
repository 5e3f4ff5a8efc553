//! Explains where a person comes from: workers, candidates and winners for each unit, former emails (law 5).

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::build::{authority, facts, orders};
use crate::directory::email::EmailKey;
use crate::directory::ids::{ConnectionId, PersonId, SourceId, WorkerKey};
use crate::directory::merge::{self, PrimaryReason, UnitCandidates, candidates};
use crate::directory::person::Person;
use crate::directory::plan::{KnownWorker, Link};
use crate::directory::worker::Worker;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::connections::ConnectionRow;
use crate::store::people::summaries::{Reservation, Summary};
use crate::store::people::write::PersonRow;
use crate::store::runs::reviews::ReviewRow;
use crate::store::workers::WorkerRow;

/// All that an admin gets to see about one person.
#[derive(Debug)]
pub struct Explained {
    pub row: PersonRow,
    pub person: Person,
    /// The manager's row, where the edge leads to a person, suspended or not.
    pub manager: Option<Summary>,
    pub workers: Vec<ExplainedWorker>,
    /// The leading employment, and why it leads.
    pub leading: Option<(WorkerKey, PrimaryReason)>,
    pub units: Vec<UnitCandidates>,
    pub former_emails: Vec<Reservation>,
    pub reviews: Vec<ReviewRow>,
    /// All connections, in the default order of authority.
    pub connections: Vec<ConnectionRow>,
}

/// A worker of a person, with what the merge takes of it.
#[derive(Debug)]
pub struct ExplainedWorker {
    pub row: WorkerRow,
    /// What is accepted, else the latest statement.
    pub worker: Worker,
}

/// Explains one person.
pub async fn person(context: &Context, id: Uuid) -> Result<Explained, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let row = store::people::write::by_ids(&mut conn, &[id])
        .await?
        .pop()
        .ok_or_else(|| FlowError::not_found("person", id))?;
    let person: Person = Person::deserialize(&row.person).map_err(|error| FlowError::corrupt("person", &error))?;
    let mut rows = store::workers::by_people(&mut conn, &[id]).await?;
    rows.sort_by(|a, b| (a.linked_at, &a.source_id).cmp(&(b.linked_at, &b.source_id)));
    let connections = store::connections::all(&mut conn).await?;
    let (mut known, mut workers) = (Vec::new(), Vec::new());
    for row in rows {
        let statement = read(&row.statement)?;
        let accepted = row.accepted.as_ref().map(read).transpose()?;
        workers
            .push(ExplainedWorker { worker: accepted.clone().unwrap_or_else(|| statement.clone()), row: row.clone() });
        known.push(KnownWorker {
            key: WorkerKey { connection: ConnectionId(row.connection_id), source_id: SourceId(row.source_id) },
            statement,
            accepted,
            link: Some(Link { person: PersonId(id), linked_at: row.linked_at.unwrap_or(row.first_seen_at) }),
            absent: row.absent,
        });
    }
    let all_facts = connections.iter().map(|row| facts(row, false)).collect::<Result<Vec<_>, _>>()?;
    let leading = merge::leading(&person, &known, &all_facts, now);
    let authority = authority(&all_facts, &orders(&mut conn).await?);
    let units = candidates(&person, &known, &all_facts, &authority, now);
    let manager = match row.manager_target {
        Some(manager) => store::people::summaries::of_people(&mut conn, &[manager]).await?.pop(),
        None => None,
    };
    let former_emails = store::people::summaries::reservations_of(&mut conn, id, now).await?;
    let reviews = store::runs::reviews::open_of_person(&mut conn, id).await?;
    Ok(Explained { row, person, manager, workers, leading, units, former_emails, reviews, connections })
}

fn read(value: &Value) -> Result<Worker, FlowError> {
    Worker::deserialize(value).map_err(|error| FlowError::corrupt("worker", &error))
}

/// Finds the people who have an email now, or had it before (story 8). The flag states whether it is the present one.
pub async fn by_email(
    conn: &mut AsyncPgConnection,
    email: &str,
    now: DateTime<Utc>,
) -> Result<Vec<(Summary, bool)>, FlowError> {
    let key = EmailKey::of(email);
    // Postgres takes no NUL, and no person has an email with one.
    if key.as_str().is_empty() || key.as_str().contains('\0') {
        return Ok(Vec::new());
    }
    let keys = [key.as_str().to_owned()];
    let current: Vec<Uuid> =
        store::people::write::holders(conn, &keys).await?.into_iter().map(|held| held.person_id).collect();
    let mut all = current.clone();
    all.extend(store::people::write::reservations(conn, &keys, now).await?.into_iter().map(|held| held.person_id));
    let found = store::people::summaries::of_people(conn, &all).await?;
    Ok(found.into_iter().map(|summary| (summary.clone(), current.contains(&summary.id))).collect())
}
