//! The feed of changes, for admins and for consumers, and the form of its events.

pub(super) mod json;
pub(super) mod list;
mod redact;
