//! The HTTP edge of the server. A handler extracts, calls one use case or reads the store, and renders.
//!
//! Each handler's signature shows who may call it ([`auth::Caller`]). The form of a refusal is in [`error`], once for
//! SCIM and once for the admin API.

pub mod admin;
pub mod auth;
mod compressed;
pub mod consent;
pub mod counters;
pub mod error;
pub mod limits;
pub mod malformed;
pub mod metrics;
pub mod ops;
mod policies;
pub mod request_id;
pub mod scim;
pub mod scope;
pub mod server;
pub mod state;
pub mod uri;
mod wire;
