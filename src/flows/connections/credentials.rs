//! Handles the secrets of connections: they are stored sealed, and open only while they are used.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::connectors::connector::ConnectorError;
use crate::connectors::registry::Credentials;
use crate::crypto::seal::{KeyError, SealContext};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store::connections::ConnectionRow;
use crate::store::oauth::GrantRow;

fn place(row: &str) -> SealContext<'_> {
    SealContext { table: "connections", column: "credentials", row }
}

/// Seals credentials for one row; moved to another row they do not open.
pub(crate) fn seal(context: &Context, connection: Uuid, credentials: &Credentials) -> Vec<u8> {
    context.keys.seal(place(&connection.to_string()), credentials.to_json().as_bytes())
}

/// Opens the credentials of a connection. One that cannot be opened waits for its key.
pub(crate) fn open(context: &Context, connection: &ConnectionRow) -> Result<Credentials, FlowError> {
    let sealed = connection
        .credentials
        .as_deref()
        .ok_or_else(|| FlowError::Connector(ConnectorError::NoCredential { detail: "none is stored".into() }))?;
    let text = context.keys.open(place(&connection.id.to_string()), sealed).map_err(|error| key_missing(&error))?;
    Credentials::of_json(&text).map_err(|error| FlowError::corrupt("credential", &error))
}

/// A value that is sealed with a key that this server does not have.
fn key_missing(error: &KeyError) -> FlowError {
    FlowError::Connector(ConnectorError::KeyMissing { detail: format!("{error}; was ROLLBOOK_KEY changed?") })
}

/// The tokens of a grant. `Debug` shows neither.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub access: SecretString,
    /// Absent where the HR system gives none.
    pub refresh: Option<SecretString>,
}

impl Tokens {
    pub(crate) fn seal(&self, context: &Context, connection: Uuid) -> Vec<u8> {
        let text = json!({
            "access": self.access.expose_secret(),
            "refresh": self.refresh.as_ref().map(ExposeSecret::expose_secret),
        });
        let place = SealContext { table: "oauth_grants", column: "tokens", row: &connection.to_string() };
        context.keys.seal(place, Zeroizing::new(text.to_string()).as_bytes())
    }

    pub(crate) fn open(context: &Context, grant: &GrantRow) -> Result<Self, FlowError> {
        #[derive(Deserialize)]
        struct Stored {
            access: SecretString,
            refresh: Option<SecretString>,
        }
        let place = SealContext { table: "oauth_grants", column: "tokens", row: &grant.connection_id.to_string() };
        let text = context.keys.open(place, &grant.tokens).map_err(|error| key_missing(&error))?;
        let Stored { access, refresh } =
            serde_json::from_slice(&text).map_err(|error| FlowError::corrupt("grant", &error))?;
        Ok(Self { access, refresh })
    }
}

/// Seals the code verifier of one consent.
pub(crate) fn seal_verifier(context: &Context, state: &[u8], verifier: &str) -> Vec<u8> {
    let row = crate::crypto::seal::hex(state);
    context.keys.seal(SealContext { table: "oauth_consents", column: "verifier", row: &row }, verifier.as_bytes())
}

/// Opens the code verifier of one consent.
pub(crate) fn open_verifier(context: &Context, state: &[u8], sealed: &[u8]) -> Result<SecretString, FlowError> {
    let row = crate::crypto::seal::hex(state);
    let place = SealContext { table: "oauth_consents", column: "verifier", row: &row };
    let text = context.keys.open(place, sealed).map_err(|error| {
        FlowError::Conflict(format!("this consent was asked for under another key ({error}); ask for it again"))
    })?;
    String::from_utf8(text.to_vec())
        .map(SecretString::from)
        .map_err(|_| FlowError::Internal("a stored code verifier is no text".into()))
}
