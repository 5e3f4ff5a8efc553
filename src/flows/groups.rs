//! Lets an admin steer derived groups: switch kinds on and off, and give keys to other groups. After that it assigns
//! all people their groups again. It also ends groups that have had no members for long.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Deserialize;
use serde_json::json;
use tracing::{error, info};
use uuid::Uuid;

use super::applying;
use super::applying::Cause;
use super::applying::groups::{Subject, moves};
use super::applying::policy_match::PolicyFilters;
use super::audit::{Actor, record};
use super::context::Context;
use super::error::FlowError;
use super::planning::build::STEP;
use crate::directory::groups::{Kind, key, shown_name};
use crate::directory::person::Person;
use crate::store;
use crate::store::changes::NewChange;
use crate::store::groups::columns::{Memberships, memberships};
use crate::store::groups::{GroupRow, KindRow};

/// How long a group without members stays readable.
pub const RETIRED_DAYS: i64 = 90;

/// Switches a kind of groups on or off. The groups of all people follow in steps, by [`walk`].
pub async fn switch(context: &Context, kind: Kind, enabled: bool, actor: &Actor) -> Result<KindRow, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let row = conn
        .transaction(async |conn| {
            store::groups::backfill::take(conn).await?;
            if store::groups::backfill::switch(conn, kind, enabled, now).await? {
                store::groups::backfill::begin(conn, &actor.token_name, actor.reason.as_deref()).await?;
                let (action, target) = (if enabled { "enable" } else { "disable" }, kind.as_str());
                let target = format!("group kind {target}");
                record(context, conn, actor, &format!("groupKind.{action}"), &target, json!({})).await?;
            }
            let all = store::groups::kinds(conn).await?;
            all.into_iter()
                .find(|row| row.kind == kind.as_str())
                .ok_or_else(|| FlowError::not_found("group kind", kind.as_str()))
        })
        .await?;
    context.wake.notify();
    Ok(row)
}

/// Lets a name lead to a group, whether another group has it now or none yet: people who carry it join this group. For
/// HR systems that renamed something and have no ids, or that spell one thing in two ways.
pub async fn alias(context: &Context, group: Uuid, name: &str, actor: &Actor) -> Result<GroupRow, FlowError> {
    let mut conn = context.db.get().await?;
    let row = conn
        .transaction(async |conn| {
            let row = store::groups::find(conn, group).await?.ok_or_else(|| FlowError::not_found("group", group))?;
            let kind = Kind::parse(&row.kind)
                .filter(|kind| !matches!(kind, Kind::Manager | Kind::All | Kind::EmploymentType | Kind::Country))
                .ok_or_else(|| FlowError::Conflict(format!("groups of the kind {} have no names to give", row.kind)))?;
            let key = key(kind, &shown_name(name))
                .ok_or_else(|| FlowError::invalid("name", "expected a text with something to see in it"))?;
            store::groups::backfill::take(conn).await?;
            if store::groups::write::alias(conn, kind.as_str(), &key, group).await? {
                store::groups::backfill::begin(conn, &actor.token_name, actor.reason.as_deref()).await?;
                record(context, conn, actor, "group.alias", &format!("group {group}"), json!({ "key": key })).await?;
            }
            Ok::<_, FlowError>(row)
        })
        .await?;
    context.wake.notify();
    Ok(row)
}

/// Gives the next people their groups again, at most 500 in one transaction; `false` when there is no person left.
pub async fn walk(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    if !store::groups::backfill::is_going(&mut conn).await? {
        return Ok(false);
    }
    let walked = conn.transaction(async |conn| step(context, conn).await).await?;
    if walked {
        context.wake.notify();
    }
    Ok(walked)
}

async fn step(context: &Context, conn: &mut AsyncPgConnection) -> Result<bool, FlowError> {
    let Some(walk) = store::groups::backfill::hold(conn).await? else { return Ok(false) };
    let policy_filters = PolicyFilters::hold(conn).await?;
    let now = context.clock.now();
    let rows = store::groups::backfill::next(conn, walk.through, STEP).await?;
    let Some(last) = rows.iter().map(|row| row.position).max() else {
        store::groups::backfill::set(conn, None).await?;
        info!("everybody has the groups that are switched on");
        return Ok(true);
    };
    let before = policy_filters.matches(conn, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    let cause =
        Cause { kind: "configuration", run: None, token_name: walk.token_name.clone(), reason: walk.reason.clone() };
    let mut people: Vec<Person> = Vec::with_capacity(rows.len());
    for row in &rows {
        people.push(Person::deserialize(&row.person).map_err(|error| FlowError::corrupt("person", &error))?);
    }
    // Any earlier name may be stale: while the kind was off, the names of managers' groups were not maintained.
    let subjects: Vec<Subject<'_>> = rows
        .iter()
        .zip(&people)
        .map(|(row, person)| Subject { id: row.id, person, known_as: Some(""), was_in: memberships(&row.groups) })
        .collect();
    let grouped =
        applying::groups::group(conn, &context.clock, &policy_filters, &subjects, Uuid::nil(), &cause, now).await?;
    let mut changes = grouped.changes;
    let mut moved: Vec<(Uuid, Memberships)> = Vec::new();
    for row in &rows {
        let after = grouped.memberships.get(&row.id).copied().unwrap_or_default();
        let (groups_joined, groups_left) = moves(&memberships(&row.groups), &after);
        if groups_joined.is_empty() && groups_left.is_empty() {
            continue;
        }
        moved.push((row.id, after));
        changes.push(NewChange {
            at: now,
            kind: "person.updated".to_owned(),
            person_id: Some(row.id),
            person_version: row.version + 1,
            cause: cause.kind.to_owned(),
            token_name: cause.token_name.clone(),
            reason: cause.reason.clone(),
            diff: json!([]),
            position: row.position,
            groups_joined,
            groups_left,
            ..NewChange::default()
        });
    }
    store::groups::backfill::set_memberships(conn, &moved).await?;
    policy_filters.record_on(conn, &mut changes, &before).await?;
    store::changes::append(conn, &changes).await?;
    store::groups::backfill::set(conn, Some(last)).await?;
    Ok(true)
}

/// Ends groups that have had no members for 90 days. Their ids stay theirs. One that cannot be ended now keeps no other
/// from it: the next day tries again.
pub(super) async fn sweep(context: &Context, conn: &mut AsyncPgConnection) -> Result<(), FlowError> {
    let now = context.clock.now();
    let oldest = now - TimeDelta::days(RETIRED_DAYS);
    for group in store::groups::write::outlived(conn, oldest).await? {
        let Some(kind) = Kind::parse(&group.kind) else { continue };
        let ended = conn.transaction(async |conn| {
            store::groups::write::take(conn, group.id).await?;
            if store::groups::write::remove(conn, kind, group.id, oldest, now).await? {
                let gone = NewChange {
                    at: now,
                    kind: "group.deleted".to_owned(),
                    cause: "timer".to_owned(),
                    diff: json!([{ "attribute": "displayName", "unit": "group", "old": group.display_name }]),
                    group_id: Some(group.id),
                    ..NewChange::default()
                };
                store::changes::append(conn, &[gone]).await?;
            }
            Ok::<_, FlowError>(())
        });
        if let Err(error) = ended.await {
            error!(group.id = %group.id, %error, "group {} could not be ended", group.id);
        }
    }
    Ok(())
}
