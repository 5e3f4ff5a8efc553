//! Finds the groups of people, in the transaction that writes them. It issues ids for unknown groups, renames groups
//! where the HR system renamed them, and finds the groups that each person joins and leaves.

pub(crate) mod naming;
mod rename;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::json;
use uuid::Uuid;

use super::Cause;
use super::policy_match::PolicyFilters;
use crate::clock::Clock;
use crate::directory::groups::{Claim, Kind, claims, display_names, key, name_path, shown_name};
use crate::directory::person::Person;
use crate::flows::error::FlowError;
use crate::render::user::display_name;
use crate::scim::text::fold_case;
use crate::store;
use crate::store::changes::NewChange;
use crate::store::groups::columns::Memberships;
use crate::store::groups::write::{GroupName, KeyRow, Naming, NewGroup, Seen};
use naming::{NameRequest, free_names};

/// A person who is being written.
pub(crate) struct Subject<'a> {
    pub id: Uuid,
    pub person: &'a Person,
    /// The name that was shown so far; absent of a new person, whose group has no members yet.
    pub known_as: Option<&'a str>,
    /// The groups that the person was in so far.
    pub was_in: Memberships,
}

/// What comes of it: to be written with the people, the changes before theirs.
#[derive(Default)]
pub(crate) struct Grouped {
    pub memberships: BTreeMap<Uuid, Memberships>,
    pub changes: Vec<NewChange>,
}

/// The groups that a person joined and left.
pub(crate) fn moves(before: &Memberships, after: &Memberships) -> (Vec<Uuid>, Vec<Uuid>) {
    let differing = |of: &Memberships, other: &Memberships| {
        of.iter().zip(other).filter(|(one, other)| one != other).filter_map(|(one, _)| *one).collect()
    };
    (differing(after, before), differing(before, after))
}

/// Finds the groups of people. `plan` is the plan that writes them: the others in it distinguish a rename from a move.
pub(crate) async fn group(
    conn: &mut AsyncPgConnection,
    clock: &Clock,
    policy_filters: &PolicyFilters,
    subjects: &[Subject<'_>],
    plan: Uuid,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<Grouped, FlowError> {
    let kinds = store::groups::backfill::hold_kinds(conn).await?;
    let wanted: Vec<(&Subject<'_>, Vec<Claim>)> = subjects
        .iter()
        .map(|subject| {
            let mut claims = claims(subject.person);
            claims.retain(|claim| kinds.contains(&claim.kind));
            (subject, claims)
        })
        .collect();
    let mut resolver = GroupResolver {
        clock,
        policy_filters,
        subjects,
        plan,
        cause,
        now,
        found: BTreeMap::new(),
        changes: Vec::new(),
    };
    let named = named(&wanted);
    resolver.look_up(conn, named.keys().copied()).await?;
    resolver.rename(conn, &named, &wanted).await?;
    resolver.create_missing(conn, &named).await?;
    resolver.restore(conn).await?;
    resolver.respell(conn, &wanted).await?;
    if kinds.contains(&Kind::Manager) {
        resolver.follow_managers(conn).await?;
    }
    resolver.remember(conn, &wanted).await?;
    let memberships = wanted
        .iter()
        .map(|(subject, claims)| {
            let mut groups = Memberships::default();
            for claim in claims {
                groups[claim.kind.place()] = resolver.group_of(claim.kind, &claim.key);
            }
            (subject.id, groups)
        })
        .collect();
    Ok(Grouped { memberships, changes: resolver.changes })
}

/// One claim for each key, the same whatever the order of people: the least of those with the spelling of most.
fn named<'a>(wanted: &'a [(&Subject<'_>, Vec<Claim>)]) -> BTreeMap<(Kind, &'a str), &'a Claim> {
    // How many have each spelling, and the least of their claims.
    type Spellings<'a> = BTreeMap<&'a str, (usize, &'a Claim)>;
    let mut spelled: BTreeMap<(Kind, &str), Spellings<'_>> = BTreeMap::new();
    for claim in wanted.iter().flat_map(|(_, claims)| claims) {
        let spellings = spelled.entry((claim.kind, &claim.key)).or_default();
        let (count, least) = spellings.entry(&claim.name).or_insert((0, claim));
        *count += 1;
        *least = (*least).min(claim);
    }
    spelled
        .into_iter()
        .filter_map(|(key, spellings)| {
            let best = spellings.into_values().max_by_key(|(count, claim)| (*count, std::cmp::Reverse(*claim)))?;
            Some((key, best.1))
        })
        .collect()
}

struct GroupResolver<'a> {
    clock: &'a Clock,
    policy_filters: &'a PolicyFilters,
    subjects: &'a [Subject<'a>],
    plan: Uuid,
    cause: &'a Cause,
    now: DateTime<Utc>,
    found: BTreeMap<Kind, BTreeMap<String, Uuid>>,
    changes: Vec<NewChange>,
}

impl GroupResolver<'_> {
    fn group_of(&self, kind: Kind, key: &str) -> Option<Uuid> {
        self.found.get(&kind)?.get(key).copied()
    }

    fn note(&mut self, rows: Vec<KeyRow>) {
        for row in rows {
            if let Some(kind) = Kind::parse(&row.kind) {
                self.found.entry(kind).or_default().insert(row.key, row.group_id);
            }
        }
    }

    async fn look_up(
        &mut self,
        conn: &mut AsyncPgConnection,
        keys: impl Iterator<Item = (Kind, &str)>,
    ) -> Result<(), FlowError> {
        let keys: Vec<(&str, &str)> = keys.map(|(kind, key)| (kind.as_str(), key)).collect();
        if !keys.is_empty() {
            let rows = store::groups::write::lock_keys(conn, &keys).await?;
            self.note(rows);
        }
        Ok(())
    }

    /// Issues groups for keys that lead nowhere yet.
    async fn create_missing(
        &mut self,
        conn: &mut AsyncPgConnection,
        named: &BTreeMap<(Kind, &str), &Claim>,
    ) -> Result<(), FlowError> {
        let missing: Vec<&Claim> =
            named.values().copied().filter(|claim| self.group_of(claim.kind, &claim.key).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let keys: Vec<KeyRow> = missing
            .iter()
            .map(|claim| KeyRow {
                kind: claim.kind.as_str().to_owned(),
                key: claim.key.clone(),
                group_id: self.clock.random_id(),
            })
            .collect();
        let issued = store::groups::write::create_missing(conn, &keys).await?;
        self.note(issued.clone());
        let mine: BTreeSet<Uuid> = issued.iter().map(|row| row.group_id).collect();
        // Another transaction was faster: its group is used.
        let theirs = keys.iter().filter(|row| !mine.contains(&row.group_id));
        let theirs: Vec<(Kind, &str)> =
            theirs.filter_map(|row| Some((Kind::parse(&row.kind)?, row.key.as_str()))).collect();
        self.look_up(conn, theirs.into_iter()).await?;
        let managers = self.names_of_managers(conn, &missing).await?;
        let mine: Vec<(NameRequest<'_>, &KeyRow)> = missing
            .into_iter()
            .zip(&keys)
            .filter(|(_, row)| mine.contains(&row.group_id))
            .map(|(claim, row)| {
                let name = managers.get(&claim.key).filter(|_| claim.kind == Kind::Manager);
                let name = name.unwrap_or(if claim.name.is_empty() { &claim.key } else { &claim.name });
                (NameRequest { kind: claim.kind, name, system: self.system_of(claim), id: row.group_id }, row)
            })
            .collect();
        let shown = free_names(conn, mine.iter().map(|(request, _)| request)).await?;
        let mut groups = Vec::with_capacity(shown.len());
        for ((request, row), shown) in mine.into_iter().zip(shown) {
            groups.push(NewGroup {
                id: row.group_id,
                kind: row.kind.clone(),
                key: row.key.clone(),
                name: request.name.to_owned(),
                display_name_key: fold_case(&shown).into_owned(),
                display_name: shown,
                created_at: self.now,
                modified_at: self.now,
            });
        }
        for group in &groups {
            let made = GroupName {
                id: group.id,
                position: 0,
                kind: group.kind.clone(),
                key: group.key.clone(),
                name: group.name.clone(),
                display_name: group.display_name.clone(),
                deleted_at: None,
            };
            self.record("group.created", None, &made);
        }
        store::groups::write::insert(conn, &groups).await?;
        Ok(())
    }

    /// Groups that were gone and have a member again exist again, with the id that they had.
    async fn restore(&mut self, conn: &mut AsyncPgConnection) -> Result<(), FlowError> {
        let ids: Vec<Uuid> = self.found.values().flat_map(BTreeMap::values).copied().collect();
        for gone in store::groups::write::gone(conn, &ids).await? {
            self.call(conn, &gone, (&gone.key, &gone.name), "group.created").await?;
        }
        Ok(())
    }

    /// Gives groups the spelling of their name that most members carry once the plan is applied, where a member's
    /// spelling has changed: another letter case, other spaces, another Unicode form. The key is the same, so no member
    /// moves. Of spellings that as many carry the present one stays, else the least is taken: a repetition changes
    /// nothing.
    async fn respell(
        &mut self,
        conn: &mut AsyncPgConnection,
        wanted: &[(&Subject<'_>, Vec<Claim>)],
    ) -> Result<(), FlowError> {
        let mut spelled: BTreeMap<Uuid, (Kind, BTreeSet<&str>)> = BTreeMap::new();
        for (subject, claims) in wanted {
            for claim in claims.iter().filter(|claim| name_path(claim.kind).is_some()) {
                let group = self.group_of(claim.kind, &claim.key);
                if let Some(group) = group.filter(|id| subject.was_in[claim.kind.place()] == Some(*id)) {
                    spelled.entry(group).or_insert((claim.kind, BTreeSet::new())).1.insert(&claim.name);
                }
            }
        }
        let ids: Vec<Uuid> = spelled.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut groups = store::groups::write::called(conn, &ids).await?;
        groups.sort_unstable_by_key(|group| group.id);
        for group in groups.into_iter().filter(|group| group.deleted_at.is_none()) {
            let Some((kind, names)) = spelled.get(&group.id) else { continue };
            if names.iter().all(|name| *name == group.name) {
                continue;
            }
            let Some(path) = name_path(*kind) else { continue };
            let mut counts: BTreeMap<String, i64> = BTreeMap::new();
            for row in store::groups::write::spellings(conn, self.plan, *kind, group.id, &path).await? {
                let name = shown_name(&row.name);
                // A group may have other keys as well, whose names do not show the spelling of this one.
                if key(*kind, &name).as_deref() == Some(group.key.as_str()) {
                    *counts.entry(name).or_default() += row.members;
                }
            }
            let best = counts
                .iter()
                .max_by_key(|(name, count)| (**count, **name == group.name, std::cmp::Reverse(*name)))
                .map(|(name, _)| name.clone());
            if let Some(name) = best.filter(|name| *name != group.name) {
                self.call(conn, &group, (&group.key, &name), "group.updated").await?;
            }
        }
        Ok(())
    }

    /// The group of a manager's reports has the name of that manager.
    async fn follow_managers(&mut self, conn: &mut AsyncPgConnection) -> Result<(), FlowError> {
        let renamed: BTreeMap<String, String> = self
            .subjects
            .iter()
            .map(|subject| (subject, shown_name(&display_name(subject.person))))
            .filter(|(subject, name)| subject.known_as.is_some_and(|before| shown_name(before) != *name))
            .map(|(subject, name)| (subject.id.to_string(), name))
            .collect();
        let keys: Vec<(&str, &str)> = renamed.keys().map(|key| (Kind::Manager.as_str(), key.as_str())).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> =
            store::groups::write::lock_keys(conn, &keys).await?.into_iter().map(|row| row.group_id).collect();
        let mut groups = store::groups::write::called(conn, &ids).await?;
        groups.retain(|group| group.deleted_at.is_none());
        groups.sort_unstable_by_key(|group| group.id);
        for group in groups {
            if let Some(name) = renamed.get(&group.key).filter(|name| **name != group.name) {
                self.call(conn, &group, (&group.key, name), "group.updated").await?;
            }
        }
        Ok(())
    }

    /// Saves the source ids behind the groups, and which connections mention them.
    async fn remember(
        &self,
        conn: &mut AsyncPgConnection,
        wanted: &[(&Subject<'_>, Vec<Claim>)],
    ) -> Result<(), FlowError> {
        let mut seen: BTreeMap<(Kind, Uuid, &str, Uuid), Seen> = BTreeMap::new();
        for claim in wanted.iter().flat_map(|(_, claims)| claims) {
            let (Some(source), Some(group_id)) = (&claim.source, self.group_of(claim.kind, &claim.key)) else {
                continue;
            };
            let id = source.id.as_deref().unwrap_or_default();
            seen.entry((claim.kind, source.connection.0, id, group_id)).or_insert_with(|| Seen {
                group_id,
                kind: claim.kind.as_str().to_owned(),
                connection_id: source.connection.0,
                source_id: id.to_owned(),
            });
        }
        if seen.is_empty() {
            return Ok(());
        }
        let (nameless, named): (Vec<_>, Vec<_>) = seen.keys().partition(|(_, _, id, _)| id.is_empty());
        let ids: BTreeSet<_> = named.iter().map(|(kind, connection, id, _)| (*kind, *connection, *id)).collect();
        let groups: BTreeSet<Uuid> = nameless.iter().map(|(.., group)| *group).collect();
        let mut known = store::groups::write::seen(conn, &Vec::from_iter(ids)).await?;
        known.extend(store::groups::write::named_by(conn, &Vec::from_iter(groups)).await?);
        // A source id that has two names at once is behind the group of the first; each is written once.
        let mut new: BTreeMap<(String, Uuid, String, Option<Uuid>), Seen> = BTreeMap::new();
        for one in seen.into_values().filter(|one| !known.contains(one)) {
            let group = one.source_id.is_empty().then_some(one.group_id);
            new.entry((one.kind.clone(), one.connection_id, one.source_id.clone(), group)).or_insert(one);
        }
        let new: Vec<Seen> = new.into_values().collect();
        Ok(store::groups::write::remember(conn, &new).await?)
    }

    async fn names_of_managers(
        &self,
        conn: &mut AsyncPgConnection,
        claims: &[&Claim],
    ) -> Result<BTreeMap<String, String>, FlowError> {
        let ids: Vec<Uuid> = claims
            .iter()
            .filter(|claim| claim.kind == Kind::Manager)
            .filter_map(|claim| Uuid::try_parse(&claim.key).ok())
            .collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let stored = store::groups::write::names_of(conn, &ids).await?;
        let here = self.subjects.iter().filter(|subject| ids.contains(&subject.id));
        Ok(stored
            .into_iter()
            .map(|(id, name)| (id.to_string(), shown_name(&name)))
            .chain(here.map(|subject| (subject.id.to_string(), shown_name(&display_name(subject.person)))))
            .collect())
    }

    /// The short name of the HR system that a claim comes from, as far as the people at hand show it.
    fn system_of(&self, claim: &Claim) -> Option<&str> {
        let connection = claim.source.as_ref()?.connection;
        let of = self.subjects.iter().map(|subject| &subject.person.source);
        of.filter(|source| source.connection == connection).map(|source| source.system.as_str()).next()
    }

    /// Gives a group, which has this key now, a name, and logs it.
    async fn call(
        &mut self,
        conn: &mut AsyncPgConnection,
        group: &GroupName,
        (key, name): (&str, &str),
        event: &str,
    ) -> Result<(), FlowError> {
        let kind = Kind::parse(&group.kind).ok_or_else(|| FlowError::Internal("a group of no kind".to_owned()))?;
        let present = fold_case(&group.display_name).into_owned();
        let mine = display_names(kind, name, None, group.id).into_iter().find(|name| fold_case(name) == present);
        // Where only the spelling changes, no other group has the name.
        let shown = if let Some(name) = mine.filter(|_| group.deleted_at.is_none()) {
            name
        } else {
            let request = NameRequest { kind, name, system: None, id: group.id };
            free_names(conn, std::iter::once(&request)).await?.pop().unwrap_or_default()
        };
        let display_name_key = fold_case(&shown).into_owned();
        let naming = Naming { name, display_name: &shown, display_name_key: &display_name_key };
        store::groups::write::name(conn, group.id, &naming).await?;
        let called = GroupName {
            key: key.to_owned(),
            name: name.to_owned(),
            display_name: shown,
            deleted_at: None,
            ..group.clone()
        };
        self.record(event, Some(group).filter(|group| group.deleted_at.is_none()), &called);
        Ok(())
    }

    /// Logs that a group has this name from now on. `before` is absent of one that was not there.
    fn record(&mut self, event: &str, before: Option<&GroupName>, after: &GroupName) {
        let old_name = before.map(|group| group.display_name.as_str());
        let mut change = NewChange {
            at: self.now,
            kind: event.to_owned(),
            cause: self.cause.kind.to_owned(),
            run_id: self.cause.run,
            token_name: self.cause.token_name.clone(),
            reason: self.cause.reason.clone(),
            diff: json!([{
                "attribute": "displayName", "unit": "group", "old": old_name, "new": after.display_name,
            }]),
            group_id: Some(after.id),
            ..NewChange::default()
        };
        self.policy_filters.record_on_group(&mut change, before, after);
        self.changes.push(change);
    }
}
