//! Makes versions of resources: weak entity tags over what a GET without parameters writes to one consumer, `meta`
//! excluded, so that an equal representation has an equal tag and a changed one never the old tag (R-172).

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Bytes of a digest that a tag has.
const LENGTH: usize = 16;

/// What ends the part of a document that a tag is taken of: `meta` is the last of its members.
const META: &str = ",\"meta\":{";

/// The tag of a document as it is written so far, up to its `meta`, and of what represents the parts not written there.
#[must_use]
pub fn of_document(written: &str, more: &str) -> String {
    // Within texts, quotes are escaped: this is where `meta` begins.
    of_text(&written[..written.rfind(META).unwrap_or(written.len())], more)
}

/// The tag of a text.
#[must_use]
pub fn of_text(text: &str, more: &str) -> String {
    let mut digest = Context::new(&SHA256);
    digest.update(text.as_bytes());
    digest.update(&[0]);
    digest.update(more.as_bytes());
    format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(&digest.finish().as_ref()[..LENGTH]))
}

/// The tag of a resource that is not written yet, or from which something was taken.
#[must_use]
pub fn of_resource(resource: &Map<String, Value>, more: &str) -> String {
    // Members of a parsed object are in the order of their names: equal resources are equal texts.
    let shown: Map<String, Value> = resource
        .iter()
        .filter(|(name, _)| *name != "meta")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    of_text(&Value::Object(shown).to_string(), more)
}

/// Appends a resource with its version, which it returns. `meta` is written last.
pub fn append_with(mut resource: Map<String, Value>, more: &str, out: &mut String) -> String {
    let meta = resource.remove("meta");
    let text = Value::Object(resource).to_string();
    let tag = of_text(&text, more);
    match meta {
        Some(Value::Object(mut meta)) => {
            meta.insert("version".to_owned(), tag.as_str().into());
            out.push_str(text.strip_suffix('}').unwrap_or(&text));
            out.push_str(META.trim_end_matches('{'));
            out.push_str(&Value::Object(meta).to_string());
            out.push('}');
        }
        _ => out.push_str(&text),
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_weak_and_is_that_of_all_but_meta() {
        let tag = of_document("{\"id\":\"1\",\"meta\":{\"created\":\"a\"", "");
        assert!(tag.starts_with("W/\"") && tag.ends_with('"') && tag.len() == 26, "{tag}");
        assert_eq!(tag, of_document("{\"id\":\"1\",\"meta\":{\"created\":\"b\"", ""));
        assert_ne!(tag, of_document("{\"id\":\"2\",\"meta\":{\"created\":\"a\"", ""));
        assert_ne!(tag, of_document("{\"id\":\"1\",\"meta\":{\"created\":\"a\"", "2 members"));
        let told = r#"{"id":"1","title":",\"meta\":{","x":1,"meta":{"#;
        assert_ne!(of_document(told, ""), of_document(&told.replace("\"x\":1", "\"x\":2"), ""));
    }

    #[test]
    fn a_resource_is_written_with_its_own_tag() {
        let resource: Map<String, Value> =
            serde_json::from_str(r#"{"id": "1", "title": "a", "meta": {"version": "old", "created": "a"}}"#).unwrap();
        let mut out = "before ".to_owned();
        let tag = append_with(resource.clone(), "", &mut out);
        assert_eq!(tag, of_resource(&resource, ""));
        let written: Value = serde_json::from_str(out.strip_prefix("before ").unwrap()).unwrap();
        assert_eq!(written, serde_json::json!({"id": "1", "title": "a", "meta": {"version": tag, "created": "a"}}));
    }

    #[test]
    fn what_is_shown_makes_the_tag_of_a_resource_and_not_the_order_of_its_members() {
        let tag = |text: &str| of_resource(&serde_json::from_str(text).unwrap(), "");
        let one = tag(r#"{"id": "1", "title": "a", "meta": {"version": "old", "created": "a"}}"#);
        assert_eq!(one, tag(r#"{"title": "a", "id": "1"}"#));
        assert_ne!(one, tag(r#"{"title": "b", "id": "1"}"#));
        assert_ne!(one, tag(r#"{"id": "1"}"#));
    }
}
