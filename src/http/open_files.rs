//! How many files the process may have open: every connection of a caller is one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit to what is wanted, or as far as the process may by itself, and tells what it is then. It is never
/// lowered.
///
/// Services are started with a soft limit of 1,024 for the sake of programs that use `select`, and with a hard one that
/// is far higher for those that do not.
pub(super) fn allow(wanted: u64) -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let mut raised = wanted.min(hard);
    while raised > soft {
        if setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_ok() {
            return raised;
        }
        // macOS says that there is no hard limit and has one nevertheless.
        raised /= 2;
    }
    soft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_the_process_may_and_never_lowered() {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(allow(1), soft);
        let raised = (soft + 1).min(hard);
        assert_eq!(allow(raised), raised);
        assert_eq!(allow(1), raised);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (raised, hard));
    }
}
