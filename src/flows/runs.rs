//! Carries out runs: a pull from the first request to its result.

pub mod cancel;
pub(crate) mod fetch;
pub(crate) mod finish;
pub(crate) mod incomplete;
pub(crate) mod lease;
pub(crate) mod outage;
pub mod queue;
pub(crate) mod shape;
pub mod worker;
