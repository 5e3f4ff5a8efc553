//! People: list them by SCIM filter, find them by a current or former email, and show their histories.

pub(super) mod person;

use actix_web::{HttpRequest, web};
use serde_json::Value;

use super::answer::{Answer, Listed};
use super::events;
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use crate::api::events::Event;
use crate::api::mapping::EmploymentType;
use crate::api::people::{EmailIs, PersonSummary};
use crate::api::person::EmploymentStatus;
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
) -> Answer<Listed<PersonSummary>> {
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
        // Filters have the limits that consumers have, so that they do not block other admins.
        let found = async {
            let mut conn = match cost {
                Cost::Cheap => context.db.get().await?,
                Cost::Expensive => state.connection(caller.id, cost).await?,
            };
            condition.settle(&mut conn).await?;
            Ok::<_, Problem>(store::people::summaries::page(&mut conn, Some(&condition), after, limit + 1).await?)
        };
        let rows = state.answer_within(cost, found).await?;
        return page(rows, limit, |row| Mark::Number(row.position), |row| Ok(show_summary(&row)));
    }
    let mut conn = context.db.get().await?;
    if let Some(email) = email {
        let found = explain::by_email(&mut conn, &email, context.clock.now()).await?;
        let found = found.iter().map(|(person, is_current)| {
            let email_is = Some(if *is_current { EmailIs::Current } else { EmailIs::Former });
            PersonSummary { email_is, ..show_summary(person) }
        });
        return Ok(Listed::whole(found.collect()));
    }
    let rows = store::people::summaries::page(&mut conn, None, after, limit + 1).await?;
    page(rows, limit, |row| Mark::Number(row.position), |row| Ok(show_summary(&row)))
}

/// Reads a filter as SCIM does, and returns its cost; an admin sees the source id as `externalId`.
fn condition(text: &str, base_url: &str) -> Result<(Condition, Cost), Problem> {
    let refused = |message: String| Problem::invalid(vec![FieldError { field: "filter".to_owned(), message }]);
    let checked = filter::check::read(text, Mode::Lenient, ResourceType::User.shape(), &Hidden::sensitive())
        .map_err(|error| refused(error.detail.clone()))?;
    let condition = Condition::of(&checked, &Visibility::unrestricted(base_url, true, Hidden::sensitive()));
    Ok((condition, Cost::of_people(Some(&checked), None, true)))
}

fn show_summary(row: &Summary) -> PersonSummary {
    let said = |name: &str| row.person.pointer(&format!("/employment/{name}")).and_then(Value::as_str);
    PersonSummary {
        id: row.id,
        user_name: row.user_name.clone(),
        display_name: row.display_name.clone(),
        active: row.active,
        employment_type: said("employmentType").and_then(EmploymentType::parse),
        employment_status: said("status").and_then(EmploymentStatus::parse),
        start_date: said("start").and_then(|day| day.parse().ok()),
        termination_date: said("lastDay").and_then(|day| day.parse().ok()),
        manager_id: row.manager_id,
        version: row.version,
        created_at: row.created_at,
        modified_at: row.modified_at,
        left_at: row.left_at,
        email_is: None,
    }
}

/// GET /people/{id}/history, the latest first.
pub(super) async fn history(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<Event>> {
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
    page(rows, limit, |row| Mark::Number(row.id), |row| events::json::show_to_admin(&row))
}
