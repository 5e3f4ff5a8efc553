//! What people show of their manager: the work email and the employee number are values of their own document
//! (`managerEmail`, `managerEmployeeNumber`), so that a change of the manager changes them too.
//!
//! The name of the manager is not among them: as `manager.displayName` and in `managerChain` it is another resource's
//! name, and changes the version of the document alone, like the names of groups.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Cause;
use super::policy_match::PolicyFilters;
use crate::directory::attribute::Unit;
use crate::directory::event::EventKind;
use crate::directory::plan::ValueChange;
use crate::flows::error::FlowError;
use crate::render::user;
use crate::store;
use crate::store::changes::NewChange;
use crate::store::people::write::{Locked, PersonWrite};

/// What others show of a person has changed.
pub(crate) struct Contact {
    manager: Uuid,
    email: [String; 2],
    employee_number: [Option<String>; 2],
}

impl Contact {
    /// `None` if those who report to the person show the same as before.
    pub(crate) fn of(before: &Locked, after: &PersonWrite) -> Option<Self> {
        let email = [&before.user_name, &after.user_name].map(|address| user::shown_email(address).into_owned());
        let number = |number: &Option<String>| number.clone().filter(|number| !number.is_empty());
        let employee_number = [number(&before.employee_number), number(&after.employee_number)];
        let is_other = email[0] != email[1] || employee_number[0] != employee_number[1];
        is_other.then_some(Self { manager: after.id, email, employee_number })
    }

    /// As the change log keeps it. It contains the manager unchanged: who does not see the manager sees nothing of it.
    fn diff(&self) -> Result<Value, FlowError> {
        let change = |attribute: &str, old: Option<Value>, new: Option<Value>| ValueChange {
            attribute: attribute.to_owned(),
            unit: Unit::named(Unit::MANAGER),
            old,
            new,
        };
        let manager = Some(json!(self.manager));
        let mut changes = vec![change(Unit::MANAGER, manager.clone(), manager)];
        let [old, new] = &self.email;
        if old != new {
            changes.push(change("managerEmail", Some(json!(old)), Some(json!(new))));
        }
        let [old, new] = &self.employee_number;
        if old != new {
            let value = |number: &Option<String>| number.as_ref().map(|number| json!(number));
            changes.push(change("managerEmployeeNumber", value(old), value(new)));
        }
        serde_json::to_value(changes).map_err(|error| FlowError::corrupt("change", &error))
    }
}

/// Writes into the log, and into the documents as `meta.lastModified`, that those who report to these managers show
/// something else now. `told` are people whose change of manager is already logged in this transaction.
///
/// The versions of the rows stay: nothing that a plan rests on has changed.
pub(crate) async fn follow(
    conn: &mut AsyncPgConnection,
    policy_filters: &PolicyFilters,
    contacts: &[Contact],
    told: &BTreeSet<Uuid>,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), FlowError> {
    let managers: Vec<Uuid> = contacts.iter().map(|contact| contact.manager).collect();
    if managers.is_empty() {
        return Ok(());
    }
    let mut reports = store::people::write::reports(conn, &managers).await?;
    reports.retain(|report| !told.contains(&report.id));
    if reports.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = reports.iter().map(|report| report.id).collect();
    let documents: Vec<String> = reports.iter().map(|report| user::modified(&report.document, now)).collect();
    let keys: Vec<Value> = documents
        .iter()
        .map(|document| user::keys(document))
        .collect::<Result<_, _>>()
        .map_err(|error| FlowError::corrupt("document", &error))?;
    // No filter of a policy asks for what changes: who was inside stays inside.
    let matches = policy_filters.matches(conn, &ids).await?;
    store::people::write::modify(conn, &ids, &documents, &keys, now).await?;
    let mut changes = Vec::with_capacity(reports.len());
    for report in &reports {
        let Some(contact) = contacts.iter().find(|contact| contact.manager == report.manager) else { continue };
        changes.push(NewChange {
            at: now,
            kind: EventKind::PersonUpdated.as_str().to_owned(),
            person_id: Some(report.id),
            person_version: report.version,
            cause: cause.kind.into(),
            run_id: cause.run,
            token_name: cause.token_name.clone(),
            reason: cause.reason.clone(),
            diff: contact.diff()?,
            position: report.position,
            ..NewChange::default()
        });
    }
    policy_filters.record_on(conn, &mut changes, &matches).await?;
    store::changes::append(conn, &changes).await?;
    Ok(())
}
