//! Shared support code of the integration tests.

pub(crate) mod admin;
pub(crate) mod cluster;
pub(crate) mod contract;
pub(crate) mod database;
pub(crate) mod filters;
pub(crate) mod follower;
pub(crate) mod groups;
pub(crate) mod hostile;
pub(crate) mod live;
pub(crate) mod pair;
pub(crate) mod people;
pub(crate) mod population;
pub(crate) mod program;
pub(crate) mod served;
pub(crate) mod tools;
pub(crate) mod world;
