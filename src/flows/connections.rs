//! Manages connections: their life, credentials, consent, settings and value map.

pub mod consent;
pub(crate) mod credentials;
pub(crate) mod identity;
pub mod lifecycle;
pub mod mapping;
pub mod overview;
pub(crate) mod refusals;
pub mod settings;
pub mod tokens;
