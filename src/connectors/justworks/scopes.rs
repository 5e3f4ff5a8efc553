//! OAuth scopes of Justworks (page section 1), and which parts of a worker are missing without them.
//!
//! Without the scope of a field the field's key is absent and the status is 200: such a key was not cleared.

use std::collections::BTreeSet;

use crate::directory::attribute::name;
use crate::directory::worker::Part;

/// What consent is asked for, unless the settings say otherwise.
pub(super) const SUGGESTED: [&str; 4] =
    ["company.basic:read", "member.detail:read", "member.employment:read", "member.dob:read"];

/// The scopes that Justworks documents (page section 1).
pub(super) static DOCUMENTED: [&str; 16] = [
    "company.bank_account:read",
    "company.basic:read",
    "company.detail:read",
    "deductions:read",
    "deductions:write",
    "member.basic:read",
    "member.detail:read",
    "member.dob:read",
    "member.employment:read",
    "member.pay:read",
    "member.sex:read",
    "member.tax_id:read",
    "payroll:read",
    "paystub:read",
    "time_off:read",
    "time_off:write",
];

/// Scopes of data that has no place here (law 9), by the word before `:`.
const NEVER_WANTED: [&str; 8] = [
    "member.sex",
    "member.tax_id",
    "member.pay",
    "company.bank_account",
    "payroll",
    "paystub",
    "deductions",
    "time_off",
];

/// Granted or requested scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Reads scopes, each text of which may name several, separated by spaces (or commas, as some servers write them).
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let words = |text: &'a str| text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        Self(texts.into_iter().flat_map(words).map(str::to_owned).collect())
    }

    pub(super) fn shows_company(&self) -> bool {
        self.has("company.basic:read") || self.has("company.detail:read")
    }

    pub(super) fn shows_members(&self) -> bool {
        self.has("member.basic:read") || self.has("member.detail:read")
    }

    pub(super) fn shows_birth_dates(&self) -> bool {
        self.has("member.dob:read")
    }

    pub(super) fn shows_employment(&self) -> bool {
        self.has("member.employment:read")
    }

    /// The parts of a worker that are not shown.
    pub(super) fn hidden(&self) -> BTreeSet<Part> {
        let mut hidden = BTreeSet::new();
        if !self.shows_birth_dates() {
            hidden.insert(Part::BirthDate);
        }
        if !self.shows_employment() {
            hidden.extend([Part::Start, Part::LastDay, Part::Manager]);
            let attributes = [
                name::TITLE,
                name::DEPARTMENT,
                name::DEPARTMENT_ID,
                name::WORK_LOCATION,
                name::WORK_LOCATION_ID,
                name::COUNTRY,
            ];
            hidden.extend(attributes.map(|name| Part::Attribute(name.to_owned())));
        }
        hidden
    }

    /// All of them in one text that does not depend on their order.
    pub(super) fn in_order(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn has(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }
}

/// Whether a scope is one of data that is never taken.
pub(super) fn is_never_wanted(scope: &str) -> bool {
    NEVER_WANTED.contains(&scope.split(':').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_suggested_hides_nothing_and_takes_nothing_that_is_never_wanted() {
        assert_eq!(Scopes::of(SUGGESTED).hidden(), BTreeSet::new());
        assert!(!SUGGESTED.into_iter().any(is_never_wanted));
        assert!(is_never_wanted("member.pay:read") && is_never_wanted("deductions:write"));
    }

    #[test]
    fn a_missing_scope_hides_its_parts_however_the_others_are_written() {
        let hidden = Scopes::of(["member.detail:read  company.basic:read,member.employment:read"]).hidden();
        assert_eq!(hidden, [Part::BirthDate].into());
        let hidden = Scopes::of(["member.basic:read", "member.dob:read"]).hidden();
        assert!(hidden.contains(&Part::Manager) && hidden.contains(&Part::Attribute(name::TITLE.to_owned())));
        assert!(!hidden.contains(&Part::BirthDate) && !hidden.contains(&Part::Attribute(name::GIVEN_NAME.to_owned())));
    }
}
