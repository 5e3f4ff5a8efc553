//! A member before it is written as JSON: the facts of one employment. The values are those of Justworks.

use chrono::NaiveDate;

#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) index: u32,
    pub(super) work_id: Option<String>,
    pub(super) given: Option<String>,
    pub(super) surname: Option<String>,
    /// The preferred given name.
    pub(super) preferred: Option<String>,
    pub(super) additional: Vec<String>,
    pub(super) active: bool,
    pub(super) kind: Option<&'static str>,
    pub(super) location_type: Option<&'static str>,
    pub(super) address: Option<Address>,
    pub(super) work_email: Option<String>,
    pub(super) personal_email: Option<String>,
    pub(super) has_phone: bool,
    /// Place among the company's departments.
    pub(super) department: Option<u32>,
    /// Place among the company's offices.
    pub(super) office: Option<u32>,
    pub(super) manager: Option<Manager>,
    pub(super) title: Option<String>,
    pub(super) start: Option<NaiveDate>,
    /// The last day.
    pub(super) end: Option<NaiveDate>,
    /// Two letters: the key of the country map.
    pub(super) country: Option<&'static str>,
    /// Since when with which title, oldest first.
    pub(super) history: Vec<(NaiveDate, &'static str)>,
    pub(super) birth: Option<NaiveDate>,
    pub(super) pay: Pay,
    pub(super) added: Option<NaiveDate>,
    pub(super) created: String,
    pub(super) updated: String,
}

/// The kind of address, which the vendor does not state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Company,
    Home,
    /// That of one example member.
    Lyon,
}

/// The person a member reports to.
#[derive(Clone, Debug)]
pub(super) enum Manager {
    /// A member of the company, by index; there need not be such a member.
    Member(u32),
    /// A person of another HR system, by place in the set-up.
    Elsewhere { place: usize, email: String },
}

/// What the vendor knows about a person's pay and sex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pay {
    Unknown,
    /// As the page has it for one member.
    Example,
    /// Marked, so that a search finds it.
    Forbidden,
}
