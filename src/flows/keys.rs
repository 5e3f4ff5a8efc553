//! Keys for people who have none: those who were written before there were keys, or by an older program that is being
//! replaced (see [`store::keys`]).

use diesel_async::AsyncConnection;
use serde_json::Value;
use tracing::info;
use uuid::Uuid;

use super::context::Context;
use super::error::FlowError;
use super::plan::STEP;
use crate::render::user;
use crate::store;

/// Gives the next people their keys, at most 500 in one transaction; `false` when there is nobody left.
pub async fn fill(context: &Context) -> Result<bool, FlowError> {
    let mut conn = context.db.get().await?;
    if !store::keys::is_missing(&conn).await? {
        return Ok(false);
    }
    let filled = conn
        .transaction(async |conn| {
            let people = store::keys::next(conn, STEP).await?;
            let keys = people.iter().map(|person| user::keys(&person.document));
            let keys: Vec<Value> =
                keys.collect::<Result<_, _>>().map_err(|error| FlowError::corrupt("document", &error))?;
            let ids: Vec<Uuid> = people.iter().map(|person| person.id).collect();
            Ok::<_, FlowError>(store::keys::set(conn, &ids, &keys).await?)
        })
        .await?;
    info!(people = filled, "{filled} people got the keys by which filters find them");
    Ok(filled > 0)
}
