//! Keeps values of the last good statement of a worker when its record has fields that cannot be read.

use super::unreadable::Slot;
use super::unreadable::Unreadable;
use super::{Employment, Worker};
use crate::attribute::{Unit, unit_of};
use std::collections::BTreeSet;

impl Worker {
    /// The units of which a field cannot be read.
    #[must_use]
    pub fn unreadable_units(&self) -> BTreeSet<Unit> {
        self.unreadable.iter().flat_map(Unreadable::units).collect()
    }

    /// Gives each unit that cannot be read the value of an earlier statement, as a whole. Values of two times never mix
    /// within a unit.
    ///
    /// Dates that keep no leaver active are the exception: the original start and the planned end do not decide about
    /// access, and the start does not decide either when the statement has the end of the employment.
    pub fn keep_unreadable(&mut self, last: &Self) {
        let status = Unit::named(Unit::STATUS);
        let says_end = self.employment.ended || self.employment.last_day.is_some();
        let decides = |slot: &Slot| match slot {
            Slot::OriginalStart | Slot::PlannedEnd => false,
            Slot::Start => !says_end,
            other => other.unit() == status,
        };
        let unread = || self.unreadable.iter().flat_map(|field| &field.slots);
        let (is_decided, lacks_start) = (!unread().any(decides), unread().any(|slot| *slot == Slot::Start));
        for unit in self.unreadable_units() {
            if unit == status && is_decided {
                if lacks_start {
                    self.employment.start = last.employment.start;
                }
                self.employment.original_start = last.employment.original_start;
                self.employment.planned_end = last.employment.planned_end;
            } else {
                self.keep_unit(&unit, last);
            }
        }
    }

    pub(crate) fn keep_unit(&mut self, unit: &Unit, last: &Self) {
        match unit.0.as_str() {
            Unit::WORK_EMAIL => {
                self.work_email.clone_from(&last.work_email);
                self.login_email.clone_from(&last.login_email);
            }
            Unit::BIRTH_DATE => self.birth_date = last.birth_date,
            Unit::MANAGER => self.manager.clone_from(&last.manager),
            Unit::TYPE => self.employment.worker_type.clone_from(&last.employment.worker_type),
            Unit::STATUS => {
                let worker_type = std::mem::take(&mut self.employment.worker_type);
                self.employment = Employment { worker_type, ..last.employment.clone() };
            }
            _ => {
                if unit.0 == Unit::NAME {
                    self.full_name.clone_from(&last.full_name);
                }
                self.attributes.retain(|name, _| unit_of(name) != *unit);
                let kept = last.attributes.iter().filter(|(name, _)| unit_of(name) == *unit);
                self.attributes.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
            }
        }
    }
}

impl Slot {
    /// Whether a worker's statement has a value here.
    #[must_use]
    pub fn is_said_by(&self, worker: &Worker) -> bool {
        let employment = &worker.employment;
        match self {
            Self::WorkEmail => worker.work_email.is_some(),
            Self::LoginEmail => worker.login_email.is_some(),
            Self::FullName => worker.full_name.is_some(),
            Self::BirthDate => worker.birth_date.is_some(),
            Self::WorkerType => !employment.worker_type.is_empty(),
            Self::Status => !employment.status.is_empty(),
            Self::Start => employment.start.is_some(),
            Self::OriginalStart => employment.original_start.is_some(),
            Self::PlannedEnd => employment.planned_end.is_some(),
            Self::LastDay => employment.last_day.is_some(),
            Self::Ended => employment.ended,
            // A name is no join key: a manager is lost if only the name is left.
            Self::Manager => {
                worker.manager.as_ref().is_some_and(|manager| manager.source_id.is_some() || manager.email.is_some())
            }
            Self::Attribute(name) => worker.attributes.contains_key(name.as_ref()),
        }
    }
}
