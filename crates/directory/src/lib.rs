//! This crate holds the domain: workers, people, and what happens to them. It has no I/O, no SQL, no HTTP and no SCIM.
//!
//! The data flows through this crate in this order (design section 2). A [`worker::Worker`] is the statement of one
//! connection; [`matching`] finds the human behind several workers; [`merge`] makes one [`person::Person`] of them, by
//! [`authority`] and with the source of every value; [`dates::lifecycle`] reads dates in the worker's own
//! [zone](dates::zone); [`decide`] turns a [`plan::PlanInput`] into decisions about every worker and person of it;
//! [`person::diff`] and [`event`] name what changed; [`plan::budget`] decides which parts of a plan an admin has to see
//! first; [`managers`] keeps the reporting lines free of cycles; [`groups`] derives the groups of people.

pub mod attribute;
pub mod authority;
pub mod dates;
pub mod decide;
pub mod email;
pub mod event;
pub mod groups;
pub mod ids;
pub mod managers;
pub mod matching;
pub mod merge;
pub mod person;
pub mod plan;
#[cfg(test)]
mod testing;
pub mod text;
pub mod worker;
