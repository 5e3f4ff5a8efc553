//! The role of a member in the company: the kind of work, and the state of the employment.

use super::config::{MemberKind, MemberKinds, MemberPart};
use crate::sandbox::dice::Dice;

/// The state of an employment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    /// The last day is ahead.
    Leaving,
    Terminated,
    /// The first day is ahead; active nevertheless.
    Upcoming,
    /// Without any date that would explain why.
    Inactive,
}

/// What a member is to the company, before any detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// The value of `type`.
    pub(super) kind: &'static str,
    pub(super) state: State,
    pub(super) has_work_email: bool,
}

impl Role {
    pub(super) const fn active(kind: &'static str) -> Self {
        Self { kind, state: State::Active, has_work_email: true }
    }

    /// The role of the member at `index` of a company of those kinds. A steady member is there for good: in a company
    /// with everything neither gone nor leaving nor without a work email.
    pub(super) fn drawn(kinds: &MemberKinds, index: u32, is_steady: bool, dice: &mut Dice) -> Self {
        match kinds {
            MemberKinds::Mix(parts) => mixed(parts, index),
            MemberKinds::Plain if index == 0 => Self::active("employee"),
            MemberKinds::Plain => Self::active(kind(dice)),
            MemberKinds::Everything => {
                let role = Self::active(kind(dice));
                if is_steady { role } else { role.troubled(dice.below(1000)) }
            }
        }
    }

    /// The same role for a person with this luck, of 1000.
    fn troubled(self, luck: u32) -> Self {
        match luck {
            0..40 => Self { state: State::Terminated, ..self },
            40..60 => Self { state: State::Leaving, ..self },
            60..75 => Self { state: State::Upcoming, ..self },
            75..85 => Self { state: State::Upcoming, has_work_email: false, ..self },
            85..92 => Self { has_work_email: false, ..self },
            92..95 => Self { state: State::Inactive, has_work_email: false, ..self },
            95..105 => of_kind(MemberKind::Vendor),
            105..110 => of_kind(MemberKind::ThirdPartyAdmin),
            _ => self,
        }
    }

    /// Whether others report to such a person.
    pub(super) fn leads(self) -> bool {
        self.state == State::Active && self.has_work_email && self.is_staff()
    }

    /// Neither a vendor nor the accountant of another company.
    pub(super) fn is_staff(self) -> bool {
        !matches!(self.kind, "vendor" | "third_party_admin")
    }

    pub(super) fn is_on_payroll(self) -> bool {
        self.is_staff() && !self.kind.contains("contractor")
    }

    pub(super) fn is_in_the_states(self) -> bool {
        !matches!(self.kind, "employee_eor" | "international_employee" | "international_contractor")
    }
}

fn kind(dice: &mut Dice) -> &'static str {
    match dice.below(100) {
        0..70 => "employee",
        70..80 => "contractor",
        80..86 => "employee_eor",
        86..92 => "international_employee",
        92..97 => "international_contractor",
        _ => "intern",
    }
}

fn mixed(parts: &[MemberPart], index: u32) -> Role {
    let mut left = index;
    for part in parts {
        if left < part.count {
            return of_kind(part.kind);
        }
        left -= part.count;
    }
    Role::active("employee")
}

fn of_kind(kind: MemberKind) -> Role {
    let employee = Role::active("employee");
    match kind {
        MemberKind::Employee => employee,
        MemberKind::Contractor => Role::active("contractor"),
        MemberKind::InternationalContractor => Role::active("international_contractor"),
        MemberKind::EmployeeEor => Role::active("employee_eor"),
        MemberKind::InternationalEmployee => Role::active("international_employee"),
        MemberKind::Intern => Role::active("intern"),
        MemberKind::Vendor => Role { has_work_email: false, ..Role::active("vendor") },
        MemberKind::ThirdPartyAdmin => Role::active("third_party_admin"),
        MemberKind::Upcoming => Role { state: State::Upcoming, ..employee },
        MemberKind::Terminated => Role { state: State::Terminated, ..employee },
        MemberKind::Leaving => Role { state: State::Leaving, ..employee },
        MemberKind::NoWorkEmail => Role { has_work_email: false, ..employee },
    }
}
