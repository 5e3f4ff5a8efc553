//! Merges the employments of one human into one person, with the source of every value (law 5).
//!
//! The leading employment is chosen in this order: active before upcoming before ended; then the larger share of a
//! full-time job, the earlier start, the connection's place in the order of authority, the source id (story 11). Type,
//! status and dates are those of the leading employment. Every other unit is taken as a whole from the first employment
//! in its order that has a value:
//!
//! - Units of the employment come from current employments only, else from upcoming ones, else from the one that ended
//!   last; the leading employment's connection first. A contract that ended never overrules a current job.
//! - Units of the human come from any employment, current before upcoming before ended, then by order of authority.
//!
//! A unit that an admin has ordered (`authority`) uses that order instead: among the same employments, and for a unit
//! of the human still current before upcoming before ended.

mod candidates;
mod effective;
mod precedence;
mod primary;
pub use effective::email_of;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

pub use self::candidates::{Candidate, UnitCandidates, candidates};
use super::attribute::{Attributes, Unit, name, unit_of};
use super::authority::Authority;
use super::email::{Email, EmailKey};
use super::ids::{RunId, WorkerKey};
use super::person::{ManagerLink, ManagerVia, Person, PrimaryEmployment, Provenance, Source};
use super::worker::mapping::{EmploymentType, Mapping};
use super::worker::{ManagerRef, Worker};
pub(crate) use effective::{EffectiveRecord, Employed, Rank};

pub use effective::PrimaryReason;

use precedence::Precedence;
pub use primary::leading;

/// The work email of a person. It is decided among people (two cannot have one) before any of them is merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailChoice<'a> {
    pub email: Email,
    /// The worker who states it; absent when the person keeps the last good one.
    pub from: Option<&'a WorkerKey>,
}

/// Merges the employments of one human. `None` without any employment.
///
/// The manager is a [`ManagerLink::Pending`] for the caller to resolve, except that a link which rests on the same
/// statement as in `before` is kept as it was. Provenance changes only when the value of a unit or its winner changes.
#[must_use]
pub fn merge(
    employments: &[Employed<'_>],
    authority: &Authority,
    email: EmailChoice<'_>,
    before: Option<&Person>,
    run: Option<RunId>,
    now: DateTime<Utc>,
) -> Option<Person> {
    let precedence = Precedence::of(employments, authority);
    let ordered = precedence.leading_first();
    let primary = *ordered.first()?;
    let mut won: BTreeMap<Unit, &Employed> = BTreeMap::new();
    let mut attributes = Attributes::new();

    let claims: BTreeMap<&WorkerKey, BTreeMap<Unit, Attributes>> =
        ordered.iter().map(|one| (one.key, by_unit(&mapped(one.worker, &one.connection.rules.mapping)))).collect();
    for unit in claims.values().flat_map(BTreeMap::keys) {
        if won.contains_key(unit) {
            continue;
        }
        let found = precedence.of_unit(unit).iter().find_map(|one| Some((*one, claims.get(one.key)?.get(unit)?)));
        if let Some((winner, values)) = found {
            attributes.extend(values.clone());
            won.insert(unit.clone(), winner);
        }
    }
    let [birth_unit, manager_unit] = [Unit::BIRTH_DATE, Unit::MANAGER].map(Unit::named);
    let birth_date = precedence.of_unit(&birth_unit).iter().find_map(|one| Some((*one, one.worker.birth_date?)));
    let manager = precedence.of_unit(&manager_unit).iter().find_map(|one| Some((*one, reference(one.worker)?)));
    won.extend(birth_date.map(|(winner, _)| (birth_unit, winner)));
    won.extend(manager.map(|(winner, _)| (manager_unit, winner)));
    won.insert(Unit::named(Unit::TYPE), primary);
    won.insert(Unit::named(Unit::STATUS), primary);
    if let Some(winner) = email.from.and_then(|key| ordered.iter().find(|one| one.key == key)) {
        won.insert(Unit::named(Unit::WORK_EMAIL), winner);
    }

    let employment = &primary.worker.employment;
    let mut after = Person {
        work_email: email.email,
        active: ordered.iter().any(|one| one.moment.status.is_active()),
        employment: PrimaryEmployment {
            employment_type: primary.employment_type,
            worker_type: employment.worker_type.clone(),
            status: primary.moment.status,
            status_raw: employment.status.clone(),
            start: employment.start,
            original_start: employment.original_start,
            planned_end: employment.planned_end,
            last_day: employment.last_day,
        },
        birth_date: birth_date.map(|(_, date)| date),
        attributes,
        manager: manager.map_or(ManagerLink::None, |(winner, manager)| {
            let via = ManagerVia { connection: winner.key.connection, manager: manager.clone() };
            link(via, before.map(|before| &before.manager))
        }),
        source: Source {
            system: primary.connection.kind.clone(),
            connection: primary.key.connection,
            instance: primary.connection.name.clone(),
            source_id: primary.key.source_id.clone(),
            updated: primary.worker.source_updated,
        },
        zone: primary.moment.zone.used(employment),
        next_due: ordered.iter().filter_map(|one| one.moment.next_due).min(),
        provenance: BTreeMap::new(),
    };
    after.provenance = provenance(&after, before, &won, run, now);
    Some(after)
}

/// Whether two values of a person are the same to the store. Only the time when the HR system last changed its record
/// may differ, since it moves without a visible change.
#[must_use]
pub fn is_same(before: &Person, after: &Person) -> bool {
    let timeless = |person: &Person| {
        let mut person = person.clone();
        person.source.updated = None;
        person
    };
    before == after || timeless(before) == timeless(after)
}

/// A worker's attributes in the terms of the directory. Blank values are no values.
fn mapped(worker: &Worker, mapping: &Mapping) -> Attributes {
    let mut attributes: Attributes = worker
        .attributes
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for country in [name::COUNTRY, name::WORK_ADDRESS_COUNTRY] {
        if let Some(value) = attributes.get_mut(country) {
            *value = value.trim().to_uppercase();
        }
    }
    let department = attributes.get(name::DEPARTMENT).and_then(|name| mapping.departments.get(name));
    if let Some(department) = department.filter(|name| !name.trim().is_empty()) {
        attributes.insert(name::DEPARTMENT.to_owned(), department.clone());
    }
    if !attributes.contains_key(name::LEGAL_ENTITY) {
        let entity = attributes.get(name::LEGAL_ENTITY_ID).and_then(|id| mapping.legal_entities.get(id));
        if let Some(entity) = entity.filter(|name| !name.trim().is_empty()) {
            attributes.insert(name::LEGAL_ENTITY.to_owned(), entity.clone());
        }
    }
    // A worker with nothing but a whole name keeps it whole: no parts are invented (extension.md section 4).
    let named = [name::GIVEN_NAME, name::FAMILY_NAME, name::FORMATTED_NAME, name::DISPLAY_NAME];
    if let Some(whole) = worker.full_name.as_ref().filter(|whole| !whole.trim().is_empty())
        && named.iter().all(|part| !attributes.contains_key(*part))
    {
        attributes.insert(name::FORMATTED_NAME.to_owned(), whole.clone());
    }
    attributes
}

fn by_unit(attributes: &Attributes) -> BTreeMap<Unit, Attributes> {
    let mut units: BTreeMap<Unit, Attributes> = BTreeMap::new();
    for (name, value) in attributes {
        units.entry(unit_of(name)).or_default().insert(name.clone(), value.clone());
    }
    units
}

/// The manager that a worker names, if the statement names one.
fn reference(worker: &Worker) -> Option<&ManagerRef> {
    worker.manager.as_ref().filter(|manager| **manager != ManagerRef::default())
}

fn link(via: ManagerVia, before: Option<&ManagerLink>) -> ManagerLink {
    match before {
        Some(ManagerLink::Person { id, via: old }) if same_manager(old, &via) => ManagerLink::Person { id: *id, via },
        Some(ManagerLink::Suspended { id, via: old }) if same_manager(old, &via) => {
            ManagerLink::Suspended { id: *id, via }
        }
        _ => ManagerLink::Pending { via },
    }
}

/// Whether two statements name the same manager by the same join key; a name is for display.
fn same_manager(a: &ManagerVia, b: &ManagerVia) -> bool {
    let email = |via: &ManagerVia| via.manager.email.as_deref().map(EmailKey::of);
    a.connection == b.connection
        && a.manager.source_id == b.manager.source_id
        && (a.manager.source_id.is_some() || email(a) == email(b))
}

/// The edge of `after`, with the person of the edge before where both name the same manager. A reference with another
/// email is resolved again, also where its id is the same: the id may be one that no record carries.
#[must_use]
pub fn keep_link(after: ManagerLink, before: &ManagerLink) -> ManagerLink {
    let email = |via: &ManagerVia| via.manager.email.as_deref().map(EmailKey::of);
    match (after, before.via()) {
        (ManagerLink::Pending { via }, Some(old)) if email(&via) == email(old) => link(via, Some(before)),
        (after, _) => after,
    }
}

fn provenance(
    after: &Person,
    before: Option<&Person>,
    won: &BTreeMap<Unit, &Employed<'_>>,
    run: Option<RunId>,
    now: DateTime<Utc>,
) -> BTreeMap<Unit, Provenance> {
    let old_units = before.map(|before| by_unit(&before.attributes)).unwrap_or_default();
    let new_units = by_unit(&after.attributes);
    let unchanged = |unit: &Unit, before: &Person| match unit.0.as_str() {
        Unit::WORK_EMAIL => before.work_email.as_str() == after.work_email.as_str(),
        Unit::TYPE => {
            before.employment.employment_type == after.employment.employment_type
                && before.employment.worker_type == after.employment.worker_type
        }
        Unit::STATUS => {
            let status = |person: &Person| PrimaryEmployment {
                employment_type: EmploymentType::Unknown,
                worker_type: String::new(),
                ..person.employment.clone()
            };
            status(before) == status(after) && before.active == after.active
        }
        Unit::MANAGER => match (before.manager.via(), after.manager.via()) {
            (Some(old), Some(new)) => same_manager(old, new),
            (old, new) => old.is_none() && new.is_none(),
        },
        Unit::BIRTH_DATE => before.birth_date == after.birth_date,
        _ => old_units.get(unit) == new_units.get(unit),
    };
    let mut map: BTreeMap<Unit, Provenance> = won
        .iter()
        .map(|(unit, winner)| {
            let kept =
                before.and_then(|before| Some((before, before.provenance.get(unit)?))).filter(|(before, kept)| {
                    kept.connection == winner.key.connection
                        && kept.source_id == winner.key.source_id
                        && unchanged(unit, before)
                });
            let fresh = || Provenance {
                connection: winner.key.connection,
                source_id: winner.key.source_id.clone(),
                run,
                since: now,
            };
            (unit.clone(), kept.map_or_else(fresh, |(_, kept)| kept.clone()))
        })
        .collect();
    // The source of a last good email stays the same when no worker states it any more.
    let email = Unit::named(Unit::WORK_EMAIL);
    if let Some(kept) = before.and_then(|before| before.provenance.get(&email)) {
        map.entry(email).or_insert_with(|| kept.clone());
    }
    map
}

#[cfg(test)]
mod tests;
