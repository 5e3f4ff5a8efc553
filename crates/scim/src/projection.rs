//! Which attributes an answer has: `attributes`, `excludedAttributes`, `returned`, and what the caller may not see
//!
//!
//! A projection is made once for a request and applied to each resource of the answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::error::ScimError;
use super::path::AttrPath;
use super::schema::{Attribute, Hidden, Resolved, Returned, Schema, Shape};

/// The part of a resource that is in the answer.
#[derive(Clone, Debug)]
pub struct Projection {
    shape: &'static Shape,
    hidden: Hidden,
    selection: Selection,
    is_default: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Selection {
    All,
    /// `attributes`
    Only(Named),
    /// `excludedAttributes`
    Except(Named),
}

/// The named attributes, by schema and name in the schema's spelling: at most the whole schema, however many names
/// came.
type Named = BTreeMap<&'static str, BTreeMap<&'static str, Picked>>;

#[derive(Clone, Debug, PartialEq)]
enum Picked {
    Whole,
    Subs(BTreeSet<&'static str>),
}

impl Projection {
    /// The request has no projection: the answer has what is returned by default.
    #[must_use]
    pub fn all(shape: &'static Shape, hidden: &Hidden) -> Self {
        Self::of(shape, hidden, Selection::All)
    }

    /// The projection of a request, from `attributes` and `excludedAttributes` as sent (comma-separated; empty counts
    /// as absent, R-012). Unknown and hidden names are ignored.
    ///
    /// Both together are 400 `invalidValue`; a value filter in a path is 400 `invalidPath`.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        shape: &'static Shape,
        hidden: &Hidden,
    ) -> Result<Self, ScimError> {
        let given = |text: Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        let selection = match (given(attributes), given(excluded)) {
            (true, true) => {
                return Err(ScimError::invalid_value("attributes and excludedAttributes exclude each other"));
            }
            (true, false) => Selection::Only(named("attributes", attributes.unwrap_or_default(), shape, hidden)?),
            (false, true) => {
                Selection::Except(named("excludedAttributes", excluded.unwrap_or_default(), shape, hidden)?)
            }
            (false, false) => Selection::All,
        };
        Ok(Self::of(shape, hidden, selection))
    }

    fn of(shape: &'static Shape, hidden: &Hidden, selection: Selection) -> Self {
        let is_default = selection == Selection::All
            && !hidden
                .attributes_of(shape)
                .any(|attribute| matches!(attribute.returned, Returned::Always | Returned::Default));
        Self { shape, hidden: hidden.clone(), selection, is_default }
    }

    /// Whether the answer is just what everyone gets by default: a document that was rendered so can go out as it is.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.is_default
    }

    /// Whether the request names no attributes: the answer has all that this caller gets by default.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.selection == Selection::All
    }

    /// Whether the answer may have what no caller gets by default (`returned` is `request`): the version, which is that
    /// of an answer without parameters, then reveals nothing of it.
    #[must_use]
    pub fn is_beyond_the_version(&self) -> bool {
        let mut all = self.shape.attributes();
        all.any(|found| found.attribute.returned == Returned::Request && self.keeps(found.schema, found.attribute))
    }

    /// Whether any part of an attribute would be in the answer if the resource has it. What no caller sees need not be
    /// loaded. The path is spelled as in a filter: `groups`, `urn:…:User:manager`. Unknown ones are not.
    #[must_use]
    pub fn returns(&self, path: &str) -> bool {
        let Some(found) = AttrPath::parse(path).ok().and_then(|path| self.shape.resolve(&path, &self.hidden)) else {
            return false;
        };
        self.keeps(found.schema, found.attribute)
            && match found.sub {
                Some(sub) => self.keeps_sub(found.schema, found.attribute, sub),
                None => true,
            }
    }

    /// Keeps in the resource only what the answer has. `schemas` then names the base and the extensions that are left
    /// . What no schema knows is removed.
    pub fn apply(&self, resource: &mut Map<String, Value>) {
        resource.retain(|name, value| match self.shape.extension(name) {
            Some(extension) => self.keep_members(extension, value),
            None => self.keep_member(self.shape.base(), name, value),
        });
        let gone = |urn: &str| self.shape.extension(urn).is_some_and(|schema| !resource.contains_key(&schema.id));
        let left: Option<Vec<Value>> = resource
            .get("schemas")
            .and_then(Value::as_array)
            .map(|urns| urns.iter().filter(|urn| !urn.as_str().is_some_and(gone)).cloned().collect());
        if let Some(left) = left {
            resource.insert("schemas".to_owned(), left.into());
        }
    }

    /// Whether anything is left of an extension's object.
    fn keep_members(&self, schema: &'static Schema, value: &mut Value) -> bool {
        let Some(members) = value.as_object_mut() else { return false };
        members.retain(|name, value| self.keep_member(schema, name, value));
        !members.is_empty()
    }

    /// Whether an attribute stays, after the parts that do not belong there were removed from it.
    fn keep_member(&self, schema: &'static Schema, name: &str, value: &mut Value) -> bool {
        let Some(attribute) = self.shape.attribute_of(schema, name) else { return false };
        if !self.keeps(schema, attribute) {
            return false;
        }
        if attribute.sub_attributes.is_empty() {
            return true;
        }
        let keep_subs = |element: &mut Value| {
            let Some(members) = element.as_object_mut() else { return true };
            members.retain(|name, _| {
                attribute.sub_attribute(name).is_some_and(|sub| self.keeps_sub(schema, attribute, sub))
            });
            !members.is_empty()
        };
        match value {
            // An array that was empty from the start stays: an empty group shows `members: []`.
            Value::Array(elements) if elements.is_empty() => true,
            Value::Array(elements) => {
                elements.retain_mut(keep_subs);
                !elements.is_empty()
            }
            single => keep_subs(single),
        }
    }

    fn keeps(&self, schema: &Schema, attribute: &Attribute) -> bool {
        if self.hidden.hides(&schema.id, &attribute.name) {
            return false;
        }
        let picked = |named: &Named| named.get(schema.id.as_str())?.get(attribute.name.as_str()).cloned();
        match (attribute.returned, &self.selection) {
            (Returned::Always, _) | (Returned::Default, Selection::All) => true,
            (Returned::Never, _) | (Returned::Request, Selection::All | Selection::Except(_)) => false,
            (Returned::Default, Selection::Except(named)) => picked(named) != Some(Picked::Whole),
            (Returned::Default | Returned::Request, Selection::Only(named)) => picked(named).is_some(),
        }
    }

    /// Of an attribute that is kept.
    fn keeps_sub(&self, schema: &Schema, attribute: &Attribute, sub: &Attribute) -> bool {
        if self.hidden.hides_part(&schema.id, &attribute.name, &sub.name) {
            return false;
        }
        let picked = |named: &'_ Named| match named.get(schema.id.as_str())?.get(attribute.name.as_str())? {
            Picked::Whole => Some(true),
            Picked::Subs(subs) => Some(subs.contains(sub.name.as_str())),
        };
        match (sub.returned, &self.selection) {
            (Returned::Always, _) => true,
            (Returned::Never, _) => false,
            // Naming a complex attribute names all of it; one that is returned always is whole unless named.
            (returned, Selection::Only(named)) => picked(named).unwrap_or(returned == Returned::Default),
            (returned, Selection::Except(named)) => returned == Returned::Default && picked(named) != Some(true),
            (returned, Selection::All) => returned == Returned::Default,
        }
    }
}

fn named(parameter: &str, text: &str, shape: &'static Shape, hidden: &Hidden) -> Result<Named, ScimError> {
    if text.contains(['[', ']']) {
        return Err(ScimError::invalid_path(format!("{parameter} takes attribute paths without value filters")));
    }
    let mut named = Named::new();
    for name in text.split(',').map(str::trim) {
        // Clients that join a URN and an empty name leave a colon behind it.
        if let Some(schema) = shape.schema(name.strip_suffix(':').unwrap_or(name)) {
            let whole = schema.attributes.iter().map(|attribute| (attribute.name.as_str(), Picked::Whole));
            named.entry(&schema.id).or_default().extend(whole);
        } else if let Some(found) = AttrPath::parse(name).ok().and_then(|path| shape.resolve(&path, hidden)) {
            pick(&mut named, found);
        }
    }
    Ok(named)
}

fn pick(named: &mut Named, found: Resolved) {
    let attributes = named.entry(&found.schema.id).or_default();
    match found.sub {
        None => {
            attributes.insert(&found.attribute.name, Picked::Whole);
        }
        Some(sub) => {
            let picked = attributes.entry(&found.attribute.name).or_insert_with(|| Picked::Subs(BTreeSet::new()));
            if let Picked::Subs(subs) = picked {
                subs.insert(&sub.name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
