//! Keeps release policies that were read, so that each text is read once and not for each request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::scim::release::attributes::Mistake;
use crate::scim::release::{Policy, Release};

/// The maximum number of kept policies, separately for callers with and without the scope for sensitive data. There is
/// one policy for each consumer, and one for all without their own. Beyond that number all are read again.
const KEPT: usize = 256;

/// The released parts of policies. The meaning of a text never changes, so no kept entry is ever outdated.
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

/// Leaves out the content of filters.
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
