//! Ends a run, and applies what that means for its connection.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use tracing::{info, warn};
use uuid::Uuid;

use super::incomplete::IncompleteRead;
use crate::connectors::connector::ConnectorError;
use crate::connectors::registry;
use crate::flows::connections::refusals;
use crate::flows::connections::settings::Common;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::changes::NewChange;
use crate::store::connections::{ConnectionChange, ConnectionRow, ConnectionState};
use crate::store::runs::{RunCause, RunChange, RunRow, RunState};

/// The longest wait between two tries of a failing connection.
const LONGEST_BACK_OFF: TimeDelta = TimeDelta::hours(6);

/// So many refusals in a row that are not the HR system's own, over at least [`BLOCKED_FOR`], need an admin.
const BLOCKED_TIMES: i32 = 3;
const BLOCKED_FOR: TimeDelta = TimeDelta::minutes(10);

/// The longest wait that a vendor can ask for.
const LONGEST_ASKED: TimeDelta = TimeDelta::hours(24);

/// The code of the problem that a credential is sealed with a key that the server does not have.
pub(crate) const KEY_MISSING: &str = "keyMissing";

/// How a run ends.
#[derive(Debug)]
pub(crate) enum RunResult {
    /// The plan was applied.
    Applied,
    /// A preview: the plan is there for inspection.
    Planned,
    /// The plan waits for an admin.
    Held,
    /// The read was incomplete.
    Short(IncompleteRead),
    /// The HR system, or the way to it, refused.
    Refused(ConnectorError),
    /// The database could not be written.
    NoDatabase(String),
    /// A fault of ours.
    Broken(String),
    /// An admin cancelled it.
    Cancelled,
}

/// Ends a run and records in the connection what follows from it.
pub(crate) async fn end_run(
    context: &Context,
    run: &RunRow,
    connection: &ConnectionRow,
    result: RunResult,
) -> Result<(), FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        let Some(fresh) = store::connections::lock(conn, connection.id).await? else { return Ok(()) };
        let Some(run) = store::runs::find(conn, run.id).await? else { return Ok(()) };
        if !run.state.is_going() || run.lease_owner != Some(context.node) {
            // Another node has taken the run over: that node decides how it ends.
            return Ok(());
        }
        let counts = counts(conn, &run, &result).await?;
        let (state, problem) = match &result {
            RunResult::Applied | RunResult::Planned | RunResult::Held => (RunState::Succeeded, None),
            RunResult::Cancelled => (RunState::Cancelled, Some(("cancelled", cancelled(&run)))),
            RunResult::Short(incomplete) => (RunState::Incomplete, Some((incomplete.code(), incomplete.to_string()))),
            RunResult::Refused(error @ ConnectorError::Unauthorized { .. }) => {
                (RunState::Failed, Some(("unauthorized", error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::NoCredential { .. }) => {
                (RunState::Failed, Some(("noCredential", error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::KeyMissing { .. }) => {
                (RunState::Failed, Some((KEY_MISSING, error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::Settings { .. }) => {
                (RunState::Failed, Some(("settings", error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::Refused { .. }) => {
                (RunState::Failed, Some(("refused", error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::Malformed { .. }) => {
                (RunState::Incomplete, Some(("malformed", error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::Unavailable { .. }) => {
                (RunState::Incomplete, Some(("unavailable", error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::Blocked { .. }) => {
                (RunState::Failed, Some(("blocked", error.to_string())))
            }
            RunResult::Refused(error @ ConnectorError::TooLarge { .. }) => {
                (RunState::Incomplete, Some(("tooLarge", error.to_string())))
            }
            RunResult::NoDatabase(message) => (RunState::Failed, Some(("databaseUnavailable", message.clone()))),
            RunResult::Broken(message) => (RunState::Failed, Some(("internal", message.clone()))),
        };
        let mut problems = match &run.problems {
            Value::Array(problems) => problems.clone(),
            _ => Vec::new(),
        };
        if let Some((code, message)) = &problem {
            let mut told = json!({ "code": code, "message": message, "at": now });
            if let RunResult::Short(incomplete) = &result
                && let Some(remedy) = incomplete.remedy(&fresh)
            {
                told["remedy"] = json!(remedy);
            }
            problems.insert(0, told);
        }
        let change = RunChange {
            state: Some(state),
            ended_at: Some(now),
            counts: Some(counts),
            problems: Some(Value::Array(problems)),
            leased_until: Some(None),
            waiting_until: Some(None),
            waiting_for: Some(None),
            ..RunChange::default()
        };
        store::runs::update(conn, run.id, change).await?;
        store::runs::staging::clear(conn, run.id).await?;
        let renewed = is_renewed(conn, &run, connection, &fresh).await?;
        let mut change = follow_up(context, &run, &fresh, &result, problem, renewed, now)?;
        // Before the set-up is finished, the latest plan shows what each worker would be, and asks its questions
        // already.
        let plan = if fresh.state == ConnectionState::Review {
            store::runs::plans::latest_ready(conn, fresh.id).await?.map(|plan| plan.id)
        } else {
            None
        };
        if let Some(plan) = plan {
            store::runs::reviews::follow_plan(conn, plan, Some(fresh.id), now).await?;
        }
        let tally = store::workers::tally(conn, fresh.id, plan).await?;
        change.worker_counts = Some(serde_json::to_value(tally).map_err(|error| FlowError::corrupt("tally", &error))?);
        alert(conn, connection.id, &change, Some(run.id), now).await?;
        store::connections::update(conn, connection.id, change).await?;
        Ok::<_, FlowError>(())
    })
    .await?;
    match &result {
        RunResult::Short(incomplete) => {
            warn!(run.id = %run.id, "run {} is incomplete and changes no person: {incomplete}", run.id);
        }
        RunResult::Refused(error) => warn!(run.id = %run.id, "run {} changes no person: {error}", run.id),
        RunResult::NoDatabase(message) | RunResult::Broken(message) => {
            warn!(run.id = %run.id, "run {} failed: {message}", run.id);
        }
        ended => info!(run.id = %run.id, "run {} has ended: {ended:?}", run.id),
    }
    context.wake.notify();
    Ok(())
}

/// Whether a new credential or consent was given while the run used the old one.
async fn is_renewed(
    conn: &mut AsyncPgConnection,
    run: &RunRow,
    used: &ConnectionRow,
    connection: &ConnectionRow,
) -> Result<bool, FlowError> {
    let granted = store::oauth::find(conn, connection.id).await?.map(|grant| grant.granted_at);
    let began = run.started_at.unwrap_or(run.queued_at);
    Ok(used.credentials != connection.credentials || granted.is_some_and(|granted| granted > began))
}

/// What an end means for the connection.
fn follow_up(
    context: &Context,
    run: &RunRow,
    connection: &ConnectionRow,
    result: &RunResult,
    problem: Option<(&'static str, String)>,
    renewed: bool,
    now: DateTime<Utc>,
) -> Result<ConnectionChange, FlowError> {
    let pulled = run.pages > 0;
    let mut change = ConnectionChange::default();
    if run.cause.pulls() {
        count_blocked(connection, result, now, &mut change);
    }
    let steered = connection.state.is_scheduled() || connection.state == ConnectionState::NeedsReauthorization;
    let mut turn = |state: ConnectionState| {
        if steered && connection.state != state {
            change.state = Some(state);
            change.state_since = Some(now);
        }
    };
    match result {
        RunResult::Applied | RunResult::Planned | RunResult::Held => {
            if pulled || run.cause == RunCause::Finish {
                turn(ConnectionState::Active);
                change.failures = Some(0);
                // What the HR system does not show, or shows without an owner, stays to be seen. All else that cannot
                // be read is a review item.
                let stays = |problem: &&Value| problem["code"] == "hidden" || problem["code"] == "recordWithoutId";
                change.problems = Some(run.problems.as_array().into_iter().flatten().filter(stays).cloned().collect());
                if pulled {
                    change.last_good_at = Some(Some(now));
                }
                if steered {
                    change.next_run_at = Some(Some(now + interval(context, connection)?));
                } else if connection.state == ConnectionState::Review {
                    // What failed before is over.
                    change.next_run_at = Some(None);
                }
            }
            if matches!(result, RunResult::Applied) {
                change.first_import = Some(false);
                change.accepted_mapping = Some(connection.mapping.clone());
            }
        }
        RunResult::Cancelled => {
            // Asked for on purpose: no failure. What was due comes an interval later.
            change.next_run_at = if connection.state.is_scheduled() {
                Some(Some(now + interval(context, connection)?))
            } else {
                Some(None)
            };
        }
        RunResult::Refused(error) if error.needs_reauthorization() && renewed => {
            // Pull with the new one.
            change.next_run_at = Some(Some(now));
        }
        RunResult::Refused(error) if error.needs_reauthorization() || is_shut_out(connection, error, now) => {
            turn(ConnectionState::NeedsReauthorization);
            change.problems = Some(json!([refused(connection, error, now)]));
            change.next_run_at = Some(None);
        }
        RunResult::Short(_) | RunResult::Refused(_) | RunResult::NoDatabase(_) | RunResult::Broken(_) => {
            turn(ConnectionState::Failing);
            let failures = connection.failures.saturating_add(1);
            change.failures = Some(failures);
            let wait = back_off(failures).max(asked_wait(result));
            // A preview that failed is tried again as well; what the admin has seen before stays to be finished.
            if steered || connection.state == ConnectionState::Review {
                change.next_run_at = Some(Some(now + wait));
            }
            let (code, message) = problem.unwrap_or(("internal", String::new()));
            let remedy = match result {
                RunResult::Refused(ConnectorError::Settings { .. }) => {
                    "give a credential or settings that fit, trying again cures nothing"
                }
                RunResult::Refused(ConnectorError::KeyMissing { .. }) => {
                    "start the server with the right ROLLBOOK_KEY or key file and the connection goes on by itself; if the key is lost, give the credential again with POST /connections/{id}/reauthorize"
                }
                _ => "the pull is tried again by itself",
            };
            let more = match result {
                RunResult::Short(incomplete) => incomplete.remedy(connection),
                _ => None,
            };
            let remedy = [Some(meanwhile(connection).to_owned()), Some(remedy.to_owned()), more];
            let remedy = remedy.into_iter().flatten().collect::<Vec<_>>().join("; ");
            change.problems = Some(json!([{ "code": code, "message": message, "at": now, "remedy": remedy }]));
        }
    }
    Ok(change)
}

/// What is served while a connection cannot be read.
fn meanwhile(connection: &ConnectionRow) -> &'static str {
    if connection.state.is_published() {
        "nothing is lost: the last good data is served"
    } else {
        "nothing of this connection is published yet"
    }
}

/// Counts refusals in a row that are not the HR system's own.
fn count_blocked(connection: &ConnectionRow, result: &RunResult, now: DateTime<Utc>, change: &mut ConnectionChange) {
    match result {
        RunResult::Cancelled => {}
        RunResult::Refused(ConnectorError::Blocked { status: 401 | 403, .. }) => {
            change.blocked = Some(connection.blocked.saturating_add(1));
            change.blocked_since = Some(connection.blocked_since.or(Some(now)));
        }
        _ => {
            change.blocked = Some(0);
            change.blocked_since = Some(None);
        }
    }
}

/// Whether a refusal that is not the HR system's own has come so often in a row, and for so long, that waiting is no
/// longer likely to cure it.
fn is_shut_out(connection: &ConnectionRow, error: &ConnectorError, now: DateTime<Utc>) -> bool {
    matches!(error, ConnectorError::Blocked { status: 401 | 403, .. })
        && connection.blocked.saturating_add(1) >= BLOCKED_TIMES
        && connection.blocked_since.is_some_and(|since| now - since >= BLOCKED_FOR)
}

/// The message of a run that was cancelled.
fn cancelled(run: &RunRow) -> String {
    let by = run.cancelled_by.as_deref().unwrap_or("an admin");
    match &run.cancel_reason {
        Some(reason) => format!("cancelled by {by}: {reason}"),
        None => format!("cancelled by {by}"),
    }
}

/// The problem of a connection whose credential is no longer accepted.
fn refused(connection: &ConnectionRow, error: &ConnectorError, now: DateTime<Utc>) -> Value {
    let status = match error {
        ConnectorError::Unauthorized { status, .. } | ConnectorError::Blocked { status, .. } => Some(*status),
        _ => None,
    };
    let reauthorize = refusals::call(connection.id, "reauthorize");
    let step = if registry::needs_consent(&connection.kind) {
        let authorize = refusals::call(connection.id, "authorize");
        format!(
            "let an admin of the HR system give consent again: {authorize} gives the address; if the client id or secret has changed, give them with {reauthorize}"
        )
    } else {
        format!("give a new credential: {reauthorize}")
    };
    json!({
        "code": "needsReauthorization",
        "message": error.to_string(),
        "status": status,
        "at": now,
        "remedy": format!("{step}; {}", meanwhile(connection)),
    })
}

/// Reports in the feed once that an admin has to act.
async fn alert(
    conn: &mut AsyncPgConnection,
    connection: Uuid,
    change: &ConnectionChange,
    run: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), FlowError> {
    if change.state != Some(ConnectionState::NeedsReauthorization) {
        return Ok(());
    }
    let entry = NewChange {
        at: now,
        kind: "connection.needsReauthorization".into(),
        cause: if run.is_some() { "run" } else { "timer" }.into(),
        run_id: run,
        diff: json!([]),
        connection_id: Some(connection),
        ..NewChange::default()
    };
    Ok(store::changes::append(conn, &[entry]).await?)
}

/// Reports that a connection has lost the access that rests on a consent, outside of any run. Everything stays served.
pub(crate) async fn lose_access(
    context: &Context,
    conn: &mut AsyncPgConnection,
    id: Uuid,
    consent: Uuid,
    error: &ConnectorError,
) -> Result<(), FlowError> {
    let now = context.clock.now();
    let Some(connection) = store::connections::lock(conn, id).await? else { return Ok(()) };
    if store::oauth::find(conn, id).await?.is_none_or(|grant| grant.consent != consent) {
        // Consent was given meanwhile.
        return Ok(());
    }
    let mut change =
        ConnectionChange { problems: Some(json!([refused(&connection, error, now)])), ..ConnectionChange::default() };
    if connection.state.is_scheduled() {
        change.state = Some(ConnectionState::NeedsReauthorization);
        change.state_since = Some(now);
        change.next_run_at = Some(None);
    }
    warn!(connection.id = %id, "connection {id} needs reauthorization: {error}");
    alert(conn, id, &change, None, now).await?;
    Ok(store::connections::update(conn, id, change).await?)
}

/// One minute, doubled with each failure in a row, up to six hours.
fn back_off(failures: i32) -> TimeDelta {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(12);
    TimeDelta::minutes(1_i64 << doublings).min(LONGEST_BACK_OFF)
}

fn asked_wait(result: &RunResult) -> TimeDelta {
    match result {
        RunResult::Refused(ConnectorError::Unavailable { retry_after: Some(wait), .. }) => {
            // What a header asks for is believed only so far: some vendors send an instant where a wait belongs.
            TimeDelta::from_std(*wait).unwrap_or(LONGEST_ASKED).min(LONGEST_ASKED)
        }
        _ => TimeDelta::zero(),
    }
}

/// The longest time that may lie between now and the next pull of a connection: the interval with its spread, or while
/// the connection fails, the back-off or what the HR system asked for.
pub(crate) fn longest_wait(connection: &ConnectionRow) -> TimeDelta {
    let minutes = Common::parse(&connection.settings).unwrap_or_default().interval_minutes;
    let interval = TimeDelta::seconds(i64::from(minutes) * 66);
    if connection.failures <= 0 {
        return interval;
    }
    let asked = connection.problems.as_array().into_iter().flatten().any(|problem| problem["code"] == "unavailable");
    interval.max(if asked { LONGEST_ASKED } else { back_off(connection.failures) })
}

/// The interval of a connection, up to ten percent shorter or longer, so that many do not pull at the same instant.
pub(crate) fn interval(context: &Context, connection: &ConnectionRow) -> Result<TimeDelta, FlowError> {
    let minutes = i64::from(Common::of(&connection.settings)?.interval_minutes);
    let chance = i64::from(context.clock.random_id().as_bytes()[0]);
    let seconds = minutes * 60;
    Ok(TimeDelta::seconds(seconds * 9 / 10 + seconds * chance / (5 * 255)))
}

async fn counts(conn: &mut AsyncPgConnection, run: &RunRow, result: &RunResult) -> Result<Value, FlowError> {
    let count = |name: &str| run.counts.get(name).and_then(Value::as_i64).unwrap_or(0);
    let planned = match run.plan_id {
        Some(plan) => store::runs::plans::counts(conn, plan).await?,
        None => store::runs::plans::PlanCounts::default(),
    };
    let (mut created, mut updated, mut deactivated, mut held) = (0, 0, 0, 0);
    match result {
        RunResult::Applied => (created, updated, deactivated) = written(conn, run.id).await?,
        RunResult::Planned => (created, updated, deactivated) = (planned.created, planned.updated, planned.deactivated),
        RunResult::Held => held = planned.created + planned.updated + planned.deactivated,
        RunResult::Short(_)
        | RunResult::Refused(_)
        | RunResult::NoDatabase(_)
        | RunResult::Broken(_)
        | RunResult::Cancelled => {}
    }
    let (failed, unreadable) = (count("failed"), count("unreadable"));
    let touched = created + updated + deactivated + held + planned.withheld + planned.excluded;
    let unchanged = match result {
        RunResult::Applied | RunResult::Planned | RunResult::Held => (run.workers - touched).max(0),
        _ => 0,
    };
    Ok(json!({
        "created": created,
        "updated": updated,
        "deactivated": deactivated,
        "unchanged": unchanged,
        "held": held,
        "withheld": planned.withheld,
        "excluded": planned.excluded,
        "failed": failed,
        "unreadable": unreadable,
        "leavers": planned.leavers,
    }))
}

/// Created, updated and deactivated people of a run, from the change log.
async fn written(conn: &mut AsyncPgConnection, run: Uuid) -> Result<(i64, i64, i64), FlowError> {
    let mut sums = (0, 0, 0);
    for row in store::changes::count_by_kind(conn, run).await? {
        match row.kind.as_str() {
            "person.created" => sums.0 += row.changes,
            "person.deactivated" => sums.2 += row.changes,
            _ => sums.1 += row.changes,
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_goes_from_one_minute_to_six_hours() {
        assert_eq!(back_off(1), TimeDelta::minutes(1));
        assert_eq!(back_off(2), TimeDelta::minutes(2));
        assert_eq!(back_off(5), TimeDelta::minutes(16));
        assert_eq!(back_off(10), TimeDelta::hours(6));
        assert_eq!(back_off(i32::MAX), TimeDelta::hours(6));
    }
}
