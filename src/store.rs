//! Postgres: where the database is ([`source`]), connections to it ([`pool`]), its shape ([`migrations`]), a private
//! cluster for those who have none ([`embedded`]), and the tables and queries. Nothing here decides anything, and the
//! caller owns the transaction.

pub mod audit;
pub mod authority;
pub mod changes;
mod compile;
pub mod connections;
pub mod consents;
pub mod consumers;
pub mod edges;
pub mod embedded;
pub mod error;
pub mod examples;
pub mod feed_filters;
pub mod grants;
pub mod group_filter;
mod group_fold;
pub mod group_pages;
pub mod group_walk;
pub mod groups;
pub mod groups_write;
pub mod holds;
pub mod keys;
pub mod leases;
mod matched;
pub mod migrations;
pub mod people;
pub mod people_write;
pub mod plans;
pub mod pool;
pub mod reviews;
pub mod runs;
mod scalar;
pub mod schema;
pub mod scim_filter;
pub mod sort;
pub mod source;
mod sql;
pub mod staging;
pub mod summaries;
mod tls;
pub mod tokens;
mod trigrams;
pub mod walks;
pub mod workers;
