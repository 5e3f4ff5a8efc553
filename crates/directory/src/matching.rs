//! Decides whether two workers with one work email are one human, and why (law 4, design section 5 "Matching").
//!
//! Email brings two workers together; birth date and name confirm or contradict. A new surname is no contradiction
//! where the birth date agrees: people marry.

use super::attribute::name;
use super::plan::LinkReason;
use super::text::words;
use super::worker::Worker;

/// The result of a comparison of two workers with the same email key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    SameHuman(LinkReason),
    /// The names of the fields that contradict.
    Conflict(Vec<String>),
    /// Nothing contradicts, and nothing proves it either.
    Unproven,
}

/// Whether the compared statements come from one connection or from two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One HR system: an email alone proves nothing there, since mailboxes are shared.
    OneConnection,
    /// Two HR systems: the email links unless something contradicts.
    AcrossConnections,
}

const BIRTH_DATE: &str = "birthDate";
const NAME: &str = "name";

/// Compares two workers that have the same email key. The order of the two does not matter.
#[must_use]
pub fn agreement(a: &Worker, b: &Worker, reach: Reach) -> Agreement {
    let names = compare(&name_words(a), &name_words(b));
    if let (Some(a), Some(b)) = (a.birth_date, b.birth_date) {
        if a == b {
            return Agreement::SameHuman(LinkReason::WorkEmailAndBirthDate);
        }
        let mut fields = vec![BIRTH_DATE.to_owned()];
        if matches!(names, Names::Overlap | Names::Differ) {
            fields.push(NAME.to_owned());
        }
        return Agreement::Conflict(fields);
    }
    match (names, reach) {
        (Names::Equal, _) => Agreement::SameHuman(LinkReason::WorkEmailAndFullName),
        (Names::Differ, _) | (Names::Overlap, Reach::OneConnection) => Agreement::Conflict(vec![NAME.to_owned()]),
        (Names::Unknown, Reach::OneConnection) => Agreement::Unproven,
        (Names::Overlap | Names::Unknown, Reach::AcrossConnections) => Agreement::SameHuman(LinkReason::WorkEmail),
    }
}

/// The result of a comparison of a worker with all workers of one person.
///
/// An equal birth date outweighs everything, then a different one; then an equal full name; then any contradiction; and
/// an email alone links only where no worker of the same connection leaves it unproven. The order of `others` does not
/// matter.
#[must_use]
pub fn agreement_with<'a>(worker: &Worker, others: impl IntoIterator<Item = (&'a Worker, Reach)>) -> Agreement {
    let mut conflicts = Vec::new();
    let (mut by_name, mut by_email, mut unproven) = (false, false, false);
    let mut by_birth_date = false;
    for (other, reach) in others {
        match agreement(worker, other, reach) {
            Agreement::SameHuman(LinkReason::WorkEmailAndBirthDate) => by_birth_date = true,
            Agreement::SameHuman(LinkReason::WorkEmailAndFullName) => by_name = true,
            Agreement::SameHuman(_) => by_email = true,
            Agreement::Conflict(fields) => conflicts.extend(fields),
            Agreement::Unproven => unproven = true,
        }
    }
    conflicts.sort();
    conflicts.dedup();
    if by_birth_date {
        Agreement::SameHuman(LinkReason::WorkEmailAndBirthDate)
    } else if conflicts.iter().any(|field| field == BIRTH_DATE) {
        Agreement::Conflict(conflicts)
    } else if by_name {
        Agreement::SameHuman(LinkReason::WorkEmailAndFullName)
    } else if !conflicts.is_empty() {
        Agreement::Conflict(conflicts)
    } else if by_email && !unproven {
        Agreement::SameHuman(LinkReason::WorkEmail)
    } else {
        Agreement::Unproven
    }
}

enum Names {
    Equal,
    /// A part in common: a surname changed, or a middle name is missing.
    Overlap,
    Differ,
    Unknown,
}

/// Names are compared without order: HR systems do not agree on which part comes first.
fn compare(a: &[String], b: &[String]) -> Names {
    if a.is_empty() || b.is_empty() {
        return Names::Unknown;
    }
    if a == b {
        return Names::Equal;
    }
    // An initial in common is no name in common.
    let overlap = a.iter().any(|word| word.len() > 1 && b.contains(word));
    if overlap { Names::Overlap } else { Names::Differ }
}

fn name_words(worker: &Worker) -> Vec<String> {
    let attribute = |name: &str| worker.attributes.get(name).map(String::as_str);
    let whole = worker.full_name.as_deref().or_else(|| attribute(name::FORMATTED_NAME));
    let parts = || {
        let parts = [name::GIVEN_NAME, name::MIDDLE_NAME, name::FAMILY_NAME].map(attribute);
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let mut found = whole.map(words).unwrap_or_default();
    if found.is_empty() {
        found = words(&parts());
    }
    if found.is_empty() {
        found = attribute(name::DISPLAY_NAME).map(words).unwrap_or_default();
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::worker;

    fn human(name: &str, born: &str) -> Worker {
        let mut human = worker("1", "a@acme.com").named(name);
        human.birth_date = (!born.is_empty()).then(|| born.parse().unwrap());
        human.full_name = human.full_name.filter(|name| !name.is_empty());
        human
    }

    fn both(a: &Worker, b: &Worker, reach: Reach) -> Agreement {
        assert_eq!(agreement(a, b, reach), agreement(b, a, reach));
        agreement(a, b, reach)
    }

    fn conflict(fields: &[&str]) -> Agreement {
        Agreement::Conflict(fields.iter().map(|field| (*field).to_owned()).collect())
    }

    const DOB: Agreement = Agreement::SameHuman(LinkReason::WorkEmailAndBirthDate);
    const FULL_NAME: Agreement = Agreement::SameHuman(LinkReason::WorkEmailAndFullName);
    const EMAIL: Agreement = Agreement::SameHuman(LinkReason::WorkEmail);

    #[test]
    fn within_one_connection_a_birth_date_or_the_full_name_must_agree() {
        let compare = |a: (&str, &str), b: (&str, &str)| both(&human(a.0, a.1), &human(b.0, b.1), Reach::OneConnection);
        assert_eq!(compare(("Ana Silva", "1990-02-11"), ("Ana Costa", "1990-02-11")), DOB, "people marry");
        assert_eq!(compare(("Ana Silva", "1990-02-11"), ("Ana Silva", "1971-09-30")), conflict(&["birthDate"]));
        assert_eq!(compare(("Ana Silva", "1990-02-11"), ("ANA  SÍLVA", "")), FULL_NAME);
        assert_eq!(compare(("Silva, Ana", ""), ("Ana Silva", "")), FULL_NAME);
        assert_eq!(compare(("Ana Silva", ""), ("Ana Costa", "")), conflict(&["name"]));
        assert_eq!(compare(("Łukasz Żółkiewski", ""), ("Jürgen Weiß", "")), conflict(&["name"]));
        assert_eq!(compare(("Ana Silva", "1990-02-11"), ("", "")), Agreement::Unproven);
    }

    #[test]
    fn across_connections_an_email_links_unless_something_contradicts() {
        let compare =
            |a: (&str, &str), b: (&str, &str)| both(&human(a.0, a.1), &human(b.0, b.1), Reach::AcrossConnections);
        assert_eq!(compare(("Ana Silva", "1990-02-11"), ("Zoe Costa", "1990-02-11")), DOB);
        let different = conflict(&["birthDate", "name"]);
        assert_eq!(compare(("Ana Silva", "1990-02-11"), ("Ana Costa", "1971-09-30")), different);
        assert_eq!(compare(("Ana Silva", ""), ("Ana Sofia Costa", "1990-02-11")), EMAIL);
        assert_eq!(compare(("Ana Silva", ""), ("Zoe Costa", "")), conflict(&["name"]));
        assert_eq!(compare(("", ""), ("Zoe Costa", "")), EMAIL);
        assert_eq!(compare(("田中 美咲", ""), ("田中 美咲", "1990-02-11")), FULL_NAME);
    }

    #[test]
    fn of_several_workers_the_strongest_word_counts() {
        let (old, wed) = (human("Maria Lopez", ""), human("Maria Garcia", "1990-02-11"));
        let new = human("Maria Garcia-Ruiz", "1990-02-11");
        let with = |others: &[(&Worker, Reach)]| agreement_with(&new, others.iter().copied());
        assert_eq!(with(&[(&old, Reach::OneConnection), (&wed, Reach::AcrossConnections)]), DOB);
        assert_eq!(with(&[(&old, Reach::OneConnection)]), conflict(&["name"]));
        let nameless = human("", "");
        assert_eq!(with(&[(&nameless, Reach::AcrossConnections)]), EMAIL);
        let mixed = [(&nameless, Reach::AcrossConnections), (&nameless, Reach::OneConnection)];
        assert_eq!(with(&mixed), Agreement::Unproven, "a shared mailbox stays one behind another connection");
        assert_eq!(with(&[]), Agreement::Unproven);
    }
}
