//! The sequencer: it gives committed changes their numbers in the feed (law 6), and adds up what is counted.

use super::Exists;
use crate::store::groups;
use diesel::prelude::*;
use diesel::sql_types::Int8;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// What to do while another node is numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileBusy {
    /// Nothing: the other does the work.
    Leave,
    /// Wait until it has, so that whatever was committed before the call is numbered afterwards.
    Wait,
}

/// Numbers up to `limit` committed changes and folds totals. Returns how many it numbered.
///
/// Runs in a transaction of its own: the row lock on `feed_state` makes it the only one, and since only committed
/// changes are seen, a transaction that commits late gets a later number instead of a gap.
pub async fn sequence(conn: &mut AsyncPgConnection, limit: usize, busy: WhileBusy) -> QueryResult<usize> {
    // Most looks find nothing, and take no lock for it. What another is numbering is not numbered yet for us.
    let waiting: Exists = diesel::sql_query("SELECT EXISTS (SELECT FROM changes WHERE sequence IS NULL) AS found")
        .get_result(conn)
        .await?;
    if !waiting.found {
        return Ok(0);
    }
    // First of all: a change of a filter waits for writers, and they may wait for the sequencer.
    super::policy_filters::share(conn).await?;
    let lock = match busy {
        WhileBusy::Leave => "SELECT last_sequence FROM feed_state FOR UPDATE SKIP LOCKED",
        WhileBusy::Wait => "SELECT last_sequence FROM feed_state FOR UPDATE",
    };
    let state: Option<State> = diesel::sql_query(lock).get_result(conn).await.optional()?;
    let Some(state) = state else { return Ok(0) };
    let numbered = diesel::sql_query(
        "UPDATE changes c SET sequence = n.sequence
         FROM (SELECT id, at, $1 + row_number() OVER (ORDER BY id) AS sequence
               FROM (SELECT id, at FROM changes WHERE sequence IS NULL ORDER BY id LIMIT $2) AS next) AS n
         WHERE c.id = n.id AND c.at = n.at",
    )
    .bind::<Int8, _>(state.last_sequence)
    .bind::<Int8, _>(i64::try_from(limit).unwrap_or(i64::MAX))
    .execute(conn)
    .await?;
    if numbered == 0 {
        return Ok(0);
    }
    let last = state.last_sequence + i64::try_from(numbered).unwrap_or(i64::MAX);
    diesel::sql_query(
        "INSERT INTO people_blocks (block, people)
         SELECT position / 1024, sum(people_delta) FROM changes
         WHERE sequence > $1 AND sequence <= $2 AND people_delta <> 0 GROUP BY 1
         ON CONFLICT (block) DO UPDATE SET people = people_blocks.people + excluded.people",
    )
    .bind::<Int8, _>(state.last_sequence)
    .bind::<Int8, _>(last)
    .execute(conn)
    .await?;
    super::policy_totals::fold(conn, state.last_sequence, last).await?;
    let emitted = groups::counters::fold(conn, state.last_sequence, last).await?;
    diesel::sql_query(
        "UPDATE feed_state SET last_sequence = $2 + $3,
             groups_total = groups_total + (
                 SELECT count(*) FILTER (WHERE kind = 'group.created') - count(*) FILTER (WHERE kind = 'group.deleted')
                 FROM changes WHERE sequence > $1 AND sequence <= $2),
             people_total = people_total + (
                 SELECT coalesce(sum(people_delta), 0) FROM changes WHERE sequence > $1 AND sequence <= $2)",
    )
    .bind::<Int8, _>(state.last_sequence)
    .bind::<Int8, _>(last)
    .bind::<Int8, _>(emitted)
    .execute(conn)
    .await?;
    Ok(numbered)
}

#[derive(QueryableByName)]
pub(crate) struct State {
    #[diesel(sql_type = Int8)]
    last_sequence: i64,
}
