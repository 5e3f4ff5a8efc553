//! Looks every minute at what the jobs rest on: the clock and the keys.

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::Trust;
use crate::flows::clock_check;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::key_check;

/// How often it is asked whether there is a reason to look.
const TICK: TimeDelta = TimeDelta::seconds(1);
/// Ticks between two looks while all is well, and while the clocks differ.
const WHILE_WELL: u32 = 60;
const WHILE_SKEWED: u32 = 5;

/// One look: compares the clocks, then repairs what a wrong clock or a wrong key left behind.
pub(super) async fn look(context: &Context) -> Result<(), FlowError> {
    clock_check::compare(context).await?;
    clock_check::look_back(context).await?;
    key_check::go_on(context).await?;
    Ok(())
}

/// Looks until `stop` is cancelled.
pub(super) async fn watch(context: Context, stop: CancellationToken) {
    let mut ticks = 0;
    while stop.run_until_cancelled(context.clock.wait(TICK)).await.is_some() {
        ticks += 1;
        let due = match context.clock.trust() {
            Trust::Good => WHILE_WELL,
            Trust::Skewed(_) | Trust::Behind => WHILE_SKEWED,
            Trust::Unsure => 1,
        };
        if ticks >= due {
            ticks = 0;
            match stop.run_until_cancelled(look(&context)).await {
                Some(Err(error)) if !error.is_outage() => warn!("the clock could not be checked: {error}"),
                // A database that is away is noticed by the work itself.
                _ => {}
            }
        }
    }
}
