//! Plans: what would be, or was, done to whom.

use actix_web::{HttpRequest, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cursor::{Mark, page};
use super::parameters::Parameters;
use super::{Answer, id, ok};
use crate::directory::person::Person;
use crate::directory::person::diff::is_sensitive;
use crate::directory::plan::ValueChange;
use crate::flows::context::Context;
use crate::flows::error::FlowError;
use crate::http::auth::{AdminRead, Caller};
use crate::render::user::display_name;
use crate::store;
use crate::store::runs::plans::{ItemRow, ManagerState};

/// GET /plans/{id}
pub(super) async fn show(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
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
    // What a tried-out map would do rests on another map than the connection's.
    let is_trial = plan.run_id.is_none() && plan.cause == "mapping";
    Ok(ok(&json!({
        "id": plan.id,
        "connectionId": plan.connection_id,
        "runId": plan.run_id,
        "cause": plan.cause,
        "state": plan.state,
        "createdAt": plan.created_at,
        "appliedAt": plan.applied_at,
        "counts": counts,
        "stale": moved_on.is_some(),
        "staleSince": moved_on,
        "valueMap": connection.filter(|_| !is_trial).map(|connection| connection.mapping),
    })))
}

/// GET /plans/{id}/changes
pub(super) async fn changes(_: Caller<AdminRead>, request: HttpRequest, context: web::Data<Context>) -> Answer {
    let mut parameters = Parameters::read(&request, &["limit", "cursor"])?;
    let limit = parameters.limit();
    let mut after = parameters.cursor(|mark| mark.number().and_then(|number| i32::try_from(number).ok()))?.unwrap_or(0);
    parameters.finish()?;
    let id = id(&request, "id", "plan")?;
    let mut conn = context.db.get().await?;
    if store::runs::plans::find(&mut conn, id).await?.is_none() {
        return Err(FlowError::not_found("plan", id).into());
    }
    // Some items only keep books (a zone, a due instant) and change nothing that anybody sees.
    let mut seen = Vec::new();
    while i64::try_from(seen.len()).unwrap_or(i64::MAX) <= limit {
        let part = store::runs::plans::items(&mut conn, id, after, limit + 1).await?;
        let Some(last) = part.last() else { break };
        after = last.seq;
        seen.extend(part.into_iter().filter(is_seen));
    }
    Ok(page(seen, limit, |item| Mark::Number(item.seq.into()), show_item))
}

fn manager_after(item: &ItemRow) -> Option<uuid::Uuid> {
    item.manager_target.filter(|_| item.manager_state == ManagerState::Person)
}

fn is_seen(item: &ItemRow) -> bool {
    item.base_version.is_none()
        || item.manager_before != manager_after(item)
        || item.diff.as_array().is_some_and(|diff| !diff.is_empty())
}

fn show_item(item: &ItemRow) -> Value {
    let diff: Vec<ValueChange> = serde_json::from_value(item.diff.clone()).unwrap_or_default();
    let mut changes: Vec<Value> = diff
        .iter()
        .filter(|change| !is_sensitive(&change.attribute) && change.attribute != "manager")
        .map(|change| json!({ "attribute": change.attribute, "old": change.old, "new": change.new }))
        .collect();
    if item.manager_before != manager_after(item) {
        changes.push(json!({ "attribute": "manager", "old": item.manager_before, "new": manager_after(item) }));
    }
    let is_new = item.base_version.is_none();
    let person: Option<Person> = Person::deserialize(&item.target).ok();
    json!({
        "personId": item.person_id,
        "kind": if is_new { "create" } else { "update" },
        "state": item.state,
        "event": item.event,
        "effectiveAt": item.effective_at,
        "leaver": item.leaver,
        "displayName": person.as_ref().map(display_name),
        "userName": person.as_ref().map(|person| person.work_email.as_str()),
        "person": person.filter(|_| is_new).map(|person| newcomer(&person, item)),
        "changes": changes,
    })
}

/// What a person who would come into being is like.
fn newcomer(person: &Person, item: &ItemRow) -> Value {
    let employment = &person.employment;
    let attributes: serde_json::Map<String, Value> = person
        .attributes
        .iter()
        .filter(|(name, _)| !is_sensitive(name))
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    json!({
        "userName": person.work_email.as_str(),
        "displayName": display_name(person),
        "active": person.active,
        "employmentType": employment.employment_type.as_str(),
        "workerType": employment.worker_type,
        "employmentStatus": employment.status.as_str(),
        "startDate": employment.start,
        "terminationDate": employment.last_day,
        "managerId": manager_after(item),
        "sourceId": person.source.source_id,
        "attributes": attributes,
    })
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
            show_item(&resolved)["changes"],
            json!([{ "attribute": "manager", "old": null, "new": uuid::Uuid::max() }])
        );
    }

    #[test]
    fn a_birth_date_is_never_shown() {
        let diff = json!([{ "attribute": "dateOfBirth", "unit": "birthDate", "new": "1990-01-01" }]);
        assert_eq!(show_item(&item(diff))["changes"], json!([]));
    }
}
