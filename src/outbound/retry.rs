//! Retries: which failures are temporary, and how long to wait before the next try.

use std::time::Duration;

use chrono::TimeDelta;

use super::pace::Pace;
use super::waits::WaitReason;
use super::{Call, HttpAnswer, Outbound, OutboundError};

/// The number of tries and the waits between them. Only for calls that may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all, the first one included.
    pub tries: u32,
    /// The back-off after the first failure; it doubles with every further one.
    pub first: Duration,
    /// The longest back-off.
    pub cap: Duration,
    /// The longest wait that a vendor may request; if it requests more, the call fails and reports when to come back.
    pub patience: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { tries: 5, first: Duration::from_secs(1), cap: Duration::from_mins(1), patience: Duration::from_mins(15) }
    }
}

impl Retry {
    /// The wait after the failure of try number `failed` (from 1). `chance` in 0..1 spreads it over its upper half, so
    /// that callers who failed together do not come back together.
    fn back_off(&self, failed: u32, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1))).min(self.cap);
        doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

impl Outbound {
    /// Makes a call at the account's pace and repeats it while it fails in ways that pass: network errors, time-outs,
    /// 408, 425, 429, 5xx. Any other answer is an answer, whatever its status.
    ///
    /// # Errors
    /// [`OutboundError::GaveUp`] when the tries are used up or the vendor requests a longer wait than is allowed;
    /// otherwise the error of [`send`](Self::send) that no repetition would solve.
    pub async fn fetch(&self, call: &Call, pace: &Pace, retry: &Retry) -> Result<HttpAnswer, OutboundError> {
        let waits = self.waits.as_ref();
        // A call that cannot wait leaves the pace of the account as it is for calls that can.
        let patience = self.patience.map_or(retry.patience, |patience| patience.min(retry.patience));
        let mut tries = 0;
        loop {
            tries += 1;
            let mut permit = pace.start_noted(waits).await;
            let outcome = self.send(call).await;
            if let Ok(answer) = &outcome {
                permit.learn(answer.rate_hint());
            }
            drop(permit);
            let now = self.clock().now();
            let (detail, asked) = match outcome {
                Ok(answer) if answer.is_transient() => {
                    (format!("status {}: {}", answer.status, answer.error_detail()), answer.asked_wait(now))
                }
                Err(OutboundError::Unreachable { detail, .. }) => (detail, None),
                settled => return settled,
            };
            // Never less than our own back-off, even if a vendor keeps answering "at once".
            let wait = retry.back_off(tries, chance()).max(asked.unwrap_or_default());
            let too_long = asked.is_some_and(|asked| asked > patience);
            if asked.is_some() && !too_long {
                // All callers of this account wait, not only this call.
                pace.hold_until(now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX));
            }
            if too_long || tries >= retry.tries {
                return Err(OutboundError::GaveUp { tries, detail, retry_after: asked });
            }
            tracing::warn!(
                call = %call.label(),
                tries,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "{} failed ({detail}); trying again",
                call.label()
            );
            let until = now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
            let reason = if asked.is_some() { WaitReason::RetryAfter } else { WaitReason::BackOff };
            let _noted = waits.map(|waits| waits.note(until, reason));
            self.clock().pause(wait).await;
        }
    }
}

/// A random number in 0..1. If the machine has no randomness there is no spread, which is no fault.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_its_cap() {
        let retry = Retry::default();
        let longest: Vec<u64> = (1..=9).map(|failed| retry.back_off(failed, 1.0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry.back_off(1, 0.0), Duration::from_millis(500));
        assert_eq!(retry.back_off(u32::MAX, 1.0), Duration::from_mins(1));
    }
}
