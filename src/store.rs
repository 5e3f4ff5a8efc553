//! Postgres: where the database is ([`source`]), connections to it ([`pool`]), its shape ([`migrations`]), a private
//! cluster for those who have none ([`embedded`]), and the tables and queries. Nothing here decides anything, and the
//! caller owns the transaction.

pub mod embedded;
pub mod error;
pub mod migrations;
pub mod pool;
pub mod source;
mod tls;
