//! Precedence: the order in which the employments of one human supply the value of a unit.

use std::collections::BTreeMap;

use super::effective::{Employed, Rank};
use crate::attribute::{Unit, is_employment_unit};
use crate::authority::Authority;
use crate::person::Status;

/// The employments of one human in their orders of precedence.
pub(super) struct Precedence<'a, 'b> {
    leading: Vec<&'b Employed<'a>>,
    human: Vec<&'b Employed<'a>>,
    work: Vec<&'b Employed<'a>>,
    /// Units with their own order.
    ordered: BTreeMap<Unit, Vec<&'b Employed<'a>>>,
}

impl<'a, 'b> Precedence<'a, 'b> {
    pub(super) fn of(employments: &'b [Employed<'a>], authority: &Authority) -> Self {
        let mut leading: Vec<&Employed> = employments.iter().collect();
        leading.sort_by_key(|one| Rank::of(one.worker, one.moment.status, one.place));
        let (human, work) = (order_for_human(&leading), order_for_work(&leading));
        let ordered = if leading.iter().all(|one| one.place == leading[0].place) {
            // Only one connection has employments here: the order does not matter.
            BTreeMap::new()
        } else {
            let order = |unit: &Unit| {
                let mut order = if is_employment_unit(unit) { work.clone() } else { human.clone() };
                order.sort_by_key(|one| (phase(one.moment.status), authority.place(unit, one.key.connection)));
                order
            };
            authority.units().map(|unit| (unit.clone(), order(unit))).collect()
        };
        Self { leading, human, work, ordered }
    }

    /// All employments, the one that leads first.
    pub(super) fn leading_first(&self) -> &[&'b Employed<'a>] {
        &self.leading
    }

    /// The employments that may supply a unit, in order of precedence.
    pub(super) fn of_unit(&self, unit: &Unit) -> &[&'b Employed<'a>] {
        match unit.0.as_str() {
            Unit::TYPE | Unit::STATUS | Unit::WORK_EMAIL => &self.leading,
            _ => match self.ordered.get(unit) {
                Some(order) => order,
                None if is_employment_unit(unit) => &self.work,
                None => &self.human,
            },
        }
    }
}

fn order_for_human<'a, 'b>(leading: &[&'b Employed<'a>]) -> Vec<&'b Employed<'a>> {
    let mut order = leading.to_vec();
    order.sort_by_key(|one| (phase(one.moment.status), one.place));
    order
}

fn order_for_work<'a, 'b>(leading: &[&'b Employed<'a>]) -> Vec<&'b Employed<'a>> {
    let Some(primary) = leading.first() else { return Vec::new() };
    let first = phase(primary.moment.status);
    if first == Phase::Ended {
        return vec![primary];
    }
    let mut order: Vec<&Employed> = leading.iter().copied().filter(|one| phase(one.moment.status) == first).collect();
    order.sort_by_key(|one| (one.place != primary.place, one.place));
    order
}

/// Whether an employment is going on, is to come, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Current,
    Upcoming,
    Unknown,
    Ended,
}

fn phase(status: Status) -> Phase {
    match status {
        Status::Active | Status::OnLeave | Status::Suspended => Phase::Current,
        Status::Pending => Phase::Upcoming,
        Status::Unknown => Phase::Unknown,
        Status::Terminated => Phase::Ended,
    }
}
