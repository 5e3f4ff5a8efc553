//! Reading people: by id, by key, by condition. What is read is the kept document and what fills its slots.

pub mod manager_links;
pub mod summaries;
pub mod superiors;
pub mod write;

use std::collections::{BTreeMap, BTreeSet};

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use uuid::Uuid;

use super::db::schema::people;
use super::filter::condition::Condition;
use super::groups::columns::column;
use super::groups::shown_groups;
use super::visibility::Visibility;
use crate::directory::groups::Kind;

diesel::alias!(people as managers: Managers);

/// A person as they are kept for being shown.
#[derive(Clone, PartialEq, Eq, Queryable)]
pub struct PersonDocument {
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

/// A person as they are read for a page: manager and groups by id, since many have the same.
#[derive(Queryable)]
pub(super) struct ListedPerson {
    id: Uuid,
    pub(super) position: i64,
    document: String,
    source_worker_id: Option<String>,
    manager: Option<Uuid>,
    groups: Vec<Uuid>,
}

/// The columns of [`PersonDocument`], with the row of the manager, if the view has them, beside the person's.
macro_rules! shown {
    ($visibility:expr) => {
        people::table
            .left_join(
                managers.on(managers
                    .field(people::id)
                    .nullable()
                    .eq(people::manager_id)
                    .and($crate::store::people::ManagerSeen($visibility))),
            )
            .select((
                people::id,
                people::position,
                people::document,
                people::source_worker_id,
                managers
                    .fields((people::id, people::display_name, people::user_name, people::employee_number))
                    .nullable(),
                $crate::store::people::ShownGroups($visibility),
            ))
    };
}

/// The columns of [`ListedPerson`].
macro_rules! listed {
    () => {
        people::table.select((
            people::id,
            people::position,
            people::document,
            people::source_worker_id,
            people::manager_id,
            $crate::store::people::GroupIds,
        ))
    };
}
pub(super) use listed;

/// Whether the caller sees the manager in the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct ManagerSeen<'a>(pub(super) &'a Visibility);

impl Expression for ManagerSeen<'_> {
    type SqlType = Bool;
}

impl QueryFragment<Pg> for ManagerSeen<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Some(condition) = self.0.people() else {
            out.push_sql("TRUE");
            return Ok(());
        };
        out.push_sql("EXISTS (SELECT FROM \"people\" WHERE \"people\".\"id\" = \"managers\".\"id\" AND ");
        condition.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// The statement depends on the view: it is cached by its text.
impl QueryId for ManagerSeen<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS> AppearsOnTable<QS> for ManagerSeen<'_> {}
impl<QS> SelectableExpression<QS> for ManagerSeen<'_> {}

impl<GB> ValidGrouping<GB> for ManagerSeen<'_> {
    type IsAggregate = is_aggregate::No;
}

/// The groups of the person in the row that a view has, found by their keys within the same statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownGroups<'a>(pub(super) &'a Visibility);

impl Expression for ShownGroups<'_> {
    type SqlType = Array<Text>;
}

impl QueryFragment<Pg> for ShownGroups<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("ARRAY(SELECT g.id::text || g.display_name FROM groups g WHERE g.id = ANY(");
        push_group_columns(&mut out);
        out.push_sql(")");
        if let Some(seen) = self.0.groups_condition() {
            out.push_sql(" AND (");
            seen.write_to(&mut out)?;
            out.push_sql(")");
        }
        out.push_sql(" ORDER BY g.position)");
        Ok(())
    }
}

impl QueryId for ShownGroups<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS> AppearsOnTable<QS> for ShownGroups<'_> {}
impl<QS> SelectableExpression<QS> for ShownGroups<'_> {}

impl<GB> ValidGrouping<GB> for ShownGroups<'_> {
    type IsAggregate = is_aggregate::No;
}

/// The ids of the groups of the person in the row, whether visible or not.
#[derive(Clone, Copy, Debug, QueryId)]
pub(super) struct GroupIds;

impl Expression for GroupIds {
    type SqlType = Array<SqlUuid>;
}

impl QueryFragment<Pg> for GroupIds {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("array_remove(");
        push_group_columns(&mut out);
        out.push_sql(", NULL)");
        Ok(())
    }
}

impl<QS> AppearsOnTable<QS> for GroupIds {}
impl<QS> SelectableExpression<QS> for GroupIds {}

impl<GB> ValidGrouping<GB> for GroupIds {
    type IsAggregate = is_aggregate::No;
}

fn push_group_columns(out: &mut AstPass<'_, '_, Pg>) {
    for (n, kind) in Kind::ALL.into_iter().enumerate() {
        out.push_sql(if n > 0 { ", \"people\".\"" } else { "ARRAY[\"people\".\"" });
        out.push_sql(column(kind));
        out.push_sql("\"");
    }
    out.push_sql("]");
}

/// The people of a page with the managers and the groups that a view has. Each is read once, however many have the
/// same.
pub(super) async fn whole(
    conn: &mut AsyncPgConnection,
    people: Vec<ListedPerson>,
    visibility: &Visibility,
) -> QueryResult<Vec<PersonDocument>> {
    let groups: BTreeSet<Uuid> = people.iter().flat_map(|person| person.groups.iter().copied()).collect();
    let above: BTreeSet<Uuid> = people.iter().filter_map(|person| person.manager).collect();
    let groups = shown_groups(&*conn, groups.into_iter().collect(), visibility);
    // Two statements, one round trip.
    let (groups, above) = try_join(groups, shown_managers(&*conn, above.into_iter().collect(), visibility)).await?;
    Ok(people
        .into_iter()
        .map(|person| {
            let mut of_person: Vec<&(i64, String)> = person.groups.iter().filter_map(|id| groups.get(id)).collect();
            of_person.sort_unstable();
            PersonDocument {
                id: person.id,
                position: person.position,
                document: person.document,
                source_worker_id: person.source_worker_id,
                manager: person.manager.and_then(|id| above.get(&id).cloned()),
                groups: of_person.into_iter().map(|(_, text)| text.clone()).collect(),
            }
        })
        .collect())
}

/// What is shown of these managers, as far as they are visible.
async fn shown_managers(
    mut conn: &AsyncPgConnection,
    ids: Vec<Uuid>,
    visibility: &Visibility,
) -> QueryResult<BTreeMap<Uuid, Manager>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = people::table.filter(people::id.eq_any(ids)).select((
        people::id,
        people::display_name,
        people::user_name,
        people::employee_number,
    ));
    let found: Vec<Manager> = match visibility.people() {
        Some(condition) => query.filter(condition).load(&mut conn).await?,
        None => query.load(&mut conn).await?,
    };
    Ok(found.into_iter().map(|manager| (manager.id, manager)).collect())
}

/// One person, in one round trip; none if the person is not visible.
pub async fn document(
    conn: &mut AsyncPgConnection,
    id: Uuid,
    visibility: &Visibility,
) -> QueryResult<Option<PersonDocument>> {
    let query = shown!(visibility).filter(people::id.eq(id));
    match visibility.people() {
        Some(condition) => query.filter(condition).first(conn).await.optional(),
        None => query.first(conn).await.optional(),
    }
}

/// The birth dates of these people, as `YYYY-MM-DD`; who has none is not there. They are sensitive.
pub async fn birth_dates(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<(Uuid, String)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        day: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT id, person ->> 'birthDate' AS day FROM people WHERE id = ANY($1) AND person ->> 'birthDate' IS NOT NULL",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.day)).collect())
}

/// All people who satisfy a selective condition, in order. There are only a handful by its nature, so that page and
/// total need no second question.
pub(super) async fn selected(
    mut conn: &AsyncPgConnection,
    condition: &Condition,
    visibility: &Visibility,
) -> QueryResult<Vec<PersonDocument>> {
    // Sorted here: asked for an order, the planner may walk all people in that order instead of using the key.
    let mut people: Vec<PersonDocument> = shown!(visibility).filter(condition).load(&mut conn).await?;
    people.sort_unstable_by_key(|person| person.position);
    Ok(people)
}

impl std::fmt::Debug for PersonDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonDocument").field("id", &self.id).field("position", &self.position).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("id", &self.id).finish_non_exhaustive()
    }
}
