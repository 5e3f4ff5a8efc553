//! Release policies as they have been read: each text once, not for each request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::scim::release::attributes::Mistake;
use crate::scim::release::{Policy, Release};

/// So many policies are kept of callers with and of callers without the scope for what is sensitive; there is one for
/// each consumer, and one of all without. Beyond that all are read anew.
const KEPT: usize = 256;

/// What policies release. What a text means never changes, so nothing that is kept is ever old.
#[derive(Clone, Default)]
pub(super) struct Policies(Arc<[Mutex<Read>; 2]>);

type Read = HashMap<Policy, Arc<Release>>;

impl Policies {
    /// As [`Policy::read`].
    pub(super) fn read(&self, policy: &Policy, sensitive: bool) -> Result<Arc<Release>, Vec<Mistake>> {
        let all = &self.0[usize::from(sensitive)];
        let known = all.lock().unwrap_or_else(PoisonError::into_inner).get(policy).cloned();
        if let Some(release) = known {
            return Ok(release);
        }
        let release = Arc::new(policy.read(sensitive)?);
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(policy.clone(), release.clone());
        Ok(release)
    }
}

/// Without what filters ask for.
impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policies")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_once_for_each_scope_and_never_more_than_so_many_are_kept() {
        let policies = Policies::default();
        let policy = |n: usize| Policy { user_filter: Some(format!("title eq \"{n}\"")), ..Policy::default() };
        let first = policies.read(&policy(0), false).unwrap();
        assert!(Arc::ptr_eq(&first, &policies.read(&policy(0), false).unwrap()));
        assert!(!Arc::ptr_eq(&first, &policies.read(&policy(0), true).unwrap()));
        for n in 1..3 * KEPT {
            let read = policies.read(&policy(n), false).unwrap();
            assert!(read.users.is_some() && policies.0[0].lock().unwrap().len() <= KEPT);
        }
        let wrong = Policy { user_filter: Some("(".to_owned()), ..Policy::default() };
        assert_eq!(policies.read(&wrong, false).unwrap_err(), wrong.read(false).unwrap_err());
    }
}
