//! The admin API as types: what its requests and responses hold, one module a noun.
//!
//! The server answers these types, the command line reads them, and the `OpenAPI` document takes its schemas from them.
//! A doc comment on a type or a member is its description there, so these comments are written for users of the API.
//!
//! Two rules say when a member of a response may be missing. A member that may be `null` is always there. A member that
//! may be absent is an `Option` with `skip_serializing_if` and `nullable = false`; one that may be either is a
//! [`Given`].

#[macro_use]
mod closed_set;
pub mod audit;
pub mod connections;
pub mod consumers;
pub mod errors;
pub mod events;
pub mod fields;
pub mod given;
pub mod groups;
pub mod holds;
pub mod mapping;
pub mod people;
pub mod person;
pub mod plans;
pub mod problems;
pub mod reviews;
pub mod runs;
pub mod server;
pub mod tokens;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use given::Given;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The `cursor` of the next page; none after the last.
    pub next_cursor: Option<String>,
}

/// A body that holds a reason and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonOnly {}
