//! The people of a simulated Remote, as far as another HR system may know the same humans.

use std::sync::Arc;

use chrono::NaiveDate;

use super::company::Company;
use super::config::{Kinds, SandboxConfig};
use crate::sandbox::names::Name;

/// A human who works through Remote and somewhere else too.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Twin {
    /// The number of the person among these people, from 0.
    pub(in crate::sandbox) place: u32,
    pub(in crate::sandbox) name: Name,
    /// The part before the @ of the work email, in small letters.
    pub(in crate::sandbox) mailbox: String,
    pub(in crate::sandbox) birth: NaiveDate,
    pub(in crate::sandbox) title: Option<String>,
    /// Place among the departments of Remote.
    pub(in crate::sandbox) department: Option<u32>,
}

/// The first made-up people of a Remote who have a work email. Four bytes each are kept, and no person.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct Twins {
    company: Company,
    indices: Arc<[u32]>,
}

impl Twins {
    /// The first `people` of a Remote with that seed, domain, day, number of workers and kinds.
    pub(in crate::sandbox) fn of(
        (seed, domain, today): (u64, &str, NaiveDate),
        (workers, kinds): (u32, &Kinds),
        people: u32,
    ) -> Self {
        let config = SandboxConfig {
            seed,
            workers,
            kinds: kinds.clone(),
            domain: domain.to_owned(),
            ..SandboxConfig::default()
        };
        let company = Company::new(&config.settled(), today);
        let people = usize::try_from(people).unwrap_or(usize::MAX);
        let indices = (company.first_made()..company.workers()).filter(|index| company.has_a_face(*index)).take(people);
        Self { indices: indices.collect(), company }
    }

    /// The Remote index of the person at a place.
    pub(in crate::sandbox) fn worker(&self, place: u32) -> Option<u32> {
        self.indices.get(usize::try_from(place).ok()?).copied()
    }

    /// The first Remote index that comes after all of them.
    pub(in crate::sandbox) fn end(&self) -> u32 {
        self.indices.last().map_or(0, |last| last.saturating_add(1))
    }

    pub(in crate::sandbox) fn twin(&self, place: u32) -> Option<Twin> {
        let draft = self.company.draft(self.worker(place)?);
        let mailbox = draft.work_email.as_deref().and_then(|email| email.split_once('@'))?.0.to_owned();
        Some(Twin {
            place,
            mailbox,
            name: draft.name,
            birth: draft.birth,
            title: draft.title,
            department: draft.department,
        })
    }

    /// Name and work email of people who lead others in Remote and are not among these.
    pub(in crate::sandbox) fn leaders_beside(&self) -> impl Iterator<Item = (String, String)> {
        (self.end().max(self.company.first_made())..self.company.workers()).filter_map(|index| {
            let (name, email) = self.company.contact(index);
            email.filter(|_| self.company.leads(index)).map(|email| (name, email))
        })
    }
}
