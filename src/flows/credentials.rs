//! Credentials of connections: sealed as they are stored, open only while a connector is made.

use uuid::Uuid;

use super::context::Context;
use super::error::FlowError;
use crate::connectors::connector::ConnectorError;
use crate::connectors::registry::Credentials;
use crate::keys::seal::Place;
use crate::store::connections::ConnectionRow;

fn place(row: &str) -> Place<'_> {
    Place { table: "connections", column: "credentials", row }
}

/// Seals credentials for one row; moved to another row they do not open.
pub(super) fn seal(context: &Context, connection: Uuid, credentials: &Credentials) -> Vec<u8> {
    context.keys.seal(place(&connection.to_string()), credentials.to_json().as_bytes())
}

/// Opens the credentials of a connection. One that cannot be opened has to be given again, like a revoked one.
pub(super) fn open(context: &Context, connection: &ConnectionRow) -> Result<Credentials, FlowError> {
    let lost = |detail: String| FlowError::Connector(ConnectorError::NoCredential { detail });
    let sealed = connection.credentials.as_deref().ok_or_else(|| lost("none is stored".into()))?;
    let text = context
        .keys
        .open(place(&connection.id.to_string()), sealed)
        .map_err(|error| lost(format!("the stored one cannot be opened ({error}); was ROLLBOOK_KEY changed?")))?;
    Credentials::of_json(&text).map_err(|error| FlowError::corrupt("credential", &error))
}
