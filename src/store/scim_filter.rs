//! A checked SCIM filter as a condition on `people`. Values are bound, never spliced.

mod places;

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::compile::condition;
use super::groups::{column, satisfying};
use super::sql::{Piece, Sql, Value};
use super::view::View;
use crate::directory::groups::Kind;
use crate::scim::filter::Operator;
use crate::scim::filter::check::{Checked, Leaf, Predicate};

pub(super) use places::People;

/// A condition on a row of `people`, as a diesel expression for whatever query has that table in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    sql: Sql,
    is_selective: bool,
    is_walked: bool,
    /// Whether its statement is worth keeping prepared: there are as many conditions as there are filters.
    is_plain: bool,
}

impl Condition {
    /// The condition of a checked filter on Users. It has to be settled before it is asked.
    #[must_use]
    pub fn of(filter: &Checked, view: &View) -> Self {
        Self {
            sql: condition(filter, &People(view)),
            is_selective: is_selective(filter),
            is_walked: is_walked(filter),
            is_plain: is_common(filter),
        }
    }

    /// Both have to hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            sql: Sql::join(" AND ", [self.sql, other.sql]),
            is_selective: self.is_selective || other.is_selective,
            is_walked: self.is_walked && other.is_walked,
            is_plain: self.is_plain && other.is_plain,
        }
    }

    /// There are few such conditions: those of release policies.
    pub(super) fn kept_prepared(self) -> Self {
        Self { is_plain: true, ..self }
    }

    pub(super) fn sql(&self) -> &Sql {
        &self.sql
    }

    /// Whether only a handful of people can satisfy it, whatever the number of people: each way to satisfy it names a
    /// user name, an email, an id or a source id.
    #[must_use]
    pub fn is_selective(&self) -> bool {
        self.is_selective
    }

    /// Whether those who satisfy it are found best in the order of lists: the members of a group, who can be many and
    /// have an index in that order, or everybody who is active.
    #[must_use]
    pub(super) fn is_walked(&self) -> bool {
        self.is_walked
    }

    /// Finds the groups that it speaks of, so that the indexes of their kinds can be used.
    pub async fn settle(&mut self, conn: &mut AsyncPgConnection) -> QueryResult<()> {
        for piece in self.sql.pieces_mut() {
            let Piece::InGroups(of_groups) = piece else { continue };
            let found = satisfying(conn, of_groups).await?;
            // As many kinds as there are, and one group or several of each.
            self.is_plain &= found.len() == 1;
            *piece = Piece::Settled(Box::new(in_groups(&found)));
        }
        Ok(())
    }
}

/// Somebody in one of these groups.
fn in_groups(groups: &[(Uuid, Kind)]) -> Sql {
    let of_kind = |kind: Kind| -> Option<Sql> {
        let ids: Vec<Uuid> = groups.iter().filter(|(_, of)| *of == kind).map(|(id, _)| *id).collect();
        let column = Sql::of(format!("\"people\".\"{}\"", column(kind)));
        match ids.as_slice() {
            [] => None,
            [id] => Some(column.then(" = ").and_then(Sql::value(Value::Uuid(*id)))),
            _ => Some(column.then(" = ANY(").and_then(Sql::value(Value::Uuids(ids))).then(")")),
        }
    };
    let kinds: Vec<Sql> = Kind::ALL.into_iter().filter_map(of_kind).collect();
    match kinds.len() {
        0 => Sql::truth(false),
        1 => kinds.into_iter().next().unwrap_or_default(),
        _ => Sql::join(" OR ", kinds),
    }
}

pub(super) fn is_selective(filter: &Checked) -> bool {
    match filter {
        Checked::And(operands) => operands.iter().any(is_selective),
        Checked::Or(operands) => operands.iter().all(is_selective),
        Checked::Test(leaf) => names_a_person(leaf),
        Checked::Element { filter, then, .. } => is_selective(filter) || then.as_ref().is_some_and(names_a_person),
        // Nobody is only a handful.
        Checked::Constant(holds) => !holds,
        Checked::Not(_) => false,
    }
}

fn names_a_person(leaf: &Leaf) -> bool {
    matches!(leaf.predicate, Predicate::Compare(Operator::Eq, _))
        && ["userName", "emails.value", "id", "externalId"].contains(&leaf.target.to_string().as_str())
}

/// Whether it is one of the few questions that are asked again and again, so that its statement is worth keeping: one
/// comparison with what an index finds.
fn is_common(filter: &Checked) -> bool {
    let Checked::Test(Leaf { target, predicate: Predicate::Compare(operator, _) }) = filter else { return false };
    let path = target.to_string();
    let name = path.rsplit(':').next().unwrap_or_default();
    matches!(operator, Operator::Eq | Operator::Co | Operator::Sw) && COMMON.contains(&name)
}

/// Attributes that an index finds, without the URNs of their schemas.
const COMMON: [&str; 11] = [
    "id",
    "userName",
    "externalId",
    "displayName",
    "emails.value",
    "active",
    "groups.value",
    "manager.value",
    "employeeNumber",
    "department",
    "sourceWorkerId",
];

pub(super) fn is_walked(filter: &Checked) -> bool {
    match filter {
        Checked::And(operands) => operands.iter().all(is_walked),
        Checked::Test(leaf) => {
            matches!(leaf.predicate, Predicate::Compare(Operator::Eq, _))
                && ["groups.value", "active"].contains(&leaf.target.to_string().as_str())
        }
        _ => false,
    }
}

impl Expression for Condition {
    type SqlType = Bool;
}

impl QueryFragment<Pg> for Condition {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.is_plain {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("(");
        self.sql.push(&mut out)?;
        out.push_sql(")");
        Ok(())
    }
}

/// The statement depends on the condition's shape: it is cached by its text.
impl QueryId for Condition {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS> AppearsOnTable<QS> for Condition {}
impl<QS> SelectableExpression<QS> for Condition {}

impl<GB> ValidGrouping<GB> for Condition {
    type IsAggregate = is_aggregate::No;
}
