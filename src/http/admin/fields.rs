//! Units, and whose word counts for each.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::Members;
use super::parameters::Parameters;
use super::{Answer, answer, ok};
use crate::flows;
use crate::flows::authority::{Field, Ordered};
use crate::flows::context::Context;
use crate::http::auth::{Admin, AdminRead, Caller};

/// GET /fields: all units that can be ordered, each with the whole order.
pub(super) async fn list(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    Parameters::read(&request, &[])?.finish()?;
    let (fields, settled) = flows::authority::list(&context).await?;
    let items: Vec<Value> = fields.iter().map(|field| show(field, settled)).collect();
    Ok(ok(&json!({ "items": items, "nextCursor": null })))
}

/// PUT /fields/{unit}: 202 with how many people are merged anew, or with `?preview=true` 200 with a plan of what it would
/// do.
pub(super) async fn put(
    caller: Caller<Admin>,
    request: HttpRequest,
    payload: web::Payload,
    context: web::Data<Context>,
) -> Answer {
    let mut parameters = Parameters::read(&request, &["preview"])?;
    let only_preview = parameters.flag("preview");
    parameters.finish()?;
    let mut body = Members::read(&request, payload, &["order", "blankWins"]).await?;
    let order = connections(&mut body);
    if body.take("blankWins").is_some() {
        body.refuse("blankWins", "not available yet");
    }
    let actor = body.actor(&caller)?;
    let unit = request.match_info().query("unit");
    Ok(match flows::authority::put(&context, unit, &order, only_preview, &actor).await? {
        Ordered::Preview { plan } => ok(&json!({ "planId": plan })),
        Ordered::Merging { people } => answer(StatusCode::ACCEPTED, &json!({ "peopleToMerge": people })),
    })
}

/// The connections of the member `order`, which has to be there: leaving it out by mistake would restore the default.
fn connections(body: &mut Members) -> Vec<Uuid> {
    let Some(words) = body.texts("order") else {
        if !body.has_refused("order") {
            body.refuse("order", "missing; expected a list of connection ids, empty for the default order");
        }
        return Vec::new();
    };
    let mut ids = Vec::with_capacity(words.len());
    for (n, word) in words.iter().enumerate() {
        match Uuid::try_parse(word) {
            Ok(id) => ids.push(id),
            Err(_) => body.refuse(format!("order[{n}]"), "expected the id of a connection"),
        }
    }
    ids
}

fn show(field: &Field, settled: bool) -> Value {
    let order: Vec<Value> =
        field.order.iter().map(|speaker| json!({ "connectionId": speaker.connection, "name": speaker.name })).collect();
    json!({
        "unit": field.unit,
        "order": order,
        "isDefault": field.is_default,
        "settled": settled,
        "changedAt": field.changed.as_ref().map(|(at, _)| at),
        "changedBy": field.changed.as_ref().map(|(_, token)| token),
    })
}
