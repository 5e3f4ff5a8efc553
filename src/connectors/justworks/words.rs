//! Values of Justworks for kinds of members and for statuses, and their default meaning (page section 5).

use super::super::connector::Proposal;
use crate::directory::worker::Employment;
use crate::directory::worker::mapping::{EmploymentType, Mapping, StatusClass};

/// The two types that Justworks documents, then those that its product knows, as they would be written.
const WORKER_TYPES: [&str; 12] = [
    "international_employee",
    "employee_eor",
    "employee",
    "contractor",
    "international_contractor",
    "consultant",
    "intern",
    "temp",
    "vendor",
    "third_party_admin",
    "admin",
    "accountant",
];

/// `active` is true.
pub(super) const ACTIVE: &str = "active";
/// `active` is false, and no termination date explains it: no source states that this member has left, and none that
/// they may come in.
pub(super) const INACTIVE: &str = "inactive";
/// `active` is false, and there is a termination date: the date decides, and its day is still a day of work.
pub(super) const INACTIVE_BY_DATE: &str = "inactive_by_date";

/// Derives the status again after a last day was filled that the record did not show.
pub(super) fn settle(employment: &mut Employment) {
    if employment.status == INACTIVE && employment.last_day.is_some() {
        INACTIVE_BY_DATE.clone_into(&mut employment.status);
    }
}

const STATUSES: [(&str, StatusClass); 3] =
    [(ACTIVE, StatusClass::Current), (INACTIVE, StatusClass::Suspended), (INACTIVE_BY_DATE, StatusClass::Current)];

/// The value map that an admin is offered first.
pub(crate) fn default_mapping() -> Mapping {
    let mut mapping =
        Mapping { statuses: STATUSES.map(|(word, class)| (word.to_owned(), class)).into(), ..Mapping::default() };
    for word in WORKER_TYPES {
        if let Some(proposal) = propose(word) {
            mapping.worker_types.insert(word.to_owned(), proposal.employment_type);
            mapping.vendors.extend(proposal.vendor.then(|| word.to_owned()));
        }
    }
    mapping
}

/// The probable meaning of a type, by the terms in it, in the order of the page; `None` where no term is known.
pub(crate) fn propose(word: &str) -> Option<Proposal> {
    let lower = word.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    let has_word = |wanted: &str| lower.split(|c: char| !c.is_alphanumeric()).any(|word| word == wanted);
    let (employment_type, vendor) = if has("eor") {
        (EmploymentType::Employee, false)
    } else if has("contractor") || has("consultant") {
        (EmploymentType::Contractor, false)
    } else if has("vendor") {
        (EmploymentType::Contractor, true)
    } else if has("third_party") || has("admin") || has("accountant") {
        (EmploymentType::Other, true)
    } else if has_word("intern") {
        (EmploymentType::Intern, false)
    } else if has("employee") {
        (EmploymentType::Employee, false)
    } else if has_word("temp") || has_word("temporary") {
        (EmploymentType::Temporary, false)
    } else {
        return None;
    };
    Some(Proposal { employment_type, vendor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_proposed_by_their_words_in_order() {
        use EmploymentType::{Contractor, Employee, Intern, Other, Temporary};
        for (word, expected) in [
            ("employee", Some((Employee, false))),
            ("employee_eor", Some((Employee, false))),
            ("EOR", Some((Employee, false))),
            ("international_employee", Some((Employee, false))),
            ("international_contractor", Some((Contractor, false))),
            ("us_consultant_1099", Some((Contractor, false))),
            ("vendor_1099", Some((Contractor, true))),
            ("third_party_bookkeeper", Some((Other, true))),
            ("Company Admin", Some((Other, true))),
            ("paid_intern", Some((Intern, false))),
            ("intern_employee", Some((Intern, false))),
            ("international", None),
            ("temp", Some((Temporary, false))),
            ("temperamental", None),
            ("fractional_advisor", None),
            ("", None),
        ] {
            let proposed = propose(word).map(|proposal| (proposal.employment_type, proposal.vendor));
            assert_eq!(proposed, expected, "{word}");
        }
    }

    #[test]
    fn the_default_map_has_a_meaning_for_each_of_its_words() {
        let mapping = default_mapping();
        assert_eq!(mapping.worker_types.len(), WORKER_TYPES.len());
        assert_eq!(mapping.vendors, ["accountant", "admin", "third_party_admin", "vendor"].map(str::to_owned).into());
        assert!(!mapping.worker_types.contains_key("fractional_advisor"));
    }
}
