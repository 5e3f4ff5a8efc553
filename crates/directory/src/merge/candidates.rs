//! The candidates for each unit of one person, winner and losers, to show where a value comes from (law 5).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::effective::Employed;
use super::{EffectiveRecord, Precedence, by_unit, mapped, reference};
use crate::attribute::Unit;
use crate::authority::Authority;
use crate::ids::WorkerKey;
use crate::person::Person;
use crate::person::diff::is_sensitive;
use crate::plan::{ConnectionFacts, KnownWorker};

/// The values that the workers of one person state for one unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitCandidates {
    pub unit: Unit,
    /// Absent when only employments that do not count (ended ones beside current ones) have a value.
    pub winner: Option<Candidate>,
    /// In the order in which they would win.
    pub losers: Vec<Candidate>,
}

/// The values that one worker states for a unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub worker: WorkerKey,
    /// Attribute names to values, empty where the values are sensitive.
    pub values: BTreeMap<String, Value>,
}

/// The candidates for every unit of a person, by unit name. `workers` are the person's, `connections` are in the
/// default order of authority; a worker of another connection is ignored.
#[must_use]
pub fn candidates(
    person: &Person,
    workers: &[KnownWorker],
    connections: &[ConnectionFacts],
    authority: &Authority,
    now: DateTime<Utc>,
) -> Vec<UnitCandidates> {
    let facts_of = |known: &KnownWorker| connections.iter().enumerate().find(|(_, one)| one.id == known.key.connection);
    let taken: Vec<(&KnownWorker, EffectiveRecord, (usize, &ConnectionFacts))> = workers
        .iter()
        .filter_map(|known| Some((known, facts_of(known)?)))
        .map(|(known, facts)| (known, EffectiveRecord::for_published(known, &facts.1.rules, Some(person), now), facts))
        .collect();
    let employments: Vec<Employed> =
        taken.iter().map(|(known, taken, (place, facts))| Employed::of(known, taken, facts, *place)).collect();
    let precedence = Precedence::of(&employments, authority);
    let ordered = precedence.leading_first();
    let claims: BTreeMap<&WorkerKey, BTreeMap<Unit, BTreeMap<String, Value>>> =
        ordered.iter().map(|one| (one.key, claims_of(one))).collect();
    let units: BTreeSet<&Unit> = claims.values().flat_map(BTreeMap::keys).collect();
    let candidate = |one: &Employed, unit: &Unit| {
        let values = claims.get(one.key)?.get(unit)?.clone();
        Some(Candidate { worker: one.key.clone(), values })
    };
    units
        .into_iter()
        .map(|unit| {
            let eligible = precedence.of_unit(unit);
            // The email is decided among people, so that its winner is known only from the person.
            let winner = match person.provenance.get(unit).filter(|_| unit.0 == Unit::WORK_EMAIL) {
                Some(from) => eligible
                    .iter()
                    .find(|one| one.key.connection == from.connection && one.key.source_id == from.source_id)
                    .and_then(|one| candidate(one, unit)),
                None => eligible.iter().find_map(|one| candidate(one, unit)),
            };
            let rest = ordered.iter().filter(|one| !eligible.iter().any(|other| other.key == one.key));
            let losers = eligible
                .iter()
                .chain(rest)
                .filter(|one| winner.as_ref().is_none_or(|winner| winner.worker != *one.key))
                .filter_map(|one| candidate(one, unit))
                .collect();
            UnitCandidates { unit: unit.clone(), winner, losers }
        })
        .collect()
}

fn claims_of(one: &Employed) -> BTreeMap<Unit, BTreeMap<String, Value>> {
    let worker = one.worker;
    let employment = &worker.employment;
    let mut claims: BTreeMap<Unit, BTreeMap<String, Value>> = BTreeMap::new();
    for (unit, attributes) in by_unit(&mapped(worker, &one.connection.rules.mapping)) {
        let shown = attributes.into_iter().filter(|(name, _)| !is_sensitive(name));
        claims.insert(unit, shown.map(|(name, value)| (name, value.into())).collect());
    }
    let mut put = |unit: &str, values: Vec<(&str, Option<String>)>| {
        let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        claims.insert(Unit::named(unit), values.collect());
    };
    let date = |date: Option<chrono::NaiveDate>| date.map(|date| date.to_string());
    put(
        Unit::TYPE,
        vec![
            ("employmentType", Some(one.employment_type.as_str().to_owned())),
            ("workerType", Some(employment.worker_type.clone())),
        ],
    );
    put(
        Unit::STATUS,
        vec![
            ("employmentStatus", Some(one.moment.status.as_str().to_owned())),
            ("employmentStatusRaw", Some(employment.status.clone())),
            ("startDate", date(employment.start)),
            ("originalStartDate", date(employment.original_start)),
            ("endDate", date(employment.planned_end)),
            ("terminationDate", date(employment.last_day)),
        ],
    );
    if let Some(email) = worker.work_email.as_ref().or(worker.login_email.as_ref()) {
        put(Unit::WORK_EMAIL, vec![("workEmail", Some(email.clone()))]);
    }
    if let Some(manager) = reference(worker) {
        let id = manager.source_id.as_ref().map(|id| id.0.clone());
        let named =
            [("managerSourceId", id), ("managerEmail", manager.email.clone()), ("managerName", manager.name.clone())];
        put(Unit::MANAGER, named.into());
    }
    if worker.birth_date.is_some() {
        put(Unit::BIRTH_DATE, Vec::new());
    }
    claims
}
