//! Answers of the server: unchanged for `--json`, and as types of the API for output that people read.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::CliError;

/// An answer that is of the type `T`.
pub(super) struct Answer<T> {
    value: Value,
    of: PhantomData<T>,
}

impl<T> Answer<T> {
    pub(super) fn new(value: Value) -> Self {
        Self { value, of: PhantomData }
    }

    /// The JSON as it came. A newer server may answer more than `T` has, and `--json` shows it.
    pub(super) fn json(&self) -> &Value {
        &self.value
    }
}

impl<T: DeserializeOwned> Answer<T> {
    pub(super) fn read(&self) -> Result<T, CliError> {
        T::deserialize(&self.value).map_err(|error| {
            CliError::Failed(format!(
                "the answer is not as this program knows it ({error}); use a rollbook as new as the server, or --json"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::runs::RunStarted;

    #[test]
    fn an_answer_that_is_of_another_type_says_so() {
        let CliError::Failed(text) = Answer::<RunStarted>::new(json!({ "run": 7 })).read().unwrap_err() else {
            panic!("a failure")
        };
        assert!(text.contains("missing field `runId`") && text.contains("--json"), "{text}");
    }
}
