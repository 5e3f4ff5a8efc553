//! The settings of a simulated company: its size, its people, its limits.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::sandbox::pair::ManagerElsewhere;

/// The token that a sandbox takes unless another was set.
pub const DEFAULT_TOKEN: &str = "ra_test_rollbook_sandbox_6b1d4c529a318d2f";

/// The largest company that can be simulated, before people are added to it.
pub const MAX_WORKERS: u32 = 100_000;

/// How a sandbox is set up. The same set-up gives the same people, byte for byte.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Another seed is another company: other ids, other people.
    pub seed: u64,
    /// Number of employments; [`Sandbox::new`](super::Sandbox::new) brings it into 1..=[`MAX_WORKERS`]. With
    /// [`Kinds::Mix`] the counts of the mix decide.
    pub workers: u32,
    pub kinds: Kinds,
    /// Whether the bulk endpoint exists (remote.md 3.3); without it, it answers 404.
    pub bulk: bool,
    /// Requests a minute (remote.md 9.1); 0 means no limit and no rate headers.
    pub rate_limit_per_minute: u32,
    pub token: String,
    /// The domain of work emails.
    pub domain: String,
    /// Managers who work in another HR system only: leaves report to them, by name and email and without any id.
    pub managers_elsewhere: Vec<ManagerElsewhere>,
    /// The first index that reports to them.
    pub managers_elsewhere_from: u32,
    /// The day that all dates are relative to; the time source's day when the sandbox is made, if absent.
    pub today: Option<NaiveDate>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            workers: 250,
            kinds: Kinds::Everything,
            bulk: true,
            rate_limit_per_minute: 300,
            token: DEFAULT_TOKEN.to_owned(),
            domain: "acme-robotics.example".to_owned(),
            managers_elsewhere: Vec::new(),
            managers_elsewhere_from: 0,
            today: None,
        }
    }
}

impl SandboxConfig {
    /// A company of exactly these people, as `&[(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4)]`.
    #[must_use]
    pub fn mix(parts: &[(Kind, u32)]) -> Self {
        Self::default().with_kinds(Kinds::mix(parts))
    }

    /// `workers` active people with distinct work emails, nothing that a directory would withhold.
    #[must_use]
    pub fn plain(workers: u32) -> Self {
        Self { workers, ..Self::default() }.with_kinds(Kinds::Plain)
    }

    #[must_use]
    fn with_kinds(mut self, kinds: Kinds) -> Self {
        self.kinds = kinds;
        self.settled()
    }

    /// The same set-up with a possible number of workers.
    #[must_use]
    pub(in crate::sandbox) fn settled(mut self) -> Self {
        if let Kinds::Mix(parts) = &self.kinds {
            self.workers = parts.iter().fold(0, |sum, part| sum.saturating_add(part.count));
        }
        self.workers = self.workers.clamp(1, MAX_WORKERS);
        self
    }
}

impl fmt::Debug for SandboxConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SandboxConfig")
            .field("seed", &self.seed)
            .field("workers", &self.workers)
            .field("kinds", &self.kinds)
            .field("bulk", &self.bulk)
            .field("rate_limit_per_minute", &self.rate_limit_per_minute)
            .field("domain", &self.domain)
            .field("today", &self.today)
            .finish_non_exhaustive()
    }
}

/// Which people a company has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kinds {
    /// The sixteen example people of remote.md section 12 first, then a company with leavers, upcoming hires and gaps.
    Everything,
    /// Only active people with distinct work emails, in all kinds of employment.
    Plain,
    /// Exactly these, in this order; active unless the kind states otherwise.
    Mix(Vec<Part>),
}

impl Kinds {
    #[must_use]
    pub fn mix(parts: &[(Kind, u32)]) -> Self {
        Self::Mix(parts.iter().map(|&(kind, count)| Part { kind, count }).collect())
    }
}

/// A number of people of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub kind: Kind,
    pub count: u32,
}

/// A kind of person in a [`Kinds::Mix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Direct,
    Eor,
    Peo,
    GlobalPayroll,
    Contractor,
    ContractorPlus,
    ContractorOfRecord,
    /// An EOR employee who starts in 3 to 90 days and has a work email already.
    Upcoming,
    /// An EOR employee who is gone, with an offboarding.
    Archived,
    /// An EOR employee whose last day is 5 to 60 days ahead.
    Offboarding,
    /// An active EOR employee without a work email.
    NoWorkEmail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_mix_decide_the_number_of_workers() {
        let config = SandboxConfig::mix(&[(Kind::Direct, 30), (Kind::Eor, 8), (Kind::Contractor, 4)]);
        assert_eq!(config.workers, 42);
    }

    #[test]
    fn a_set_up_is_never_larger_than_can_be_simulated_and_does_not_show_its_token() {
        let config = SandboxConfig::plain(u32::MAX);
        assert_eq!(config.workers, MAX_WORKERS);
        assert!(!format!("{config:?}").contains(DEFAULT_TOKEN));
    }

    #[test]
    fn a_set_up_survives_json() {
        let config = SandboxConfig::mix(&[(Kind::Upcoming, 2), (Kind::Peo, 1)]);
        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(json["kinds"]["mix"][0]["kind"], "upcoming");
        assert_eq!(serde_json::from_value::<SandboxConfig>(json).unwrap(), config);
        let partly: SandboxConfig = serde_json::from_str(r#"{"seed": 9, "kinds": "plain"}"#).unwrap();
        assert_eq!((partly.seed, partly.kinds), (9, Kinds::Plain));
    }
}
