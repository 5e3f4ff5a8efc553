//! Holds dangerous plans (law 3). Until budgets are counted part by part, a run whose plan would make too many people
//! leavers waits as a whole for an admin.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use tracing::warn;
use uuid::Uuid;

use crate::directory::plan::budget;
use crate::flows::audit::{Actor, record};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::runs::holds::{HoldRow, HoldState, NewHold};
use crate::store::runs::plans::PlanState;
use crate::store::runs::{NewRun, RunCause, RunRow, RunState};

/// How long a hold waits before it counts as rejected.
const PATIENCE: TimeDelta = TimeDelta::days(14);

/// What became of a plan when it was weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Free,
    Held,
}

impl Verdict {
    pub(crate) fn is_held(self) -> bool {
        self == Self::Held
    }
}

/// Decides whether a plan may be applied, and raises, renews or ends the connection's hold accordingly.
pub(crate) async fn weigh(
    context: &Context,
    conn: &mut AsyncPgConnection,
    run: &RunRow,
    connection: &store::connections::ConnectionRow,
    plan: Uuid,
) -> Result<Verdict, FlowError> {
    let now = context.clock.now();
    let connection = connection.id;
    conn.transaction(async |conn| {
        let leavers = store::runs::plans::leavers(conn, plan).await?;
        let approved = store::runs::holds::approved_by_run(conn, run.id).await?.filter(|hold| hold.state == HoldState::Approved);
        let seen = approved.map(|hold| hold.people).unwrap_or_default();
        let seen: BTreeSet<Uuid> = seen.into_iter().collect();
        let unseen = leavers.iter().filter(|person| !seen.contains(person)).count();
        let active = store::people::write::active_of(conn, connection).await?;
        let dangerous = budget::danger(unseen, usize::try_from(active).unwrap_or(0));
        let open = store::runs::holds::open_of(conn, connection).await?;
        let rejected = store::runs::holds::last_rejected(conn, connection).await?;
        if rejected.is_some_and(|rejected| rejected.people == leavers) {
            // The admin has rejected exactly these; the rest of the plan proceeds.
            store::runs::plans::reject_people(conn, plan, &leavers).await?;
            return Ok(Verdict::Free);
        }
        // Other people would leave now, or no person: the admin rejected something else.
        store::runs::holds::spend(conn, connection, now).await?;
        if !dangerous {
            if let Some(open) = open {
                store::runs::holds::decide(conn, open.id, HoldState::Superseded, now, None, Some("a later run no longer asks for it")).await?;
            }
            return Ok(Verdict::Free);
        }
        store::runs::plans::set_state(conn, plan, PlanState::Held).await?;
        match open {
            Some(open) if open.people == leavers => store::runs::holds::renew(conn, open.id, plan).await?,
            open => {
                if let Some(open) = open {
                    store::runs::holds::decide(conn, open.id, HoldState::Superseded, now, None, Some("other people would leave now")).await?;
                }
                warn!(
                    run.id = %run.id, leavers = leavers.len(), active,
                    "run {} is held: {} of {active} active people would leave; an admin has to approve it", run.id, leavers.len(),
                );
                let hold = NewHold {
                    id: context.clock.row_id(),
                    plan_id: Some(plan),
                    connection_id: connection,
                    state: HoldState::Open,
                    people: leavers,
                    active_people: active,
                    raised_at: now,
                    expires_at: now + PATIENCE,
                };
                store::runs::holds::insert(conn, hold).await?;
            }
        }
        Ok(Verdict::Held)
    })
    .await
}

/// Approves a hold: a run plans again, since every item is checked again, and applies what was approved.
pub async fn approve(context: &Context, id: Uuid, actor: &Actor) -> Result<Uuid, FlowError> {
    decide(context, id, HoldState::Approved, actor).await
}

/// Rejects a hold: its leavers stay, the rest of the plan proceeds, and the hold is not raised again until the set of
/// leavers changes.
pub async fn reject(context: &Context, id: Uuid, actor: &Actor) -> Result<Uuid, FlowError> {
    decide(context, id, HoldState::Rejected, actor).await
}

async fn decide(context: &Context, id: Uuid, state: HoldState, actor: &Actor) -> Result<Uuid, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let run = conn
        .transaction(async |conn| {
            let hold = store::runs::holds::lock(conn, id).await?.ok_or_else(|| FlowError::not_found("hold", id))?;
            if hold.state != HoldState::Open {
                return Err(FlowError::Conflict(format!("the hold is {} already", hold.state)));
            }
            store::runs::holds::decide(conn, id, state, now, Some(&actor.token_name), actor.reason.as_deref()).await?;
            record(
                context,
                conn,
                actor,
                &format!("hold.{state}"),
                &format!("hold {id}"),
                serde_json::json!({ "leavers": hold.people.len() }),
            )
            .await?;
            carry_out(context, conn, &hold, Some(actor)).await
        })
        .await?;
    context.wake.notify();
    Ok(run)
}

async fn carry_out(
    context: &Context,
    conn: &mut AsyncPgConnection,
    hold: &HoldRow,
    actor: Option<&Actor>,
) -> Result<Uuid, FlowError> {
    let run = NewRun {
        id: context.clock.row_id(),
        connection_id: hold.connection_id,
        cause: RunCause::Hold,
        preview: false,
        state: RunState::Planning,
        plan_id: None,
        token_name: actor.map(|actor| actor.token_name.clone()),
        queued_at: context.clock.now(),
        accepted_fields: Vec::new(),
    };
    let (id, queued) = store::runs::enqueue(conn, run).await?;
    if !queued && actor.is_some() {
        return Err(FlowError::Conflict(format!(
            "the run {id} of this connection is going and may change what is held; decide when it has ended"
        )));
    }
    store::runs::holds::set_run(conn, hold.id, id).await?;
    Ok(id)
}

/// Ends holds without a decision in time, as if they were rejected. `true` when there was one.
pub async fn expire(context: &Context) -> Result<bool, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    let due = store::runs::holds::expired(&mut conn, now).await?;
    for id in &due {
        conn.transaction(async |conn| {
            let Some(hold) = store::runs::holds::lock(conn, *id).await?.filter(|hold| hold.state == HoldState::Open)
            else {
                return Ok(());
            };
            store::runs::holds::decide(
                conn,
                *id,
                HoldState::Expired,
                now,
                None,
                Some("it was not decided within 14 days"),
            )
            .await?;
            warn!(hold.id = %id, "hold {id} has expired: its leavers stay");
            carry_out(context, conn, &hold, None).await?;
            Ok::<_, FlowError>(())
        })
        .await?;
    }
    Ok(!due.is_empty())
}

/// The share of leavers, in percent, as an admin reads it.
#[must_use]
pub fn percent(hold: &HoldRow) -> Option<f64> {
    let leavers = u32::try_from(hold.people.len()).ok()?;
    let active = u32::try_from(hold.active_people).ok().filter(|active| *active > 0)?;
    Some((f64::from(leavers) * 1000.0 / f64::from(active)).round() / 10.0)
}
