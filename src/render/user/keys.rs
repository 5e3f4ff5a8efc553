//! Prepares the values of a User that filters compare, in a form that the store can index.
//!
//! The keys have the shape of the document: extensions in objects under their URNs, multi-valued attributes as arrays,
//! unassigned values left out. Each text is prepared as comparisons want it, so that two values are
//! equal to a filter if and only if their keys are equal bytes, and sort as their keys do. Instants are printed alike,
//! so that their order is that of their texts. What is a slot, or a column of its own, is not among them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::slots::shown_email;
use super::{Slots, write};
use crate::scim::filter::eval::is_assigned;
use crate::scim::schema::{Attribute, Resolved, ResourceType, Type};
use crate::scim::text::{fold_case, parse_date_time, print_date_time};

/// Of all emails the values, in one array: what indexes are made of.
const EMAILS: &str = "~emails";
/// The address that others show of a person who is their manager.
const EMAIL: &str = "~email";
/// When the document changed last: other keys for any other document, so that stale ones can be recognised.
const OF: &str = "~of";

/// The keys of a document.
///
/// # Errors
/// The text is no document: it is no JSON once its slots are filled.
pub fn keys(document: &str) -> serde_json::Result<Value> {
    let mut whole = String::with_capacity(document.len());
    write(document, &Slots::default(), &mut whole);
    let user: Map<String, Value> = serde_json::from_str(&whole)?;
    let mut keys = Map::new();
    for attribute in ResourceType::User.shape().attributes() {
        let name = &attribute.attribute.name;
        if !attribute.is_in_extension() && ["schemas", "id", "active", "meta"].contains(&name.as_str()) {
            continue;
        }
        let within = if attribute.is_in_extension() { user.get(&attribute.schema.id) } else { None };
        let value = if attribute.is_in_extension() { within.and_then(|all| all.get(name)) } else { user.get(name) };
        let Some(key) = value.and_then(|value| of_attribute(attribute, value)) else { continue };
        if !attribute.is_in_extension() {
            keys.insert(name.clone(), key);
        } else if let Value::Object(all) =
            keys.entry(attribute.schema.id.as_str()).or_insert_with(|| Value::Object(Map::new()))
        {
            all.insert(name.clone(), key);
        }
    }
    let emails: Vec<Value> = match keys.get("emails") {
        Some(Value::Array(emails)) => emails.iter().filter_map(|email| email.get("value").cloned()).collect(),
        _ => Vec::new(),
    };
    if !emails.is_empty() {
        keys.insert(EMAILS.to_owned(), Value::Array(emails));
    }
    if let Some(address) = user.get("userName").and_then(Value::as_str) {
        keys.insert(EMAIL.to_owned(), fold_case(&shown_email(address)).into());
    }
    if let Some(modified) = user.get("meta").and_then(|meta| meta.get("lastModified")) {
        keys.insert(OF.to_owned(), modified.clone());
    }
    Ok(Value::Object(keys))
}

fn of_attribute(attribute: Resolved, value: &Value) -> Option<Value> {
    let of_element = |value: &Value| match attribute.attribute.kind {
        Type::Complex => {
            let subs = attribute.attribute.sub_attributes.iter();
            let of_sub = |sub: &'static Attribute| {
                Some((sub.name.clone(), of_simple(attribute.with_sub(Some(sub)), value.get(&sub.name)?)?))
            };
            let found: Map<String, Value> = subs.filter_map(of_sub).collect();
            (!found.is_empty()).then_some(Value::Object(found))
        }
        _ => of_simple(attribute, value),
    };
    if !attribute.attribute.multi_valued {
        return of_element(value);
    }
    let elements = match value {
        Value::Array(elements) => Cow::Borrowed(elements),
        one => Cow::Owned(vec![one.clone()]),
    };
    let found: Vec<Value> = elements.iter().filter_map(of_element).collect();
    (!found.is_empty()).then_some(Value::Array(found))
}

fn of_simple(attribute: Resolved, value: &Value) -> Option<Value> {
    if !is_assigned(value) {
        return None;
    }
    match (attribute.definition().kind, value) {
        (Type::Boolean, Value::Bool(_)) | (Type::Integer | Type::Decimal, Value::Number(_)) => Some(value.clone()),
        (Type::DateTime, Value::String(text)) => parse_date_time(text).map(|instant| print_date_time(instant).into()),
        (Type::String | Type::Reference | Type::Binary, Value::String(text)) => {
            Some(attribute.preparation().key(text).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use serde_json::json;
    use uuid::Uuid;

    use super::super::document;
    use super::super::tests::full_person;
    use super::*;
    use crate::directory::attribute::name;
    use crate::directory::ids::PersonId;
    use crate::scim::schema::{ENTERPRISE_URN, WORKER_URN};

    fn keys_of(change: impl FnOnce(&mut crate::directory::person::Person)) -> Value {
        let mut person = full_person();
        change(&mut person);
        let at: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
        keys(&document(PersonId(Uuid::nil()), &person, at, at)).unwrap()
    }

    #[test]
    fn texts_are_prepared_as_their_attribute_is_compared() {
        let keys = keys_of(|person| {
            person.attributes.insert(name::TITLE.to_owned(), "Straßenmeister".to_owned());
            person.attributes.insert(name::DEPARTMENT.to_owned(), "DATA".to_owned());
            person.attributes.insert(name::DEPARTMENT_ID.to_owned(), "D-1".to_owned());
        });
        assert_eq!(keys["title"], "strassenmeister");
        assert_eq!(keys[ENTERPRISE_URN]["department"], "data");
        assert_eq!(keys[WORKER_URN]["departmentId"], "D-1", "its case counts");
        assert_eq!(keys["emails"][0]["type"], "work");
        assert_eq!(keys["emails"][0]["primary"], true);
        assert_eq!(keys["~emails"], json!([keys["emails"][0]["value"]]));
        assert_eq!(keys["~email"], keys["emails"][0]["value"]);
        assert_eq!(keys["~of"], "2026-11-20T12:00:00.000Z");
    }

    #[test]
    fn what_is_not_assigned_or_has_a_column_has_no_key() {
        let keys = keys_of(|person| person.attributes.clear());
        for name in ["title", "nickName", "phoneNumbers", "id", "schemas", "meta", "active", ENTERPRISE_URN] {
            assert!(keys.get(name).is_none(), "{name}");
        }
        assert!(keys[WORKER_URN].get("team").is_none());
    }

    #[test]
    fn what_is_no_document_is_refused() {
        assert!(keys("no document").is_err());
    }
}
