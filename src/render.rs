//! Pure: what a person looks like as a SCIM resource.
//!
//! A person is rendered once, when they change ([`user::document`]), and completed for each consumer while it is
//! written out ([`user::write`]): what depends on the consumer or on other people is a slot in the kept text.
//! A group is written piece by piece ([`mod@group`]). [`changes`] says which SCIM attributes a change in the directory
//! touches.

pub mod changes;
pub mod group;
mod json;
pub mod user;
pub mod version;
