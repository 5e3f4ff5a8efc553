//! Lists the kinds of HR systems, and opens a connection of each kind.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::connector::{Connector, ConnectorError, Proposal};
use super::justworks::{self, Justworks, JustworksSettings};
use super::oauth::OAuthClient;
use super::remote::Remote;
use super::remote::settings::RemoteSettings;
use crate::directory::worker::mapping::Mapping;
use crate::outbound::Outbound;

/// The kinds of HR systems that can be connected.
pub const KINDS: [&str; 2] = ["remote", "justworks"];

/// One member of what an admin sent that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Dotted path in the body.
    pub member: String,
    /// What was expected.
    pub problem: String,
}

/// The credential of a connection: secrets by name. `Debug` shows the names alone.
#[derive(Clone, Debug, Default)]
pub struct Credentials(BTreeMap<String, SecretString>);

impl Credentials {
    /// The names of the secrets of a kind.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] when there is no such kind.
    pub fn names(kind: &str) -> Result<&'static [&'static str], ConnectorError> {
        match kind {
            "remote" => Ok(&["apiToken"]),
            "justworks" => Ok(&["clientId", "clientSecret"]),
            _ => Err(unknown(kind)),
        }
    }

    /// Reads what an admin sent for a kind with these [`names`](Self::names).
    ///
    /// # Errors
    /// Each member that is missing, unknown or no text, with what is wrong; no value is shown.
    pub fn given(names: &[&'static str], value: &Value) -> Result<Self, Vec<Mistake>> {
        let none = Map::new();
        let given = value.as_object().unwrap_or(&none);
        let (mut mistakes, mut secrets) = (Vec::new(), BTreeMap::new());
        for name in names {
            match given.get(*name) {
                Some(Value::String(secret)) if !secret.trim().is_empty() => {
                    secrets.insert((*name).to_owned(), SecretString::from(secret.trim()));
                }
                _ => mistakes.push(Mistake {
                    member: format!("credentials.{name}"),
                    problem: "missing, empty or no text".to_owned(),
                }),
            }
        }
        let strangers = given.keys().filter(|name| !names.contains(&name.as_str()));
        mistakes.extend(strangers.map(|name| Mistake {
            member: format!("credentials.{}", name.chars().filter(|c| !c.is_control()).take(40).collect::<String>()),
            problem: format!("unknown; expected {}", names.join(", ")),
        }));
        if mistakes.is_empty() { Ok(Self(secrets)) } else { Err(mistakes) }
    }

    /// One secret; an empty one when there is none of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> SecretString {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// The same with one more secret, or with another of that name: what a grant brings is kept beside what an admin
    /// gave.
    #[must_use]
    pub fn with(mut self, name: &str, secret: SecretString) -> Self {
        self.0.insert(name.to_owned(), secret);
        self
    }

    /// For sealing, and for nothing else.
    #[must_use]
    pub fn to_json(&self) -> String {
        let pair = |(name, secret): (&String, &SecretString)| (name.clone(), secret.expose_secret().into());
        Value::Object(self.0.iter().map(pair).collect::<Map<_, _>>()).to_string()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn of_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        let all: BTreeMap<String, String> = serde_json::from_slice(text)?;
        Ok(Self(all.into_iter().map(|(name, secret)| (name, SecretString::from(secret))).collect()))
    }
}

/// Opens a connection of a kind with the connector's part of the settings.
///
/// A kind that works by consent needs the grant in the credentials: `accessToken`, and `scope` where the vendor stated
/// it.
///
/// # Errors
/// [`ConnectorError::Settings`] says what in settings or credentials cannot work, [`ConnectorError::NoCredential`] that
/// consent is missing.
pub fn open(
    kind: &str,
    settings: &Value,
    credentials: &Credentials,
    outbound: &Outbound,
) -> Result<Box<dyn Connector>, ConnectorError> {
    match kind {
        "remote" => {
            let settings = RemoteSettings::parse(settings)?;
            Ok(Box::new(Remote::new(&settings, &credentials.get("apiToken"), outbound.clone())?))
        }
        "justworks" => Ok(Box::new(Justworks::new(&JustworksSettings::parse(settings)?, credentials, outbound)?)),
        _ => Err(unknown(kind)),
    }
}

/// How consent is requested and renewed, for kinds that work by it; `None` for the others. Checks settings and
/// credentials also before there is any consent.
///
/// # Errors
/// [`ConnectorError::Settings`] says what in settings or credentials cannot work.
pub fn oauth(
    kind: &str,
    settings: &Value,
    credentials: &Credentials,
    outbound: &Outbound,
) -> Result<Option<OAuthClient>, ConnectorError> {
    match kind {
        "remote" => Ok(None),
        "justworks" => justworks::oauth_client(&JustworksSettings::parse(settings)?, credentials, outbound).map(Some),
        _ => Err(unknown(kind)),
    }
}

/// The name of a kind's HR system, as errors show it.
#[must_use]
pub fn system(kind: &str) -> &'static str {
    match kind {
        "remote" => "Remote",
        "justworks" => "Justworks",
        _ => "the HR system",
    }
}

/// The address of the HR system that settings name: an account id is one of it. Two connections of one kind, place and
/// account are the same.
///
/// # Errors
/// [`ConnectorError::Settings`] when the settings cannot be read.
pub fn place(kind: &str, settings: &Value) -> Result<String, ConnectorError> {
    let raw = match kind {
        "remote" => RemoteSettings::parse(settings)?.base_url,
        "justworks" => JustworksSettings::parse(settings)?.api_url,
        _ => return Err(unknown(kind)),
    };
    let url = super::settings::web_address("the address", &raw)?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether an admin of the HR system has to give consent before a connection of this kind can be read.
#[must_use]
pub fn needs_consent(kind: &str) -> bool {
    kind == "justworks"
}

/// The probable meaning of a worker type that no mapping has, where the values of the kind show it.
#[must_use]
pub fn propose(kind: &str, word: &str) -> Option<Proposal> {
    match kind {
        "justworks" => justworks::propose(word),
        _ => None,
    }
}

/// The value map that an admin is offered first for a kind.
///
/// # Errors
/// [`ConnectorError::Settings`] when there is no such kind.
pub fn default_mapping(kind: &str) -> Result<Mapping, ConnectorError> {
    match kind {
        "remote" => Ok(super::remote::default_mapping()),
        "justworks" => Ok(justworks::default_mapping()),
        _ => Err(unknown(kind)),
    }
}

fn unknown(kind: &str) -> ConnectorError {
    let shown: String = kind.chars().take(40).collect();
    ConnectorError::Settings { detail: format!("there is no kind `{shown}`; expected one of {}", KINDS.join(", ")) }
}
