//! Handles the admin's token, and what a node that stops gives back.

use diesel_async::AsyncConnection;

use serde_json::json;
use uuid::Uuid;

use crate::crypto::token::Token;
use crate::flows::audit::{Actor, record};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::consumers::ConsumerRow;
use crate::store::tokens::NewToken;

/// The name of the admin token that the configuration gives.
const CONFIGURED: &str = "admin (configured)";
/// The name of the admin token that was made at the first start.
const MADE: &str = "admin";

/// Makes sure that there is an admin token: the configured one, which replaces an earlier configured one, or at the
/// first start a new one, which is returned to be shown once.
pub async fn settle_admin_token(context: &Context, configured: Option<Token>) -> Result<Option<Token>, FlowError> {
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        // Two nodes that start at once must not both make one.
        store::tokens::lock_admin(conn).await?;
        let known = store::tokens::of_consumer(conn, None).await?;
        let row = |token: &Token, name: &str| NewToken {
            id: context.clock.row_id(),
            consumer_id: None,
            name: name.into(),
            digest: token.digest().as_bytes().to_vec(),
            created_at: context.clock.now(),
            expires_at: None,
        };
        match configured {
            Some(token) => {
                let digest = token.digest();
                let holder = store::tokens::holder(conn, digest.as_bytes()).await?;
                if holder.as_ref().is_some_and(|holder| holder.consumer.is_some()) {
                    return Err(FlowError::Conflict(
                        "ROLLBOOK_ADMIN_TOKEN is the token of a consumer; choose another".into(),
                    ));
                }
                for old in known.iter().filter(|old| old.name == CONFIGURED) {
                    if holder.as_ref().is_none_or(|holder| holder.token != old.id) {
                        store::tokens::delete(conn, None, old.id).await?;
                    }
                }
                if holder.is_none() {
                    store::tokens::insert(conn, &row(&token, CONFIGURED)).await?;
                }
                Ok(None)
            }
            None if known.is_empty() => {
                let token = Token::random();
                store::tokens::insert(conn, &row(&token, MADE)).await?;
                Ok(Some(token))
            }
            None => Ok(None),
        }
    })
    .await
}

/// Gives back the leases of a node that stops.
pub async fn give_back(context: &Context) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    store::runs::release(&mut conn, context.node).await?;
    store::db::leases::release(&mut conn, context.node).await?;
    Ok(())
}

/// Frees what an earlier process was at work on when it was killed. Only for a database that no other process can use:
/// there every earlier lease holder is dead, and no caller has to wait for the lease to end.
pub async fn take_over(context: &Context) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    store::runs::release_all(&mut conn).await?;
    store::db::leases::release_all(&mut conn).await?;
    Ok(())
}

/// A consumer that is to be.
#[derive(Clone, Debug)]
pub struct NewConsumer {
    pub name: String,
    pub scopes: Vec<String>,
    pub external_id_from_source: bool,
}

/// Makes sure that there is a consumer of this name whose token this is; what is there already stays as it is.
pub async fn ensure_consumer(
    context: &Context,
    new: NewConsumer,
    token: &Token,
    actor: &Actor,
) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        if store::tokens::holder(conn, token.digest().as_bytes()).await?.is_some() {
            return Ok(());
        }
        let now = context.clock.now();
        let id: Uuid = context.clock.row_id();
        let row = ConsumerRow {
            id,
            name: new.name.clone(),
            scopes: new.scopes.clone(),
            external_id_from_source: new.external_id_from_source,
            created_at: now,
            user_filter: None,
            group_filter: None,
            attributes: None,
        };
        store::consumers::insert(conn, &row).await?;
        let token = NewToken {
            id: context.clock.row_id(),
            consumer_id: Some(id),
            name: new.name.clone(),
            digest: token.digest().as_bytes().to_vec(),
            created_at: now,
            expires_at: None,
        };
        store::tokens::insert(conn, &token).await?;
        record(context, conn, actor, "consumer.create", &format!("consumer {id}"), json!({ "name": new.name })).await
    })
    .await
}
