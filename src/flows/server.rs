//! Maintains the server: its clock, its keys, and the deletion of old data.

pub mod clock_check;
pub mod key_check;
pub mod retention;
