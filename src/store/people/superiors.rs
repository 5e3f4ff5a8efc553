//! The manager of a person, the manager's manager and so on: at most twenty, each once.

use diesel::prelude::*;
use diesel::sql_types::{Int4, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::filter::sql::Statement;
use crate::store::filter::sql::Value;
use crate::store::visibility::Visibility;

/// A manager above a person, as far as the caller sees.
#[derive(Clone, PartialEq, Eq, QueryableByName)]
pub struct Superior {
    #[diesel(sql_type = SqlUuid)]
    pub person: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    pub display_name: Option<String>,
    /// 1 is the manager.
    #[diesel(sql_type = Int4)]
    pub level: i32,
}

/// The managers of these people, their managers and so on, upward, of each person in order. It ends at a manager that
/// the view does not have, and at the twentieth.
pub async fn superiors(
    conn: &mut AsyncPgConnection,
    ids: &[Uuid],
    visibility: &Visibility,
) -> QueryResult<Vec<Superior>> {
    let and_seen = |statement: Statement| match visibility.person_filter("m") {
        Some(seen) => statement.sql(" AND ").and_then(seen),
        None => statement,
    };
    let first = Statement::new(
        "WITH RECURSIVE chain AS (
             SELECT p.id AS person, m.id, m.display_name, m.manager_id, 1 AS level, ARRAY[p.id, m.id] AS way
             FROM people p JOIN people m ON m.id = p.manager_id WHERE p.id = ANY(",
    );
    let first = and_seen(first.bind(Value::Uuids(ids.to_vec())).sql(")"));
    let rest = and_seen(first.sql(
        " UNION ALL
             SELECT c.person, m.id, m.display_name, m.manager_id, c.level + 1, c.way || m.id
             FROM chain c JOIN people m ON m.id = c.manager_id WHERE c.level < 20 AND m.id <> ALL(c.way)",
    ));
    rest.sql(") SELECT person, id, display_name, level FROM chain ORDER BY person, level").load(conn).await
}

impl std::fmt::Debug for Superior {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Superior").field("id", &self.id).field("level", &self.level).finish_non_exhaustive()
    }
}
