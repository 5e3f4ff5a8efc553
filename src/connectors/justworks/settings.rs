//! The settings of a Justworks connection, and their mistakes that show before any request is made.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::scopes::{self, Scopes};
use crate::connectors::connector::ConnectorError;
use crate::connectors::settings::{login_email_domains, mistake, read, requests_per_minute, web_address};
use crate::outbound::Outbound;

/// What an admin can set, as JSON with camelCase names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JustworksSettings {
    /// Scheme and host of Justworks' API, with no `/v1`.
    pub api_url: String,
    /// The page where an admin of the company gives consent. Sources name this host and `secure.justworks.com`.
    pub authorize_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
    /// The scopes that consent is requested for. Scopes of pay, tax, sex and bank accounts are refused here.
    pub scopes: Vec<String>,
    /// Send a code challenge (RFC 7636) along. A server that does not know it ignores it.
    pub pkce: bool,
    /// Take `work_id` for the employee number. Its meaning is not documented.
    pub employee_number_from_work_id: bool,
    /// How many requests go to Justworks, at most, in any minute. Justworks publishes no limit; two a second reads a
    /// company of 10,000 in a minute and is less than what the other HR systems that we know allow.
    pub requests_per_minute: u32,
    /// Domains for which the only email of a member counts as a work email although nothing says its kind. None by
    /// default.
    pub login_email_domains: BTreeSet<String>,
}

impl Default for JustworksSettings {
    fn default() -> Self {
        Self {
            api_url: "https://public-api.justworks.com".to_owned(),
            authorize_url: "https://payroll.justworks.com/oauth/authorize".to_owned(),
            token_url: "https://public-api.justworks.com/oauth/token".to_owned(),
            scopes: scopes::SUGGESTED.map(str::to_owned).into(),
            pkce: true,
            employee_number_from_work_id: false,
            requests_per_minute: 120,
            login_email_domains: BTreeSet::new(),
        }
    }
}

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) api: Url,
    pub(super) authorize: Url,
    pub(super) token: Url,
    pub(super) scopes: Vec<String>,
    pub(super) pkce: bool,
    pub(super) employee_number_from_work_id: bool,
    pub(super) requests_per_minute: u32,
    /// In lower-case ASCII.
    pub(super) login_email_domains: BTreeSet<String>,
}

impl JustworksSettings {
    /// Reads settings from a JSON object; what is left out has its default.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] names the field that is unknown or of the wrong type.
    pub fn parse(settings: &Value) -> Result<Self, ConnectorError> {
        read(settings)
    }

    /// Checks the settings, and the addresses against the guard of outgoing calls.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] says what cannot work.
    pub(super) fn check(&self, outbound: &Outbound) -> Result<Checked, ConnectorError> {
        let url = |name: &str, raw: &str| {
            let url = web_address(name, raw)?;
            outbound.check(&url).map_err(|error| mistake(format!("{name}: {error}")))?;
            Ok(url)
        };
        Ok(Checked {
            api: url("apiUrl", &self.api_url)?,
            authorize: url("authorizeUrl", &self.authorize_url)?,
            token: url("tokenUrl", &self.token_url)?,
            scopes: self.scopes()?,
            pkce: self.pkce,
            employee_number_from_work_id: self.employee_number_from_work_id,
            requests_per_minute: requests_per_minute(self.requests_per_minute)?,
            login_email_domains: login_email_domains(&self.login_email_domains)?,
        })
    }

    fn scopes(&self) -> Result<Vec<String>, ConnectorError> {
        for scope in &self.scopes {
            // RFC 6749 section 3.3, without the characters that a URL would have to escape.
            let shaped = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'_' | b'-');
            if scope.is_empty() || !scope.bytes().all(shaped) {
                return Err(mistake("scopes: expected names such as `member.detail:read`, one in each item"));
            }
            if scopes::is_never_wanted(scope) {
                return Err(mistake(format!("scopes: `{scope}` is about data that Rollbook never takes")));
            }
        }
        let asked = Scopes::of(self.scopes.iter().map(String::as_str));
        if !(asked.shows_company() && asked.shows_members()) {
            return Err(mistake("scopes: nothing can be read without company.basic:read and member.basic:read"));
        }
        Ok(self.scopes.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;

    fn check(settings: &Value, allow_private: bool) -> Result<Checked, String> {
        let outbound = Outbound::new(Clock::system(), allow_private).unwrap();
        JustworksSettings::parse(settings).and_then(|read| read.check(&outbound)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(JustworksSettings::parse(&json!({})).unwrap(), JustworksSettings::default());
        let checked = check(&Value::Null, false).unwrap();
        let urls = [&checked.api, &checked.authorize, &checked.token].map(Url::as_str);
        let expected = [
            "https://public-api.justworks.com/",
            "https://payroll.justworks.com/oauth/authorize",
            "https://public-api.justworks.com/oauth/token",
        ];
        assert_eq!(urls, expected);
        let scopes = ["company.basic:read", "member.detail:read", "member.employment:read", "member.dob:read"];
        assert_eq!(checked.scopes, scopes);
        assert!(checked.pkce && !checked.employee_number_from_work_id);
    }

    #[test]
    fn mistakes_are_named() {
        for (settings, word) in [
            (json!({"apiURL": "https://x.example"}), "apiURL"),
            (json!({"baseUrl": "https://x.example"}), "baseUrl"),
            (json!({"pkce": "yes"}), "yes"),
            (json!({"requestsPerMinute": 0}), "requestsPerMinute"),
            (json!([]), "object"),
            (json!({"apiUrl": "public-api.justworks.com"}), "apiUrl"),
            (json!({"tokenUrl": "mailto:x@y.example"}), "tokenUrl"),
            (json!({"authorizeUrl": "https://x.example/?a=b"}), "authorizeUrl"),
            (json!({"apiUrl": "https://10.0.0.1"}), "10.0.0.1"),
            (json!({"tokenUrl": "http://127.0.0.1:9/oauth/token"}), "tokenUrl"),
            (json!({"authorizeUrl": "http://payroll.justworks.com/oauth/authorize"}), "authorizeUrl"),
            (json!({"loginEmailDomains": ["not a domain"]}), "not a domain"),
            (json!({"scopes": []}), "member.basic:read"),
            (json!({"scopes": ["company.basic:read member.basic:read"]}), "one in each item"),
            (json!({"scopes": ["company.basic:read", "member.basic:read", "member.pay:read"]}), "member.pay:read"),
        ] {
            let error = check(&settings, false).unwrap_err();
            assert!(error.contains(word), "{settings}: {error}");
        }
        assert!(check(&json!({"apiUrl": "http://127.0.0.1:9"}), true).is_ok(), "where private addresses are allowed");
    }

    #[test]
    fn the_larger_scope_holds_the_smaller_one() {
        assert!(check(&json!({"scopes": ["company.detail:read", "member.basic:read"]}), false).is_ok());
    }
}
