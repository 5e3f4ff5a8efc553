//! Shared code of the fuzz targets: a few resources, and the check that every refusal has to pass.

use std::sync::LazyLock;

use rollbook_scim::error::ScimError;
use rollbook_scim::schema::Hidden;
use serde_json::{Map, Value};

/// Users and groups: whole ones, an empty one, and one whose values have other types than the schemas state.
pub static RESOURCES: LazyLock<Vec<Map<String, Value>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../resources.json")).expect("the resources are an array of objects")
});

/// The hidden attributes of two callers: none, and the sensitive ones.
pub static HIDDEN: LazyLock<[Hidden; 2]> = LazyLock::new(|| [Hidden::nothing(), Hidden::sensitive()]);

/// A refusal is the caller's fault, and its text does not grow with what the caller sent.
///
/// # Panics
/// If the refusal is of another kind.
pub fn check_refusal(error: &ScimError) {
    assert!((400..500).contains(&error.status), "{error:?}");
    assert!(!error.detail.is_empty() && error.detail.len() < 1000, "{error:?}");
}
