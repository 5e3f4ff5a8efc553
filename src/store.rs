//! Postgres: tables, queries, nothing else. Functions take a connection; the caller owns the transaction.

pub mod connections;
pub mod leases;
pub mod runs;
pub mod schema;
pub mod staging;
