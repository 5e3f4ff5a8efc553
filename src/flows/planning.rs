//! Makes plans: what a run, a timer or a change of configuration would change.

pub(crate) mod build;
pub mod explain;
pub mod hold;
pub(crate) mod load;
pub mod timers;
