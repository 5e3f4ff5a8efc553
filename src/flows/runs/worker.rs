//! Carries a run out: pull, take over, plan, apply. Each step leaves the run in a state from which another node can go
//! on after a kill: a pull begins again, a plan is made again, a plan that is being applied goes on where it stopped.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection;
use serde_json::{Value, json};
use tracing::{info, warn};
use uuid::Uuid;

use super::fetch::{Read, Reader};
use super::finish::RunResult;
use super::lease::LEASE;
use super::lease::Lease;
use super::lease::Stop;
use super::queue::begin_again;
use crate::connectors::connector::{Account, ConnectorError, Coverage};
use crate::connectors::registry;
use crate::flows::applying::Cause;
use crate::flows::applying::apply::apply;
use crate::flows::connections;
use crate::flows::connections::refusals;
use crate::flows::connections::settings::Common;
use crate::flows::connections::tokens::Access;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::planning::build::{Order, Scope, build};
use crate::flows::planning::hold;
use crate::flows::runs;
use crate::outbound::waits::Waits;
use crate::store;
use crate::store::connections::ConnectionRow;
use crate::store::runs::{RunCause, RunChange, RunRow, RunState};

/// How often everything is read where pulls are incremental (design section 7).
const FULL_READ_EVERY: TimeDelta = TimeDelta::hours(24);

/// Takes the next run that waits and carries it out. `false` when there is none.
pub async fn work(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    let now = context.clock.now();
    let claimed = conn.transaction(async |conn| store::runs::claim(conn, context.node, now, now + LEASE).await).await?;
    drop(conn);
    let Some(run) = claimed else { return Ok(false) };
    let id = run.id;
    match carry_out(context, run).await {
        Err(error) if error.is_outage() => super::outage::wait_out(context, id, &error).await?,
        done => done?,
    }
    Ok(true)
}

async fn carry_out(context: &Context, run: RunRow) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    let Some(connection) = store::connections::find(&mut conn, run.connection_id).await? else { return Ok(()) };
    if run.cancel_requested_at.is_some() {
        // Its node is gone, too.
        drop(conn);
        return runs::finish::end_run(context, &run, &connection, RunResult::Cancelled).await;
    }
    if run.state == RunState::Pulling {
        // The node that pulled is gone, and with it what it had in memory: begin again, under an id of its own.
        let reason = "the node that carried this run out stopped";
        return begin_again(context, &mut conn, &run, "interrupted", reason).await;
    }
    let lease = Lease { context, run: run.id, waits: Waits::default() };
    if run.started_at.is_none() {
        let change = RunChange { started_at: Some(context.clock.now()), ..RunChange::default() };
        store::runs::update(&mut conn, run.id, change).await?;
    }
    drop(conn);
    let work = async {
        match run.state {
            RunState::Queued | RunState::Pulling => pull(&lease, &run, &connection).await,
            RunState::Planning => plan(&lease, &run, &connection).await,
            RunState::Applying => finish_applying(&lease, &run, &connection).await,
            RunState::Succeeded
            | RunState::Incomplete
            | RunState::Failed
            | RunState::Interrupted
            | RunState::Cancelled => Err(Stop::Lost),
        }
    };
    // An HR system may keep us waiting for longer than a lease lasts.
    let result = tokio::select! {
        result = work => result,
        stop = lease.keep() => Err(stop),
    };
    match result {
        Ok(()) => Ok(()),
        Err(Stop::Lost) => {
            warn!(run.id = %run.id, "run {} was taken over by another node", run.id);
            Ok(())
        }
        Err(Stop::Cancelled) => runs::finish::end_run(context, &run, &connection, RunResult::Cancelled).await,
        Err(Stop::Short(incomplete)) => {
            runs::finish::end_run(context, &run, &connection, RunResult::Short(incomplete)).await
        }
        Err(Stop::Flow(FlowError::Connector(error))) => {
            runs::finish::end_run(context, &run, &connection, RunResult::Refused(error)).await
        }
        // To be waited out, by the caller.
        Err(Stop::Flow(error)) if error.is_outage() => Err(error),
        Err(Stop::Flow(error)) => {
            warn!(run.id = %run.id, "run {} failed: {error}", run.id);
            runs::finish::end_run(context, &run, &connection, RunResult::Broken(error.to_string())).await
        }
    }
}

/// From the first page to a complete read that is taken over.
async fn pull(lease: &Lease<'_>, run: &RunRow, connection: &ConnectionRow) -> Result<(), Stop> {
    let context = lease.context;
    let mut conn = context.db.get().await?;
    let began = context.clock.now();
    let starting = RunChange { state: Some(RunState::Pulling), started_at: Some(began), ..RunChange::default() };
    lease.update(&mut conn, starting).await?;
    store::runs::staging::clear(&mut conn, run.id).await?;
    drop(conn);
    info!(run.id = %run.id, connection.id = %connection.id, "run {} begins to pull", run.id);

    let access = connections::tokens::access(context, connection).await?;
    let read = match read_all(lease, run, connection, &access, began).await {
        Err(Stop::Flow(FlowError::Connector(error))) if error.may_be_the_token() && access.is_renewable() => {
            // One refresh and one retry (hris/justworks.md section 8): the token may have ended or been replaced.
            info!(run.id = %run.id, "the access token was refused ({error}); a fresh one is tried");
            let access = match connections::tokens::renew(context, connection, &access).await {
                // What prevents the pull prevents the refresh, too.
                Err(FlowError::Connector(second))
                    if !error.needs_reauthorization() && !second.needs_reauthorization() =>
                {
                    return Err(FlowError::Connector(error).into());
                }
                renewed => renewed?,
            };
            let mut conn = context.db.get().await?;
            store::runs::staging::clear(&mut conn, run.id).await?;
            drop(conn);
            read_all(lease, run, connection, &access, began).await?
        }
        read => read?,
    };
    let taken = take_over(lease, connection.id, began, read).await?;
    info!(
        run.id = %run.id, changed = taken.changed, same = taken.same,
        "run {} has read all: {} workers say something new, {} say the same", run.id, taken.changed, taken.same,
    );
    let mut conn = context.db.get().await?;
    let Some(run) = store::runs::find(&mut conn, run.id).await? else { return Err(Stop::Lost) };
    drop(conn);
    plan(lease, &run, connection).await
}

/// A read that can be taken over.
struct Complete {
    read: Read,
    account: Account,
    /// The address of the HR system at which it is one.
    place: String,
    evidence: String,
    /// Where the next incremental reading goes on.
    mark: Option<Value>,
    /// Source ids of the workers whose absence is proven.
    absent: Vec<String>,
}

/// Reads everything that the HR system has, or where that is enough, what changed.
async fn read_all(
    lease: &Lease<'_>,
    run: &RunRow,
    connection: &ConnectionRow,
    access: &Access,
    began: DateTime<Utc>,
) -> Result<Complete, Stop> {
    let context = lease.context;
    let settings = Common::of(&connection.settings)?;
    let part = Common::connector_part(&connection.settings);
    let connector =
        registry::open(&connection.kind, &part, &access.credentials, &context.outbound.noting(&lease.waits))
            .map_err(FlowError::from)?;
    let account = connector.identify().await.map_err(FlowError::from)?;
    if let Some(known) = connection.account_id.as_ref().filter(|known| **known != account.id) {
        return Err(FlowError::from(ConnectorError::Settings {
            detail: format!(
                "the credential is one of the account {}, but this connection is one of {known}",
                account.id
            ),
        })
        .into());
    }
    let place = registry::place(&connection.kind, &part).map_err(FlowError::from)?;
    let mut conn = context.db.get().await?;
    let existing =
        store::connections::of_account(&mut conn, &connection.kind, &place, &account.id, Some(connection.id)).await?;
    drop(conn);
    if let Some(existing) = existing {
        return Err(FlowError::from(ConnectorError::Settings { detail: refusals::taken_by(&existing) }).into());
    }
    let ground = evidence(connection, &settings, &access.ground, &account.id);
    // An admin who asks for a pull by hand wants to see everything.
    let since = if connector.capabilities().incremental && run.cause == RunCause::Schedule {
        mark_to_use(context, connection, &settings, &ground, began).await?
    } else {
        None
    };
    let reader = Reader {
        lease,
        connection,
        connector: connector.as_ref(),
        began,
        rules: crate::flows::planning::build::facts(connection, true)?.rules,
        accepted_fields: &run.accepted_fields,
    };
    let read = reader.read(since).await?;
    let evidence = format!("{} {ground}", read.method);
    let absent = match read.coverage {
        // A record without an id may be that of a worker who seems to be missing.
        Coverage::Full if read.nameless == 0 => reader.prove_absences(&read, &evidence, &settings).await?,
        // A worker who is not among what changed may well be there.
        Coverage::Full | Coverage::Changed => Vec::new(),
    };
    let mark = read.mark.as_ref().map(|mark| json!({ "mark": mark, "ground": ground }));
    Ok(Complete { read, account, place, evidence, mark, absent })
}

/// From where an incremental reading can go on. `None` when everything has to be read: once a day, after anything about
/// credential, scopes or settings has changed, and while a worker is missing, so that it is soon known whether they are
/// gone.
async fn mark_to_use(
    context: &Context,
    connection: &ConnectionRow,
    settings: &Common,
    ground: &str,
    now: DateTime<Utc>,
) -> Result<Option<Value>, Stop> {
    let Some(stored) = connection.mark.as_ref().filter(|stored| stored["ground"] == ground) else { return Ok(None) };
    // Read early rather than late: the next pull may be a whole interval away.
    let due = FULL_READ_EVERY - TimeDelta::minutes(settings.interval_minutes.into());
    if connection.last_full_at.is_none_or(|last| now - last >= due || last > now) {
        return Ok(None);
    }
    let mut conn = context.db.get().await?;
    if store::runs::staging::is_anybody_missing(&mut conn, connection.id).await? {
        return Ok(None);
    }
    Ok(Some(stored["mark"].clone()))
}

/// Takes a complete read over, in one transaction: from here on the run needs no HR system.
async fn take_over(
    lease: &Lease<'_>,
    connection: Uuid,
    began: DateTime<Utc>,
    complete: Complete,
) -> Result<store::runs::staging::Absorbed, Stop> {
    let Complete { read, account, place, evidence, mark, absent } = complete;
    let context = lease.context;
    let (run, node) = (lease.run, context.node);
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    store::runs::staging::look_at_pages(&mut conn).await?;
    let (absorbed, mine) = conn
        .transaction(async |conn| {
            store::people::manager_links::disable_statement_timeout(conn).await?;
            let absorbed = store::runs::staging::absorb(conn, run, connection, now).await?;
            let is_full = read.coverage == Coverage::Full;
            if is_full && read.nameless == 0 {
                store::runs::staging::note_absences(conn, run, connection, &evidence, began, &absent).await?;
            }
            store::runs::staging::clear(conn, run).await?;
            let change = store::connections::ConnectionChange {
                account_id: Some(account.id.clone()),
                account_name: Some(account.name.clone()),
                account_place: Some(place.clone()),
                memory: Some(read.memory.clone()),
                evidence: is_full.then(|| evidence.clone()),
                last_full_at: is_full.then_some(began),
                mark: Some(mark.clone()),
                ..Default::default()
            };
            store::connections::update(conn, connection, change).await?;
            let counts = json!({
                "changed": absorbed.changed, "same": absorbed.same, "failed": read.failed,
                "unreadable": read.unreadable,
            });
            let change = RunChange {
                state: Some(RunState::Planning),
                counts: Some(counts),
                problems: Some(read.problems.clone()),
                leased_until: Some(Some(now + LEASE)),
                ..RunChange::default()
            };
            let mine = store::runs::update_leased(conn, run, node, change).await?;
            // Another node has the run by now: nothing of this may stay.
            if mine { Ok((absorbed, true)) } else { Err(diesel::result::Error::RollbackTransaction) }
        })
        .await
        .or_else(|error| match error {
            diesel::result::Error::RollbackTransaction => Ok((store::runs::staging::Absorbed::default(), false)),
            error => Err(error),
        })?;
    if mine { Ok(absorbed) } else { Err(lease.stopped(&mut conn).await) }
}

/// What readings must share, besides their method, for their evidence of absence to add up (law 2): with what
/// credential they read, of which company, and what they include. A mark can be read on from only while all this is the
/// same.
fn evidence(connection: &ConnectionRow, settings: &Common, credential: &str, account: &str) -> String {
    let parts = json!([account, credential, settings.include, Common::connector_part(&connection.settings)]);
    let digest = crate::crypto::seal::sha256(parts.to_string().as_bytes());
    crate::crypto::seal::hex(&digest[..16])
}

/// Makes the plan of a run, from what was taken over.
async fn plan(lease: &Lease<'_>, run: &RunRow, connection: &ConnectionRow) -> Result<(), Stop> {
    let context = lease.context;
    let mut conn = context.db.get().await?;
    if let Some(unfinished) = run.plan_id {
        store::runs::plans::delete(&mut conn, unfinished).await?;
    }
    let plan = context.clock.row_id();
    lease.update(&mut conn, RunChange { plan_id: Some(plan), ..RunChange::default() }).await?;
    drop(conn);
    // Values that mean something else now concern workers who state nothing new, too.
    let remapped = connection.accepted_mapping.as_ref() != Some(&connection.mapping);
    let scope = if remapped { Scope::Everybody } else { Scope::Undecided };
    let order = Order {
        plan,
        connection: Some(connection.id),
        run: Some(run.id),
        cause: run.cause.as_str().to_owned(),
        scope,
        rules: None,
        authority: None,
    };
    build(context, order).await?;
    let mut conn = context.db.get().await?;
    store::runs::plans::supersede_others(&mut conn, connection.id, plan).await?;
    if run.preview {
        drop(conn);
        return Ok(runs::finish::end_run(context, run, connection, RunResult::Planned).await?);
    }
    let verdict = hold::weigh(context, &mut conn, run, connection, plan).await?;
    drop(conn);
    if verdict.is_held() {
        return Ok(runs::finish::end_run(context, run, connection, RunResult::Held).await?);
    }
    let mut conn = context.db.get().await?;
    lease.update(&mut conn, RunChange { state: Some(RunState::Applying), ..RunChange::default() }).await?;
    let Some(run) = store::runs::find(&mut conn, run.id).await? else { return Err(Stop::Lost) };
    drop(conn);
    finish_applying(lease, &run, connection).await
}

/// Applies what is left of a run's plan.
async fn finish_applying(lease: &Lease<'_>, run: &RunRow, connection: &ConnectionRow) -> Result<(), Stop> {
    let context = lease.context;
    let Some(plan) = run.plan_id else {
        return Err(FlowError::Internal("a run that applies names no plan".into()).into());
    };
    let mut conn = context.db.get().await?;
    let reason = store::runs::holds::approved_by_run(&mut conn, run.id).await?.and_then(|hold| hold.reason);
    drop(conn);
    let cause = Cause {
        kind: if run.cause == RunCause::Mapping { "configuration" } else { "run" },
        run: Some(run.id),
        token_name: run.token_name.clone(),
        reason,
    };
    apply(context, plan, Some(connection.id), &cause).await?;
    Ok(runs::finish::end_run(context, run, connection, RunResult::Applied).await?)
}

/// How fast a run goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// To one decimal.
    pub workers_per_second: Option<f64>,
    /// Until all workers are read.
    pub seconds_left: Option<u64>,
}

/// How fast a run goes, and how long it still takes.
#[must_use]
pub fn pace(run: &RunRow, now: DateTime<Utc>) -> Pace {
    let seconds = run.started_at.map(|started| (run.ended_at.unwrap_or(now) - started).as_seconds_f64());
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = seconds.filter(|seconds| *seconds >= 1.0).map(|seconds| run.workers as f64 / seconds);
    let left = match (run.state, rate, run.expected) {
        #[expect(clippy::cast_precision_loss, reason = "a duration for people to read")]
        (RunState::Pulling, Some(rate), Some(expected)) if rate > 0.0 && expected >= run.workers => {
            Duration::try_from_secs_f64((expected - run.workers) as f64 / rate).ok().map(|left| left.as_secs())
        }
        _ => None,
    };
    Pace { workers_per_second: rate.map(|rate| (rate * 10.0).round() / 10.0), seconds_left: left }
}
