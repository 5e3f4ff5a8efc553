//! Postgres: where the database is ([`source`]), connections to it ([`pool`]), its shape ([`migrations`]), a private
//! cluster for those who have none ([`embedded`]), and the tables and queries. Nothing here decides anything. Functions
//! take a connection, and the caller owns the transaction.

pub mod connections;
pub mod consumers;
pub mod embedded;
pub mod error;
pub mod leases;
pub mod migrations;
pub mod people;
pub mod pool;
pub mod runs;
pub mod schema;
pub mod scim_filter;
pub mod source;
pub mod staging;
mod tls;
pub mod tokens;
pub mod walks;
