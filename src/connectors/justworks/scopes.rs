//! OAuth scopes of Justworks (page section 1), and which parts of a worker are missing without them.
//!
//! Without the scope of a field the field's key is absent and the status is 200: such a key was not cleared.

use std::collections::BTreeSet;

use crate::directory::attribute::name;
use crate::directory::worker::Part;

/// The scopes that consent is requested for, unless the settings name others.
pub(super) const SUGGESTED: [&str; 4] =
    ["company.basic:read", "member.detail:read", "member.employment:read", "member.dob:read"];

/// What a member has to be shown with for an attribute to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Any scope that lists members, or the company: without it nothing is read at all.
    Members,
    /// `member.employment:read`.
    Employment,
}

/// Every attribute that a member is read into, with what shows it. A test reads whole members with and without the
/// scopes, and fails for an attribute that is missing here or has the wrong gate.
pub(super) const ATTRIBUTES: [(&str, Gate); 16] = [
    (name::GIVEN_NAME, Gate::Members),
    (name::FAMILY_NAME, Gate::Members),
    (name::MIDDLE_NAME, Gate::Members),
    (name::FORMATTED_NAME, Gate::Members),
    (name::DISPLAY_NAME, Gate::Members),
    (name::NICK_NAME, Gate::Members),
    (name::TITLE, Gate::Employment),
    (name::DEPARTMENT, Gate::Employment),
    (name::DEPARTMENT_ID, Gate::Employment),
    (name::LEGAL_ENTITY, Gate::Members),
    (name::LEGAL_ENTITY_ID, Gate::Members),
    (name::WORK_LOCATION, Gate::Employment),
    (name::WORK_LOCATION_ID, Gate::Employment),
    (name::COUNTRY, Gate::Employment),
    (name::EMPLOYEE_NUMBER, Gate::Members),
    (name::WORK_PHONE, Gate::Members),
];

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

/// Scopes of data that does not belong here (law 9), by the name before `:`.
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
            let gated = ATTRIBUTES.iter().filter(|(_, gate)| *gate == Gate::Employment);
            hidden.extend(gated.map(|(name, _)| Part::Attribute((*name).to_owned())));
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
    use serde_json::{Value, json};

    use super::super::normalise::{Facts, normalise};
    use super::super::normalise_tests::{facts, recorded};
    use super::super::notes::Notes;
    use super::*;
    use crate::directory::worker::Worker;

    /// The keys of a member that `member.employment:read` shows, as the example with few scopes has it.
    const EMPLOYMENT_KEYS: [&str; 9] = [
        "department",
        "office",
        "manager",
        "job_title",
        "employment_start_date",
        "employment_termination_date",
        "current_employment",
        "employment_history",
        "pay_history",
    ];

    fn read(member: &Value) -> Worker {
        let facts = Facts { employee_number_from_work_id: true, ..facts() };
        normalise(member, &facts, &mut Notes::default()).unwrap()
    }

    /// Members with a value in every key that is read.
    fn whole() -> Vec<Value> {
        let mut all = recorded();
        for member in &mut all {
            member["phones"] = json!([{ "type": "WORK", "number": "+15550100" }]);
            member["work_id"] = json!("0042");
            member["department"] = json!({ "id": "dep_x", "name": "Research" });
            member["office"] = json!({ "id": "off_x", "name": "Lyon", "address": { "country": "FR" } });
            member["job_title"] = json!("Engineer");
            member["name"]["additional_names"] = json!(["Q."]);
            member["name"]["preferred_name"] = json!("Pim");
        }
        all
    }

    #[test]
    fn every_attribute_that_is_read_has_its_scope() {
        let named: BTreeSet<&str> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
        let mut filled = BTreeSet::new();
        for member in whole() {
            let full = read(&member);
            let mut few = member.clone();
            for key in EMPLOYMENT_KEYS {
                few.as_object_mut().unwrap().remove(key);
            }
            let few = read(&few);
            for name in full.attributes.keys() {
                let gate = ATTRIBUTES.iter().find(|(known, _)| known == name).map(|(_, gate)| *gate);
                let expected = if few.attributes.contains_key(name) { Gate::Members } else { Gate::Employment };
                assert_eq!(gate, Some(expected), "{name}");
                filled.insert(name.clone());
            }
            let mut kept = few;
            kept.keep_hidden(Some(&full), &Scopes::of(["member.detail:read"]).hidden());
            super::super::words::settle(&mut kept.employment);
            // Which keys are missing is a fact of the record, whatever is kept.
            kept.missing.clone_from(&full.missing);
            assert_eq!(kept, full, "nothing is cleared for want of a scope");
        }
        assert_eq!(filled.iter().map(String::as_str).collect::<BTreeSet<_>>(), named, "nothing is listed for nothing");
    }

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
