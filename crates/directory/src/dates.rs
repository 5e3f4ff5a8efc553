//! Dates of employments: the time zone in which they are read, and their meaning at an instant.

pub mod lifecycle;
pub mod zone;
