//! The members of a whole company: each is made when asked for, except those that were changed by hand.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::company::Company;
use super::config::MAX_MEMBERS;
use super::record;
use crate::sandbox::error::SandboxError;
use crate::sandbox::who::Who;

/// The people of a company and the changes made to them. Memory grows with the changes, not with the people.
#[derive(Clone, Debug)]
pub(super) struct Population {
    company: Company,
    /// Whole records that were changed or added.
    changed: BTreeMap<u32, Value>,
    /// Records that the list leaves out, and whether they are still answered for by id.
    gone: BTreeMap<u32, bool>,
    /// Ids that came with an added record, and the indices of their records.
    ids: HashMap<String, u32>,
    added: u32,
    /// Departments with another name than at first, by id.
    renamed: BTreeMap<String, String>,
}

impl Population {
    pub(super) fn new(company: Company) -> Self {
        Self {
            company,
            changed: BTreeMap::new(),
            gone: BTreeMap::new(),
            ids: HashMap::new(),
            added: 0,
            renamed: BTreeMap::new(),
        }
    }

    pub(super) fn company(&self) -> &Company {
        &self.company
    }

    /// How many records are kept in memory because they were changed.
    pub(super) fn kept(&self) -> usize {
        self.changed.len()
    }

    /// How many members the list shows, whatever their status.
    pub(super) fn count(&self) -> u32 {
        self.span().saturating_sub(u32::try_from(self.gone.len()).unwrap_or(u32::MAX))
    }

    /// The indices that the list shows, from the first that is at or after `from`.
    pub(super) fn listed_from(&self, from: u32) -> impl Iterator<Item = u32> {
        (from..self.span()).filter(|index| !self.gone.contains_key(index))
    }

    /// The index behind an id that is answered for.
    pub(super) fn shown(&self, id: &str) -> Option<u32> {
        self.find(id).filter(|index| self.gone.get(index).is_none_or(|still_shown| *still_shown))
    }

    /// The whole record of an index below the company's size.
    pub(super) fn record(&self, index: u32) -> Value {
        let made = || record::full(&self.company.draft(index), &self.company);
        let mut full = self.changed.get(&index).cloned().unwrap_or_else(made);
        let renamed = full["department"]["id"].as_str().and_then(|id| self.renamed.get(id));
        if let Some(name) = renamed {
            full["department"]["name"] = json!(name);
        }
        full
    }

    /// Whether a member has left: not active, and with a last day.
    pub(super) fn is_terminated(&self, index: u32) -> bool {
        match self.changed.get(&index) {
            Some(record) => record["active"] == false && record["employment_termination_date"].is_string(),
            None => self.company.is_terminated(index),
        }
    }

    /// `updated_at`, without making the whole record.
    pub(super) fn updated(&self, index: u32) -> String {
        match self.changed.get(&index) {
            Some(record) => record["updated_at"].as_str().unwrap_or_default().to_owned(),
            None => self.company.updated(index),
        }
    }

    pub(super) fn get(&self, who: &Who) -> Result<Value, SandboxError> {
        self.resolve(who).map(|index| self.record(index))
    }

    pub(super) fn id_of(&self, index: u32) -> String {
        let own = self.changed.get(&index).and_then(|record| record["id"].as_str());
        own.map_or_else(|| self.company.member_id(index), str::to_owned)
    }

    /// Ids and names of the departments, as they are now.
    pub(super) fn departments(&self) -> Vec<(String, String)> {
        let now = |(id, name): (String, String)| {
            let name = self.renamed.get(&id).cloned().unwrap_or(name);
            (id, name)
        };
        (0..self.company.departments()).map(|place| now(self.company.department(place))).collect()
    }

    /// Gives a department another name; the members in it follow, and their `updated_at` stays.
    pub(super) fn rename_department(&mut self, id: &str, name: &str) -> Result<(), SandboxError> {
        if !self.departments().iter().any(|(known, _)| known == id) {
            return Err(SandboxError::Refused("no department of this company has that id"));
        }
        self.renamed.insert(id.to_owned(), name.to_owned());
        Ok(())
    }

    /// Changes a record by a merge patch (RFC 7396: null removes the key) and brings it back if it was gone.
    pub(super) fn patch(&mut self, who: &Who, patch: &Value, now: &str) -> Result<Value, SandboxError> {
        let index = self.resolve(who)?;
        let mut full = self.record(index);
        if patch.get("id").is_some_and(|other| *other != full["id"]) {
            return Err(SandboxError::Refused("the id of a member never changes"));
        }
        self.write(index, &mut full, patch, now)?;
        Ok(full)
    }

    /// Adds a member: an active employee with `patch` merged in. A given `id` is kept.
    pub(super) fn add(&mut self, patch: &Value, now: &str) -> Result<Value, SandboxError> {
        let index = self.span();
        if index >= 2 * MAX_MEMBERS {
            return Err(SandboxError::Refused("the company is full"));
        }
        let mut full = record::full(&self.company.draft(index), &self.company);
        full["created_at"] = json!(now);
        let given = match patch.get("id") {
            None => None,
            Some(Value::String(id)) if self.find(id).is_none() && is_id(id) => Some(id.clone()),
            Some(_) => {
                return Err(SandboxError::Refused("an id is letters, digits, _ or -, and no other member has it"));
            }
        };
        self.write(index, &mut full, patch, now)?;
        if let Some(id) = given {
            self.ids.insert(id, index);
        }
        self.added += 1;
        Ok(full)
    }

    /// Takes a member out of the list; by id only an answer if `still_shown`.
    pub(super) fn remove(&mut self, who: &Who, still_shown: bool) -> Result<(), SandboxError> {
        let index = self.resolve(who)?;
        self.gone.insert(index, still_shown);
        Ok(())
    }

    /// Sets the last day of a member, everywhere in the record; `active` states whether it is still ahead.
    pub(super) fn terminate(
        &mut self,
        who: &Who,
        last_day: &str,
        active: bool,
        now: &str,
    ) -> Result<Value, SandboxError> {
        let index = self.resolve(who)?;
        let full = self.record(index);
        let mut patch = json!({"active": active, "employment_termination_date": last_day});
        if let Some(countries) = full["current_employment"].as_object() {
            let ends: Map<_, _> =
                countries.keys().map(|country| (country.clone(), json!({"end_date": last_day}))).collect();
            patch["current_employment"] = Value::Object(ends);
        }
        self.patch(who, &patch, now)
    }

    fn write(&mut self, index: u32, full: &mut Value, patch: &Value, now: &str) -> Result<(), SandboxError> {
        if !patch.is_object() {
            return Err(SandboxError::Refused("a change is a JSON object"));
        }
        let before = full.clone();
        merge(full, patch);
        let is_new = index >= self.span();
        if patch.get("updated_at").is_none() && (is_new || *full != before) {
            full["updated_at"] = json!(now);
        }
        self.gone.remove(&index);
        self.changed.insert(index, full.clone());
        Ok(())
    }

    fn resolve(&self, who: &Who) -> Result<u32, SandboxError> {
        let index = match who {
            Who::Index(index) => Some(*index).filter(|index| *index < self.span()),
            Who::Id(id) => self.find(id),
        };
        index.ok_or(SandboxError::NoSuchMember)
    }

    /// The index behind an id, also that of a person who was removed.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        let made = || self.company.index_of(id).filter(|index| *index < self.span());
        let index = self.ids.get(id).copied().or_else(made)?;
        (self.id_of(index) == id).then_some(index)
    }

    /// One past the last index.
    fn span(&self) -> u32 {
        self.company.members() + self.added
    }
}

/// Whether a text can be used in a path unchanged.
fn is_id(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 64
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// RFC 7396.
fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        value.clone_from(patch);
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Some(object) = value.as_object_mut() {
        for (key, change) in patch {
            if change.is_null() {
                object.remove(key);
            } else {
                merge(object.entry(key.clone()).or_insert(Value::Null), change);
            }
        }
    }
}
