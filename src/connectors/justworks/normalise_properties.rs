//! Checks that no record makes normalising fail, and that nothing gets through that is not listed.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::normalise::normalise;
use super::normalise_tests::{facts, recorded};
use super::{Company, Notes, envelope};

/// All that may be read, as paths through objects and lists; below them nothing is.
const LISTED: [&str; 29] = [
    "id",
    "work_id",
    "name.given_name",
    "name.family_name",
    "name.preferred_name",
    "name.full_preferred_name",
    "name.additional_names",
    "active",
    "type",
    "emails.type",
    "emails.address",
    "phones.type",
    "phones.number",
    "department.id",
    "department.name",
    "office.id",
    "office.name",
    "office.country",
    "office.address.country",
    "manager.id",
    "manager.name",
    "manager.email",
    "manager.work_email",
    "job_title",
    "employment_start_date",
    "employment_termination_date",
    "current_employment",
    "date_of_birth",
    "updated_at",
];
const MARKER: &str = "m4rk3r";

/// Puts `poison` under every key that is not listed, at any depth, existing or new.
fn poison(value: &mut Value, path: &str, poison_with: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, path, poison_with)),
        Value::Object(object) => {
            for key in ["salary", "current_pay", "tax_id", "sex_assigned_at_birth", "addresses", "iban", "amount"] {
                object.entry(key).or_insert(Value::Null);
            }
            for (key, inner) in object {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let leads_on = LISTED.iter().any(|listed| listed.starts_with(&format!("{path}.")));
                if path == "current_employment" {
                    // Of this one only the keys are read.
                    let countries = inner.as_object_mut().into_iter().flat_map(|map| map.values_mut());
                    countries.for_each(|country| *country = poison_with.clone());
                } else if leads_on && (inner.is_object() || inner.is_array()) {
                    poison(inner, &path, poison_with);
                } else if !LISTED.contains(&path.as_str()) {
                    *inner = poison_with.clone();
                }
            }
        }
        _ => {}
    }
}

fn poisons() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(MARKER)),
        Just(json!(format!("{MARKER}@bluebird.example"))),
        Just(json!([{"type": "WORK", "address": MARKER, "country": MARKER}])),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 1..3).prop_map(|map| json!(map)),
        ]
    })
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?)?".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let others = ["items", "data", "next_cursor", "pagination", "departments", "offices", "US", "x"];
        let keys: Vec<&str> = LISTED.iter().flat_map(|path| path.split('.')).chain(others).collect();
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(proptest::sample::select(keys), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

/// Replaces the value at the end of a path that `steps` choose.
fn mutate(value: &mut Value, steps: &[usize], with: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *value = with.clone();
        return;
    };
    match value {
        Value::Object(object) if !object.is_empty() => {
            let at = step % object.len();
            if let Some(inner) = object.values_mut().nth(at) {
                mutate(inner, rest, with);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = step % items.len();
            mutate(&mut items[at], rest, with);
        }
        other => *other = with.clone(),
    }
}

fn check(record: &Value) -> Result<(), TestCaseError> {
    match normalise(record, &facts(), &mut Notes::default()) {
        Ok(worker) => {
            for (name, value) in &worker.attributes {
                prop_assert!(!value.is_empty() && value.chars().count() <= 1_000, "{name}");
                prop_assert!(!value.contains('\0'), "{name}");
            }
        }
        Err(rejected) => prop_assert!(rejected.source_id.is_none(), "{rejected:?}"),
    }
    Ok(())
}

proptest! {
    #[test]
    fn nothing_that_is_not_listed_gets_through(number in 0_usize..16, poison_with in poisons()) {
        let mut record = recorded().swap_remove(number);
        record["job_title"] = json!("Porto");
        poison(&mut record, "", &poison_with);
        prop_assert!(record.to_string().contains(MARKER));
        let mut notes = Notes::default();
        let worker = normalise(&record, &facts(), &mut notes).unwrap();
        let written = format!("{} {notes:?}", serde_json::to_string(&worker).unwrap());
        prop_assert!(!written.contains(MARKER), "{written}");
        prop_assert!(written.contains("Porto"), "what is listed does get through");
    }

    #[test]
    fn no_change_of_a_member_makes_normalising_fail(
        number in 0_usize..16,
        changes in proptest::collection::vec((proptest::collection::vec(0_usize..32, 1..4), arbitrary_json()), 1..5),
    ) {
        let mut record = recorded().swap_remove(number);
        for (steps, with) in &changes {
            mutate(&mut record, steps, with);
        }
        check(&record)?;
    }

    #[test]
    fn no_answer_makes_reading_fail(mut answer in arbitrary_json(), id in "[a-z0-9_]{1,36}") {
        let text = answer.to_string();
        let raw = crate::outbound::raw::Raw::of(text.as_bytes()).unwrap();
        let _ = (envelope::page(raw, 100), envelope::member(raw), Company::read(&answer));
        if let Value::Object(object) = &mut answer {
            object.insert("id".to_owned(), json!(id));
        }
        check(&answer)?;
    }
}
