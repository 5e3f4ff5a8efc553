//! Upkeep of the server: its clock, its keys, and what is deleted because it is old.

pub mod clock_check;
pub mod key_check;
pub mod retention;
