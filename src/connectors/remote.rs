//! Connects to Remote (remote.com), which is read with a company API token.

mod dialect;
mod facts;
mod normalise;
#[cfg(test)]
mod normalise_properties;
#[cfg(test)]
mod normalise_tests;
mod reading;
pub mod settings;
mod shapes;
#[cfg(test)]
pub(super) mod testing {
    //! Recorded employments, and how they are read.

    use serde_json::Value;

    use super::normalise::{Facts, normalise};
    use crate::directory::worker::Worker;

    pub(in crate::connectors) fn recorded() -> Vec<Value> {
        super::normalise_tests::recorded()
    }

    pub(in crate::connectors) fn read(record: &Value) -> Option<Worker> {
        let login_email_domains = ["acme-robotics.example".to_owned()].into();
        normalise(record, &Facts { login_email_domains, ..Facts::default() }).ok()
    }
}
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

pub use normalise::{Facts, normalise};
pub use settings::RemoteSettings;

use super::connector::{Account, Capabilities, Connector, ConnectorError, ReadRequest, Reading};
use super::vendor::Vendor;
use crate::directory::worker::mapping::{EmploymentType, Mapping, StatusClass};
use crate::outbound::{Outbound, Retry};
use reading::RemoteReading;

const SYSTEM: &str = "Remote";
const LARGEST_IDENTITY: usize = 1024 * 1024;

/// The values of [`normalise`] for kinds of work relations, and their default meaning (page section 11).
const WORKER_TYPES: [(&str, EmploymentType); 8] = [
    ("Employee", EmploymentType::Employee),
    ("EOR Employee", EmploymentType::Employee),
    ("PEO Employee", EmploymentType::Employee),
    ("Direct Employee", EmploymentType::Employee),
    ("Global Payroll Employee", EmploymentType::Employee),
    ("Contractor", EmploymentType::Contractor),
    ("Contractor Plus", EmploymentType::Contractor),
    ("Contractor of Record", EmploymentType::Contractor),
];

/// Remote's statuses (page section 5.1).
const STATUSES: [(&str, StatusClass); 14] = [
    ("created", StatusClass::Upcoming),
    ("pre_hire", StatusClass::Upcoming),
    ("created_awaiting_reserve", StatusClass::Upcoming),
    ("created_reserve_paid", StatusClass::Upcoming),
    ("job_title_review", StatusClass::Upcoming),
    ("initiated", StatusClass::Upcoming),
    ("invited", StatusClass::Upcoming),
    ("pending_post_self_enrollment_actions", StatusClass::Upcoming),
    ("pending", StatusClass::Upcoming),
    ("review", StatusClass::Upcoming),
    ("active", StatusClass::Current),
    ("offboarding", StatusClass::Current),
    ("archived", StatusClass::Former),
    ("deleted", StatusClass::Former),
];

/// One company at Remote.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    vendor: Vendor,
    login_email_domains: BTreeSet<String>,
}

impl Remote {
    /// A connector for the company that `token` belongs to. No request is made yet.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] when settings and token cannot work: no URL, an address that is refused, a token of
    /// the other environment.
    pub fn new(settings: &RemoteSettings, token: &SecretString, outbound: Outbound) -> Result<Self, ConnectorError> {
        let checked = settings.check(token)?;
        outbound.check(&checked.base).map_err(|error| ConnectorError::Settings { detail: error.to_string() })?;
        // Remote counts by company. The token identifies the company, and must not be readable from the pace's name.
        let mut account = DefaultHasher::new();
        (checked.base.as_str(), checked.token.expose_secret()).hash(&mut account);
        let pace = outbound.pace(&format!("remote {:x}", account.finish()), checked.requests_per_minute);
        let vendor = Vendor {
            system: SYSTEM,
            base: checked.base,
            token: checked.token,
            outbound,
            pace,
            retry: Retry::default(),
            dialect: &dialect::REMOTE,
        };
        Ok(Self(Arc::new(Shared { vendor, login_email_domains: checked.login_email_domains })))
    }
}

impl Shared {
    async fn account(&self) -> Result<Account, ConnectorError> {
        let reply = self.vendor.get(&["v1", "identity", "current"], &[], LARGEST_IDENTITY).await?;
        if reply.status() == 403 {
            return Err(reply.unauthorized());
        }
        // Documentation says 201 here; any 2xx will do.
        let answer = reply.json()?;
        let (id, name) = shapes::company(&answer).map_err(|detail| reply.malformed(detail))?;
        Ok(Account { id, name })
    }
}

#[must_use]
pub fn default_mapping() -> Mapping {
    Mapping {
        worker_types: WORKER_TYPES.map(|(word, kind)| (word.to_owned(), kind)).into(),
        statuses: STATUSES.map(|(word, class)| (word.to_owned(), class)).into(),
        ..Mapping::default()
    }
}

impl Connector for Remote {
    fn capabilities(&self) -> Capabilities {
        Capabilities { incremental: false, detail_concurrency: 6, counts: true }
    }

    fn default_mapping(&self) -> Mapping {
        default_mapping()
    }

    fn identify(&self) -> BoxFuture<'_, Result<Account, ConnectorError>> {
        Box::pin(self.0.account())
    }

    fn begin(&self, request: ReadRequest) -> BoxFuture<'_, Result<Box<dyn Reading>, ConnectorError>> {
        Box::pin(async move {
            let reading = RemoteReading::begin(self.0.clone(), request).await?;
            Ok(Box::new(reading) as Box<dyn Reading>)
        })
    }
}
