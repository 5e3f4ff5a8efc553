//! Provides credentials as a pull needs them. Where an HR system grants access by OAuth: access tokens that are kept
//! fresh, and refresh tokens that can be spent only once. How a grant is created is in [`consent`](super::consent).
//!
//! A refresh holds the lock on the grant's row from before the request until its answer is stored, so that two nodes
//! never spend one refresh token. When an answer is lost, the old refresh token is tried once more: if the HR system
//! never saw the request, nothing is lost; if it did, it refuses, and an admin has to give consent again.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tracing::{info, warn};
use uuid::Uuid;

use super::credentials::{self, Tokens};
use super::settings::Common;
use crate::connectors::connector::ConnectorError;
use crate::connectors::oauth::{Grant, GrantError, OAuthClient};
use crate::connectors::registry::{self, Credentials};
use crate::crypto::seal::sha256;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::connections::{ConnectionChange, ConnectionRow, ConnectionState};
use crate::store::oauth::GrantRow;

/// An access token that ends within this time is renewed before it is used (hris/justworks.md section 9).
const MARGIN: TimeDelta = TimeDelta::minutes(10);
/// Refresh tokens that lie idle expire: each is used at least this often, also while a connection is paused.
const IDLE: TimeDelta = TimeDelta::hours(20);
/// A note that an answer is awaited which is younger than this is our own.
const ASKED_JUST_NOW: TimeDelta = TimeDelta::seconds(10);
/// The code that is used for a refusal that has none.
const NO_CODE: &str = "unknown";

/// A credential, ready to be shown to the HR system.
#[derive(Debug)]
pub(crate) struct Access {
    pub credentials: Credentials,
    /// What readings must share for their evidence of absence to add up: it stays the same while tokens rotate.
    pub ground: String,
    /// The access token, where there is one that could be renewed.
    token: Option<SecretString>,
}

impl Access {
    /// Whether it is worth asking for a new token after the HR system has refused this one.
    pub(crate) fn is_renewable(&self) -> bool {
        self.token.is_some()
    }
}

/// When a token has to be renewed.
#[derive(Clone)]
enum Need {
    /// When it ends soon.
    Valid,
    /// When it is still the one that was refused.
    OtherThan(SecretString),
    /// When it was not renewed since.
    Since(DateTime<Utc>),
}

impl Need {
    fn is_met(&self, grant: &GrantRow, tokens: &Tokens, now: DateTime<Utc>) -> bool {
        match self {
            Self::Valid => grant.expires_at - now > MARGIN,
            Self::OtherThan(refused) => refused.expose_secret() != tokens.access.expose_secret(),
            Self::Since(instant) => grant.refreshed_at > *instant,
        }
    }
}

/// The credential of a connection; a token that ends soon is renewed first.
pub(crate) async fn access(context: &Context, connection: &ConnectionRow) -> Result<Access, FlowError> {
    settle(context, connection, Need::Valid).await
}

/// Another credential than the one that was refused: renewed by us, or by another process meanwhile.
pub(crate) async fn renew(
    context: &Context,
    connection: &ConnectionRow,
    refused: &Access,
) -> Result<Access, FlowError> {
    match &refused.token {
        Some(token) => settle(context, connection, Need::OtherThan(token.clone())).await,
        None => access(context, connection).await,
    }
}

async fn settle(context: &Context, connection: &ConnectionRow, need: Need) -> Result<Access, FlowError> {
    let app = credentials::open(context, connection)?;
    let Some(client) = client(context, connection, &app)? else {
        let ground = crate::crypto::seal::hex(&sha256(app.to_json().as_bytes()));
        return Ok(Access { credentials: app, ground, token: None });
    };
    let (grant, tokens) = if let Some(good) = look(context, connection.id, client.system(), &need).await? {
        good
    } else {
        // The caller may be dropped at any instant, as jobs are at a stop; what the HR system has granted must be
        // stored all the same.
        let (context, id) = (context.clone(), connection.id);
        let unbroken = context.unbroken.clone();
        let renewing = unbroken.spawn(async move { renew_locked(&context, id, &client, &need).await });
        renewing.await.map_err(|error| FlowError::Internal(format!("a token refresh broke off: {error}")))??
    };
    Ok(Access {
        ground: format!("{} {}", grant.consent, grant.scope),
        credentials: app.with("accessToken", tokens.access.clone()).with("scope", grant.scope.into()),
        token: Some(tokens.access),
    })
}

/// The app of a connection at its HR system's authorization server, where that wants consent.
pub(crate) fn client(
    context: &Context,
    connection: &ConnectionRow,
    app: &Credentials,
) -> Result<Option<OAuthClient>, FlowError> {
    let part = Common::connector_part(&connection.settings);
    Ok(registry::oauth(&connection.kind, &part, app, &context.outbound)?)
}

/// The stored tokens, if they are good. Else it is saved, before any request, that an answer will be awaited: a process
/// that is killed on the way leaves that behind.
async fn look(
    context: &Context,
    connection: Uuid,
    system: &str,
    need: &Need,
) -> Result<Option<(GrantRow, Tokens)>, FlowError> {
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        let Some(grant) = store::oauth::lock(conn, connection).await? else {
            return Err(FlowError::Connector(ConnectorError::NoCredential {
                detail: "nobody has given consent yet; POST …/authorize gives the address to do it at".into(),
            }));
        };
        let tokens = Tokens::open(context, &grant)?;
        let now = context.clock.now();
        if need.is_met(&grant, &tokens, now) {
            return Ok(Some((grant, tokens)));
        }
        if grant.refused_at.is_some() {
            // What was refused once is refused again; another request only resembles a theft.
            return Err(FlowError::Connector(ConnectorError::Unauthorized {
                system: system.to_owned(),
                status: 400,
                detail: no_longer_good("invalid_grant", grant.asked_at, "it was refused before"),
            }));
        }
        if tokens.refresh.is_some() && grant.asked_at.is_none() {
            store::oauth::put(conn, &GrantRow { asked_at: Some(now), ..grant }).await?;
        }
        Ok(None)
    })
    .await
}

/// Renews the grant under its lock, unless another process has done it meanwhile.
async fn renew_locked(
    context: &Context,
    connection: Uuid,
    client: &OAuthClient,
    need: &Need,
) -> Result<(GrantRow, Tokens), FlowError> {
    let mut conn = context.db.get().await?;
    let renewed = conn
        .transaction(async |conn| {
            let Some(grant) = store::oauth::lock(conn, connection).await? else {
                return Ok(Err(ConnectorError::NoCredential { detail: "the grant is gone".into() }));
            };
            let tokens = Tokens::open(context, &grant)?;
            if need.is_met(&grant, &tokens, context.clock.now()) {
                return Ok(Ok((grant, tokens)));
            }
            refresh(context, conn, client, grant, tokens).await
        })
        .await?;
    Ok(renewed?)
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
    let now = context.clock.now();
    // Noted a moment ago by ourselves, unless an earlier answer is missing.
    let missing = grant.asked_at.filter(|asked| now - *asked > ASKED_JUST_NOW);
    let mut lost = None;
    let mut answer = client.refresh(spent).await;
    if let Err(GrantError::Lost { detail, .. }) = &answer {
        warn!(connection.id = %grant.connection_id, "the answer to a token refresh was lost ({detail}); it is asked for once more");
        lost = Some(now);
        answer = client.refresh(spent).await;
    }
    let mut kept = GrantRow { asked_at: missing.or(lost), ..grant.clone() };
    let away = |detail: String, retry_after: Option<Duration>| ConnectorError::Unavailable {
        system: system.clone(),
        request: "a token refresh".into(),
        tries: 1,
        detail,
        retry_after,
    };
    let error = match answer {
        Ok(new) => {
            let (grant, tokens) = renewed(context, grant, tokens, new);
            store::oauth::put(conn, &grant).await?;
            return Ok(Ok((grant, tokens)));
        }
        Err(GrantError::Denied { code, status, detail, .. }) => {
            kept.refused_at = Some(now);
            let detail = no_longer_good(&code, missing.or(lost), &detail);
            ConnectorError::Unauthorized { system, status, detail }
        }
        Err(GrantError::Misconfigured { code, status, detail, .. }) if code != NO_CODE => {
            ConnectorError::Unauthorized {
                system,
                status,
                detail: format!(
                    "clientId and clientSecret are not accepted for refreshing a token ({code}): {detail}; reauthorize with the right ones"
                ),
            }
        }
        // Not about the grant: a proxy, a login page, a wrong path.
        Err(error @ GrantError::Misconfigured { .. }) => away(error.to_string(), None),
        Err(GrantError::Blocked { status, detail, .. }) => {
            ConnectorError::Blocked { system, request: "a token refresh".into(), status, detail }
        }
        Err(GrantError::RateLimited { retry_after, .. }) => {
            away("it asks to come back later (status 429)".into(), Some(retry_after))
        }
        Err(GrantError::NotSent { detail, .. }) => away(detail, None),
        Err(GrantError::Lost { detail, .. }) => {
            kept.asked_at = missing.or(Some(now));
            away(detail, None)
        }
    };
    store::oauth::put(conn, &kept).await?;
    Ok(Err(error))
}

/// What is wrong with a refresh token, and since when an answer is missing that may have spent it.
fn no_longer_good(code: &str, missing_since: Option<DateTime<Utc>>, detail: &str) -> String {
    match missing_since {
        Some(at) => format!(
            "the refresh token is no longer good ({code}): it was spent by a refresh of {} whose answer never arrived",
            at.format("%Y-%m-%dT%H:%M:%SZ")
        ),
        None if detail == code => format!("the refresh token is no longer good ({code})"),
        None => format!("the refresh token is no longer good ({code}): {detail}"),
    }
}

fn renewed(context: &Context, grant: GrantRow, tokens: Tokens, new: Grant) -> (GrantRow, Tokens) {
    let tokens = Tokens { access: new.access_token, refresh: new.refresh_token.or(tokens.refresh) };
    let grant = GrantRow {
        tokens: tokens.seal(context, grant.connection_id),
        scope: new.scope.as_deref().map_or(grant.scope, in_order),
        expires_at: new.expires_at,
        refreshed_at: context.clock.now(),
        asked_at: None,
        refused_at: None,
        ..grant
    };
    (grant, tokens)
}

/// Scopes in one order, whichever the HR system lists them in.
pub(crate) fn in_order(scope: &str) -> String {
    scope.split_whitespace().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

/// Refreshes the grants that have lain idle for most of a day. `true` when there was one.
pub async fn refresh_stale(context: &Context) -> Result<bool, FlowError> {
    let before = context.clock.now() - IDLE;
    let mut conn = context.db.get().await?;
    let stale = store::oauth::stale(&mut conn, before).await?;
    // One check an hour of those that cannot be renewed now; pulls report what is wrong with them.
    let mut renewed = false;
    for id in stale {
        let pause = format!("refresh {id}");
        let now = context.clock.now();
        let owner = context.clock.row_id();
        if !store::db::leases::take(&mut conn, &pause, owner, now, now + TimeDelta::hours(1)).await? {
            continue;
        }
        let Some(connection) = store::connections::find(&mut conn, id).await? else { continue };
        let Some(grant) = store::oauth::find(&mut conn, id).await? else { continue };
        match settle(context, &connection, Need::Since(before)).await {
            Ok(_) => {
                renewed = true;
                info!(connection.id = %id, "the token of connection {id} was refreshed");
            }
            Err(FlowError::Connector(error)) if error.needs_reauthorization() => {
                let consent = grant.consent;
                conn.transaction(async |conn| {
                    crate::flows::runs::finish::lose_access(context, conn, id, consent, &error).await
                })
                .await?;
            }
            Err(FlowError::Connector(error)) => warn!(connection.id = %id, "a token cannot be refreshed now: {error}"),
            Err(error) => return Err(error),
        }
    }
    Ok(renewed)
}

/// What a new credential means for a connection: what was wrong is over.
pub(crate) fn welcome(connection: &ConnectionRow, now: DateTime<Utc>) -> ConnectionChange {
    let mut change = ConnectionChange {
        problems: Some(json!([])),
        failures: Some(0),
        blocked: Some(0),
        blocked_since: Some(None),
        ..ConnectionChange::default()
    };
    let state = match connection.state {
        ConnectionState::Authorizing => Some(ConnectionState::Review),
        ConnectionState::NeedsReauthorization | ConnectionState::Failing | ConnectionState::Active => {
            change.next_run_at = Some(Some(now));
            Some(ConnectionState::Active)
        }
        ConnectionState::Review | ConnectionState::Paused => None,
    };
    if let Some(state) = state.filter(|state| *state != connection.state) {
        change.state = Some(state);
        change.state_since = Some(now);
    }
    change
}
