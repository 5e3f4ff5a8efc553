//! The settings of a simulated Justworks: its company, its app, its lifetimes. They also choose how it writes what its
//! page leaves open.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::sandbox::pair::ManagerElsewhere;
use crate::sandbox::remote::{Kinds, MAX_WORKERS};

/// The client id of the app that a simulated Justworks knows unless another was set.
pub const DEFAULT_CLIENT_ID: &str = "rollbook-sandbox";
/// The secret of that app.
pub const DEFAULT_CLIENT_SECRET: &str = "jw_test_secret_rollbook_sandbox_3f9c1b7e2a";

/// The largest company that can be simulated, before members are added to it.
pub const MAX_MEMBERS: u32 = 100_000;

/// How a simulated Justworks is set up. The same set-up gives the same people, byte for byte.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct JustworksConfig {
    /// Another seed is another company: other ids, other people.
    pub seed: u64,
    /// Number of members; [`Justworks::new`](super::Justworks::new) brings it into 1..=[`MAX_MEMBERS`]. With
    /// [`MemberKinds::Mix`] the counts of the mix decide.
    pub members: u32,
    pub kinds: MemberKinds,
    /// The domain of work emails.
    pub domain: String,
    pub company_name: String,
    /// The day that all dates are relative to; the time source's day when the sandbox is made, if absent.
    pub today: Option<NaiveDate>,
    pub overlap: Overlap,
    /// Managers whose id this company gives and who are not in its list. Leaves report to them by an id that leads
    /// nowhere and by their email (an inferred shape).
    pub managers_elsewhere: Vec<ManagerElsewhere>,
    /// Whether each refresh gives a new refresh token and kills the old one. Without, the answer names none.
    pub rotate_refresh_tokens: bool,
    pub expiry_shape: ExpiryShape,
    pub access_lifetime_seconds: u32,
    /// How long a refresh token may lie idle.
    pub refresh_lifetime_seconds: u32,
    /// Requests a minute; 0 means no limit. The page knows no number.
    pub rate_limit_per_minute: u32,
    pub client_id: String,
    pub client_secret: String,
    /// The addresses that consent may go back to; none means any on loopback, and any with https.
    pub redirect_uris: Vec<String>,
    pub shapes: Shapes,
}

impl Default for JustworksConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            members: 250,
            kinds: MemberKinds::Everything,
            domain: "acme-robotics.example".to_owned(),
            company_name: "Acme Robotics".to_owned(),
            today: None,
            overlap: Overlap::default(),
            managers_elsewhere: Vec::new(),
            rotate_refresh_tokens: true,
            expiry_shape: ExpiryShape::ExpiresAt,
            access_lifetime_seconds: 86_400,
            refresh_lifetime_seconds: 2_592_000,
            rate_limit_per_minute: 0,
            client_id: DEFAULT_CLIENT_ID.to_owned(),
            client_secret: DEFAULT_CLIENT_SECRET.to_owned(),
            redirect_uris: Vec::new(),
            shapes: Shapes::default(),
        }
    }
}

impl JustworksConfig {
    /// The company of the page's example bodies (justworks.md section 11).
    #[must_use]
    pub fn examples() -> Self {
        Self {
            seed: 0,
            members: 16,
            domain: "bluebird.example".to_owned(),
            company_name: "Bluebird Goods".to_owned(),
            ..Self::default()
        }
    }

    /// A company of exactly these people, as `&[(MemberKind::Employee, 30), (MemberKind::Contractor, 4)]`.
    #[must_use]
    pub fn mix(parts: &[(MemberKind, u32)]) -> Self {
        Self { kinds: MemberKinds::mix(parts), ..Self::default() }.settled()
    }

    /// `members` active people with distinct work emails, nothing that a directory would withhold.
    #[must_use]
    pub fn plain(members: u32) -> Self {
        Self { members, kinds: MemberKinds::Plain, ..Self::default() }.settled()
    }

    /// The same set-up with a possible number of members.
    #[must_use]
    pub(in crate::sandbox) fn settled(mut self) -> Self {
        if let MemberKinds::Mix(parts) = &self.kinds {
            self.members = parts.iter().fold(0, |sum, part| sum.saturating_add(part.count));
        }
        self.members = self.members.clamp(1, MAX_MEMBERS);
        self.overlap.workers = self.overlap.workers.clamp(1, MAX_WORKERS);
        self.overlap.people = self.overlap.people.min(MAX_MEMBERS);
        self
    }
}

impl fmt::Debug for JustworksConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JustworksConfig")
            .field("seed", &self.seed)
            .field("members", &self.members)
            .field("kinds", &self.kinds)
            .field("domain", &self.domain)
            .field("today", &self.today)
            .field("overlap", &self.overlap)
            .field("rotate_refresh_tokens", &self.rotate_refresh_tokens)
            .field("expiry_shape", &self.expiry_shape)
            .field("rate_limit_per_minute", &self.rate_limit_per_minute)
            .field("client_id", &self.client_id)
            .field("shapes", &self.shapes)
            .finish_non_exhaustive()
    }
}

/// Which people the company shares with a simulated Remote of the same seed, domain and day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Overlap {
    /// So many of the made-up people, the first ones, are also people of Remote; fewer where one of the companies has
    /// not so many.
    pub people: u32,
    /// The number of workers of that Remote.
    pub workers: u32,
    /// Its kinds.
    pub kinds: Kinds,
}

impl Default for Overlap {
    fn default() -> Self {
        Self { people: 0, workers: 250, kinds: Kinds::Everything }
    }
}

/// Which of the two keys states when an access token expires (justworks.md section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExpiryShape {
    ExpiresAt,
    ExpiresIn,
}

/// How the vendor writes what the page marks as inferred or unknown. The defaults are those of the examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Shapes {
    pub envelope: Envelope,
    pub last_page: LastPage,
    pub emails: EmailShape,
    pub department: DepartmentShape,
    pub manager: ManagerShape,
}

/// What lies around the rows of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Envelope {
    /// `{"items": […], "next_cursor": …}`
    #[default]
    Items,
    /// `{"data": […], "pagination": {"next_cursor": …}}`
    Data,
}

/// How the last page shows that it is the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LastPage {
    /// `next_cursor` is null.
    #[default]
    Null,
    /// There is no `next_cursor`.
    Absent,
}

/// An item of `emails`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EmailShape {
    /// `{"type": "WORK", "address": …}`
    #[default]
    TypeAddress,
    /// `{"label": "work", "email": …}`
    LabelEmail,
    /// Only the address.
    Plain,
}

/// The department of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DepartmentShape {
    /// `{"id": …, "name": …}`
    #[default]
    Object,
    /// Only the name.
    Name,
}

/// The manager of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ManagerShape {
    /// `{"id": …}`
    #[default]
    Object,
    /// Only the id.
    Id,
}

/// Which people a company has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MemberKinds {
    /// The sixteen members of the page's examples first, then a company with leavers, upcoming hires, vendors and gaps.
    Everything,
    /// Only active people with distinct work emails, in all kinds of employment.
    Plain,
    /// Exactly these, in this order; active and with a work email unless the kind states otherwise.
    Mix(Vec<MemberPart>),
}

impl MemberKinds {
    #[must_use]
    pub fn mix(parts: &[(MemberKind, u32)]) -> Self {
        Self::Mix(parts.iter().map(|&(kind, count)| MemberPart { kind, count }).collect())
    }
}

/// A number of people of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPart {
    pub kind: MemberKind,
    pub count: u32,
}

/// A kind of person in a [`MemberKinds::Mix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MemberKind {
    /// In the United States.
    Employee,
    /// In the United States.
    Contractor,
    InternationalContractor,
    EmployeeEor,
    InternationalEmployee,
    Intern,
    /// An organisation: no given name, no work email.
    Vendor,
    ThirdPartyAdmin,
    /// An employee who starts in 3 to 90 days, active already, with a work email.
    Upcoming,
    /// An employee who is gone.
    Terminated,
    /// An employee whose last day is 5 to 60 days ahead.
    Leaving,
    /// An active employee without a work email.
    NoWorkEmail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_mix_decide_the_number_of_members() {
        let config = JustworksConfig::mix(&[(MemberKind::Employee, 30), (MemberKind::Vendor, 2)]);
        assert_eq!(config.members, 32);
        assert_eq!(JustworksConfig::plain(u32::MAX).members, MAX_MEMBERS);
    }

    #[test]
    fn a_set_up_survives_json_and_does_not_show_its_secret() {
        let config = JustworksConfig::mix(&[(MemberKind::EmployeeEor, 2), (MemberKind::Intern, 1)]);
        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(json["kinds"]["mix"][0]["kind"], "employeeEor");
        assert_eq!(serde_json::from_value::<JustworksConfig>(json).unwrap(), config);
        assert!(!format!("{config:?}").contains(DEFAULT_CLIENT_SECRET));
        let partly: JustworksConfig = serde_json::from_str(r#"{"shapes": {"envelope": "data"}}"#).unwrap();
        assert_eq!((partly.shapes.envelope, partly.shapes.emails), (Envelope::Data, EmailShape::TypeAddress));
    }
}
