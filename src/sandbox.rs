//! Simulated HR systems: a made-up company behind the HTTP surface of a vendor, with faults on demand.
//!
//! It shares no code with `connectors` nor with anything else of ours, so that a wrong reading of a vendor's page shows
//! as a difference between the two. People are made from (seed, index) when they are asked for; only what was changed
//! by hand is kept, so a company of 100,000 costs no more memory than one of ten.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::sync::Arc;
//! use rollbook::sandbox::{Effect, Fault, Kind, Sandbox, SandboxConfig};
//!
//! let config = SandboxConfig::mix(&[(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4)]);
//! let sandbox = Sandbox::new(config, Arc::new(rollbook::sandbox::system_time));
//! let running = sandbox.serve(std::net::TcpListener::bind("127.0.0.1:0")?)?;
//! sandbox.fault(Fault::on("/v1/employments", Effect::status(503)).times(1)).expect("503 is a status");
//! println!("{} takes the token {}", running.base_url(), sandbox.token());
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod cli;
mod company;
mod config;
mod control;
mod dice;
mod draft;
mod error;
mod examples;
mod faults;
mod front;
mod meter;
mod places;
mod remote;
mod server;
#[cfg(test)]
mod tests;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use cli::{SandboxArgs, run, system_time};
pub use config::{DEFAULT_TOKEN, Kind, Kinds, MAX_WORKERS, Part, SandboxConfig};
pub use error::SandboxError;
pub use faults::{Effect, Fault, SetFault};
pub use meter::Statistics;
pub use remote::population::Who;
pub use remote::record::{NEVER_STORE, NEVER_STORE_AMOUNT};
pub use server::Running;

use company::Company;
use dice::Dice;
use faults::Faults;
use meter::Meter;
use remote::population::Population;

/// Where a sandbox takes the time from: rate windows, the day that dates are relative to, `updated_at`.
pub type TimeSource = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A simulated Remote of one company. Cheap to clone; clones are the same company.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    time: TimeSource,
    people: RwLock<Population>,
    gate: Mutex<Gate>,
}

/// What stands before the answers.
struct Gate {
    config: SandboxConfig,
    /// `None` when it was revoked: no token is accepted.
    token: Option<String>,
    rotations: u32,
    meter: Meter,
    faults: Faults,
}

impl Gate {
    fn new(config: SandboxConfig) -> Self {
        let token = Some(config.token.clone());
        let meter = Meter::new(config.rate_limit_per_minute);
        Self { config, token, rotations: 0, meter, faults: Faults::default() }
    }
}

impl Sandbox {
    /// A company as `config` says; its number of workers is brought into 1..=[`MAX_WORKERS`].
    #[must_use]
    pub fn new(config: SandboxConfig, time: TimeSource) -> Self {
        let config = config.settled();
        let people = Population::new(company(&config, &time));
        Self(Arc::new(Inner { time, people: RwLock::new(people), gate: Mutex::new(Gate::new(config)) }))
    }

    /// Makes it another company, without changes, faults and statistics.
    pub fn reset(&self, config: SandboxConfig) {
        let config = config.settled();
        let mut gate = self.gate();
        *self.people_mut() = Population::new(company(&config, &self.0.time));
        gate.token = Some(config.token.clone());
        gate.meter.restart(config.rate_limit_per_minute);
        gate.faults.clear();
        gate.config = config;
    }

    /// The present set-up.
    #[must_use]
    pub fn config(&self) -> SandboxConfig {
        self.gate().config.clone()
    }

    /// The token that is accepted now; empty when none is.
    #[must_use]
    pub fn token(&self) -> String {
        self.gate().token.clone().unwrap_or_default()
    }

    /// From now on only this token is accepted.
    pub fn set_token(&self, token: &str) {
        self.gate().token = Some(token.to_owned());
    }

    /// Makes a new token and accepts only it.
    #[must_use]
    pub fn rotate_token(&self) -> String {
        let mut gate = self.gate();
        gate.rotations += 1;
        let mut dice = Dice::of(gate.config.seed, gate.rotations, u64::from(u32::MAX));
        let token = format!("ra_test_{:016x}{:016x}", dice.roll(), dice.roll());
        gate.token = Some(token.clone());
        token
    }

    /// From now on every request is answered 401.
    pub fn revoke_token(&self) {
        self.gate().token = None;
    }

    /// Whether the bulk endpoint exists.
    pub fn set_bulk(&self, on: bool) {
        self.gate().config.bulk = on;
    }

    /// Requests a minute; 0 for no limit.
    pub fn set_rate_limit(&self, per_minute: u32) {
        let mut gate = self.gate();
        gate.config.rate_limit_per_minute = per_minute;
        gate.meter.set_limit(per_minute);
    }

    /// Sets a fault.
    ///
    /// # Errors
    /// When no server could do that.
    pub fn fault(&self, fault: Fault) -> Result<(), SandboxError> {
        fault.check()?;
        self.gate().faults.set(fault);
        Ok(())
    }

    pub fn clear_faults(&self) {
        self.gate().faults.clear();
    }

    /// The faults that are set, with what they met.
    #[must_use]
    pub fn faults(&self) -> Vec<SetFault> {
        self.gate().faults.list().to_vec()
    }

    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.gate().meter.statistics.clone()
    }

    /// How many employments the lists show.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.people().count()
    }

    #[must_use]
    pub fn company_id(&self) -> String {
        self.people().company().id()
    }

    /// The id of the employment at an index.
    #[must_use]
    pub fn employment_id(&self, index: u32) -> String {
        self.people().id_of(index)
    }

    /// The full record as *show* has it.
    ///
    /// # Errors
    /// When there is no such employment.
    pub fn employment(&self, who: impl Into<Who>) -> Result<Value, SandboxError> {
        self.people().get(&who.into())
    }

    /// Changes a record by a merge patch in Remote's words (RFC 7396, but null sets null) and answers the new record.
    /// Nothing else follows from it: a patch of `full_name` leaves `personal_details` alone. A record that was removed
    /// comes back; with the status `deleted` it leaves the lists.
    ///
    /// # Errors
    /// When there is no such employment, or the patch would change its id.
    pub fn patch(&self, who: impl Into<Who>, patch: &Value) -> Result<Value, SandboxError> {
        let now = self.stamp();
        self.people_mut().patch(&who.into(), patch, &now)
    }

    /// Adds an employment, an active direct employee unless `patch` says otherwise, and answers its record.
    ///
    /// # Errors
    /// When the given id is not new, or the company is full.
    pub fn add(&self, patch: &Value) -> Result<Value, SandboxError> {
        let now = self.stamp();
        self.people_mut().add(patch, &now)
    }

    /// Takes an employment out of list and bulk; *show* answers 404 unless `still_shown`.
    ///
    /// # Errors
    /// When there is no such employment.
    pub fn remove(&self, who: impl Into<Who>, still_shown: bool) -> Result<(), SandboxError> {
        self.people_mut().remove(&who.into(), still_shown)
    }

    /// Changes the offboarding of an employment by a merge patch of its v1 row, or hides it with `None`. An employment
    /// has one exactly while its record has a `termination_date`.
    ///
    /// # Errors
    /// When there is no such employment.
    pub fn set_offboarding(&self, who: impl Into<Who>, patch: Option<Value>) -> Result<(), SandboxError> {
        self.people_mut().set_offboarding(&who.into(), patch)
    }

    fn stamp(&self) -> String {
        self.now().format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    fn now(&self) -> DateTime<Utc> {
        (self.0.time)()
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn people(&self) -> RwLockReadGuard<'_, Population> {
        self.0.people.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn people_mut(&self) -> RwLockWriteGuard<'_, Population> {
        self.0.people.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn company(config: &SandboxConfig, time: &TimeSource) -> Company {
    Company::new(config, config.today.unwrap_or_else(|| time().date_naive()))
}
