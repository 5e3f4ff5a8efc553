//! Writes people as one caller sees them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::ReadAccess;
use crate::directory::ids::PersonId;
use crate::http::error::ScimFailure;
use crate::http::state::State;
use crate::render::user::{InGroup, ManagerShown, Slots, write};
use crate::render::version;
use crate::scim::error::ScimError;
use crate::scim::projection::Projection;
use crate::scim::schema::{ResourceType, WORKER_URN};
use crate::store::db::pool::Connection;
use crate::store::people::superiors::{Superior, superiors};
use crate::store::people::{self, PersonDocument};

/// Attributes of the worker extension that are answered on request only, and read then.
const DATE_OF_BIRTH: &str = "dateOfBirth";
const BIRTHDAY: &str = "birthday";
pub(super) const MANAGER_CHAIN: &str = "managerChain";

/// Writes people; what is answered on request only has been read.
pub(super) struct PeopleWriter<'a> {
    base_url: &'a str,
    external_id_from_source: bool,
    projection: &'a Projection,
    /// The attributes that this caller gets by default.
    by_default: Projection,
    birth_dates: BTreeMap<Uuid, String>,
    superiors: BTreeMap<Uuid, Vec<Superior>>,
}

impl<'a> PeopleWriter<'a> {
    /// For these people. A read of sensitive attributes is recorded in the audit.
    pub(super) async fn of(
        access: &ReadAccess,
        state: &'a State,
        projection: &'a Projection,
        people: &[PersonDocument],
        conn: &mut Connection,
    ) -> Result<Self, ScimFailure> {
        let by_default = Projection::all(ResourceType::User.shape(), &access.release.hidden);
        let mut writer = Self {
            base_url: state.scim_base(),
            external_id_from_source: access.caller.external_id_from_source,
            projection,
            by_default,
            birth_dates: BTreeMap::new(),
            superiors: BTreeMap::new(),
        };
        let asks = |name: &str| projection.returns(&format!("{WORKER_URN}:{name}"));
        let ids: Vec<Uuid> = people.iter().map(|person| person.id).collect();
        let sensitive: Vec<String> =
            [DATE_OF_BIRTH, BIRTHDAY].into_iter().filter(|name| asks(name)).map(str::to_owned).collect();
        if !sensitive.is_empty() {
            let target = match ids.as_slice() {
                [one] => format!("person {one}"),
                _ => "people".to_owned(),
            };
            access.record(state, conn, &sensitive, target, ids.len()).await?;
            writer.birth_dates = people::birth_dates(conn, &ids).await?.into_iter().collect();
        }
        if asks(MANAGER_CHAIN) {
            for superior in superiors(conn, &ids, &access.visibility).await? {
                writer.superiors.entry(superior.person).or_default().push(superior);
            }
        }
        Ok(writer)
    }

    /// Appends a person, and returns the version.
    pub(super) fn append(&self, person: &PersonDocument, out: &mut String) -> Result<String, ScimFailure> {
        let groups: Vec<InGroup<'_>> = person.groups.iter().filter_map(|group| InGroup::of(group)).collect();
        let slots = Slots {
            base_url: self.base_url,
            external_id: person.source_worker_id.as_deref().filter(|_| self.external_id_from_source),
            manager: person.manager.as_ref().map(|manager| ManagerShown {
                id: PersonId(manager.id),
                display_name: manager.display_name.as_deref(),
                email: Some(&manager.user_name),
                employee_number: manager.employee_number.as_deref(),
            }),
            groups: &groups,
            versioned: true,
        };
        if self.projection.is_default() {
            return Ok(write(&person.document, &slots, out).unwrap_or_default());
        }
        let mut whole = String::new();
        let mut tag = write(&person.document, &slots, &mut whole).unwrap_or_default();
        let mut resource: Map<String, Value> = serde_json::from_str(&whole).map_err(|error| {
            tracing::error!(person.id = %person.id, "a kept document is no JSON: {error}");
            ScimError::internal()
        })?;
        if self.projection.is_whole() {
            self.by_default.apply(&mut resource);
            return Ok(version::append_with(resource, "", out));
        }
        if !self.by_default.is_default() {
            let mut shown = resource.clone();
            self.by_default.apply(&mut shown);
            tag = version::of_resource(&shown, "");
            set_version(&mut resource, &tag);
        }
        self.add(person.id, &mut resource);
        self.projection.apply(&mut resource);
        out.push_str(&Value::Object(resource).to_string());
        Ok(tag)
    }

    /// Adds what is answered on request only. What is not asked for, or hidden, is taken out with the projection.
    fn add(&self, person: Uuid, resource: &mut Map<String, Value>) {
        let Some(worker) = resource.get_mut(WORKER_URN).and_then(Value::as_object_mut) else { return };
        if let Some(day) = self.birth_dates.get(&person) {
            worker.insert(DATE_OF_BIRTH.to_owned(), day.as_str().into());
            // xsd:gMonthDay, also of those who were born on a 29 February (extension.md section 3).
            if let Some(month_and_day) = day.get(5..) {
                worker.insert(BIRTHDAY.to_owned(), format!("--{month_and_day}").into());
            }
        }
        if let Some(superiors) = self.superiors.get(&person) {
            let chain: Vec<Value> = superiors.iter().map(|superior| self.superior(superior)).collect();
            worker.insert(MANAGER_CHAIN.to_owned(), chain.into());
        }
    }

    fn superior(&self, superior: &Superior) -> Value {
        let mut shown = json!({
            "value": superior.id,
            "$ref": format!("{}/Users/{}", self.base_url, superior.id),
            "level": superior.level,
        });
        if let Some(name) = &superior.display_name {
            shown["display"] = name.as_str().into();
        }
        shown
    }
}

/// Puts a version into a resource that shows `meta`.
pub(super) fn set_version(resource: &mut Map<String, Value>, version: &str) {
    if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
        meta.insert("version".to_owned(), version.into());
    }
}
