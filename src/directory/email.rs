//! Email addresses as match keys (law 4): what was typed is kept, what is compared is folded.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// A usable email address, kept exactly as the HR system served it.
///
/// Two addresses are the same when their [`EmailKey`]s are: Unicode lower case and NFC, the domain in its ASCII form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email {
    text: String,
    key: EmailKey,
}

/// What two spellings of one address share. Also the form in which user names are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailKey(String);

/// Why a text is no email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    #[error("an email address needs exactly one `@` with text on both sides")]
    NoAt,
    #[error("an email address may not hold spaces or control characters")]
    Space,
    #[error("the domain of an email address must be a host name")]
    Domain,
    #[error("an email address has at most 254 characters")]
    TooLong,
}

impl Email {
    /// Reads an address; white space around it is dropped.
    ///
    /// # Errors
    /// Says what makes the text unusable as an address.
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let text = raw.trim();
        if text.chars().count() > 254 {
            return Err(EmailError::TooLong);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(EmailError::Space);
        }
        let (local, domain) = text.split_once('@').ok_or(EmailError::NoAt)?;
        if local.is_empty() || domain.is_empty() || domain.contains('@') {
            return Err(EmailError::NoAt);
        }
        let domain = idna::domain_to_ascii(domain).map_err(|_| EmailError::Domain)?;
        if domain.is_empty() || domain.split('.').any(str::is_empty) {
            return Err(EmailError::Domain);
        }
        let key = EmailKey(format!("{}@{domain}", fold(local)));
        Ok(Self { text: text.to_owned(), key })
    }

    /// The address as the HR system served it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn key(&self) -> &EmailKey {
        &self.key
    }

    /// The domain, in lower-case ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.key.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl EmailKey {
    /// The key of any text that someone looks up: an address, or a text that can be none and then matches nobody.
    #[must_use]
    pub fn of(raw: &str) -> Self {
        Email::parse(raw).map_or_else(|_| Self(fold(raw)), |email| email.key)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Unicode lower case after NFKC: width variants and cases of one text become the same text (RFC 8265, R-049).
fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfc().collect()
}

impl TryFrom<String> for Email {
    type Error = EmailError;

    fn try_from(raw: String) -> Result<Self, EmailError> {
        Self::parse(&raw)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.text
    }
}

impl fmt::Display for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_width_and_international_domains_make_one_key() {
        let key = |raw| Email::parse(raw).unwrap().key().clone();
        assert_eq!(key("Ana.Silva@acme.com"), key("ana.silva@ACME.com"));
        assert_eq!(key("bj@bücher.example"), key("BJ@xn--bcher-kva.example"));
        assert_eq!(Email::parse(" Ana@Acme.com ").unwrap().as_str(), "Ana@Acme.com");
        assert_eq!(EmailKey::of("ANA@ACME.COM"), key("ana@acme.com"));
    }

    #[test]
    fn what_is_no_address_says_why() {
        assert_eq!(Email::parse("ana").unwrap_err(), EmailError::NoAt);
        assert_eq!(Email::parse("a@b@c").unwrap_err(), EmailError::NoAt);
        assert_eq!(Email::parse("@acme.com").unwrap_err(), EmailError::NoAt);
        assert_eq!(Email::parse("a b@acme.com").unwrap_err(), EmailError::Space);
        assert_eq!(Email::parse("a@acme..com").unwrap_err(), EmailError::Domain);
        assert_eq!(Email::parse(&format!("{}@acme.com", "a".repeat(250))).unwrap_err(), EmailError::TooLong);
    }
}
