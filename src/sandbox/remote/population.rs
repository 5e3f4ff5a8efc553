//! Remote's records of a whole company: each is made when asked for, except those that were changed by hand.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::company::Company;
use super::record;
use crate::sandbox::error::SandboxError;
use crate::sandbox::who::Who;

/// The people of a company and the changes made to them. Memory grows with the changes, not with the people.
#[derive(Clone, Debug)]
pub(super) struct Population {
    company: Company,
    /// Whole records that were changed or added.
    changed: BTreeMap<u32, Value>,
    /// Records that the lists leave out, and whether *show* still answers for them.
    gone: BTreeMap<u32, bool>,
    /// Ids that came with an added record, and the indices of their records.
    ids: HashMap<String, u32>,
    added: u32,
    /// Offboardings that were changed: `None` hides one, otherwise a merge patch of the v1 row.
    pub(super) offboardings: BTreeMap<u32, Option<Value>>,
}

impl Population {
    pub(super) fn new(company: Company) -> Self {
        Self {
            company,
            changed: BTreeMap::new(),
            gone: BTreeMap::new(),
            ids: HashMap::new(),
            added: 0,
            offboardings: BTreeMap::new(),
        }
    }

    pub(super) fn company(&self) -> &Company {
        &self.company
    }

    /// How many records are kept in memory because they were changed.
    pub(super) fn kept(&self) -> usize {
        self.changed.len()
    }

    /// How many employments the lists show.
    pub(super) fn count(&self) -> u32 {
        self.span().saturating_sub(u32::try_from(self.gone.len()).unwrap_or(u32::MAX))
    }

    /// The indices that the lists show, from the first that is at or after `from`.
    pub(super) fn listed_from(&self, from: u32) -> impl Iterator<Item = u32> {
        (from..self.span()).filter(|index| !self.gone.contains_key(index))
    }

    /// The index at `offset` of the lists.
    pub(super) fn at(&self, offset: u64) -> Option<u32> {
        let mut index = u32::try_from(offset).ok()?;
        for gone in self.gone.keys() {
            if *gone <= index {
                index = index.checked_add(1)?;
            }
        }
        (index < self.span()).then_some(index)
    }

    /// The index behind an id that *show* answers for.
    pub(super) fn shown(&self, id: &str) -> Option<u32> {
        self.find(id).filter(|index| self.gone.get(index).is_none_or(|still_shown| *still_shown))
    }

    /// The full record of an index below the company's size.
    pub(super) fn record(&self, index: u32) -> Value {
        let mut full = match self.changed.get(&index) {
            Some(changed) => return changed.clone(),
            None => record::full(&self.company.draft(index), &self.company),
        };
        // Remote's data about a manager follows the manager's record.
        let boss = full["manager_employment_id"].as_str().and_then(|id| self.find(id));
        if let Some(boss) = boss.and_then(|boss| self.changed.get(&boss)) {
            full["manager"] = boss["full_name"].clone();
            full["manager_email"] = boss["work_email"].clone();
        }
        full
    }

    /// The record that was changed by hand, if it was.
    pub(super) fn changed(&self, index: u32) -> Option<&Value> {
        self.changed.get(&index)
    }

    /// The record as *show* has it.
    pub(super) fn get(&self, who: &Who) -> Result<Value, SandboxError> {
        self.resolve(who).map(|index| self.record(index))
    }

    pub(super) fn id_of(&self, index: u32) -> String {
        let own = self.changed.get(&index).and_then(|record| record["id"].as_str());
        own.map_or_else(|| self.company.employment_id(index), str::to_owned)
    }

    /// Changes a record by a merge patch (RFC 7396, but null sets null: a record keeps all its keys) and brings it back
    /// if it was gone. With the status `deleted` it leaves the lists.
    pub(super) fn patch(&mut self, who: &Who, patch: &Value, now: &str) -> Result<Value, SandboxError> {
        let index = self.resolve(who)?;
        let mut full = self.record(index);
        let id = full["id"].clone();
        if patch.get("id").is_some_and(|other| *other != id) {
            return Err(SandboxError::Refused("the id of an employment never changes"));
        }
        self.write(index, &mut full, patch, now)?;
        Ok(full)
    }

    /// Adds an employment: an active direct employee with `patch` merged in. A given `id` is kept.
    pub(super) fn add(&mut self, patch: &Value, now: &str) -> Result<Value, SandboxError> {
        let index = self.span();
        if index >= 2 * super::config::MAX_WORKERS {
            return Err(SandboxError::Refused("the company is full"));
        }
        let mut full = record::full(&self.company.draft(index), &self.company);
        let given = match patch.get("id") {
            None => None,
            Some(Value::String(id)) if self.find(id).is_none() && is_uuid(id) => Some(id.to_ascii_lowercase()),
            Some(_) => return Err(SandboxError::Refused("an id has to be a UUID that no other employment has")),
        };
        self.write(index, &mut full, patch, now)?;
        if let Some(id) = given {
            self.ids.insert(id, index);
        }
        self.added += 1;
        Ok(full)
    }

    /// Takes an employment out of the lists; *show* answers for it only if `still_shown`.
    pub(super) fn remove(&mut self, who: &Who, still_shown: bool) -> Result<(), SandboxError> {
        let index = self.resolve(who)?;
        self.gone.insert(index, still_shown);
        Ok(())
    }

    /// Changes the data of an employment's offboarding (a merge patch of the v1 row), or hides it (`None`).
    pub(super) fn set_offboarding(&mut self, who: &Who, patch: Option<Value>) -> Result<(), SandboxError> {
        let index = self.resolve(who)?;
        if let (Some(Some(kept)), Some(patch)) = (self.offboardings.get_mut(&index), &patch) {
            merge(kept, patch);
            return Ok(());
        }
        self.offboardings.insert(index, patch);
        Ok(())
    }

    fn write(&mut self, index: u32, full: &mut Value, patch: &Value, now: &str) -> Result<(), SandboxError> {
        if !patch.is_object() {
            return Err(SandboxError::Refused("a change is a JSON object"));
        }
        full["updated_at"] = json!(now);
        merge(full, patch);
        if full["status"] == "deleted" {
            self.gone.insert(index, true);
        } else {
            self.gone.remove(&index);
        }
        self.changed.insert(index, full.clone());
        Ok(())
    }

    fn resolve(&self, who: &Who) -> Result<u32, SandboxError> {
        let index = match who {
            Who::Index(index) => Some(*index).filter(|index| *index < self.span()),
            Who::Id(id) => self.find(id),
        };
        index.ok_or(SandboxError::NoSuchEmployment)
    }

    fn find(&self, id: &str) -> Option<u32> {
        let made = || self.company.index_of(id).filter(|index| *index < self.span());
        let index = self.ids.get(&id.to_ascii_lowercase()).copied().or_else(made)?;
        self.id_of(index).eq_ignore_ascii_case(id).then_some(index)
    }

    /// One past the last index.
    pub(super) fn span(&self) -> u32 {
        self.company.workers() + self.added
    }
}

pub(super) fn is_uuid(word: &str) -> bool {
    let groups: Vec<_> = word.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// RFC 7396, except that null is set instead of removing the key.
pub(super) fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        value.clone_from(patch);
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Some(object) = value.as_object_mut() {
        for (key, change) in patch {
            merge(object.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}
