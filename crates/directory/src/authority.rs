//! Authority: for each unit, the order in which connections take precedence.
//!
//! The default order is the order in which connections were added. For a unit of the employment, the connection of the
//! leading employment comes before it. An admin may give a unit its own order, which may equal the default order: then
//! no connection comes before it. Connections that it does not name follow in the default order, so a new connection
//! comes last.

use std::collections::BTreeMap;

use super::attribute::{NAMED, Unit};
use super::ids::ConnectionId;

/// The orders that the admin has set: for a unit, the connections that come first. A unit that is missing, or that
/// names no connection, has the default order.
pub type Orders = BTreeMap<Unit, Vec<ConnectionId>>;

/// The order of each unit that has its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    places: BTreeMap<Unit, BTreeMap<ConnectionId, usize>>,
}

impl Authority {
    /// Resolves orders among connections, which are given in the default order. An order that names none of them, and
    /// an order of a unit that cannot be ordered, is ignored.
    #[must_use]
    pub fn of(connections: &[ConnectionId], orders: &Orders) -> Self {
        let own = orders.iter().filter(|(unit, _)| is_orderable(unit)).filter_map(|(unit, named)| {
            let order = effective(named, connections);
            names_any(named, connections).then(|| (unit.clone(), order.into_iter().zip(0..).collect()))
        });
        Self { places: own.collect() }
    }

    /// The units that have an order of their own.
    pub(super) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.places.keys()
    }

    /// The place of a connection in the order of a unit; place 0 comes first. It is `None` where the unit has the
    /// default order.
    pub(super) fn place(&self, unit: &Unit, connection: ConnectionId) -> Option<usize> {
        // A connection that was added after this order was made comes last.
        self.places.get(unit).map(|places| places.get(&connection).copied().unwrap_or(usize::MAX))
    }
}

/// Whether an order names a connection; otherwise it is no order.
#[must_use]
pub fn names_any(named: &[ConnectionId], connections: &[ConnectionId]) -> bool {
    named.iter().any(|id| connections.contains(id))
}

/// The whole order: first the connections that are named, then the others in the default order. A name that is no
/// connection's is ignored.
#[must_use]
pub fn effective(named: &[ConnectionId], connections: &[ConnectionId]) -> Vec<ConnectionId> {
    let mut order: Vec<ConnectionId> = Vec::with_capacity(connections.len());
    let known = named.iter().filter(|id| connections.contains(id));
    for id in known.chain(connections) {
        if !order.contains(id) {
            order.push(*id);
        }
    }
    order
}

/// Whether an admin can order a unit. Type and status are those of the leading employment, and the work email is
/// decided among people.
#[must_use]
pub fn is_orderable(unit: &Unit) -> bool {
    !matches!(unit.0.as_str(), Unit::TYPE | Unit::STATUS | Unit::WORK_EMAIL)
}

/// All units that an admin can order, each once.
#[must_use]
pub fn orderable() -> Vec<Unit> {
    let typed = [Unit::NAME, Unit::MANAGER, Unit::BIRTH_DATE].map(Unit::named);
    let mut units: Vec<Unit> = Vec::new();
    for unit in typed.into_iter().chain(NAMED.iter().map(|row| Unit::named(row.unit))) {
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn connection(number: u8) -> ConnectionId {
        ConnectionId(Uuid::from_u128(number.into()))
    }

    fn connections(numbers: &[u8]) -> Vec<ConnectionId> {
        numbers.iter().copied().map(connection).collect()
    }

    #[test]
    fn who_is_not_named_follows_in_the_default_order() {
        let all = connections(&[1, 2, 3]);
        assert_eq!(effective(&connections(&[3]), &all), connections(&[3, 1, 2]));
        assert_eq!(effective(&connections(&[9, 2, 2]), &all), connections(&[2, 1, 3]));
    }

    #[test]
    fn an_order_that_names_nobody_is_none_and_every_other_counts() {
        let all = connections(&[1, 2, 3]);
        let title = Unit::named("title");
        for named in [&[][..], &[9]] {
            let orders = Orders::from([(title.clone(), connections(named))]);
            assert_eq!(Authority::of(&all, &orders), Authority::default(), "{named:?}");
        }
        let orders = Orders::from([(title.clone(), connections(&[1]))]);
        assert_eq!(Authority::of(&all, &orders).place(&title, connection(2)), Some(1), "also the default order");
        let orders = Orders::from([(title.clone(), connections(&[2]))]);
        let places = [2, 1, 3, 7].map(|number| Authority::of(&all, &orders).place(&title, connection(number)));
        assert_eq!(places, [Some(0), Some(1), Some(2), Some(usize::MAX)]);
        assert_eq!(Authority::of(&all, &orders).place(&Unit::named("team"), connection(1)), None);
    }

    #[test]
    fn what_follows_the_leading_employment_has_no_order() {
        let all = connections(&[1, 2]);
        for unit in [Unit::TYPE, Unit::STATUS, Unit::WORK_EMAIL] {
            let orders = Orders::from([(Unit::named(unit), connections(&[2, 1]))]);
            assert_eq!(Authority::of(&all, &orders), Authority::default(), "{unit}");
        }
    }

    #[test]
    fn every_unit_that_can_be_ordered_is_listed_once() {
        let units = orderable();
        for unit in ["name", "manager", "department", "team", "legalEntity", "workLocation", "title", "address.work"] {
            assert_eq!(units.iter().filter(|one| one.0 == unit).count(), 1, "{unit}");
        }
        assert!(units.iter().all(is_orderable));
    }

    proptest! {
        #[test]
        fn an_order_has_every_connection_once_and_the_named_first(
            named in prop::collection::vec(0..8_u8, 0..6),
            all in prop::collection::btree_set(0..8_u8, 0..6),
        ) {
            let all = connections(&all.into_iter().collect::<Vec<_>>());
            let named = connections(&named);
            let order = effective(&named, &all);
            let mut sorted = order.clone();
            sorted.sort();
            prop_assert_eq!(&sorted, &all, "the numbers are the default order");
            let is_named = |id: &ConnectionId| named.contains(id);
            prop_assert!(order.is_sorted_by_key(|id| !is_named(id)));
            prop_assert_eq!(effective(&order, &all), order);
        }
    }
}
