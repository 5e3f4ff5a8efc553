//! Lists the workers of a connection: the lists behind its counts.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, web};
use serde_json::Value;

use crate::api::connections::Worker;
use crate::api::person::Disposition;
use crate::api::reviews::ReviewReason;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::admin::answer::{Answer, Listed};
use crate::http::admin::request::cursor::{Mark, page};
use crate::http::admin::request::parameters::{Parameters, id};
use crate::http::admin::words::stored;
use crate::http::auth::{AdminRead, Caller};
use crate::http::error::Problem;
use crate::store;
use crate::store::connections::ConnectionState;
use crate::store::workers::WorkerRow;

/// GET …/workers?disposition=
pub(crate) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Worker>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "disposition"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::text)?.unwrap_or_default();
    let disposition = parameters.word("disposition", &["published", "withheld", "excluded", "undecided", "missing"]);
    parameters.finish()?;
    let connection = id(&request, "id", "connection")?;
    let mut conn = context.db.get().await?;
    let found = store::connections::find(&mut conn, connection).await?;
    let found = found.ok_or_else(|| FlowError::not_found("connection", connection))?;
    // Before the set-up is finished, the plan has the future state of each worker.
    let plan = if found.state == ConnectionState::Review {
        store::runs::plans::latest_ready(&mut conn, connection).await?.map(|plan| plan.id)
    } else {
        None
    };
    let wanted = disposition.map(|word| if word == "undecided" { "new" } else { word });
    let rows = store::workers::page(&mut conn, connection, plan, wanted, &after, limit + 1).await?;
    let ids: Vec<String> = rows.iter().map(|row| row.source_id.clone()).collect();
    let mut reasons: BTreeMap<String, Vec<ReviewReason>> = BTreeMap::new();
    for review in store::runs::reviews::open_of_workers(&mut conn, connection, &ids).await? {
        reasons
            .entry(review.source_id.unwrap_or_default())
            .or_default()
            .push(stored(ReviewReason::parse, &review.reason)?);
    }
    page(
        rows,
        limit,
        |row| Mark::Text(row.source_id.clone()),
        |row| {
            let reviews = reasons.remove(&row.source_id).unwrap_or_default();
            show(row, reviews)
        },
    )
}

fn show(row: WorkerRow, reviews: Vec<ReviewReason>) -> Result<Worker, Problem> {
    let said = |at: &str| row.statement.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let (worker_type, status) = (said("/employment/workerType"), said("/employment/status"));
    let disposition = disposition(&row)?;
    // A published worker has open questions too, where a part of it is waiting.
    let reason = row.exclusion.or_else(|| reviews.first().map(ToString::to_string));
    Ok(Worker {
        disposition,
        source_id: row.source_id,
        title: reason.as_deref().map(title),
        reason,
        reviews,
        person_id: row.person_id,
        worker_type,
        status,
        first_seen_at: row.first_seen_at,
        changed_at: row.changed_at,
        missing_since: row.absent_since,
    })
}

/// What has become of a worker, as a value of the API.
pub(crate) fn disposition(row: &WorkerRow) -> Result<Disposition, Problem> {
    stored(Disposition::parse, if row.disposition == "new" { "undecided" } else { &row.disposition })
}

fn title(reason: &str) -> String {
    let title = match reason {
        "leaverOfFirstImport" => "had left before the first import",
        "tooFarAhead" => "starts too far ahead",
        "neverPublished" => "had left before being published",
        "vendor" => "vendor or third-party admin",
        review => ReviewReason::parse(review).map_or(review, |reason| reason.title()),
    };
    title.to_owned()
}
