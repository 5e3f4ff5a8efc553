//! Email addresses as match keys (law 4): the typed form is kept, the folded form is compared.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::text::is_invisible;

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

/// The most octets before the `@`, in the domain and in one label of it (RFC 5321 section 4.5.3.1, RFC 1035).
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Why a text is no email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    #[error("an email address needs exactly one `@` with text on both sides")]
    NoAt,
    #[error("an email address may not hold spaces or control characters")]
    Space,
    #[error("the address holds a character that cannot be seen")]
    Invisible,
    #[error("what stands before the `@` holds a character that no mail system takes there")]
    Character,
    #[error("what stands before the `@` begins or ends with a full stop, or has two in a row")]
    Dots,
    #[error("the domain of an email address must be a host name")]
    Domain,
    #[error("an email address has at most 254 characters, 64 of them before the `@`")]
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
        // Also in the domain: reading a host name drops some of them, which makes another one.
        if text.chars().any(|c| is_invisible(c) || c == char::REPLACEMENT_CHARACTER) {
            return Err(EmailError::Invisible);
        }
        let (local, domain) = text.split_once('@').ok_or(EmailError::NoAt)?;
        if local.is_empty() || domain.is_empty() || domain.contains('@') {
            return Err(EmailError::NoAt);
        }
        check_local(local)?;
        let domain = host_name(domain).ok_or(EmailError::Domain)?;
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

/// Checks the part before the `@`, as a mail system takes it without quotes: RFC 5322 section 3.2.3 (dot-atom), and
/// letters of other scripts (RFC 6531).
fn check_local(local: &str) -> Result<(), EmailError> {
    if local.len() > LONGEST_LOCAL {
        return Err(EmailError::TooLong);
    }
    // Wide and other variants of a character are compared as the character, so that they may be no more than it.
    let folded: Vec<char> = local.nfkc().collect();
    let is_atom = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
        } else {
            c.is_alphanumeric() || is_combining_mark(c)
        }
    };
    if !folded.iter().all(|c| is_atom(*c)) || folded.first().is_some_and(|first| is_combining_mark(*first)) {
        return Err(EmailError::Character);
    }
    let is_end = |end: Option<&char>| end.is_none_or(|c| *c == '.');
    if is_end(folded.first()) || is_end(folded.last()) || folded.windows(2).any(|pair| pair == ['.', '.']) {
        return Err(EmailError::Dots);
    }
    Ok(())
}

/// A domain in lower-case ASCII (IDNA), if it is a host name: labels of letters, digits and hyphens inside. An address
/// of four numbers is none.
fn host_name(domain: &str) -> Option<String> {
    let domain = idna::domain_to_ascii(domain).ok().filter(|domain| domain.len() <= LONGEST_DOMAIN)?;
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (domain.split('.').all(is_label) && !is_number).then_some(domain)
}

impl EmailKey {
    /// The key of any text that a caller searches for: an address, or a text that can be none and then matches no
    /// person.
    #[must_use]
    pub fn of(raw: &str) -> Self {
        Email::parse(raw).map_or_else(|_| Self(fold(raw)), |email| email.key)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Unicode lower case after NFKC: width variants and cases of one text become the same text (RFC 8265, R-049). The
/// final form of the Greek sigma is the same letter as the other one, of which the capital makes none.
fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).nfkc().collect()
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

    #[test]
    fn what_no_mail_system_takes_or_nobody_sees_is_no_address() {
        use EmailError::{Character, Domain, Dots, Invisible, NoAt, Space, TooLong};
        for (raw, error) in [
            ("mailto:ana@acme.com", Character),
            ("<script>@acme.com", Character),
            ("<ana@acme.com>", Character),
            ("\"ana\"@acme.com", Character),
            ("ana,bo@acme.com", Character),
            ("ana\\bo@acme.com", Character),
            ("a＜b@acme.com", Character),
            ("😀@acme.com", Character),
            ("a..b@acme.com", Dots),
            (".lead@acme.com", Dots),
            ("trail.@acme.com", Dots),
            ("a@acme.com.", Domain),
            ("a@.acme.com", Domain),
            ("a@-acme.com", Domain),
            ("a@ac_me.com", Domain),
            ("a@[192.0.2.1]", Domain),
            ("a@192.0.2.1", Domain),
            ("a@acme.com>", Domain),
            ("a@b@acme.com", NoAt),
            ("a b@acme.com", Space),
            ("a\u{a0}b@acme.com", Space),
            ("a\u{0}b@acme.com", Space),
            ("a\u{200b}b@acme.com", Invisible),
            ("a@acme\u{200b}.com", Invisible),
            ("a@ac\u{ad}me.com", Invisible),
            ("\u{feff}a@acme.com", Invisible),
            ("a\u{202e}b@acme.com", Invisible),
            ("a\u{2066}b@acme.com", Invisible),
            ("a\u{e0041}@acme.com", Invisible),
            ("a\u{fe0f}@acme.com", Invisible),
            ("a\u{fffd}@acme.com", Invisible),
        ] {
            assert_eq!(Email::parse(raw), Err(error), "{raw:?}");
        }
        assert_eq!(Email::parse(&format!("{}@acme.com", "a".repeat(65))), Err(TooLong));
        assert_eq!(Email::parse(&format!("a@{}.com", "b".repeat(64))), Err(Domain));
        for fine in ["o'brien+x@acme.co.uk", "a@localhost", "用户@例え.jp", "Zoe\u{301}@acme.com", "a@r3---sn.example"]
        {
            assert!(Email::parse(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_is_typed_in_another_form_finds_the_address() {
        let key = |raw| Email::parse(raw).unwrap().key().clone();
        for (served, typed) in [
            ("zoé@acme.com", "zoe\u{301}@acme.com"),
            ("ΟΔΟΣ@acme.com", "οδος@acme.com"),
            ("ana@ＡＣＭＥ.com", "ana@acme.com"),
            ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ] {
            assert_eq!(key(served), EmailKey::of(typed), "{served}");
        }
    }
}
