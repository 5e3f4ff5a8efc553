//! A checked SCIM filter as a condition on groups. Values are bound, never spliced.

mod places;

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use serde_json::json;
use uuid::Uuid;

use super::compile::condition;
use super::groups::names;
use super::sql::{Piece, Sql, Value};
use super::view::View;
use crate::directory::groups::Kind;
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Predicate};

pub(super) use places::Groups;

/// A condition on a group, whose row is called `g`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupCondition {
    sql: Sql,
    /// Whether its statement is worth keeping prepared: there are as many conditions as there are filters.
    is_plain: bool,
}

impl GroupCondition {
    /// The condition of a checked filter on Groups. It has to be settled before it is asked.
    #[must_use]
    pub fn of(filter: &Checked, view: &View) -> Self {
        Self { sql: condition(filter, &Groups(view)), is_plain: is_common(filter) }
    }

    /// Both have to hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { sql: Sql::join(" AND ", [self.sql, other.sql]), is_plain: self.is_plain && other.is_plain }
    }

    /// There are few such conditions: those of release policies.
    pub(super) fn kept_prepared(self) -> Self {
        Self { is_plain: true, ..self }
    }

    /// The group with this id.
    #[must_use]
    pub fn id(id: Uuid) -> Self {
        Self { sql: Sql::of("g.id = ").and_then(Sql::value(Value::Uuid(id))), is_plain: true }
    }

    /// The groups of a kind.
    #[must_use]
    pub fn kind(kind: Kind) -> Self {
        Self { sql: Sql::of("g.kind = ").and_then(Sql::text(kind.as_str())), is_plain: true }
    }

    pub(super) fn sql(&self) -> &Sql {
        &self.sql
    }

    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Finds out which names satisfy it: there are as many as groups, and their keys are not kept.
    pub async fn settle(&mut self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        let mut known: Option<BTreeMap<Uuid, String>> = None;
        for piece in self.sql.pieces_mut() {
            let Piece::Named(leaf) = piece else { continue };
            let names = match known.take() {
                Some(names) => names,
                None => names(conn).await?.into_iter().collect(),
            };
            let found = names.iter().filter(|(_, name)| holds(leaf, name)).map(|(id, _)| *id).collect();
            let found = Sql::of("g.id = ANY(").and_then(Sql::value(Value::Uuids(found))).then(")");
            *piece = Piece::Settled(Box::new(found));
            known = Some(names);
        }
        Ok(())
    }
}

/// Whether it is one of the few questions that are asked again and again.
fn is_common(filter: &Checked) -> bool {
    let Checked::Test(Leaf { target, predicate: Predicate::Compare(Operator::Eq, _) }) = filter else { return false };
    ["id", "displayName", "members.value"].contains(&target.to_string().as_str())
}

/// Whether a leaf on the name of a group holds of this name.
fn holds(leaf: &Leaf, name: &str) -> bool {
    let group = json!({ &*leaf.target.schema.id: { &*leaf.target.attribute.name: name } });
    group.as_object().is_some_and(|group| Checked::Test(leaf.clone()).matches(group))
}
