//! The simulated Justworks: one company behind the HTTP surface that its page describes (justworks.md). It has the
//! consent page, the tokens and the scopes of its OAuth. Where page and examples differ, the page counts: the list
//! shows the whole record, also `employment_history`, which the example of the list leaves empty. Time changes no
//! record by itself: a person whose last day passes stays active until that is changed by hand.

mod company;
mod config;
mod consent;
mod control;
mod draft;
mod examples;
mod front;
mod grants;
mod list;
mod oauth;
mod passes;
mod population;
mod record;
mod role;
mod scopes;
mod surface;
#[cfg(test)]
mod tests;

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use actix_web::web::{Data, ServiceConfig, route};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use url::Url;

pub(super) use company::Company;
pub use config::{
    DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DepartmentShape, EmailShape, Envelope, ExpiryShape, JustworksConfig,
    LastPage, MAX_MEMBERS, ManagerShape, MemberKind, MemberKinds, MemberPart, Overlap, Shapes,
};

use super::TimeSource;
use super::error::SandboxError;
use super::faults::{Fault, Faults, SetFault};
use super::meter::{Meter, Statistics};
use super::query::Query;
use super::server::Running;
use super::who::Who;
use consent::{Ask, Turned};
use grants::Grants;
use population::Population;
use scopes::Scopes;

/// A simulated Justworks of one company. Cheap to clone; clones are the same company.
#[derive(Clone)]
pub struct Justworks(Arc<Inner>);

struct Inner {
    time: TimeSource,
    people: RwLock<Population>,
    gate: Mutex<Gate>,
}

/// The state that is checked before a request is answered.
struct Gate {
    config: JustworksConfig,
    meter: Meter,
    faults: Faults,
    grants: Grants,
    counts: Counts,
    /// What the next consent or refresh grants; `None` for what is asked for.
    granted: Option<Scopes>,
    lose_next: bool,
    /// The company that the next consent is for; 0 is the own one.
    next_company: u32,
    companies: u32,
}

/// What happened to consents and tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    consents: u64,
    exchanges: u64,
    refreshes: u64,
    refused_refreshes: u64,
    revocations: u64,
}

/// What a simulated Justworks was asked for since it was made or reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JustworksStatistics {
    /// Requests by route, answers by status, the most in flight.
    #[serde(flatten)]
    pub http: Statistics,
    /// How often an admin gave consent.
    pub consents: u64,
    /// Codes that were exchanged for tokens.
    pub exchanges: u64,
    /// Refreshes that were carried out, also those whose answer was lost.
    pub refreshes: u64,
    /// Refreshes that were answered with `invalid_grant`.
    pub refused_refreshes: u64,
    pub revocations: u64,
}

impl Gate {
    fn new(config: JustworksConfig) -> Self {
        Self {
            meter: Meter::new(config.rate_limit_per_minute),
            faults: Faults::default(),
            grants: Grants::new(config.seed),
            counts: Counts::default(),
            granted: None,
            lose_next: false,
            next_company: 0,
            companies: 0,
            config,
        }
    }
}

impl Justworks {
    /// A company as `config` describes it; its number of members is brought into 1..=[`MAX_MEMBERS`].
    #[must_use]
    pub fn new(config: JustworksConfig, time: TimeSource) -> Self {
        let config = config.settled();
        let people = Population::new(company(&config, time().date_naive()));
        Self(Arc::new(Inner { time, people: RwLock::new(people), gate: Mutex::new(Gate::new(config)) }))
    }

    /// Adds the vendor's surface and the control endpoint to an application.
    pub fn routes(&self, services: &mut ServiceConfig) {
        services
            .app_data(Data::new(self.clone()))
            .service(control::scope())
            .route("/v1/{tail:.*}", route().to(front::answer))
            .route("/oauth/{tail:.*}", route().to(front::answer));
    }

    /// Serves on `listener` in threads of its own until stopped. Several can run in one process. Call it within a tokio
    /// runtime of any kind.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn serve(&self, listener: TcpListener) -> io::Result<Running> {
        let vendor = self.clone();
        Running::start(listener, move |services: &mut ServiceConfig| vendor.routes(services))
    }

    /// Makes it another company, without changes, grants, faults and statistics.
    pub fn reset(&self, config: JustworksConfig) {
        let config = config.settled();
        let now = self.now();
        let mut gate = self.gate();
        *self.people_mut() = Population::new(company(&config, now.date_naive()));
        let mut meter = std::mem::replace(&mut gate.meter, Meter::new(0));
        meter.restart(config.rate_limit_per_minute);
        let mut grants = std::mem::replace(&mut gate.grants, Grants::new(0));
        grants.restart(config.seed, now);
        *gate = Gate { meter, grants, ..Gate::new(config) };
    }

    /// The present set-up.
    #[must_use]
    pub fn config(&self) -> JustworksConfig {
        self.gate().config.clone()
    }

    /// Sets the limit of requests a minute; 0 for no limit.
    pub fn set_rate_limit(&self, per_minute: u32) {
        let mut gate = self.gate();
        gate.config.rate_limit_per_minute = per_minute;
        gate.meter.set_limit(per_minute);
    }

    /// Sets how answers are written from now on.
    pub fn set_shapes(&self, shapes: Shapes) {
        self.gate().config.shapes = shapes;
    }

    /// Consents as an admin who follows an authorization URL and clicks *Allow*. The answer is the callback URL with
    /// code and state, or with the error that the vendor sends back.
    ///
    /// # Errors
    /// When the vendor would show an error page instead.
    pub fn consent(&self, authorization_url: &str) -> Result<String, SandboxError> {
        self.decide(authorization_url, |ask| self.allow(ask))
    }

    /// Refuses as an admin who clicks *Deny*: the answer is the callback URL with the error and the state.
    ///
    /// # Errors
    /// When the vendor would show an error page instead.
    pub fn deny(&self, authorization_url: &str) -> Result<String, SandboxError> {
        self.decide(authorization_url, Ask::denied)
    }

    fn decide(&self, authorization_url: &str, answer: impl Fn(&Ask) -> String) -> Result<String, SandboxError> {
        let url = Url::parse(authorization_url).map_err(|_| SandboxError::Refused("an authorization URL is a URL"))?;
        if url.path() != "/oauth/authorize" {
            return Err(SandboxError::Refused("consent is given at /oauth/authorize"));
        }
        match Ask::of(&Query::parse(url.query().unwrap_or_default()), &self.config()) {
            Ok(ask) => Ok(answer(&ask)),
            Err(Turned::Back(to)) => Ok(to),
            Err(Turned::Away(why)) => Err(SandboxError::Refused(why)),
        }
    }

    /// Takes every consent back: no token opens anything any more, and a refresh is `invalid_grant`.
    pub fn revoke_grant(&self) {
        let now = self.now();
        self.gate().grants.revoke_all(now);
    }

    /// Expires all access tokens that were given so far; a refresh gives a good one.
    pub fn expire_access_tokens(&self) {
        let now = self.now();
        self.gate().grants.expire_access(now);
    }

    /// Sets what consents and refreshes grant from now on, whatever is requested.
    ///
    /// # Errors
    /// When there is no such scope.
    pub fn set_granted_scopes(&self, names: &[&str]) -> Result<(), SandboxError> {
        let scopes = Scopes::of(names.iter().copied()).map_err(|_| SandboxError::Refused("there is no such scope"))?;
        self.gate().granted = Some(scopes);
        Ok(())
    }

    /// Consents grant what is requested again, refreshes what was granted before.
    pub fn grant_what_is_asked(&self) {
        self.gate().granted = None;
    }

    /// The next token request that succeeds is carried out, but its connection is closed without an answer.
    pub fn lose_next_token_answer(&self) {
        self.gate().lose_next = true;
    }

    /// Makes the next consent one for another company, and answers the id of that company.
    #[must_use]
    pub fn another_company(&self) -> String {
        let number = {
            let mut gate = self.gate();
            gate.companies += 1;
            gate.next_company = gate.companies;
            gate.companies
        };
        self.with_company(number, |people| people.company().id())
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
    pub fn statistics(&self) -> JustworksStatistics {
        let gate = self.gate();
        let Counts { consents, exchanges, refreshes, refused_refreshes, revocations } = gate.counts;
        let http = gate.meter.statistics.clone();
        JustworksStatistics { http, consents, exchanges, refreshes, refused_refreshes, revocations }
    }

    /// How many members the list shows, whatever their status.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.people().count()
    }

    #[must_use]
    pub fn company_id(&self) -> String {
        self.people().company().id()
    }

    /// The id of the member at an index.
    #[must_use]
    pub fn member_id(&self, index: u32) -> String {
        self.people().id_of(index)
    }

    /// Ids and names of the departments.
    #[must_use]
    pub fn departments(&self) -> Vec<(String, String)> {
        self.people().departments()
    }

    /// The index that a member has in the simulated Remote of the set-up's overlap, if the human works there too.
    #[must_use]
    pub fn worker_index(&self, member_index: u32) -> Option<u32> {
        self.people().company().twin_of(member_index)
    }

    /// The whole record, with everything that any scope would show, in the shapes of the page's examples.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn member(&self, who: impl Into<Who>) -> Result<Value, SandboxError> {
        self.people().get(&who.into())
    }

    /// Changes a record by a merge patch in the shapes of the page's examples (RFC 7396: null removes the key) and
    /// answers the new record. `updated_at` moves if anything changes. Nothing else follows from it: a patch of
    /// `job_title` leaves `current_employment` alone. A member who was removed comes back.
    ///
    /// # Errors
    /// When there is no such member, or the patch would change the id.
    pub fn patch(&self, who: impl Into<Who>, patch: &Value) -> Result<Value, SandboxError> {
        let now = self.stamp();
        self.people_mut().patch(&who.into(), patch, &now)
    }

    /// Adds a member, an active employee unless `patch` states otherwise, and answers the record.
    ///
    /// # Errors
    /// When the given id is not new, or the company is full.
    pub fn add(&self, patch: &Value) -> Result<Value, SandboxError> {
        let now = self.stamp();
        self.people_mut().add(patch, &now)
    }

    /// Takes a member out of the list; by id the answer is 404 unless `still_shown`.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn remove(&self, who: impl Into<Who>, still_shown: bool) -> Result<(), SandboxError> {
        self.people_mut().remove(&who.into(), still_shown)
    }

    /// Sets the last day of a member; not active any more if that is before today.
    ///
    /// # Errors
    /// When there is no such member.
    pub fn terminate(&self, who: impl Into<Who>, last_day: NaiveDate) -> Result<Value, SandboxError> {
        let now = self.stamp();
        let is_active = last_day >= self.now().date_naive();
        self.people_mut().terminate(&who.into(), &last_day.to_string(), is_active, &now)
    }

    /// Gives a department another name. Its members show it too, and their `updated_at` stays.
    ///
    /// # Errors
    /// When there is no such department.
    pub fn rename_department(&self, id: &str, name: &str) -> Result<(), SandboxError> {
        self.people_mut().rename_department(id, name)
    }

    /// Runs `read` on the people of the own company (0) or of another one.
    fn with_company<T>(&self, number: u32, read: impl FnOnce(&Population) -> T) -> T {
        if number == 0 {
            return read(&self.people());
        }
        let config = self.config();
        let config = JustworksConfig {
            seed: config.seed ^ (u64::from(number) << 4),
            overlap: Overlap::default(),
            managers_elsewhere: Vec::new(),
            company_name: format!("{} {}", config.company_name, number + 1),
            ..config
        };
        read(&Population::new(company(&config, self.now().date_naive())))
    }

    fn stamp(&self) -> String {
        self.now().to_rfc3339_opts(SecondsFormat::Secs, true)
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

fn company(config: &JustworksConfig, today: NaiveDate) -> Company {
    Company::new(config, config.today.unwrap_or(today))
}
