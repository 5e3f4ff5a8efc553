//! Reads bodies of requests strictly (R-007): JSON, an object, no two members of one name in whatever case, no deeper
//! than 32 levels.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::ScimError;

/// Levels of objects and arrays, at most.
pub const MAX_DEPTH: usize = 32;

/// Reads any JSON in which the case of names matters, such as values of an HR system.
///
/// # Errors
/// When it is none, or not strict; the message names a place and no value.
pub fn value(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    read(bytes, false)
}

fn read(bytes: &[u8], folded: bool) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0, folded }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a body that has to be an object.
///
/// # Errors
/// 400 `invalidSyntax`.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, ScimError> {
    let refused = |error: serde_json::Error| ScimError::invalid_syntax(format!("the body cannot be read: {error}"));
    match read(bytes, true).map_err(refused)? {
        Value::Object(members) => Ok(members),
        _ => Err(ScimError::invalid_syntax("the body is a JSON object")),
    }
}

/// A value at some depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
    /// Names that differ in case alone are one name, as attributes of SCIM are.
    folded: bool,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("it is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut all = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            all.push(element);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut names = BTreeSet::new();
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            // The name is not repeated: it may be long, and it has not been checked yet.
            if !names.insert(if self.folded { name.to_lowercase() } else { name.clone() }) {
                return Err(A::Error::custom("an object has two members of one name"));
            }
            let value = members.next_value_seed(inner)?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::error::ScimType;

    fn refusal(text: &str) -> String {
        let error = object(text.as_bytes()).unwrap_err();
        assert_eq!((error.status, error.scim_type.map(ScimType::keyword)), (400, Some("invalidSyntax")), "{text}");
        error.detail
    }

    #[test]
    fn a_body_is_read_as_it_is() {
        let text = r#"{"a": [1, -2, 2.5, true, null, "\u00e9", {"b": []}], "B": 18446744073709551615}"#;
        let expected = json!({"a": [1, -2, 2.5, true, null, "é", {"b": []}], "B": u64::MAX});
        assert_eq!(Value::Object(object(text.as_bytes()).unwrap()), expected);
    }

    #[test]
    fn names_in_another_case_are_other_names_where_they_are_words() {
        let words = json!({"departments": {"R&D": "Research", "r&d": "Research"}});
        assert_eq!(value(words.to_string().as_bytes()).unwrap(), words);
        assert!(object(words.to_string().as_bytes()).is_err());
        assert!(value(br#"{"departments": {"R&D": "a", "R&D": "b"}}"#).is_err());
    }

    /// R-007.
    #[test]
    fn what_is_no_object_or_ambiguous_or_too_deep_is_refused() {
        for text in ["", "{", "[]", "1", "null", "{} {}", "{\"a\": 1e999}", "{\"a\": 'x'}", "{\"a\": \"\\ud800\"}"] {
            refusal(text);
        }
        assert!(refusal(r#"{"userName": "a", "USERNAME": "b"}"#).contains("two members"));
        assert!(refusal(r#"{"name": {"x": 1, "x": 1}}"#).contains("two members"));
        let nested = |levels: usize| format!("{{\"a\": {}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(refusal(&nested(MAX_DEPTH + 1)).contains("deeper than 32"));
        refusal(&nested(100_000));
        assert!(object(b"\xff{}").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = object(&bytes);
        }
    }
}
