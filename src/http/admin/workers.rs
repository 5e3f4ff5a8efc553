//! The workers of a connection: the lists behind its tally.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use serde_json::{Value, json};

use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, id, reviews};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{AdminRead, Caller};
use crate::store;
use crate::store::connections::ConnectionState;
use crate::store::workers::WorkerRow;

/// GET …/workers?disposition=
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "disposition"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::text)?.unwrap_or_default();
    let disposition = parameters.word("disposition", &["published", "withheld", "excluded", "undecided", "missing"]);
    parameters.finish()?;
    let connection = id(&request, "id", "connection")?;
    let mut conn = context.db.get().await?;
    let found = store::connections::find(&mut conn, connection).await?;
    let found = found.ok_or_else(|| FlowError::not_found("connection", connection))?;
    // Before the set-up is finished, the plan says what each worker would be.
    let plan = if found.state == ConnectionState::Review {
        store::runs::plans::latest_ready(&mut conn, connection).await?.map(|plan| plan.id)
    } else {
        None
    };
    let stored = disposition.map(|word| if word == "undecided" { "new" } else { word });
    let rows = store::workers::page(&mut conn, connection, plan, stored, &after, limit + 1).await?;
    let ids: Vec<String> = rows.iter().map(|row| row.source_id.clone()).collect();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for review in store::runs::reviews::open_of_workers(&mut conn, connection, &ids).await? {
        reasons.entry(review.source_id.unwrap_or_default()).or_default().push(review.reason);
    }
    let none = Vec::new();
    Ok(page(
        rows,
        limit,
        |row| Mark::Text(row.source_id.clone()),
        |row| show(row, reasons.get(&row.source_id).unwrap_or(&none)),
    ))
}

fn show(row: &WorkerRow, reviews: &[String]) -> Value {
    // A published worker of whom a part is withheld has open questions too.
    let reason = row.exclusion.as_deref().or(reviews.first().map(String::as_str));
    json!({
        "sourceId": row.source_id,
        "disposition": disposition(row),
        "reason": reason,
        "title": reason.map(title),
        "reviews": reviews,
        "personId": row.person_id,
        "workerType": row.statement.pointer("/employment/workerType"),
        "status": row.statement.pointer("/employment/status"),
        "firstSeenAt": row.first_seen_at,
        "changedAt": row.changed_at,
        "missingSince": row.absent_since,
    })
}

/// What has become of a worker, in the words of the API.
pub(super) fn disposition(row: &WorkerRow) -> &str {
    if row.disposition == "new" { "undecided" } else { &row.disposition }
}

fn title(reason: &str) -> &str {
    match reason {
        "leaverOfFirstImport" => "had left before the first import",
        "tooFarAhead" => "starts too far ahead",
        "neverPublished" => "had left before being published",
        "vendor" => "vendor or third-party admin",
        review => reviews::title(review),
    }
}
