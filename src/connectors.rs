//! Connectors read workers from HR systems. A connector knows pages, tokens, pace and retries of one kind of HR system
//! and turns its records into [`Worker`](crate::directory::worker::Worker)s; what becomes of them is decided elsewhere.

pub mod connector;
mod country;
mod field;
mod fields;
pub mod justworks;
pub mod oauth;
pub mod registry;
pub mod remote;
mod rows;
mod settings;
#[cfg(test)]
mod unreadable_properties;
mod vendor;
