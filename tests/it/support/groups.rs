//! Makes groups for tests of reading, put into the tables as written people leave them.

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rollbook::clock::Clock;
use uuid::Uuid;

/// A department with these members, whose joining has no number yet.
pub(crate) async fn department(conn: &mut AsyncPgConnection, name: &str, members: &[Uuid], now: DateTime<Utc>) -> Uuid {
    let id = Clock::system().random_id();
    sql_query(
        "WITH made AS (
            INSERT INTO groups (id, kind, key, name, display_name, display_name_key, created_at, modified_at)
            VALUES ($1, 'department', lower($2), $2, 'Department: ' || $2, lower('Department: ' || $2), $4, $4)
         ), keyed AS (
            INSERT INTO group_keys (kind, key, group_id) VALUES ('department', lower($2), $1)
         ), logged AS (
            INSERT INTO changes (at, kind, person_version, cause, diff, position, people_delta, group_id)
            VALUES ($4, 'group.created', 0, 'test', '[]', 0, 0, $1)
         ), joined AS (
            UPDATE people SET department_group = $1, version = version + 1 WHERE id = ANY($3)
            RETURNING id, version, position
         )
         INSERT INTO changes (at, kind, person_id, person_version, cause, diff, position, people_delta, groups_joined)
         SELECT $4, 'person.updated', id, version, 'test', '[]', position, 0, ARRAY[$1] FROM joined",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(name)
    .bind::<Array<SqlUuid>, _>(members)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await
    .unwrap();
    id
}
