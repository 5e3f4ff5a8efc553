//! Postgres: tables, queries, nothing else. Functions take a connection; the caller owns the transaction.

pub mod audit;
pub mod changes;
pub mod connections;
pub mod edges;
pub mod holds;
pub mod leases;
pub mod people_write;
pub mod plans;
pub mod reviews;
pub mod runs;
pub mod schema;
pub mod staging;
pub mod workers;
