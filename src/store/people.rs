//! Reading people: by id, by key, by condition. What is read is the kept document and what fills its slots.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::groups::column;
use super::schema::people;
use super::scim_filter::Condition;
use crate::directory::groups::Kind;

diesel::alias!(people as managers: Managers);

/// A person as they are kept for being shown.
#[derive(Clone, PartialEq, Eq, Queryable)]
pub struct Shown {
    pub id: Uuid,
    /// Orders every list; grows for ever.
    pub position: i64,
    /// The SCIM document with its slots.
    pub document: String,
    /// The source id of the primary employment.
    pub source_worker_id: Option<String>,
    pub manager: Option<Manager>,
    /// The groups in order, each its id and right behind it its display name.
    pub groups: Vec<String>,
}

/// What is shown of a person's manager.
#[derive(Clone, PartialEq, Eq, Queryable)]
pub struct Manager {
    pub id: Uuid,
    pub display_name: Option<String>,
    pub user_name: String,
    pub employee_number: Option<String>,
}

/// The columns of [`Shown`], with the manager's row beside the person's.
macro_rules! shown {
    () => {
        people::table.left_join(managers.on(managers.field(people::id).nullable().eq(people::manager_id))).select((
            people::id,
            people::position,
            people::document,
            people::source_worker_id,
            managers.fields((people::id, people::display_name, people::user_name, people::employee_number)).nullable(),
            crate::store::people::ShownGroups,
        ))
    };
}
pub(super) use shown;

/// The groups of the person in the row, found by their keys within the same statement.
#[derive(Clone, Copy, Debug, QueryId, ValidGrouping)]
pub(super) struct ShownGroups;

impl Expression for ShownGroups {
    type SqlType = Array<Text>;
}

impl QueryFragment<Pg> for ShownGroups {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("ARRAY(SELECT g.id::text || g.display_name FROM groups g WHERE g.id = ANY(ARRAY[");
        for (n, kind) in Kind::ALL.into_iter().enumerate() {
            out.push_sql(if n > 0 { ", \"people\".\"" } else { "\"people\".\"" });
            out.push_sql(column(kind));
            out.push_sql("\"");
        }
        out.push_sql("]) ORDER BY g.position)");
        Ok(())
    }
}

impl<QS> AppearsOnTable<QS> for ShownGroups {}
impl<QS> SelectableExpression<QS> for ShownGroups {}

/// One person, in one round trip.
pub async fn document(conn: &mut AsyncPgConnection, id: Uuid) -> QueryResult<Option<Shown>> {
    shown!().filter(people::id.eq(id)).first(conn).await.optional()
}

/// All people who satisfy a selective condition, in order. There are only a handful by its nature, so that page and
/// total need no second question.
pub(super) async fn selected(mut conn: &AsyncPgConnection, condition: &Condition) -> QueryResult<Vec<Shown>> {
    // Sorted here: asked for an order, the planner may walk all people in that order instead of using the key.
    let mut people: Vec<Shown> = shown!().filter(condition).load(&mut conn).await?;
    people.sort_unstable_by_key(|person| person.position);
    Ok(people)
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("id", &self.id).field("position", &self.position).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("id", &self.id).finish_non_exhaustive()
    }
}
