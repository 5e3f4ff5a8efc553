//! Postgres: where the database is ([`source`](db::source)), connections to it ([`pool`](db::pool)), its shape
//! ([`migrations`](db::migrations)), a private cluster for those who have none ([`embedded`](db::embedded)), and the
//! tables and queries. Nothing here decides anything, and the caller owns the transaction.

pub mod audit;
pub mod authority;
pub mod changes;
pub mod connections;
pub mod consumers;
pub mod db;
pub mod filter;
pub mod groups;
pub mod oauth;
pub mod paging;
pub mod people;
pub mod runs;
pub mod tokens;
pub mod visibility;
pub mod workers;
