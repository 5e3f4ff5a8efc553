//! Finds the account that a credential belongs to, and checks that name and account of a connection are free.

use super::refusals::{self};
use super::settings::Common;
use crate::connectors::connector::{Account, ConnectorError};
use crate::connectors::registry::{self, Credentials};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use serde_json::Value;
use uuid::Uuid;

/// The credentials that an admin sent, by their kind. Checked before anything is sent anywhere.
pub(crate) fn given(kind: &str, credentials: &Value) -> Result<Credentials, FlowError> {
    Credentials::given(Credentials::names(kind)?, credentials).map_err(FlowError::InvalidMembers)
}

/// Refuses an account that another connection than `except` has.
pub(crate) async fn is_free(
    context: &Context,
    kind: &str,
    place: &str,
    account: &str,
    except: Option<Uuid>,
) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    match store::connections::of_account(&mut conn, kind, place, account, except).await? {
        Some(existing) => Err(refusals::account_taken(&existing)),
        None => Ok(()),
    }
}

pub(crate) fn name_taken(name: &str) -> FlowError {
    FlowError::Conflict(format!("there is a connection named `{name}` already"))
}

/// Asks the HR system whose credential this is.
pub(crate) async fn identify(
    context: &Context,
    kind: &str,
    settings: &Value,
    credentials: &Credentials,
) -> Result<Account, FlowError> {
    let part = Common::connector_part(settings);
    let wait = context.vendor_wait;
    let connector = registry::open(kind, &part, credentials, &context.outbound.patient_for(wait))?;
    match context.clock.within(wait, connector.identify()).await {
        Some(account) => Ok(account?),
        None => Err(FlowError::Connector(ConnectorError::Unavailable {
            system: registry::system(kind).to_owned(),
            request: "the account of the credential".to_owned(),
            tries: 1,
            detail: format!("no answer within {} seconds", wait.as_secs()),
            retry_after: None,
        })),
    }
}
