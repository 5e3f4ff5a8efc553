//! Manages the lease of a run: the right of one node to carry it out, renewed with every page and batch.

use chrono::TimeDelta;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::incomplete::IncompleteRead;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::outbound::waits::{WaitReason, Waits};
use crate::store;
use crate::store::runs::{RunChange, WaitingFor};

/// How long a node may be silent before its run is taken from it.
pub(crate) const LEASE: TimeDelta = TimeDelta::minutes(5);

/// Why a run goes no further here.
pub(crate) enum Stop {
    /// The lease is another node's by now.
    Lost,
    /// An admin wants the run to end.
    Cancelled,
    /// The read is incomplete: nothing may be concluded from it.
    Short(IncompleteRead),
    Flow(FlowError),
}

impl<E: Into<FlowError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Flow(error.into())
    }
}

/// A run that this node has leased.
pub(crate) struct Lease<'a> {
    pub context: &'a Context,
    pub run: Uuid,
    /// What the calls of this run wait for.
    pub waits: Waits,
}

impl Lease<'_> {
    /// Renews the lease as long as it is awaited, and notes what the run waits for; ends when the lease is lost or the
    /// run was cancelled.
    pub(crate) async fn keep(&self) -> Stop {
        let clock = &self.context.clock;
        let mut renewed = clock.now();
        let mut noted = None;
        loop {
            clock.wait(LOOK).await;
            // A database that is away for a moment is noticed by the work itself.
            let Ok(mut conn) = self.context.db.get().await else { continue };
            let waiting = self.waits.current();
            let result = if waiting != noted || clock.now() - renewed >= LEASE / 3 {
                let change = RunChange {
                    waiting_until: Some(waiting.map(|waiting| waiting.until)),
                    waiting_for: Some(waiting.map(|waiting| waiting_for(waiting.reason))),
                    ..RunChange::default()
                };
                self.update(&mut conn, change).await
            } else {
                self.look(&mut conn).await
            };
            match result {
                Ok(()) => {
                    noted = waiting;
                    renewed = clock.now();
                }
                Err(stop @ (Stop::Lost | Stop::Cancelled)) => return stop,
                Err(_) => {}
            }
        }
    }

    /// Whether the run is still ours to carry out.
    pub(crate) async fn look(&self, conn: &mut AsyncPgConnection) -> Result<(), Stop> {
        match store::runs::look(conn, self.run, self.context.node).await? {
            Some(false) => Ok(()),
            Some(true) => Err(Stop::Cancelled),
            None => Err(Stop::Lost),
        }
    }

    /// Why a write to the run was refused.
    pub(crate) async fn stopped(&self, conn: &mut AsyncPgConnection) -> Stop {
        match self.look(conn).await {
            Ok(()) => Stop::Lost,
            Err(stop) => stop,
        }
    }

    /// Writes to the run and renews the lease.
    pub(crate) async fn update(&self, conn: &mut AsyncPgConnection, change: RunChange) -> Result<(), Stop> {
        let until = self.context.clock.now() + LEASE;
        let change = RunChange { leased_until: Some(Some(until)), ..change };
        if store::runs::update_leased(conn, self.run, self.context.node, change).await? {
            Ok(())
        } else {
            Err(self.stopped(conn).await)
        }
    }
}

pub(crate) fn waiting_for(reason: WaitReason) -> WaitingFor {
    match reason {
        WaitReason::RateLimit => WaitingFor::RateLimit,
        WaitReason::RetryAfter => WaitingFor::RetryAfter,
        WaitReason::BackOff => WaitingFor::BackOff,
    }
}

/// How often it is checked whether the run was cancelled, and noted what it waits for.
pub(crate) const LOOK: TimeDelta = TimeDelta::seconds(2);
