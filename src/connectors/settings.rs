//! What the settings of all connectors have in common: how they are read, and how their mistakes are reported.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::connector::ConnectorError;
use crate::directory::email::Email;

/// Reads settings from a JSON object; what is left out has its default.
///
/// # Errors
/// [`ConnectorError::Settings`] names the field that is unknown or of the wrong type.
pub(super) fn read<S: DeserializeOwned + Default>(settings: &Value) -> Result<S, ConnectorError> {
    if settings.is_null() {
        return Ok(S::default());
    }
    if !settings.is_object() {
        return Err(mistake("settings must be a JSON object"));
    }
    S::deserialize(settings).map_err(|error| mistake(error.to_string()))
}

/// A web address without query or fragment.
pub(super) fn web_address(name: &str, raw: &str) -> Result<Url, ConnectorError> {
    let url = Url::parse(raw.trim()).map_err(|error| mistake(format!("{name} is no URL: {error}")))?;
    if url.cannot_be_a_base() || url.query().is_some() || url.fragment().is_some() {
        return Err(mistake(format!("{name} must be a web address without query or fragment")));
    }
    Ok(url)
}

/// How many requests an HR system may get in a minute: at least one.
pub(super) fn requests_per_minute(number: u32) -> Result<u32, ConnectorError> {
    if number == 0 { Err(mistake("requestsPerMinute must be at least 1")) } else { Ok(number) }
}

/// The domains whose logins count as work emails, in lower-case ASCII.
pub(super) fn login_email_domains(given: &BTreeSet<String>) -> Result<BTreeSet<String>, ConnectorError> {
    let folded = |domain: &String| {
        let bare = domain.trim().trim_start_matches('@');
        Email::parse(&format!("x@{bare}"))
            .map(|email| email.domain().to_owned())
            .map_err(|_| mistake(format!("loginEmailDomains: `{domain}` is no domain")))
    };
    given.iter().map(folded).collect()
}

pub(super) fn mistake(detail: impl Into<String>) -> ConnectorError {
    ConnectorError::Settings { detail: detail.into() }
}
