//! Applies a plan: the one place that changes people and writes the change log.
//!
//! It works in transactions of at most 500 people, each whole or not at all. So a kill loses nothing and a second try
//! repeats nothing: what was applied is marked in the same transaction. An item whose preconditions no longer hold (the
//! person changed, the worker states something else, another person took the email, another connection has precedence)
//! is not applied but planned again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::result::{DatabaseErrorKind, Error as StoreError};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Cause;
use super::groups::{Subject, moves};
use super::policy_match::{Matches, PolicyFilters};
use super::reports::{self, Contact};
use crate::directory::attribute::{Unit, name};
use crate::directory::ids::PersonId;
use crate::directory::managers::suspend_cycles;
use crate::directory::person::{ManagerLink, Person, Status};
use crate::directory::plan::ValueChange;
use crate::flows::applying;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::planning::build::{Order, STEP, Scope, build, edge};
use crate::render::user;
use crate::store;
use crate::store::changes::NewChange;
use crate::store::groups::columns::{Memberships, by_column, memberships};
use crate::store::people::write::{Locked, PersonWrite};
use crate::store::runs::plans::{ItemRow, ItemState, ManagerState, PlanState};

/// How long a former email stays reserved for its person (law 12).
const RESERVED_DAYS: i64 = 365;

/// How often stale items are planned again before they are left to the next run.
const ROUNDS: u8 = 3;

/// Applies what is left of a plan, and what of it had to be planned again. Answers the people who changed under every
/// attempt, and are left as they are.
pub(crate) async fn apply(
    context: &Context,
    plan: Uuid,
    connection: Option<Uuid>,
    cause: &Cause,
) -> Result<Vec<Uuid>, FlowError> {
    let mut plan = plan;
    let mut follow_ups = Vec::new();
    let mut left = Vec::new();
    for round in 0..ROUNDS {
        apply_once(context, plan, cause).await?;
        let mut conn = context.db.get().await?;
        let stale = store::runs::plans::people_in(&mut conn, plan, ItemState::Stale).await?;
        let is_last = round + 1 == ROUNDS;
        // Another plan may have brought a manager since this one was made, or while it was applied.
        if is_last || (stale.is_empty() && !store::people::manager_links::is_any_resolvable(&mut conn).await?) {
            left = stale;
            break;
        }
        let workers = match connection {
            Some(_) => store::runs::plans::workers_of(&mut conn, plan, &stale).await?,
            None => Vec::new(),
        };
        drop(conn);
        // People who were in the plan for their manager alone have no worker in it.
        let scope = Scope::Stale { workers, people: stale };
        let next = context.clock.row_id();
        let order = Order {
            plan: next,
            connection,
            run: cause.run,
            cause: "staleItems".into(),
            scope,
            rules: None,
            authority: None,
        };
        build(context, order).await?;
        plan = next;
        follow_ups.push(next);
    }
    if connection.is_none() {
        // No person inspects a timer's plans, and their changes are in the log.
        let mut conn = context.db.get().await?;
        for follow_up in follow_ups {
            store::runs::plans::delete(&mut conn, follow_up).await?;
        }
    }
    Ok(left)
}

async fn apply_once(context: &Context, plan: Uuid, cause: &Cause) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    store::runs::plans::set_state(&mut conn, plan, PlanState::Applying).await?;
    let mut collisions = 0_u8;
    loop {
        let now = context.clock.now();
        let written = conn.transaction(async |conn| batch(context, conn, plan, cause, now).await).await;
        match written {
            Ok(0) => break,
            Ok(_) => {
                collisions = 0;
                context.wake.notify();
            }
            // Another transaction took one of the emails between our check and our commit: check again, and see them.
            Err(FlowError::Store(StoreError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
                if collisions < 5 =>
            {
                collisions += 1;
            }
            // Groups are renamed in the order in which people need it, and the sequencer folds others meanwhile.
            Err(error) if collisions < 5 && error.is_deadlock() => collisions += 1,
            Err(error) => return Err(error),
        }
    }
    let now = context.clock.now();
    conn.transaction(async |conn| {
        store::people::manager_links::disable_statement_timeout(conn).await?;
        store::workers::accept(conn, plan, None, now).await?;
        store::runs::reviews::follow_plan(conn, plan, None, now).await?;
        let edges: Vec<_> =
            store::people::manager_links::cycles(conn, Uuid::nil(), &[]).await?.into_iter().map(edge).collect();
        let cycles: Vec<(Vec<Uuid>, Uuid)> = suspend_cycles(&edges)
            .into_iter()
            .map(|cycle| (cycle.people.into_iter().map(|person| person.0).collect(), cycle.suspended.0))
            .collect();
        store::runs::reviews::follow_cycles(conn, &cycles, now, || context.clock.row_id()).await?;
        store::runs::plans::set_applied(conn, plan, now).await
    })
    .await?;
    Ok(())
}

/// Applies the next items of a plan within the caller's transaction; returns how many items are done with.
async fn batch(
    context: &Context,
    conn: &mut AsyncPgConnection,
    plan: Uuid,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<usize, FlowError> {
    let items = store::runs::plans::next_batch(conn, plan, STEP).await?;
    if items.is_empty() {
        return Ok(0);
    }
    let policy_filters = PolicyFilters::hold(conn).await?;
    let preconditions = Preconditions::check(conn, plan, &items, now).await?;
    let known: Vec<Uuid> = preconditions.locked.keys().copied().collect();
    let before = policy_filters.matches(conn, &known).await?;
    let (sound, stale): (Vec<&ItemRow>, Vec<&ItemRow>) = items.iter().partition(|item| preconditions.hold_for(item));
    let mut people: Vec<(&ItemRow, Person)> = Vec::with_capacity(sound.len());
    for item in sound {
        let mut person: Person =
            Person::deserialize(&item.target).map_err(|error| FlowError::corrupt("planned person", &error))?;
        person.manager = link(item, &person, &preconditions);
        people.push((item, person));
    }
    let subjects: Vec<Subject<'_>> = people
        .iter()
        .map(|(item, person)| Subject {
            id: item.person_id,
            person,
            known_as: preconditions.locked.get(&item.person_id).and_then(|row| row.display_name.as_deref()),
            was_in: preconditions.locked.get(&item.person_id).map(|row| memberships(&row.groups)).unwrap_or_default(),
        })
        .collect();
    let grouped = applying::groups::group(conn, &context.clock, &policy_filters, &subjects, plan, cause, now).await?;
    drop(subjects);
    let mut batch = WriteBatch { changes: grouped.changes, ..WriteBatch::default() };
    for (item, person) in people {
        let groups = grouped.memberships.get(&item.person_id).copied().unwrap_or_default();
        batch.add(item, person, &groups, &preconditions, cause, now)?;
    }
    batch.write(conn, plan, now, &policy_filters, &before).await?;
    reports::follow(conn, &policy_filters, &batch.contacts, &batch.led_elsewhere, cause, now).await?;
    let numbers = |items: &[&ItemRow]| items.iter().map(|item| item.seq).collect::<Vec<_>>();
    store::runs::plans::mark(conn, plan, &batch.done, ItemState::Applied).await?;
    store::runs::plans::mark(conn, plan, &numbers(&stale), ItemState::Stale).await?;
    Ok(items.len())
}

/// What the items of a batch rest on, as it is now.
struct Preconditions {
    locked: BTreeMap<Uuid, Locked>,
    /// Items that cannot be applied.
    refused: BTreeSet<Uuid>,
    /// People who exist, or will with this batch.
    present: BTreeSet<Uuid>,
}

impl Preconditions {
    async fn check(
        conn: &mut AsyncPgConnection,
        plan: Uuid,
        items: &[ItemRow],
        now: DateTime<Utc>,
    ) -> Result<Self, FlowError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.person_id).collect();
        let locked: BTreeMap<Uuid, Locked> =
            store::people::write::lock(conn, &ids).await?.into_iter().map(|row| (row.id, row)).collect();
        let mut refused: BTreeSet<Uuid> = store::runs::plans::moved_on(conn, plan, &ids).await?.into_iter().collect();
        for item in items {
            if locked.get(&item.person_id).map(|row| row.version) != item.base_version {
                refused.insert(item.person_id);
            }
        }
        if store::authority::has_moved_on(conn, plan).await? {
            refused.extend(store::authority::shared_of(conn, plan, &ids).await?);
        }
        refuse_taken_emails(conn, items, &locked, &mut refused, now).await?;
        // Items of one swap group are applied together or not at all.
        let torn: BTreeSet<i32> =
            items.iter().filter(|item| refused.contains(&item.person_id)).filter_map(|item| item.swap_group).collect();
        for item in items.iter().filter(|item| item.swap_group.is_some_and(|swap_group| torn.contains(&swap_group))) {
            refused.insert(item.person_id);
        }
        let managers: Vec<Uuid> = items.iter().filter_map(|item| item.manager_target).collect();
        let mut present: BTreeSet<Uuid> = store::people::write::existing(conn, &managers).await?.into_iter().collect();
        present.extend(items.iter().map(|item| item.person_id).filter(|id| !refused.contains(id)));
        Ok(Self { locked, refused, present })
    }

    fn hold_for(&self, item: &ItemRow) -> bool {
        !self.refused.contains(&item.person_id)
    }
}

/// Refuses items whose email another person has or has reserved, unless that person gives it up in the same swap group.
async fn refuse_taken_emails(
    conn: &mut AsyncPgConnection,
    items: &[ItemRow],
    locked: &BTreeMap<Uuid, Locked>,
    refused: &mut BTreeSet<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), FlowError> {
    let claims: Vec<&ItemRow> = items
        .iter()
        .filter(|item| locked.get(&item.person_id).is_none_or(|row| row.user_name_key != item.user_name_key))
        .collect();
    if claims.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = claims.iter().map(|item| item.user_name_key.clone()).collect();
    let swap_group_of: BTreeMap<Uuid, i32> =
        items.iter().filter_map(|item| item.swap_group.map(|swap_group| (item.person_id, swap_group))).collect();
    let mut held = store::people::write::holders(conn, &keys).await?;
    held.extend(store::people::write::reservations(conn, &keys, now).await?);
    for item in claims {
        let taken = held.iter().any(|held| {
            held.email_key == item.user_name_key
                && held.person_id != item.person_id
                && (item.swap_group.is_none() || swap_group_of.get(&held.person_id).copied() != item.swap_group)
        });
        if taken {
            refused.insert(item.person_id);
        }
    }
    Ok(())
}

/// What a batch writes.
#[derive(Default)]
struct WriteBatch {
    creates: Vec<PersonWrite>,
    updates: Vec<PersonWrite>,
    changes: Vec<NewChange>,
    former: Vec<(String, Uuid)>,
    used: Vec<(String, Uuid)>,
    done: Vec<i32>,
    people: Vec<Uuid>,
    /// Of managers whose email or employee number changes.
    contacts: Vec<Contact>,
    /// Who comes into being, or has another manager.
    led_elsewhere: BTreeSet<Uuid>,
}

impl WriteBatch {
    fn add(
        &mut self,
        item: &ItemRow,
        person: Person,
        groups: &Memberships,
        preconditions: &Preconditions,
        cause: &Cause,
        now: DateTime<Utc>,
    ) -> Result<(), FlowError> {
        let before = preconditions.locked.get(&item.person_id);
        let groups_before = before.map(|row| memberships(&row.groups)).unwrap_or_default();
        let (groups_joined, groups_left) = moves(&groups_before, groups);
        let shown = person.manager.person().map(|manager| manager.0);
        let mut diff = match &item.diff {
            Value::Array(diff) => diff.clone(),
            _ => Vec::new(),
        };
        if shown != item.manager_before {
            let change = ValueChange {
                attribute: Unit::MANAGER.into(),
                unit: Unit::named(Unit::MANAGER),
                old: item.manager_before.map(|id| json!(id)),
                new: shown.map(|id| json!(id)),
            };
            diff.push(serde_json::to_value(change).map_err(|error| FlowError::corrupt("change", &error))?);
        }
        if before.is_none() || shown != item.manager_before {
            self.led_elsewhere.insert(item.person_id);
        }
        if let Some(row) = before {
            let same = user::document(PersonId(item.person_id), &person, row.created_at, row.modified_at);
            diff.extend(besides(&row.document, &same, &diff)?);
        }
        let visible = before.is_none() || !diff.is_empty();
        // Each write counts, also one that no caller sees: a plan that rests on the row as it was must notice.
        let version = before.map_or(1, |row| row.version + 1);
        let created = before.map_or(now, |row| row.created_at);
        // Who joins a group without being another person has not been modified, but changed.
        let changed = visible || !groups_joined.is_empty() || !groups_left.is_empty();
        let modified = if visible { now } else { before.map_or(now, |row| row.modified_at) };
        if let Some(row) = before
            && row.user_name_key != item.user_name_key
        {
            self.former.push((row.user_name_key.clone(), item.person_id));
            self.used.push((item.user_name_key.clone(), item.person_id));
        }
        let mut write = write_of(item, person, version, created, modified, before.and_then(|row| row.left_at), now)?;
        write.groups = by_column(groups);
        // All groups that the person is in show the other name.
        let renamed = before.is_some_and(|row| row.display_name != write.display_name);
        let groups_renamed = if renamed { groups.iter().flatten().copied().collect() } else { Vec::new() };
        if changed {
            self.changes.push(NewChange {
                at: now,
                kind: item.event.clone().unwrap_or_else(|| "person.updated".into()),
                person_id: Some(item.person_id),
                person_version: version,
                cause: cause.kind.into(),
                run_id: cause.run,
                token_name: cause.token_name.clone(),
                reason: cause.reason.clone(),
                effective_at: item.effective_at,
                diff: Value::Array(diff),
                position: before.map_or(0, |row| row.position),
                people_delta: i16::from(before.is_none()),
                groups_joined,
                groups_left,
                renamed,
                groups_renamed,
                ..NewChange::default()
            });
        }
        if let Some(row) = before {
            self.contacts.extend(Contact::of(row, &write));
        }
        if before.is_none() {
            self.creates.push(write);
        } else {
            self.updates.push(write);
        }
        self.done.push(item.seq);
        self.people.push(item.person_id);
        Ok(())
    }

    async fn write(
        &mut self,
        conn: &mut AsyncPgConnection,
        plan: Uuid,
        now: DateTime<Utc>,
        policy_filters: &PolicyFilters,
        before: &Matches,
    ) -> Result<(), FlowError> {
        let positions: BTreeMap<Uuid, i64> = store::people::write::insert(conn, &self.creates)
            .await?
            .into_iter()
            .map(|place| (place.id, place.position))
            .collect();
        store::people::write::update(conn, &self.updates).await?;
        // Who exchanged an email gives it up for good: it is the other's now, not reserved.
        let taken: BTreeSet<&String> = self.used.iter().map(|(key, _)| key).collect();
        self.former.retain(|(key, _)| !taken.contains(key));
        store::people::write::reserve(conn, &self.former, &self.used, now + TimeDelta::days(RESERVED_DAYS)).await?;
        store::workers::accept(conn, plan, Some(&self.people), now).await?;
        for change in &mut self.changes {
            if let Some(position) = change.person_id.and_then(|person| positions.get(&person)) {
                change.position = *position;
            }
        }
        policy_filters.record_on(conn, &mut self.changes, before).await?;
        store::changes::append(conn, &self.changes).await?;
        Ok(())
    }
}

/// What a document shows otherwise than before although no value of the plan shows it: what HR states of a manager who
/// is not in the directory. `diff` is what is logged already. When HR changed its record last (`sourceUpdated`) is not
/// logged: it would reveal changes that are hidden from a consumer.
fn besides(before: &str, after: &str, diff: &[Value]) -> Result<Option<Value>, FlowError> {
    const NAME: &str = "managerEmail";
    if before == after || diff.iter().any(|change| change["attribute"] == Unit::MANAGER) {
        return Ok(None);
    }
    let corrupt = |error: serde_json::Error| FlowError::corrupt("document", &error);
    let (mut before, mut after) = (user::of_worker(before).map_err(corrupt)?, user::of_worker(after).map_err(corrupt)?);
    let (old, new) = (before.remove(NAME), after.remove(NAME));
    if old == new {
        return Ok(None);
    }
    let change = ValueChange { attribute: NAME.to_owned(), unit: Unit::named(Unit::MANAGER), old, new };
    serde_json::to_value(change).map(Some).map_err(|error| FlowError::corrupt("change", &error))
}

/// The manager edge as it turned out. An edge to a person who was not created after all stays pending.
fn link(item: &ItemRow, person: &Person, preconditions: &Preconditions) -> ManagerLink {
    let Some(via) = person.manager.via().cloned() else { return ManagerLink::None };
    match (item.manager_state, item.manager_target) {
        (ManagerState::Person, Some(id)) if preconditions.present.contains(&id) => {
            ManagerLink::Person { id: PersonId(id), via }
        }
        (ManagerState::Suspended, Some(id)) if preconditions.present.contains(&id) => {
            ManagerLink::Suspended { id: PersonId(id), via }
        }
        _ => ManagerLink::Pending { via },
    }
}

fn write_of(
    item: &ItemRow,
    person: Person,
    version: i64,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
    left_before: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<PersonWrite, FlowError> {
    let manager_target = match &person.manager {
        ManagerLink::None | ManagerLink::Pending { .. } => None,
        ManagerLink::Person { id, .. } | ManagerLink::Suspended { id, .. } => Some(id.0),
    };
    let document = user::document(PersonId(item.person_id), &person, created_at, modified_at);
    Ok(PersonWrite {
        id: item.person_id,
        version,
        user_name: person.work_email.as_str().to_owned(),
        user_name_key: item.user_name_key.clone(),
        active: person.active,
        display_name: Some(user::display_name(&person).into_owned()),
        employee_number: person.attributes.get(name::EMPLOYEE_NUMBER).cloned(),
        manager_via_connection: item.manager_via_connection,
        manager_via_source: item.manager_via_source.clone(),
        manager_via_email: item.manager_via_email.clone(),
        manager_target,
        manager_since: item.manager_since,
        manager_state: ManagerState::from(&person.manager),
        start_date: item.start_date,
        keys: user::keys(&document).map_err(|error| FlowError::corrupt("document", &error))?,
        document,
        created_at,
        modified_at,
        next_due: person.next_due,
        groups: BTreeMap::new(),
        left_at: (person.employment.status == Status::Terminated).then(|| left_before.unwrap_or(now)),
        person: serde_json::to_value(person).map_err(|error| FlowError::corrupt("person", &error))?,
    })
}
