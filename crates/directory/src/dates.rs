//! Dates of employments: the time zone in which they are read, and what they mean at an instant.

pub mod lifecycle;
pub mod zone;
