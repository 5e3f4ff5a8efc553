//! Checked SCIM filters and sort orders as SQL.

pub(crate) mod compile;
pub mod condition;
pub mod cost;
pub mod groups;
pub(crate) mod managers;
mod policy;
pub(crate) mod scalar;
pub mod sort;
pub(crate) mod sql;
pub(crate) mod trigrams;
pub mod users;
