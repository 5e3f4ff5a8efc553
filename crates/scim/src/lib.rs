//! This crate implements the SCIM 2.0 protocol (RFC 7643, 7644, 9865): schemas, paths, filters, projections, messages
//! and discovery.
//!
//! Nothing here reads a database, a socket or the clock, and nothing knows people: a resource is a JSON object that
//! follows [`schema`]. R-nnn in the documentation are the numbered requirements of this server.

pub mod cursor;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod json;
pub mod media;
pub mod message;
pub mod path;
pub mod projection;
pub mod query;
pub mod release;
pub mod schema;
pub mod text;
pub mod version;
