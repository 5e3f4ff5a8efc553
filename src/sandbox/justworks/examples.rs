//! The sixteen members of the page (justworks.md section 11). Their dates are moved so that "today" is the sandbox's
//! day, and their work emails are at the company's domain.

use chrono::NaiveDate;

use super::company::Company;
use super::draft::{Address, Draft, Manager, Pay};
use crate::sandbox::dates::days_before;

/// How many there are.
pub(super) const COUNT: u32 = 16;

/// The index of the one who has left.
pub(super) const LEAVER: u32 = 7;

/// The index of a manager who is no member.
const NOBODY: u32 = 9998;

const ENGINEERING: u32 = 0;
const OPERATIONS: u32 = 1;
const VENTAS: u32 = 2;
const NEW_YORK: u32 = 0;
const REMOTE: u32 = 1;

/// The `index`th example member, from 0.
pub(super) fn person(index: u32, company: &Company) -> Draft {
    let era = Era { company, index };
    if index < 8 { first_half(index, &era) } else { second_half(index, &era) }
}

fn first_half(index: u32, era: &Era<'_>) -> Draft {
    match index {
        0 => era.office("Dana", "Whitfield", "dana.whitfield", "dana.w", "CEO", (2017, 3, 6)).with(|draft| {
            (draft.work_id, draft.address) = (Some("0001".to_owned()), Some(Address::Company));
            (draft.department, draft.manager) = (Some(OPERATIONS), None);
        }),
        1 => era
            .office(
                "Marcus",
                "Lindqvist-Reyes",
                "marcus.lindqvist",
                "marcus.lr",
                "Director of Engineering",
                (2019, 6, 17),
            )
            .with(|draft| {
                (draft.work_id, draft.address) = (Some("0007".to_owned()), Some(Address::Company));
                (draft.preferred, draft.additional) = (Some("Marc".to_owned()), vec!["Antonio".to_owned()]);
                draft.history =
                    vec![(era.on(2019, 6, 17), "Engineering Manager"), (era.on(2022, 4, 1), "Director of Engineering")];
                (draft.birth, draft.pay) = (Some(date(1985, 2, 19)), Pay::Example);
            }),
        2 => era.remote("Zoë", "Müller-Nuñez", "employee", "zoe.muller", "", "Staff Engineer", (2022, 1, 10)).with(
            |draft| {
                draft.work_id = Some("0042".to_owned());
                draft.personal_email = Some("zoë@correo.example".to_owned());
                (draft.office, draft.manager) = (Some(REMOTE), Some(Manager::Member(1)));
            },
        ),
        3 => era
            .remote("Hassan", "Iqbal", "contractor", "hassan.iqbal", "hassan.iqbal", "Design Consultant", (2026, 2, 2))
            .with(|draft| draft.manager = Some(Manager::Member(1))),
        4 => era
            .remote(
                "Camille",
                "Fontaine",
                "employee_eor",
                "camille.fontaine",
                "camille.f",
                "Customer Success Manager",
                (2025, 9, 1),
            )
            .with(|draft| {
                (draft.address, draft.country) = (Some(Address::Lyon), Some("FR"));
                draft.department = Some(VENTAS);
            }),
        5 => era
            .remote(
                "João",
                "Conceição",
                "international_employee",
                "joao.conceicao",
                "",
                "Support Engineer",
                (2024, 5, 6),
            )
            .with(|draft| {
                (draft.personal_email, draft.country) = (None, Some("BR"));
                draft.manager = Some(Manager::Member(2));
            }),
        6 => era.office("Ava", "Thornton", "", "ava.thornton", "Product Manager", (2027, 1, 4)).with(|draft| {
            draft.work_email = None;
            draft.manager = Some(Manager::Member(1));
            draft.updated = format!("{}T09:30:00Z", era.on(2026, 11, 17));
        }),
        _ => era.office("Leonard", "Katz", "leonard.katz", "leo.katz", "Office Manager", (2018, 8, 13)).with(|draft| {
            (draft.active, draft.end) = (false, Some(era.on(2026, 6, 30)));
            draft.department = Some(OPERATIONS);
            draft.updated = format!("{}T04:00:00Z", era.on(2026, 7, 1));
        }),
    }
}

fn second_half(index: u32, era: &Era<'_>) -> Draft {
    match index {
        8 => era.office("Nia", "Adeyemi", "nia.adeyemi", "nia.a", "Accountant", (2021, 11, 15)).with(|draft| {
            draft.end = Some(era.on(2026, 12, 31));
            draft.department = Some(OPERATIONS);
            draft.updated = format!("{}T18:22:10Z", era.on(2026, 11, 19));
        }),
        9 => era
            .remote("Viktor", "Petrov", "international_contractor", "", "viktor.petrov", "Data Analyst", (2025, 1, 20))
            .with(|draft| {
                (draft.work_email, draft.country) = (None, Some("BG"));
                draft.manager = Some(Manager::Member(10));
            }),
        10 => era
            .office("Ingrid", "Sørensen", "ingrid.sorensen", "ingrid.s", "Analytics Lead", (2023, 3, 27))
            .with(|draft| draft.manager = Some(Manager::Member(9))),
        11 => era.office("Dana", "Whitfield Jr", "Dana.Whitfield", "dw2", "Analyst", (2024, 7, 8)).with(|draft| {
            draft.department = Some(OPERATIONS);
            draft.manager = Some(Manager::Member(10));
        }),
        12 => era.bare("fractional_advisor", (2026, 4, 1)).with(|draft| {
            (draft.given, draft.surname) = (Some("Omar".to_owned()), Some("Haddad".to_owned()));
            draft.location_type = Some("hybrid_pod");
            draft.work_email = Some(era.work("omar.haddad"));
        }),
        13 => {
            era.office("Rosa", "Delgado", "rosa.delgado", "rosa.d", "Sales Associate", (2025, 10, 13)).with(|draft| {
                draft.department = Some(VENTAS);
                draft.manager = Some(Manager::Member(NOBODY));
            })
        }
        14 => era.bare("vendor", (2026, 3, 15)).with(|draft| {
            draft.surname = Some("Bright Pixel LLC".to_owned());
            draft.personal_email = Some("billing@brightpixel.example".to_owned());
        }),
        _ => era.bare("", (2026, 11, 18)).with(|draft| {
            (draft.active, draft.kind, draft.country) = (false, None, None);
            (draft.start, draft.added) = (None, None);
            draft.created = format!("{}T10:00:00Z", era.on(2026, 11, 18));
            draft.updated.clone_from(&draft.created);
        }),
    }
}

/// The company and the day around one example member.
struct Era<'a> {
    company: &'a Company,
    index: u32,
}

impl Era<'_> {
    fn on(&self, year: i32, month: u32, day: u32) -> NaiveDate {
        self::day(self.company, year, month, day)
    }

    fn work(&self, mailbox: &str) -> String {
        format!("{mailbox}@{}", self.company.domain())
    }

    /// An employee in New York, in engineering, who reports to the first member.
    fn office(&self, given: &str, surname: &str, work: &str, own: &str, title: &str, since: (i32, u32, u32)) -> Draft {
        self.remote(given, surname, "employee", work, own, title, since).with(|draft| {
            draft.location_type = Some("office");
            draft.office = Some(NEW_YORK);
        })
    }

    /// A person at home, in engineering, who reports to the first member.
    #[expect(clippy::too_many_arguments, reason = "one row of a table")]
    fn remote(
        &self,
        given: &str,
        surname: &str,
        kind: &'static str,
        work: &str,
        own: &str,
        title: &str,
        since: (i32, u32, u32),
    ) -> Draft {
        self.bare(kind, since).with(|draft| {
            (draft.given, draft.surname) = (Some(given.to_owned()), Some(surname.to_owned()));
            draft.location_type = Some("remote");
            draft.work_email = Some(self.work(work));
            draft.personal_email = Some(format!("{own}@mail.example"));
            draft.has_phone = true;
            draft.department = Some(ENGINEERING);
            draft.manager = Some(Manager::Member(0));
            draft.title = Some(title.to_owned());
        })
    }

    /// Nothing but a kind and a first day.
    fn bare(&self, kind: &'static str, (year, month, day): (i32, u32, u32)) -> Draft {
        let start = self.on(year, month, day);
        Draft {
            index: self.index,
            work_id: None,
            given: None,
            surname: None,
            preferred: None,
            additional: Vec::new(),
            active: true,
            kind: Some(kind),
            location_type: None,
            address: None,
            work_email: None,
            personal_email: None,
            has_phone: false,
            department: None,
            office: None,
            manager: None,
            title: None,
            start: Some(start),
            end: None,
            country: Some("US"),
            history: Vec::new(),
            birth: None,
            pay: Pay::Unknown,
            added: Some(start),
            created: format!("{start}T12:00:00Z"),
            updated: format!("{}T15:04:05Z", self.on(2026, 11, 12)),
        }
    }
}

impl Draft {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A day of the examples, whose today is 2026-11-20, as far from the sandbox's today as it was from that.
pub(super) fn day(company: &Company, year: i32, month: u32, day: u32) -> NaiveDate {
    let distance = date(2026, 11, 20) - date(year, month, day);
    days_before(company.today(), distance.num_days())
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}
