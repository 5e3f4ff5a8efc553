//! Connections: their life, credentials, consent, settings and value map.

pub mod consent;
pub(crate) mod credentials;
pub mod lifecycle;
pub mod mapping;
pub(crate) mod refusals;
pub mod settings;
pub mod tokens;
