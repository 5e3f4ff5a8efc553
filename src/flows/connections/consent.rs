//! Handles consent: an admin goes to the HR system, comes back with a code, and the connection gets its grant.

use chrono::TimeDelta;
use diesel_async::AsyncConnection;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::credentials::{self, Tokens};
use super::identity::identify;
use super::refusals;
use super::refusals::locked;
use super::settings::Common;
use super::tokens::{client, in_order, welcome};
use crate::connectors::oauth::known_code;
use crate::connectors::registry::{self, Credentials};
use crate::crypto::seal::sha256;
use crate::flows::audit::{Actor, record};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::runs::queue::{Asked, enqueue};
use crate::store;
use crate::store::connections::{ConnectionChange, ConnectionRow, ConnectionState};
use crate::store::db::pool::Database;
use crate::store::oauth::ConsentRow;
use crate::store::oauth::GrantRow;
use crate::store::runs::RunCause;

/// How long an admin may take to give consent.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);

/// The page of the HR system where an admin gives consent; it leads back to `redirect_uri`. Good for half an hour,
/// once.
///
/// With `app`, consent is given to that app, which replaces the present one when it comes.
pub async fn authorize(
    context: &Context,
    id: Uuid,
    redirect_uri: &str,
    app: Option<&Credentials>,
    actor: &Actor,
) -> Result<Url, FlowError> {
    let mut conn = context.db.get().await?;
    let connection =
        store::connections::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))?;
    let present = match app {
        Some(app) => app.clone(),
        None => credentials::open(context, &connection)?,
    };
    let Some(client) = client(context, &connection, &present)? else {
        return Err(FlowError::Conflict(format!(
            "a connection of the kind {} needs no consent; give it a credential: {}",
            connection.kind,
            refusals::call(id, "reauthorize")
        )));
    };
    // Each is 244 random bits.
    let word = || format!("{}{}", context.clock.random_id().simple(), context.clock.random_id().simple());
    let state = word();
    let verifier = client.wants_verifier().then(word);
    let digest = sha256(state.as_bytes());
    let now = context.clock.now();
    let consent = ConsentRow {
        state: digest.to_vec(),
        connection_id: id,
        verifier: verifier.as_ref().map(|verifier| credentials::seal_verifier(context, &digest, verifier)),
        app: app.map(|app| credentials::seal(context, id, app)),
        redirect_uri: redirect_uri.to_owned(),
        token_name: actor.token_name.clone(),
        expires_at: now + PATIENCE,
    };
    conn.transaction(async |conn| {
        store::oauth::forget_expired(conn, now).await?;
        store::oauth::insert(conn, consent).await?;
        record(context, conn, actor, "connection.authorize", &format!("connection {id}"), json!({})).await
    })
    .await?;
    Ok(client.authorization_url(redirect_uri, &state, verifier.as_deref()))
}

/// What the HR system sent an admin back with (RFC 6749 section 4.1.2).
#[derive(Clone, Default)]
pub struct Returned {
    pub state: String,
    pub code: Option<SecretString>,
    /// An error code, such as `access_denied`.
    pub error: Option<String>,
}

/// What a consent led to.
#[derive(Debug)]
pub struct Connected {
    pub connection: ConnectionRow,
    /// The account that consent was given for.
    pub account: String,
    /// The run that pulls with it; none while the connection is paused.
    pub asked: Option<Asked>,
}

/// Why a consent led to nothing, in a text for the admin who sees it.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    #[error("this link was used already, has expired, or is not ours")]
    UnknownState,
    #[error("consent to the connection `{connection}` was not given ({code})")]
    Refused { connection: String, code: String },
    #[error("the connection `{connection}` did not get access: {reason}")]
    Failed { connection: String, reason: String },
    #[error("the HR system has not answered yet, and the set-up goes on without this page")]
    StillWaiting,
    #[error(transparent)]
    Flow(#[from] FlowError),
}

/// Takes an admin's consent: exchanges the code, checks whose account it is, keeps the grant, and pulls. Carried out to
/// its end also when the admin's browser goes away: the code is good only once.
pub async fn complete(context: &Context, returned: Returned) -> Result<Connected, NotConnected> {
    let (context, unbroken) = (context.clone(), context.unbroken.clone());
    let (clock, patience) = (context.clock.clone(), context.vendor_wait);
    let completing = unbroken.spawn(async move { carry_out(&context, returned).await });
    match clock.within(patience, completing).await {
        Some(completed) => completed.map_err(|error| FlowError::Internal(format!("a consent broke off: {error}")))?,
        None => Err(NotConnected::StillWaiting),
    }
}

async fn carry_out(context: &Context, returned: Returned) -> Result<Connected, NotConnected> {
    let now = context.clock.now();
    let digest = sha256(returned.state.as_bytes());
    let mut conn = context.db.get().await.map_err(FlowError::from)?;
    let consent = store::oauth::take(&mut conn, &digest, now).await.map_err(FlowError::from)?;
    let consent = consent.ok_or(NotConnected::UnknownState)?;
    let id = consent.connection_id;
    let connection = store::connections::find(&mut conn, id).await.map_err(FlowError::from)?;
    let connection = connection.ok_or(NotConnected::UnknownState)?;
    drop(conn);
    let name = connection.name.clone();
    let failed = |reason: String| NotConnected::Failed { connection: name.clone(), reason };
    let code = code_of(returned, &name)?;
    let sealed_app = consent.app.clone().or_else(|| connection.credentials.clone());
    let app = credentials::open(context, &ConnectionRow { credentials: sealed_app, ..connection.clone() })?;
    let Some(client) = client(context, &connection, &app)? else { return Err(NotConnected::UnknownState) };
    let verifier = match &consent.verifier {
        Some(sealed) => Some(credentials::open_verifier(context, &digest, sealed)?),
        None => None,
    };
    let verifier = verifier.as_ref().map(ExposeSecret::expose_secret);
    let grant = client.exchange(code.expose_secret(), &consent.redirect_uri, verifier).await;
    let grant = grant.map_err(|error| failed(error.to_string()))?;
    let scope = in_order(&grant.scope.clone().unwrap_or_else(|| client.requested_scope()));
    let shown = app.with("accessToken", grant.access_token.clone()).with("scope", scope.clone().into());
    let account =
        identify(context, &connection.kind, &connection.settings, &shown).await.map_err(|error| match error {
            FlowError::Connector(error) => failed(error.to_string()),
            error => error.into(),
        })?;
    let another = |connection: &ConnectionRow| {
        let known = connection.account_id.as_ref().filter(|known| **known != account.id)?;
        Some(format!("consent was given for the account {}, but this connection is one of {known}", account.id))
    };
    if let Some(reason) = another(&connection) {
        return Err(failed(reason));
    }
    let part = Common::connector_part(&connection.settings);
    let place = registry::place(&connection.kind, &part).map_err(FlowError::from)?;
    if let Some(existing) = existing_of(&context.db, &connection, &place, &account.id).await? {
        return Err(failed(existing));
    }
    let tokens = Tokens { access: grant.access_token, refresh: grant.refresh_token };
    // Later than the start of any run that cannot have used it.
    let now = context.clock.now();
    let row = GrantRow {
        connection_id: id,
        consent: context.clock.row_id(),
        tokens: tokens.seal(context, id),
        scope,
        expires_at: grant.expires_at,
        granted_at: now,
        refreshed_at: now,
        asked_at: None,
        refused_at: None,
    };
    let actor = Actor { token_name: consent.token_name, reason: None };
    let account_name = account.name.clone();
    let mut conn = context.db.get().await.map_err(FlowError::from)?;
    let stored = conn
        .transaction(async |conn| {
            // Before the connection, which has to stay writable while another process refreshes the earlier grant.
            store::oauth::lock(conn, id).await?;
            let connection = locked(conn, id).await?;
            if let Some(reason) = another(&connection) {
                // Consent for another account came first.
                return Ok(Err(reason));
            }
            store::oauth::put(conn, &row).await?;
            let change = ConnectionChange {
                account_id: Some(account.id.clone()),
                account_name: Some(account.name.clone()),
                account_place: Some(place.clone()),
                credentials: consent.app.clone(),
                ..welcome(&connection, now)
            };
            store::connections::update(conn, id, change).await?;
            let detail = json!({ "scope": row.scope, "account": account.id });
            record(context, conn, &actor, "connection.consent", &format!("connection {id}"), detail).await?;
            let asked = match connection.state {
                ConnectionState::Authorizing | ConnectionState::Review => {
                    Some(enqueue(context, conn, id, RunCause::Preview, true, &actor).await?)
                }
                ConnectionState::Paused => None,
                _ => Some(enqueue(context, conn, id, RunCause::Sync, false, &actor).await?),
            };
            let connection = locked(conn, id).await?;
            Ok::<_, FlowError>(Ok((connection, asked)))
        })
        .await;
    let (connection, asked) = match (stored, existing_of(&context.db, &connection, &place, &account.id).await?) {
        // Another connection got this account between our check and our write.
        (Err(FlowError::Store(_)), Some(existing)) => return Err(failed(existing)),
        (stored, _) => stored?.map_err(failed)?,
    };
    context.wake.notify();
    Ok(Connected { connection, account: account_name, asked })
}

/// The code that an admin came back with.
fn code_of(returned: Returned, connection: &str) -> Result<SecretString, NotConnected> {
    match (returned.code, returned.error) {
        (Some(code), None) => Ok(code),
        (_, error) => {
            // Any caller can write the address of the callback: only codes of OAuth are shown.
            let code = match &error {
                Some(text) => known_code(text).unwrap_or("another error"),
                None => "no code",
            };
            Err(NotConnected::Refused { connection: connection.to_owned(), code: code.to_owned() })
        }
    }
}

/// The message when another connection has the account.
async fn existing_of(
    db: &Database,
    connection: &ConnectionRow,
    place: &str,
    account: &str,
) -> Result<Option<String>, FlowError> {
    let mut conn = db.get().await?;
    let found =
        store::connections::of_account(&mut conn, &connection.kind, place, account, Some(connection.id)).await?;
    Ok(found.map(|existing| refusals::taken_by(&existing)))
}

impl std::fmt::Debug for Returned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Returned").finish_non_exhaustive()
    }
}
