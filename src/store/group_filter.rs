//! A checked SCIM filter as a condition on groups. Values are bound, never spliced.

mod places;

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;
use diesel_async::AsyncPgConnection;
use serde_json::json;
use uuid::Uuid;

use super::compile::condition;
use super::groups::names;
use super::sql::{Piece, Sql, Value};
use super::view::View;
use crate::directory::groups::Kind;
use crate::scim::filter::check::{Checked, Leaf};

pub(super) use places::Groups;

/// A condition on a group, whose row is called `g`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupCondition(Sql);

impl GroupCondition {
    /// The condition of a checked filter on Groups. It has to be settled before it is asked.
    #[must_use]
    pub fn of(filter: &Checked, view: &View) -> Self {
        Self(condition(filter, &Groups(view)))
    }

    /// Both have to hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Sql::join(" AND ", [self.0, other.0]))
    }

    /// The group with this id.
    #[must_use]
    pub fn id(id: Uuid) -> Self {
        Self(Sql::of("g.id = ").and_then(Sql::value(Value::Uuid(id))))
    }

    /// The groups of a kind.
    #[must_use]
    pub fn kind(kind: Kind) -> Self {
        Self(Sql::of("g.kind = ").and_then(Sql::text(kind.as_str())))
    }

    pub(super) fn sql(&self) -> &Sql {
        &self.0
    }

    /// Whether it asks for anything that is in the keys of people.
    pub(super) fn reads_keys(&self) -> bool {
        self.0.names("keys")
    }

    /// Finds out which names satisfy it: there are as many as groups, and their keys are not kept.
    pub async fn settle(&mut self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        let mut known: Option<BTreeMap<Uuid, String>> = None;
        for piece in self.0.pieces_mut() {
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

/// Whether a leaf on the name of a group holds of this name.
fn holds(leaf: &Leaf, name: &str) -> bool {
    let group = json!({ &*leaf.target.schema.id: { &*leaf.target.attribute.name: name } });
    group.as_object().is_some_and(|group| Checked::Test(leaf.clone()).matches(group))
}

/// A statement that is put together piece by piece.
pub(super) struct Statement {
    pub(super) query: BoxedSqlQuery<'static, Pg, SqlQuery>,
    binds: usize,
}

impl Statement {
    pub(super) fn new(sql: &str) -> Self {
        Self { query: diesel::sql_query(sql).into_boxed(), binds: 0 }
    }

    pub(super) fn sql(self, sql: &str) -> Self {
        Self { query: self.query.sql(sql), ..self }
    }

    /// Appends a value.
    pub(super) fn bind<T, V>(self, value: V) -> Self
    where
        Pg: HasSqlType<T>,
        V: ToSql<T, Pg> + Send + 'static,
        T: Send + 'static,
    {
        let binds = self.binds + 1;
        Self { query: self.query.sql(format!("${binds}")).bind::<T, V>(value), binds }
    }
}
