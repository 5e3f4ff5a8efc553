//! Connects to Justworks (justworks.com), which is read by the consent of one of the customer's admins.

mod company;
mod dialect;
mod envelope;
mod normalise;
#[cfg(test)]
mod normalise_properties;
#[cfg(test)]
mod normalise_tests;
mod notes;
mod reading;
mod scopes;
pub mod settings;
#[cfg(test)]
pub(super) mod testing {
    //! Recorded members, and how they are read.

    use serde_json::Value;

    use super::normalise::{Facts, normalise};
    use super::normalise_tests::facts;
    use super::notes::Notes;
    use crate::directory::worker::Worker;

    pub(in crate::connectors) fn recorded() -> Vec<Value> {
        super::normalise_tests::recorded()
    }

    pub(in crate::connectors) fn read(record: &Value) -> Option<Worker> {
        let facts = Facts { employee_number_from_work_id: true, ..facts() };
        normalise(record, &facts, &mut Notes::default()).ok()
    }
}
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

pub use company::{Company, Office};
pub use normalise::{Facts, normalise};
pub use notes::Notes;
pub use settings::JustworksSettings;
pub(crate) use words::{default_mapping, propose};

use super::connector::{Account, Capabilities, Connector, ConnectorError, ReadRequest, Reading};
use super::oauth::OAuthClient;
use super::registry::Credentials;
use super::vendor::Vendor;
use crate::directory::worker::mapping::Mapping;
use crate::outbound::{Outbound, Retry};
use reading::JustworksReading;
use scopes::Scopes;

const SYSTEM: &str = "Justworks";
const LARGEST_COMPANY: usize = 8 * 1024 * 1024;

/// One company at Justworks.
#[derive(Clone, Debug)]
pub struct Justworks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    vendor: Vendor,
    /// The scopes that consent covers.
    scopes: Scopes,
    employee_number_from_work_id: bool,
    login_email_domains: BTreeSet<String>,
}

impl Justworks {
    /// A connector for the company that the access token belongs to. No request is made yet.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] when the settings cannot work, [`ConnectorError::NoCredential`] when there is no
    /// access token.
    pub fn new(
        settings: &JustworksSettings,
        credentials: &Credentials,
        outbound: &Outbound,
    ) -> Result<Self, ConnectorError> {
        let checked = settings.check(outbound)?;
        let token = credentials.get("accessToken");
        if token.expose_secret().is_empty() {
            let detail = "an admin of the company at Justworks has to give consent first";
            return Err(ConnectorError::NoCredential { detail: detail.to_owned() });
        }
        // A vendor that does not state the granted scopes granted the requested ones (RFC 6749 section 5.1).
        let granted = Scopes::of([credentials.get("scope").expose_secret()]);
        let scopes =
            if granted == Scopes::default() { Scopes::of(checked.scopes.iter().map(String::as_str)) } else { granted };
        // Tokens change every day; the client id of the app does not.
        let mut account = DefaultHasher::new();
        (checked.api.as_str(), credentials.get("clientId").expose_secret()).hash(&mut account);
        let pace = outbound.pace(&format!("justworks {:x}", account.finish()), checked.requests_per_minute);
        let (outbound, retry) = (outbound.clone(), Retry::default());
        Ok(Self(Arc::new(Shared {
            vendor: Vendor {
                system: SYSTEM,
                base: checked.api,
                token,
                outbound,
                pace,
                retry,
                dialect: &dialect::JUSTWORKS,
            },
            scopes,
            employee_number_from_work_id: checked.employee_number_from_work_id,
            login_email_domains: checked.login_email_domains,
        })))
    }
}

impl Shared {
    async fn company(&self) -> Result<Company, ConnectorError> {
        let reply = self.vendor.get(&["v1", "company"], &[], LARGEST_COMPANY).await?;
        if reply.status() == 403 {
            return Err(reply.unauthorized());
        }
        let answer = reply.json()?;
        Company::read(&answer).map_err(|detail| reply.malformed(detail))
    }
}

/// The way to consent and to fresh tokens.
///
/// # Errors
/// [`ConnectorError::Settings`] when settings or credentials cannot work.
pub(super) fn oauth_client(
    settings: &JustworksSettings,
    credentials: &Credentials,
    outbound: &Outbound,
) -> Result<OAuthClient, ConnectorError> {
    let checked = settings.check(outbound)?;
    // Both are pasted, and what is pasted has line ends.
    let pasted = |name: &str| -> Result<String, ConnectorError> {
        let secret = credentials.get(name);
        let secret = secret.expose_secret().trim();
        if secret.is_empty() || secret.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let detail = format!("credentials.{name} is empty or holds spaces");
            return Err(ConnectorError::Settings { detail });
        }
        Ok(secret.to_owned())
    };
    Ok(OAuthClient {
        system: SYSTEM,
        authorize_url: checked.authorize,
        token_url: checked.token,
        client_id: pasted("clientId")?,
        client_secret: SecretString::from(pasted("clientSecret")?),
        scopes: checked.scopes,
        grantable: &scopes::DOCUMENTED,
        pkce: checked.pkce,
        outbound: outbound.clone(),
    })
}

impl Connector for Justworks {
    fn capabilities(&self) -> Capabilities {
        Capabilities { incremental: true, detail_concurrency: 2, counts: false }
    }

    fn default_mapping(&self) -> Mapping {
        default_mapping()
    }

    fn identify(&self) -> BoxFuture<'_, Result<Account, ConnectorError>> {
        Box::pin(async move { Ok(self.0.company().await?.account()) })
    }

    fn begin(&self, request: ReadRequest) -> BoxFuture<'_, Result<Box<dyn Reading>, ConnectorError>> {
        Box::pin(async move {
            let reading = JustworksReading::begin(self.0.clone(), request).await?;
            Ok(Box::new(reading) as Box<dyn Reading>)
        })
    }
}
