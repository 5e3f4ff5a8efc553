//! Applying: plans become people, groups and changes.

pub(crate) mod apply;
pub(crate) mod groups;
pub(crate) mod policy_match;
pub(crate) mod reports;
