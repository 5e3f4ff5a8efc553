//! Repairs of what was stored while a clock was ahead.
//!
//! `clock_state` keeps the latest instant at which a server was at work. When a server's clock shows less, a clock was
//! ahead and has been set back. Then every instant that lies in the future by accident is corrected, and what was
//! decided by the wrong time is decided again.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::store::people;

/// How far an instant may be ahead without being wrong: clocks of several servers are not exactly alike.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// What is put right, in this order; `$1` is the present instant, `{later}` stands for "is in the future by accident".
const REPAIRS: &[&str] = &[
    // People whose present state was decided by the wrong time are decided again by ordinary plans with their limits.
    "UPDATE workers SET decided_digest = NULL, recheck_at = $1
     WHERE person_id IN (SELECT id FROM people WHERE modified_at {later} OR created_at {later} OR left_at {later})",
    "UPDATE people SET created_at = least(created_at, $1), left_at = least(left_at, $1)
     WHERE created_at {later} OR left_at {later}",
    "UPDATE people SET manager_since = $1 WHERE manager_since {later}",
    // Two reads are no proof of absence when the time between them is not known.
    "UPDATE workers SET absent_since = NULL, absent_evidence = NULL, absent = false, absent_proven_at = NULL
     WHERE absent_since {later} OR absent_proven_at {later}",
    // Workers who were decided by the wrong time, also those of which nothing is published.
    "UPDATE workers w SET decided_digest = NULL, recheck_at = $1
     FROM plan_workers pw JOIN plans p ON p.id = pw.plan_id
     WHERE p.created_at {later} AND pw.connection_id = w.connection_id AND pw.source_id = w.source_id",
    "UPDATE workers SET first_seen_at = least(first_seen_at, $1), changed_at = least(changed_at, $1),
         linked_at = least(linked_at, $1)
     WHERE first_seen_at {later} OR changed_at {later} OR linked_at {later}",
    "UPDATE plans SET created_at = $1 - interval '1 second', applied_at = least(applied_at, $1)
     WHERE created_at {later} OR applied_at {later}",
    // All connections are pulled: when the next pull is due was computed from the wrong time.
    "UPDATE connections SET next_run_at = $1 WHERE state IN ('active', 'failing') AND next_run_at > $1",
    "UPDATE connections c SET last_good_at = (
         SELECT max(r.ended_at) FROM runs r
         WHERE r.connection_id = c.id AND r.state = 'succeeded' AND r.pages > 0 AND r.ended_at <= $1)
     WHERE last_good_at {later}",
    "UPDATE connections SET last_full_at = NULL WHERE last_full_at {later}",
    "UPDATE connections SET state_since = least(state_since, $1), created_at = least(created_at, $1)
     WHERE state_since {later} OR created_at {later}",
    "UPDATE runs SET queued_at = least(queued_at, $1), started_at = least(started_at, $1),
         ended_at = least(ended_at, $1), leased_until = NULL
     WHERE queued_at {later} OR started_at {later} OR ended_at {later} OR leased_until > $1 + interval '10 minutes'",
    "UPDATE email_reservations SET reserved_until = $1 + interval '365 days'
     WHERE reserved_until > $1 + interval '365 days 1 minute'",
    // A token lasts as long as it was given for.
    "UPDATE tokens SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at {later}",
    "UPDATE tokens SET last_used_at = $1 WHERE last_used_at {later}",
    // Warned too early: the warning comes again when it is time.
    "UPDATE tokens SET warned_days = NULL
     WHERE warned_days IS NOT NULL AND expires_at > $1 + make_interval(days => warned_days + 1)",
    "UPDATE oauth_grants SET expires_at = expires_at - (refreshed_at - $1), refreshed_at = $1
     WHERE refreshed_at {later}",
    "UPDATE oauth_grants SET granted_at = least(granted_at, $1), asked_at = least(asked_at, $1),
         refused_at = least(refused_at, $1)
     WHERE granted_at {later} OR asked_at {later} OR refused_at {later}",
    "DELETE FROM oauth_consents WHERE expires_at > $1 + interval '31 minutes'",
    "DELETE FROM leases WHERE leased_until > $1 + interval '1 day 1 minute'",
    // A hold that ended before its time is no decision: the next run asks again.
    "UPDATE holds SET superseded_at = $1 WHERE state = 'expired' AND decided_at {later}",
    "UPDATE holds SET expires_at = expires_at - (raised_at - $1), raised_at = $1 WHERE raised_at {later}",
    "UPDATE holds SET decided_at = $1 WHERE decided_at {later}",
    "UPDATE reviews SET opened_at = least(opened_at, $1), closed_at = least(closed_at, $1)
     WHERE opened_at {later} OR closed_at {later}",
    "UPDATE groups SET created_at = least(created_at, $1), modified_at = least(modified_at, $1),
         retired_since = least(retired_since, $1), deleted_at = least(deleted_at, $1)
     WHERE created_at {later} OR modified_at {later} OR retired_since {later} OR deleted_at {later}",
    "UPDATE policy_filters SET counted_at = $1 WHERE counted_at {later}",
    // The order of the feed is that of its numbers, and stays.
    "UPDATE changes SET at = $1, effective_at = least(effective_at, $1) WHERE at {later}",
    "UPDATE audit SET at = $1 WHERE at {later}",
    "DELETE FROM page_positions WHERE saved_at {later}",
    "DELETE FROM page_walks WHERE started_at {later} OR finished_at {later}",
];

#[derive(QueryableByName)]
struct Latest {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    latest_at: Option<DateTime<Utc>>,
}

/// What a look at the clock's past has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The clock went forward.
    Forward,
    /// The clock shows less than before, and it is not known yet which of the two was wrong.
    Behind,
    /// A clock was ahead; so many rows were put right.
    Repaired(usize),
}

/// Notes that a server is at work now, and repairs what was stored under a clock that was ahead of it. While
/// `is_settled` is false, a clock that shows less than before changes nothing: it may itself be the wrong one.
///
/// To be called in a transaction, which serialises the servers.
pub async fn note(conn: &mut AsyncPgConnection, now: DateTime<Utc>, is_settled: bool) -> QueryResult<Found> {
    let state: Latest = diesel::sql_query("SELECT latest_at FROM clock_state FOR UPDATE").get_result(conn).await?;
    let is_set_back = state.latest_at.is_none_or(|latest| latest > now + TOLERANCE);
    if is_set_back && !is_settled && state.latest_at.is_some() {
        return Ok(Found::Behind);
    }
    let mut repaired = 0;
    if is_set_back {
        people::manager_links::disable_statement_timeout(conn).await?;
        for repair in REPAIRS {
            let statement = repair.replace("{later}", "> $1 + interval '1 minute'");
            repaired += diesel::sql_query(statement).bind::<Timestamptz, _>(now).execute(conn).await?;
        }
    }
    diesel::sql_query("UPDATE clock_state SET latest_at = $1 WHERE latest_at IS DISTINCT FROM $1")
        .bind::<Timestamptz, _>(now)
        .execute(conn)
        .await?;
    Ok(if is_set_back { Found::Repaired(repaired) } else { Found::Forward })
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

/// The sealed text; absent until a server has started once.
pub async fn find(conn: &mut AsyncPgConnection) -> QueryResult<Option<Vec<u8>>> {
    let row: Option<Row> = diesel::sql_query("SELECT sealed FROM key_check").get_result(conn).await.optional()?;
    Ok(row.map(|row| row.sealed))
}

/// Keeps a sealed text in place of the one before.
pub async fn put(conn: &mut AsyncPgConnection, sealed: &[u8]) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO key_check (sealed) VALUES ($1) ON CONFLICT (singleton) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind::<Binary, _>(sealed)
    .execute(conn)
    .await
    .map(drop)
}
