//! Plans: the changes that would be made, or were made, and the person of each.

use actix_web::{HttpRequest, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Found, Listed};
use super::people::person::attributes;
use super::request::cursor::{Mark, page};
use super::request::parameters::{Parameters, id};
use super::words::{ToApi, stored};
use crate::api::events::PersonEventKind;
use crate::api::mapping::ValueMap;
use crate::api::plans::{ItemKind, Newcomer, Plan, PlanCause, PlannedChange, PlannedValue, PublishedSince};
use crate::directory::person::Person;
use crate::directory::person::diff::is_sensitive;
use crate::directory::plan::ValueChange;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{AdminRead, Caller};
use crate::http::error::Problem;
use crate::render::user::display_name;
use crate::store;
use crate::store::runs::plans::{ItemRow, ManagerState};

/// GET /plans/{id}
pub(super) async fn show(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Found<Plan>> {
    Parameters::read(&request, &[])?.finish()?;
    let id = id(&request, "id", "plan")?;
    let mut conn = context.db.get().await?;
    let plan = store::runs::plans::find(&mut conn, id).await?.ok_or_else(|| FlowError::not_found("plan", id))?;
    let counts = store::runs::plans::counts(&mut conn, id).await?;
    let moved_on = store::runs::plans::published_since(&mut conn, id).await?;
    let connection = match plan.connection_id {
        Some(connection) => store::connections::find(&mut conn, connection).await?,
        None => None,
    };
    // The effect of a previewed map depends on that map and not on the connection's.
    let is_trial = plan.run_id.is_none() && plan.cause == "mapping";
    let value_map = connection.filter(|_| !is_trial).map(|connection| value_map(connection.mapping)).transpose()?;
    Ok(Found(Plan {
        id: plan.id,
        connection_id: plan.connection_id,
        run_id: plan.run_id,
        cause: stored(PlanCause::parse, &plan.cause)?,
        state: plan.state.to_api(),
        created_at: plan.created_at,
        applied_at: plan.applied_at,
        counts: counts.into(),
        stale: moved_on.is_some(),
        stale_since: moved_on.map(|since| PublishedSince {
            connection_id: since.connection_id,
            connection_name: since.connection_name,
            run_id: since.run_id,
            at: since.at,
        }),
        value_map,
    }))
}

/// The stored value map of a connection.
fn value_map(stored: Value) -> Result<ValueMap, Problem> {
    Ok(serde_json::from_value(stored).map_err(|error| FlowError::corrupt("mapping", &error))?)
}

/// GET /plans/{id}/changes
pub(super) async fn changes(
    _: Caller<AdminRead>,
    request: HttpRequest,
    context: web::Data<Context>,
) -> Answer<Listed<PlannedChange>> {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let mut after = parameters.cursor(|mark| mark.number().and_then(|number| i32::try_from(number).ok()))?.unwrap_or(0);
    parameters.finish()?;
    let id = id(&request, "id", "plan")?;
    let mut conn = context.db.get().await?;
    if store::runs::plans::find(&mut conn, id).await?.is_none() {
        return Err(FlowError::not_found("plan", id).into());
    }
    // Some items only store internal state (a zone, a due instant) and change nothing that a reader sees.
    let mut seen = Vec::new();
    while i64::try_from(seen.len()).unwrap_or(i64::MAX) <= limit {
        let part = store::runs::plans::items(&mut conn, id, after, limit + 1).await?;
        let Some(last) = part.last() else { break };
        after = last.seq;
        seen.extend(part.into_iter().filter(is_seen));
    }
    page(seen, limit, |item| Mark::Number(item.seq.into()), |item| show_item(&item))
}

fn manager_after(item: &ItemRow) -> Option<uuid::Uuid> {
    item.manager_target.filter(|_| item.manager_state == ManagerState::Person)
}

fn is_seen(item: &ItemRow) -> bool {
    item.base_version.is_none()
        || item.manager_before != manager_after(item)
        || item.diff.as_array().is_some_and(|diff| !diff.is_empty())
}

fn show_item(item: &ItemRow) -> Result<PlannedChange, Problem> {
    let diff: Vec<ValueChange> = serde_json::from_value(item.diff.clone()).unwrap_or_default();
    let value = |change: ValueChange| PlannedValue {
        attribute: change.attribute,
        old: json!(change.old),
        new: json!(change.new),
    };
    let is_shown = |change: &ValueChange| !is_sensitive(&change.attribute) && change.attribute != "manager";
    let mut changes: Vec<PlannedValue> = diff.into_iter().filter(is_shown).map(value).collect();
    if item.manager_before != manager_after(item) {
        let (old, new) = (json!(item.manager_before), json!(manager_after(item)));
        changes.push(PlannedValue { attribute: "manager".to_owned(), old, new });
    }
    let is_new = item.base_version.is_none();
    let person: Option<Person> = Person::deserialize(&item.target).ok();
    Ok(PlannedChange {
        person_id: item.person_id,
        kind: if is_new { ItemKind::Create } else { ItemKind::Update },
        state: item.state.to_api(),
        event: item.event.as_deref().map(|word| stored(PersonEventKind::parse, word)).transpose()?,
        effective_at: item.effective_at,
        leaver: item.leaver,
        display_name: person.as_ref().map(|person| display_name(person).into_owned()),
        user_name: person.as_ref().map(|person| person.work_email.as_str().to_owned()),
        person: person.filter(|_| is_new).map(|person| newcomer(&person, item)),
        changes,
    })
}

/// The values of a person who would be created.
fn newcomer(person: &Person, item: &ItemRow) -> Newcomer {
    let employment = &person.employment;
    Newcomer {
        user_name: person.work_email.as_str().to_owned(),
        display_name: display_name(person).into_owned(),
        active: person.active,
        employment_type: employment.employment_type.to_api(),
        worker_type: employment.worker_type.clone(),
        employment_status: employment.status.to_api(),
        start_date: employment.start,
        termination_date: employment.last_day,
        manager_id: manager_after(item),
        source_id: person.source.source_id.0.clone(),
        attributes: attributes(person),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(diff: Value) -> ItemRow {
        ItemRow {
            seq: 1,
            person_id: uuid::Uuid::nil(),
            base_version: Some(1),
            state: crate::store::runs::plans::ItemState::Planned,
            target: json!({}),
            user_name_key: String::new(),
            diff,
            event: None,
            effective_at: None,
            leaver: false,
            swap_group: None,
            manager_before: None,
            manager_via_connection: None,
            manager_via_source: None,
            manager_via_email: None,
            manager_target: Some(uuid::Uuid::max()),
            manager_since: None,
            manager_state: ManagerState::Pending,
            start_date: None,
        }
    }

    #[test]
    fn a_manager_who_is_not_resolved_is_no_change() {
        assert!(!is_seen(&item(json!([]))));
        let mut resolved = item(json!([]));
        resolved.manager_state = ManagerState::Person;
        assert!(is_seen(&resolved));
        assert_eq!(
            serde_json::to_value(show_item(&resolved).unwrap().changes).unwrap(),
            json!([{ "attribute": "manager", "old": null, "new": uuid::Uuid::max() }])
        );
    }

    #[test]
    fn a_birth_date_is_never_shown() {
        let diff = json!([{ "attribute": "dateOfBirth", "unit": "birthDate", "new": "1990-01-01" }]);
        assert_eq!(show_item(&item(diff)).unwrap().changes, []);
    }
}
