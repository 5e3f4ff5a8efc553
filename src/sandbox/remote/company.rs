//! Makes the people of a simulated company. Every person is made from (seed, index) when asked for, and none is kept.

use std::sync::Arc;

use chrono::NaiveDate;

use super::config::{Kind, Kinds, Part, SandboxConfig};
use super::draft::{Boss, Dates, Draft, State, Work, Workplace};
use super::examples;
use crate::sandbox::dates::days_before;
use crate::sandbox::dice::Dice;
use crate::sandbox::names::{self, Name};
use crate::sandbox::pair::ManagerElsewhere;
use crate::sandbox::{places, words};

/// The purposes of [`Dice`].
const ROLE: u64 = 1;
const DETAILS: u64 = 3;
const ELSEWHERE: u64 = 4;

/// How many people report to one manager.
const SPAN: u32 = 7;

/// How many in a hundred of the leaves report to a person of another HR system, where there is one.
const SHARE_ELSEWHERE: u32 = 12;

#[derive(Clone, Debug)]
pub(super) struct Company {
    seed: u64,
    kinds: Kinds,
    workers: u32,
    domain: String,
    today: NaiveDate,
    elsewhere: Arc<[ManagerElsewhere]>,
    elsewhere_from: u32,
}

/// The role of a person in the company, before any detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Role {
    work: Work,
    state: State,
    has_work_email: bool,
    sparse: bool,
}

impl Role {
    const fn active(work: Work) -> Self {
        Self { work, state: State::ACTIVE, has_work_email: true, sparse: false }
    }
}

impl Company {
    /// `config` has to be [settled](SandboxConfig::settled).
    pub(super) fn new(config: &SandboxConfig, today: NaiveDate) -> Self {
        Self {
            seed: config.seed,
            kinds: config.kinds.clone(),
            workers: config.workers,
            domain: config.domain.clone(),
            today,
            elsewhere: config.managers_elsewhere.clone().into(),
            elsewhere_from: config.managers_elsewhere_from,
        }
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.today
    }

    pub(super) fn domain(&self) -> &str {
        &self.domain
    }

    /// How many people the set-up asks for; indices beyond make people who were added.
    pub(super) fn workers(&self) -> u32 {
        self.workers
    }

    pub(super) fn has_everything(&self) -> bool {
        self.kinds == Kinds::Everything
    }

    /// Whether `index` is one of the sixteen example people.
    pub(super) fn is_example(&self, index: u32) -> bool {
        self.has_everything() && index < examples::COUNT && index < self.workers
    }

    /// The first index that is none of the example people.
    pub(super) fn first_made(&self) -> u32 {
        if self.has_everything() { examples::COUNT } else { 0 }
    }

    /// Whether the made-up person at an index works here now and can be found by work email: others report to such.
    pub(super) fn leads(&self, index: u32) -> bool {
        let role = self.role(index);
        role == Role::active(role.work)
    }

    /// Whether the made-up person at an index has a work email and a birth date.
    pub(super) fn has_a_face(&self, index: u32) -> bool {
        let role = self.role(index);
        role.has_work_email && !role.sparse
    }

    pub(super) fn id(&self) -> String {
        format!("5f0c{:04x}-6b1d-4c52-9a31-8d2f7b0e4c10", self.mark() ^ 0x2a7e)
    }

    pub(super) fn employment_id(&self, index: u32) -> String {
        let number = index.saturating_add(1);
        format!("7a1{number:05x}-{:04x}-4000-8000-{number:012x}", self.mark())
    }

    /// The index whose [`employment_id`](Self::employment_id) this is.
    pub(super) fn index_of(&self, employment_id: &str) -> Option<u32> {
        let (_, number) = employment_id.rsplit_once('-')?;
        let index = u32::from_str_radix(number, 16).ok()?.checked_sub(1)?;
        self.employment_id(index).eq_ignore_ascii_case(employment_id).then_some(index)
    }

    pub(super) fn user_id(&self, index: u32) -> String {
        let number = index.saturating_add(1);
        format!("c3d4{:04x}-1111-4111-8111-{number:012x}", self.mark())
    }

    pub(super) fn contract_id(&self, index: u32) -> String {
        let number = index.saturating_add(1);
        format!("ac70{:04x}-4444-4444-8444-{number:012x}", self.mark())
    }

    pub(super) fn legal_entity_id(&self, place: usize) -> String {
        let (head, tail) = [("0b7d", "1f2d3c4b5a60"), ("1c8e", "2a3e4d5c6b71")][place % 2];
        format!("{head}{:04x}-3c14-4f0e-8b7a-{tail}", self.mark())
    }

    /// About one department for 25 people, at least 5 and at most 60.
    pub(super) fn departments(&self) -> u32 {
        (self.workers / 25).clamp(5, 60)
    }

    /// Id and name of a department.
    pub(super) fn department(&self, place: u32) -> (String, String) {
        let id = format!("d1e0{:04x}-2222-4222-8222-{:012x}", self.mark(), place.saturating_add(1));
        (id, words::department(place, self.has_everything()))
    }

    /// Full name and work email, without making the whole person.
    pub(super) fn contact(&self, index: u32) -> (String, Option<String>) {
        if self.is_example(index) {
            let person = examples::person(index, self);
            return (person.name.full, person.work_email);
        }
        let (name, mailbox) = self.name(index);
        let email = self.role(index).has_work_email.then(|| format!("{mailbox}@{}", self.domain));
        (name.full, email)
    }

    /// Remote's value of the status, without making the whole person.
    pub(super) fn status(&self, index: u32) -> &'static str {
        if self.is_example(index) { examples::person(index, self).state.status } else { self.role(index).state.status }
    }

    /// Everything about a person, whether the company has so many or not.
    pub(super) fn draft(&self, index: u32) -> Draft {
        if self.is_example(index) {
            return examples::person(index, self);
        }
        let role = self.role(index);
        let (name, mailbox) = self.name(index);
        let mut dice = Dice::of(self.seed, index, DETAILS);
        let country = country(role.work, &mut dice);
        let dates = self.dates(role, &mut dice);
        let work_email = role.has_work_email.then(|| format!("{mailbox}@{}", self.domain));
        let personal_email = format!("{mailbox}@mail.example");
        let own = role.work == Work::DIRECT;
        let title = format!("{}{}", dice.pick(&words::RANKS), dice.pick(&words::TITLES));
        let edited = stamp(days_before(self.today, i64::from(dice.between(1, 200))), &mut dice);
        let created = dates.start.unwrap_or_else(|| days_before(self.today, 400)).min(self.today);
        Draft {
            index,
            external_id: (!role.work.is_contract() && !role.state.is_upcoming()).then(|| format!("E-{:05}", index + 1)),
            work: role.work,
            state: role.state,
            name,
            title: Some(if index == 0 { "Chief Executive Officer".to_owned() } else { title }),
            login_email: work_email.clone().filter(|_| own).unwrap_or_else(|| personal_email.clone()),
            work_email,
            personal_email,
            department: Some(self.department_of(index, &mut dice)),
            boss: self.whom(index).filter(|_| role.state != State::ARCHIVED),
            country: Some(country),
            entity: usize::from(own && places::COUNTRIES[country].alpha_2 == "SE"),
            birth: days_before(self.today, i64::from(dice.between(20 * 366, 62 * 365))),
            dates,
            created: stamp(days_before(created, i64::from(dice.between(10, 40))), &mut dice),
            updated: edited,
            workplace: match role.work {
                _ if role.sparse || role.state.is_upcoming() || role.work.is_contract() => Workplace::Unknown,
                Work::DIRECT => Workplace::Office,
                _ => Workplace::Home,
            },
            sparse: role.sparse,
            confirms_work: role.work.is_contract() && dice.chance(50),
        }
    }

    /// The manager of a person: a few of the leaves report to a person of another HR system.
    fn whom(&self, index: u32) -> Option<Boss> {
        let mut dice = Dice::of(self.seed, index, ELSEWHERE);
        let may_report_elsewhere = index >= self.elsewhere_from && self.is_leaf(index) && !self.elsewhere.is_empty();
        if may_report_elsewhere && dice.chance(SHARE_ELSEWHERE) {
            let ManagerElsewhere { name, email } = dice.pick(&self.elsewhere).clone();
            return Some(Boss::Outside { name, email, index: None });
        }
        self.boss(index).map(Boss::Inside)
    }

    /// Whether no worker can have this person as manager.
    fn is_leaf(&self, index: u32) -> bool {
        let place = index.saturating_sub(self.first_made().max(1));
        place.saturating_add(1).saturating_mul(SPAN) >= self.workers
    }

    /// The manager, who works here now. The manager always has a lower index, so that managers form a tree.
    fn boss(&self, index: u32) -> Option<u32> {
        let first = self.first_made().max(1);
        let above = |index: u32| match index.checked_sub(first)? {
            place if place < SPAN => Some(0),
            place => Some(first + place / SPAN - 1),
        };
        let mut boss = above(index);
        while let Some(candidate) = boss {
            if candidate == 0 || self.leads(candidate) {
                break;
            }
            boss = above(candidate);
        }
        boss
    }

    fn role(&self, index: u32) -> Role {
        if index >= self.workers {
            return Role::active(Work::DIRECT);
        }
        let mut dice = Dice::of(self.seed, index, ROLE);
        match &self.kinds {
            Kinds::Mix(parts) => mixed(parts, index),
            Kinds::Plain if index == 0 => Role::active(Work::DIRECT),
            Kinds::Plain => Role::active(work(&mut dice)),
            Kinds::Everything => {
                let role = Role::active(work(&mut dice));
                match dice.below(1000) {
                    0..40 => Role { state: State::ARCHIVED, ..role },
                    40..60 => Role { state: State::OFFBOARDING, ..role },
                    60..80 => Role { state: upcoming(&mut dice), ..role },
                    80..90 => Role { state: upcoming(&mut dice), has_work_email: false, ..role },
                    90..93 => Role { has_work_email: false, ..role },
                    93..100 => Role { sparse: true, ..role },
                    _ => role,
                }
            }
        }
    }

    /// The name and the mailbox, which no other person at the company has.
    fn name(&self, index: u32) -> (Name, String) {
        names::human(self.seed, index)
    }

    fn department_of(&self, index: u32, dice: &mut Dice) -> u32 {
        let place = dice.below(self.departments());
        match place {
            _ if index == 0 => words::EXECUTIVE,
            words::EXECUTIVE => 0,
            _ => place,
        }
    }

    fn dates(&self, role: Role, dice: &mut Dice) -> Dates {
        let mut dates = Dates::default();
        let ago = |days: u32| Some(days_before(self.today, i64::from(days)));
        let ahead = |days: u32| Some(days_before(self.today, -i64::from(days)));
        let served = dice.between(30, 3650);
        let gone = dice.between(1, 700);
        let soon = dice.between(5, 60);
        dates.start = match role.state {
            State::ARCHIVED => {
                dates.termination = ago(gone);
                ago(gone + served)
            }
            State::OFFBOARDING => {
                dates.termination = ahead(soon);
                ago(served)
            }
            state if state.is_upcoming() => ahead(dice.between(3, 90)),
            _ => ago(served),
        };
        if role.work == Work::CONTRACTOR && self.has_everything() && dice.chance(33) {
            // Remote knows no start of many contractors.
            dates.start = None;
        } else if !role.work.is_contract() && !role.state.is_upcoming() {
            let earlier = if dice.chance(25) { dice.between(60, 1500) } else { 0 };
            dates.seniority = dates.start.map(|start| days_before(start, i64::from(earlier)));
            dates.probation_end = dates.start.filter(|_| role.work == Work::EOR).map(|start| days_before(start, -180));
        }
        if role.work == Work::CONTRACTOR_OF_RECORD {
            dates.expiration = ahead(dice.between(30, 500));
        }
        dates
    }

    /// Sixteen bits of the seed, written into ids: two companies share none.
    fn mark(&self) -> u64 {
        let seed = self.seed;
        (seed ^ (seed >> 16) ^ (seed >> 32) ^ (seed >> 48)) & 0xFFFF
    }
}

fn work(dice: &mut Dice) -> Work {
    match dice.below(100) {
        0..45 => Work::DIRECT,
        45..70 => Work::EOR,
        70..75 => Work::PEO,
        75..80 => Work::GLOBAL_PAYROLL,
        80..92 => Work::CONTRACTOR,
        92..96 => Work::CONTRACTOR_PLUS,
        _ => Work::CONTRACTOR_OF_RECORD,
    }
}

/// The company has entities in the United Kingdom and in Sweden; all others are employed through Remote, anywhere.
fn country(work: Work, dice: &mut Dice) -> usize {
    let anywhere = u32::try_from(places::COUNTRIES.len()).unwrap_or(u32::MAX);
    let own = if dice.chance(60) { "GB" } else { "SE" };
    let any = usize::try_from(dice.below(anywhere)).expect("smaller than the number of countries");
    if work == Work::DIRECT { places::country(own).unwrap_or_default() } else { any }
}

fn upcoming(dice: &mut Dice) -> State {
    *dice.pick(&[
        State::INVITED,
        State::PRE_HIRE,
        State::new("created", "employment_creation", "created"),
        State::new("job_title_review", "employment_creation", "created"),
        State::new("pending", "right_to_work_check", "active"),
        State::new("review", "contract_signing", "active"),
        State::new("pending_post_self_enrollment_actions", "remote_enrollment", "active"),
    ])
}

fn mixed(parts: &[Part], index: u32) -> Role {
    let mut left = index;
    for part in parts {
        if left < part.count {
            return of_kind(part.kind);
        }
        left -= part.count;
    }
    Role::active(Work::DIRECT)
}

fn of_kind(kind: Kind) -> Role {
    let eor = Role::active(Work::EOR);
    match kind {
        Kind::Direct => Role::active(Work::DIRECT),
        Kind::Eor => eor,
        Kind::Peo => Role::active(Work::PEO),
        Kind::GlobalPayroll => Role::active(Work::GLOBAL_PAYROLL),
        Kind::Contractor => Role::active(Work::CONTRACTOR),
        Kind::ContractorPlus => Role::active(Work::CONTRACTOR_PLUS),
        Kind::ContractorOfRecord => Role::active(Work::CONTRACTOR_OF_RECORD),
        Kind::Upcoming => Role { state: State::INVITED, ..eor },
        Kind::Archived => Role { state: State::ARCHIVED, ..eor },
        Kind::Offboarding => Role { state: State::OFFBOARDING, ..eor },
        Kind::NoWorkEmail => Role { has_work_email: false, ..eor },
    }
}

/// A time on that day, mostly without a zone mark, as seen live.
fn stamp(day: NaiveDate, dice: &mut Dice) -> String {
    let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(60));
    let zone = if dice.chance(20) { "Z" } else { "" };
    format!("{day}T{hour:02}:{minute:02}:{second:02}{zone}")
}
