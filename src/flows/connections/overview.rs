//! Shows connections to an admin: state, last run, counts of workers, and what waits for an admin.

use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::store;
use crate::store::connections::ConnectionRow;
use diesel_async::AsyncPgConnection;
use serde::Deserialize;
use std::collections::HashMap;
use uuid::Uuid;

/// What an admin sees of a connection.
#[derive(Debug)]
pub struct ConnectionView {
    pub connection: ConnectionRow,
    pub last_run: Option<store::runs::RunRow>,
    pub tally: store::workers::Tally,
    pub open_hold: Option<store::runs::holds::HoldRow>,
    /// Open review items by reason.
    pub reviews: Vec<(String, i64)>,
}

/// A connection with its last run, its tally and what waits for an admin.
pub async fn view(context: &Context, id: Uuid) -> Result<ConnectionView, FlowError> {
    let mut conn = context.db.get().await?;
    let connection =
        store::connections::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("connection", id))?;
    let views = look_around(&mut conn, vec![connection], context.clock.now()).await?;
    views.into_iter().next().ok_or_else(|| FlowError::not_found("connection", id))
}

/// A page of connections, by the order in which they came. The number of statements does not depend on theirs.
pub async fn list(context: &Context, after: i64, limit: i64) -> Result<Vec<ConnectionView>, FlowError> {
    let mut conn = context.db.get().await?;
    let connections = store::connections::page(&mut conn, after, limit).await?;
    look_around(&mut conn, connections, context.clock.now()).await
}

/// These connections with their last runs, tallies and what waits for an admin.
pub(crate) async fn look_around(
    conn: &mut AsyncPgConnection,
    connections: Vec<ConnectionRow>,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<ConnectionView>, FlowError> {
    let ids: Vec<Uuid> = connections.iter().map(|connection| connection.id).collect();
    let mut runs: HashMap<Uuid, store::runs::RunRow> =
        store::runs::last_of_each(conn, &ids).await?.into_iter().map(|run| (run.connection_id, run)).collect();
    let mut holds: HashMap<Uuid, store::runs::holds::HoldRow> = store::runs::holds::open_of_each(conn, &ids)
        .await?
        .into_iter()
        .map(|hold| (hold.connection_id, hold))
        .collect();
    let mut reviews: HashMap<Uuid, Vec<(String, i64)>> = HashMap::new();
    for (connection, reason, number) in store::runs::reviews::open_by_reason(conn, &ids, now).await? {
        let Some(connection) = connection else { continue };
        reviews.entry(connection).or_default().push((reason, number));
    }
    connections
        .into_iter()
        .map(|connection| {
            let id = connection.id;
            let tally = connection.worker_counts.as_ref().map(store::workers::Tally::deserialize).transpose();
            let tally = tally.map_err(|error| FlowError::corrupt("tally", &error))?.unwrap_or_default();
            Ok(ConnectionView {
                connection,
                last_run: runs.remove(&id),
                tally,
                open_hold: holds.remove(&id),
                reviews: reviews.remove(&id).unwrap_or_default(),
            })
        })
        .collect()
}
