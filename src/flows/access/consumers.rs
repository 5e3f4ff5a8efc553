//! Creates, changes and removes consumers and their tokens; each step has an entry in the audit.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::crypto::token::Token;
use crate::flows::audit::{Actor, record};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::scim::release::Policy;
use crate::store;
use crate::store::consumers::{ConsumerChange, ConsumerRow};
use crate::store::tokens::NewToken;

/// What an admin states to create a consumer. Scopes are known values, the policy has no mistakes.
#[derive(Clone, Debug)]
pub struct NewConsumerOrder {
    pub name: String,
    pub scopes: Vec<String>,
    pub external_id_from_source: bool,
    pub policy: Policy,
}

/// A token that was made. It is shown this once.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    pub id: Uuid,
    pub name: String,
    pub token: Token,
    pub expires_at: DateTime<Utc>,
}

/// Creates a consumer, without a token.
pub async fn create(context: &Context, order: NewConsumerOrder, actor: &Actor) -> Result<ConsumerRow, FlowError> {
    let row = ConsumerRow {
        id: context.clock.row_id(),
        name: checked_name(&order.name)?,
        scopes: order.scopes,
        external_id_from_source: order.external_id_from_source,
        created_at: context.clock.now(),
        user_filter: order.policy.user_filter,
        group_filter: order.policy.group_filter,
        attributes: order.policy.attributes,
    };
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        store::consumers::insert(conn, &row).await.map_err(|error| taken(error, &row.name))?;
        if let Some(filters) = policy_filters(&row) {
            store::changes::policy_filters::replace(conn, row.id, Some(filters)).await?;
        }
        let mut detail = json!({ "name": row.name, "scopes": row.scopes });
        for (name, value) in policy_of(&row).into_iter().filter(|(_, value)| !value.is_null()) {
            detail[name] = value;
        }
        record(context, conn, actor, "consumer.create", &target(row.id), detail).await
    })
    .await?;
    Ok(row)
}

/// The members of a release policy, as the audit names them.
fn policy_of(row: &ConsumerRow) -> [(&'static str, Value); 3] {
    [
        ("userFilter", json!(row.user_filter)),
        ("groupFilter", json!(row.group_filter)),
        ("attributes", json!(row.attributes)),
    ]
}

/// Changes a consumer; what is `None` stays as it is. Tokens that are out have the new scopes, and see by the new
/// policy, at once.
pub async fn update(
    context: &Context,
    id: Uuid,
    mut change: ConsumerChange,
    actor: &Actor,
) -> Result<ConsumerRow, FlowError> {
    change.name = change.name.as_deref().map(checked_name).transpose()?;
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        let name = change.name.clone().unwrap_or_default();
        let before = store::consumers::lock(conn, id).await?.ok_or_else(|| FlowError::not_found("consumer", id))?;
        store::consumers::update(conn, id, &change).await.map_err(|error| taken(error, &name))?;
        let row = find(conn, id).await?;
        let mut detail = json!({ "name": row.name, "scopes": row.scopes });
        let changed = changed(&before, &row);
        if !changed.is_empty() {
            let wanted = policy_filters(&row);
            let is_known = match wanted {
                Some((users, groups)) => {
                    store::changes::policy_filters::number(conn, id, users, groups).await?.is_some()
                }
                None => false,
            };
            if !is_known && (wanted.is_some() || policy_filters(&before).is_some()) {
                store::changes::policy_filters::replace(conn, id, wanted).await?;
            }
            // Saved page positions are places in lists that this consumer no longer sees. Last, since a caller that
            // saves a position waits for it.
            store::consumers::forget_walks(conn, id).await?;
            detail["changed"] = Value::Object(changed);
        }
        record(context, conn, actor, "consumer.update", &target(id), detail).await?;
        Ok(row)
    })
    .await
}

/// By what filters the log has to know a consumer, if by any: one on people, so that it is known how many are inside,
/// and those by which it reads the feed.
fn policy_filters(row: &ConsumerRow) -> Option<(Option<&str>, Option<&str>)> {
    let (users, groups) = (row.user_filter.as_deref(), row.group_filter.as_deref());
    let reads = row.scopes.iter().any(|scope| scope == "events:read");
    (users.is_some() || reads && groups.is_some()).then_some((users, groups))
}

/// What of a consumer's view of the directory is another, old and new.
fn changed(before: &ConsumerRow, after: &ConsumerRow) -> Map<String, Value> {
    let rest = |row: &ConsumerRow| {
        [("scopes", json!(row.scopes)), ("externalIdFromSource", json!(row.external_id_from_source))]
    };
    let old = rest(before).into_iter().chain(policy_of(before));
    let new = rest(after).into_iter().chain(policy_of(after));
    old.zip(new)
        .filter(|((_, old), (_, new))| old != new)
        .map(|((name, old), (_, new))| (name.to_owned(), json!({ "old": old, "new": new })))
        .collect()
}

/// Removes a consumer; its tokens end with it.
pub async fn delete(context: &Context, id: Uuid, actor: &Actor) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        let row = find(conn, id).await?;
        store::consumers::delete(conn, id).await?;
        record(context, conn, actor, "consumer.delete", &target(id), json!({ "name": row.name })).await
    })
    .await
}

/// Makes a further token of a consumer; those that are out stay good.
pub async fn issue_token(
    context: &Context,
    consumer: Uuid,
    name: Option<String>,
    lifetime: TimeDelta,
    actor: &Actor,
) -> Result<IssuedToken, FlowError> {
    let now = context.clock.now();
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        let row = find(conn, consumer).await?;
        // The audit names tokens, so that one without a name of its own still shows its owner.
        let name = match name {
            Some(name) => checked_name(&name)?,
            None => format!("{} {}", row.name, now.format("%Y-%m-%d")),
        };
        let issued = IssuedToken {
            id: context.clock.row_id(),
            name,
            token: Token::random(),
            expires_at: now.checked_add_signed(lifetime).unwrap_or(now),
        };
        let new = NewToken {
            id: issued.id,
            consumer_id: Some(consumer),
            name: issued.name.clone(),
            digest: issued.token.digest().as_bytes().to_vec(),
            created_at: now,
            expires_at: Some(issued.expires_at),
        };
        store::tokens::insert(conn, &new).await?;
        let detail = json!({ "token": issued.id, "name": issued.name, "expiresAt": issued.expires_at });
        record(context, conn, actor, "token.create", &target(consumer), detail).await?;
        Ok(issued)
    })
    .await
}

/// Takes a token back, at once.
pub async fn revoke_token(context: &Context, consumer: Uuid, token: Uuid, actor: &Actor) -> Result<(), FlowError> {
    let mut conn = context.db.get().await?;
    conn.transaction(async |conn| {
        find(conn, consumer).await?;
        if !store::tokens::delete(conn, Some(consumer), token).await? {
            return Err(FlowError::not_found("token", token));
        }
        record(context, conn, actor, "token.delete", &target(consumer), json!({ "token": token })).await
    })
    .await
}

async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<ConsumerRow, FlowError> {
    store::consumers::find(conn, id).await?.ok_or_else(|| FlowError::not_found("consumer", id))
}

fn target(consumer: Uuid) -> String {
    format!("consumer {consumer}")
}

fn checked_name(raw: &str) -> Result<String, FlowError> {
    let name = raw.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(FlowError::invalid("name", "expected a text of 1 to 100 characters"));
    }
    Ok(name.to_owned())
}

fn taken(error: DieselError, name: &str) -> FlowError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
            FlowError::Conflict(format!("there is a consumer named `{name}` already"))
        }
        error => error.into(),
    }
}
