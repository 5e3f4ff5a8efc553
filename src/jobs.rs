//! Work that waits: what has to happen without a request. What the jobs do is registered from `app`.

pub mod runner;
pub mod wake;
