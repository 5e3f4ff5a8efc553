//! What is worth showing of a directory to somebody who sees it for the first time.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// Things that show what merging two HR systems means; each absent where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct Examples {
    /// The id of an active person with workers in more than one connection.
    #[diesel(sql_type = Nullable<Text>)]
    pub merged: Option<String>,
    /// The `userName` of an active person whose manager the connection that leads for them does not know; lacking one, of
    /// somebody who has a manager.
    #[diesel(sql_type = Nullable<Text>)]
    pub led: Option<String>,
    /// The `displayName` of a department with members from more than one connection; lacking one, of any group.
    #[diesel(sql_type = Nullable<Text>)]
    pub group: Option<String>,
}

/// Finds examples.
pub async fn find(conn: &mut AsyncPgConnection) -> QueryResult<Examples> {
    diesel::sql_query(
        "SELECT
            (SELECT p.id::text FROM people p JOIN workers w ON w.person_id = p.id
             WHERE p.active AND w.disposition = 'published'
             GROUP BY p.id, p.position HAVING count(DISTINCT w.connection_id) > 1
             ORDER BY count(DISTINCT w.connection_id) DESC, p.position LIMIT 1) AS merged,
            (SELECT p.user_name FROM people p JOIN people m ON m.id = p.manager_id
             WHERE p.active
             ORDER BY EXISTS (SELECT FROM workers w WHERE w.person_id = m.id
                              AND w.connection_id::text = p.person #>> '{source,connection}'), p.position DESC
             LIMIT 1) AS led,
            (SELECT g.display_name FROM groups g
             LEFT JOIN LATERAL (SELECT count(DISTINCT p.person #>> '{source,connection}') AS systems FROM people p
                                WHERE p.department_group = g.id) AS m ON true
             WHERE g.deleted_at IS NULL AND g.retired_since IS NULL
             ORDER BY (g.kind = 'department') DESC, m.systems DESC, g.position LIMIT 1) AS group",
    )
    .get_result(conn)
    .await
}
