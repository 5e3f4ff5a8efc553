//! The sixteen example people of remote.md section 12. Their dates are moved so that "today" is the sandbox's day.

use chrono::NaiveDate;

use super::company::Company;
use super::draft::{Boss, Dates, Draft, State, Work, Workplace};
use crate::sandbox::dates::days_before;
use crate::sandbox::names::Name;
use crate::sandbox::places;

/// How many there are.
pub(super) const COUNT: u32 = 16;

/// The index of the manager who is not to be seen: no employment of any company has it.
pub(super) const FORMER_BOSS: u32 = 200_062;

const ENGINEERING: Option<u32> = Some(0);
const PEOPLE: Option<u32> = Some(1);
const EXECUTIVE: Option<u32> = Some(2);
const SALES: Option<u32> = Some(3);
const BJORN: Option<Boss> = Some(Boss::Inside(2));
const GRACE: Option<Boss> = Some(Boss::Inside(0));

/// The `index`th example person, from 0.
pub(super) fn person(index: u32, company: &Company) -> Draft {
    let era = Era { company, index };
    if index < 8 { first_half(index, &era) } else { second_half(index, &era) }
}

fn first_half(index: u32, era: &Era<'_>) -> Draft {
    match index {
        0 => era
            .of("Grace", "Okafor")
            .direct("grace.okafor", "Chief Executive Officer", EXECUTIVE, "GB")
            .with(|draft| (draft.dates, draft.birth) = (since(era.on(2019, 1, 7)), birth(1979, 3, 14))),
        1 => era
            .of("Ana Sofia", "Marques")
            .remote("ana.marques", "anasofia.marques", "Senior Backend Engineer", ENGINEERING, "PT")
            .with(|draft| {
                draft.boss = BJORN;
                draft.external_id = Some("E-0102".to_owned());
                draft.dates = Dates { probation_end: Some(era.on(2025, 12, 15)), ..since(era.on(2025, 6, 16)) };
                draft.dates.seniority = Some(era.on(2023, 2, 1));
                draft.birth = birth(1990, 6, 2);
            }),
        2 => era.of("Björn", "Åkesson").direct("bjorn.akesson", "VP Engineering", ENGINEERING, "SE").with(|draft| {
            draft.boss = GRACE;
            draft.personal_email = String::from("bjorn@åkesson.example");
            draft.entity = 1;
            (draft.dates, draft.birth) = (since(era.on(2020, 9, 1)), birth(1984, 11, 30));
        }),
        3 => era
            .of("Łukasz", "Żółkiewski")
            .remote("devs", "lukasz.zolkiewski", "Firmware Contractor", ENGINEERING, "PL")
            .with(|draft| {
                draft.work = Work::CONTRACTOR_PLUS;
                draft.external_id = None;
                let email = "pm@partner-agency.example".to_owned();
                draft.boss = Some(Boss::Outside { name: "Marta Nowak".to_owned(), email, index: None });
                draft.workplace = Workplace::Unknown;
                draft.confirms_work = true;
                draft.birth = birth(1992, 1, 25);
            }),
        4 => era.of("美咲", "田中").remote("", "misaki.tanaka", "アカウントマネージャー", SALES, "JP").with(|draft| {
            draft.name.full = String::from("田中 美咲");
            draft.work = Work::GLOBAL_PAYROLL;
            draft.work_email = None;
            draft.boss = GRACE;
            draft.dates = Dates { seniority: Some(era.on(2021, 10, 1)), ..since(era.on(2024, 4, 1)) };
            draft.birth = birth(1988, 8, 8);
        }),
        5 => era.of("Priya", "Raghunathan").remote("", "priya.r", "Data Engineer", ENGINEERING, "IN").with(|draft| {
            draft.state = State::INVITED;
            (draft.work_email, draft.external_id) = (None, None);
            draft.boss = BJORN;
            draft.dates = contract(era.on(2027, 1, 4));
            draft.workplace = Workplace::Unknown;
            draft.created = stamp(era.on(2026, 11, 5), "T07:40:12");
            draft.updated = stamp(era.on(2026, 11, 18), "T16:03:09");
            draft.birth = birth(1996, 12, 19);
        }),
        6 => era
            .of("Diego", "Hernández Peña")
            .remote("diego.hernandez", "diego.hp", "Office Coordinator", PEOPLE, "MX")
            .with(|draft| {
                draft.state = State::ARCHIVED;
                draft.dates = Dates { termination: Some(era.on(2026, 8, 31)), ..since(era.on(2022, 3, 1)) };
                draft.birth = birth(1986, 5, 5);
            }),
        _ => era.of("Olena", "Kovalenko").remote("olena.kovalenko", "olena.k", "QA Engineer", ENGINEERING, "UA").with(
            |draft| {
                draft.state = State::new("active", "offboarded", "active");
                draft.boss = BJORN;
                draft.dates = Dates { termination: Some(era.on(2026, 10, 15)), ..since(era.on(2023, 5, 15)) };
                draft.workplace = Workplace::Unknown;
                draft.birth = birth(1993, 9, 9);
            },
        ),
    }
}

fn second_half(index: u32, era: &Era<'_>) -> Draft {
    match index {
        8 => era.of("Tom", "Baker").direct("tom.baker", "Sales Director", SALES, "GB").with(|draft| {
            draft.boss = Some(Boss::Inside(9));
            (draft.dates, draft.birth) = (since(era.on(2021, 1, 11)), birth(1981, 2, 11));
        }),
        9 => era.of("Mei-Ling", "Chu").remote("meiling.chu", "meiling.chu", "Regional Sales Lead", SALES, "TW").with(
            |draft| {
                draft.boss = Some(Boss::Inside(8));
                (draft.dates, draft.birth) = (since(era.on(2021, 6, 1)), birth(1987, 7, 17));
            },
        ),
        10 => era
            .of("Ana Sofia", "Marques")
            .remote("ana.marques", "anasofia.marques", "Backend Contractor", ENGINEERING, "PT")
            .with(|draft| {
                draft.work = Work::CONTRACTOR;
                draft.state = State::new("archived", "offboarded", "active");
                draft.external_id = Some("E-0102".to_owned());
                draft.dates = Dates { termination: Some(era.on(2025, 6, 13)), ..contract(era.on(2023, 2, 1)) };
                draft.workplace = Workplace::Unknown;
                draft.created = stamp(era.on(2023, 1, 20), "T10:00:00");
                draft.updated = stamp(era.on(2025, 6, 14), "T00:05:00");
                draft.birth = birth(1990, 6, 2);
            }),
        11 => era.of("Sam", "O’Neil").remote("", "sam.oneil", "", None, "GB").with(|draft| {
            draft.state = State::PRE_HIRE;
            (draft.work_email, draft.external_id) = (None, None);
            (draft.title, draft.country) = (None, None);
            draft.dates = contract(era.on(2027, 2, 15));
            (draft.workplace, draft.sparse) = (Workplace::Unknown, true);
            draft.created = stamp(era.on(2026, 11, 19), "T12:00:00Z");
            draft.updated.clone_from(&draft.created);
        }),
        12 => era.of("Jürgen", "Weiß").direct("Devs", "Facilities Manager", PEOPLE, "DE").with(|draft| {
            draft.work = Work::new("hris", Some("partner_of_record"), None);
            draft.state = State::new("on_garden_leave", "onboarded_paused", "active");
            draft.login_email = draft.login_email.replace("Devs@", "juergen.weiss@");
            draft.personal_email = String::from("juergen.weiss@mail.example");
            draft.boss = GRACE;
            (draft.dates, draft.birth) = (since(era.on(2018, 10, 1)), birth(1975, 4, 23));
        }),
        13 => era.of("Fatou", "N’Diaye").remote("fatou.ndiaye", "fatou.nd", "People Partner", PEOPLE, "PT").with(
            |draft| {
                draft.state = State::OFFBOARDING;
                draft.boss = GRACE;
                draft.dates = Dates { termination: Some(era.on(2026, 12, 31)), ..since(era.on(2023, 9, 4)) };
                draft.birth = birth(1991, 10, 10);
            },
        ),
        14 => era.of("Suparman", "").remote("suparman", "suparman", "Embedded Engineer", ENGINEERING, "ID").with(
            |draft| {
                draft.name = Name { full: "Suparman".to_owned(), given: "Suparman".to_owned(), surname: None };
                draft.work = Work::CONTRACTOR_OF_RECORD;
                draft.external_id = Some(String::new());
                draft.boss = BJORN;
                draft.dates = Dates { expiration: Some(era.on(2026, 12, 31)), ..contract(era.on(2025, 11, 1)) };
                draft.workplace = Workplace::Unknown;
                draft.confirms_work = true;
                draft.birth = birth(1989, 1, 1);
            },
        ),
        _ => era
            .of("Renée", "Dubois-Lefèvre")
            .remote("renee.dubois", "renee.dl", "Account Executive", SALES, "US")
            .with(|draft| {
                draft.work = Work::PEO;
                let email = format!("former.boss@{}", era.company.domain());
                draft.boss = Some(Boss::Outside { name: "Pat Former".to_owned(), email, index: Some(FORMER_BOSS) });
                (draft.dates, draft.birth) = (since(era.on(2024, 11, 11)), birth(1994, 2, 28));
            }),
    }
}

/// The company and the day around one example person.
struct Era<'a> {
    company: &'a Company,
    index: u32,
}

impl<'a> Era<'a> {
    /// A day of the examples, whose today is 2026-11-20, as far from the sandbox's today as it was from that.
    fn on(&self, year: i32, month: u32, day: u32) -> NaiveDate {
        let distance = birth(2026, 11, 20) - birth(year, month, day);
        days_before(self.company.today(), distance.num_days())
    }

    fn of(&'a self, given: &str, surname: &str) -> Seed<'a> {
        Seed { era: self, name: Name::new(given, surname) }
    }
}

/// What all example people start from.
struct Seed<'a> {
    era: &'a Era<'a>,
    name: Name,
}

impl Seed<'_> {
    /// Employed by the company itself, in its office, logging in with the work email.
    fn direct(self, mailbox: &str, title: &str, department: Option<u32>, country: &str) -> Draft {
        let mut draft = self.remote(mailbox, mailbox, title, department, country);
        draft.work = Work::DIRECT;
        draft.login_email = draft.work_email.clone().unwrap_or_default();
        draft.workplace = Workplace::Office;
        draft
    }

    /// Employed through Remote, at home, logging in with the personal email.
    fn remote(self, mailbox: &str, own: &str, title: &str, department: Option<u32>, country: &str) -> Draft {
        let Era { company, index } = *self.era;
        let personal_email = format!("{own}@mail.example");
        Draft {
            index,
            external_id: Some(format!("E-{:04}", index + 1)),
            work: Work::EOR,
            state: State::ACTIVE,
            name: self.name,
            title: Some(title.to_owned()),
            work_email: Some(format!("{mailbox}@{}", company.domain())),
            login_email: personal_email.clone(),
            personal_email,
            department,
            boss: None,
            country: places::country(country),
            entity: 0,
            birth: birth(1980, 1, 1),
            dates: Dates::default(),
            created: stamp(self.era.on(2025, 5, 20), "T14:26:58"),
            updated: stamp(self.era.on(2026, 11, 2), "T09:12:41"),
            workplace: Workplace::Home,
            sparse: false,
            confirms_work: false,
        }
    }
}

/// An employee's dates from the first day on.
fn since(day: NaiveDate) -> Dates {
    Dates { seniority: Some(day), ..contract(day) }
}

/// Of contractors and upcoming hires Remote knows the start alone.
fn contract(day: NaiveDate) -> Dates {
    Dates { start: Some(day), ..Dates::default() }
}

impl Draft {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

fn birth(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

fn stamp(day: NaiveDate, time: &str) -> String {
    format!("{day}{time}")
}
