//! Applies plans: they become people, groups and changes.

pub(crate) mod apply;
pub(crate) mod groups;
pub(crate) mod policy_match;
pub(crate) mod reports;

use uuid::Uuid;

/// Who or what a change is done for, as the change log states it.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// `run`, `timer` or `configuration`.
    pub kind: &'static str,
    pub run: Option<Uuid>,
    pub token_name: Option<String>,
    pub reason: Option<String>,
}
