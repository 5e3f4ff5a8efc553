//! The settings of a Remote connection, and their mistakes that show before any request is made.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::connectors::connector::ConnectorError;
use crate::connectors::settings::{login_email_domains, mistake, read, requests_per_minute, web_address};

const PRODUCTION: &str = "gateway.remote.com";
const SANDBOXES: [&str; 2] = ["gateway.remote-sandbox.com", "gateway.partners.remote-sandbox.com"];

/// What an admin can set, as JSON with camelCase names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RemoteSettings {
    /// Scheme and host of Remote's API, with no `/v1`.
    pub base_url: String,
    /// How many requests go to Remote, at most, in any minute. Remote allows 300 for all integrations of a company
    /// together.
    pub requests_per_minute: u32,
    /// Domains for which a worker's login counts as a work email. None by default.
    pub login_email_domains: BTreeSet<String>,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            base_url: format!("https://{PRODUCTION}"),
            requests_per_minute: 240,
            login_email_domains: BTreeSet::new(),
        }
    }
}

/// Settings that were checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) base: Url,
    pub(super) token: SecretString,
    pub(super) requests_per_minute: u32,
    /// In lower-case ASCII.
    pub(super) login_email_domains: BTreeSet<String>,
}

impl RemoteSettings {
    /// Reads settings from a JSON object; what is left out has its default.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] names the field that is unknown or of the wrong type.
    pub fn parse(settings: &Value) -> Result<Self, ConnectorError> {
        read(settings)
    }

    /// Checks settings and token against each other.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] says what cannot work; the token is never shown.
    pub(super) fn check(&self, token: &SecretString) -> Result<Checked, ConnectorError> {
        let base = web_address("baseUrl", &self.base_url)?;
        // Tokens are pasted, and what is pasted has line ends.
        let token = token.expose_secret().trim();
        if token.is_empty() {
            return Err(mistake("the API token is empty"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(mistake("the API token holds spaces or characters that no token has"));
        }
        let host = base.host_str().unwrap_or_default();
        if host == PRODUCTION && token.starts_with("ra_test_") {
            return Err(mistake(format!("the API token is one for the sandbox (ra_test_), but {host} is production")));
        }
        if SANDBOXES.contains(&host) && token.starts_with("ra_live_") {
            return Err(mistake(format!("the API token is one for production (ra_live_), but {host} is a sandbox")));
        }
        let token = SecretString::from(token);
        Ok(Checked {
            base,
            token,
            requests_per_minute: requests_per_minute(self.requests_per_minute)?,
            login_email_domains: login_email_domains(&self.login_email_domains)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(settings: &Value, token: &str) -> Result<Checked, String> {
        let settings = RemoteSettings::parse(settings).map_err(|error| error.to_string())?;
        settings.check(&SecretString::from(token)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(RemoteSettings::parse(&json!({})).unwrap(), RemoteSettings::default());
        let checked = check(&Value::Null, " ra_live_x\n").unwrap();
        assert_eq!((checked.base.as_str(), checked.requests_per_minute), ("https://gateway.remote.com/", 240));
        assert_eq!(checked.token.expose_secret(), "ra_live_x");
    }

    #[test]
    fn mistakes_are_named() {
        for (settings, token, word) in [
            (json!({"baseURL": "https://x.example"}), "t", "baseURL"),
            (json!({"requestsPerMinute": "many"}), "t", "many"),
            (json!({"requestsPerMinute": 0}), "t", "requestsPerMinute"),
            (json!([]), "t", "object"),
            (json!({"baseUrl": "gateway.remote.com"}), "t", "baseUrl"),
            (json!({"baseUrl": "mailto:x@y.example"}), "t", "baseUrl"),
            (json!({"baseUrl": "https://x.example/?a=b"}), "t", "baseUrl"),
            (json!({"loginEmailDomains": ["not a domain"]}), "t", "not a domain"),
            (json!({}), " \n", "empty"),
            (json!({}), "two words", "spaces"),
        ] {
            let error = check(&settings, token).unwrap_err();
            assert!(error.contains(word), "{settings}: {error}");
        }
    }

    #[test]
    fn a_token_of_the_other_environment_is_found_out_and_not_shown() {
        let sandbox = json!({"baseUrl": "https://gateway.remote-sandbox.com"});
        let partners = json!({"baseUrl": "https://GATEWAY.partners.remote-sandbox.com/"});
        for (settings, token) in
            [(json!({}), "ra_test_5ecret"), (sandbox.clone(), "ra_live_5ecret"), (partners, "ra_live_5ecret")]
        {
            let error = check(&settings, token).unwrap_err();
            assert!(error.contains("sandbox") && !error.contains("5ecret"), "{error}");
        }
        assert!(check(&sandbox, "ra_test_x").is_ok());
        assert!(check(&json!({}), "another_prefix").is_ok(), "unknown prefixes are not refused");
        assert!(check(&json!({"baseUrl": "http://127.0.0.1:8080"}), "ra_test_x").is_ok(), "nor are unknown hosts");
    }

    #[test]
    fn domains_are_folded() {
        let checked = check(&json!({"loginEmailDomains": ["@ACME.com", "bücher.example"]}), "t").unwrap();
        assert!(checked.login_email_domains.contains("acme.com"));
        assert!(checked.login_email_domains.contains("xn--bcher-kva.example"));
    }
}
