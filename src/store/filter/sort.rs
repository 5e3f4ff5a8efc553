//! By what a list is sorted.
//!
//! Ties are broken by position, and descending is the reverse of ascending in all of it. So a page is told by the sort
//! value and the position of the resource before it: a resource that is added, changed or removed meanwhile moves no
//! other.

use super::compile::{AttributeSql, MultiValued};
use super::groups::Groups;
use super::scalar::SortKey;
use super::sql::Sql;
use super::users::People;
use crate::scim::schema::Resolved;
use crate::store::visibility::Visibility;

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
    pub fn of_people(target: Resolved, descending: bool, visibility: &Visibility) -> Self {
        Self { key: key(target, &People(visibility)), target, descending }
    }

    /// A sort key of Groups.
    #[must_use]
    pub fn of_groups(target: Resolved, descending: bool, visibility: &Visibility) -> Self {
        Self { key: key(target, &Groups(visibility)), target, descending }
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

fn key(target: Resolved, attributes: &dyn AttributeSql) -> SortKey {
    if !target.attribute.multi_valued {
        return attributes.value(target).sort_key();
    }
    let multi_valued: MultiValued = attributes.multi_valued(target);
    multi_valued.sort_key(target)
}
