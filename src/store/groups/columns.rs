//! The columns of `people` that say in which group of each kind a person is.

use crate::directory::groups::Kind;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The groups of a person, in the order of [`Kind::ALL`].
pub type Memberships = [Option<Uuid>; Kind::ALL.len()];

/// The columns of `people` that hold [`Memberships`], as an SQL array.
pub(crate) const MEMBERSHIPS: &str = "ARRAY[department_group, legal_entity_group, country_group, \
    employment_type_group, team_group, work_location_group, worker_type_group, manager_group, all_group]";

/// The column of `people` that says which group of a kind a person is in.
#[must_use]
pub fn column(kind: Kind) -> &'static str {
    match kind {
        Kind::Department => "department_group",
        Kind::LegalEntity => "legal_entity_group",
        Kind::Country => "country_group",
        Kind::EmploymentType => "employment_type_group",
        Kind::Team => "team_group",
        Kind::WorkLocation => "work_location_group",
        Kind::WorkerType => "worker_type_group",
        Kind::Manager => "manager_group",
        Kind::All => "all_group",
    }
}

/// [`Memberships`] of an SQL array.
#[must_use]
pub fn memberships(columns: &[Option<Uuid>]) -> Memberships {
    let mut all = Memberships::default();
    for (place, group) in all.iter_mut().zip(columns) {
        *place = *group;
    }
    all
}

/// [`Memberships`] by the columns that hold them, without those that are none.
#[must_use]
pub fn by_column(groups: &Memberships) -> BTreeMap<&'static str, Uuid> {
    Kind::ALL.into_iter().zip(groups).filter_map(|(kind, group)| Some((column(kind), (*group)?))).collect()
}
