//! People as an admin lists them: a few columns, found by condition or by an email of now or of former times.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::store::db::schema::people;
use crate::store::filter::condition::Condition;

/// What a list shows of a person.
#[derive(Clone, HasQuery)]
#[diesel(table_name = people)]
pub struct Summary {
    pub id: Uuid,
    /// Orders every list; grows for ever.
    pub position: i64,
    pub version: i64,
    pub user_name: String,
    pub active: bool,
    pub display_name: Option<String>,
    pub manager_id: Option<Uuid>,
    pub person: Value,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Summary").field("id", &self.id).field("position", &self.position).finish_non_exhaustive()
    }
}

/// A page of people after a position: all of them, or those who satisfy a condition.
pub async fn page(
    conn: &mut AsyncPgConnection,
    condition: Option<&Condition>,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<Summary>> {
    let query = Summary::query().filter(people::position.gt(after)).order(people::position).limit(limit);
    match condition {
        Some(condition) => query.filter(condition).load(conn).await,
        None => query.load(conn).await,
    }
}

/// These people, in the order of lists.
pub async fn of_people(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<Vec<Summary>> {
    Summary::query().filter(people::id.eq_any(ids)).order(people::position).load(conn).await
}

/// A former email of a person, as the key under which it is reserved.
#[derive(Clone, PartialEq, Eq, QueryableByName)]
pub struct Reservation {
    #[diesel(sql_type = Text)]
    pub email_key: String,
    #[diesel(sql_type = SqlUuid)]
    pub person_id: Uuid,
    #[diesel(sql_type = Timestamptz)]
    pub reserved_until: DateTime<Utc>,
}

/// The former emails that are reserved for a person, the latest reservation first.
pub async fn reservations_of(
    conn: &mut AsyncPgConnection,
    person: Uuid,
    now: DateTime<Utc>,
) -> QueryResult<Vec<Reservation>> {
    diesel::sql_query(
        "SELECT email_key, person_id, reserved_until FROM email_reservations
         WHERE person_id = $1 AND reserved_until > $2 ORDER BY reserved_until DESC, email_key",
    )
    .bind::<SqlUuid, _>(person)
    .bind::<Timestamptz, _>(now)
    .load(conn)
    .await
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("person_id", &self.person_id).finish_non_exhaustive()
    }
}

/// Things that show what merging two HR systems means; each absent where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, QueryableByName)]
pub struct Examples {
    /// The id of an active person with workers in more than one connection.
    #[diesel(sql_type = Nullable<Text>)]
    pub merged: Option<String>,
    /// The `userName` of an active person whose manager the connection that leads for them does not know; lacking one,
    /// of a person who has a manager.
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
