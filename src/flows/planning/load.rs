//! Loads a [`PlanInput`] from the store: the workers that a plan covers, and all who can affect or be affected by them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde::Deserialize;
use serde_json::Value;

use crate::directory::authority::Authority;
use crate::directory::email::EmailKey;
use crate::directory::ids::{ConnectionId, PersonId, RunId, SourceId, WorkerKey};
use crate::directory::person::{ManagerLink, Person};
use crate::directory::plan::{ConnectionFacts, Holder, HolderKind, KnownPerson, KnownWorker, Link, PlanInput};
use crate::directory::worker::Worker;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::people::write::PersonRow;
use crate::store::workers::WorkerRow;

/// What a plan is made for.
pub(crate) struct PlanContext {
    pub now: DateTime<Utc>,
    pub run: Option<RunId>,
    /// The connection whose latest statements count. Of all others, and when there is none, only what was accepted
    /// counts: what waits for an admin there must not slip in through another connection's run or a timer.
    pub focus: Option<ConnectionId>,
    pub connections: Vec<ConnectionFacts>,
    pub authority: Authority,
}

/// The people or workers from which loading starts.
pub(crate) enum Roots<'a> {
    Workers(&'a [String]),
    People(&'a [uuid::Uuid]),
}

/// A plan input with what the store knows beyond it.
pub(crate) struct LoadedInput {
    pub input: PlanInput,
    pub workers: BTreeMap<WorkerKey, WorkerRow>,
    pub people: BTreeMap<PersonId, Stored>,
}

/// What the plan input leaves out of a person: the manager edge with its present state.
pub(crate) struct Stored {
    pub manager: ManagerLink,
}

pub(crate) async fn gather(
    conn: &mut AsyncPgConnection,
    plan_context: &PlanContext,
    roots: Roots<'_>,
) -> Result<LoadedInput, FlowError> {
    let mut net = InputLoader::default();
    match (roots, plan_context.focus) {
        (Roots::Workers(ids), Some(focus)) => {
            net.take_workers(store::workers::by_source_ids(conn, focus.0, ids).await?);
        }
        (Roots::Workers(_), None) => {}
        (Roots::People(ids), _) => net.new_people.extend(ids),
    }
    while net.pull(conn, plan_context.now).await? {}
    net.into_loaded(plan_context)
}

/// Follows emails and people until nothing new is found.
#[derive(Default)]
struct InputLoader {
    workers: BTreeMap<WorkerKey, WorkerRow>,
    people: BTreeMap<uuid::Uuid, PersonRow>,
    holders: BTreeMap<EmailKey, Holder>,
    seen_keys: BTreeSet<String>,
    seen_people: BTreeSet<uuid::Uuid>,
    new_keys: BTreeSet<String>,
    new_people: BTreeSet<uuid::Uuid>,
}

impl InputLoader {
    fn take_workers(&mut self, rows: Vec<WorkerRow>) {
        for row in rows {
            if let Some(key) = &row.email_key {
                self.want_key(key.clone());
            }
            if let Some(person) = row.person_id {
                self.want_person(person);
            }
            let key =
                WorkerKey { connection: ConnectionId(row.connection_id), source_id: SourceId(row.source_id.clone()) };
            self.workers.insert(key, row);
        }
    }

    fn take_people(&mut self, rows: Vec<PersonRow>) {
        for row in rows {
            self.want_person(row.id);
            self.people.insert(row.id, row);
        }
    }

    fn want_key(&mut self, key: String) {
        if !self.seen_keys.contains(&key) {
            self.new_keys.insert(key);
        }
    }

    fn want_person(&mut self, id: uuid::Uuid) {
        if !self.seen_people.contains(&id) {
            self.new_people.insert(id);
        }
    }

    /// One round; `false` when there was nothing left to load.
    async fn pull(&mut self, conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<bool, FlowError> {
        let keys: Vec<String> = std::mem::take(&mut self.new_keys).into_iter().collect();
        let people: Vec<uuid::Uuid> = std::mem::take(&mut self.new_people).into_iter().collect();
        if keys.is_empty() && people.is_empty() {
            return Ok(false);
        }
        self.seen_keys.extend(keys.iter().cloned());
        self.seen_people.extend(&people);
        if !keys.is_empty() {
            self.take_workers(store::workers::by_email_keys(conn, &keys).await?);
            for held in store::people::write::reservations(conn, &keys, now).await? {
                let holder = Holder { person: PersonId(held.person_id), kind: HolderKind::Reserved };
                self.holders.entry(EmailKey::of(&held.email_key)).or_insert(holder);
            }
            for row in store::people::write::by_email_keys(conn, &keys).await? {
                // The email of a person who left is reserved: it never links by itself (law 12).
                let kind = if row.left_at.is_some() { HolderKind::Reserved } else { HolderKind::Current };
                let holder = Holder { person: PersonId(row.id), kind };
                self.holders.insert(EmailKey::of(&row.user_name_key), holder);
                self.take_people(vec![row]);
            }
        }
        if !people.is_empty() {
            self.take_workers(store::workers::by_people(conn, &people).await?);
            let missing: Vec<uuid::Uuid> =
                people.into_iter().filter(|person| !self.people.contains_key(person)).collect();
            self.take_people(store::people::write::by_ids(conn, &missing).await?);
        }
        Ok(true)
    }

    fn into_loaded(self, plan_context: &PlanContext) -> Result<LoadedInput, FlowError> {
        let mut workers = Vec::new();
        for (key, row) in &self.workers {
            let accepted = row.accepted.as_ref().map(read_worker).transpose()?;
            let in_focus = plan_context.focus == Some(key.connection);
            let statement = if in_focus {
                read_worker(&row.statement)?
            } else {
                match &accepted {
                    Some(accepted) => accepted.clone(),
                    None => continue,
                }
            };
            let link = row
                .person_id
                .map(|person| Link { person: PersonId(person), linked_at: row.linked_at.unwrap_or(row.first_seen_at) });
            let absent = if in_focus { row.absent } else { row.accepted_absent };
            workers.push(KnownWorker { key: key.clone(), statement, accepted, link, absent });
        }
        let mut known = Vec::new();
        let mut people = BTreeMap::new();
        for (id, row) in self.people {
            let mut person: Person =
                Person::deserialize(&row.person).map_err(|error| FlowError::corrupt("person", &error))?;
            // Merging gives the manager that the HR system names; who that is, is found out for the whole plan at once.
            let manager = std::mem::take(&mut person.manager);
            person.manager = match manager.via() {
                Some(via) => ManagerLink::Pending { via: via.clone() },
                None => ManagerLink::None,
            };
            known.push(KnownPerson { id: PersonId(id), version: row.version, person });
            people.insert(PersonId(id), Stored { manager });
        }
        let input = PlanInput {
            now: plan_context.now,
            run: plan_context.run,
            connections: plan_context.connections.clone(),
            authority: plan_context.authority.clone(),
            workers,
            people: known,
            holders: self.holders,
        };
        Ok(LoadedInput { input, workers: self.workers, people })
    }
}

fn read_worker(value: &Value) -> Result<Worker, FlowError> {
    Worker::deserialize(value).map_err(|error| FlowError::corrupt("worker", &error))
}
