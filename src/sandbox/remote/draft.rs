//! A simulated person before any vendor's JSON: the facts of one employment.

use chrono::NaiveDate;

use crate::sandbox::names::Name;

/// One employment of one made-up human. The values are those of Remote.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) index: u32,
    pub(super) external_id: Option<String>,
    pub(super) work: Work,
    pub(super) state: State,
    pub(super) name: Name,
    pub(super) title: Option<String>,
    pub(super) work_email: Option<String>,
    pub(super) personal_email: String,
    pub(super) login_email: String,
    /// Place among the company's departments.
    pub(super) department: Option<u32>,
    pub(super) boss: Option<Boss>,
    /// Place in [`COUNTRIES`](crate::sandbox::places::COUNTRIES).
    pub(super) country: Option<usize>,
    /// Place among the company's legal entities.
    pub(super) entity: usize,
    pub(super) birth: NaiveDate,
    pub(super) dates: Dates,
    /// As Remote writes it: with or without a zone mark.
    pub(super) created: String,
    pub(super) updated: String,
    pub(super) workplace: Workplace,
    /// Nested objects are null, as before onboarding.
    pub(super) sparse: bool,
    pub(super) confirms_work: bool,
}

/// What kind of work relation: Remote's `type`, `employment_model` and `contractor_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) kind: &'static str,
    pub(super) model: Option<&'static str>,
    pub(super) contractor: Option<&'static str>,
}

impl Work {
    pub(super) const DIRECT: Self = Self::new("direct_employee", None, None);
    pub(super) const EOR: Self = Self::new("employee", Some("eor"), None);
    pub(super) const PEO: Self = Self::new("employee", Some("peo"), None);
    pub(super) const GLOBAL_PAYROLL: Self = Self::new("global_payroll_employee", Some("global_payroll"), None);
    pub(super) const CONTRACTOR: Self = Self::new("contractor", None, Some("standard"));
    pub(super) const CONTRACTOR_PLUS: Self = Self::new("contractor", None, Some("plus"));
    pub(super) const CONTRACTOR_OF_RECORD: Self = Self::new("contractor", None, Some("cor"));

    pub(super) const fn new(kind: &'static str, model: Option<&'static str>, contractor: Option<&'static str>) -> Self {
        Self { kind, model, contractor }
    }

    pub(super) fn is_contract(self) -> bool {
        self.contractor.is_some()
    }
}

/// The state of an employment: Remote's `status`, `employment_lifecycle_stage` and `user_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) status: &'static str,
    pub(super) stage: &'static str,
    pub(super) user: &'static str,
}

impl State {
    pub(super) const ACTIVE: Self = Self::new("active", "onboarded", "active");
    pub(super) const OFFBOARDING: Self = Self::new("offboarding", "onboarded", "active");
    pub(super) const ARCHIVED: Self = Self::new("archived", "offboarded", "inactive");
    pub(super) const INVITED: Self = Self::new("invited", "employee_self_enrollment", "initiated");
    pub(super) const PRE_HIRE: Self = Self::new("pre_hire", "employment_creation", "created");

    pub(super) const fn new(status: &'static str, stage: &'static str, user: &'static str) -> Self {
        Self { status, stage, user }
    }

    pub(super) fn is_upcoming(self) -> bool {
        !matches!(self.stage, "onboarded" | "offboarded" | "onboarded_paused")
    }
}

/// The person that a person reports to.
#[derive(Clone, Debug)]
pub(super) enum Boss {
    /// A person of the company, by index.
    Inside(u32),
    /// A person who is no employment that the token can see; with an index, ids are given nevertheless.
    Outside { name: String, email: String, index: Option<u32> },
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dates {
    pub(super) start: Option<NaiveDate>,
    pub(super) seniority: Option<NaiveDate>,
    pub(super) probation_end: Option<NaiveDate>,
    pub(super) expiration: Option<NaiveDate>,
    /// The last day.
    pub(super) termination: Option<NaiveDate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workplace {
    Office,
    /// The work address is the home address.
    Home,
    Unknown,
}
