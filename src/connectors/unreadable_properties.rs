//! Tests every field of every recorded record of both HR systems with wrong values. These have every other JSON type,
//! or are too large, empty, invalid or full of control characters. Each test checks the result for one worker.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::justworks::testing as justworks;
use super::remote::testing as remote;
use crate::directory::attribute::{Unit, unit_of};
use crate::directory::text::is_invisible;
use crate::directory::worker::Worker;

type Normalise = fn(&Value) -> Option<Worker>;

/// The recorded records of an HR system, and how they are read.
fn vendors() -> [(Vec<Value>, Normalise); 2] {
    [(remote::recorded(), remote::read), (justworks::recorded(), justworks::read)]
}

/// The paths to all values of a record, containers and what they hold.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    let mut go = |key: &str, inner: &Value| {
        let path = format!("{path}/{key}");
        found.push(path.clone());
        paths(inner, &path, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, inner)| go(key, inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, inner)| go(&at.to_string(), inner)),
        _ => {}
    }
}

/// Values that some field cannot be.
fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!([])),
        Just(json!({})),
        Just(json!(["x"])),
        Just(json!({ "a": 1 })),
        Just(json!("")),
        Just(json!("   ")),
        Just(json!("\u{200b}\u{feff}")),
        Just(json!("x".repeat(1_001))),
        Just(json!("x".repeat(100_000))),
        Just(json!("Ana\u{fffd}Silva")),
        Just(json!("a\u{0}b\u{1b}[31m\r\n\u{202e}c")),
        Just(json!("0001-01-01")),
        Just(json!("2026-02-30")),
        Just(json!("30/11/2020")),
        Just(json!("a..b@acme.example")),
        Just(json!("XX")),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

/// The values of a worker for each unit.
fn said(worker: &Worker, unit: &Unit) -> Value {
    let employment = &worker.employment;
    match unit.0.as_str() {
        Unit::WORK_EMAIL => json!([worker.work_email, worker.login_email]),
        Unit::BIRTH_DATE => json!(worker.birth_date),
        Unit::MANAGER => json!(worker.manager),
        Unit::TYPE => json!(employment.worker_type),
        Unit::STATUS => json!([
            employment.status,
            employment.ended,
            employment.start,
            employment.original_start,
            employment.planned_end,
            employment.last_day,
        ]),
        _ => {
            let name = (unit.0 == Unit::NAME).then_some(&worker.full_name);
            json!([name, worker.attributes.iter().filter(|(name, _)| unit_of(name) == *unit).collect::<Vec<_>>()])
        }
    }
}

fn units(worker: &Worker) -> Vec<Unit> {
    let fixed = [Unit::WORK_EMAIL, Unit::BIRTH_DATE, Unit::MANAGER, Unit::TYPE, Unit::STATUS, Unit::NAME];
    fixed.map(Unit::named).into_iter().chain(worker.attributes.keys().map(|name| unit_of(name))).collect()
}

/// The name of a field in the notation of a worker's list: `/emails/0/address` is `emails[0].address`.
fn dotted(pointer: &str) -> String {
    let mut field = String::new();
    for key in pointer.split('/').skip(1) {
        if key.bytes().all(|b| b.is_ascii_digit()) {
            field.extend(["[", key, "]"]);
        } else {
            field.push_str(if field.is_empty() { "" } else { "." });
            field.push_str(key);
        }
    }
    field
}

/// The same, with only the part of a manager that links: the id, else the address. What is given beside that may be
/// unreadable, and the effective record keeps the last one (`directory::merge`).
fn stated(worker: &Worker, unit: &Unit) -> Value {
    let Some(manager) = worker.manager.as_ref().filter(|_| unit.0 == Unit::MANAGER) else { return said(worker, unit) };
    match (&manager.source_id, &manager.email) {
        (Some(id), _) => json!(id),
        (None, Some(email)) => json!(email),
        (None, None) => json!(manager.name),
    }
}

proptest! {
    #[test]
    fn one_strange_value_costs_no_value_that_is_not_named(
        vendor in 0_usize..2, number in any::<usize>(), place in any::<usize>(), with in strange(),
    ) {
        let (records, normalise) = &vendors()[vendor];
        let good = &records[number % records.len()];
        let mut places = Vec::new();
        paths(good, "", &mut places);
        let place = &places[place % places.len()];
        let mut record = good.clone();
        *record.pointer_mut(place).unwrap() = with.clone();
        let last = normalise(good).unwrap();
        let Some(now) = normalise(&record) else {
            prop_assert_eq!(place, "/id");
            return Ok(());
        };
        if place == "/id" {
            return Ok(());
        }
        let mut kept = now.clone();
        kept.keep_unreadable(&last);
        let unreadable = now.unreadable_units();
        for unit in units(&last) {
            if unreadable.contains(&unit) {
                prop_assert_eq!(said(&kept, &unit), said(&last, &unit), "{} keeps its last good value", unit.0);
            }
        }
        // Only a field on the way to the place is named, with type and size and without the value.
        let field = dotted(place);
        for one in &now.unreadable {
            let parent = field.starts_with(&one.field) || one.field.starts_with(&field);
            prop_assert!(parent, "{} instead of {field}", one.field);
            prop_assert!(!one.slots.is_empty() && one.found.len() < 120);
        }
        // A value of another type erases nothing without being named.
        let text = with.as_str();
        let other_type = !with.is_null() && text.is_none() && !with.is_number();
        let was_text = good.pointer(place).unwrap().as_str().is_some_and(|text| !text.trim().is_empty());
        if other_type && was_text && now.unreadable.is_empty() {
            for unit in units(&last) {
                prop_assert_eq!(stated(&now, &unit), stated(&last, &unit), "{} by {}", unit.0, place);
            }
        }
        for (name, value) in &now.attributes {
            prop_assert!(!value.trim().is_empty() && value.chars().count() <= 2_001, "{name}");
            let is_bad = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'));
            prop_assert!(!value.chars().any(is_bad) && value.chars().any(|c| !is_invisible(c)), "{name}");
        }
        // What cannot be stored in Postgres would fail the whole read.
        prop_assert!(!serde_json::to_string(&now).unwrap().contains("\\u0000"));
    }
}
