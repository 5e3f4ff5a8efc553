//! Manages callers of the program: consumers, their tokens and the admin.

pub mod callers;
pub mod consumers;
pub mod tokens;
