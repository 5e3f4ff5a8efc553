//! Faults on demand: each states what goes wrong, for which requests, and how often.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::SandboxError;

/// A fault and the requests that meet it. Of several that fit a request, the one that was set first counts.
///
/// ```
/// use rollbook::sandbox::{Effect, Fault};
///
/// let third_page_fails_twice = Fault::on("/v1/employments", Effect::status(500)).exactly().page(3).times(2);
/// let token_dies_mid_way = Fault::on("/", Effect::status(401)).from(5);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What the path begins with.
    pub path: String,
    /// The path is exactly that.
    #[serde(default)]
    pub exact: bool,
    /// Only requests for this page number; lists that go by cursor have none (see [`Fault::nth`]).
    #[serde(default)]
    pub page: Option<u32>,
    /// The first request that meets the fault, counted from 1 among those that path and page fit.
    #[serde(default)]
    pub from: Option<u32>,
    /// The last one.
    #[serde(default)]
    pub to: Option<u32>,
    /// After so many times the requests succeed again; absent: until cleared.
    #[serde(default)]
    pub times: Option<u32>,
    pub effect: Effect,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// Another status, with the vendor's body for it, another JSON body, or a page of HTML.
    Status {
        status: u16,
        #[serde(default)]
        body: Option<Value>,
        #[serde(default)]
        html: bool,
        /// The header `Retry-After` as it is: seconds, or a date.
        #[serde(default)]
        retry_after: Option<String>,
        /// Remote's header `x-ratelimit-reset`, with nothing remaining.
        #[serde(default)]
        reset_ms: Option<u64>,
    },
    /// The right answer, cut in the middle of its JSON.
    Truncated,
    /// 200 without rows, and with counters that report none.
    Empty,
    /// Never an answer; ends when the client or the sandbox gives up.
    Hang,
    /// The connection is closed without an answer.
    Close,
    /// The right answer after so many milliseconds of real time.
    Slow { ms: u64 },
    /// The answer names the cursor that was asked for as the next one.
    SameCursor,
    /// Rows have moved: by 1, as if one before this page was removed while the client was reading (a row is missed);
    /// by -1, as if one was added (a row comes twice). The total stays.
    Shift { by: i64 },
}

impl Effect {
    /// The vendor's own answer of that status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, body: None, html: false, retry_after: None, reset_ms: None }
    }

    /// A gateway's HTML page.
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::Status { status, body: None, html: true, retry_after: None, reset_ms: None }
    }

    /// 429 that states how long to wait: `Retry-After` in seconds, the reset header in milliseconds, or neither.
    #[must_use]
    pub fn too_many(retry_after: Option<u64>, reset_ms: Option<u64>) -> Self {
        let retry_after = retry_after.map(|seconds| seconds.to_string());
        Self::Status { status: 429, body: None, html: false, retry_after, reset_ms }
    }

    /// 429 whose `Retry-After` is an HTTP date (RFC 9110, 5.6.7).
    #[must_use]
    pub fn too_many_until(instant: DateTime<Utc>) -> Self {
        let retry_after = Some(instant.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        Self::Status { status: 429, body: None, html: false, retry_after, reset_ms: None }
    }
}

impl Fault {
    /// Every request whose path begins with `path` meets `effect`, until the fault is cleared.
    #[must_use]
    pub fn on(path: &str, effect: Effect) -> Self {
        Self { path: path.to_owned(), exact: false, page: None, from: None, to: None, times: None, effect }
    }

    #[must_use]
    pub fn exactly(self) -> Self {
        Self { exact: true, ..self }
    }

    #[must_use]
    pub fn page(self, page: u32) -> Self {
        Self { page: Some(page), ..self }
    }

    #[must_use]
    pub fn from(self, first: u32) -> Self {
        Self { from: Some(first), ..self }
    }

    #[must_use]
    pub fn to(self, last: u32) -> Self {
        Self { to: Some(last), ..self }
    }

    /// Only the `number`th fitting request, from 1.
    #[must_use]
    pub fn nth(self, number: u32) -> Self {
        self.from(number).to(number)
    }

    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    pub(super) fn check(&self) -> Result<(), SandboxError> {
        match &self.effect {
            Effect::Status { status, .. } if !(200..600).contains(status) => {
                Err(SandboxError::Refused("a status is a number from 200 to 599"))
            }
            Effect::Status { retry_after: Some(value), .. }
                if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) =>
            {
                Err(SandboxError::Refused("Retry-After is visible ASCII"))
            }
            _ => Ok(()),
        }
    }
}

/// A fault that was set, and what it met.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetFault {
    #[serde(flatten)]
    pub fault: Fault,
    /// Requests that path and page fitted.
    pub seen: u32,
    /// Requests that met it.
    pub met: u32,
}

#[derive(Debug, Default)]
pub(super) struct Faults(Vec<SetFault>);

impl Faults {
    pub(super) fn set(&mut self, fault: Fault) {
        self.0.push(SetFault { fault, seen: 0, met: 0 });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn list(&self) -> &[SetFault] {
        &self.0
    }

    /// The fault that this request meets, if any. Counts it.
    pub(super) fn meet(&mut self, path: &str, page: Option<u32>) -> Option<Effect> {
        let mut effect = None;
        for set in &mut self.0 {
            let fault = &set.fault;
            let on_path = if fault.exact { path == fault.path } else { path.starts_with(&fault.path) };
            if !on_path || fault.page.is_some_and(|wanted| page.unwrap_or(1) != wanted) {
                continue;
            }
            set.seen += 1;
            let due = fault.from.is_none_or(|first| set.seen >= first)
                && fault.to.is_none_or(|last| set.seen <= last)
                && fault.times.is_none_or(|times| set.met < times);
            if due && effect.is_none() {
                set.met += 1;
                effect = Some(fault.effect.clone());
            }
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(fault: Fault, requests: &[(&str, Option<u32>)]) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.set(fault);
        requests.iter().map(|(path, page)| faults.meet(path, *page).is_some()).collect()
    }

    #[test]
    fn a_fault_meets_only_its_path_and_page() {
        let fault = Fault::on("/v1/employments", Effect::Hang).exactly().page(2);
        let requests =
            [("/v1/employments", Some(1)), ("/v1/employments", Some(2)), ("/v1/employments/7", Some(2)), ("/v1", None)];
        assert_eq!(met(fault, &requests), [false, true, false, false]);
    }

    #[test]
    fn a_fault_without_a_page_meets_every_page_and_the_first_page_needs_no_number() {
        let requests = [("/v1/employments", None), ("/v1/employments", Some(2))];
        assert_eq!(met(Fault::on("/v1/employments", Effect::Hang), &requests), [true, true]);
        assert_eq!(met(Fault::on("/v1/employments", Effect::Hang).page(1), &requests), [true, false]);
    }

    #[test]
    fn a_fault_ends_after_its_times_and_keeps_to_its_range() {
        let requests = [("/a", None); 5];
        assert_eq!(met(Fault::on("/", Effect::Close).times(2), &requests), [true, true, false, false, false]);
        assert_eq!(met(Fault::on("/", Effect::Close).nth(3), &requests), [false, false, true, false, false]);
        assert_eq!(met(Fault::on("/", Effect::Close).from(4), &requests), [false, false, false, true, true]);
        assert_eq!(met(Fault::on("/", Effect::Close).from(2).times(1), &requests), [false, true, false, false, false]);
    }

    #[test]
    fn a_fault_survives_json() {
        let fault = Fault::on("/v1", Effect::too_many(Some(7), Some(41_250))).times(1);
        let json = serde_json::to_value(&fault).unwrap();
        assert_eq!(json["effect"]["retryAfter"], "7");
        assert_eq!(serde_json::from_value::<Fault>(json).unwrap(), fault);
    }

    #[test]
    fn a_status_that_no_server_can_send_is_refused() {
        assert!(Fault::on("/", Effect::status(99)).check().is_err());
        assert!(Fault::on("/", Effect::status(503)).check().is_ok());
    }
}
