//! What the fuzz targets share: a few resources, and what every refusal has to look like.

use std::sync::LazyLock;

use rollbook_scim::error::ScimError;
use rollbook_scim::schema::Hidden;
use serde_json::{Map, Value};

/// Users and groups: whole ones, an empty one, and one whose values are of other types than the schemas say.
pub static RESOURCES: LazyLock<Vec<Map<String, Value>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../resources.json")).expect("the resources are an array of objects")
});

/// What two callers may not see: nothing is hidden, and what is sensitive.
pub static HIDDEN: LazyLock<[Hidden; 2]> = LazyLock::new(|| [Hidden::nothing(), Hidden::sensitive()]);

/// A refusal is the caller's fault, and its words do not grow with what the caller sent.
///
/// # Panics
/// If it is another.
pub fn check_refusal(error: &ScimError) {
    assert!((400..500).contains(&error.status), "{error:?}");
    assert!(!error.detail.is_empty() && error.detail.len() < 1000, "{error:?}");
}
