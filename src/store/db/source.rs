//! Where the database is: a URL or `key=value` string as libpq takes it, with the TLS parameters that managed databases
//! put there and our driver does not know.
//!
//! | `sslmode` | what it does here |
//! |---|---|
//! | `disable` | no TLS |
//! | `allow`, `prefer` (default) | TLS if the server offers it, else none; no identity is checked, since an attacker who can pretend to be the server can also pretend not to offer TLS. With `sslrootcert` a certificate that is offered must be right |
//! | `require`, `verify-full` | TLS, and the certificate must be valid and for this host. libpq's `require` checks nothing |
//! | `verify-ca` | as `verify-full`, but with `sslrootcert` the host name is not compared |
//!
//! `sslrootcert` names a PEM file of the authorities to trust; without it, or with `system`, the machine's are used.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::error::DatabaseError;
use super::tls::{Check, Tls};

/// libpq's parameters that mean nothing to us and change nothing.
const HARMLESS: [&str; 7] = [
    "gssencmode",
    "sslcompression",
    "sslsni",
    "client_encoding",
    "fallback_application_name",
    "krbsrvname",
    "requirepeer",
];
/// Parameters that may be named in an error. Any other word could be a piece of a password with a `?` in it.
const NAMEABLE: [&str; 16] = [
    "connection_limit",
    "gsslib",
    "passfile",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "search_path",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslpassword",
    "ssl",
    "ssl_min_protocol_version",
    "statement_cache_mode",
    "replication",
];

/// Where the database is and how to speak to it. Its `Debug` shows no password.
#[derive(Clone)]
pub struct DatabaseSource {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    /// For messages: hosts and ports, or the socket.
    pub(crate) place: String,
}

impl DatabaseSource {
    /// Reads `ROLLBOOK_DATABASE_URL`.
    pub fn parse(text: &SecretString) -> Result<Self, DatabaseError> {
        let text = text.expose_secret().trim();
        let parameters = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Parameters::from_url(text)
        } else if text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains('=')) {
            Err("expected it to begin with postgres:// or postgresql://".to_owned())
        } else {
            Parameters::from_words(text)
        };
        let Parameters { rest, ssl_mode, root_certificate } = parameters.map_err(DatabaseError::Url)?;
        let (mode, check) = tls_of(ssl_mode.as_deref(), root_certificate).map_err(DatabaseError::Url)?;
        let mut config: Config = rest.parse().map_err(|error| DatabaseError::Url(refusal(&error)))?;
        config.ssl_mode(mode);
        // As with libpq: no TLS through a socket of this machine, whatever the mode.
        let local = |host: &Host| matches!(host, Host::Unix(_));
        if !config.get_hosts().is_empty() && config.get_hosts().iter().all(local) && config.get_hostaddrs().is_empty() {
            return Self::local(config).with_a_database();
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(DatabaseError::Url("it names no host".to_owned()));
        }
        let place = place(&config);
        Self { config, tls: Tls::none(), place }.with_a_database()?.with_tls(check)
    }

    fn with_a_database(self) -> Result<Self, DatabaseError> {
        match self.config.get_dbname() {
            Some(_) => Ok(self),
            None => Err(DatabaseError::Url("it names no database; expected postgres://user@host/database".to_owned())),
        }
    }

    fn with_tls(self, check: Check) -> Result<Self, DatabaseError> {
        Ok(Self { tls: Tls::new(check)?, ..self })
    }

    /// A database on this machine, without TLS: that of an embedded cluster.
    #[must_use]
    pub fn local(mut config: Config) -> Self {
        config.ssl_mode(SslMode::Disable);
        Self { place: place(&config), config, tls: Tls::none() }
    }

    /// Another database of the same server.
    #[must_use]
    pub fn with_database(mut self, name: &str) -> Self {
        self.config.dbname(name);
        self
    }

    /// Hosts and ports, or the socket: for messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Debug for DatabaseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSource").field("place", &self.place).field("tls", &self.tls).finish_non_exhaustive()
    }
}

fn tls_of(ssl_mode: Option<&str>, root: Option<String>) -> Result<(SslMode, Check), String> {
    let root = root.filter(|root| !root.is_empty() && root != "system").map(PathBuf::from);
    Ok(match (ssl_mode.unwrap_or("prefer"), root) {
        ("disable", _) => (SslMode::Disable, Check::Off),
        ("allow" | "prefer", None) => (SslMode::Prefer, Check::Nothing),
        ("allow" | "prefer", Some(root)) => (SslMode::Prefer, Check::Full(Some(root))),
        ("verify-ca", Some(root)) => (SslMode::Require, Check::Authority(root)),
        ("require" | "verify-ca" | "verify-full", root) => (SslMode::Require, Check::Full(root)),
        // What is not a mode may be anything, a piece of a password included: it is not repeated.
        _ => {
            return Err(
                "its sslmode is unknown; expected disable, allow, prefer, require, verify-ca or verify-full".to_owned()
            );
        }
    })
}

fn refusal(error: &tokio_postgres::Error) -> String {
    let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    // The driver says: unknown option `x`; invalid value for option `x`.
    match reason.split('`').nth(1) {
        Some(name) if reason.starts_with("invalid value") => {
            format!("the value of its parameter {name} cannot be read")
        }
        Some(name) if NAMEABLE.contains(&name) => format!("its parameter {name} is not supported; take it out"),
        Some(_) => "it has a parameter that is not supported (a `?` or `&` in a password has to be written %3F, %26)"
            .to_owned(),
        None => {
            "expected postgres://user:password@host:port/database (special characters in a password as %XX)".to_owned()
        }
    }
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let with_port = |host: &str, index: usize| match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{}", port(index)),
        _ => format!("{host}:{}", port(index)),
    };
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| match host {
        Host::Tcp(host) => with_port(host, index),
        Host::Unix(folder) => folder.display().to_string(),
    });
    let addresses = config.get_hostaddrs().iter().enumerate().map(|(index, ip)| with_port(&ip.to_string(), index));
    let places: Vec<String> = if config.get_hosts().is_empty() { addresses.collect() } else { hosts.collect() };
    places.join(", ")
}

/// A connection string, taken apart into what the driver reads and what we read.
struct Parameters {
    rest: String,
    ssl_mode: Option<String>,
    root_certificate: Option<String>,
}

impl Parameters {
    fn empty() -> Self {
        Self { rest: String::new(), ssl_mode: None, root_certificate: None }
    }

    /// Takes a parameter that is ours. The last one counts, as with libpq.
    fn take(&mut self, name: &str, value: &str) -> bool {
        match name {
            "sslmode" => self.ssl_mode = Some(value.to_owned()),
            "sslrootcert" => self.root_certificate = Some(value.to_owned()),
            name => return HARMLESS.contains(&name),
        }
        true
    }

    fn from_url(url: &str) -> Result<Self, String> {
        // As the driver does: a `?` before the `@` belongs to the password.
        let after_credentials = url.find('@').unwrap_or(0);
        let Some(start) = url[after_credentials..].find('?').map(|at| after_credentials + at) else {
            return Ok(Self { rest: url.to_owned(), ..Self::empty() });
        };
        let mut parameters = Self::empty();
        let mut kept = Vec::new();
        for pair in url[start + 1..].split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = percent_decoded(value).ok_or("a %XX in it is wrong")?;
            if !parameters.take(name, &decoded) {
                kept.push(pair);
            }
        }
        url[..start].clone_into(&mut parameters.rest);
        if !kept.is_empty() {
            parameters.rest = format!("{}?{}", parameters.rest, kept.join("&"));
        }
        Ok(parameters)
    }

    /// `host=localhost password='a b\'c'`: values may be quoted, and `\` escapes.
    fn from_words(text: &str) -> Result<Self, String> {
        let mut parameters = Self::empty();
        let mut chars = text.chars().peekable();
        loop {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            if chars.peek().is_none() {
                return Ok(parameters);
            }
            let mut name = String::new();
            while let Some(c) = chars.next_if(|c| *c != '=') {
                name.push(c);
            }
            let name = name.trim();
            chars.next().ok_or("expected postgres://user:password@host:port/database or key=value pairs")?;
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            let quoted = chars.next_if_eq(&'\'').is_some();
            let mut value = String::new();
            loop {
                match chars.next() {
                    Some('\'') if quoted => break,
                    None if quoted => return Err("a quotation mark in it has no end".to_owned()),
                    Some('\\') => value.push(chars.next().ok_or("it ends with a backslash")?),
                    Some(c) if !quoted && c.is_whitespace() => break,
                    Some(c) => value.push(c),
                    None => break,
                }
            }
            if !parameters.take(name, &value) {
                let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
                parameters.rest.extend([name, "='", &escaped, "' "]);
            }
        }
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let high = digit(rest.next())?;
            bytes.push(high << 4 | digit(rest.next())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<DatabaseSource, DatabaseError> {
        DatabaseSource::parse(&text.to_owned().into())
    }

    fn mode(text: &str) -> (SslMode, String) {
        let source = parse(text).unwrap();
        (source.config.get_ssl_mode(), format!("{:?}", source.tls))
    }

    #[test]
    fn every_sslmode_of_libpq_is_understood_in_both_forms() {
        for (name, expected, check) in [
            ("", SslMode::Prefer, "Nothing"),
            ("disable", SslMode::Disable, "Off"),
            ("allow", SslMode::Prefer, "Nothing"),
            ("prefer", SslMode::Prefer, "Nothing"),
            ("require", SslMode::Require, "Full(None)"),
            ("verify-ca", SslMode::Require, "Full(None)"),
            ("verify-full", SslMode::Require, "Full(None)"),
        ] {
            let (url, words) = match name {
                "" => ("postgres://u@h/d".to_owned(), "host=h user=u dbname=d".to_owned()),
                name => (format!("postgres://u@h/d?sslmode={name}"), format!("host=h dbname=d sslmode='{name}'")),
            };
            for text in [url, words] {
                assert_eq!(mode(&text), (expected, check.to_owned()), "{text}");
            }
        }
    }

    #[test]
    fn other_parameters_reach_the_driver_and_ours_do_not() {
        let source = parse(
            "postgresql://u:p%40ss@h:6432/d?sslmode=disable&application_name=x%20y&gssencmode=disable&connect_timeout=3&sslrootcert=system",
        )
        .unwrap();
        assert_eq!(source.config.get_application_name(), Some("x y"));
        assert_eq!(source.config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
        assert_eq!(source.config.get_password(), Some(b"p@ss".as_slice()));
        assert_eq!(source.place(), "h:6432");
        let words = parse(r"host=/run/pg dbname=d sslmode=disable password='it\'s a \\ b' user = u").unwrap();
        assert_eq!(words.config.get_password(), Some(br"it's a \ b".as_slice()));
        assert_eq!(words.place(), "/run/pg");
    }

    #[test]
    fn what_cannot_be_used_is_said_in_one_line_without_secrets() {
        let refused = |text: &str| {
            let line = parse(text).unwrap_err().to_string();
            assert!(!line.contains("s3cret") && !line.contains('\n'), "{line}");
            line
        };
        for (text, expected) in [
            (
                "postgres://u:s3cret@h/d?sslmode=s3cret",
                "its sslmode is unknown; expected disable, allow, prefer, require, verify-ca or verify-full",
            ),
            ("mysql://u:s3cret@h/d", "expected it to begin with postgres:// or postgresql://"),
            ("postgres://u:s3cret@h/d?sslcert=a", "its parameter sslcert is not supported; take it out"),
            ("postgres://u:p?s3cret=1/x@h", "it names no database; expected postgres://user@host/database"),
            (
                "postgres://u/p?s3cret=1",
                "it has a parameter that is not supported (a `?` or `&` in a password has to be written %3F, %26)",
            ),
            ("postgres://u:s3cret/x@h:port/d", "the value of its parameter port cannot be read"),
            ("s3cret", "expected postgres://user:password@host:port/database or key=value pairs"),
            ("host=h password='s3cret", "a quotation mark in it has no end"),
            ("postgres:///d", "it names no host"),
            ("postgres://h", "it names no database; expected postgres://user@host/database"),
        ] {
            assert_eq!(refused(text), format!("the database URL cannot be used: {expected}"), "{text}");
        }
        assert_eq!(
            refused("postgres://u:s3cret@h/d?sslmode=verify-full&sslrootcert=/no/such.pem"),
            "the database URL's sslrootcert /no/such.pem cannot be used: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn debug_shows_no_password() {
        let text = format!("{:?}", parse("postgres://u:s3cret@h/d").unwrap());
        assert!(text.contains("h:5432") && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn a_socket_of_this_machine_needs_no_tls() {
        assert_eq!(mode("host=/run/pg dbname=d sslmode=require"), (SslMode::Disable, "Off".to_owned()));
        assert_eq!(mode("postgres://u@%2Frun%2Fpg/d?sslmode=verify-full").0, SslMode::Disable);
        assert_eq!(mode("host=/run/pg,h dbname=d sslmode=require").0, SslMode::Require);
    }

    #[test]
    fn several_hosts_are_all_named() {
        let place = |text: &str| parse(text).unwrap().place;
        assert_eq!(place("postgres://u@a:1,b:2/d"), "a:1, b:2");
        assert_eq!(place("hostaddr=::1 dbname=d"), "[::1]:5432");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), tail in "\\PC{0,40}") {
            for text in [text, format!("postgres://{tail}"), format!("host=h {tail}"), format!("postgres://u@h/d?{tail}")] {
                let _ = parse(&text);
            }
        }

        #[test]
        fn a_password_may_look_like_a_url(scheme in "[a-z]{0,8}") {
            let source = parse(&format!("host=h sslmode=disable password={scheme}://x dbname=d")).unwrap();
            let expected = format!("{scheme}://x");
            prop_assert_eq!(source.config.get_password(), Some(expected.as_bytes()));
        }

        #[test]
        fn any_password_survives_being_taken_apart(password in "[^\\x00]{1,30}") {
            let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
            let source = parse(&format!("host=h sslmode=disable password='{quoted}' dbname=d")).unwrap();
            prop_assert_eq!(source.config.get_password(), Some(password.as_bytes()));
        }
    }
}
