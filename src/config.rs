//! Defines every setting once: its flag, its environment variable, its meaning and its mistakes.

mod lanes;

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::lanes::LaneArgs;
use super::crypto::seal::Keys;
use super::crypto::token::Token;
use super::store::db::lanes::{CallerLimits, LaneSettings};
use super::store::db::source::DatabaseSource;
use crate::outbound::limits::Limits;

/// The settings of the server, as they are given. Each is a flag and an environment variable; secrets can also come
/// from a file.
#[derive(Clone, Debug, Default, Args)]
pub struct Settings {
    /// The Postgres to use, as a URL (`postgres://user@host/db?sslmode=verify-full`). Without one, a private cluster in
    /// the data directory is started from the installed Postgres binaries. `DATABASE_URL` is read too.
    #[arg(long, env = "ROLLBOOK_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<SecretString>,
    /// A file that holds the database URL.
    #[arg(long, env = "ROLLBOOK_DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Where the private cluster and the key live. [default: ./rollbook-data]
    #[arg(long, env = "ROLLBOOK_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The address to listen on. [default: 127.0.0.1:8080]
    #[arg(long, env = "ROLLBOOK_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The URL under which clients reach the server: used for links in answers, never the Host header. [default: from
    /// the address]
    #[arg(long, env = "ROLLBOOK_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// The token of the admin, at least 32 characters. Without one, one is made at the first start and printed once.
    #[arg(long, env = "ROLLBOOK_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub admin_token: Option<SecretString>,
    /// A file that holds the admin token.
    #[arg(long, env = "ROLLBOOK_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Seals stored credentials: 32 bytes as base64 or hex (`openssl rand -base64 32`); several, separated by commas,
    /// while a key is replaced, the new one first. With the private cluster one is made in the data directory.
    #[arg(long, env = "ROLLBOOK_KEY", hide_env_values = true, value_name = "KEY")]
    pub key: Option<SecretString>,
    /// A file that holds the key or keys.
    #[arg(long, env = "ROLLBOOK_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Whether HR systems may be at loopback and private addresses: `true` or `false`. [default: false]
    #[arg(long, env = "ROLLBOOK_ALLOW_PRIVATE_VENDORS", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub allow_private_vendors: Option<String>,
    #[command(flatten)]
    pub lanes: LaneArgs,
    /// How many records one list of an HR system may have; a longer one changes no person. [default: 250000]
    #[arg(long, env = "ROLLBOOK_READ_MAX_RECORDS", value_name = "NUMBER")]
    pub read_max_records: Option<String>,
    /// How many pages one list of an HR system may have. [default: 10000]
    #[arg(long, env = "ROLLBOOK_READ_MAX_PAGES", value_name = "NUMBER")]
    pub read_max_pages: Option<String>,
    /// How many minutes one pull may read. [default: 720]
    #[arg(long, env = "ROLLBOOK_READ_MAX_MINUTES", value_name = "NUMBER")]
    pub read_max_minutes: Option<String>,
}

/// Where the database is.
#[derive(Clone, Debug)]
pub enum DatabaseChoice {
    /// A private cluster in the data directory.
    Embedded,
    External(Box<DatabaseSource>),
}

/// Settings that were checked, all of them.
#[derive(Debug)]
pub struct Config {
    pub database: DatabaseChoice,
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// Without a slash at the end; absent when it follows from the address that is listened on.
    pub public_url: Option<String>,
    pub admin_token: Option<Token>,
    /// Absent only with the private cluster: then the key in the data directory is used, or made.
    pub keys: Option<Keys>,
    pub allow_private_vendors: bool,
    pub lanes: LaneSettings,
    pub callers: CallerLimits,
    /// How much of an HR system one pull reads.
    pub limits: Limits,
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

impl Settings {
    /// Checks all settings and reports all mistakes at once.
    ///
    /// # Errors
    /// One line for each mistake, naming the setting; no secret is repeated.
    pub fn check(self) -> Result<Config, Mistakes> {
        let mut mistakes = Vec::new();
        let mut note = |mistake: String| mistakes.push(mistake);
        let url = secret("ROLLBOOK_DATABASE_URL", self.database_url, self.database_url_file.as_deref(), &mut note)
            .or_else(|| env::var("DATABASE_URL").ok().filter(|url| !url.trim().is_empty()).map(SecretString::from));
        let database = match url.map(|url| DatabaseSource::parse(&url)) {
            None => Some(DatabaseChoice::Embedded),
            Some(Ok(source)) => Some(DatabaseChoice::External(Box::new(source))),
            Some(Err(error)) => {
                note(format!("ROLLBOOK_DATABASE_URL: {error}"));
                None
            }
        };
        let listen = self.listen.as_deref().unwrap_or("127.0.0.1:8080");
        let listen = if let Ok(address) = listen.parse::<SocketAddr>() {
            Some(address)
        } else {
            note(format!("ROLLBOOK_LISTEN: `{listen}` is no address with a port, such as 127.0.0.1:8080 or [::]:8080"));
            None
        };
        let public_url = self.public_url.as_deref().and_then(|text| match public(text) {
            Ok(url) => Some(url),
            Err(problem) => {
                note(format!("ROLLBOOK_PUBLIC_URL: {problem}"));
                None
            }
        });
        let admin_token = secret("ROLLBOOK_ADMIN_TOKEN", self.admin_token, self.admin_token_file.as_deref(), &mut note)
            .and_then(|text| Token::given(text).map_err(|error| note(format!("ROLLBOOK_ADMIN_TOKEN: {error}"))).ok());
        let keys = secret("ROLLBOOK_KEY", self.key, self.key_file.as_deref(), &mut note)
            .map(|text| Keys::parse(text).map_err(|error| note(format!("ROLLBOOK_KEY: {error}"))).ok());
        if keys.is_none() && matches!(database, Some(DatabaseChoice::External(_))) {
            note("ROLLBOOK_KEY: needed with a database of your own; make one with `openssl rand -base64 32` and keep it: \
                  without it the stored credentials are lost".into());
        }
        let allow_private_vendors = match self.allow_private_vendors.as_deref().map(str::trim) {
            None | Some("" | "false" | "0" | "no") => false,
            Some("true" | "1" | "yes") => true,
            Some(other) => {
                note(format!("ROLLBOOK_ALLOW_PRIVATE_VENDORS: `{other}` is neither true nor false"));
                false
            }
        };
        let (lanes, callers) = self.lanes.check(&mut note);
        let mut limit = |name: &str, given: Option<&str>, default: u64| match given.map(str::trim) {
            None | Some("") => default,
            Some(text) => {
                text.parse().ok().filter(|number| (1..=1_000_000_000).contains(number)).unwrap_or_else(|| {
                    note(format!("{name}: `{text}` is no whole number from 1 to 1000000000"));
                    default
                })
            }
        };
        let usual = Limits::default();
        let minutes = limit("ROLLBOOK_READ_MAX_MINUTES", self.read_max_minutes.as_deref(), usual.time.as_secs() / 60);
        let limits = Limits {
            pages: limit("ROLLBOOK_READ_MAX_PAGES", self.read_max_pages.as_deref(), usual.pages),
            rows: limit("ROLLBOOK_READ_MAX_RECORDS", self.read_max_records.as_deref(), usual.rows),
            time: Duration::from_secs(minutes * 60),
        };
        match (database, listen) {
            (Some(database), Some(listen)) if mistakes.is_empty() => Ok(Config {
                database,
                data_dir: self.data_dir.unwrap_or_else(|| "rollbook-data".into()),
                listen,
                public_url,
                admin_token,
                keys: keys.flatten(),
                allow_private_vendors,
                lanes,
                callers,
                limits,
            }),
            _ => Err(Mistakes(mistakes)),
        }
    }
}

/// A secret that is given as it is or in a file; both at once is a mistake.
fn secret(
    name: &str,
    given: Option<SecretString>,
    file: Option<&Path>,
    note: &mut impl FnMut(String),
) -> Option<SecretString> {
    let given = given.filter(|text| !text.expose_secret().trim().is_empty());
    match (given, file) {
        (Some(_), Some(_)) => {
            note(format!("{name} and {name}_FILE: give one of them"));
            None
        }
        (Some(text), None) => Some(text),
        (None, Some(file)) => match std::fs::read_to_string(file) {
            Ok(text) if !text.trim().is_empty() => Some(SecretString::from(text.trim())),
            Ok(_) => {
                note(format!("{name}_FILE: {} is empty", file.display()));
                None
            }
            Err(error) => {
                note(format!("{name}_FILE: {} cannot be read: {error}", file.display()));
                None
            }
        },
        (None, None) => None,
    }
}

fn public(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("expected https://host[/path]".into());
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("expected no query, fragment or user in it".into());
    }
    // Okta refuses base URLs with underscores.
    if url.as_str().contains('_') {
        return Err("underscores are refused by some clients (Okta); use a name without".into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Environment variables that resemble settings of ours and are none: misspelt ones, most likely.
#[must_use]
pub fn strangers(known: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("ROLLBOOK_") && !known.contains(&name.as_str()))
        // Of the build, which `cargo run` passes on.
        .filter(|name| name != "ROLLBOOK_MIGRATIONS_HASH")
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Settings {
        Settings::default()
    }

    #[test]
    fn without_settings_there_is_a_private_cluster_on_loopback() {
        let config = given().check().unwrap();
        assert!(matches!(config.database, DatabaseChoice::Embedded) || env::var_os("DATABASE_URL").is_some());
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(!config.allow_private_vendors);
    }

    #[test]
    fn all_mistakes_are_reported_at_once_and_no_secret_is_repeated() {
        let settings = Settings {
            database_url: Some("postgres://u:hunter2@db/x?sslmode=perhaps".to_owned().into()),
            listen: Some("8080".into()),
            public_url: Some("ftp://x".into()),
            admin_token: Some("short".to_owned().into()),
            key: Some("no key at all".to_owned().into()),
            allow_private_vendors: Some("maybe".into()),
            read_max_records: Some("0".into()),
            read_max_pages: Some("many".into()),
            read_max_minutes: Some("-1".into()),
            ..given()
        };
        let text = settings.check().unwrap_err().to_string();
        for name in [
            "DATABASE_URL",
            "LISTEN",
            "PUBLIC_URL",
            "ADMIN_TOKEN",
            "KEY",
            "ALLOW_PRIVATE_VENDORS",
            "READ_MAX_RECORDS",
            "READ_MAX_PAGES",
            "READ_MAX_MINUTES",
        ] {
            assert!(text.contains(&format!("ROLLBOOK_{name}: ")), "{name} in {text}");
        }
        for secret in ["hunter2", "short", "no key at all"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }

    #[test]
    fn a_database_of_ones_own_needs_a_key() {
        let settings = Settings { database_url: Some("postgres://u@db/x".to_owned().into()), ..given() };
        assert!(settings.check().unwrap_err().to_string().contains("ROLLBOOK_KEY: needed"));
    }

    #[test]
    fn a_public_url_is_kept_without_its_last_slash() {
        assert_eq!(public("https://dir.example.com/").unwrap(), "https://dir.example.com");
        assert_eq!(public("https://dir.example.com/hr/").unwrap(), "https://dir.example.com/hr");
        assert!(public("https://my_dir.example.com").is_err());
        assert!(public("https://a:b@dir.example.com").is_err());
    }
}
