//! By what a list is sorted.
//!
//! Ties are broken by position, and descending is the reverse of ascending in all of it. So a page is told by the sort
//! value and the position of the resource before it: whoever is added, changed or removed meanwhile moves nobody else.

use super::compile::{Many, Places};
use super::groups::Groups;
use super::scalar::SortKey;
use super::sql::Sql;
use super::users::People;
use crate::scim::schema::Resolved;
use crate::store::visibility::View;

/// An attribute as a sort key, and the direction.
#[derive(Clone, Debug)]
pub struct Sort {
    key: SortKey,
    pub(crate) target: Resolved,
    pub(crate) descending: bool,
}

impl Sort {
    /// A sort key of Users.
    #[must_use]
    pub fn of_people(target: Resolved, descending: bool, view: &View) -> Self {
        Self { key: key(target, &People(view)), target, descending }
    }

    /// A sort key of Groups.
    #[must_use]
    pub fn of_groups(target: Resolved, descending: bool, view: &View) -> Self {
        Self { key: key(target, &Groups(view)), target, descending }
    }

    /// The value, as a text or number that is `NULL` where there is none.
    pub(crate) fn expr(&self) -> &Sql {
        &self.key.expr
    }

    /// What an index has of the value, in the same order; `None` if no index has the order.
    pub(crate) fn indexed(&self) -> Option<&Sql> {
        self.key.indexed.as_ref()
    }

    /// What a remembered value has to be cast to.
    pub(crate) fn cast(&self) -> &'static str {
        if self.key.is_number { "::numeric" } else { "" }
    }
}

fn key(target: Resolved, places: &dyn Places) -> SortKey {
    if !target.attribute.multi_valued {
        return places.value(target).sort_key();
    }
    let many: Many = places.many(target);
    many.sort_key(target)
}
