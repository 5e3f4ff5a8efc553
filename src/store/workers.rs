//! Workers: what each HR system says, what of it the merge takes, and whose worker each is.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Int8, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::db::schema::workers;

/// One row of `workers`.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = workers)]
pub struct WorkerRow {
    pub connection_id: Uuid,
    pub source_id: String,
    pub statement: Value,
    pub digest: Vec<u8>,
    pub email_key: Option<String>,
    pub accepted: Option<Value>,
    pub decided_digest: Option<Vec<u8>>,
    pub disposition: String,
    pub exclusion: Option<String>,
    pub recheck_at: Option<DateTime<Utc>>,
    pub person_id: Option<Uuid>,
    pub link_reason: Option<String>,
    pub linked_at: Option<DateTime<Utc>>,
    pub first_seen_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    pub absent_since: Option<DateTime<Utc>>,
    pub absent: bool,
    pub accepted_absent: bool,
    pub partial: bool,
}

/// Workers of a connection that a plan has to look at, after a source id: those who are new, say something else, are
/// withheld in whole or in part, whose absence was proven or refuted, or whose time to be looked at again has come.
pub async fn undecided(
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    now: DateTime<Utc>,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        source_id: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "(SELECT source_id FROM workers
          WHERE connection_id = $1 AND source_id > $2
            AND (disposition IN ('new', 'withheld') OR partial OR absent <> accepted_absent
                 OR decided_digest IS DISTINCT FROM digest)
          ORDER BY source_id LIMIT $4)
         UNION
         (SELECT source_id FROM workers
          WHERE connection_id = $1 AND source_id > $2 AND recheck_at <= $3
          ORDER BY source_id LIMIT $4)
         ORDER BY source_id LIMIT $4",
    )
    .bind::<SqlUuid, _>(connection)
    .bind::<Text, _>(after)
    .bind::<Timestamptz, _>(now)
    .bind::<Int8, _>(limit)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.source_id).collect())
}

/// All workers of a connection, after a source id: for a change of its mapping.
pub async fn source_ids(
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<String>> {
    workers::table
        .filter(workers::connection_id.eq(connection))
        .filter(workers::source_id.gt(after))
        .order(workers::source_id)
        .select(workers::source_id)
        .limit(limit)
        .load(conn)
        .await
}

/// Active connections that have workers whose time to be looked at again has come, and no plan since.
pub async fn rechecks_due(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT DISTINCT c.id FROM workers w JOIN connections c ON c.id = w.connection_id
         WHERE w.recheck_at <= $1 AND c.state IN ('active', 'failing', 'needsReauthorization', 'paused')
           AND NOT EXISTS (SELECT FROM plans p WHERE p.connection_id = c.id AND p.created_at >= w.recheck_at)",
    )
    .bind::<Timestamptz, _>(now)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

pub async fn by_source_ids(
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    source_ids: &[String],
) -> QueryResult<Vec<WorkerRow>> {
    WorkerRow::query()
        .filter(workers::connection_id.eq(connection))
        .filter(workers::source_id.eq_any(source_ids))
        .load(conn)
        .await
}

pub async fn by_email_keys(conn: &mut AsyncPgConnection, keys: &[String]) -> QueryResult<Vec<WorkerRow>> {
    WorkerRow::query().filter(workers::email_key.eq_any(keys)).load(conn).await
}

pub async fn by_people(conn: &mut AsyncPgConnection, people: &[Uuid]) -> QueryResult<Vec<WorkerRow>> {
    WorkerRow::query().filter(workers::person_id.eq_any(people)).load(conn).await
}

/// How many workers of a connection are published, withheld, excluded, or not yet decided; each is counted once. Those
/// of which something cannot be read are counted beside that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, QueryableByName, Serialize, Deserialize)]
pub struct Tally {
    #[diesel(sql_type = Int8)]
    pub published: i64,
    #[diesel(sql_type = Int8)]
    pub withheld: i64,
    #[diesel(sql_type = Int8)]
    pub excluded: i64,
    #[diesel(sql_type = Int8)]
    pub undecided: i64,
    /// Workers that complete reads no longer contain, whatever they were.
    #[diesel(sql_type = Int8)]
    pub missing: i64,
    /// Workers whose latest record has fields that cannot be read.
    #[diesel(sql_type = Int8)]
    pub unreadable: i64,
}

/// Counts the workers of a connection; with `plan`, those that are not linked yet as that plan would have them.
pub async fn tally(conn: &mut AsyncPgConnection, connection: Uuid, plan: Option<Uuid>) -> QueryResult<Tally> {
    diesel::sql_query(
        "SELECT count(*) FILTER (WHERE disposition = 'published') AS published,
                count(*) FILTER (WHERE disposition = 'withheld') AS withheld,
                count(*) FILTER (WHERE disposition = 'excluded') AS excluded,
                count(*) FILTER (WHERE disposition = 'new') AS undecided,
                count(*) FILTER (WHERE disposition = 'missing') AS missing,
                count(*) FILTER (WHERE unreadable AND disposition <> 'missing') AS unreadable
         FROM (SELECT w.unreadable, CASE WHEN w.absent_since IS NOT NULL THEN 'missing'
                   WHEN w.disposition = 'new' THEN coalesce(p.disposition, 'new') ELSE w.disposition END AS disposition
               FROM workers w LEFT JOIN plan_workers p
                   ON p.plan_id = $2 AND p.connection_id = w.connection_id AND p.source_id = w.source_id
               WHERE w.connection_id = $1) AS w",
    )
    .bind::<SqlUuid, _>(connection)
    .bind::<Nullable<SqlUuid>, _>(plan)
    .get_result(conn)
    .await
}

/// Who a worker is, for people: the name in the latest statement, where it can be read, and the connection's name.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Named {
    #[diesel(sql_type = SqlUuid)]
    pub connection_id: Uuid,
    #[diesel(sql_type = Text)]
    pub source_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = Text)]
    pub connection: String,
}

/// Who these workers are; one that is not known is left out. A name that cannot be read any more is the last good one.
pub async fn named(conn: &mut AsyncPgConnection, keys: &[(Uuid, String)]) -> QueryResult<Vec<Named>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    diesel::sql_query(
        "SELECT w.connection_id, w.source_id, c.name AS connection,
                coalesce(s #>> '{attributes,displayName}', s ->> 'fullName', s #>> '{attributes,familyName}',
                         s #>> '{attributes,givenName}', w.accepted #>> '{attributes,displayName}',
                         w.accepted ->> 'fullName') AS name
         FROM unnest($1, $2) AS k (connection_id, source_id)
         JOIN workers w ON w.connection_id = k.connection_id AND w.source_id = k.source_id
         JOIN connections c ON c.id = w.connection_id CROSS JOIN LATERAL (SELECT w.statement AS s) AS l",
    )
    .bind::<Array<SqlUuid>, _>(keys.iter().map(|(connection, _)| *connection).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(keys.iter().map(|(_, source_id)| source_id.as_str()).collect::<Vec<_>>())
    .load(conn)
    .await
}

/// A word that an HR system uses, and how many of its workers it concerns.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Word {
    #[diesel(sql_type = Text)]
    pub word: String,
    #[diesel(sql_type = Int8)]
    pub workers: i64,
}

/// The words that the workers of a connection use for one thing; `path` is one of the constants below.
pub async fn words(conn: &mut AsyncPgConnection, connection: Uuid, path: &[&str]) -> QueryResult<Vec<Word>> {
    diesel::sql_query(
        "SELECT statement #>> $2 AS word, count(*) AS workers FROM workers
         WHERE connection_id = $1 AND statement #>> $2 IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    .bind::<SqlUuid, _>(connection)
    .bind::<Array<Text>, _>(path.to_vec())
    .load(conn)
    .await
}

/// Where [`words`] finds worker types.
pub const WORKER_TYPE: [&str; 2] = ["employment", "workerType"];
/// Where [`words`] finds statuses.
pub const STATUS: [&str; 2] = ["employment", "status"];
/// Where [`words`] finds legal entity ids.
pub const LEGAL_ENTITY_ID: [&str; 2] = ["attributes", "legalEntityId"];
/// Where [`words`] finds department names.
pub const DEPARTMENT: [&str; 2] = ["attributes", "department"];

/// A page of a connection's workers, after a source id, of one disposition or of all. With `plan`, those that are not
/// linked yet as that plan would have them, as in [`tally`].
pub async fn page(
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    plan: Option<Uuid>,
    disposition: Option<&str>,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<WorkerRow>> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        source_id: String,
        #[diesel(sql_type = Text)]
        disposition: String,
        #[diesel(sql_type = Nullable<Text>)]
        exclusion: Option<String>,
    }
    let found: Vec<Found> = diesel::sql_query(
        "SELECT source_id, disposition, exclusion
         FROM (SELECT w.source_id, coalesce(w.exclusion, p.exclusion) AS exclusion,
                   CASE WHEN w.absent_since IS NOT NULL THEN 'missing'
                   WHEN w.disposition = 'new' THEN coalesce(p.disposition, 'new') ELSE w.disposition END AS disposition
               FROM workers w LEFT JOIN plan_workers p
                   ON p.plan_id = $2 AND p.connection_id = w.connection_id AND p.source_id = w.source_id
               WHERE w.connection_id = $1 AND w.source_id > $4) AS w
         WHERE $3 IS NULL OR disposition = $3
         ORDER BY source_id LIMIT $5",
    )
    .bind::<SqlUuid, _>(connection)
    .bind::<Nullable<SqlUuid>, _>(plan)
    .bind::<Nullable<Text>, _>(disposition)
    .bind::<Text, _>(after)
    .bind::<Int8, _>(limit)
    .load(conn)
    .await?;
    let ids: Vec<String> = found.iter().map(|found| found.source_id.clone()).collect();
    let mut rows: std::collections::BTreeMap<String, WorkerRow> =
        by_source_ids(conn, connection, &ids).await?.into_iter().map(|row| (row.source_id.clone(), row)).collect();
    let row = |found: Found| {
        let row = rows.remove(&found.source_id)?;
        Some(WorkerRow { disposition: found.disposition, exclusion: found.exclusion, ..row })
    };
    Ok(found.into_iter().filter_map(row).collect())
}

/// Takes over what a plan decided: the links, and what the merge takes. With `people`, about their workers; without,
/// about all workers whose people the plan leaves as they are.
pub async fn accept(
    conn: &mut AsyncPgConnection,
    plan: Uuid,
    people: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::sql_query(
        "UPDATE workers w
         SET accepted = CASE WHEN p.disposition = 'published' THEN coalesce(p.accepted, w.statement) ELSE w.accepted END,
             decided_digest = p.digest, disposition = p.disposition, exclusion = p.exclusion,
             recheck_at = p.recheck_at, accepted_absent = w.absent, partial = p.accepted IS NOT NULL,
             linked_at = CASE WHEN p.person_id IS NULL OR w.person_id IS NOT NULL THEN w.linked_at ELSE $3 END,
             link_reason = coalesce(w.link_reason, p.link_reason), person_id = coalesce(w.person_id, p.person_id)
         FROM plan_workers p
         WHERE p.plan_id = $1 AND w.connection_id = p.connection_id AND w.source_id = p.source_id
           AND w.digest = p.digest
           AND CASE WHEN $2 IS NULL
               THEN NOT EXISTS (SELECT FROM plan_items i WHERE i.plan_id = $1 AND i.person_id = p.person_id)
               ELSE p.person_id = ANY($2) END",
    )
    .bind::<SqlUuid, _>(plan)
    .bind::<Nullable<Array<SqlUuid>>, _>(people.map(<[Uuid]>::to_vec))
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await
}
