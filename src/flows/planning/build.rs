//! Makes a plan: which people change because of the latest statements or the time that has passed. No person is written
//! here.

use std::collections::{BTreeMap, BTreeSet};

use diesel_async::{AsyncConnection, AsyncPgConnection};
use uuid::Uuid;

use super::load::{LoadedInput, PlanContext, Roots, gather};
use crate::crypto::seal;
use crate::directory::attribute::Unit;
use crate::directory::authority::{Authority, Orders};
use crate::directory::dates::lifecycle::event_of;
use crate::directory::decide::decide;
use crate::directory::email::EmailKey;
use crate::directory::ids::{ConnectionId, PersonId, RunId};
use crate::directory::managers::{Edge, suspend_cycles};
use crate::directory::merge::keep_link;
use crate::directory::person::diff::diff;
use crate::directory::person::{ManagerLink, Person};
use crate::directory::plan::budget;
use crate::directory::plan::{ConnectionFacts, Decisions, Outcome, PlannedPerson, WorkerDecision};
use crate::directory::worker::mapping::Rules;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::connections::ConnectionRow;
use crate::store::people::manager_links::WaitingEdge;
use crate::store::runs::plans::{ItemRow, ItemState, ManagerState, PlanRow, PlanState, PlannedWorker};

/// How many workers or people are handled in one step: bounds memory and the length of a transaction.
pub(crate) const STEP: i64 = 500;

/// The workers or people that a plan covers.
pub(crate) enum Scope {
    /// Workers of the connection that no plan has settled.
    Undecided,
    /// All workers of the connection: its values mean something else now.
    Everybody,
    /// These people, for the time that has passed or another order of authority.
    People(Vec<Uuid>),
    /// All people that more than one connection knows.
    Shared,
    /// These again, because what their plan rested on has moved.
    Stale { workers: Vec<String>, people: Vec<Uuid> },
}

/// What to plan.
pub(crate) struct Order {
    pub plan: Uuid,
    pub connection: Option<Uuid>,
    pub run: Option<Uuid>,
    pub cause: String,
    pub scope: Scope,
    /// Rules to try instead of the connection's own. A plan with such rules is for inspection only, never to be
    /// applied.
    pub rules: Option<Rules>,
    /// A precedence to try instead of the one that holds. For inspection only, likewise.
    pub authority: Option<Orders>,
}

/// Makes a plan and leaves it `ready`.
pub(crate) async fn build(context: &Context, order: Order) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    let now = context.clock.now();
    let mut connections: Vec<ConnectionFacts> = Vec::new();
    for row in store::connections::all(&mut conn).await? {
        let in_focus = order.connection == Some(row.id);
        let mut facts = facts(&row, in_focus)?;
        if let (Some(rules), Some(id)) = (&order.rules, order.connection)
            && id == row.id
        {
            facts.rules = rules.clone();
        }
        connections.push(facts);
    }
    let version = store::authority::version(&mut conn).await?;
    let orders = match &order.authority {
        Some(orders) => orders.clone(),
        None => orders(&mut conn).await?,
    };
    let authority = authority(&connections, &orders);
    let focus = order.connection.map(ConnectionId);
    let plan_context = PlanContext { now, run: order.run.map(RunId), focus, connections, authority };
    store::runs::plans::insert(
        &mut conn,
        PlanRow {
            id: order.plan,
            run_id: order.run,
            connection_id: order.connection,
            cause: order.cause,
            state: PlanState::Building,
            created_at: now,
            applied_at: None,
            authority: version,
        },
    )
    .await?;
    let mut planner =
        Planner { context, plan_context, plan: order.plan, number: 0, swap_groups: 0, ahead: BTreeSet::new() };
    match order.scope {
        Scope::People(people) => {
            for part in people.chunks(usize::try_from(STEP).unwrap_or(500)) {
                planner.step(&mut conn, Roots::People(part)).await?;
            }
        }
        Scope::Stale { workers, people } => {
            for part in workers.chunks(usize::try_from(STEP).unwrap_or(500)) {
                planner.look_at(&mut conn, part).await?;
            }
            for part in people.chunks(usize::try_from(STEP).unwrap_or(500)) {
                planner.step(&mut conn, Roots::People(part)).await?;
            }
        }
        Scope::Shared => {
            let mut after = 0;
            loop {
                let part = store::authority::shared(&mut conn, after, STEP).await?;
                let Some(last) = part.last() else { break };
                after = last.position;
                let people: Vec<Uuid> = part.iter().map(|person| person.id).collect();
                planner.step(&mut conn, Roots::People(&people)).await?;
            }
        }
        scope @ (Scope::Undecided | Scope::Everybody) => {
            let connection = order.connection.unwrap_or_default();
            let mut after = String::new();
            loop {
                let part = match scope {
                    Scope::Everybody => store::workers::source_ids(&mut conn, connection, &after, STEP).await?,
                    _ => store::workers::undecided(&mut conn, connection, now, &after, STEP).await?,
                };
                let Some(last) = part.last() else { break };
                after.clone_from(last);
                planner.look_at(&mut conn, &part).await?;
            }
        }
    }
    planner.settle_managers(&mut conn).await?;
    let is_trial = order.rules.is_some() || order.authority.is_some();
    let state = if is_trial { PlanState::Superseded } else { PlanState::Ready };
    store::runs::plans::set_state(&mut conn, order.plan, state).await?;
    Ok(())
}

/// What merging needs to know of a connection. Outside of its own plans only the mapping counts that was applied: one
/// that waits for an admin must not slip in through a timer.
pub(crate) fn facts(row: &ConnectionRow, in_focus: bool) -> Result<ConnectionFacts, FlowError> {
    let settings = crate::flows::connections::settings::Common::of(&row.settings)?;
    let mapping = if in_focus { &row.mapping } else { row.accepted_mapping.as_ref().unwrap_or(&row.mapping) };
    Ok(ConnectionFacts {
        id: ConnectionId(row.id),
        kind: row.kind.clone(),
        name: row.name.clone(),
        rules: settings
            .rules(serde_json::from_value(mapping.clone()).map_err(|error| FlowError::corrupt("mapping", &error))?),
        first_import: row.first_import,
    })
}

/// The order of authority that holds.
pub(crate) async fn orders(conn: &mut AsyncPgConnection) -> Result<Orders, FlowError> {
    let rows = store::authority::all(conn).await?;
    let named = |ids: Vec<Uuid>| ids.into_iter().map(ConnectionId).collect();
    Ok(rows.into_iter().map(|row| (Unit(row.unit), named(row.connections))).collect())
}

/// What an order comes to among all connections, which are in the default order.
pub(crate) fn authority(connections: &[ConnectionFacts], orders: &Orders) -> Authority {
    let ids: Vec<ConnectionId> = connections.iter().map(|facts| facts.id).collect();
    Authority::of(&ids, orders)
}

struct Planner<'a> {
    context: &'a Context,
    plan_context: PlanContext,
    plan: Uuid,
    number: i32,
    swap_groups: i32,
    /// Workers of the connection in focus who were decided about without it being their turn, since they affect one
    /// whose turn it was. They are few, and must not be decided about again: a new person would come into being twice.
    ahead: BTreeSet<String>,
}

impl Planner<'_> {
    /// Decides about those workers of the connection in focus that are not decided about yet.
    async fn look_at(&mut self, conn: &mut AsyncPgConnection, part: &[String]) -> Result<(), FlowError> {
        let open: Vec<String> = part.iter().filter(|id| !self.ahead.remove(*id)).cloned().collect();
        if open.is_empty() { Ok(()) } else { self.step(conn, Roots::Workers(&open)).await }
    }

    async fn step(&mut self, conn: &mut AsyncPgConnection, roots: Roots<'_>) -> Result<(), FlowError> {
        let seeded: BTreeSet<&String> = match roots {
            Roots::Workers(ids) => ids.iter().collect(),
            Roots::People(_) => BTreeSet::new(),
        };
        let loaded = gather(conn, &self.plan_context, roots).await?;
        let clock = &self.context.clock;
        let decisions = decide(&loaded.input, &mut || PersonId(clock.random_id()));
        let workers = self.workers(&loaded, &decisions)?;
        self.ahead.extend(workers.iter().map(|worker| &worker.source_id).filter(|id| !seeded.contains(id)).cloned());
        let items = self.items(&loaded, decisions.people)?;
        let plan = self.plan;
        conn.transaction(async |conn| {
            store::runs::plans::add_workers(conn, plan, &workers).await?;
            store::runs::plans::add_items(conn, plan, &items).await
        })
        .await?;
        Ok(())
    }

    /// The decisions of the connection in focus, as rows.
    fn workers(&self, loaded: &LoadedInput, decisions: &Decisions) -> Result<Vec<PlannedWorker>, FlowError> {
        let mut rows = Vec::new();
        for WorkerDecision { key, outcome, reviews } in &decisions.workers {
            if Some(key.connection) != self.plan_context.focus {
                continue;
            }
            let Some(row) = loaded.workers.get(key) else { continue };
            let mut planned = PlannedWorker {
                connection_id: row.connection_id,
                source_id: row.source_id.clone(),
                digest: seal::hex(&row.digest),
                disposition: "withheld",
                exclusion: None,
                recheck_at: None,
                person_id: None,
                link_reason: None,
                accepted: None,
                reviews: serde_json::to_value(reviews).map_err(|error| FlowError::corrupt("review", &error))?,
            };
            match outcome {
                Outcome::Published { person, link, accepted } => {
                    planned.disposition = "published";
                    planned.person_id = Some(person.0);
                    planned.link_reason = link.map(|reason| word(&reason));
                    planned.accepted = accepted
                        .as_ref()
                        .map(serde_json::to_value)
                        .transpose()
                        .map_err(|error| FlowError::corrupt("worker", &error))?;
                }
                Outcome::Withheld => {}
                Outcome::Excluded { reason, recheck } => {
                    planned.disposition = "excluded";
                    planned.exclusion = Some(word(reason));
                    planned.recheck_at = *recheck;
                }
            }
            rows.push(planned);
        }
        Ok(rows)
    }

    /// The people that a plan would write, as rows.
    fn items(&mut self, loaded: &LoadedInput, people: Vec<PlannedPerson>) -> Result<Vec<ItemRow>, FlowError> {
        let now = self.plan_context.now;
        let swap_groups = self.swap_groups;
        let mut rows = Vec::new();
        for planned in people {
            let PlannedPerson { id, base, before, after, swap_group } = planned;
            let stored = loaded.people.get(&id);
            let mut after = *after;
            let changed = diff(before.as_deref(), &after);
            let event = event_of(before.as_deref(), &after, now);
            let leaver = budget::is_leaver(before.as_deref(), &after, now);
            // An edge that the HR system states as before is what it was found to be.
            if let Some(stored) = stored {
                after.manager = keep_link(after.manager, &stored.manager);
            }
            self.number += 1;
            let swap_group =
                swap_group.map(|number| swap_groups.saturating_add(i32::try_from(number).unwrap_or(i32::MAX)));
            self.swap_groups = self.swap_groups.max(swap_group.map_or(0, |number| number + 1));
            rows.push(ItemRow {
                seq: self.number,
                person_id: id.0,
                base_version: base,
                state: ItemState::Planned,
                user_name_key: after.work_email.key().as_str().to_owned(),
                diff: serde_json::to_value(changed).map_err(|error| FlowError::corrupt("change", &error))?,
                event: event.as_ref().map(|event| event.kind.as_str().to_owned()),
                effective_at: event.as_ref().map(|event| event.effective_at),
                leaver,
                swap_group,
                manager_before: stored.and_then(|stored| stored.manager.person()).map(|person| person.0),
                manager_via_connection: after.manager.via().map(|via| via.connection.0),
                manager_via_source: via_source(&after),
                manager_via_email: via_email(&after),
                manager_target: target(&after.manager).map(|person| person.0),
                manager_since: manager_since(&after),
                manager_state: ManagerState::from(&after.manager),
                start_date: after.employment.start,
                target: serde_json::to_value(&after).map_err(|error| FlowError::corrupt("person", &error))?,
            });
        }
        Ok(rows)
    }

    /// Finds the people behind the stated managers, relinks edges that waited for a person of this plan, suspends those
    /// that would close a cycle, and puts managers before their reports.
    async fn settle_managers(&mut self, conn: &mut AsyncPgConnection) -> Result<(), FlowError> {
        let plan = self.plan;
        store::people::manager_links::analyze_plans(conn).await?;
        conn.transaction(async |conn| {
            store::people::manager_links::disable_statement_timeout(conn).await?;
            store::people::manager_links::resolve(conn, plan).await?;
            let last = store::runs::plans::last_number(conn, plan).await?;
            store::people::manager_links::relink_pending(conn, plan, last).await?;
            let (mut levels, circling) = levels(&store::people::manager_links::waiting(conn, plan).await?);
            let edges: Vec<Edge> =
                store::people::manager_links::cycles(conn, plan, &circling).await?.into_iter().map(edge).collect();
            let suspended: Vec<Uuid> = suspend_cycles(&edges).iter().map(|cycle| cycle.suspended.0).collect();
            let last = store::runs::plans::last_number(conn, plan).await?;
            store::people::manager_links::suspend(conn, plan, &suspended, last).await?;
            if !suspended.is_empty() {
                // The cycles are cut: now all people get a level.
                levels = self::levels(&store::people::manager_links::waiting(conn, plan).await?).0;
            }
            store::people::manager_links::set_levels(conn, plan, &levels).await
        })
        .await?;
        Ok(())
    }
}

/// In which order items are applied, as (number, level): a manager who would come into being before those who get them.
/// Items that wait for no other item have level 0 and are not listed; of those who wait in a circle, or below one, the
/// numbers are in the second part.
fn levels(edges: &[WaitingEdge]) -> (Vec<(i32, i32)>, Vec<i32>) {
    let waits: BTreeSet<Uuid> = edges.iter().map(|edge| edge.person).collect();
    let mut reports: BTreeMap<Uuid, Vec<&WaitingEdge>> = BTreeMap::new();
    for edge in edges {
        reports.entry(edge.manager).or_default().push(edge);
    }
    let mut found = Vec::with_capacity(edges.len());
    let mut reached: BTreeSet<i32> = BTreeSet::new();
    let mut next: Vec<Uuid> = reports.keys().filter(|manager| !waits.contains(manager)).copied().collect();
    let mut level = 0;
    while !next.is_empty() {
        level += 1;
        let here: Vec<&WaitingEdge> = next.iter().filter_map(|manager| reports.remove(manager)).flatten().collect();
        found.extend(here.iter().map(|edge| (edge.seq, level)));
        reached.extend(here.iter().map(|edge| edge.seq));
        next = here.into_iter().filter(|edge| edge.is_new).map(|edge| edge.person).collect();
    }
    let circling = edges.iter().map(|edge| edge.seq).filter(|n| !reached.contains(n)).collect();
    (found, circling)
}

/// The stored edge as the domain sees it.
pub(crate) fn edge(edge: store::people::manager_links::CycleEdge) -> Edge {
    Edge {
        person: PersonId(edge.person),
        manager: PersonId(edge.manager),
        since: edge.since.unwrap_or_default(),
        start: edge.start,
        tie: edge.tie,
    }
}

fn via_source(person: &Person) -> Option<String> {
    person.manager.via().and_then(|via| via.manager.source_id.as_ref()).map(|id| id.0.clone())
}

fn via_email(person: &Person) -> Option<String> {
    let via = person.manager.via()?;
    via.manager.email.as_deref().map(|email| EmailKey::of(email).as_str().to_owned())
}

fn manager_since(person: &Person) -> Option<chrono::DateTime<chrono::Utc>> {
    person.provenance.get(&Unit::named(Unit::MANAGER)).map(|provenance| provenance.since)
}

fn target(link: &ManagerLink) -> Option<PersonId> {
    match link {
        ManagerLink::Person { id, .. } | ManagerLink::Suspended { id, .. } => Some(*id),
        ManagerLink::None | ManagerLink::Pending { .. } => None,
    }
}

/// The JSON value of a unit variant.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(n: i32, manager: u128) -> WaitingEdge {
        let person = Uuid::from_u128(u128::try_from(n).unwrap_or(0));
        WaitingEdge { seq: n, person, is_new: true, manager: Uuid::from_u128(manager) }
    }

    #[test]
    fn managers_come_before_their_reports_and_circles_are_named() {
        // 2 and 3 report to 1, who waits for no person; 4 to 3; 5 and 6 to each other; 7 to 6.
        let edges = [waiting(2, 1), waiting(3, 1), waiting(4, 3), waiting(5, 6), waiting(6, 5), waiting(7, 6)];
        let (mut levels, circling) = levels(&edges);
        levels.sort_unstable();
        assert_eq!(levels, [(2, 1), (3, 1), (4, 2)]);
        assert_eq!(circling, [5, 6, 7]);
    }
}
