//! Runs: a pull from the first request to its result.

pub mod cancel;
pub(crate) mod fetch;
pub(crate) mod finish;
pub(crate) mod outage;
pub(crate) mod shape;
pub mod worker;
