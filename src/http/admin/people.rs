//! People: listed by SCIM filter, found by an email of now or of former times, and their histories.

use actix_web::{HttpRequest, web};
use serde_json::{Value, json};

use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, entries, id, ok};
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::flows::planning::explain;
use crate::http::auth::{AdminRead, Caller};
use crate::http::error::{FieldError, Problem};
use crate::http::state::State;
use crate::scim::filter::{self, Mode};
use crate::scim::schema::{Hidden, ResourceType};
use crate::store;
use crate::store::filter::condition::Condition;
use crate::store::filter::cost::Cost;
use crate::store::people::summaries::Summary;
use crate::store::visibility::Visibility;

/// GET /people: all, or by `?filter=` (a SCIM filter), or by `?email=`, which finds former emails too (story 8).
pub(super) async fn list(
    caller: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
    state: web::Data<State>,
) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor", "email", "filter"])?;
    let limit = parameters.limit();
    let after = parameters.cursor(Mark::number)?.unwrap_or(0);
    let (email, filter) = (parameters.text("email"), parameters.text("filter"));
    if email.is_some() && filter.is_some() {
        parameters.refuse("email", "expected either email or filter");
    }
    parameters.finish()?;
    if let Some(filter) = filter {
        let (mut condition, cost) = condition(&filter, state.scim_base())?;
        // Filters have the limits that consumers have, so that they keep no other admin waiting.
        let found = async {
            let mut conn = match cost {
                Cost::Cheap => context.db.get().await?,
                Cost::Expensive => state.connection(caller.id, cost).await?,
            };
            condition.settle(&mut conn).await?;
            Ok::<_, Problem>(store::people::summaries::page(&mut conn, Some(&condition), after, limit + 1).await?)
        };
        let rows = state.answer_within(cost, found).await?;
        return Ok(page(rows, limit, |row| Mark::Number(row.position), show_summary));
    }
    let mut conn = context.db.get().await?;
    if let Some(email) = email {
        let found = explain::by_email(&mut conn, &email, context.clock.now()).await?;
        let items: Vec<Value> = found
            .iter()
            .map(|(person, is_current)| {
                let mut shown = show_summary(person);
                shown["emailIs"] = json!(if *is_current { "current" } else { "former" });
                shown
            })
            .collect();
        return Ok(ok(&json!({ "items": items, "nextCursor": null })));
    }
    let rows = store::people::summaries::page(&mut conn, None, after, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::Number(row.position), show_summary))
}

/// Reads a filter as SCIM does, and tells what it costs; an admin sees the source id as `externalId`.
fn condition(text: &str, base_url: &str) -> Result<(Condition, Cost), Problem> {
    let refused = |message: String| Problem::invalid(vec![FieldError { field: "filter".to_owned(), message }]);
    let checked = filter::read(text, Mode::Lenient, ResourceType::User.shape(), &Hidden::sensitive())
        .map_err(|error| refused(error.detail.clone()))?;
    let condition = Condition::of(&checked, &Visibility::unrestricted(base_url, true, Hidden::sensitive()));
    Ok((condition, Cost::of_people(Some(&checked), None, true)))
}

fn show_summary(row: &Summary) -> Value {
    let employment = |name: &str| row.person.pointer(&format!("/employment/{name}"));
    json!({
        "id": row.id,
        "userName": row.user_name,
        "displayName": row.display_name,
        "active": row.active,
        "employmentType": employment("employmentType"),
        "employmentStatus": employment("status"),
        "startDate": employment("start"),
        "terminationDate": employment("lastDay"),
        "managerId": row.manager_id,
        "version": row.version,
        "createdAt": row.created_at,
        "modifiedAt": row.modified_at,
        "leftAt": row.left_at,
    })
}

/// GET /people/{id}/history, the latest first.
pub(super) async fn history(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let before = parameters.cursor(Mark::number)?.unwrap_or(i64::MAX);
    parameters.finish()?;
    let id = id(&request, "id", "person")?;
    let mut conn = context.db.get().await?;
    if store::people::write::existing(&mut conn, &[id]).await?.is_empty() {
        return Err(FlowError::not_found("person", id).into());
    }
    let rows = store::changes::of_person(&mut conn, id, before, limit + 1).await?;
    Ok(page(rows, limit, |row| Mark::Number(row.id), entries::show_to_admin))
}
