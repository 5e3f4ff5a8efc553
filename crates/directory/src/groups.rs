//! Derived groups: the groups of a person that follow from HR data (extension.md section 5). This file also decides
//! what such a group is called, and when it has been renamed.
//!
//! A group is (kind, key) across all connections. Two spellings of one name are one key:
//!
//! ```
//! use rollbook_directory::groups::{Kind, key};
//!
//! assert_eq!(key(Kind::Department, " Recherche\u{a0} et De\u{301}veloppement"), key(Kind::Department, "recherche et développement"));
//! ```

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::attribute::{Unit, name as attribute, unit_of};
use super::ids::ConnectionId;
use super::person::Person;

/// Characters of a name, at most: what is longer is cut, since keys are indexed.
const LONGEST_NAME: usize = 200;
/// Bytes of a source id that is remembered, at most.
const LONGEST_ID: usize = 200;

/// What a group is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Department,
    LegalEntity,
    Country,
    EmploymentType,
    Team,
    WorkLocation,
    WorkerType,
    /// The direct reports of one person.
    Manager,
    /// All people who are active.
    All,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Department,
        Self::LegalEntity,
        Self::Country,
        Self::EmploymentType,
        Self::Team,
        Self::WorkLocation,
        Self::WorkerType,
        Self::Manager,
        Self::All,
    ];

    /// The name in the API and in the extension's `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::LegalEntity => "legalEntity",
            Self::Country => "country",
            Self::EmploymentType => "employmentType",
            Self::Team => "team",
            Self::WorkLocation => "workLocation",
            Self::WorkerType => "workerType",
            Self::Manager => "manager",
            Self::All => "all",
        }
    }

    /// The kind of this name, in any case: the extension's `kind` is not case exact.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }

    /// The text before the name in `displayName`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Department => "Department",
            Self::LegalEntity => "Legal entity",
            Self::Country => "Country",
            Self::EmploymentType => "Employment type",
            Self::Team => "Team",
            Self::WorkLocation => "Work location",
            Self::WorkerType => "Worker type",
            Self::Manager => "Manager",
            Self::All => "All",
        }
    }

    /// The place in [`Kind::ALL`].
    #[must_use]
    pub fn place(self) -> usize {
        self as usize
    }
}

/// One group that a person belongs to, from the HR data about the person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    pub kind: Kind,
    pub key: String,
    /// As it is shown. Empty for a manager, whose name the person does not know.
    pub name: String,
    pub source: Option<Source>,
}

/// The connection that states it, and the name of the group's subject there, where it has ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub connection: ConnectionId,
    pub id: Option<String>,
}

/// The groups of a person, of whichever kind. Only active people are in groups.
#[must_use]
pub fn claims(person: &Person) -> Vec<Claim> {
    if !person.active {
        return Vec::new();
    }
    let status_at = &person.employment;
    let value = |name: &str| person.attributes.get(name).map(String::as_str);
    let from = |unit: &Unit, id: Option<&str>| {
        let connection = person.provenance.get(unit).map_or(person.source.connection, |from| from.connection);
        let id = id.map(str::trim).filter(|id| !id.is_empty() && id.len() <= LONGEST_ID && !id.contains('\0'));
        Some(Source { connection, id: id.map(str::to_owned) })
    };
    let named = |kind: Kind| {
        let (name, id) = id_attributes(kind)?;
        let shown = shown_name(value(name)?);
        let key = key(kind, &shown)?;
        Some(Claim { kind, key, name: shown, source: from(&unit_of(name), value(id)) })
    };
    let word = |kind: Kind, word: &str, unit: Unit| {
        let shown = shown_name(word);
        Some(Claim { kind, key: key(kind, &shown)?, name: shown, source: from(&unit, None) })
    };
    let manager = person.manager.person().map(|manager| Claim {
        kind: Kind::Manager,
        key: manager.to_string(),
        name: String::new(),
        source: from(&Unit::named(Unit::MANAGER), None),
    });
    let all = Claim { kind: Kind::All, key: Kind::All.as_str().to_owned(), name: "Everyone".to_owned(), source: None };
    [
        named(Kind::Department),
        named(Kind::LegalEntity),
        value(attribute::COUNTRY)
            .and_then(|code| word(Kind::Country, &code.to_uppercase(), unit_of(attribute::COUNTRY))),
        word(Kind::EmploymentType, status_at.employment_type.as_str(), Unit::named(Unit::TYPE)),
        named(Kind::Team),
        named(Kind::WorkLocation),
        word(Kind::WorkerType, &status_at.worker_type, Unit::named(Unit::TYPE)),
        manager,
        Some(all),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The key of a name within its kind. It is `None` for a name without content, or for a country that is no alpha-2
/// code. Names are compared after NFKC, without regard to case and to how many spaces of whatever width there are.
#[must_use]
pub fn key(kind: Kind, name: &str) -> Option<String> {
    match kind {
        Kind::Country => {
            let code = name.trim();
            (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
        }
        Kind::EmploymentType | Kind::Manager | Kind::All => Some(name.to_owned()).filter(|name| !name.is_empty()),
        Kind::Department | Kind::LegalEntity | Kind::Team | Kind::WorkLocation | Kind::WorkerType => {
            let mut key = folded(&shown_name(name));
            // Folding can leave what folds once more; a key is what does not change any further.
            for _ in 0..4 {
                let again = folded(&key);
                if again == key {
                    break;
                }
                key = again;
            }
            Some(key).filter(|key| !key.is_empty())
        }
    }
}

/// Where a stored person has the name of a group, as a path of JSON keys; of kinds whose names have several spellings.
#[must_use]
pub fn name_path(kind: Kind) -> Option<[&'static str; 2]> {
    match kind {
        Kind::WorkerType => Some(["employment", "workerType"]),
        _ => id_attributes(kind).map(|(name, _)| ["attributes", name]),
    }
}

/// The attributes that hold name and source id, of kinds that HR systems have ids for: only such groups are renamed.
#[must_use]
pub fn id_attributes(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Department => Some((attribute::DEPARTMENT, attribute::DEPARTMENT_ID)),
        Kind::LegalEntity => Some((attribute::LEGAL_ENTITY, attribute::LEGAL_ENTITY_ID)),
        Kind::Team => Some((attribute::TEAM, attribute::TEAM_ID)),
        Kind::WorkLocation => Some((attribute::WORK_LOCATION, attribute::WORK_LOCATION_ID)),
        Kind::Country | Kind::EmploymentType | Kind::WorkerType | Kind::Manager | Kind::All => None,
    }
}

/// A name as it is shown: without odd spaces and invisible characters.
#[must_use]
pub fn shown_name(raw: &str) -> String {
    let text: String = raw
        .chars()
        // Soft hyphen, zero-width space, word joiner, byte order mark.
        .filter(|c| !matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .nfc()
        .collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let cut: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    cut.trim_end().to_owned()
}

fn folded(text: &str) -> String {
    // The standard library has no case folding: lower(upper(lower(c))) equates what it does, but for the dotless ı.
    let fold = |c: char| {
        let dotless = (c == 'ı').then_some(c);
        let other = (c != 'ı').then(|| c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase));
        dotless.into_iter().chain(other.into_iter().flatten())
    };
    let text: String = text.nfkd().flat_map(fold).nfkc().collect();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(LONGEST_NAME).collect::<String>().trim_end().to_owned()
}

/// The names under which a group may be shown, the best first: the first that no other group has is taken (R-063).
/// `system` is the short name of the HR system that the group came from.
#[must_use]
pub fn display_names(kind: Kind, name: &str, system: Option<&str>, id: Uuid) -> Vec<String> {
    let plain = format!("{}: {name}", kind.label());
    let id = id.to_string();
    let marks = system.into_iter().chain(id.get(..8)).chain([id.as_str()]);
    let marked: Vec<String> = marks.map(|mark| format!("{plain} ({mark})")).collect();
    std::iter::once(plain).chain(marked).collect()
}

/// What a member of a group carries once a plan is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Absent for a person who will not be in a group of the kind.
    pub key: Option<String>,
    pub source: Option<Source>,
}

/// Whether a group is renamed to `new`. It is given that one of its source ids carries that name now and no group has
/// it. The group is renamed if no person carries one of its old keys any more, and every person behind one of its
/// source ids carries the new one. Otherwise people move.
#[must_use]
pub fn is_renamed(old: &BTreeSet<String>, new: &str, sources: &BTreeSet<Source>, members: &[Carried]) -> bool {
    members.iter().all(|member| match &member.key {
        None => true,
        Some(key) if old.contains(key) => false,
        Some(key) => key == new || !member.source.as_ref().is_some_and(|source| sources.contains(source)),
    })
}

#[cfg(test)]
mod tests;
