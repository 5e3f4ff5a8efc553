//! A member that may be absent, `null` or a value, where each of the three has its own meaning.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The state of a member in a request or response: absent, `null` or a value.
///
/// Such a member needs `#[serde(default, skip_serializing_if = "Given::is_absent")]`. In a response its schema is that
/// of an `Option` with the extension `x-optional`, which means that it may be absent as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value, if there is one.
    #[must_use]
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// What is given: a value, or nothing in its place; `None` if it is absent.
    #[must_use]
    pub fn if_given(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    #[must_use]
    pub fn as_ref(&self) -> Given<&T> {
        match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Value(value) => Given::Value(value),
        }
    }
}

/// A member that is there: a value or `null`.
impl<T> From<Option<T>> for Given<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T: Serialize> Serialize for Given<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Body {
        #[serde(default, skip_serializing_if = "Given::is_absent")]
        name: Given<String>,
    }

    #[test]
    fn absent_null_and_a_value_stay_three_things() {
        for (given, text) in [
            (Given::Absent, json!({})),
            (Given::Null, json!({ "name": null })),
            (Given::Value("x".to_owned()), json!({ "name": "x" })),
        ] {
            let body = Body { name: given };
            assert_eq!(serde_json::to_value(&body).unwrap(), text);
            assert_eq!(serde_json::from_value::<Body>(text).unwrap(), body);
        }
    }
}
