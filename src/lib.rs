//! Rollbook: one directory from all HR systems.
//!
//! The map, from the outside in: [`http`]… (see `docs/architecture.md`).

pub mod clock;
pub mod connectors;
pub mod directory;
pub mod http;
pub mod keys;
pub mod render;
pub mod scim;
pub mod store;
