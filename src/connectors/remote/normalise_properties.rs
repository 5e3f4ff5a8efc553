//! Checks that no record makes normalising fail, and that nothing gets through that is not listed.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::normalise::{Facts, normalise};
use super::normalise_tests::recorded;

/// All that may be read, as paths; below them nothing is.
const LISTED: &[&str] = &[
    "id",
    "short_id",
    "external_id",
    "full_name",
    "job_title",
    "work_email",
    "login_email",
    "department",
    "department_id",
    "manager",
    "manager_email",
    "manager_employment_id",
    "type",
    "employment_model",
    "contractor_type",
    "status",
    "employment_lifecycle_stage",
    "country.alpha_2_code",
    "country.code",
    "provisional_start_date",
    "seniority_date",
    "expiration_date",
    "termination_date",
    "updated_at",
    "engaged_by_legal_entity_id",
    "bill_to_legal_entity_id",
    "experience_level",
    "contract_details.experience_level",
    "contract_details.contract_end_date",
    "personal_details.given_name",
    "personal_details.surname",
    "personal_details.full_preferred_name",
    "personal_details.preferred_name",
    "personal_details.birthdate",
    "work_address_details.address",
    "work_address_details.address_line_2",
    "work_address_details.city",
    "work_address_details.state",
    "work_address_details.postal_code",
    "work_address_details.country",
    "work_address_details.is_home_address",
];
const MARKER: &str = "m4rk3r";

/// Puts `poison` under every key that is not listed, at any depth, existing or new.
fn poison(value: &mut Value, path: &str, poison_with: &Value) {
    let Value::Object(object) = value else { return };
    for key in ["salary", "personal_email", "iban", "nationality", "name", "date", "value"] {
        object.entry(key).or_insert(Value::Null);
    }
    for (key, inner) in object {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let leads_on = LISTED.iter().any(|listed| listed.starts_with(&format!("{path}.")));
        if leads_on && inner.is_object() {
            poison(inner, &path, poison_with);
        } else if !LISTED.contains(&path.as_str()) {
            *inner = poison_with.clone();
        } else if inner.is_null() {
            // Where a text is expected, an object or list is no way in either.
            *inner = json!([{"message": MARKER, "name": MARKER}]);
        }
    }
}

fn poisons() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(MARKER)),
        Just(json!(format!("{MARKER}@acme-robotics.example"))),
        Just(json!(["2026-01-01", MARKER])),
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
        let keys: Vec<&str> = LISTED.iter().flat_map(|path| path.split('.')).chain(["x"]).collect();
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(proptest::sample::select(keys), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_that_is_not_listed_gets_through(number in 0_usize..16, poison_with in poisons()) {
        let mut record = recorded().swap_remove(number);
        record["work_address_details"] = json!({"city": "Porto", "is_home_address": "no"});
        poison(&mut record, "", &poison_with);
        prop_assert!(record.to_string().contains(MARKER));
        let facts = Facts { login_email_domains: ["acme-robotics.example".to_owned()].into(), ..Facts::default() };
        let worker = normalise(&record, &facts).unwrap();
        let written = serde_json::to_string(&worker).unwrap();
        prop_assert!(!written.contains(MARKER), "{written}");
        prop_assert!(written.contains("Porto"), "what is listed does get through");
    }

    #[test]
    fn no_record_makes_normalising_fail(mut record in arbitrary_json(), id in "[a-z0-9-]{1,36}") {
        let _ = normalise(&record, &Facts::default());
        if let Value::Object(object) = &mut record {
            object.insert("id".to_owned(), json!(id));
            let worker = normalise(&record, &Facts::default()).unwrap();
            for (name, value) in &worker.attributes {
                prop_assert!(!value.is_empty() && value.chars().count() <= 2_001, "{name}");
                prop_assert!(!value.contains('\0'), "{name}");
            }
        }
    }
}
