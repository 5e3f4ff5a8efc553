//! Makes two HR systems of one organisation: a simulated Remote and a simulated Justworks with people in common.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::justworks::{Company, JustworksConfig, Overlap};
use super::remote::SandboxConfig;

/// How many people of the one system are named as managers in the other.
const NAMED: usize = 4;

/// A person who leads people of one HR system and works in another only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagerElsewhere {
    pub name: String,
    pub email: String,
}

impl From<(String, String)> for ManagerElsewhere {
    fn from((name, email): (String, String)) -> Self {
        Self { name, email }
    }
}

/// The set-ups of two companies with everything in them. `overlap` people work in both, as [`couple`] arranges it.
///
/// ```
/// use std::sync::Arc;
/// use rollbook::sandbox::{Justworks, Sandbox, pair, system_time};
///
/// let today = "2026-11-20".parse().expect("a date");
/// let (remote, justworks) = pair(1, 250, 250, 60, today);
/// let remote = Sandbox::new(remote, Arc::new(system_time));
/// let justworks = Justworks::new(justworks, Arc::new(system_time));
/// let index = justworks.worker_index(16).expect("the first made-up member works through Remote too");
/// let work_email = remote.employment(index).expect("an employment")["work_email"].clone();
/// let emails = justworks.member(16).expect("a member")["emails"].clone();
/// assert!(emails[0]["address"].as_str().zip(work_email.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b)));
/// ```
#[must_use]
pub fn pair(
    seed: u64,
    remote_workers: u32,
    justworks_members: u32,
    overlap: u32,
    today: NaiveDate,
) -> (SandboxConfig, JustworksConfig) {
    let remote = SandboxConfig { seed, workers: remote_workers, today: Some(today), ..SandboxConfig::default() };
    let justworks = JustworksConfig { members: justworks_members, ..JustworksConfig::default() };
    couple(remote, justworks, overlap)
}

/// Makes two set-ups describe one organisation. Seed, domain and day become Remote's. The first `overlap` made-up
/// members are people of Remote too, with the same name and birth date, the work email in another letter case, and some
/// with another title or department. Some people report to a person that only the other system has. Both can be changed
/// before they are used, but for what has just been named.
#[must_use]
pub fn couple(remote: SandboxConfig, justworks: JustworksConfig, overlap: u32) -> (SandboxConfig, JustworksConfig) {
    let mut remote = remote.settled();
    let mut justworks = JustworksConfig {
        seed: remote.seed,
        domain: remote.domain.clone(),
        today: remote.today,
        overlap: Overlap { people: overlap, workers: remote.workers, kinds: remote.kinds.clone() },
        ..justworks
    }
    .settled();
    // The leaders, and their names, do not depend on the day.
    let company = Company::new(&justworks, remote.today.unwrap_or_default());
    justworks.managers_elsewhere = company.twins().leaders_beside().take(NAMED).map(Into::into).collect();
    remote.managers_elsewhere = company.leaders_only_here().take(NAMED).map(Into::into).collect();
    remote.managers_elsewhere_from = company.twins().end();
    (remote, justworks)
}
