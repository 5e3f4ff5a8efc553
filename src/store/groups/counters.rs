//! What the sequencer makes of numbered changes for groups: versions, member counts, and whether a group has become
//! empty or has members again. It alone sees the changes one after the other, so that no group's row is touched by
//! those who join it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bigint, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

use crate::store::changes::{NewChange, append_numbered};

#[derive(QueryableByName)]
struct Folded {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bigint)]
    members: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    retired_since: Option<DateTime<Utc>>,
    /// Of the last change that was folded.
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

/// Folds the changes after `from`, through `to`, and appends that groups became empty or have members again, numbered
/// behind `to`. Tells how many it appended.
pub(crate) async fn fold(conn: &mut AsyncPgConnection, from: i64, to: i64) -> QueryResult<i64> {
    let folded: Vec<Folded> = diesel::sql_query(
        "UPDATE groups g SET version = g.version + t.changes, members = g.members + t.delta,
             modified_at = greatest(g.modified_at, t.at)
         FROM (SELECT t.group_id, count(*) AS changes, max(c.at) AS at, sum(t.delta) AS delta
               FROM changes c CROSS JOIN LATERAL (
                   SELECT unnest(c.groups_joined), 1 UNION ALL SELECT unnest(c.groups_left), -1
                   UNION ALL SELECT c.group_id, 0 WHERE c.group_id IS NOT NULL
                   UNION ALL SELECT unnest(c.groups_renamed), 0
               ) AS t (group_id, delta)
               WHERE c.sequence > $1 AND c.sequence <= $2 GROUP BY 1) AS t
         WHERE g.id = t.group_id
         RETURNING g.id, g.members, g.retired_since, t.at",
    )
    .bind::<Bigint, _>(from)
    .bind::<Bigint, _>(to)
    .load(conn)
    .await?;
    let mut turned: Vec<&Folded> =
        folded.iter().filter(|group| (group.members <= 0) != group.retired_since.is_some()).collect();
    if turned.is_empty() {
        return Ok(0);
    }
    turned.sort_unstable_by_key(|group| (group.at, group.id));
    let changes: Vec<NewChange> = turned
        .iter()
        .map(|group| {
            let retires = group.members <= 0;
            NewChange {
                at: group.at,
                kind: if retires { "group.retired" } else { "group.updated" }.to_owned(),
                cause: "membership".to_owned(),
                diff: json!([{ "attribute": "retired", "unit": "group", "old": !retires, "new": retires }]),
                group_id: Some(group.id),
                ..NewChange::default()
            }
        })
        .collect();
    diesel::sql_query(
        "UPDATE groups g SET version = g.version + 1, retired_since = t.retired_since
         FROM unnest($1, $2) AS t (id, retired_since) WHERE g.id = t.id",
    )
    .bind::<Array<SqlUuid>, _>(turned.iter().map(|group| group.id).collect::<Vec<_>>())
    .bind::<Array<Nullable<Timestamptz>>, _>(
        turned.iter().map(|group| (group.members <= 0).then_some(group.at)).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    append_numbered(conn, &changes, to).await?;
    Ok(i64::try_from(changes.len()).unwrap_or(i64::MAX))
}
