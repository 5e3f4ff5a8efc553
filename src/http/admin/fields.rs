//! Fields of people, and the precedence of connections for each field.

use actix_web::{HttpRequest, web};
use uuid::Uuid;

use super::answer::{Accepted, Answer, Either, Found, Listed};
use super::request::body::{Body, Members, RequestBody};
use super::request::parameters::Parameters;
use crate::api::fields::{Field, FieldOrder, Merging, OrderedConnection};
use crate::api::runs::PlanMade;
use crate::flows;
use crate::flows::authority::Ordered;
use crate::flows::context::Context;
use crate::http::auth::{Admin, AdminRead, Caller};

/// GET /fields: all fields that can be ordered, each with the whole order.
pub(super) async fn list(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Field>> {
    Parameters::read(&request, &[])?.finish()?;
    let (fields, settled) = flows::authority::list(&context).await?;
    Ok(Listed::whole(fields.into_iter().map(|field| show(field, settled)).collect()))
}

/// PUT /fields/{unit}: 202 with how many people are merged again, or with `?preview=true` 200 with a plan of what it
/// would do.
pub(super) async fn put(
    caller: Caller<Admin>,
    request: HttpRequest,
    body: Body<FieldOrder>,
    context: web::Data<Context>,
) -> Answer<Either<Found<PlanMade>, Accepted<Merging>>> {
    let mut parameters = Parameters::read(&request, &["preview"])?;
    let only_preview = parameters.flag("preview");
    parameters.finish()?;
    let (order, actor) = body.read(&caller).await?;
    let unit = request.match_info().query("unit");
    Ok(match flows::authority::put(&context, unit, &order.order, only_preview, &actor).await? {
        Ordered::Preview { plan } => Either::First(Found(PlanMade { plan_id: plan })),
        Ordered::Merging { people } => Either::Second(Accepted(Merging { people_to_merge: people })),
    })
}

impl RequestBody for FieldOrder {
    fn read(members: &mut Members) -> Self {
        let order = connections(members);
        members.refuse_not_available("blankWins", "not available yet");
        Self { order }
    }
}

/// The connections of the member `order`, which has to be there: leaving it out by mistake would restore the default.
fn connections(members: &mut Members) -> Vec<Uuid> {
    let Some(words) = members.texts("order") else {
        if !members.has_refused("order") {
            members.refuse("order", "missing; expected a list of connection ids, empty for the default order");
        }
        return Vec::new();
    };
    let mut ids = Vec::with_capacity(words.len());
    for (n, word) in words.iter().enumerate() {
        match Uuid::try_parse(word) {
            Ok(id) => ids.push(id),
            Err(_) => members.refuse(format!("order[{n}]"), "expected the id of a connection"),
        }
    }
    ids
}

fn show(field: flows::authority::Field, settled: bool) -> Field {
    let ordered = |one: flows::authority::Speaker| OrderedConnection { connection_id: one.connection, name: one.name };
    let (changed_at, changed_by) = field.changed.unzip();
    Field {
        unit: field.unit.0,
        order: field.order.into_iter().map(ordered).collect(),
        is_default: field.is_default,
        settled,
        changed_at,
        changed_by,
    }
}
