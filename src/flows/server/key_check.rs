//! Checks whether the keys in use can open the sealed values of this database.
//!
//! A server with another key than the one that sealed the credentials still serves people. It changes no state for that
//! reason alone, and goes on by itself when the right key is back.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use tracing::{error, info};
use uuid::Uuid;

use crate::crypto::seal::SealContext;
use crate::flows::connections::credentials;
use crate::flows::connections::credentials::Tokens;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::runs::finish::KEY_MISSING;
use crate::store;
use crate::store::connections::{ConnectionChange, ConnectionRow, ConnectionState};
use crate::store::runs::{NewRun, RunCause, RunState};

const PLACE: SealContext<'static> = SealContext { table: "key_check", column: "sealed", row: "1" };
const KNOWN_TEXT: &[u8] = b"rollbook";

/// What the keys in use cannot open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// The key is not the one that the database was first used with.
    pub is_other_key: bool,
    /// Each connection with what of it stays closed.
    pub connections: Vec<(Uuid, String, &'static str)>,
}

impl std::fmt::Display for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list: Vec<String> =
            self.connections.iter().map(|(_, name, what)| format!("the {what} of the connection `{name}`")).collect();
        if self.is_other_key {
            f.write_str("ROLLBOOK_KEY (or the key file) is not the key of this database")?;
            if !list.is_empty() {
                f.write_str("; ")?;
            }
        }
        if !list.is_empty() {
            write!(f, "it cannot open {}", list.join(", "))?;
        }
        Ok(())
    }
}

/// Finds what the keys cannot open. Changes nothing.
///
/// # Errors
/// As any use case.
pub async fn look(context: &Context, conn: &mut AsyncPgConnection) -> Result<Sealed, FlowError> {
    let mut sealed = Sealed::default();
    for connection in store::connections::all(conn).await? {
        if let Some(what) = closed_part(context, conn, &connection).await? {
            sealed.connections.push((connection.id, connection.name, what));
        }
    }
    if let Some(check) = store::db::instance::find(conn).await? {
        sealed.is_other_key = context.keys.open(PLACE, &check).is_err();
    }
    Ok(sealed)
}

/// What of a connection the keys cannot open.
async fn closed_part(
    context: &Context,
    conn: &mut AsyncPgConnection,
    connection: &ConnectionRow,
) -> Result<Option<&'static str>, FlowError> {
    if connection.credentials.is_some() && credentials::open(context, connection).is_err() {
        return Ok(Some("credential"));
    }
    match store::oauth::find(conn, connection.id).await? {
        Some(grant) if Tokens::open(context, &grant).is_err() => Ok(Some("OAuth tokens")),
        _ => Ok(None),
    }
}

/// Recognises another key at a start and reports it once. A database without a known key gets a text sealed with the
/// present key, to recognise it by; a key that nothing is sealed with any more is replaced.
///
/// # Errors
/// As any use case.
pub async fn recognise(context: &Context) -> Result<Sealed, FlowError> {
    let mut conn = context.db.get().await?;
    let sealed = look(context, &mut conn).await?;
    if sealed.connections.is_empty() {
        let check = store::db::instance::find(&mut conn).await?;
        if check.is_none() || sealed.is_other_key {
            if sealed.is_other_key {
                info!("all credentials are sealed with another key than before: it is the key of this database now");
            }
            store::db::instance::put(&mut conn, &context.keys.seal(PLACE, KNOWN_TEXT)).await?;
        }
        return Ok(Sealed::default());
    }
    error!(
        "{sealed}: people are served, but these connections are not pulled. Start with the right key; if it is lost, \
         give the credentials again (rollbook connection reauthorize)"
    );
    Ok(sealed)
}

/// Lets connections go on whose credential can be opened again. `true` when there was one.
///
/// # Errors
/// As any use case.
pub async fn go_on(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    let all = store::connections::all(&mut conn).await?;
    let mut is_any = false;
    for connection in all.into_iter().filter(waits_for_key) {
        let id = connection.id;
        is_any |= conn.transaction(async |conn| reopen(context, conn, id).await).await?;
    }
    if is_any {
        context.wake.notify();
    }
    Ok(is_any)
}

fn waits_for_key(connection: &ConnectionRow) -> bool {
    problems_of(connection).iter().any(|problem| problem["code"] == KEY_MISSING)
}

fn problems_of(connection: &ConnectionRow) -> Vec<Value> {
    connection.problems.as_array().cloned().unwrap_or_default()
}

async fn reopen(context: &Context, conn: &mut AsyncPgConnection, id: Uuid) -> Result<bool, FlowError> {
    let Some(connection) = store::connections::lock(conn, id).await?.filter(waits_for_key) else { return Ok(false) };
    if closed_part(context, conn, &connection).await?.is_some() {
        return Ok(false);
    }
    let now = context.clock.now();
    let left: Vec<Value> =
        problems_of(&connection).into_iter().filter(|problem| problem["code"] != KEY_MISSING).collect();
    let mut change = ConnectionChange { problems: Some(json!(left)), failures: Some(0), ..ConnectionChange::default() };
    match connection.state {
        ConnectionState::Failing | ConnectionState::Active => {
            if connection.state == ConnectionState::Failing {
                change.state = Some(ConnectionState::Active);
                change.state_since = Some(now);
            }
            change.next_run_at = Some(Some(now));
        }
        ConnectionState::Review => {
            let run = NewRun {
                id: context.clock.row_id(),
                connection_id: id,
                cause: RunCause::Preview,
                preview: true,
                state: RunState::Queued,
                plan_id: None,
                token_name: None,
                queued_at: now,
                accepted_fields: Vec::new(),
            };
            store::runs::enqueue(conn, run).await?;
        }
        _ => {}
    }
    store::connections::update(conn, id, change).await?;
    info!(connection.id = %id, "the credential of connection {id} can be opened again: it goes on");
    Ok(true)
}
