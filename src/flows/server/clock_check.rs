//! Compares the server's clock with the database's clock, and repairs what a wrong clock left behind.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::Value;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::clock::{Skew, Trust};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::runs;
use crate::render::user;
use crate::store;
use crate::store::connections::{ConnectionChange, ConnectionRow};
use crate::store::db::instance::Found;

/// How many documents are rewritten at once.
const REDATE_STEP: i64 = 500;

/// How long a clock that shows less than before has to go evenly until it is believed. A machine that starts with a
/// wrong clock is usually set right within a minute.
const SETTLE: Duration = Duration::from_mins(10);

/// Compares the clocks. From then on the process goes by the database's clock; as long as the two differ by more than a
/// minute, [`Trust::Skewed`] stops the jobs that depend on time.
///
/// # Errors
/// The database does not answer: then the last comparison counts on.
pub async fn compare(context: &Context) -> Result<Option<Skew>, FlowError> {
    let known = context.clock.trust();
    let mut conn = context.db.get().await?;
    let before = context.clock.machine();
    let database = store::db::migrations::database_time(&mut conn).await?;
    let after = context.clock.machine();
    let skew = context.clock.compare(before, database, after);
    match (known, skew) {
        (Trust::Skewed(_), Some(_)) => {}
        (_, Some(skew)) => error!(
            ahead_seconds = skew.ahead.num_seconds(),
            "{skew}: people are served, but nothing is pulled and no date fires until one of the two is set right",
        ),
        (Trust::Skewed(_), None) => info!("the clocks of server and database agree again: pulls and dates go on"),
        (_, None) => {}
    }
    Ok(skew)
}

/// Notes the present instant, and repairs what was stored while a clock was ahead. Does nothing while the clocks
/// differ. `true` when something had to be put right.
///
/// # Errors
/// As any use case.
pub async fn look_back(context: &Context) -> Result<bool, FlowError> {
    if !matches!(context.clock.trust(), Trust::Good | Trust::Behind) {
        return Ok(false);
    }
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let is_settled = context.clock.even_for() >= SETTLE;
    let found = conn
        .transaction(async |conn| {
            let found = store::db::instance::note(conn, now, is_settled).await?;
            if matches!(found, Found::Repaired(_)) {
                redate(conn, now).await?;
            }
            Ok::<_, FlowError>(found)
        })
        .await?;
    let was_behind = context.clock.trust() == Trust::Behind;
    context.clock.note_behind(found == Found::Behind);
    let repaired = match found {
        Found::Forward => 0,
        Found::Repaired(rows) => rows,
        Found::Behind => {
            if !was_behind {
                error!(
                    "clockSetBack: the clock shows less than before: people are served, but nothing is pulled and no date \
                     fires until it has caught up or has gone evenly for {} minutes",
                    SETTLE.as_secs() / 60
                );
            }
            return Ok(false);
        }
    };
    if repaired > 0 {
        warn!(
            rows = repaired,
            "a clock was ahead and has been set back: {repaired} rows that it left behind were put right"
        );
    }
    let mut is_wrong = repaired > 0;
    for connection in store::connections::all(&mut conn).await? {
        let change = corrected(&connection, now);
        if change != ConnectionChange::default() {
            is_wrong = true;
            warn!(connection.id = %connection.id, "the times of connection {} were wrong and have been corrected", connection.id);
            store::connections::update(&mut conn, connection.id, change).await?;
        }
    }
    if is_wrong {
        context.wake.notify();
    }
    Ok(is_wrong)
}

/// Writes the present instant into documents whose modification time lies in the future.
async fn redate(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<(), FlowError> {
    let later = now + store::db::instance::TOLERANCE;
    loop {
        let rows = store::people::write::modified_after(conn, later, REDATE_STEP).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
        let documents: Vec<String> = rows.iter().map(|(_, document)| user::modified(document, now)).collect();
        let keys: Vec<Value> = documents
            .iter()
            .map(|document| user::keys(document))
            .collect::<Result<_, _>>()
            .map_err(|error| FlowError::corrupt("document", &error))?;
        store::people::write::modify(conn, &ids, &documents, &keys, now).await?;
    }
}

/// What of a connection's times no right clock can have set: a good read in the future, and a next pull later than its
/// interval or back-off allows.
fn corrected(connection: &ConnectionRow, now: DateTime<Utc>) -> ConnectionChange {
    let mut change = ConnectionChange::default();
    let later = now + store::db::instance::TOLERANCE;
    if connection.last_good_at.is_some_and(|at| at > later) {
        change.last_good_at = Some(None);
        change.next_run_at = Some(Some(now));
    }
    let longest = runs::finish::longest_wait(connection) + store::db::instance::TOLERANCE;
    if connection.next_run_at.is_some_and(|at| at - now > longest.max(TimeDelta::zero())) {
        change.next_run_at = Some(Some(now));
    }
    if !connection.state.is_scheduled() {
        change.next_run_at = None;
    }
    change
}
