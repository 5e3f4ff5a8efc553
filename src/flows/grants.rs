//! Credentials as a pull needs them. Where an HR system grants access by OAuth: consent, access tokens that are kept
//! fresh, and refresh tokens that can be spent only once.
//!
//! A refresh holds the lock on the grant's row from before the request until its answer is stored, so that two nodes
//! never spend one refresh token. When an answer is lost, the old refresh token is tried once more: if the HR system
//! never saw the request, nothing is lost; if it did, it says no, and an admin has to give consent again.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tracing::{info, warn};
use url::Url;
use uuid::Uuid;

use super::audit::{Actor, record};
use super::connect::{Asked, enqueue, identify, locked};
use super::context::Context;
use super::credentials::{self, Tokens};
use super::error::FlowError;
use super::settings::Common;
use crate::connectors::connector::ConnectorError;
use crate::connectors::oauth::{Grant, GrantError, OAuthClient};
use crate::connectors::registry::{self, Credentials};
use crate::keys::seal::sha256;
use crate::store;
use crate::store::connections::{ConnectionChange, ConnectionRow};
use crate::store::consents::ConsentRow;
use crate::store::grants::GrantRow;

/// An access token that ends within this time is renewed before it is used (hris/justworks.md section 9).
const MARGIN: TimeDelta = TimeDelta::minutes(10);
/// Refresh tokens that lie idle expire: each is used at least this often, also while a connection is paused.
const IDLE: TimeDelta = TimeDelta::hours(20);
/// How long an admin may take to give consent.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);

/// A credential, ready to be shown to the HR system.
#[derive(Debug)]
pub(super) struct Access {
    pub credentials: Credentials,
    /// What readings must share for their evidence of absence to add up: it stays the same while tokens rotate.
    pub ground: String,
    /// The access token, where there is one that could be renewed.
    token: Option<SecretString>,
}

impl Access {
    /// Whether it is worth asking for a new token after the HR system has refused this one.
    pub(super) fn is_renewable(&self) -> bool {
        self.token.is_some()
    }
}

/// When a token has to be renewed.
enum Need<'a> {
    /// When it ends soon.
    Valid,
    /// When it is still the one that was refused.
    OtherThan(&'a SecretString),
    /// When nobody has renewed it since.
    Since(DateTime<Utc>),
}

/// The credential of a connection; a token that ends soon is renewed first.
pub(super) async fn access(context: &Context, connection: &ConnectionRow) -> Result<Access, FlowError> {
    settle(context, connection, &Need::Valid).await
}

/// Another credential than the one that was refused: renewed by us, or by somebody else meanwhile.
pub(super) async fn renew(
    context: &Context,
    connection: &ConnectionRow,
    refused: &Access,
) -> Result<Access, FlowError> {
    match &refused.token {
        Some(token) => settle(context, connection, &Need::OtherThan(token)).await,
        None => access(context, connection).await,
    }
}

async fn settle(context: &Context, connection: &ConnectionRow, need: &Need<'_>) -> Result<Access, FlowError> {
    let app = credentials::open(context, connection)?;
    let Some(client) = client(context, connection, &app)? else {
        let ground = super::plan::hex(&sha256(app.to_json().as_bytes()));
        return Ok(Access { credentials: app, ground, token: None });
    };
    let mut conn = context.db.get().await?;
    let settled = conn
        .transaction(async |conn| {
            let Some(grant) = store::grants::lock(conn, connection.id).await? else {
                return Ok(Err(ConnectorError::NoCredential {
                    detail: "nobody has given consent yet; POST …/authorize gives the address to do it at".into(),
                }));
            };
            let tokens = Tokens::open(context, &grant)?;
            let now = context.clock.now();
            let good = match need {
                Need::Valid => grant.expires_at - now > MARGIN,
                Need::OtherThan(refused) => refused.expose_secret() != tokens.access.expose_secret(),
                Need::Since(instant) => grant.refreshed_at > *instant,
            };
            if good {
                return Ok(Ok((grant, tokens)));
            }
            refresh(context, conn, &client, grant, tokens).await
        })
        .await?;
    let (grant, tokens) = settled?;
    Ok(Access {
        ground: format!("{} {}", grant.consent, grant.scope),
        credentials: app.with("accessToken", tokens.access.clone()).with("scope", grant.scope.into()),
        token: Some(tokens.access),
    })
}

fn client(context: &Context, connection: &ConnectionRow, app: &Credentials) -> Result<Option<OAuthClient>, FlowError> {
    let part = Common::connector_part(&connection.settings);
    Ok(registry::oauth(&connection.kind, &part, app, &context.outbound)?)
}

/// Renews a grant whose row is locked. The outer result is the transaction's: what has to be kept about a failure is.
async fn refresh(
    context: &Context,
    conn: &mut AsyncPgConnection,
    client: &OAuthClient,
    grant: GrantRow,
    tokens: Tokens,
) -> Result<Result<(GrantRow, Tokens), ConnectorError>, FlowError> {
    let system = client.system().to_owned();
    let Some(spent) = &tokens.refresh else {
        let detail = "the access token has ended, and the HR system gave no refresh token with it".into();
        return Ok(Err(ConnectorError::NoCredential { detail }));
    };
    let mut lost_at = grant.lost_at;
    let mut answer = client.refresh(spent).await;
    if let Err(GrantError::Lost { detail, .. }) = &answer {
        warn!(connection.id = %grant.connection_id, "the answer to a token refresh was lost ({detail}); it is asked for once more");
        lost_at = lost_at.or(Some(context.clock.now()));
        answer = client.refresh(spent).await;
    }
    let error = match answer {
        Ok(new) => {
            let (grant, tokens) = renewed(context, grant, tokens, new);
            store::grants::put(conn, &grant).await?;
            return Ok(Ok((grant, tokens)));
        }
        Err(GrantError::Denied { code, status, detail, .. }) => ConnectorError::Unauthorized {
            system,
            status,
            detail: match lost_at {
                Some(at) => format!(
                    "the refresh token is no longer good ({code}): it was spent by a refresh of {} whose answer never arrived",
                    at.format("%Y-%m-%dT%H:%M:%SZ")
                ),
                None => format!("the refresh token is no longer good ({code}): {detail}"),
            },
        },
        Err(GrantError::Misconfigured { code, status, detail, .. }) => ConnectorError::Unauthorized {
            system,
            status,
            detail: format!("clientId and clientSecret are not accepted for refreshing a token ({code}): {detail}"),
        },
        Err(GrantError::RateLimited { retry_after, .. }) => ConnectorError::Unavailable {
            system,
            request: "a token refresh".into(),
            tries: 1,
            detail: "it asks to come back later (status 429)".into(),
            retry_after: Some(retry_after),
        },
        Err(GrantError::NotSent { detail, .. } | GrantError::Lost { detail, .. }) => ConnectorError::Unavailable {
            system,
            request: "a token refresh".into(),
            tries: 1,
            detail,
            retry_after: None,
        },
    };
    if lost_at != grant.lost_at {
        store::grants::put(conn, &GrantRow { lost_at, ..grant }).await?;
    }
    Ok(Err(error))
}

fn renewed(context: &Context, grant: GrantRow, tokens: Tokens, new: Grant) -> (GrantRow, Tokens) {
    let tokens = Tokens { access: new.access_token, refresh: new.refresh_token.or(tokens.refresh) };
    let grant = GrantRow {
        tokens: tokens.seal(context, grant.connection_id),
        scope: new.scope.unwrap_or(grant.scope),
        expires_at: new.expires_at,
        refreshed_at: context.clock.now(),
        lost_at: None,
        ..grant
    };
    (grant, tokens)
}

/// Refreshes the grants that have lain idle for most of a day. `true` when there was one.
pub async fn refresh_stale(context: &Context) -> Result<bool, FlowError> {
    let before = context.clock.now() - IDLE;
    let mut conn = context.db.get().await?;
    let stale = store::grants::stale(&mut conn, before).await?;
    // One look an hour at those that cannot be renewed now; pulls say what is wrong with them.
    let mut renewed = false;
    for id in stale {
        let pause = format!("refresh {id}");
        let now = context.clock.now();
        let owner = context.clock.row_id();
        if !store::leases::take(&mut conn, &pause, owner, now, now + TimeDelta::hours(1)).await? {
            continue;
        }
        let Some(connection) = store::connections::find(&mut conn, id).await? else { continue };
        match settle(context, &connection, &Need::Since(before)).await {
            Ok(_) => {
                renewed = true;
                info!(connection.id = %id, "the token of connection {id} was refreshed");
            }
            Err(FlowError::Connector(error)) if error.needs_reauthorization() => {
                conn.transaction(async |conn| super::outcome::lose_access(context, conn, id, &error).await).await?;
            }
            Err(FlowError::Connector(error)) => warn!(connection.id = %id, "a token cannot be refreshed now: {error}"),
            Err(error) => return Err(error),
        }
    }
    Ok(renewed)
}

/// The page of the HR system where an admin gives consent; it leads back to `redirect_uri`. Good for half an hour, once.
pub async fn authorize(context: &Context, id: Uuid, redirect_uri: &str, actor: &Actor) -> Result<Url, FlowError> {
    let mut conn = context.db.get().await?;
    let connection =
        store::connections::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))?;
    let app = credentials::open(context, &connection)?;
    let Some(client) = client(context, &connection, &app)? else {
        return Err(FlowError::Conflict(format!(
            "a connection of the kind {} needs no consent; give it a credential with POST …/reauthorize",
            connection.kind
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
        redirect_uri: redirect_uri.to_owned(),
        token_name: actor.token_name.clone(),
        expires_at: now + PATIENCE,
    };
    conn.transaction(async |conn| {
        store::consents::forget_expired(conn, now).await?;
        store::consents::insert(conn, consent).await?;
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
    pub asked: Asked,
}

/// Why a consent led to nothing, in words for the admin who is looking at it.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    #[error("this link was used already, has expired, or is not ours")]
    UnknownState,
    #[error("consent to the connection `{connection}` was not given ({code})")]
    Refused { connection: String, code: String },
    #[error("the connection `{connection}` did not get access: {reason}")]
    Failed { connection: String, reason: String },
    #[error(transparent)]
    Flow(#[from] FlowError),
}

/// Takes an admin's consent: exchanges the code, looks whose account it is, keeps the grant, and pulls.
pub async fn complete(context: &Context, returned: Returned) -> Result<Connected, NotConnected> {
    let now = context.clock.now();
    let digest = sha256(returned.state.as_bytes());
    let mut conn = context.db.get().await.map_err(FlowError::from)?;
    let consent = store::consents::take(&mut conn, &digest, now).await.map_err(FlowError::from)?;
    let consent = consent.ok_or(NotConnected::UnknownState)?;
    let id = consent.connection_id;
    let connection = store::connections::find(&mut conn, id).await.map_err(FlowError::from)?;
    let connection = connection.ok_or(NotConnected::UnknownState)?;
    drop(conn);
    let name = connection.name.clone();
    let failed = |reason: String| NotConnected::Failed { connection: name.clone(), reason };
    let code = match (returned.code, returned.error) {
        (Some(code), None) => code,
        (_, error) => {
            // Words of an HR system are shown only as far as they can be words of OAuth.
            let code = error.unwrap_or_else(|| "no code".into());
            let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
            return Err(NotConnected::Refused { connection: name, code });
        }
    };
    let app = credentials::open(context, &connection)?;
    let Some(client) = client(context, &connection, &app)? else { return Err(NotConnected::UnknownState) };
    let verifier = match &consent.verifier {
        Some(sealed) => Some(credentials::open_verifier(context, &digest, sealed)?),
        None => None,
    };
    let verifier = verifier.as_ref().map(ExposeSecret::expose_secret);
    let grant = client.exchange(code.expose_secret(), &consent.redirect_uri, verifier).await;
    let grant = grant.map_err(|error| failed(error.to_string()))?;
    let scope = grant.scope.clone().unwrap_or_else(|| client.requested_scope());
    let shown = app.with("accessToken", grant.access_token.clone()).with("scope", scope.clone().into());
    let account =
        identify(context, &connection.kind, &connection.settings, &shown).await.map_err(|error| match error {
            FlowError::Connector(error) => failed(error.to_string()),
            error => error.into(),
        })?;
    if let Some(known) = connection.account_id.as_ref().filter(|known| **known != account.id) {
        return Err(failed(format!(
            "consent was given for the account {}, but this connection is one of {known}; nothing was changed",
            account.id
        )));
    }
    let tokens = Tokens { access: grant.access_token, refresh: grant.refresh_token };
    let row = GrantRow {
        connection_id: id,
        consent: context.clock.row_id(),
        tokens: tokens.seal(context, id),
        scope,
        expires_at: grant.expires_at,
        granted_at: now,
        refreshed_at: now,
        lost_at: None,
    };
    let actor = Actor { token_name: consent.token_name, reason: None };
    let account_name = account.name.clone();
    let mut conn = context.db.get().await.map_err(FlowError::from)?;
    let (connection, asked) = conn
        .transaction(async |conn| {
            let connection = locked(conn, id).await?;
            // Waits for whoever is refreshing the grant before.
            store::grants::lock(conn, id).await?;
            store::grants::put(conn, &row).await?;
            let change = ConnectionChange {
                account_id: Some(account.id.clone()),
                account_name: Some(account.name.clone()),
                ..welcome(&connection, now)
            };
            store::connections::update(conn, id, change).await?;
            let detail = json!({ "scope": row.scope, "account": account.id });
            record(context, conn, &actor, "connection.consent", &format!("connection {id}"), detail).await?;
            let in_review = matches!(connection.state.as_str(), "authorizing" | "review");
            let asked =
                enqueue(context, conn, id, if in_review { "preview" } else { "sync" }, in_review, &actor).await?;
            let connection = locked(conn, id).await?;
            Ok::<_, FlowError>((connection, asked))
        })
        .await?;
    context.wake.ring();
    Ok(Connected { connection, account: account_name, asked })
}

/// What a new credential means for a connection: what was wrong is over.
pub(super) fn welcome(connection: &ConnectionRow, now: DateTime<Utc>) -> ConnectionChange {
    let mut change = ConnectionChange { problems: Some(json!([])), failures: Some(0), ..ConnectionChange::default() };
    let state = match connection.state.as_str() {
        "authorizing" => Some("review"),
        "needsReauthorization" | "failing" | "active" => {
            change.next_run_at = Some(Some(now));
            Some("active")
        }
        _ => None,
    };
    if let Some(state) = state.filter(|state| *state != connection.state) {
        change.state = Some(state.into());
        change.state_since = Some(now);
    }
    change
}

impl std::fmt::Debug for Returned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Returned").field("error", &self.error).finish_non_exhaustive()
    }
}
