//! The simulated Remote: one company behind the HTTP surface that its page describes (remote.md).

mod bodies;
mod company;
mod config;
mod control;
mod draft;
mod employments;
mod examples;
mod front;
mod offboardings;
mod population;
mod record;
mod small;
mod surface;
#[cfg(test)]
mod tests;
mod twins;

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use actix_web::web::{Data, ServiceConfig, route};
use chrono::{DateTime, Utc};
use serde_json::Value;

pub use config::{DEFAULT_TOKEN, Kind, Kinds, MAX_WORKERS, Part, SandboxConfig};

use super::TimeSource;
use super::dice::Dice;
use super::error::SandboxError;
use super::faults::{Fault, Faults, SetFault};
use super::meter::{Meter, Statistics};
use super::server::Running;
use super::who::Who;
use company::Company;
use population::Population;
pub(super) use twins::{Twin, Twins};

/// A simulated Remote of one company. Cheap to clone; clones are the same company.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    time: TimeSource,
    people: RwLock<Population>,
    gate: Mutex<Gate>,
}

/// The state that is checked before a request is answered.
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
    /// A company as `config` describes it; its number of workers is brought into 1..=[`MAX_WORKERS`].
    #[must_use]
    pub fn new(config: SandboxConfig, time: TimeSource) -> Self {
        let config = config.settled();
        let people = Population::new(company(&config, &time));
        Self(Arc::new(Inner { time, people: RwLock::new(people), gate: Mutex::new(Gate::new(config)) }))
    }

    /// Adds the vendor's surface and the control endpoint to an application.
    pub fn routes(&self, services: &mut ServiceConfig) {
        services
            .app_data(Data::new(self.clone()))
            .service(control::scope())
            .route("/v1/{tail:.*}", route().to(front::answer))
            .route("/v2/{tail:.*}", route().to(front::answer));
    }

    /// Serves on `listener` in threads of its own until stopped. Several can run in one process. Call it within a tokio
    /// runtime of any kind.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn serve(&self, listener: TcpListener) -> io::Result<Running> {
        let sandbox = self.clone();
        Running::start(listener, move |services: &mut ServiceConfig| sandbox.routes(services))
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

    /// Changes a record by a merge patch (RFC 7396, but null sets null) and answers the new record. The patch has
    /// Remote's fields. Nothing else follows from it: a patch of `full_name` leaves `personal_details` alone. A record
    /// that was removed comes back; with the status `deleted` it leaves the lists.
    ///
    /// # Errors
    /// When there is no such employment, or the patch would change its id.
    pub fn patch(&self, who: impl Into<Who>, patch: &Value) -> Result<Value, SandboxError> {
        let now = self.stamp();
        self.people_mut().patch(&who.into(), patch, &now)
    }

    /// Adds an employment, an active direct employee unless `patch` states otherwise, and answers its record.
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
