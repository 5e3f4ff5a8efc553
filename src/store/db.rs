//! Everything about the database itself: where it is, connections to it, its schema, leases and upkeep.

pub(crate) mod connection;
pub mod embedded;
pub mod error;
pub mod gauges;
pub mod instance;
pub mod lanes;
pub mod leases;
pub mod migrations;
pub mod pool;
pub mod retention;
pub mod schema;
pub mod source;
pub mod states;
pub(crate) mod tls;
